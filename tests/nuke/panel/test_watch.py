"""The panel's link to a real core on a real socket, with a real job, in a real Qt event loop."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qt_app import application, wait_until
from serving import Client, running_core
from small_shot import write_shot

qapp = application()

from refcolorize.host.qt import QtCore, QtGui  # noqa: E402  (skipped above if there is none)
from refcolorize.panel.state import Snapshot  # noqa: E402
from refcolorize.panel.watch import CoreLink, Page, Picture  # noqa: E402

KEYS = (1001, 1004)


class Seen:
    """What a link has said, taken by a timer in the main thread, as the panel does."""

    def __init__(self, link: CoreLink) -> None:
        self.snapshots: list[Snapshot] = []
        self.pictures: dict[int, bytes] = {}
        self.refusals: list[str] = []
        self.links: list[str] = []
        self._link = link
        self.timer = QtCore.QTimer()
        self.timer.timeout.connect(self.take)
        self.timer.start(10)

    def take(self) -> None:
        for news in self._link.updates():
            if isinstance(news, Snapshot):
                self.snapshots.append(news)
            elif isinstance(news, Picture):
                self.pictures[news.frame] = news.data
            elif isinstance(news, Page):
                self.links.append(news.link)
            else:
                self.refusals.append(news.message)

    def until(self, holds: Callable[[Snapshot], Any]) -> Snapshot:
        """The first snapshot from now on for which it holds."""
        start = len(self.snapshots)
        wait_until(lambda: any(map(holds, self.snapshots[start:])))
        return next(filter(holds, self.snapshots[start:]))


@pytest.fixture
def link() -> Iterator[CoreLink]:
    link = CoreLink()
    yield link
    link.stop()


def all_kept(snapshot: Snapshot) -> bool:
    return snapshot.frames is not None and all(frame["kept"] for frame in snapshot.frames["frames"])


def own_state(snapshot: Snapshot) -> str:
    own = snapshot.own_job()
    return str(own["state"]) if own else ""


def test_a_job_is_followed_to_its_end_with_curve_weakest_frames_and_pictures(
    core: Client, link: CoreLink, tmp_path: Path
) -> None:
    seen = Seen(link)
    job = core.submit(write_shot(tmp_path))
    link.watch(job)
    done = seen.until(lambda snapshot: own_state(snapshot) == "done")
    assert done.health is not None and done.health["device"] == "cpu"
    assert done.address == core.connection.url
    assert done.frames is not None
    assert [frame["frame"] for frame in done.frames["frames"]] == list(range(1001, 1007))
    assert done.frames["keyframes"] == list(KEYS)
    wait_until(lambda: len(seen.pictures) == len(KEYS))
    assert all(QtGui.QImage.fromData(picture).width() > 0 for picture in seen.pictures.values())


def test_the_events_of_a_job_arrive_while_it_runs(core: Client, link: CoreLink, tmp_path: Path) -> None:
    seen = Seen(link)
    job = core.submit(write_shot(tmp_path, frames=30))
    link.watch(job)
    seen.until(lambda snapshot: own_state(snapshot) == "done")
    halfway = {own["done"] for snapshot in seen.snapshots if (own := snapshot.own_job()) and own["state"] == "running"}
    assert len(halfway) >= 2


def test_cancel_stops_the_job_of_the_core_and_is_shown(core: Client, link: CoreLink, tmp_path: Path) -> None:
    seen = Seen(link)
    job = core.submit(write_shot(tmp_path, frames=60))
    link.watch(job)
    seen.until(lambda snapshot: own_state(snapshot) == "running")
    link.cancel(job)
    seen.until(lambda snapshot: own_state(snapshot) == "cancelled")
    assert seen.refusals == []


def test_the_reason_of_a_failed_job_is_shown(core: Client, link: CoreLink, tmp_path: Path) -> None:
    seen = Seen(link)
    asked = write_shot(tmp_path)
    (tmp_path / "plate.1003.exr").write_bytes(b"no picture")
    link.watch(core.submit(asked))
    failed = seen.until(lambda snapshot: own_state(snapshot) == "failed").own_job()
    assert failed is not None and "1003" in failed["error"]


@pytest.mark.usefixtures("core")
def test_a_job_unknown_to_the_core_is_not_an_error(link: CoreLink) -> None:
    seen = Seen(link)
    link.watch("0123456789abcdef")
    snapshot = seen.until(lambda snapshot: snapshot.health is not None)
    assert (snapshot.own_job(), snapshot.frames, snapshot.problem) == (None, None, "")


def test_a_missing_core_is_a_state_and_a_core_that_starts_or_stops_is_noticed(state: Path, link: CoreLink) -> None:
    seen = Seen(link)
    link.watch("")
    assert seen.until(bool).health is None
    with running_core(state, device="cpu"):
        seen.until(lambda snapshot: snapshot.health is not None)
    seen.until(lambda snapshot: snapshot.health is None)
    assert seen.refusals == []


@pytest.mark.usefixtures("core")
def test_a_foreign_protocol_is_explained(link: CoreLink, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(link)
    monkeypatch.setattr("stcolor_core.service.app.PROTOCOL", 99)
    link.watch("")
    assert "protocol 99" in seen.until(bool).problem


@pytest.mark.usefixtures("state")
def test_cancelling_without_a_core_reports_what_to_do(link: CoreLink) -> None:
    seen = Seen(link)
    link.cancel("0123456789abcdef")
    wait_until(lambda: seen.refusals)
    assert "Start" in seen.refusals[0]


def test_the_page_opens_with_a_link_for_one_use(core: Client, link: CoreLink) -> None:
    seen = Seen(link)
    link.open_page()
    wait_until(lambda: seen.links)
    assert seen.links[0].startswith(f"{core.connection.url}/")
    assert core.connection.token not in seen.links[0]


@pytest.mark.usefixtures("core")
def test_an_idle_link_sends_no_request(link: CoreLink) -> None:
    seen = Seen(link)
    link.watch("")
    seen.until(bool)
    watching = [thread for thread in threading.enumerate() if thread.name == "refcolorize panel watch"]
    link.stop()
    wait_until(lambda: not any(thread.is_alive() for thread in watching))
    before = len(seen.snapshots)
    seen.take()
    assert len(watching) == 1
    assert len(seen.snapshots) == before


def test_the_warnings_of_a_job_are_those_of_its_last_run(core: Client, link: CoreLink, tmp_path: Path) -> None:
    seen = Seen(link)
    asked = write_shot(tmp_path, plate={"R": 1.2, "G": 0.98, "B": 0.6})  # a tint that keeps the luminance
    link.watch(core.submit(asked))
    first = seen.until(lambda snapshot: own_state(snapshot) == "done")
    assert len(first.warnings) == 1 and "luminance" in first.warnings[0]
    core.submit(asked)
    second = seen.until(lambda snapshot: own_state(snapshot) == "done" and all_kept(snapshot))
    assert second.warnings == first.warnings


@pytest.mark.skipif(os.name != "posix", reason="writes a shell script")
def test_the_core_is_started_and_stopped_as_a_separate_process(
    state: Path, link: CoreLink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    checkout = Path(__file__).resolve().parents[3]
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{checkout}" OMP_NUM_THREADS=1 exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("STCOLOR_PYTHON", str(python))
    seen = Seen(link)
    link.watch("")
    seen.until(bool)
    link.start_core()
    before = len(seen.snapshots)
    seen.until(lambda snapshot: snapshot.health is not None)
    assert seen.snapshots[before].health is not None, "while it starts, no look says that it is away"
    link.stop_core()
    seen.until(lambda snapshot: snapshot.health is None)
    assert not (state / "connection.json").exists()
    assert seen.refusals == []


@pytest.mark.usefixtures("state")
def test_a_core_that_does_not_start_reports_the_attempts(link: CoreLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCOLOR_PYTHON", "/no/such/python")
    seen = Seen(link)
    link.start_core()
    wait_until(lambda: seen.refusals)
    assert "/no/such/python" in seen.refusals[0]


def test_the_frames_of_the_version_shown_are_told_beside_those_of_a_later_job_that_failed(
    core: Client, link: CoreLink, tmp_path: Path
) -> None:
    """After a run that came to nothing the node shows what it showed before, and its last job is the failed one."""
    (tmp_path / "broken").mkdir()
    good, bad = write_shot(tmp_path, frames=12, keys=(1001,), step=6), write_shot(tmp_path / "broken")
    (tmp_path / "broken" / "plate.1003.exr").write_bytes(b"no picture")
    seen = Seen(link)
    link.watch(core.submit(good))
    done = seen.until(lambda snapshot: own_state(snapshot) == "done")
    assert done.frames is not None and done.frames["weakest"]
    link.watch(core.submit(bad), good.output.path)
    failed = seen.until(lambda snapshot: own_state(snapshot) == "failed")
    assert failed.frames is not None and not failed.frames["weakest"]
    assert failed.shown_frames == done.frames
    for other, frames in (
        ("", failed.frames),  # the plate
        (str(tmp_path / "preview" / "shot_preview.####.exr"), failed.frames),
        (str(tmp_path / "farm" / "v003" / "shot_v003.####.exr"), None),  # no job of this core has written it
    ):
        link.watch(failed.job, other)
        assert (
            seen.until(lambda snapshot, other=other: snapshot.path == other and snapshot.frames).shown_frames == frames
        )
