"""What a node shows for viewing only: the confidence overlay, the comparison of two versions, and previews.

A render without a GUI has none of it, which the expressions inside the node see to ($gui). A render in the GUI would
have it, and so it is refused. Main thread only.
"""

from __future__ import annotations

import nuke

from . import nodes, previews
from .write_nodes import reaches

__all__ = ["before_render", "shown_aids"]


def before_render() -> None:
    """Refuse to render a Write that a viewing aid reaches; a callback for nuke.addBeforeRender.

    Raises:
        RuntimeError: With what to do. Nuke ends the render and shows the message.
    """
    write = nuke.thisNode()
    for node in nodes.all_nodes():
        aids = shown_aids(node)
        if aids and reaches(node, write):
            named = " and ".join(name for name, _ in aids)
            remedies = ", ".join(remedy for _, remedy in aids)
            raise RuntimeError(
                f"{write.name()} would render the {named} of {node.name()}, for viewing only. {remedies}, then render."
            )


def shown_aids(node: nuke.Node) -> list[tuple[str, str]]:
    """Return the viewing aids that the node's picture has now: the name of each, and how to be rid of it.

    Args:
        node: A RefColorize node. One of an earlier plug-in has fewer of them.
    """
    if "disable" in node.knobs() and node["disable"].value():
        return []
    aids = []
    if previews.frames(node):
        aids.append(("preview", "Press Leave preview"))
    if not node["use_result"].value():
        return aids
    if "compare" in node.knobs() and node["compare"].value() != "none":
        aids.append(("comparison", 'Set "compare with" to none'))
    is_over = "confidence_overlay" in node.knobs() and node["confidence_overlay"].value()
    if is_over and node["output"].value() == "colour":
        aids.append(("confidence overlay", 'Switch "confidence overlay" off'))
    return aids
