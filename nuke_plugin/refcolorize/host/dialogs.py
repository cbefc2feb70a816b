"""What the plug-in says or asks while Nuke goes on: dialogs that are not modal.

A modal dialog that opens in a call by executeInMainThread may freeze Nuke, so nuke.message is only for a button that
was pressed in the main thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import nuke

from .main_thread import in_main_thread
from .qt import QtCore, QtWidgets

__all__ = ["ask", "show_message"]

_CLOSE = "Close"
_LOOK_SECONDS = 0.2
_WIDTH = 640


class _Answer:
    """The button that was pressed, for the thread that waits for it; the first where the dialog was closed."""

    def __init__(self, buttons: tuple[str, ...]) -> None:
        self.button = buttons[0]
        self._given = threading.Event()

    def give(self) -> None:
        self._given.set()

    def wait(self, seconds: float) -> bool:
        return self._given.wait(seconds)

    def forget(self) -> None:
        _open.pop(self, None)


_open: dict[_Answer, _Dialog] = {}  # threads know the answer only, and no widget


def show_message(title: str, text: str) -> None:
    """Show a line to the artist, and go on. Main thread of a GUI only."""
    _show(_Answer((_CLOSE,)), title, [text], (_CLOSE,))


def ask(
    title: str,
    lines: Iterable[str],
    buttons: tuple[str, ...] = (_CLOSE,),
    *,
    is_unwanted: Callable[[], bool] = lambda: False,
) -> str:
    """Wait for a button, the first where the dialog is closed. Not in the main thread, which must go on.

    is_unwanted: asked now and then; where it is true, the dialog closes by itself.
    """
    answer = _Answer(buttons)
    in_main_thread(_show, answer, title, list(lines), buttons)
    while not answer.wait(_LOOK_SECONDS):
        if is_unwanted():
            in_main_thread(_withdraw, answer)
    return answer.button


def _show(answer: _Answer, title: str, lines: list[str], buttons: tuple[str, ...]) -> None:
    if QtWidgets.QApplication.instance() is None:  # a Nuke that has no windows of its own
        nuke.tprint("\n".join([title, *lines]))
        answer.give()
        return
    dialog = _open[answer] = _Dialog(answer, title, lines, buttons, _main_window())
    dialog.show()
    dialog.raise_()


def _withdraw(answer: _Answer) -> None:
    if answer in _open:
        _open[answer].close()


def _main_window() -> QtWidgets.QWidget | None:
    """Nuke's window, above which a dialog stays; the active one may be a menu that is gone the next moment."""
    windows = QtWidgets.QApplication.topLevelWidgets()
    return next((each for each in windows if isinstance(each, QtWidgets.QMainWindow) and each.isVisible()), None)


class _Dialog(QtWidgets.QDialog):
    """Text to read and copy, and buttons. It takes no key that was meant for Nuke."""

    def __init__(
        self,
        answer: _Answer,
        title: str,
        lines: list[str],
        buttons: tuple[str, ...],
        parent: QtWidgets.QWidget | None,
    ) -> None:
        super().__init__(parent)
        self._answer = answer
        self.setModal(False)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setWindowTitle("RefColorize")
        heading = QtWidgets.QLabel(title)
        heading.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        heading.setWordWrap(True)
        text = QtWidgets.QPlainTextEdit("\n".join(lines))
        text.setReadOnly(True)
        box = QtWidgets.QDialogButtonBox()
        for name in buttons:
            box.addButton(name, QtWidgets.QDialogButtonBox.ButtonRole.ActionRole).setAutoDefault(False)
        box.clicked.connect(self._press)
        column = QtWidgets.QVBoxLayout(self)
        for widget in (heading, text, box):
            column.addWidget(widget)
        self.resize(_WIDTH, self.sizeHint().height())
        self.finished.connect(self._forget)
        self.destroyed.connect(answer.give)  # where Nuke deletes it with its window

    def _press(self, button: QtWidgets.QAbstractButton) -> None:
        self._answer.button = button.text()
        self.close()

    def _forget(self) -> None:
        self._answer.give()
        QtCore.QTimer.singleShot(0, self._answer.forget)  # not in a signal of the dialog, which this may end
