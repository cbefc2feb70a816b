"""Warn when plate and ref do not match. A mismatch never stops a job. Main thread only."""

from __future__ import annotations

from collections.abc import Iterator

import nuke

from . import keyframes
from .inputs import find_read

__all__ = ["mismatches"]

_ASPECT_TOLERANCE = 0.001


def mismatches(node: nuke.Node) -> str:
    """Compare ref with plate: size, pixel aspect, frames at the keys, colour space of the files.

    Args:
        node: A RefColorize node.

    Returns:
        One line with the differences and what to do; "" if nothing differs or an input is missing.
    """
    plate, ref = node.input(0), node.input(1)
    keys = keyframes.keys(node)
    if plate is None or ref is None or not keys:
        return ""
    return " ".join([*_formats(plate, ref), *_frames(ref, keys), *_spaces(plate, ref)])


def _formats(plate: nuke.Node, ref: nuke.Node) -> Iterator[str]:
    try:
        a, b = plate.format(), ref.format()
    except RuntimeError:  # the input has an error, which the job will report
        return
    if (a.width(), a.height()) != (b.width(), b.height()):
        sizes = f"ref is {b.width()} x {b.height()}, plate {a.width()} x {a.height()}"
        yield f"{sizes}: reformat ref if it does not show the same part of the picture."
    if abs(a.pixelAspect() - b.pixelAspect()) > _ASPECT_TOLERANCE:
        yield f"The pixel aspect of ref is {b.pixelAspect():g}, of plate {a.pixelAspect():g}: correct one of them."


def _frames(ref: nuke.Node, keys: list[int]) -> Iterator[str]:
    first, last = int(ref.firstFrame()), int(ref.lastFrame())
    outside = [key for key in keys if not first <= key <= last]
    if first == last:  # a single painted picture is right for one key only
        if len(keys) > 1:
            yield f"ref has one frame ({first}), but there are {len(keys)} keys: keep only the key that it belongs to."
    elif outside:
        yield f"ref has the frames {first}-{last}, but a key is at {outside[0]}: move the key, or extend ref."


def _spaces(plate: nuke.Node, ref: nuke.Node) -> Iterator[str]:
    """Yield a warning if, of two plain Reads, one is raw or files of the same type are read in different spaces."""
    reads = find_read(plate), find_read(ref)
    if reads[0] is None or reads[1] is None:
        return
    plate_space, ref_space = (_space(read) for read in reads if read is not None)
    same_type = len({str(read["file"].value()).rpartition(".")[2].lower() for read in reads if read is not None}) == 1
    if plate_space != ref_space and (same_type or "raw" in (plate_space, ref_space)):
        yield f"ref is read as {ref_space}, plate as {plate_space}: correct the colour space of {reads[1].name()}."


def _space(read: nuke.Node) -> str:
    return "raw" if read["raw"].value() else str(read["colorspace"].value())
