"""A one-line label that may shrink: a text that does not fit loses its middle, as names differ at both ends."""

from __future__ import annotations

from ..host.qt import QtCore, QtGui, QtWidgets

__all__ = ["ElidedLabel"]


class ElidedLabel(QtWidgets.QLabel):
    """A one-line label that takes any width. Its tool tip is the whole text."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)

    def setText(self, text: str) -> None:  # noqa: N802 (Qt's name)
        """Set the text, and the tool tip that shows all of it."""
        super().setText(text)
        self.setToolTip(text)

    def paintEvent(self, _: QtGui.QPaintEvent) -> None:  # noqa: N802
        """Paint the elided text."""
        painter = QtWidgets.QStylePainter(self)
        fitting = self.fontMetrics().elidedText(self.text(), QtCore.Qt.TextElideMode.ElideMiddle, self.width())
        alignment = QtCore.Qt.AlignmentFlag.AlignLeft | QtCore.Qt.AlignmentFlag.AlignVCenter
        enabled, role = self.isEnabled(), QtGui.QPalette.ColorRole.WindowText
        painter.drawItemText(self.rect(), int(alignment), self.palette(), enabled, fitting, role)
        painter.end()
