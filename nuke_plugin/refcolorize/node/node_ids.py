"""The id of a node: the name of its results' folder, which it keeps when it is renamed, grouped or copied.

Main thread only.
"""

from __future__ import annotations

from collections.abc import Iterable

import nuke

__all__ = ["id_of", "keep_id"]

_KNOB = "node_id"


def id_of(node: nuke.Node) -> str:
    """The node's id; for one that has none yet, or none at all as of version 1, its name."""
    kept = str(node[_KNOB].value()) if _KNOB in node.knobs() else ""
    return kept or _named(node)


def keep_id(node: nuke.Node, others: Iterable[nuke.Node]) -> None:
    """Have the node keep an id of its own from now on. No step of undo: its results stay where they are.

    A copy comes with the id of its original, and gets another. others: the script's other RefColorize nodes.
    """
    if _KNOB not in node.knobs():
        return
    kept = str(node[_KNOB].value())
    taken = {id_of(other) for other in others}
    if kept and (kept not in taken or kept == _named(node)):
        return
    name = free = _named(node)
    number = 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    nuke.Undo.disable()
    try:
        node[_KNOB].setValue(free)
    finally:
        nuke.Undo.enable()


def _named(node: nuke.Node) -> str:
    return str(node.fullName()).replace(".", "_")
