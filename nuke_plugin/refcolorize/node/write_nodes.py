"""Find the Write nodes that a node's picture reaches. Main thread only."""

from __future__ import annotations

import nuke

__all__ = ["writes_below"]


def writes_below(node: nuke.Node) -> list[str]:
    """Return the names of the enabled Write nodes at the script's top level that the node's picture reaches.

    Args:
        node: The node to start from.
    """
    writes: set[str] = set()
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
                if _is_renderable(other):
                    writes.add(other.name())
    return sorted(writes)


def _is_renderable(node: nuke.Node) -> bool:
    """Return whether this is a Write node that a farm can render: enabled, and at the top level."""
    return node.Class() == "Write" and node.fullName() == node.name() and not node["disable"].value()
