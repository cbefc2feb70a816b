"""The dialog of Render on farm: real Qt, offscreen, over the strict fake of Nuke; the core's program is a stand-in."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from comp import Comp
from farming import asked, comp, goes
from qt_app import application, qt_test, wait_until
from qt_dialogs import Dialogs

qapp = application()

from refcolorize.core.engines import ENGINES  # noqa: E402
from refcolorize.host.qt import QtCore, QtGui, QtWidgets  # noqa: E402
from refcolorize.jobs.farm import Submission, SubmitOptions  # noqa: E402  (skipped above if there is no Qt)
from refcolorize.panel.farm_form import FarmForm  # noqa: E402

__all__ = ["comp", "goes"]

QtTest = qt_test()

pytestmark = [
    pytest.mark.gui,
    pytest.mark.usefixtures("state"),
    pytest.mark.skipif(os.name != "posix", reason="the core's Python is a shell script here"),
]


@pytest.fixture
def press(goes: Any, comp: Comp) -> Iterator[Any]:
    """Press Render on farm on the node; the dialog that opens, closed at the end."""
    opened: list[Any] = []

    def press(width: int = 0) -> Any:
        import refcolorize.panel.farm_dialog

        comp.node["farm"].execute()
        (dialog,) = refcolorize.panel.farm_dialog._open.values()
        opened.append(dialog)
        if width:
            dialog.resize(width, dialog.sizeHint().height())
        return dialog

    yield press
    for dialog in {id(each): each for each in opened}.values():
        if _alive(dialog):
            dialog.close()
    qapp.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)


def _alive(dialog: Any) -> bool:
    try:
        return bool(dialog.isVisible())
    except RuntimeError:  # Qt has deleted it
        return False


def choose(dialog: Any, engine: str) -> None:
    dialog.form.engine.setCurrentIndex(list(ENGINES).index(engine))


def click(button: Any) -> None:
    assert button.isVisible() and button.isEnabled(), button.text()
    QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)


def untick(dialog: Any, name: str) -> None:
    dialog.form.writes[name].click()
    assert not dialog.form.writes[name].isChecked()


def test_the_dialog_outlives_another_that_was_active_when_it_opened(press: Any) -> None:
    other = QtWidgets.QDialog()
    other.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
    other.show()
    other.activateWindow()
    wait_until(lambda: qapp.activeWindow() is other)
    dialog = press()
    other.close()
    qapp.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
    assert dialog.isVisible()


def test_the_dialog_sums_up_the_submission_before_it_and_follows_the_choices(press: Any, comp: Comp) -> None:
    dialog = press()
    wait_until(lambda: "6 frames (1001-1006) from 2 keyframes" in dialog.summary.text())
    choose(dialog, "deadline")
    dialog.form.max_span.setValue(2)
    untick(dialog, "Check")
    wait_until(lambda: "in about 3 tasks" in dialog.summary.text() and "Deadline 10" in dialog.summary.text())
    assert "then Main." in dialog.summary.text()
    comp.node["frame_range"].setValue("1001-9999")
    dialog.form.max_span.setValue(3)
    wait_until(lambda: "outside the plate" in dialog.summary.text())
    assert not (comp.results / "v001").exists(), "nothing is written before Submit"


def test_the_summary_follows_the_node_while_the_dialog_is_open(press: Any, comp: Comp) -> None:
    from refcolorize.node import keyframes

    dialog = press()
    wait_until(lambda: "6 frames (1001-1006) from 2 keyframes" in dialog.summary.text())
    comp.node["frame_range"].setValue("1002-1004")
    wait_until(lambda: "3 frames (1002-1004) from 2 keyframes" in dialog.summary.text())
    keyframes.remove_key(comp.node, 1004)
    wait_until(lambda: "from 1 keyframe;" in dialog.summary.text())
    comp.plate["last"].setValue(1003)
    wait_until(lambda: "outside the plate" in dialog.summary.text())
    comp.nuke.delete(comp.node)
    wait_until(lambda: "RefColorize1 is gone" in dialog.summary.text())


def test_the_pools_and_groups_of_the_farm_can_be_chosen_and_others_typed(
    press: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "farm" / "deadlinecommand"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n[ "$1" = -pools ] && printf "none\\nfilm\\nnight\\n" || echo gpu\n')
    program.chmod(0o755)
    monkeypatch.setenv("DEADLINE_PATH", str(program.parent))
    dialog = press()
    pool, group = dialog.form._texts["pool"], dialog.form._texts["group"]
    assert pool.choices() == ()
    choose(dialog, "deadline")
    wait_until(lambda: pool.choices() == ("none", "film", "night") and group.choices() == ("gpu",))
    pool.setText("special")
    assert dialog.form.options().pool == "special"
    choose(dialog, "openjd")
    assert pool.choices() == ()
    program.unlink()
    choose(dialog, "deadline")
    wait_until(lambda: "Type the names" in dialog.form.toolTip())


def test_the_shows_and_facilities_of_opencue_can_be_chosen(press: Any, goes: Any, comp: Comp) -> None:
    goes("refused")
    dialog = press()
    show, facility = dialog.form._texts["show"], dialog.form._texts["facility"]
    choose(dialog, "opencue")
    wait_until(lambda: "The farm cannot be asked (OpenCue cannot be asked" in dialog.form.toolTip())
    assert show.choices() == ()
    goes("well")
    choose(dialog, "openjd")
    choose(dialog, "opencue")
    wait_until(lambda: (show.choices(), facility.choices()) == (("demo", "film"), ("cloud",)))
    facility.setText("cloud")
    wait_until(lambda: "OpenCue, facility cloud" in dialog.summary.text())
    click(dialog.submit_button)
    wait_until(dialog.result_box.isVisible)
    assert asked(comp, "opencue")["facility"] == "cloud"


def test_the_chosen_options_are_submitted_and_the_dialog_shows_the_path_of_the_job(
    press: Any, comp: Comp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = press()
    choose(dialog, "deadline")
    dialog.form.max_span.setValue(40)
    dialog.form.handles.setValue(2)
    dialog.form.priority.setValue(70)
    dialog.form._texts["pool"].setText(" film ")
    dialog.form._texts["comment"].setText("for dailies")
    dialog.form.timeout.setValue(90)
    dialog.form.proxy.setChecked(True)
    untick(dialog, "Check")
    assert dialog.grab().save(str(tmp_path / "form.png"))
    click(dialog.submit_button)
    assert not dialog.submit_button.isEnabled() and dialog.bar.isVisible() and dialog.close_button.text() == "Cancel"
    assert dialog.grab().save(str(tmp_path / "busy.png"))
    wait_until(dialog.result_box.isVisible)
    found = asked(comp, "deadline")
    folder = comp.results / "v001" / "deadline"
    told = [found[name] for name in ("pool", "max_span", "chunk", "handles", "priority", "write", "submit")]
    assert told == ["film", 40, None, "2", 70, ["Main"], True]
    told = [found[name] for name in ("comment", "timeout", "views", "proxy", "continue_on_error")]
    assert told == ["for dailies", "90", None, True, False]
    assert dialog.result_box.title.text() == "Deadline 10: 3 tasks submitted"
    assert (dialog.result_box.job.text(), dialog.result_box.path.text()) == ("job-0123456789abcdef", str(folder))
    assert " farm deadline --shot=" in dialog.result_box.line.toPlainText()
    assert dialog.grab().save(str(tmp_path / "found.png"))

    opened: list[str] = []
    monkeypatch.setattr(QtGui.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True)
    click(dialog.folder_button)
    assert opened == [str(folder)]
    click(dialog.copy_button)
    assert QtWidgets.QApplication.clipboard().text() == dialog.result_box.line.toPlainText()
    click(dialog.close_button)
    assert comp.node["version"].value() == "v001"


def test_the_last_choices_are_offered_again(press: Any, comp: Comp) -> None:
    dialog = press()
    choose(dialog, "opencue")
    dialog.form._texts["show"].setText("film")
    dialog.form.chunk.setValue(3)
    click(dialog.form.gpus)
    untick(dialog, "Check")
    click(dialog.submit_button)
    wait_until(dialog.result_box.isVisible)
    dialog.close()
    comp.nuke.nodes.Write(file="/out/new.####.exr", inputs=[comp.node], name="New")
    again = press()
    assert asdict(again.form.options()) == asdict(
        SubmitOptions("opencue", None, ("Main", "New"), None, 3, 0, show="film")
    )
    assert [again.form.version.itemText(row) for row in range(2)] == ["The node as it is now", "v001 again"]


def test_an_earlier_version_can_be_sent_again(press: Any, comp: Comp) -> None:
    first = press()
    click(first.submit_button)
    wait_until(first.result_box.isVisible)
    first.close()
    comp.node["working_height"].setValue(68)
    dialog = press()
    dialog.form.version.setCurrentIndex(1)
    choose(dialog, "deadline")
    click(dialog.submit_button)
    wait_until(dialog.result_box.isVisible)
    assert asked(comp, "deadline")["shot"] == str(comp.results / "v001" / "shot.json")


def test_only_options_of_the_engine_can_be_chosen(press: Any) -> None:
    dialog = press()
    rows = dialog.form._rows
    for name, engine in ENGINES.items():
        choose(dialog, name)
        assert {row for row, widget in rows.items() if widget.isVisible()} == set(engine.has)
        assert dialog.form.submit.isVisible() == engine.submits
        assert dialog.submit_button.text() == ("Submit" if engine.submits else "Write")
    dialog.form.submit.setChecked(False)
    assert dialog.submit_button.text() == "Write"
    assert not dialog.form.options().submit


def test_options_typed_for_one_engine_do_not_reach_another(press: Any) -> None:
    dialog = press()
    choose(dialog, "deadline")
    dialog.form._texts["group"].setText("gpu")
    dialog.form.handles.setValue(2)
    dialog.form.timeout.setValue(90)
    dialog.form.proxy.setChecked(True)
    choose(dialog, "opencue")
    assert (dialog.form.options().group, dialog.form.options().handles) == ("", None)
    assert (dialog.form.options().timeout, dialog.form.options().proxy) == (90, True), "every engine has these"
    choose(dialog, "deadline")
    assert (dialog.form.options().group, dialog.form.options().handles) == ("gpu", 2)


@pytest.mark.parametrize("width", [440, 300])
def test_a_refusal_by_the_core_is_shown_and_can_be_corrected(
    press: Any, comp: Comp, goes: Any, tmp_path: Path, nuke_session: Any, width: int
) -> None:
    goes("refused")
    dialog = press(width)
    choose(dialog, "deadline")
    assert dialog.width() == width, "it gives way"
    click(dialog.submit_button)
    wait_until(dialog.note.isVisible)
    assert dialog.note.text() == "Deadline 10: No pool is named lighting. Name one of film, night."
    assert dialog.grab().save(str(tmp_path / f"refused_{width}.png"))
    assert nuke_session.artist.messages == []
    assert comp.status == "v001: not submitted", "the dialog says why"
    goes("well")
    click(dialog.submit_button)
    wait_until(dialog.result_box.isVisible)
    assert not dialog.note.isVisible()
    assert dialog.grab().save(str(tmp_path / f"found_{width}.png"))


def test_an_error_of_the_node_is_shown(press: Any, comp: Comp) -> None:
    plate = comp.node.input(0)
    comp.node.setInput(0, None)
    dialog = press()
    wait_until(lambda: "has no plate" in dialog.summary.text())
    assert not dialog.submit_button.isEnabled(), "it would be refused"
    comp.node.setInput(0, plate)
    wait_until(dialog.submit_button.isEnabled)
    assert dialog.summary.text().startswith("6 frames")
    comp.nuke.delete(comp.node)
    wait_until(lambda: "RefColorize1 is gone" in dialog.summary.text())
    assert not dialog.submit_button.isEnabled()


@pytest.mark.parametrize("fault", ["the range", "the node"])
def test_what_went_wrong_since_the_summary_is_told_once(press: Any, comp: Comp, fault: str) -> None:
    dialog = press()
    wait_until(lambda: dialog.summary.text().startswith("6 frames"))
    if fault == "the range":
        comp.node["frame_range"].setValue("1001-9999")
    else:
        comp.nuke.delete(comp.node)
    click(dialog.submit_button)
    assert ("outside the plate" if fault == "the range" else "is gone") in dialog.summary.text()
    assert not dialog.note.isVisible() and not dialog.note.text()
    assert not dialog.submit_button.isEnabled()


def test_while_the_artist_is_asked_about_a_key_the_dialog_says_that_it_waits(
    press: Any, comp: Comp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_COLORLESS", '{"1004": "no_color"}')
    dialog, artist = press(), Dialogs()
    artist.look()
    click(dialog.submit_button)
    wait_until(lambda: "Waiting for an answer" in dialog.status.text())
    assert not dialog.bar.isVisible(), "nothing moves"
    assert "waiting for an answer about keyframes without colour" in comp.status
    wait_until(lambda: artist.look() and "Keyframe 1004 has no colour" in artist.shown[-1])
    artist.press("Write anyway")
    wait_until(dialog.result_box.isVisible)


def test_cancel_ends_the_program_and_closes(press: Any, comp: Comp, goes: Any) -> None:
    goes("on")
    dialog = press()
    click(dialog.submit_button)
    begun = comp.results / "v001" / "openjd" / "begun"
    wait_until(begun.exists)
    click(dialog.close_button)
    wait_until(lambda: "cancelled" in comp.status)
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)


def test_an_unnamed_script_gives_one_line_and_no_dialog(nuke_session: Any, comp: Comp) -> None:
    comp.nuke.root()["name"].setValue("")
    comp.node["farm"].execute()
    assert nuke_session.artist.messages == ["The script has no name yet. Save it, then render on the farm."]


def test_a_second_press_opens_no_second_dialog_and_keeps_a_busy_one(press: Any, comp: Comp, goes: Any) -> None:
    first = press()
    second = press()
    assert second is not first
    goes("on")
    click(second.submit_button)
    assert press() is second


@pytest.mark.usefixtures("goes")
def test_a_closed_dialog_leaves_no_widget(comp: Comp) -> None:
    before = set(QtWidgets.QApplication.allWidgets())
    gc.collect()
    gc.disable()
    try:
        ended = _use_and_close(comp)
        assert ended() is None
    finally:
        gc.enable()
    wait_until(lambda: set(QtWidgets.QApplication.allWidgets()) <= before)


def _use_and_close(comp: Comp) -> weakref.ref[Any]:
    from refcolorize.panel.farm_dialog import open_for

    dialog = open_for(comp.node)
    choose(dialog, "deadline")
    click(dialog.submit_button)
    wait_until(dialog.result_box.isVisible)
    click(dialog.copy_button)
    click(dialog.close_button)
    return weakref.ref(dialog)


def test_the_form_returns_the_options_that_it_was_given() -> None:
    wanted = SubmitOptions(
        "deadline", None, ("A", "C"), 40, 2, None, 0, "film", "night", "gpu", handles=2, submit=False
    )
    form = FarmForm(writes=["A", "B", "C"], versions=[1, 2], previous=wanted, excluded={"B"})
    assert form.options() == wanted
    assert form.unticked() == ["B"]
    plain = FarmForm(writes=[], versions=[], previous=SubmitOptions(), excluded=())
    assert plain.options() == SubmitOptions(writes=())


def test_a_job_is_described_in_words() -> None:
    assert Submission("opencue", "/x", 1, True, "", "").describe() == "OpenCue: 1 task submitted. /x"


def test_only_versions_that_can_be_sent_again_are_offered(press: Any, comp: Comp) -> None:
    for name in ("v001", "v002"):
        (comp.results / name).mkdir(parents=True)
    (comp.results / "v002" / "shot.json").write_text("{}")
    dialog = press()
    assert [dialog.form.version.itemData(index) for index in range(dialog.form.version.count())] == [None, 2]


def test_a_number_has_its_unit_in_the_singular_at_one() -> None:
    form = FarmForm(writes=(), versions=(), previous=SubmitOptions(max_span=1, chunk=2), excluded=())
    assert (form.max_span.text(), form.chunk.text()) == ("1 frame", "2 tasks")
    form.max_span.setValue(40)
    form.chunk.setValue(1)
    assert (form.max_span.text(), form.chunk.text(), form.priority.text()) == (
        "40 frames",
        "1 task",
        "the farm's default",
    )
    form.priority.setValue(50)
    assert form.priority.text() == "50"
