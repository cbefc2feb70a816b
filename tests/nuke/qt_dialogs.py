"""A stand-in for the artist: reads the plug-in's own dialogs, and presses their buttons."""

from __future__ import annotations

from collections import deque
from typing import Any

__all__ = ["Dialogs"]


class Dialogs:
    """The artist. shown: the text of each dialog, in order. answers: buttons to press, each once."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.answers: deque[str] = deque()
        self._seen: list[Any] = []

    def look(self) -> bool:
        """Read the open dialogs, and press the next answer in the last one; return whether any has been shown yet."""
        from refcolorize.host.qt import QtWidgets

        for dialog in QtWidgets.QApplication.topLevelWidgets():
            if not isinstance(dialog, QtWidgets.QDialog) or not dialog.isVisible():
                continue
            assert not dialog.isModal(), "a modal dialog stops Nuke"
            if dialog not in self._seen:
                self._seen.append(dialog)
                texts = [edit.toPlainText() for edit in dialog.findChildren(QtWidgets.QPlainTextEdit)]
                labels = [label.text() for label in dialog.findChildren(QtWidgets.QLabel)]
                self.shown.append("\n".join([dialog.windowTitle(), *labels, *texts]))
                if self.answers:
                    self.press(self.answers.popleft())
        return bool(self.shown)

    def press(self, button: str) -> None:
        """Press a button of the latest dialog."""
        from refcolorize.host.qt import QtWidgets

        found = [each for each in self._seen[-1].findChildren(QtWidgets.QPushButton) if each.text() == button]
        assert len(found) == 1, f"no button {button} in: {self.shown[-1]}"
        found[0].click()
