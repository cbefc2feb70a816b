"""Undo: each change is recorded with its inverse; `Undo.begin` and `end` combine several into one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["History", "Step", "undo_class"]

Action = Callable[[], None]


@dataclass
class Step:
    """A step that is undone at once. changes: (undo, redo) functions, in the order of the changes."""

    name: str
    changes: list[tuple[Action, Action]] = field(default_factory=list)

    def back(self) -> None:
        """Undo all changes."""
        for back, _ in reversed(self.changes):
            back()

    def forth(self) -> None:
        """Redo all changes."""
        for _, forth in self.changes:
            forth()


class History:
    """The steps to undo and redo. A change outside of begin and end is a step without a name."""

    def __init__(self) -> None:
        self.done: list[Step] = []
        self.undone: list[Step] = []
        self._open: Step | None = None
        self._depth = 0
        self.off = 0
        self.has_moved = False  # whether something was undone or redone since Nuke was idle

    @property
    def names(self) -> list[str]:
        """Return the steps that can be undone, oldest first."""
        return [step.name for step in self.done]

    def clear(self) -> None:
        """Remove all steps, as a new script does."""
        self.done.clear()
        self.undone.clear()
        self._open, self._depth = None, 0

    def record(self, back: Action, forth: Action) -> None:
        """Record a change that was made."""
        if self.off:
            return
        self.undone.clear()
        if self._open is not None:
            self._open.changes.append((back, forth))
        else:
            self.done.append(Step("", [(back, forth)]))

    def do(self, forth: Action, back: Action) -> None:
        """Make a change and record it."""
        forth()
        self.record(back, forth)

    def begin(self, name: str | None = None) -> None:
        """Open a step; inside another step it is part of that one."""
        self._depth += 1
        if self._open is None:
            self._open = Step("")
        self._open.name = self._open.name or (name or "")

    def name(self, name: str) -> None:
        """Name the open step."""
        if self._open is not None:
            self._open.name = name

    def end(self) -> None:
        """Close the step; one without changes is dropped."""
        self._depth = max(0, self._depth - 1)
        if self._depth == 0 and self._open is not None:
            step, self._open = self._open, None
            if step.changes:
                self.done.append(step)

    def cancel(self) -> None:
        """Close the step and undo its changes."""
        step, self._open, self._depth = self._open, None, 0
        if step is not None:
            step.back()

    def undo(self) -> None:
        """Undo the last step."""
        if self.done:
            step = self.done.pop()
            step.back()
            self.has_moved = True
            self.undone.append(step)

    def redo(self) -> None:
        """Redo the step that was undone last."""
        if self.undone:
            step = self.undone.pop()
            step.forth()
            self.has_moved = True
            self.done.append(step)


def undo_class(history: History) -> type:
    """Return `nuke.Undo` for a history."""

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
