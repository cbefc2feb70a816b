"""Graph scope variables, which Nuke has since version 16: %{shot}, %{set.variable} and %shot in a file name.

Variables belong to the script and to VariableGroups (the knob gsv). A group's own value counts before that of the
groups around it and of the script. A VariableGroup also passes its variables up the graph, to the nodes that feed its
inputs, so one Read may have several files at once. Main thread only.

Source: Foundry's Python Developer's Guide, "Graph Scope Variables / Multi-shot Set-up". It gives %Set.Variable too, but
in practice a variable of a set needs the braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import nuke

__all__ = ["expand", "has_variables", "in_groups", "values_around", "values_of"]

_KNOB = "gsv"
_DEFAULT_SET = "__default__"
_REFERENCE = re.compile(r"%(?:\{([^{}%]*)\}|([A-Za-z_]\w*))")


def has_variables(text: str) -> bool:
    """Return whether a text may name a variable: in a Nuke without variables it never does.

    Args:
        text: The text of a knob.
    """
    return _KNOB in nuke.root().knobs() and _REFERENCE.search(text) is not None


def expand(node: nuke.Node, text: str) -> str:
    """Return a text with the values that its variables have at a node. An unknown name stays as it is, as in Nuke.

    Args:
        node: The node whose knob holds the text.
        text: The text of the knob.
    """
    if not has_variables(text):
        return text
    scopes = [values_of(group) for group in _groups_around(node)]

    def value(found: re.Match[str]) -> str:
        owner, _, name = (found[1] or found[2] or "").rpartition(".")
        values = (scope.get(owner or _DEFAULT_SET, {}).get(name) for scope in scopes)
        return next((str(each) for each in values if each is not None), found[0])

    return _REFERENCE.sub(value, text)


def values_around(node: nuke.Node) -> str:
    """Return the variables of the script and of all groups around a node, for a digest.

    Args:
        node: Any node.
    """
    return repr([values_of(group) for group in _groups_around(node)])


def values_of(group: nuke.Node) -> dict[str, Any]:
    """Return the sets of a group's own variables, by name; empty if it has none.

    Args:
        group: A group, or the script.
    """
    if _KNOB not in group.knobs():
        return {}
    value: Any = group[_KNOB].value()
    sets = value.items() if isinstance(value, dict) else ()
    return {str(owner): dict(values) for owner, values in sets if values and isinstance(values, dict)}


def in_groups(node: nuke.Node) -> bool:
    """Return whether a group around a node, the script excepted, has variables.

    Args:
        node: Any node.
    """
    return any(values_of(group) for group in _groups_around(node) if group.Class() != "Root")


def _groups_around(node: nuke.Node) -> Iterator[nuke.Node]:
    """Yield the groups around a node from the innermost one to the script."""
    group = node.parent()
    while group is not None and group.Class() != "Root":
        yield group
        group = group.parent()
    yield nuke.root()
