"""What can be done with the version that a node shows: its weakest frame, a Read of it, a Read in the node's place.

Main thread only.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import cast

import nuke

from ..errors import RefColorizeError
from . import nodes
from .inputs import own_files, plain_read
from .versions import Version, read_confidence, write_confidence

__all__ = ["bake", "create_read", "go_to_weakest", "weakest_frame"]

_BESIDE = 110  # pixels of the node graph
_LOG = (".dpx", ".cin")
_EIGHT_BITS = (".jpg", ".jpeg")


def weakest_frame(node: nuke.Node) -> int:
    """Find the frame of the shown version whose colour is least certain; keyframes do not count.

    Args:
        node: A RefColorize node.

    Returns:
        The frame, the first of several that are alike.

    Raises:
        RefColorizeError: If no version is shown, or if its frames do not say how certain they are.
    """
    version = _shown(node)
    confidence = version.confidence()
    if not confidence:
        confidence = read_confidence(version.path)
        if confidence and len(confidence) == version.frames:
            write_confidence(version.path, confidence)
    keys = set(nodes.keys(node))
    known = {frame: sure for frame, sure in sorted(confidence.items()) if frame not in keys}
    if not known:
        raise RefColorizeError(f"{node.name()}: no frame of {version.name} says how certain it is. Colorize it first.")
    return min(known, key=lambda frame: known[frame])


def go_to_weakest(node: nuke.Node) -> None:
    """Move the time line to the weakest frame. Raises as `weakest_frame`."""
    nuke.frame(weakest_frame(node))


def create_read(node: nuke.Node) -> nuke.Node:
    """Create a Read of the shown version beside the node.

    Args:
        node: A RefColorize node.

    Returns:
        The Read. It shows what was painted by the core, without the knobs of the tab Output.

    Raises:
        RefColorizeError: If no version is shown.
    """
    version = _shown(node)
    first_last = nodes.results(node).first_last(version.name)
    first, last = first_last if first_last is not None else (int(nuke.frame()), int(nuke.frame()))
    with node.parent():
        read = nuke.nodes.Read(file=str(node["result_file"].value()), first=first, last=last, on_error="black")
    space = _space(node)
    read["raw"].setValue(space is None)
    if space is not None:
        read["colorspace"].setValue(space)
    read["label"].setValue(f"{node.name()} {version.name}")
    read.setXYpos(node.xpos() + _BESIDE, node.ypos())
    return read


def bake(node: nuke.Node) -> nuke.Node:
    """Have a Read of the shown version take the node's place for all that is connected to it; the node stays.

    Args:
        node: A RefColorize node.

    Returns:
        The Read.

    Raises:
        RefColorizeError: If no version is shown, or if nothing is connected to the node.
    """
    linked = [
        (other, index)
        for other in node.dependent(nuke.INPUTS | nuke.HIDDEN_INPUTS)
        for index in range(other.inputs())
        if other.input(index) is not None and _is_same(other.input(index), node)
    ]
    if not linked:
        raise RefColorizeError(f"Nothing is connected to {node.name()}. Press Create Read instead.")
    read = create_read(node)
    for other, index in linked:
        other.setInput(index, read)
    return read


def _is_same(one: nuke.Node | None, other: nuke.Node) -> bool:
    return one is not None and one.fullName() == other.fullName()


def _shown(node: nuke.Node) -> Version:
    name = str(node["version"].value())
    found = [version for version in nodes.versions(node) if version.name == name]
    if not found:
        raise RefColorizeError(f"{node.name()} shows no version that is on disk. Choose one in the knob version.")
    return found[0]


def _space(node: nuke.Node) -> str | None:
    """The space of the result's files, which is that of the plate's; None where Nuke's own pixels went to the core."""
    plate = node.input(0)
    if plate is None or own_files(plate, space=str(node["colorspace"].value()).strip()) is None:
        return None
    read = plain_read(plate)
    if read is None or read["raw"].value():
        return None
    space = str(read["colorspace"].value())
    kind = PurePosixPath(str(read["file"].value())).suffix.lower()
    if space != "default" or kind == ".exr":
        return space
    # what default means depends on the type of file, and the result is an EXR
    lut = "logLut" if kind in _LOG else "int8Lut" if kind in _EIGHT_BITS else "int16Lut"
    return str(cast("nuke.Enumeration_Knob", nuke.root()[lut]).value())
