"""What is wrong with the layout of a window: controls outside, covered by one another, or with a text that is cut."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from refcolorize.host.qt import QtCore, QtGui, QtWidgets
from refcolorize.panel.elided import ElidedLabel

__all__ = ["in_font", "name_of", "problems_at_rest", "resize", "shown"]

_SECONDS = 5.0


@contextmanager
def in_font(change: Callable[[QtGui.QFont], object]) -> Iterator[None]:
    """Give Qt's whole application a changed font while the `with` block runs, as Nuke's preferences do."""
    before = QtWidgets.QApplication.font()
    chosen = QtGui.QFont(before)
    change(chosen)
    _set_font(chosen)
    try:
        yield
    finally:
        _set_font(before)


def _set_font(font: QtGui.QFont) -> None:
    QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.DeferredDelete)
    gc.collect()  # the font reaches every widget, and with PySide2 those that wait for the collector end the process
    QtWidgets.QApplication.setFont(font)


def resize(window: QtWidgets.QWidget, width: int, height: int) -> None:
    """Resize a window, and let its rows ask for the height that they need now."""
    window.resize(width, height)
    for _ in range(8):  # a row that wraps asks for its new height, and so do those that it is in
        QtWidgets.QApplication.processEvents()


def shown(window: QtWidgets.QWidget) -> list[QtWidgets.QWidget]:
    """Return the controls and texts that are visible, but not the parts that they are made of."""
    kinds = (QtWidgets.QAbstractButton, QtWidgets.QLabel, QtWidgets.QComboBox, QtWidgets.QLineEdit)
    whole = (*kinds, QtWidgets.QProgressBar, QtWidgets.QTreeWidget, QtWidgets.QAbstractSpinBox, QtWidgets.QTextEdit)
    found = [each for each in window.findChildren(QtWidgets.QWidget) if isinstance(each, whole) and each.isVisible()]
    parts = (QtWidgets.QAbstractItemView, QtWidgets.QLineEdit, QtWidgets.QAbstractSpinBox)
    return [each for each in found if not isinstance(each.parent(), parts)]


def problems_at_rest(window: QtWidgets.QWidget, *, scrolls: bool = False) -> list[str]:
    """Return what is wrong once Qt has laid everything out, for which it may need some rounds of its event loop.

    Args:
        window: The window.
        scrolls: Whether a part of it may be scrolled out of sight, upwards or downwards.
    """
    end = time.monotonic() + _SECONDS
    while (found := _problems(window, scrolls=scrolls)) and time.monotonic() < end:
        QtWidgets.QApplication.processEvents()
        time.sleep(0.005)
    return found


def _problems(window: QtWidgets.QWidget, *, scrolls: bool) -> list[str]:
    seen = shown(window)
    assert len(seen) > 4
    boxes = [(each, QtCore.QRect(each.mapTo(window, QtCore.QPoint(0, 0)), each.size())) for each in seen]
    whole = [each.visibleRegion().boundingRect() == each.rect() for each in seen]
    if scrolls:  # what is in sight must be whole from left to right, and what is not must be within reach
        whole = [_is_whole_across(each, box, window) for each, box in boxes]
        boxes = [(each, box) for each, box in boxes if not each.visibleRegion().isEmpty()]
    covered = [
        (one, other)
        for index, (one, box) in enumerate(boxes)
        for other, other_box in boxes[index + 1 :]
        if _overlap(one, box, other, other_box)
    ]
    return [
        *(f"{name_of(each)} is partly outside" for each, is_whole in zip(seen, whole) if not is_whole),
        *(f"{name_of(one)} and {name_of(other)} overlap" for one, other in covered),
        *(f"{name_of(each)} is cut" for each in seen if not _is_readable(each)),
    ]


def _is_whole_across(widget: QtWidgets.QWidget, box: QtCore.QRect, window: QtWidgets.QWidget) -> bool:
    region = widget.visibleRegion().boundingRect()
    if region.isEmpty():
        return box.left() >= 0 and box.right() < window.width() and _scroll_area(widget) is not None
    whole = region.left() == 0 and region.width() == widget.width()
    return whole and (region.height() == widget.height() or _scroll_area(widget) is not None)


def _scroll_area(widget: QtWidgets.QWidget) -> QtWidgets.QScrollArea | None:
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QtWidgets.QScrollArea):
        above = above.parentWidget()
    return above


def _overlap(one: QtWidgets.QWidget, box: QtCore.QRect, other: QtWidgets.QWidget, other_box: QtCore.QRect) -> bool:
    if one.isAncestorOf(other) or not box.intersects(other_box):
        return False
    return _scroll_area(one) is _scroll_area(other) or one.visibleRegion().translated(box.topLeft()).intersects(
        other.visibleRegion().translated(other_box.topLeft())
    )


def _is_readable(widget: QtWidgets.QWidget) -> bool:
    """Whether all of a control's text is shown, or can be read otherwise."""
    metrics = widget.fontMetrics()
    if isinstance(widget, ElidedLabel):
        return widget.toolTip() == widget.text() and widget.width() >= 60
    if isinstance(widget, QtWidgets.QLabel):
        if not widget.wordWrap():
            return widget.width() >= widget.sizeHint().width()
        return widget.height() >= widget.heightForWidth(widget.width())
    if isinstance(widget, QtWidgets.QAbstractButton):
        if not widget.text():
            return bool(widget.toolTip() and widget.accessibleName()) and widget.width() >= widget.iconSize().width()
        return widget.width() >= metrics.horizontalAdvance(widget.text()) + 4
    if isinstance(widget, QtWidgets.QProgressBar):
        return widget.width() >= metrics.horizontalAdvance(widget.text())
    if isinstance(widget, QtWidgets.QComboBox):
        return widget.width() >= metrics.horizontalAdvance(widget.currentText()) + 20
    if isinstance(widget, QtWidgets.QTextEdit):
        return widget.height() >= widget.document().size().height()
    if isinstance(widget, QtWidgets.QAbstractSpinBox):
        return widget.width() >= metrics.horizontalAdvance(widget.text()) + 20
    return widget.width() >= 100


def name_of(widget: QtWidgets.QWidget) -> str:
    """Return a widget's class and text, for a message."""
    text = getattr(widget, "text", str)()
    return f"{type(widget).__name__} {text or widget.accessibleName()!r}"
