"""Knobs: the base class, and those that hold neither text (see `texts`) nor numbers (see `arrays`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import tcl
from .formats import Format

if TYPE_CHECKING:
    from .nodes import Node
    from .session import Session

# The names are documented, but not Nuke's own numbers.
STARTLINE, ENDLINE, INVISIBLE, DISABLED, READ_ONLY, DO_NOT_WRITE, NO_ANIMATION, NO_UNDO, ALWAYS_SAVE = (
    1 << bit for bit in range(9)
)
KNOB_CHANGED_RECURSIVE, NO_MULTIVIEW, EXPAND_TO_WIDTH, SAVE_MENU = (1 << bit for bit in range(9, 13))


class Knob:
    """The base class of knobs. `_changing` wraps each change: undo, the script's modified mark, callbacks."""

    __slots__ = ("_enabled", "_flags", "_label", "_name", "_node", "_quiet", "_tooltip")
    _FLAGS = STARTLINE  # of a new knob

    def __init__(self, name: str, label: str | None = None) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a knob's name must be str, not {type(name).__name__}")
        self._name, self._label, self._tooltip = name, label, ""
        self._flags, self._enabled = self._FLAGS, True
        self._node: Node | None = None
        self._quiet = False  # changes are neither undone nor saved, as with the selection

    # ---- for the fake

    @property
    def _session(self) -> Session:
        if self._node is None:
            raise ValueError(f"knob {self._name} belongs to no node")
        return self._node._session

    def _memory(self) -> Any:
        """Return the state that undo restores."""
        return None

    def _recall(self, memory: Any) -> None:
        """Restore a state from `_memory`."""

    @contextmanager
    def _changing(self, *, callbacks: bool = True) -> Iterator[None]:
        if self._node is None:
            yield
            return
        self._session.main_thread.require()
        before = self._memory()
        yield
        after = self._memory()
        if self._quiet or before == after:
            return
        self._session.touch(f"{self._node.name()}.{self._name}")
        self._session.undo.record(lambda: self._recall(before), lambda: self._recall(after))
        self._node._knob_has_changed(self)
        if callbacks:
            self._session.callbacks.knob_changed(self)

    def _is_default(self) -> bool:
        """Return whether a script can omit the value."""
        return True

    def _write(self) -> str:
        """Return the value as one unquoted word of a script."""
        return ""

    def _read(self, text: str) -> None:
        """Set the value from a word of a script, without callbacks."""
        raise TypeError(f"{self.Class()} {self._name} cannot be {text!r}: it has no value")

    def _definition(self) -> list[str]:
        """Return the rest of an addUserKnob line, after number, name, label and tooltip."""
        return []

    def _text_at(self, frame: float) -> str:
        """Return the value as Tcl's `value` does."""
        del frame
        return self._write()

    # ---- Nuke's

    def Class(self) -> str:
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def setName(self, name: str) -> None:
        self._name = name

    def fullyQualifiedName(self, channel: int = -1) -> str:
        del channel
        return f"{self.node().fullName()}.{self._name}"

    def label(self) -> str:
        return self._name if self._label is None else self._label

    def setLabel(self, label: str) -> None:
        self._label = text(label)

    def tooltip(self) -> str:
        return self._tooltip

    def setTooltip(self, tooltip: str) -> None:
        self._tooltip = text(tooltip)

    def node(self) -> Node:
        if self._node is None:
            raise ValueError(f"knob {self._name} belongs to no node")
        return self._node

    def enabled(self) -> bool:
        return self._enabled

    def setEnabled(self, enabled: bool) -> None:
        self._enabled = bool(enabled)

    def visible(self) -> bool:
        return not self._flags & INVISIBLE

    def setVisible(self, visible: bool) -> None:
        (self.clearFlag if visible else self.setFlag)(INVISIBLE)

    def setFlag(self, flag: int) -> None:
        self._flags |= flag

    def clearFlag(self, flag: int) -> None:
        self._flags &= ~flag

    def getFlag(self, flag: int) -> bool:
        return bool(self._flags & flag)

    def toScript(self, quote: bool = True, context: None = None) -> str:
        del context
        return tcl.quoted(self._write()) if quote else self._write()

    def fromScript(self, script: str) -> None:
        with self._changing():
            self._read(text(script))

    def value(self) -> Any:
        raise TypeError(f"{self.Class()} has no value")

    def getValue(self) -> Any:
        return self.value()

    def setValue(self, val: Any) -> Any:
        del val
        raise TypeError(f"{self.Class()} cannot be set")

    def isAnimated(self) -> bool:
        return False

    def hasExpression(self, index: int = -1) -> bool:
        del index
        return False


def text(value: str) -> str:
    """Return the value if it is text; raise TypeError otherwise."""
    if not isinstance(value, str):
        raise TypeError(f"expected str, got {type(value).__name__}")
    return value


class Tab_Knob(Knob):
    """The start of a tab."""

    __slots__ = ()

    def __init__(self, name: str, label: str | None = None, tabMode: int = 0) -> None:
        del tabMode
        super().__init__(name, label)


class Link_Knob(Knob):
    """Another knob, shown here."""

    __slots__ = ("_link",)

    def __init__(self, name: str, label: str | None = None) -> None:
        super().__init__(name, label)
        self._link = ""

    def _memory(self) -> Any:
        return self._link

    def _recall(self, memory: Any) -> None:
        self._link = memory

    def _definition(self) -> list[str]:
        return ["T", self._link]

    def getLink(self) -> str:
        return self._link

    def setLink(self, s: str) -> None:
        with self._changing():
            self._link = text(s)

    def makeLink(self, s: str, t: str) -> None:
        self.setLink(f"{s}.{t}")

    def getLinkedKnob(self) -> Knob:
        return tcl.find_knob(self._link, self.node())[0]

    def value(self) -> Any:
        return self.getLinkedKnob().value()

    def setValue(self, val: Any) -> Any:
        return self.getLinkedKnob().setValue(val)


class Format_Knob(Knob):
    """A size of pictures, as "2048 1556 0 0 2048 1556 1 2K_Super_35(full-ap)"."""

    __slots__ = ("_default", "_string")

    def __init__(self, name: str, label: str | None = None, string: str = "") -> None:
        super().__init__(name, label)
        self._string = self._default = string

    def _memory(self) -> Any:
        return self._string

    def _recall(self, memory: Any) -> None:
        self._string = memory

    def _is_default(self) -> bool:
        return self._string == self._default

    def _write(self) -> str:
        return self._string

    def _read(self, text: str) -> None:
        self._string = text

    def value(self) -> Format | None:
        size = self._size()
        return None if size is None else Format(*size, name=self._string.split(maxsplit=7)[-1])

    def setValue(self, val: Format | str) -> bool:
        """Return a format from a format or its description; the fake knows no formats by name."""
        text = val if isinstance(val, str) else f"{val.width()} {val.height()} 0 0 {val.width()} {val.height()} 1"
        if not text.split()[0].isdigit():
            raise RuntimeError(f"there is no format {text!r} (that the fake knows)")
        with self._changing():
            self._string = text
        return True

    def _size(self) -> tuple[int, int] | None:
        parts = self._string.split()
        return (int(parts[0]), int(parts[1])) if len(parts) > 1 else None
