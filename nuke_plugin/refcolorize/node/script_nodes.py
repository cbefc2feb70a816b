"""Find nodes anywhere in the open script. Main thread only."""

from __future__ import annotations

from typing import cast

import nuke

__all__ = ["all_of_class", "is_in_script"]


def is_in_script(node: nuke.Node) -> bool:
    """Return whether a node is in the open script: it was not deleted, and no other script was opened.

    Args:
        node: A node that was in the script once.
    """
    try:
        return nuke.toNode(node.fullName()) is not None
    except ValueError:  # Nuke raises it for a deleted node
        return False


def all_of_class(class_name: str) -> list[nuke.Node]:
    """Return every node of a class, also those inside groups, gizmos and LiveGroups, each once.

    Whether the recursion of `nuke.allNodes` enters LiveGroups is not documented, so they are searched one by one.

    Args:
        class_name: For example "Read". A LiveGroup has the class "LiveGroup", not "Group".
    """
    found: dict[str, nuke.Node] = {}
    searched: set[str] = set()
    pending: list[nuke.Group] = [nuke.root()]
    while pending:
        group = pending.pop()
        if group.fullName() in searched:
            continue
        searched.add(group.fullName())
        found.update((node.fullName(), node) for node in nuke.allNodes(class_name, group, True))
        pending += cast("list[nuke.Group]", nuke.allNodes("LiveGroup", group, True))
    return list(found.values())
