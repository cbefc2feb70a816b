"""A label that gives way: what does not fit ends in an ellipsis, and is whole in the tool tip."""

from __future__ import annotations

from ..host.qt import QtCore, QtGui, QtWidgets

__all__ = ["ElidedLabel"]


class ElidedLabel(QtWidgets.QLabel):
    """One line that takes the room there is."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)

    def paintEvent(self, _: QtGui.QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        painter = QtWidgets.QStylePainter(self)
        fitting = self.fontMetrics().elidedText(self.text(), QtCore.Qt.TextElideMode.ElideRight, self.width())
        where = QtCore.Qt.AlignmentFlag.AlignLeft | QtCore.Qt.AlignmentFlag.AlignVCenter
        enabled, role = self.isEnabled(), QtGui.QPalette.ColorRole.WindowText
        painter.drawItemText(self.rect(), int(where), self.palette(), enabled, fitting, role)
        painter.end()
