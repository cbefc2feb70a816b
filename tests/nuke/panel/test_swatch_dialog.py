"""The dialog of Add swatch: real Qt, offscreen, over the strict fake of Nuke, with a real core."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comp import Comp, make_comp
from qt_app import application, qt_test, wait_until

qapp = application()

from refcolorize.host.qt import QtCore, QtGui, QtWidgets  # noqa: E402  (skipped above if there is no Qt)
from refcolorize.panel.color_field import ColorField, color_icon  # noqa: E402

QtTest = qt_test()
pytestmark = pytest.mark.gui


@pytest.fixture
def comp(nuke: Any, tmp_path: Path, state: Path) -> Comp:
    """A shot at frame 1003, with `coat` (a quarter) and `hat` (three eighths) in its matte, which is empty at 1001."""
    from stcolor_core.images import frame_files  # not inside Nuke

    del state
    comp = make_comp(nuke, tmp_path)
    coat, hat = np.zeros((2, 64, 96), np.float32)
    coat[:, :24] = 1
    hat[:32, 24:] = 1
    for frame in (1001, 1003):
        masks = {"coat.A": coat, "hat.A": hat}
        matte = {name: (mask * (frame == 1003), "half") for name, mask in masks.items()}
        frame_files.write_frame(comp.folder / f"matte.{frame}.exr", matte)  # type: ignore[arg-type]
    path = (comp.folder / "matte.####.exr").as_posix()
    comp.node.setInput(2, nuke.nodes.Read(file=path, first=1001, last=1003, name="Roto"))
    nuke.frame(1003)
    return comp


@pytest.fixture
def press(comp: Comp) -> Iterator[Any]:
    """Press Add swatch on the node; the dialog that opens once it has an answer. Closed at the end."""

    def press() -> Any:
        import refcolorize.panel.swatch_dialog

        comp.node["add_swatch"].execute()
        (dialog,) = refcolorize.panel.swatch_dialog._open.values()
        wait_until(lambda: not dialog.bar.isVisible())
        return dialog

    yield press
    import refcolorize.panel.swatch_dialog

    for dialog in tuple(refcolorize.panel.swatch_dialog._open.values()):
        dialog.close()
    qapp.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)


def click(button: Any) -> None:
    assert button.isVisible() and button.isEnabled(), button.text()
    QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)


def choose(dialog: Any, name: str) -> None:
    (item,) = dialog.objects.findItems(name, QtCore.Qt.MatchFlag.MatchExactly)
    dialog.objects.setCurrentItem(item)


def rows(dialog: Any) -> list[tuple[str, str]]:
    return [(item.text(0), item.text(1)) for item in dialog._items if not item.isHidden()]


@pytest.mark.usefixtures("core")
def test_an_object_is_chosen_from_the_matte_and_gets_a_colour(press: Any, comp: Comp, nuke_session: Any) -> None:
    dialog = press()
    assert not dialog.isModal() and not dialog.note.isVisible()
    assert "RefColorize1 at frame 1003" in dialog.windowTitle()
    assert rows(dialog) == [("hat", "38 %"), ("coat", "25 %")]
    assert not dialog.add_button.isEnabled() and not dialog.remove_button.isEnabled()
    choose(dialog, "coat")
    QtTest.QTest.keyClicks(dialog.color.text, "#8A3324")
    click(dialog.add_button)
    assert comp.node["swatches"].value() == "1003:coat=#8a3324"
    assert nuke_session.undo.names[-1] == "Add swatch"
    assert dialog.isVisible() and dialog.add_button.text() == "Change" and dialog.remove_button.isEnabled()
    comp.nuke.undo()
    assert comp.node["swatches"].value() == ""
    assert nuke_session.artist.messages == []


@pytest.mark.usefixtures("core")
def test_two_colours_are_those_of_the_shadow_and_the_light(press: Any, comp: Comp) -> None:
    dialog = press()
    dialog.color.set_color("#3a1510")
    dialog.has_light.click()
    assert dialog.light.isEnabled() and not dialog.add_button.isEnabled(), "the second colour is missing"
    dialog.light.set_color("#c07050")
    click(dialog.add_button)
    assert comp.node["swatches"].value() == "1003:hat=#3a1510,#c07050"


@pytest.mark.usefixtures("core")
def test_the_swatches_of_the_frame_are_shown_changed_and_removed(press: Any, comp: Comp) -> None:
    comp.node["swatches"].setValue("1001:coat=#111111\n1003:coat=#3a1510,#c07050")
    dialog = press()
    dialog.color.set_color("#222222")
    choose(dialog, "coat")
    assert (dialog.color.color(), dialog.light.color(), dialog.has_light.isChecked()) == ("#3a1510", "#c07050", True)
    dialog.has_light.click()
    dialog.color.set_color("#445566")
    click(dialog.add_button)
    assert comp.node["swatches"].value() == "1001:coat=#111111\n1003:coat=#445566"
    click(dialog.remove_button)
    assert comp.node["swatches"].value() == "1001:coat=#111111"
    assert dialog.add_button.text() == "Add" and not dialog.remove_button.isEnabled()
    comp.nuke.undo()
    assert comp.node["swatches"].value() == "1001:coat=#111111\n1003:coat=#445566"


@pytest.mark.usefixtures("core")
def test_an_empty_matte_is_reported_and_nothing_can_be_added(press: Any, comp: Comp) -> None:
    comp.nuke.frame(1001)
    dialog = press()
    assert "empty at frame 1001" in dialog.note.text() and "\n" not in dialog.note.text()
    dialog.color.set_color("#445566")
    assert not dialog.add_button.isEnabled()


def test_without_a_core_the_dialog_says_so_and_can_try_again(press: Any, comp: Comp, state: Path) -> None:
    from serving import running_core

    dialog = press()
    assert "\n" not in dialog.note.text() and len(dialog.note.text()) > 20
    assert dialog.again_button.isVisible() and not dialog.objects.isEnabled()
    with running_core(state, device="cpu"):
        click(dialog.again_button)
        wait_until(lambda: rows(dialog))
    assert not dialog.again_button.isVisible() and not dialog.note.isVisible()
    assert comp.node["swatches"].value() == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda comp: comp.node.setInput(2, None), "Connect a matte or Cryptomatte"),
        (lambda comp: comp.node["use_matte"].setValue(False), "Switch use matte on"),
        (lambda comp: comp.nuke.frame(7), "Frame 7 is outside the plate"),
        (lambda comp: comp.node["swatches"].setValue("coat"), "'coat' is not readable"),
    ],
)
def test_what_keeps_the_dialog_from_opening_is_one_message(
    comp: Comp, nuke_session: Any, change: Any, words: str
) -> None:
    import refcolorize.panel.swatch_dialog

    change(comp)
    comp.node["add_swatch"].execute()
    (message,) = nuke_session.artist.messages
    assert words in message and "\n" not in message
    assert refcolorize.panel.swatch_dialog._open == {}


@pytest.mark.usefixtures("core")
def test_the_button_pressed_again_reads_the_frame_at_which_the_artist_is_then(press: Any, comp: Comp) -> None:
    first = press()
    comp.nuke.frame(1001)
    second = press()
    assert second is not first and "frame 1001" in second.windowTitle()
    qapp.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
    comp.nuke.delete(comp.node)
    second._change_now("Add swatch", str)
    assert "is gone" in second.note.text()


@pytest.mark.usefixtures("core")
@pytest.mark.parametrize("adversity", ["other_render", "executing"])
def test_while_nuke_renders_a_swatch_waits_says_so_and_is_added_once(
    press: Any, comp: Comp, nuke_session: Any, adversity: str
) -> None:
    dialog = press()
    dialog.color.set_color("#445566")
    setattr(nuke_session, adversity, 1_000_000)
    for _ in range(2):
        click(dialog.add_button)
    if adversity == "other_render":
        assert comp.node["swatches"].value() == "" and "until Nuke has finished" in dialog.note.text()
    setattr(nuke_session, adversity, 0)
    wait_until(lambda: comp.node["swatches"].value() == "1003:hat=#445566")
    wait_until(lambda: not dialog.note.isVisible())
    assert [name for name in nuke_session.undo.names if name == "Add swatch"] == ["Add swatch"]


@pytest.mark.usefixtures("core")
def test_many_objects_can_be_searched(press: Any, comp: Comp) -> None:
    from stcolor_core.images import frame_files

    mask = np.ones((64, 96), np.float32)
    matte = {f"thing{number}.A": (mask, "half") for number in range(12)}
    frame_files.write_frame(comp.folder / "matte.1003.exr", matte)  # type: ignore[arg-type]
    dialog = press()
    assert dialog.filter.isVisible() and len(rows(dialog)) == 12
    dialog.color.set_color("#445566")
    QtTest.QTest.keyClicks(dialog.filter, "HING11")
    assert rows(dialog) == [("thing11", "100 %")] and dialog.objects.currentItem().text(0) == "thing11"
    click(dialog.add_button)
    assert comp.node["swatches"].value() == "1003:thing11=#445566"
    QtTest.QTest.keyClicks(dialog.filter, "2")
    assert rows(dialog) == [] and not dialog.add_button.isEnabled() and not dialog.remove_button.isEnabled()
    dialog.filter.clear()
    assert len(rows(dialog)) == 12 and dialog.add_button.isEnabled()


# ---- the field for a colour


@pytest.mark.parametrize(
    ("text", "color"), [("#8A3324", "#8a3324"), (" 8a3324 ", "#8a3324"), ("#8a332", ""), ("red", ""), ("", "")]
)
def test_a_colour_is_six_hex_digits(text: str, color: str) -> None:
    field = ColorField("The colour")
    field.text.setText(text)
    assert field.color() == color


@pytest.mark.parametrize("mode", ["Normal", "Selected"])
def test_the_icon_of_two_colours_shows_both_as_they_are_also_in_a_selected_row(mode: str) -> None:
    icon = color_icon(("#3a1510", "#c07050"))
    picture = icon.pixmap(icon.availableSizes()[0], getattr(QtGui.QIcon.Mode, mode)).toImage()
    shown = [picture.pixelColor(x, picture.height() // 2).name() for x in (2, picture.width() - 3)]
    assert shown == ["#3a1510", "#c07050"]


def test_the_colour_of_the_dialog_is_taken_with_ok_and_the_dialog_stops_nothing() -> None:
    field = ColorField("The colour")
    field.set_color("#8a3324")
    field.show()
    click(field.button)
    (dialog,) = field.findChildren(QtWidgets.QColorDialog)
    assert dialog.isVisible() and not dialog.isModal()
    assert dialog.currentColor().name() == "#8a3324"
    dialog.setCurrentColor(QtGui.QColor("#112233"))
    assert field.color() == "#8a3324"
    dialog.accept()
    assert field.color() == "#112233"
    click(field.button)
    dialog.setCurrentColor(QtGui.QColor("#ffffff"))
    dialog.reject()
    assert field.color() == "#112233"
    field.close()


@pytest.mark.usefixtures("core")
def test_a_line_that_was_spoilt_while_the_matte_was_read_is_told_and_the_objects_can_be_chosen(
    comp: Comp, press: Any
) -> None:
    import refcolorize.panel.swatch_dialog

    comp.node["add_swatch"].execute()
    (dialog,) = refcolorize.panel.swatch_dialog._open.values()
    comp.node["swatches"].setValue("no swatch")
    wait_until(lambda: not dialog.bar.isVisible())
    assert "not readable" in dialog.note.text()
    assert rows(dialog) and dialog.objects.currentItem() is not None


@pytest.mark.usefixtures("core")
def test_the_dialog_closes_with_its_script(press: Any, comp: Comp, nuke: Any) -> None:
    import refcolorize.panel.swatch_dialog

    press()
    nuke.scriptOpen((comp.folder / "comp.nk").as_posix())  # it has a node of the same name
    assert not refcolorize.panel.swatch_dialog._open
