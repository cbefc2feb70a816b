"""Messages, questions, panels and progress bars, with the artist's answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Artist", "Progress", "panel_class", "progress_class"]


@dataclass
class Progress:
    """The record of a progress bar."""

    name: str
    percents: list[int] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    closed: bool = False


@dataclass
class Artist:
    """A stand-in for the artist. A test sets `answers`, and checks the messages.

    answers: the next answers in order: a button's text for a Panel, "yes", "no" or "cancel" for a question.
    freezes: called before each modal dialog opens. cancels: whether Cancel of a progress bar has been pressed;
    cancels_render: the same for a render, before a frame.
    """

    gui: Callable[[], bool]
    freezes: Callable[[str], None] = lambda what: None
    answers: deque[str] = field(default_factory=deque)
    messages: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    panels: list[str] = field(default_factory=list)  # the text of each panel that was shown
    open_panels: set[str] = field(default_factory=set)  # of nodes
    progress: list[Progress] = field(default_factory=list)
    cancels: Callable[[Progress], bool] = lambda progress: False
    cancels_render: Callable[[int], bool] = lambda frame: False

    def require_gui(self, what: str) -> None:
        """Raise an error if there is no GUI."""
        if not self.gui():
            raise RuntimeError(f"{what} needs Nuke's GUI")

    def open_modal(self, what: str) -> None:
        """Record a dialog that waits for the artist."""
        self.require_gui(what)
        self.freezes(what)

    def message(self, prompt: str) -> None:
        """`nuke.message`: it waits for OK, so it needs no answer."""
        self.open_modal("nuke.message")
        if not isinstance(prompt, str):
            raise TypeError("nuke.message takes str")
        self.messages.append(prompt)

    def ask(self, prompt: str) -> bool:
        """`nuke.ask`."""
        return self._answer(prompt, "nuke.ask", ("yes", "no")) == "yes"

    def ask_with_cancel(self, prompt: str) -> bool:
        """`nuke.askWithCancel`; raises RuntimeError if the artist cancels."""
        answer = self._answer(prompt, "nuke.askWithCancel", ("yes", "no", "cancel"))
        if answer == "cancel":
            raise RuntimeError("Cancelled")
        return answer == "yes"

    def typed(self, prompt: str) -> str:
        """Return the next answer unchanged: a path or a name; "" if the artist cancels."""
        self.open_modal(prompt)
        self.questions.append(prompt)
        assert self.answers, f"the test types nothing for {prompt!r}"
        return self.answers.popleft()

    def _answer(self, prompt: str, function: str, choices: tuple[str, ...]) -> str:
        self.open_modal(function)
        self.questions.append(prompt)
        return self.press(prompt, choices)

    def press(self, shown: str, buttons: tuple[str, ...]) -> str:
        """Return the next answer. Raises AssertionError if the test has none, or the dialog lacks the button."""
        assert self.answers, f"the test has no answer to {shown!r}; there is {', '.join(buttons)}"
        answer = self.answers.popleft()
        assert answer in buttons, f"there is no button {answer!r} on {shown!r}, only {', '.join(buttons)}"
        return answer


def panel_class(artist: Artist) -> type:
    """Return `nuke.Panel` for an artist."""

    class Panel:
        """A dialog made of rows; `show` returns the number of the pressed button."""

        def __init__(self, title: str = "", width: int = 0) -> None:
            del width
            self._title = title
            self._buttons: list[str] = []
            self._values: dict[str, object] = {}

        def title(self) -> str:
            return self._title

        def setTitle(self, title: str) -> bool:
            self._title = title
            return True

        def setWidth(self, width: int) -> bool:
            if not isinstance(width, int):
                raise TypeError("a panel's width must be int")
            return True

        def addButton(self, name: str) -> bool:
            self._buttons.append(name)
            return True

        def addMultilineTextInput(self, name: str, value: str) -> bool:
            self._values[name] = value
            return True

        def addNotepad(self, name: str, value: str) -> bool:
            return self.addMultilineTextInput(name, value)

        def addSingleLineInput(self, name: str, value: str) -> bool:
            return self.addMultilineTextInput(name, value)

        def addFilenameSearch(self, name: str, value: str) -> bool:
            return self.addMultilineTextInput(name, value)

        def addEnumerationPulldown(self, name: str, value: str) -> bool:
            return self.addMultilineTextInput(name, value.split()[0])

        def addBooleanCheckBox(self, name: str, value: bool) -> bool:
            self._values[name] = value
            return True

        def value(self, name: str) -> object:
            return self._values[name]

        def clear(self) -> None:
            self._buttons.clear()
            self._values.clear()

        def show(self) -> int:
            artist.open_modal("nuke.Panel")
            words = "\n".join([self._title, *(f"{name}: {value}" for name, value in self._values.items())])
            artist.panels.append(words)
            buttons = self._buttons or ["Cancel", "OK"]
            return buttons.index(artist.press(self._title, tuple(buttons)))

    return Panel


def progress_class(artist: Artist) -> type:
    """Return `nuke.ProgressTask` for an artist."""

    class ProgressTask:
        """A progress bar; it closes when its last reference is gone."""

        def __init__(self, name: str = "") -> None:
            self._progress = Progress(name)
            artist.progress.append(self._progress)

        def setProgress(self, value: int) -> None:
            if not isinstance(value, int):
                raise TypeError("setProgress takes int")
            self._progress.percents.append(value)

        def setMessage(self, message: str) -> None:
            if not isinstance(message, str):
                raise TypeError("setMessage takes str")
            self._progress.messages.append(message)

        def isCancelled(self) -> bool:
            return artist.cancels(self._progress)

        def __del__(self) -> None:
            self._progress.closed = True

    return ProgressTask
