"""A text that takes any width: it wraps between words, and within a word that is too long, such as a path."""

from __future__ import annotations

from ..host.qt import QtCore, QtGui, QtWidgets

__all__ = ["WrappedText"]


class WrappedText(QtWidgets.QTextEdit):
    """A read-only text, as tall as it needs to be. QLabel widens its window for a long path, and cannot be told not to.

    The text can be selected and copied as it is, without break characters in its paths.
    """

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setAcceptRichText(False)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setWordWrapMode(QtGui.QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        for set_policy in (self.setVerticalScrollBarPolicy, self.setHorizontalScrollBarPolicy):
            set_policy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
        self.document().setDocumentMargin(0)
        self.viewport().setAutoFillBackground(False)
        self.viewport().setCursor(QtCore.Qt.CursorShape.ArrowCursor)
        policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.set_color(self.palette().color(QtGui.QPalette.ColorRole.WindowText))

    def set_color(self, color: QtGui.QColor) -> None:
        """Set the colour of the text.

        Args:
            color: The colour.
        """
        palette = self.palette()
        palette.setColor(QtGui.QPalette.ColorRole.Text, color)
        self.setPalette(palette)

    def text(self) -> str:
        """Return the text."""
        return str(self.toPlainText())

    def setText(self, text: str) -> None:  # noqa: N802 (as QLabel has it)
        """Set the text.

        Args:
            text: Plain text, also if it looks like HTML.
        """
        if text != self.text():
            self.setPlainText(text)
            self.setAccessibleName(text)
            self._fit()

    def hasHeightForWidth(self) -> bool:  # noqa: N802 (Qt's name)
        """Return True: the height depends on the width."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """Return the height of the wrapped text at a width."""
        document = self.document().clone()
        document.setTextWidth(max(width, 1))
        return int(document.size().height()) + 1

    def sizeHint(self) -> QtCore.QSize:  # noqa: N802
        """Return the size of the text at the current width."""
        return QtCore.QSize(self.width(), self.heightForWidth(self.width()))

    def minimumSizeHint(self) -> QtCore.QSize:  # noqa: N802
        """Return no minimum width, and the height of the text at the current width."""
        return QtCore.QSize(0, self.heightForWidth(self.width()))

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:  # noqa: N802
        """Take the height that the new width asks for."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:  # noqa: N802
        """Leave the wheel to the panel, which scrolls."""
        event.ignore()

    def _fit(self) -> None:
        self.setFixedHeight(self.heightForWidth(self.width()))
