"""Graph scope variables of Nuke 16: the knob gsv of Root and of a VariableGroup, and their use in file names.

Python Developer's Guide, "Graph Scope Variables": variables belong to sets, `__default__` or a named one; a
VariableGroup inherits and overrides those of its parents, and passes its own up the graph, to the nodes that feed its
inputs. A public tool measured that %{shot}, %{set.variable} and %shot are replaced, before Tcl, and that an unknown
name stays as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .knobs import Knob

if TYPE_CHECKING:
    from .nodes import Node

__all__ = ["Gsv_Knob", "expand"]

_DEFAULT = "__default__"
_REFERENCE = re.compile(r"%(?:\{([^{}%]*)\}|([A-Za-z_]\w*))")


class Gsv_Knob(Knob):
    """Sets of variables: {"__default__": {"shot": "sh010"}}."""

    __slots__ = ("_sets",)

    def __init__(self, name: str, label: str | None = None) -> None:
        super().__init__(name, label)
        self._sets: dict[str, dict[str, str]] = {}

    def _memory(self) -> Any:
        return {name: dict(variables) for name, variables in self._sets.items()}

    def _recall(self, memory: Any) -> None:
        self._sets = memory

    def _is_default(self) -> bool:
        return True  # the fake does not save variables

    def value(self) -> dict[str, dict[str, str]]:
        return {name: dict(variables) for name, variables in self._sets.items()}

    def setValue(self, val: dict[str, dict[str, str]]) -> None:
        with self._changing():
            self._sets = {name: dict(variables) for name, variables in val.items()}

    def getGsvValue(self, path: str) -> str | None:
        owner, _, name = path.rpartition(".")
        return self._sets.get(owner or _DEFAULT, {}).get(name)

    def setGsvValue(self, path: str, value: str) -> bool:
        if not isinstance(value, str):
            raise TypeError("a variable's value is text")
        owner, _, name = path.rpartition(".")
        with self._changing():
            self._sets.setdefault(owner or _DEFAULT, {})[name] = value
        return True

    def removeGsv(self, path: str) -> bool:
        owner, _, name = path.rpartition(".")
        with self._changing():
            return self._sets.get(owner or _DEFAULT, {}).pop(name, None) is not None


def expand(text: str, node: Node) -> str:
    """Return a text with the variables that apply at a node."""
    if "%" not in text:
        return text

    def value(found: re.Match[str]) -> str:
        return _value(found[1] or found[2], node) or found[0]

    return _REFERENCE.sub(value, text)


def _value(path: str, node: Node) -> str | None:
    """Return a variable's value: of the groups around the node, then of those below it, then of the script."""
    session = node._session
    groups = []
    at = node.parent()
    while at is not None and at is not session.root:
        groups.append(at)
        at = at.parent()
    for group in (*groups, *reversed(session.passing), session.root):
        knob = group._knobs.get("gsv")
        if isinstance(knob, Gsv_Knob) and (value := knob.getGsvValue(path)) is not None:
            return value
    return None
