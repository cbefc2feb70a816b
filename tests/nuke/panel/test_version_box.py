"""The list of a node's versions in the panel: real Qt widgets, real events, offscreen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from qt_app import Heard, application

qapp = application()

from refcolorize.host.qt import QtGui  # noqa: E402  (skipped above if there is none)
from refcolorize.panel.state import VersionRow  # noqa: E402
from refcolorize.panel.version_box import VersionBox  # noqa: E402


def versions(used: int) -> list[VersionRow]:
    return [VersionRow(number, 50, "today 12:00", used=number == used) for number in (3, 2, 1)]


def test_swap_alternates_between_the_two_last_used_versions() -> None:
    box = VersionBox()
    box.used.connect(lambda number: box.show_versions(versions(number)))
    used = Heard(box.used)
    box.show_versions(versions(3))
    box.choose(1)
    box.use.click()
    assert box.swap.text() == "Swap with v003"
    for _ in range(3):
        box.swap.click()
    assert used.all == [1, 3, 1, 3]
    assert box.swap.text() == "Swap with v001"


@pytest.mark.parametrize(
    ("used", "words"),
    [pytest.param(3, "Swap with v002", id="the one below"), pytest.param(1, "Swap with v002", id="the one above")],
)
def test_swap_takes_the_neighbour_if_only_one_version_was_used(used: int, words: str) -> None:
    box = VersionBox()
    box.show_versions(versions(used))
    assert (box.swap.text(), box.swap.isEnabled()) == (words, True)


def test_a_version_without_frames_is_named_so_and_not_swapped() -> None:
    box = VersionBox()
    rows = [VersionRow(3, 0, "", used=False), VersionRow(2, 50, "", used=True), VersionRow(1, 50, "", used=False)]
    box.show_versions(rows)
    assert box.swap.text() == "Swap with v001"
    assert box.list.topLevelItem(0).text(0) == "v003  no frames"
    box.show_versions(rows[:2])
    assert not box.swap.isEnabled()


def test_one_version_alone_has_nothing_to_swap_with() -> None:
    box = VersionBox()
    box.show_versions(versions(1)[-1:])
    assert not box.swap.isEnabled()


def test_a_version_used_in_another_node_is_not_swapped() -> None:
    box = VersionBox()
    box.show_versions(versions(1), node="RefColorize1")
    box.show_versions(versions(3), node="RefColorize2")
    assert box.swap.text() == "Swap with v002"


def test_use_shows_the_chosen_version() -> None:
    box = VersionBox()
    used = Heard(box.used)
    box.show_versions(versions(3))
    box.choose(3)
    assert not box.use.isEnabled()
    box.choose(2)
    box.use.click()
    assert used.all == [2]


def test_a_version_shows_its_keyframes_its_confidence_and_its_comment() -> None:
    box = VersionBox()
    box.show_versions([VersionRow(1, 50, "", keys=(1001, 1044), confidence=0.914, comment="more red")])
    item = box.list.topLevelItem(0)
    assert [item.text(column) for column in range(5)] == ["v001", "2", "91.4 %", "50", "more red"]
    assert "1001, 1044" in item.toolTip(1)


def test_a_version_shows_its_thumbnail_and_the_new_one_after_it_has_changed(tmp_path: Path) -> None:
    box, file = VersionBox(), tmp_path / "thumbnail.png"
    for color in ("#ff0000", "#0000ff"):
        picture = QtGui.QImage(128, 72, QtGui.QImage.Format.Format_RGB32)
        picture.fill(QtGui.QColor(color))
        assert picture.save(str(file))
        seconds = 1_700_000_000 + len(color + str(file)) + ord(color[1])
        os.utime(file, (seconds, seconds))
        box.show_versions([])
        box.show_versions([VersionRow(1, 50, "", thumbnail=str(file))])
        icon = box.list.topLevelItem(0).icon(0).pixmap(64, 36).toImage()
        assert icon.pixelColor(20, 10).name() == color


def test_a_version_without_frames_is_never_in_use() -> None:
    box = VersionBox()
    box.show_versions([VersionRow(2, 0, "", used=True), VersionRow(1, 50, "", used=False)])
    item = box.list.topLevelItem(0)
    assert "in use" not in item.text(0)
    assert "Clean up removes it" in item.toolTip(0), "it says how to be rid of it"
    assert "Clean up" not in box.list.topLevelItem(1).toolTip(0)


def test_a_version_whose_run_goes_on_is_not_said_to_have_failed() -> None:
    box = VersionBox()
    box.show_versions([VersionRow(2, 0, "", used=True, working=True), VersionRow(1, 3, "", used=False, working=True)])
    first, second = (box.list.topLevelItem(index).toolTip(0) for index in (0, 1))
    assert "has not finished a frame yet" in first and "failed" not in first
    assert "a frame yet" not in second


def test_a_version_in_use_that_is_out_of_date_says_so_and_why() -> None:
    box = VersionBox()
    box.show_versions([VersionRow(2, 50, "", used=True, stale="OUT OF DATE: plate 1002."), VersionRow(1, 50, "")])
    item = box.list.topLevelItem(0)
    assert item.text(0) == "v002  out of date"
    assert "plate 1002" in item.toolTip(0)
    assert box.list.topLevelItem(1).text(0) == "v001"


def test_a_version_says_how_many_frames_it_misses() -> None:
    box = VersionBox()
    box.show_versions([VersionRow(1, 49, "", used=True, missing=1)])
    item = box.list.topLevelItem(0)
    assert item.text(0) == "v001  frames missing"
    assert "1 frame missing on disk" in item.toolTip(0)


@pytest.mark.parametrize(("width", "shown"), [(240, 3), (1200, 6)])
def test_a_narrow_list_of_versions_keeps_keyframes_and_confidence(width: int, shown: int) -> None:
    box = VersionBox()
    font = box.font()
    font.setPixelSize(12)
    box.setFont(font)
    box.resize(width, 300)
    box.show_versions([VersionRow(12, 100, "2026-11-28 12:00", True, (1001,), 0.91, "more red")])
    box.show()
    visible = [column for column in range(6) if not box.list.isColumnHidden(column)]
    assert visible == list(range(shown))
    assert box.list.horizontalScrollBar().maximum() == 0 or width > 240
    assert "more red" in box.list.topLevelItem(0).toolTip(0)


def test_a_changed_comment_is_saved_in_the_chosen_version_or_else_in_the_one_in_use() -> None:
    box = VersionBox()
    commented = Heard(box.commented)
    box.show_versions(versions(3))
    for chosen, text in ((None, " warm "), (2, "cold"), (2, "")):
        box.choose(chosen)
        box.comment.setText(text)
        box.comment.editingFinished.emit()
    assert commented.all == [(3, "warm"), (2, "cold")]
    box.show_versions([VersionRow(3, 50, "", used=True, comment="warm")])
    assert box.comment.text() == "warm"


def test_a_chosen_version_that_is_removed_is_forgotten() -> None:
    box = VersionBox()
    box.show_versions(versions(3))
    for row in versions(3):
        box.choose(row.number)
    box.show_versions(versions(3)[:1])
    assert box.list.topLevelItemCount() == 1
    box.show_versions(())
    assert box.list.topLevelItemCount() == 0
