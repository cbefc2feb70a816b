"""Non-modal dialogs: Nuke stays usable while they are open.

A modal dialog that is opened by executeInMainThread may freeze Nuke. So nuke.message is used only for a button that the
artist pressed, in the main thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import nuke

from .main_thread import in_main_thread
from .qt import QtCore, QtWidgets, main_window

__all__ = ["ask", "show_message"]

_CLOSE = "Close"
_POLL_SECONDS = 0.2
_WIDTH = 640


class _Answer:
    """The pressed button, for the waiting thread; the first button if the dialog was closed."""

    def __init__(self, buttons: tuple[str, ...]) -> None:
        self.button = buttons[0]
        self._given = threading.Event()

    def give(self) -> None:
        self._given.set()

    def wait(self, seconds: float) -> bool:
        return self._given.wait(seconds)

    def forget(self) -> None:
        _open.pop(self, None)


_open: dict[_Answer, _Dialog] = {}  # other threads hold an answer only, never a widget


def show_message(title: str, text: str) -> None:
    """Show a message and return at once. Main thread of a GUI only.

    Args:
        title: The heading.
        text: The message.
    """
    _show(_Answer((_CLOSE,)), title, [text], (_CLOSE,))


def ask(
    title: str,
    lines: Iterable[str],
    buttons: tuple[str, ...] = (_CLOSE,),
    *,
    is_unwanted: Callable[[], bool] = lambda: False,
) -> str:
    """Show a dialog and wait for a button. Never call it in the main thread, which must not wait.

    Args:
        title: The heading.
        lines: The text below it.
        buttons: The labels of the buttons.
        is_unwanted: Called several times a second; the dialog closes when it returns True.

    Returns:
        The label of the pressed button; the first one if the dialog was closed.
    """
    answer = _Answer(buttons)
    in_main_thread(_show, answer, title, list(lines), buttons)
    while not answer.wait(_POLL_SECONDS):
        if is_unwanted():
            in_main_thread(_close, answer)
    return answer.button


def _show(answer: _Answer, title: str, lines: list[str], buttons: tuple[str, ...]) -> None:
    if QtWidgets.QApplication.instance() is None:  # Nuke has no windows
        nuke.tprint("\n".join([title, *lines]))
        answer.give()
        return
    dialog = _open[answer] = _Dialog(answer, title, lines, buttons, main_window())
    dialog.show()
    dialog.raise_()


def _close(answer: _Answer) -> None:
    if answer in _open:
        _open[answer].close()


class _Dialog(QtWidgets.QDialog):
    """A text that can be read and copied, and buttons. It does not take the keyboard focus from Nuke."""

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
        self.destroyed.connect(answer.give)  # Nuke may delete it with its window

    def _press(self, button: QtWidgets.QAbstractButton) -> None:
        self._answer.button = button.text()
        self.close()

    def _forget(self) -> None:
        self._answer.give()
        QtCore.QTimer.singleShot(0, self._answer.forget)  # later: it may delete the dialog, which sends this signal
