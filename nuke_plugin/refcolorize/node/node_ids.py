"""The ids of a node: the name of its results folder, and the unique id by which it owns that. Main thread only.

A node keeps both when it is renamed, grouped or pasted into another script.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable

import nuke

__all__ = ["ensure_unique_id", "node_id", "unique_id"]

_KNOB = "node_id"
_UNIQUE = "unique_id"


def node_id(node: nuke.Node) -> str:
    """Return the node's id, or its name if it has no id yet (a node of version 1 never gets one).

    Args:
        node: A RefColorize node.
    """
    stored = str(node[_KNOB].value()) if _KNOB in node.knobs() else ""
    return stored or _default_id(node)


def unique_id(node: nuke.Node) -> str:
    """Return the id that no other node of any script has; "" if a node of an earlier plug-in has none.

    Args:
        node: A RefColorize node.
    """
    return str(node[_UNIQUE].value()) if _UNIQUE in node.knobs() else ""


def ensure_unique_id(
    node: nuke.Node,
    others: Iterable[nuke.Node],
    *,
    is_new: bool = False,
    is_of_another: Callable[[str], bool],
    is_used: Callable[[str], bool],
) -> bool:
    """Store unique ids in the node, without an undo step, because its results stay in their folder.

    A copy starts with the id of its original and gets a new one. Which of two nodes is the copy is known while it is
    being pasted. Later it is the one whose name is not the id: the other may have had both from the start.

    Args:
        node: A RefColorize node.
        others: The script's other RefColorize nodes.
        is_new: Whether the node has just come into the script, so that the others were there before it.
        is_of_another: Tells whether the folder of this name belongs to another node, or to another script.
        is_used: Tells whether anything is in the folder of this name.

    Returns:
        Whether the node was a copy and has a new id.
    """
    if _KNOB not in node.knobs():
        return False
    others, stored = tuple(others), str(node[_KNOB].value())
    taken = {node_id(other) for other in others}
    stays = stored and (stored not in taken or (stored == _default_id(node) and not is_new))
    if stays and not is_of_another(stored):
        own = unique_id(node)
        if (is_new and own in {unique_id(other) for other in others}) or (not is_new and not own):
            _store(node, _UNIQUE, uuid.uuid4().hex)
        return False
    name = candidate = _default_id(node)
    number = 2
    while candidate in taken or is_used(candidate):
        candidate, number = f"{name}_{number}", number + 1
    _store(node, _KNOB, candidate)
    _store(node, _UNIQUE, uuid.uuid4().hex)
    return bool(stored)


def _store(node: nuke.Node, knob: str, value: str) -> None:
    if knob not in node.knobs():  # a node of an earlier plug-in
        return
    nuke.Undo.disable()
    try:
        node[knob].setValue(value)
    finally:
        nuke.Undo.enable()


def _default_id(node: nuke.Node) -> str:
    return str(node.fullName()).replace(".", "_")
