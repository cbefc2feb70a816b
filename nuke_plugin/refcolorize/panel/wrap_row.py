"""A row of widgets that wraps if the panel is narrow or its font is large."""

from __future__ import annotations

from ..host.qt import QtCore, QtWidgets
from .placing import wrap_boxes

__all__ = ["WrapRow"]

_GAP = 4
_CHANGES = (
    QtCore.QEvent.Type.LayoutRequest,
    QtCore.QEvent.Type.Show,
    QtCore.QEvent.Type.FontChange,
    QtCore.QEvent.Type.StyleChange,
)


class WrapRow(QtWidgets.QWidget):
    """Places its widgets in rows, each at its preferred width. Qt has no such layout."""

    _widgets: tuple[QtWidgets.QWidget, ...] = ()  # Qt asks for a size before __init__ and after deletion too

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, *widgets: QtWidgets.QWidget) -> None:
        """Add widgets at the end.

        Args:
            widgets: The widgets, which become children of this row.
        """
        for widget in widgets:
            widget.setParent(self)
            widget.show()
        self._widgets += widgets
        self._update_layout()

    def remove(self, widget: QtWidgets.QWidget) -> None:
        """Remove and delete a widget.

        Args:
            widget: A widget of this row.
        """
        self._widgets = tuple(other for other in self._widgets if other is not widget)
        widget.hide()
        widget.deleteLater()
        self._update_layout()

    def hasHeightForWidth(self) -> bool:  # noqa: N802 (Qt's name)
        """Return True: the height depends on the width."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """Return the height of all rows at a width."""
        return max((box.bottom() + 1 for box in self._boxes(width)), default=0)

    def sizeHint(self) -> QtCore.QSize:  # noqa: N802
        """Return the size of a single row, with the height at the current width."""
        width = sum(_size(widget).width() + _GAP for widget in self._shown()) - _GAP
        return QtCore.QSize(max(0, width), self.heightForWidth(max(self.width(), 1)))

    def minimumSizeHint(self) -> QtCore.QSize:  # noqa: N802
        """Return the width of the widest widget."""
        return QtCore.QSize(max((_size(widget).width() for widget in self._shown()), default=0), 0)

    def resizeEvent(self, _: QtCore.QEvent) -> None:  # noqa: N802
        """Place the widgets for the new width; ask for another height if they need one now."""
        self._place()
        if self.heightForWidth(self.width()) != self.height():
            self.updateGeometry()

    def event(self, event: QtCore.QEvent) -> bool:
        """Update the layout if the size of a widget may have changed; Qt calls this for every event.

        Args:
            event: The event.

        Returns:
            Whether the event was handled.
        """
        if event.type() in _CHANGES:
            self._update_layout()
        return super().event(event)

    def _update_layout(self) -> None:
        self.updateGeometry()
        self._place()

    def _place(self) -> None:
        for widget, box in zip(self._shown(), self._boxes(self.width())):  # noqa: B905  (strict came with Python 3.10)
            widget.setGeometry(box)

    def _shown(self) -> list[QtWidgets.QWidget]:
        return [widget for widget in self._widgets if not widget.isHidden()]

    def _boxes(self, width: int) -> list[QtCore.QRect]:
        """Return the box of each widget, centred vertically in its row."""
        sizes = [_size(widget) for widget in self._shown()]
        boxes, top = [], 0
        for row in wrap_boxes([size.width() for size in sizes], gap=_GAP, room=width):
            height = max(sizes[index].height() for index, _ in row)
            for index, left in row:
                size = sizes[index]
                boxes.append(QtCore.QRect(QtCore.QPoint(left, top + (height - size.height()) // 2), size))
            top += height + _GAP
        return boxes


def _size(widget: QtWidgets.QWidget) -> QtCore.QSize:
    return widget.sizeHint().expandedTo(widget.minimumSize()).boundedTo(widget.maximumSize())
