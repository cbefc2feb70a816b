"""Callbacks: functions that Nuke calls, by event and node class."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .knobs import Knob
    from .nodes import Node
    from .session import Session

__all__ = ["EVENTS", "Callbacks"]

# Event -> its node class if add... does not name one. The functions are addOnCreate, removeOnCreate and so on.
EVENTS: Mapping[str, str] = {
    "OnUserCreate": "*",
    "OnCreate": "*",
    "OnScriptLoad": "Root",
    "OnScriptSave": "Root",
    "OnScriptClose": "Root",
    "OnDestroy": "*",
    "KnobChanged": "*",
    "UpdateUI": "*",
    "Autolabel": "*",
    "BeforeRender": "Write",
    "BeforeFrameRender": "Write",
    "AfterFrameRender": "Write",
    "AfterRender": "Write",
    "RenderProgress": "Write",
}

_Entry = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Callbacks:
    """The added callbacks, and the running one. errors: tracebacks of callbacks that raised, which Nuke only prints."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._added: dict[str, dict[str, list[_Entry]]] = {event: {} for event in EVENTS}
        self._for_node: dict[Node, list[_Entry]] = {}
        self._filters: list[_Entry] = []
        self.this: list[tuple[Node, Knob | None, str]] = []  # node, knob, event
        self.errors: list[str] = []

    def functions(self) -> dict[str, Callable[..., None]]:
        """Return addX and removeX of every event, as `nuke` has them."""
        found: dict[str, Callable[..., None]] = {}
        for event, node_class in EVENTS.items():
            found[f"add{event}"], found[f"remove{event}"] = self._functions(event, node_class)
        found["addKnobChanged"], found["removeKnobChanged"] = self.add_knob_changed, self.remove_knob_changed
        found["addFilenameFilter"] = self.add_filename_filter
        return found

    def _functions(self, event: str, default: str) -> tuple[Callable[..., None], Callable[..., None]]:
        def add(call: Callable[..., Any], args: Any = (), kwargs: Any = None, nodeClass: str = default) -> None:
            self._put(self._added[event].setdefault(nodeClass, []), call, args, kwargs)

        def remove(call: Callable[..., Any], args: Any = (), kwargs: Any = None, nodeClass: str = default) -> None:
            self._take(self._added[event].get(nodeClass, []), call, args, kwargs)

        return add, remove

    def add_knob_changed(
        self,
        call: Callable[..., Any],
        args: Any = (),
        kwargs: Any = None,
        nodeClass: str = "*",
        node: Node | None = None,
    ) -> None:
        """`nuke.addKnobChanged`."""
        self._put(self._knob_changed_list(nodeClass, node), call, args, kwargs)

    def remove_knob_changed(
        self,
        call: Callable[..., Any],
        args: Any = (),
        kwargs: Any = None,
        nodeClass: str = "*",
        node: Node | None = None,
    ) -> None:
        """`nuke.removeKnobChanged`."""
        self._take(self._knob_changed_list(nodeClass, node), call, args, kwargs)

    def add_filename_filter(
        self, call: Callable[..., Any], args: Any = (), kwargs: Any = None, nodeClass: str = "*"
    ) -> None:
        """`nuke.addFilenameFilter`."""
        if nodeClass != "*":
            raise NotImplementedError("the fake filters the names of all nodes")
        self._put(self._filters, call, args, kwargs)

    def _knob_changed_list(self, node_class: str, node: Node | None) -> list[_Entry]:
        if node is not None:
            return self._for_node.setdefault(node, [])
        return self._added["KnobChanged"].setdefault(node_class, [])

    @staticmethod
    def _put(entries: list[_Entry], call: Callable[..., Any], args: Any, kwargs: Any) -> None:
        if not callable(call):
            raise TypeError("a callback must be callable")
        entry = (call, args if isinstance(args, tuple) else (args,), dict(kwargs or {}))
        if entry not in entries:  # as in Nuke: added twice, called once
            entries.append(entry)

    @staticmethod
    def _take(entries: list[_Entry], call: Callable[..., Any], args: Any, kwargs: Any) -> None:
        entry = (call, args if isinstance(args, tuple) else (args,), dict(kwargs or {}))
        if entry in entries:
            entries.remove(entry)

    # ---- calling

    def call(self, event: str, node: Node) -> None:
        """Call the callbacks of an event; an exception is printed."""
        for entry in self._entries(event, node):
            self._run(entry, node, None, event)

    def call_or_raise(self, event: str, node: Node) -> None:
        """Call the callbacks of an event; an exception is passed on, as it ends a render."""
        for call, args, kwargs in self._entries(event, node):
            with self.inside(node, None, event):
                call(*args, **kwargs)

    def filtered(self, filename: str) -> str:
        """Return the file name that Nuke passes to the operating system; the filter added last is called first."""
        for call, args, kwargs in reversed(self._filters):
            changed = call(filename, *args, **kwargs)
            filename = filename if changed is None else changed
        return filename

    def knob_changed(self, knob: Knob) -> None:
        """Call knobChanged for a change, unless a callback of the same node made it."""
        node = knob.node()
        if self._session.reading or any(at is node and event == "KnobChanged" for at, _, event in self.this):
            return
        for entry in (*self._for_node.get(node, ()), *self._entries("KnobChanged", node)):
            self._run(entry, node, knob, "KnobChanged")
        words = node._text("knobChanged")  # the node's own callback: 221 Groups of public scripts have one
        if words and (self._session.gui or self._session.disputed.knob_changed_in_terminal):
            self._run((self._session.run_text, (words,), {}), node, knob, "KnobChanged")

    def refuse_inside_knob_changed(self, what: str) -> None:
        """Raise an error inside knobChanged, in which Nuke would hang or crash."""
        if any(event == "KnobChanged" for _, _, event in self.this):
            raise RuntimeError(f"{what} was called in a knobChanged callback")

    @contextmanager
    def inside(self, node: Node, knob: Knob | None, event: str) -> Iterator[None]:
        """Set thisNode and thisKnob for the block."""
        self.this.append((node, knob, event))
        try:
            yield
        finally:
            self.this.pop()

    def _entries(self, event: str, node: Node) -> list[_Entry]:
        added = self._added[event]
        return [*added.get(node.Class(), ()), *added.get("*", ())]

    def _run(self, entry: _Entry, node: Node, knob: Knob | None, event: str) -> None:
        call, args, kwargs = entry
        with self.inside(node, knob, event):
            try:
                call(*args, **kwargs)
            except Exception:  # noqa: BLE001  (as Nuke: shown, and Nuke goes on)
                self.errors.append(traceback.format_exc())
                sys.stderr.write(self.errors[-1])
