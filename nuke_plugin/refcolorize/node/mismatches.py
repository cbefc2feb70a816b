"""What plate and ref do not have in common. Nothing of it stops a job; all of it is worth a look. Main thread only."""

from __future__ import annotations

from collections.abc import Iterator

import nuke

from . import nodes
from .inputs import plain_read

__all__ = ["mismatches"]

_ASPECT_TOLERANCE = 0.001


def mismatches(node: nuke.Node) -> str:
    """Say in one line how ref differs from plate: size, pixel aspect, frames at the keys, colour space of the files.

    Args:
        node: A RefColorize node.

    Returns:
        One line for the artist that says what to do, or "" if nothing differs or an input is missing.
    """
    plate, ref = node.input(0), node.input(1)
    keys = nodes.keys(node)
    if plate is None or ref is None or not keys:
        return ""
    return " ".join([*_formats(plate, ref), *_frames(ref, keys), *_spaces(plate, ref)])


def _formats(plate: nuke.Node, ref: nuke.Node) -> Iterator[str]:
    try:
        a, b = plate.format(), ref.format()
    except RuntimeError:  # an input that shows an error, which the job is going to say
        return
    if (a.width(), a.height()) != (b.width(), b.height()):
        sizes = f"ref is {b.width()} x {b.height()}, plate {a.width()} x {a.height()}"
        yield f"{sizes}: reformat ref if it does not show the same part of the picture."
    if abs(a.pixelAspect() - b.pixelAspect()) > _ASPECT_TOLERANCE:
        yield f"The pixel aspect of ref is {b.pixelAspect():g}, of plate {a.pixelAspect():g}: set one of them right."


def _frames(ref: nuke.Node, keys: list[int]) -> Iterator[str]:
    first, last = int(ref.firstFrame()), int(ref.lastFrame())
    outside = [key for key in keys if not first <= key <= last]
    if first == last:  # one painted picture, brought in as it is, serves one key
        if len(keys) > 1:
            yield f"ref has one frame ({first}), which all {len(keys)} keys show: remove all keys but its own."
    elif outside:
        yield f"ref has the frames {first}-{last}, and a key is at {outside[0]}: move the key, or extend ref."


def _spaces(plate: nuke.Node, ref: nuke.Node) -> Iterator[str]:
    """Of plain Reads: one that is raw, or another space for files of the same type."""
    reads = plain_read(plate), plain_read(ref)
    if reads[0] is None or reads[1] is None:
        return
    of_plate, of_ref = (_space(read) for read in reads if read is not None)
    same_type = len({str(read["file"].value()).rpartition(".")[2].lower() for read in reads if read is not None}) == 1
    if of_plate != of_ref and (same_type or "raw" in (of_plate, of_ref)):
        yield f"ref is read as {of_ref}, plate as {of_plate}: set the colour space of {reads[1].name()} right."


def _space(read: nuke.Node) -> str:
    return "raw" if read["raw"].value() else str(read["colorspace"].value())
