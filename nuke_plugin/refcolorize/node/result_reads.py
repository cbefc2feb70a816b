"""The Reads inside a RefColorize node that show its versions. Main thread only."""

from __future__ import annotations

from typing import NamedTuple, cast

import nuke

from ..errors import RefColorizeError
from .frame_names import same_files

__all__ = ["COMPARED", "SHOWN", "ResultRead", "read_node", "reads_file", "set_range", "used_reads"]


class ResultRead(NamedTuple):
    """A Read inside the node, and the node's knobs that decide what it reads.

    Attributes:
        read: The Read's name.
        version: The node's knob that holds the version's name.
        file: The node's knob that holds the path of the version's frames.
    """

    read: str
    version: str
    file: str


SHOWN = ResultRead("Result", "version", "result_file")
COMPARED = ResultRead("Compared", "compare", "compare_file")


def used_reads(node: nuke.Node) -> list[ResultRead]:
    """Return the Read of the shown version, and that of the compared one if there is one.

    Args:
        node: A RefColorize node.
    """
    can_compare = COMPARED.version in node.knobs()  # nodes of earlier plug-ins cannot
    return [SHOWN, COMPARED] if can_compare and node[COMPARED.version].value() != "none" else [SHOWN]


def reads_file(node: nuke.Node, result: ResultRead, path: str) -> bool:
    """Return whether a Read inside the node reads these frames in any view.

    Args:
        node: A RefColorize node.
        result: One of its Reads.
        path: The frames' path, with ####.
    """
    text = str(node[result.file].value())
    return any(same_files(text.replace("%V", view), path) for view in nuke.views())


def set_range(node: nuke.Node, result: ResultRead, first: int, last: int) -> None:
    """Set the frame range of a Read inside the node, and of those of comparison and previews if they show nothing.

    A Read begins at frame 1 until it is set, and a node's range may be that of all its Reads.

    Args:
        node: A RefColorize node.
        result: One of its Reads.
        first: First frame.
        last: Last frame.

    Raises:
        RefColorizeError: If the Read is gone.
    """
    is_alone = result is SHOWN and COMPARED.version in node.knobs() and len(used_reads(node)) == 1
    reads = [read_node(node, each) for each in ((SHOWN, COMPARED) if is_alone else (result,))]
    previewed = cast("nuke.Group", node).node("Previewed")  # nodes of earlier plug-ins lack it
    has_previews = "preview_frames" in node.knobs() and cast("nuke.Array_Knob", node["preview_frames"]).isAnimated()
    if previewed is not None and not has_previews:
        reads.append(previewed)
    for read in reads:
        read["first"].setValue(first)
        read["last"].setValue(last)


def read_node(node: nuke.Node, result: ResultRead) -> nuke.Node:
    """Return the node of a Read inside the node.

    Args:
        node: A RefColorize node.
        result: One of its Reads.

    Raises:
        RefColorizeError: If it is gone.
    """
    read = cast("nuke.Group", node).node(result.read)
    if read is None:
        raise RefColorizeError(
            f"The Read named {result.read} inside {node.name()} is gone. Create a new RefColorize node."
        )
    return read
