"""The panel's widgets in a real Qt, offscreen: filled with plain data, and operated with mouse and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from qt_app import Heard, application, qt_test, wait_until

qapp = application()

from qt_layout import in_font, resize  # noqa: E402
from refcolorize.host.qt import QtCore, QtGui, QtWidgets  # noqa: E402  (skipped above if there is none)
from refcolorize.panel.core_box import CoreBox  # noqa: E402
from refcolorize.panel.panel_face import PanelFace  # noqa: E402
from refcolorize.panel.queue_list import QueueList  # noqa: E402
from refcolorize.panel.references_box import ReferencesBox  # noqa: E402
from refcolorize.panel.state import CoreStatus, JobRow, Keyframe, NodeState, ShotState, VersionRow  # noqa: E402
from refcolorize.panel.timeline import TimeLine  # noqa: E402

QtTest = qt_test()

LEFT = QtCore.Qt.MouseButton.LeftButton
SHOT = ShotState(1001, 1100, 1033, (Keyframe(1001), Keyframe(1060, used=False), Keyframe(1095)))


@pytest.fixture
def line() -> Iterator[TimeLine]:
    line = TimeLine()
    line.resize(1000, line.sizeHint().height())
    line.show_shot(SHOT)
    line.show()
    yield line
    line.close()


def test_a_click_goes_to_the_frame_under_it(line: TimeLine) -> None:
    chosen = Heard(line.frame_chosen)
    QtTest.QTest.mouseClick(line, LEFT, pos=line.point_of_frame(1050))
    assert chosen.all == [1050]


def test_a_click_close_to_a_keyframe_or_a_weak_frame_goes_to_it() -> None:
    line = TimeLine()
    line.resize(420, 200)
    line.show_shot(ShotState(1, 2000, 1, (Keyframe(500),)))
    line.show_confidence([(1, 1.0)], [1500])
    chosen = Heard(line.frame_chosen)
    for mark in (500, 1500):
        QtTest.QTest.mouseClick(line, LEFT, pos=line.point_of_frame(mark) + QtCore.QPoint(3, 0))
    assert chosen.all == [500, 1500]


def test_a_click_on_a_picture_goes_to_its_keyframe_at_any_distance() -> None:
    line = TimeLine()
    line.resize(420, 200)
    line.show_shot(ShotState(1, 100, 50, (Keyframe(1), Keyframe(2), Keyframe(3))))
    chosen = Heard(line.frame_chosen)
    for key, box in line.thumb_boxes():
        assert key.frame == 1 or line.point_of_frame(key.frame).x() not in range(box.left(), box.right())
        QtTest.QTest.mouseClick(line, LEFT, pos=box.center())
    assert chosen.all == [1, 2, 3]


def test_dragging_moves_the_playhead(line: TimeLine) -> None:
    chosen = Heard(line.frame_chosen)
    line.frame_chosen.connect(lambda frame: line.show_shot(ShotState(1001, 1100, frame)))
    QtTest.QTest.mousePress(line, LEFT, pos=line.point_of_frame(1040))
    for frame in (1041, 1042, 1042):
        drag = QtGui.QMouseEvent(
            QtCore.QEvent.Type.MouseMove,
            QtCore.QPointF(line.point_of_frame(frame)),
            QtCore.QPointF(line.mapToGlobal(line.point_of_frame(frame))),
            LEFT,
            LEFT,
            QtCore.Qt.KeyboardModifier.NoModifier,
        )
        QtWidgets.QApplication.sendEvent(line, drag)
    assert chosen.all == [1040, 1041, 1042]


def test_a_double_click_adds_a_keyframe_there(line: TimeLine) -> None:
    added = Heard(line.key_added)
    QtTest.QTest.mouseDClick(line, LEFT, pos=line.point_of_frame(1050))
    assert added.all == [1050]


@pytest.mark.parametrize(
    ("key", "frame"),
    [("Left", 1032), ("Right", 1034), ("Up", 1001), ("Down", 1060), ("Home", 1001), ("End", 1100)],
)
def test_the_arrow_keys_move_by_frames_and_by_keyframes(line: TimeLine, key: str, frame: int) -> None:
    chosen = Heard(line.frame_chosen)
    QtTest.QTest.keyClick(line, getattr(QtCore.Qt.Key, f"Key_{key}"))
    assert chosen.all == [frame]


def test_the_play_head_does_not_leave_the_shot_by_keyboard(line: TimeLine) -> None:
    line.show_shot(ShotState(1001, 1100, 1100))
    chosen = Heard(line.frame_chosen)
    QtTest.QTest.keyClick(line, QtCore.Qt.Key.Key_Right)
    assert chosen.all == []


def test_keyframes_are_added_removed_and_switched_by_keyboard(line: TimeLine) -> None:
    said = {name: Heard(getattr(line, name)) for name in ("key_added", "key_removed", "key_toggled")}
    for key in (QtCore.Qt.Key.Key_Insert, QtCore.Qt.Key.Key_Delete, QtCore.Qt.Key.Key_Space):
        QtTest.QTest.keyClick(line, key)
    assert [heard.all for heard in said.values()] == [[1033], [], []], "there is no keyframe to remove or switch"
    line.show_shot(ShotState(1001, 1100, 1060, SHOT.keys))
    for key in (QtCore.Qt.Key.Key_Delete, QtCore.Qt.Key.Key_Space):
        QtTest.QTest.keyClick(line, key)
    assert [heard.all for heard in said.values()] == [[1033], [1060], [1060]]


def test_a_right_click_on_a_keyframe_offers_to_switch_and_to_remove_it(line: TimeLine) -> None:
    removed, toggled = Heard(line.key_removed), Heard(line.key_toggled)
    for wanted in ("Switch on keyframe 1060", "Remove keyframe 1060"):
        where = line.point_of_frame(1060)
        event = QtGui.QContextMenuEvent(QtGui.QContextMenuEvent.Reason.Mouse, where, line.mapToGlobal(where))
        QtWidgets.QApplication.sendEvent(line, event)
        menu = QtWidgets.QApplication.activePopupWidget()
        assert isinstance(menu, QtWidgets.QMenu)
        next(action for action in menu.actions() if action.text() == wanted).trigger()
        menu.close()
    assert (toggled.all, removed.all) == ([1060], [1060])


def test_the_tooltip_shows_frame_and_confidence(line: TimeLine) -> None:
    line.show_confidence([(1050, 0.423)], [])
    assert line.tooltip_at(line.point_of_frame(1050)).startswith("Frame 1050, confidence 0.42\n")
    assert line.tooltip_at(line.point_of_frame(1060)).startswith("Keyframe 1060 (switched off)\n")


def test_a_keyframe_shows_its_picture_or_grey_if_there_is_none(line: TimeLine) -> None:
    red = QtGui.QImage(320, 180, QtGui.QImage.Format.Format_RGB32)
    red.fill(QtGui.QColor("#ff0000"))
    line.show_pictures({1001: red})
    painted = line.grab().toImage()
    first, _, last = (box.topLeft() + QtCore.QPoint(6, 6) for _, box in line.thumb_boxes())
    ratio = painted.devicePixelRatio()
    assert painted.pixelColor(first * ratio).name() == "#ff0000"
    assert painted.pixelColor(last * ratio).name() == "#4a4a4a"


def test_the_curve_is_high_at_frames_of_high_confidence(line: TimeLine) -> None:
    def height_of_the_line(confidence: float) -> int:
        line.show_confidence([(frame, confidence) for frame in range(1001, 1101)], [])
        picture, x = line.grab().toImage(), line.point_of_frame(1050).x()
        rows = range(line.thumb_boxes()[0][1].bottom() + 20, line.height() - 24)
        return max(rows, key=lambda row: picture.pixelColor(x, row).saturation() * picture.pixelColor(x, row).value())

    assert height_of_the_line(0.99) < height_of_the_line(0.9) < height_of_the_line(0.6) < height_of_the_line(0.3)
    # certain frames can be told apart: 0.97 is as far from 1 as 0.5 is from 0.2
    assert height_of_the_line(0.97) - height_of_the_line(1) > 5


def test_a_shot_of_one_frame_and_a_play_head_outside_are_painted(line: TimeLine) -> None:
    line.show_shot(ShotState(7, 7, 99, (Keyframe(7), Keyframe(3))))
    line.show_confidence([(7, 0.5)], [7])
    assert not line.grab().isNull()
    assert line.tooltip_at(QtCore.QPoint(3, 100)).startswith("Keyframe 7")


@pytest.fixture
def references() -> ReferencesBox:
    box = ReferencesBox()
    box.show_node(NodeState("R", SHOT, job="a"))
    return box


def test_the_buttons_refer_to_the_current_frame(references: ReferencesBox) -> None:
    added, removed, toggled = Heard(references.key_added), Heard(references.key_removed), Heard(references.key_toggled)
    assert (references.add.text(), references.remove.isEnabled()) == ("Add keyframe at 1033", False)
    references.add.click()
    references.show_node(NodeState("R", ShotState(1001, 1100, 1060, SHOT.keys), job="a"))
    assert (references.add.isEnabled(), references.toggle.text()) == (False, "Switch on")
    references.toggle.click()
    references.remove.click()
    assert (added.all, toggled.all, removed.all) == ([1033], [1060], [1060])


def test_the_arrow_buttons_go_to_the_nearest_keyframe(references: ReferencesBox) -> None:
    chosen = Heard(references.frame_chosen)
    references.before.click()
    references.after.click()
    assert chosen.all == [1001, 1060]
    references.show_node(NodeState("R", ShotState(1001, 1100, 1095, SHOT.keys)))
    assert not references.after.isEnabled()


def test_a_suggestion_takes_the_artist_to_its_frame_and_keys_nothing(references: ReferencesBox) -> None:
    chosen, added = Heard(references.frame_chosen), Heard(references.key_added)
    references.show_confidence([], (1083, 1029), {1083: 0.031})
    assert [button.text() for button in references.suggestions()] == ["Go to 1083", "1029"]
    assert "3.1 % of the shot's pixels" in references.suggestions()[0].toolTip()
    for button in references.suggestions():
        button.click()
    assert (chosen.all, added.all) == ([1083, 1029], [])


def test_the_heat_button_shows_and_sets_what_the_node_has(references: ReferencesBox) -> None:
    toggled = Heard(references.heat_toggled)
    assert not references.heat.isEnabled(), "an old node has no overlay"
    references.show_node(NodeState("R", SHOT, version="v001", heat=True))
    assert references.heat.isChecked()
    references.heat.click()
    assert toggled.all == [False]


def test_keyframes_without_colour_are_marked_and_named(line: TimeLine, references: ReferencesBox) -> None:
    def is_amber() -> bool:
        """Whether the mark of 1095 is."""
        picture, at = line.grab().toImage(), line.point_of_frame(1095)
        top = line.thumb_boxes()[0][1].bottom()
        pixels = [picture.pixelColor(x, y) for x in range(at.x() - 6, at.x() + 6) for y in range(top + 9, top + 22)]
        return any(pixel.red() - pixel.blue() > 90 for pixel in pixels)

    flawed = replace(SHOT, keys=(Keyframe(1001), Keyframe(1095, flaw="has no colour")))
    assert not is_amber()
    line.show_shot(flawed)
    assert is_amber()
    assert "Ref has no colour here. Paint it" in line.tooltip_at(line.point_of_frame(1095))
    references.show_node(NodeState("R", flawed, job="a"))
    assert "1095" in references._hint.text() and "Paint ref there" in references._hint.text()


def test_patches_and_swatches_have_marks_of_their_own(line: TimeLine) -> None:
    def picture() -> QtGui.QImage:
        return line.grab().toImage()

    whole = picture()
    line.show_shot(replace(SHOT, keys=(*SHOT.keys[:2], Keyframe(1095, is_patch=True))))
    patched = picture()
    line.show_shot(replace(SHOT, swatches=(1050,)))
    swatched = picture()
    assert whole != patched != swatched != whole
    assert "It has swatches" in line.tooltip_at(line.point_of_frame(1050))


@pytest.mark.parametrize("width", [240, 420, 1200])
def test_fifty_keyframes_have_whole_labels_and_no_thumbnail_covers_another(width: int) -> None:
    line, keys = TimeLine(), tuple(Keyframe(100_001 + 3 * index, used=index != 9) for index in range(50))
    line.resize(width, line.sizeHint().height())
    for frame in (100_001, 100_028, 100_077, 100_148):
        line.show_shot(ShotState(100_001, 100_150, frame, keys))
        boxes = line.thumb_boxes()
        assert len(boxes) >= 2
        assert all(not a.intersects(b) for (_, a), (_, b) in zip(boxes, boxes[1:]))
        widest = QtGui.QFontMetrics(line._small_font()).horizontalAdvance("100028 off")
        assert all(box.width() >= widest and box.right() <= width for _, box in boxes)
        shown = [key.frame for key, _ in boxes]
        assert shown == sorted(shown)
        if frame in [key.frame for key in keys]:
            assert frame in shown, "the keyframe at the play head has its picture"
    chosen = Heard(line.frame_chosen)
    line.show_shot(ShotState(100_001, 100_150, 100_001, keys))
    QtTest.QTest.mouseClick(line, LEFT, pos=line.point_of_frame(100_100))
    assert chosen.all[0] in (100_097, 100_100, 100_103), "a keyframe without a thumbnail is reached by its mark"


def test_a_continuing_job_keeps_its_bar_and_the_bar_of_a_removed_job_goes() -> None:
    queue = QueueList()
    queue.show_rows([JobRow("a", "sh010", "1 of 4", 0.25, live=True), JobRow("b", "sh020", "Waiting", 0, live=True)])
    bar = queue.bar("a")
    queue.show_rows([JobRow("b", "sh020", "Starting", 0, live=True), JobRow("a", "sh010", "3 of 4", 0.75, live=True)])
    assert queue.bar("a") is bar
    assert (bar.value() / bar.maximum(), bar.text()) == (0.75, "3 of 4")
    queue.show_rows([])
    wait_until(lambda: not queue.findChildren(QtWidgets.QProgressBar))


def test_cancel_names_its_job_and_exists_for_live_jobs_only() -> None:
    queue = QueueList()
    queue.show_rows([JobRow("a", "sh010", "1 of 4", 0.25, live=True), JobRow("b", "sh020", "Done", 1, live=False)])
    cancelled = Heard(queue.cancelled)
    queue.cancel_button("a").click()
    assert cancelled.all == ["a"]
    assert queue.cancel_button("b").isHidden()


def test_a_running_core_can_be_stopped_and_a_stopped_one_started() -> None:
    box = CoreBox()
    said = [Heard(box.started), Heard(box.stopped), Heard(box.page_requested), Heard(box.log_requested)]
    box.show_core(CoreStatus(running=False, title="Off", detail=""))
    assert (box.start.isHidden(), box.stop.isHidden(), box.page.isEnabled()) == (False, True, False)
    box.start.click()
    box.show_busy("Starting")
    box.start.click()
    box.show_core(CoreStatus(running=True, title="On", detail="CPU"))
    assert (box.start.isHidden(), box.stop.isHidden()) == (True, False)
    for button in (box.stop, box.stop_now, box.page, box.log):
        button.click()
    assert [len(heard.all) for heard in said] == [1, 1, 1, 1], "a click while the core starts asks for nothing"


def test_stop_asks_first_and_names_the_jobs_that_will_wait() -> None:
    box = CoreBox()
    stopped = Heard(box.stopped)
    box.show_core(CoreStatus(running=True, title="On", detail="CPU", jobs=2))
    box.stop.click()
    assert "2 jobs" in box.question.text() and box.question.text().endswith("Stop the core?")
    box.show_core(CoreStatus(running=True, title="On", detail="CPU", jobs=1))
    assert not box.stop_now.isHidden(), "an update does not take the question away"
    box.keep.click()
    assert (stopped.all, box.question.isVisibleTo(box)) == ([], False)
    box.stop.click()
    assert "1 job " in box.question.text()
    box.stop_now.click()
    assert len(stopped.all) == 1
    box.stop.click()
    box.show_core(CoreStatus(running=False, title="Off", detail=""))
    assert not box.question.isVisibleTo(box), "somebody else has stopped it"


def test_the_question_is_scrolled_into_a_low_panel() -> None:
    face = PanelFace()
    face.show()
    resize(face, 240, 300)
    face.core.show_core(CoreStatus(running=True, title="On", detail="CPU"))
    face.core.stop.click()
    resize(face, 240, 300)
    for button in (face.core.stop_now, face.core.keep):
        assert button.visibleRegion().boundingRect() == button.rect(), "it can be seen and clicked as a whole"
    face.close()
    face.deleteLater()


def test_the_first_button_cancels_while_the_node_works() -> None:
    face = PanelFace()
    assert face.colorize.text() == "Colorize"
    face.show_working(is_working=True)
    assert (face.colorize.text(), "kept" in face.colorize.toolTip()) == ("Cancel", True)


@pytest.fixture(params=[9, 13], ids="{} points".format)
def font(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nuke's font as the artist has set it."""
    with in_font(lambda font: font.setPointSize(request.param)):
        yield


@pytest.mark.usefixtures("font")
@pytest.mark.parametrize("width", [420, 1200])
def test_the_panel_fits_its_width_and_every_control_is_reached_by_tab(width: int) -> None:
    face = PanelFace()
    face.resize(width, 700)
    face.references.show_node(NodeState("RefColorize12", ShotState(10001, 10100, 10060, SHOT.keys), job="a"))
    face.references.show_confidence([(10001, 0.5)], (10083, 10029, 10071))
    face.queue.show_rows(
        [JobRow("a", "a_rather_long_name_of_a_shot_v012", "37 of 100, 1 h 20 min left", 0.4, live=True)]
    )
    face.versions.show_versions([VersionRow(number, 50, "today 12:00", used=number == 3) for number in (3, 2, 1)])
    face.core.show_core(CoreStatus(running=True, title="The core is running at http://127.0.0.1:41234", detail="CPU"))
    face.show()
    page = face.findChild(QtWidgets.QScrollArea).widget()
    assert page.width() <= width
    reached, widget = set(), face.nextInFocusChain()
    while widget is not face:
        reached.add(widget)
        widget = widget.nextInFocusChain()
    tab = QtCore.Qt.FocusPolicy.TabFocus
    operable = [face.references.line, *face.findChildren(QtWidgets.QAbstractButton), face.nodes, face.versions.list]
    operable = [widget for widget in operable if widget.isVisible() and widget.isEnabled()]
    assert len(operable) > 10
    assert all(widget in reached and widget.focusPolicy() & tab for widget in operable)
    assert all(widget.accessibleName() or getattr(widget, "text", str)() for widget in operable)
    face.close()


def test_a_row_that_python_has_released_still_has_a_size_for_qt() -> None:
    from refcolorize.panel.wrap_row import WrapRow

    row = WrapRow()
    vars(row).clear()
    assert (row.heightForWidth(100), row.sizeHint().width()) == (0, 0)
    row.event(QtCore.QEvent(QtCore.QEvent.Type.LayoutRequest))


def test_no_keyframe_is_offered_outside_the_plate() -> None:
    box = ReferencesBox()
    for frame, is_offered in ((1, False), (1001, True), (1006, True), (1007, False)):
        box.show_node(NodeState("R", ShotState(1003, 1004, frame, plate=(1001, 1006))))
        assert box.add.isEnabled() == is_offered
    box.show_node(NodeState("R", ShotState(1003, 1004, 1)))
    assert box.add.isEnabled(), "the plate is not known"
