"""The id of a node: the name of its results folder. Main thread only.

A node keeps its id when it is renamed, grouped or pasted into another script.
"""

from __future__ import annotations

from collections.abc import Iterable

import nuke

__all__ = ["ensure_unique_id", "node_id"]

_KNOB = "node_id"


def node_id(node: nuke.Node) -> str:
    """Return the node's id, or its name if it has no id yet (a node of version 1 never gets one).

    Args:
        node: A RefColorize node.
    """
    stored = str(node[_KNOB].value()) if _KNOB in node.knobs() else ""
    return stored or _default_id(node)


def ensure_unique_id(node: nuke.Node, others: Iterable[nuke.Node], *, is_new: bool = False) -> bool:
    """Store a unique id in the node, without an undo step, because its results stay in their folder.

    A copy starts with the id of its original and gets a new one. Which of two nodes is the copy is known while it is
    being pasted. Later it is the one whose name is not the id: the other may have had both from the start.

    Args:
        node: A RefColorize node.
        others: The script's other RefColorize nodes.
        is_new: Whether the node has just come into the script, so that the others were there before it.

    Returns:
        Whether the node was a copy and has a new id.
    """
    if _KNOB not in node.knobs():
        return False
    stored = str(node[_KNOB].value())
    taken = {node_id(other) for other in others}
    if stored and (stored not in taken or (stored == _default_id(node) and not is_new)):
        return False
    name = candidate = _default_id(node)
    number = 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    nuke.Undo.disable()
    try:
        node[_KNOB].setValue(candidate)
    finally:
        nuke.Undo.enable()
    return bool(stored)


def _default_id(node: nuke.Node) -> str:
    return str(node.fullName()).replace(".", "_")
