"""A column of widgets that scrolls if its window is too low for it."""

from __future__ import annotations

from ..host.qt import QtCore, QtWidgets

__all__ = ["ScrolledColumn"]

_LEAST_HEIGHT = 120


class ScrolledColumn(QtWidgets.QScrollArea):
    """A column that scrolls up and down, and is never narrower than its widgets need."""

    def __init__(self, *widgets: QtWidgets.QWidget, spacing: int) -> None:
        super().__init__()
        inside = QtWidgets.QWidget()
        self._column = QtWidgets.QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(spacing)
        for widget in widgets:
            self._column.addWidget(widget)
        self._column.addStretch(1)
        self.setWidgetResizable(True)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(inside)

    def height_for(self, width: int) -> int:
        """Return the height at which nothing needs to be scrolled.

        Args:
            width: The width of this widget.
        """
        self._column.activate()
        return int(self._column.totalHeightForWidth(width))

    def update_least_size(self) -> None:
        """Take the minimum size that the widgets which are visible now ask for."""
        self._column.activate()
        bar = self.style().pixelMetric(QtWidgets.QStyle.PixelMetric.PM_ScrollBarExtent)
        self.setMinimumSize(self._column.totalMinimumSize().width() + bar, _LEAST_HEIGHT)
