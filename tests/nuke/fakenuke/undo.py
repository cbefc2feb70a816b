"""Undo: each change is recorded with the way back; `Undo.begin` and `end` make several one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["History", "Step", "undo_class"]

Action = Callable[[], None]


@dataclass
class Step:
    """What the artist undoes at once. changes: (back, forth), in the order they were made."""

    name: str
    changes: list[tuple[Action, Action]] = field(default_factory=list)

    def back(self) -> None:
        """Take everything back."""
        for back, _ in reversed(self.changes):
            back()

    def forth(self) -> None:
        """Do everything again."""
        for _, forth in self.changes:
            forth()


class History:
    """The steps that can be undone and redone. A change outside begin and end is a step without a name."""

    def __init__(self) -> None:
        self.done: list[Step] = []
        self.undone: list[Step] = []
        self._open: Step | None = None
        self._depth = 0
        self.off = 0

    @property
    def names(self) -> list[str]:
        """The steps that can be undone, the oldest first."""
        return [step.name for step in self.done]

    def clear(self) -> None:
        """Forget all steps, as with a new script."""
        self.done.clear()
        self.undone.clear()
        self._open, self._depth = None, 0

    def record(self, back: Action, forth: Action) -> None:
        """Remember a change that was made."""
        if self.off:
            return
        self.undone.clear()
        if self._open is not None:
            self._open.changes.append((back, forth))
        else:
            self.done.append(Step("", [(back, forth)]))

    def do(self, forth: Action, back: Action) -> None:
        """Make a change and remember it."""
        forth()
        self.record(back, forth)

    def begin(self, name: str | None = None) -> None:
        """Open a step; inside another one it is part of that."""
        self._depth += 1
        if self._open is None:
            self._open = Step("")
        self._open.name = self._open.name or (name or "")

    def name(self, name: str) -> None:
        """Name the open step."""
        if self._open is not None:
            self._open.name = name

    def end(self) -> None:
        """Close the step; one without changes leaves no trace."""
        self._depth = max(0, self._depth - 1)
        if self._depth == 0 and self._open is not None:
            step, self._open = self._open, None
            if step.changes:
                self.done.append(step)

    def cancel(self) -> None:
        """Close the step and take back what was done in it."""
        step, self._open, self._depth = self._open, None, 0
        if step is not None:
            step.back()

    def undo(self) -> None:
        """Take the last step back."""
        if self.done:
            step = self.done.pop()
            step.back()
            self.undone.append(step)

    def redo(self) -> None:
        """Do the step that was taken back last again."""
        if self.undone:
            step = self.undone.pop()
            step.forth()
            self.done.append(step)


def undo_class(history: History) -> type:
    """`nuke.Undo` for a history."""

    class Undo:
        """Used as `with nuke.Undo("name"):` or through its class methods."""

        def __init__(self, name: str | None = None) -> None:
            self._name = name

        def __enter__(self) -> Undo:
            history.begin(self._name)
            return self

        def __exit__(self, type: object, value: object, traceback: object) -> None:
            history.end()

        @staticmethod
        def begin(name: str | None = None) -> None:
            history.begin(name)

        @staticmethod
        def end() -> None:
            history.end()

        new = end

        @staticmethod
        def name(name: str) -> None:
            history.name(name)

        @staticmethod
        def cancel() -> None:
            history.cancel()

        @staticmethod
        def undo() -> None:
            history.undo()

        @staticmethod
        def redo() -> None:
            history.redo()

        @staticmethod
        def disable() -> None:
            history.off += 1

        @staticmethod
        def enable() -> None:
            history.off = max(0, history.off - 1)

        @staticmethod
        def disabled() -> bool:
            return history.off > 0

        @staticmethod
        def undoSize() -> int:
            return len(history.done)

        @staticmethod
        def redoSize() -> int:
            return len(history.undone)

        @staticmethod
        def undoDescribe() -> str:
            return history.done[-1].name if history.done else ""

        @staticmethod
        def redoDescribe() -> str:
            return history.undone[-1].name if history.undone else ""

        @staticmethod
        def undoTruncate(i: int = 0) -> None:
            del history.done[i:]

        @staticmethod
        def redoTruncate(i: int = 0) -> None:
            del history.undone[i:]

    return Undo
