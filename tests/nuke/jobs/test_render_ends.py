"""Jobs from the node: their start, their failures and their recovery, over the fake of Nuke with a real core."""

from __future__ import annotations

import gc
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comp import Comp
from nuke_fixtures import plugin_is_idle
from qt_dialogs import Dialogs
from serving import PATIENCE, Client

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("core")]


def test_the_cache_of_nuke_is_not_cleared_at_every_frame(
    nuke_session: Any, long_comp: Comp, render: Any, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.jobs import frame_reload

    monkeypatch.setattr(frame_reload, "_SECONDS", 3600.0)
    reloads: list[int] = []
    read = long_comp.node.node("Result")
    long_comp.node["colorize"].execute()
    shown = nuke_session.run_button
    nuke_session.run_button = lambda knob: (reloads.append(1) if knob is read["reload"] else None, shown(knob))[1]
    (running,) = render.live_tasks
    pump(until=lambda: running.wait(0))
    assert len(reloads) == 2, "the first frames, and the last"


@pytest.mark.parametrize("technical", [True, False], ids=["%04d", "####"])
def test_a_running_job_is_found_when_it_is_followed(
    nuke_session: Any, endless_comp: Comp, render: Any, pump: Callable[..., Any], technical: bool
) -> None:
    nuke_session.disputed.value_is_technical = technical
    running = render.colorize(endless_comp.node)
    pump(until=lambda: endless_comp.node["job"].value())
    followed = render.follow(endless_comp.node)
    running.cancel()
    followed.cancel()
    pump(until=lambda: running.wait(0) and followed.wait(0))
    assert followed is running


@pytest.mark.parametrize("how", ["it fails", "it is cancelled"])
def test_the_progress_bar_closes_after_a_failure_whatever_python_collects(
    nuke_session: Any, comp: Comp, render: Any, pump: Callable[..., Any], how: str
) -> None:
    if how == "it fails":
        (comp.folder / "plate.1003.exr").unlink()
    gc.disable()
    try:
        running = render.colorize(comp.node)
        if how == "it is cancelled":
            running.cancel()
        pump(until=lambda: running.wait(0))
        assert running.error is not None
        assert [bar.closed for bar in nuke_session.artist.progress] == [True]
    finally:
        gc.enable()


def test_after_a_cancel_all_frames_on_disk_are_told(
    endless_comp: Comp, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.jobs.progress import Progress

    update = Progress.update

    def late(self: Progress, job: Any, events: Any) -> list[int]:
        return update(self, {**job, "done": max(0, job["done"] - 1)}, events)

    monkeypatch.setattr(Progress, "update", late)  # as the core may answer before it has counted the last frame
    endless_comp.node["colorize"].execute()
    pump(until=lambda: ": frame " in endless_comp.status)
    endless_comp.node["cancel"].execute()
    pump(until=plugin_is_idle)
    kept = len(endless_comp.frames("v001"))
    assert endless_comp.status.startswith(f"v001 was cancelled: {kept} of 300 frames are kept")


def test_frames_that_were_to_be_written_again_are_not_told_as_done_after_a_cancel(
    endless_comp: Comp, pump: Callable[..., Any]
) -> None:
    endless_comp.node["colorize"].execute()
    pump(until=lambda: len(endless_comp.frames("v001")) > 9)
    endless_comp.node["cancel"].execute()
    pump(until=plugin_is_idle)
    for file in (endless_comp.results / "v001").glob("*.exr"):
        file.write_bytes(file.read_bytes()[:200])  # as after a crash of the file server
    endless_comp.node["colorize"].execute()
    pump(until=lambda: ": frame " in endless_comp.status)
    endless_comp.node["cancel"].execute()
    pump(until=plugin_is_idle)
    assert re.match(
        r"v001 was cancelled: (\d+) of 300 frames are done, (\d+) more (is|are) there from before", endless_comp.status
    )


def test_from_cancel_to_the_end_the_status_says_that_the_job_stops(
    endless_comp: Comp, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.node import nodes

    told: list[str] = []
    set_status = nodes.set_status
    monkeypatch.setattr(nodes, "set_status", lambda node, text: (told.append(text), set_status(node, text)))
    endless_comp.node["colorize"].execute()
    pump(until=lambda: ": frame " in endless_comp.status)
    endless_comp.node["cancel"].execute()
    pump(until=plugin_is_idle)
    first = next(at for at, text in enumerate(told) if "stopping" in text)
    assert all("stopping" in text or "was cancelled" in text for text in told[first:])
    assert "was cancelled" in told[-1]


def test_colorize_while_the_job_stops_is_refused_with_a_message(
    nuke_session: Any, endless_comp: Comp, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.core import client

    pressed, cancel = threading.Event(), client.Client.cancel

    def cancel_later(client: Any, job: str) -> Any:
        assert pressed.wait(PATIENCE)
        return cancel(client, job)

    monkeypatch.setattr(client.Client, "cancel", cancel_later)  # however busy the machine is, the job still stops then
    endless_comp.node["colorize"].execute()
    pump(until=lambda: ": frame " in endless_comp.status)
    endless_comp.node["cancel"].execute()
    endless_comp.node["colorize"].execute()
    pressed.set()
    assert nuke_session.artist.messages == ["RefColorize1 is stopping v001. Press Colorize again when it has stopped."]
    pump(until=plugin_is_idle)
    assert "was cancelled" in endless_comp.status


def test_a_copy_whose_first_run_comes_to_nothing_still_shows_the_version_of_its_original(
    nuke: Any, comp: Comp, render: Any, pump: Callable[..., Any]
) -> None:
    comp.node["colorize"].execute()
    pump(until=lambda: comp.status == "v001 is done: 6 frames")
    comp.node.selectOnly()
    nuke.nodeCopy("%clipboard%")
    copy = nuke.nodePaste("%clipboard%")
    copy.setInput(0, comp.plate)
    copy.setInput(1, comp.ref)
    shown = copy["result_file"].value()
    render.colorize(copy).cancel()
    assert copy["result_file"].value() != shown
    pump(until=plugin_is_idle)
    assert copy["status"].value().startswith("v001 was cancelled")
    assert (copy["version"].value(), copy["result_file"].value()) == ("v001", shown)
    assert copy["use_result"].value()


def test_a_preview_after_a_version_without_frames_reuses_the_one_before(comp: Comp, pump: Callable[..., Any]) -> None:
    from refcolorize.node import node_results, shots

    comp.node["colorize"].execute()
    pump(until=lambda: comp.status == "v001 is done: 6 frames")
    (Path(node_results.results(comp.node).pattern("v002")).parent).mkdir()
    preview = shots.preview_shot(comp.node, shots.build_frame_request(comp.node, 1003))
    assert preview["output"]["reuse"] == node_results.results(comp.node).pattern("v001")


def test_a_cancel_before_the_core_is_asked_is_told_as_other_states_are(
    comp: Comp, render: Any, pump: Callable[..., Any]
) -> None:
    render.colorize(comp.node).cancel()
    pump(until=plugin_is_idle)
    assert comp.status.startswith("v001 was cancelled")


def test_a_queue_that_was_paused_on_the_page_is_told(comp: Comp, pump: Callable[..., Any], core: Client) -> None:
    core.request("POST", "/v1/queue/pause")
    comp.node["colorize"].execute()
    pump(until=lambda: "the queue is paused. Press Continue queue" in comp.status)
    core.request("POST", "/v1/queue/continue")
    pump(until=lambda: comp.status == "v001 is done: 6 frames")


def test_a_job_that_fails_is_over_while_its_message_is_still_open(
    nuke_session: Any, comp: Comp, render: Any, pump: Callable[..., Any]
) -> None:
    (comp.folder / "plate.1003.exr").unlink()
    dialogs = Dialogs()
    running = render.colorize(comp.node)
    pump(until=lambda: dialogs.look() and running.wait(0))
    assert "1003" in dialogs.shown[0] and nuke_session.artist.messages == []
    assert [bar.closed for bar in nuke_session.artist.progress] == [True]


def test_the_script_is_saved_with_the_version_and_its_job(nuke: Any, comp: Comp, pump: Callable[..., Any]) -> None:
    comp.node["colorize"].execute()
    pump(until=lambda: "done" in comp.status)
    job = comp.node["job"].value()
    nuke.scriptOpen((comp.folder / "comp.nk").as_posix())
    again = nuke.toNode("RefColorize1")
    assert (again["version"].value(), again["job"].value()) == ("v001", job)


def test_a_script_that_cannot_be_saved_is_named_the_job_runs_and_a_copy_is_beside_its_frames(
    nuke: Any, nuke_session: Any, comp: Comp, pump: Callable[..., Any]
) -> None:
    name = (comp.folder / "comp.nk").as_posix()
    (comp.folder / "comp.nk").unlink()
    (comp.folder / "comp.nk").mkdir()
    comp.node["colorize"].execute()
    pump(until=lambda: "done" in comp.status)
    pump(until=plugin_is_idle)
    copy = comp.results / "v001" / "comp_v001.nk"
    for text in (name, "Save it under another name", copy.as_posix()):
        assert text in comp.status
    assert comp.frames("v001") == list(range(1001, 1007))
    assert (nuke.root().name(), nuke.modified()) == (name, True)
    assert comp.leftovers() == []
    job, result = comp.node["job"].value(), comp.node["result_file"].value()
    nuke.scriptOpen(copy.as_posix())
    again = nuke.toNode("RefColorize1")
    assert (again["version"].value(), again["job"].value()) == ("v001", job)
    assert again["result_file"].value() == result
    assert nuke_session.artist.messages == nuke_session.artist.questions == []


def test_a_later_copy_of_a_script_that_cannot_be_saved_replaces_the_first(
    nuke: Any, comp: Comp, pump: Callable[..., Any]
) -> None:
    (comp.folder / "comp.nk").unlink()
    (comp.folder / "comp.nk").mkdir()
    comp.node["colorize"].execute()
    pump(until=lambda: "done" in comp.status)
    nuke.nodes.Grade(name="Later")
    comp.node["colorize"].execute()
    pump(until=lambda: "Later" in (comp.results / "v001" / "comp_v001.nk").read_text(encoding="utf-8"))
    pump(until=lambda: "done" in comp.status)


def test_a_script_of_which_no_copy_can_be_saved_either_is_named_and_the_job_runs(
    nuke: Any, comp: Comp, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(nuke, "scriptSave", refuse)
    monkeypatch.setattr(nuke, "scriptSaveToTemp", refuse)
    comp.node["colorize"].execute()
    pump(until=lambda: "done" in comp.status)
    pump(until=plugin_is_idle)
    assert "Save it under another name" in comp.status
    assert "comp_v001.nk (disk full)" in comp.status
    assert comp.frames("v001") == list(range(1001, 1007))
    assert comp.leftovers() == []
