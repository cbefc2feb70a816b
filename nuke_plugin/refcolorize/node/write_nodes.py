"""Find the Write nodes that a node's picture reaches. Main thread only."""

from __future__ import annotations

from collections.abc import Iterator

import nuke

__all__ = ["reaches", "writes_below"]


def writes_below(node: nuke.Node) -> list[str]:
    """Return the names of the enabled Write nodes at the script's top level that the node's picture reaches.

    Args:
        node: The node to start from.
    """
    return sorted({below.name() for below in _nodes_below(node) if _is_renderable(below)})


def reaches(node: nuke.Node, write: nuke.Node) -> bool:
    """Return whether a node's picture reaches a Write, wherever that is.

    Args:
        node: The node to start from.
        write: The Write.
    """
    return any(below.fullName() == write.fullName() for below in _nodes_below(node))


def _nodes_below(node: nuke.Node) -> Iterator[nuke.Node]:
    """Yield the nodes that a node's picture reaches, each once; out of groups, not into them."""
    visited = {node.fullName()}
    pending = [node]
    while pending:
        current = pending.pop()
        below = (
            [current.parent()] if current.Class() == "Output" else current.dependent(nuke.INPUTS | nuke.HIDDEN_INPUTS)
        )
        for other in below:
            if other.fullName() not in visited:
                visited.add(other.fullName())
                pending.append(other)
                yield other


def _is_renderable(node: nuke.Node) -> bool:
    """Return whether this is a Write node that a farm can render: enabled, and at the top level."""
    return node.Class() == "Write" and node.fullName() == node.name() and not node["disable"].value()
