"""A row of widgets that goes on in the next one where the panel is narrow or its font large."""

from __future__ import annotations

from ..host.qt import QtCore, QtWidgets
from .placing import wrapped

__all__ = ["WrapRow"]

_GAP = 4


class WrapRow(QtWidgets.QWidget):
    """Places its widgets itself, each as wide as it wants to be. A layout of Qt has no such thing."""

    _widgets: tuple[QtWidgets.QWidget, ...] = ()  # Qt asks for a size before and after Python has its own

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, *widgets: QtWidgets.QWidget) -> None:
        """Put widgets at the end."""
        for widget in widgets:
            widget.setParent(self)
            widget.show()
        self._widgets += widgets
        self._renew()

    def remove(self, widget: QtWidgets.QWidget) -> None:
        """Delete a widget."""
        self._widgets = tuple(each for each in self._widgets if each is not widget)
        widget.hide()
        widget.deleteLater()
        self._renew()

    def hasHeightForWidth(self) -> bool:  # noqa: N802 (Qt's name)
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        return max((box.bottom() + 1 for box in self._boxes(width)), default=0)

    def sizeHint(self) -> QtCore.QSize:  # noqa: N802
        width = sum(_size(widget).width() + _GAP for widget in self._widgets) - _GAP
        return QtCore.QSize(max(0, width), self.heightForWidth(max(self.width(), 1)))

    def minimumSizeHint(self) -> QtCore.QSize:  # noqa: N802
        return QtCore.QSize(max((_size(widget).width() for widget in self._widgets), default=0), 0)

    def resizeEvent(self, _: QtCore.QEvent) -> None:  # noqa: N802
        self._place()

    def event(self, event: QtCore.QEvent) -> bool:
        if event.type() == QtCore.QEvent.Type.LayoutRequest:  # a widget here wants another size
            self._renew()
        return super().event(event)

    def _renew(self) -> None:
        self.updateGeometry()
        self._place()

    def _place(self) -> None:
        for widget, box in zip(self._widgets, self._boxes(self.width())):  # noqa: B905  (strict came with Python 3.10)
            widget.setGeometry(box)

    def _boxes(self, width: int) -> list[QtCore.QRect]:
        """Where each widget stands, in the middle of its row's height."""
        sizes = [_size(widget) for widget in self._widgets]
        boxes, top = [], 0
        for row in wrapped([size.width() for size in sizes], gap=_GAP, room=width):
            height = max(sizes[index].height() for index, _ in row)
            for index, left in row:
                size = sizes[index]
                boxes.append(QtCore.QRect(QtCore.QPoint(left, top + (height - size.height()) // 2), size))
            top += height + _GAP
        return boxes


def _size(widget: QtWidgets.QWidget) -> QtCore.QSize:
    return widget.sizeHint().expandedTo(widget.minimumSize()).boundedTo(widget.maximumSize())
