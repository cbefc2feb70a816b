"""A one-line label that may shrink: a text that does not fit ends in an ellipsis."""

from __future__ import annotations

from ..host.qt import QtCore, QtGui, QtWidgets

__all__ = ["ElidedLabel"]


class ElidedLabel(QtWidgets.QLabel):
    """A one-line label that takes any width. Set the whole text as its tool tip too."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)

    def paintEvent(self, _: QtGui.QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Paint the elided text."""
        painter = QtWidgets.QStylePainter(self)
        fitting = self.fontMetrics().elidedText(self.text(), QtCore.Qt.TextElideMode.ElideRight, self.width())
        alignment = QtCore.Qt.AlignmentFlag.AlignLeft | QtCore.Qt.AlignmentFlag.AlignVCenter
        enabled, role = self.isEnabled(), QtGui.QPalette.ColorRole.WindowText
        painter.drawItemText(self.rect(), int(alignment), self.palette(), enabled, fitting, role)
        painter.end()
