"""`nuke.knobDefault`: a facility's own default values for new nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .nodes import Node

__all__ = ["KnobDefaults"]


class KnobDefaults:
    """The defaults by "Class.knob", or "Write.exr.knob" for the knobs that a Write has by its file type.

    Nuke's manual ("Setting Default Values for Controls"); public init.py files set Write.channels,
    Write.exr.compression and Write.afterRender. They apply to every new node, also by nuke.nodes; a script that is
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
        """Set the defaults of a new node, or of the knobs of a file type."""
        start = f"{node.Class()}.{kind}." if kind else f"{node.Class()}."
        for name, value in self._values.items():
            knob = name[len(start) :]
            if name.startswith(start) and knob in node._knobs:
                node._knobs[knob]._read(value)
                node._knob_has_changed(node._knobs[knob])
