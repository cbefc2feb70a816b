"""An error stands in one place: a dialog, or the status line that the panel shows. All texts tell of one state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp
from qt_app import application, wait_until
from qt_dialogs import Dialogs
from serving import Client, running_core

qapp = application()

from refcolorize.host.qt import QtWidgets  # noqa: E402  (skipped above if there is none)

pytestmark = pytest.mark.gui


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    return make_comp(nuke, tmp_path / "show")


@pytest.fixture
def panel(state: Path, nuke_session: Any, comp: Comp) -> Iterator[Any]:
    """The visible panel of the script's node."""
    opened = nuke_session.open_panel("refcolorize.panel")
    opened.resize(420, 760)
    opened.show()
    yield opened
    opened.close()
    opened.deleteLater()


def places(sentence: str, panel: Any, artist: Dialogs, nuke_session: Any) -> list[str]:
    """Where the artist reads a sentence; the node's status line and that of the panel are one text."""
    found = {
        "status": panel.status.text(),
        "note": panel.note.text() if panel.note.isVisible() else "",
        "core": panel.core.text(),
        "dialog": "".join(artist.shown),
        "message": "".join(nuke_session.artist.messages),
    }
    return [place for place, text in found.items() if sentence in text]


def has_task() -> bool:
    """Whether a task of the plug-in follows a job."""
    from refcolorize.jobs.running_tasks import live_tasks

    return bool(live_tasks)


def test_the_reason_of_a_failed_job_is_in_the_status_line_alone_while_the_panel_shows_it(
    core: Client, panel: Any, comp: Comp, nuke_session: Any
) -> None:
    (comp.folder / "plate.1003.exr").write_bytes(b"no picture")
    artist = Dialogs()
    panel.colorize.click()
    wait_until(lambda: "1003" in panel.status.text())
    wait_until(lambda: "Failed" in [bar.text() for bar in panel.queue.findChildren(QtWidgets.QProgressBar)])
    wait_until(lambda: not has_task())
    artist.look()
    assert places("1003", panel, artist, nuke_session) == ["status"]
    panel.close()
    comp.node["colorize"].execute()
    wait_until(artist.look)
    assert "1003" in artist.shown[0], "nobody sees the panel"


@pytest.mark.usefixtures("core")
def test_what_a_pressed_button_refuses_is_told_once_and_the_status_tells_of_the_job(
    panel: Any, comp: Comp, nuke_session: Any
) -> None:
    comp.node["status"].setValue("v001 is shown.")
    comp.node.setInput(0, None)
    wait_until(lambda: panel.status.text() == "v001 is shown.")
    panel.colorize.click()
    wait_until(lambda: nuke_session.artist.messages)
    assert len(nuke_session.artist.messages) == 1 and "no plate" in nuke_session.artist.messages[0]
    panel._refresh()
    assert places("no plate", panel, Dialogs(), nuke_session) == ["message"]
    assert comp.status == "v001 is shown."


@pytest.mark.usefixtures("core")
def test_an_error_of_the_panel_is_gone_when_the_next_run_begins(panel: Any, comp: Comp) -> None:
    panel._use_version(7)
    wait_until(panel.note.isVisible)
    assert "no version v007" in panel.note.text()
    panel.colorize.click()
    wait_until(lambda: panel.status.text().startswith("v001 is done"))
    wait_until(lambda: not panel.note.isVisible())


def test_a_job_that_the_page_resumes_is_followed_again(core: Client, panel: Any, comp: Comp) -> None:
    panel.colorize.click()
    wait_until(lambda: comp.status == "v001 is done: 6 frames")
    wait_until(lambda: panel._snapshot.own_job() and panel._snapshot.own_job()["state"] == "done")
    (comp.folder / "plate.1003.exr").write_bytes(b"no picture")
    resume = f"/v1/jobs/{comp.node['job'].value()}/resume"
    status, answer = core.request("POST", resume)
    assert status == 422 and "the plate of 1003 has changed" in answer["detail"]
    assert comp.status == "v001 is done: 6 frames"
    core.request("POST", f"{resume}?write_again=true")
    wait_until(lambda: "failed" in comp.status and "1003" in comp.status)
    wait_until(lambda: not has_task())
    (comp.folder / "plate.1003.exr").write_bytes((comp.folder / "plate.1004.exr").read_bytes())
    core.request("POST", f"{resume}?write_again=true")
    wait_until(lambda: comp.status == "v001 is done: 6 frames")
    wait_until(lambda: panel.status.text() == comp.status)
    panel._refresh()
    assert "OUT OF DATE" not in comp.status
    assert "1001-1006" in panel.note.text() and "written again" in panel.note.text() and "\n" not in panel.note.text()


def test_while_the_question_about_the_core_is_open_all_texts_say_that_it_is_waited_for(
    panel: Any, comp: Comp, state: Path, nuke_session: Any
) -> None:
    artist = Dialogs()
    panel.colorize.click()
    wait_until(artist.look)
    wait_until(lambda: "waiting for the core" in panel.status.text())
    wait_until(lambda: "The run waits for it" in panel.core.text())
    assert "Start core tries again, and the run goes on. Cancel ends the run." in artist.shown[0]
    wait_until(lambda: panel.colorize.text() == "Cancel")
    assert not panel.note.isVisible()
    assert "Press Colorize" not in panel.references._hint.text()
    assert panel.queue._empty.text() == "The job is listed here as soon as the core has it."
    with running_core(state, device="cpu"):  # as if Start was pressed in the panel
        wait_until(lambda: comp.status == "v001 is done: 6 frames")
        wait_until(lambda: panel.core.text().startswith("The core is running"))
        wait_until(lambda: not has_task())
    assert len(artist.shown) == 1
    assert nuke_session.artist.messages == []


def test_after_the_question_about_the_core_is_cancelled_nothing_promises_that_it_starts(
    panel: Any, comp: Comp, nuke_session: Any
) -> None:
    artist = Dialogs()
    panel.colorize.click()
    wait_until(artist.look)
    artist.press("Cancel")
    wait_until(lambda: comp.status.startswith("v001 failed"))
    wait_until(lambda: not has_task())
    wait_until(lambda: panel.core.text().startswith("The core is not running\nIt did not start"))
    panel._refresh()
    assert panel.status.text() == comp.status
    assert panel.references._hint.text() == ""
    assert places("can/be/started", panel, Dialogs(), nuke_session) == ["status"]


@pytest.mark.usefixtures("core")
def test_frames_that_are_deleted_by_hand_are_missed_in_the_list_of_versions(panel: Any, comp: Comp) -> None:
    def first_column() -> str:
        item = panel.versions.list.topLevelItem(0)
        return "" if item is None else str(item.text(0))

    panel.colorize.click()
    wait_until(lambda: comp.status == "v001 is done: 6 frames")
    wait_until(lambda: not has_task())
    wait_until(lambda: first_column() == "v001  in use")
    folder = comp.results / "v001"
    frames = sorted(folder.glob("*.exr"))
    for seconds, removed, told in (
        (1_700_000_000, frames[:2], "frames missing"),
        (1_700_000_009, frames[2:], "no frames"),
    ):
        for frame in removed:
            frame.unlink()
        os.utime(folder, (seconds, seconds))  # another time for certain, however coarse the clock of the disk is
        wait_until(lambda told=told: first_column() == f"v001  {told}")


def test_a_core_that_does_not_start_is_explained_in_the_note_and_the_core_agrees(panel: Any) -> None:
    wait_until(lambda: panel.core.start.isEnabled() and panel.core.text().startswith("The core is not running"))
    panel.core.start.click()
    wait_until(panel.note.isVisible)
    assert "/no/core/can/be/started" in panel.note.text()
    wait_until(lambda: "It did not start" in panel.core.text())
