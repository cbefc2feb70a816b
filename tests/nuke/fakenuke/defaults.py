"""`nuke.knobDefault`: what a facility gives new nodes instead of Nuke's own values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .nodes import Node

__all__ = ["KnobDefaults"]


class KnobDefaults:
    """By "Class.knob", or "Write.exr.knob" for what a Write has by its file type.

    Nuke's manual ("Setting Default Values for Controls"); public init.py files set Write.channels,
    Write.exr.compression and Write.afterRender. They reach every node that is made, by nuke.nodes too; a script that is
    read says its own.
    """

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def set_or_get(self, classknob: str, value: str | None = None) -> str | None:
        """`nuke.knobDefault`."""
        if value is None:
            return self._values.get(classknob)
        if not isinstance(value, str):
            raise TypeError("nuke.knobDefault takes its value as str")
        self._values[classknob] = value
        return None

    def apply(self, node: Node, kind: str = "") -> None:
        """Set a new node's knobs, or those that came with a file type."""
        start = f"{node.Class()}.{kind}." if kind else f"{node.Class()}."
        for name, value in self._values.items():
            knob = name[len(start) :]
            if name.startswith(start) and knob in node._knobs:
                node._knobs[knob]._read(value)
                node._knob_has_changed(node._knobs[knob])
