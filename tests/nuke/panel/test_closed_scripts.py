"""A script is closed while something waits or runs: nothing of it is done in the next one, which has the same nodes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from comp import Comp
from farming import comp, goes
from qt_app import application, wait_until
from qt_dialogs import Dialogs
from second_program import make_second_nuke

qapp = application()

from refcolorize.host.qt import QtCore  # noqa: E402  (skipped above if there is no Qt)

__all__ = ["comp", "goes"]

pytestmark = [
    pytest.mark.gui,
    pytest.mark.usefixtures("state"),
    pytest.mark.skipif(os.name != "posix", reason="the core's Python is a shell script here"),
]


@pytest.fixture
def open_other(comp: Comp, tmp_path: Path) -> Callable[[], Path]:
    """Open another script with nodes of the same names but other Writes; returns its folder."""
    folder = tmp_path / "other"
    folder.mkdir()
    text = (comp.folder / "comp.nk").read_text(encoding="utf-8").replace("name Main", "name Hero")
    (folder / "comp.nk").write_text(text, encoding="utf-8")

    def open_it() -> Path:
        comp.nuke.scriptOpen((folder / "comp.nk").as_posix())
        return folder

    return open_it


@pytest.fixture
def press(goes: Any, nuke: Any) -> Iterator[Callable[[], Any]]:
    """Press Render on farm on the node of the open script; returns the dialog."""
    from refcolorize.panel import farm_dialog

    def press() -> Any:
        nuke.toNode("RefColorize1")["farm"].execute()
        (dialog,) = farm_dialog._open.values()
        return dialog

    yield press
    for dialog in (*farm_dialog._open.values(), *farm_dialog._of_closed_scripts):
        dialog.close()
    qapp.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)


def is_open(dialog: Any) -> bool:
    try:
        return bool(dialog.isVisible())
    except RuntimeError:  # Qt has deleted it
        return False


def wait_for_what_waits() -> None:
    from refcolorize.host import main_thread

    done: list[bool] = []
    main_thread.when_idle(lambda: done.append(True))
    wait_until(lambda: done and not main_thread._waiting_calls)


def test_a_dialog_closes_with_its_script(press: Any, open_other: Any) -> None:
    dialog = press()
    open_other()
    assert not is_open(dialog)


@pytest.mark.parametrize("adversity", ["other_render", "executing"])
def test_a_submission_that_waits_is_not_sent_from_another_script(
    nuke_session: Any, comp: Comp, press: Any, open_other: Any, tmp_path: Path, adversity: str
) -> None:
    comp.node.setInput(1, comp.nuke.nodes.Grade(inputs=[comp.ref]))  # so that the submission has to render
    comp.node["in_background"].setValue(False)
    dialog = press()
    setattr(nuke_session, adversity, 1_000_000)
    dialog.submit_button.click()
    assert "waits until Nuke has finished rendering" in dialog.status.text()
    setattr(nuke_session, adversity, 0)
    open_other()
    wait_for_what_waits()
    assert not is_open(dialog)
    assert list(tmp_path.rglob("shot.json")) == []


def test_what_was_clicked_in_the_panel_is_not_done_in_another_script(
    nuke: Any, nuke_session: Any, open_other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize import actions
    from refcolorize.panel.panel import Panel

    pressed: list[str] = []
    monkeypatch.setitem(actions.ACTIONS, "colorize", lambda node: pressed.append(node.name()))
    panel = Panel()
    panel.show()
    nuke_session.other_render = 1_000_000
    panel.colorize.click()
    panel.references.key_added.emit(1006)
    assert "waits until Nuke has finished rendering" in panel.note.text()
    nuke_session.other_render = 0
    open_other()
    wait_for_what_waits()
    panel._refresh()
    assert not panel.note.isVisible()
    keys = nuke.toNode("RefColorize1")["reference_keys"].animation(0).keys()
    assert sorted(round(key.x) for key in keys) == [1001, 1004]
    assert pressed == []
    panel.close()
    panel.deleteLater()


@pytest.fixture
def running(nuke: Any, comp: Comp, press: Any, open_other: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The dialog of a submission whose inputs a second Nuke renders; another script is open by now."""
    monkeypatch.setattr(nuke, "EXE_PATH", make_second_nuke(tmp_path / "program").as_posix())
    monkeypatch.setenv("SECOND_NUKE_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("SECOND_NUKE_GOES", "slow")
    comp.node.setInput(1, nuke.nodes.Multiply(inputs=[comp.ref], value=2.0, name="Graded"))
    nuke.scriptSave()
    dialog = press()
    dialog.submit_button.click()
    wait_until((tmp_path / "log").is_file)
    open_other()
    return dialog


def test_a_dialog_whose_inputs_are_rendered_says_that_nothing_is_submitted_and_closes(
    running: Any, tmp_path: Path
) -> None:
    assert is_open(running) and running.is_busy(), "it can still be cancelled"
    artist = Dialogs()
    wait_until(lambda: not is_open(running))
    artist.look()
    (told,) = artist.shown
    assert "Nothing was submitted. The node was deleted, or its script was closed, while its inputs were" in told
    artist.press("Close")
    assert list(tmp_path.rglob("shot.json")) == []


def test_a_node_of_the_next_script_has_its_own_dialog_while_the_last_one_is_submitted(running: Any, press: Any) -> None:
    dialog = press()
    assert dialog is not running and not dialog.is_busy()
    assert sorted(dialog.form.writes) == ["Check", "Hero"]
    running.close_button.click()
    assert not is_open(running) and is_open(dialog)


def test_a_job_that_was_written_is_shown_though_the_script_is_closed(press: Any, open_other: Any, comp: Comp) -> None:
    dialog = press()
    dialog.submit_button.click()
    assert (comp.results / "v001" / "shot.json").is_file(), "the core's program runs now"
    open_other()
    wait_until(dialog.result_box.isVisible)
    assert dialog.result_box.path.text().startswith(comp.results.as_posix())
    dialog.close_button.click()
    assert not is_open(dialog)
