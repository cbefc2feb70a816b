"""The frames that a node's shot is about: those to colour, its keys and swatches, and what lies between them."""

from __future__ import annotations

from collections.abc import Sequence

import nuke

from ..errors import RefColorizeError
from . import keyframes
from .swatches import read_swatches

__all__ = ["requested_frames", "require_inside", "span_of_keys", "swatched_frames", "used_keys"]


def require_inside(frame: int, first: int, last: int) -> None:
    """Refuse a frame outside of the plate.

    Args:
        frame: The frame.
        first: The plate's first frame.
        last: Its last frame.

    Raises:
        RefColorizeError: If it is outside.
    """
    if not first <= frame <= last:
        raise RefColorizeError(f"Frame {frame} is outside the plate ({first}-{last}). Go to a frame of the plate.")


def requested_frames(node: nuke.Node, first: int, last: int) -> list[int]:
    """Return the frames in the knob frame_range; all frames of the plate if it is empty.

    Args:
        node: A RefColorize node.
        first: The plate's first frame.
        last: Its last frame.

    Raises:
        RefColorizeError: If it is no range, or names a frame outside of the plate.
    """
    text = str(node["frame_range"].value()).strip()
    if not text:
        return list(range(first, last + 1))
    try:
        frames = sorted({frame for part in nuke.FrameRanges(_split_ranges(text)) for frame in part})
    except (RuntimeError, ValueError):
        frames = []
    if not frames:
        raise RefColorizeError(f"The frame range {text!r} is not readable. Write it like 1001-1050 or 1001-1100x2.")
    outside = [frame for frame in frames if not first <= frame <= last]
    if outside:
        raise RefColorizeError(
            f"Frame {outside[0]} of the frame range {text} is outside the plate ({first}-{last}). Correct the range."
        )
    return frames


def _split_ranges(text: str) -> list[str]:
    """Return the single ranges of a text in the form that nuke.FrameRanges accepts, as Foundry's own code does."""
    return text.replace(",", " ").split()


def used_keys(node: nuke.Node, first: int, last: int) -> list[int]:
    """Return the keys that are switched on.

    Args:
        node: A RefColorize node.
        first: The plate's first frame.
        last: Its last frame.

    Raises:
        RefColorizeError: If one is outside of the plate.
    """
    keys = keyframes.keys(node)
    outside = [key for key in keys if not first <= key <= last]
    if outside:
        raise RefColorizeError(
            f"The key at frame {outside[0]} is outside the plate ({first}-{last}). Remove it, or switch it off."
        )
    return keys


def swatched_frames(node: nuke.Node, first: int, last: int) -> list[int]:
    """Return the frames of the swatches.

    Args:
        node: A RefColorize node.
        first: The plate's first frame.
        last: Its last frame.

    Raises:
        RefColorizeError: If one is outside of the plate.
    """
    found = read_swatches(node)
    outside = [swatch for swatch in found if not first <= swatch.frame <= last]
    if outside:
        raise RefColorizeError(
            f"{node.name()}: the swatch {outside[0]} is outside the plate ({first}-{last}). Correct its frame, or "
            "remove it."
        )
    return [swatch.frame for swatch in found]


def span_of_keys(keys: Sequence[int], swatched: Sequence[int], frames: Sequence[int]) -> tuple[int, int]:
    """Return the first and last plate frame that propagation to these frames needs: the nearest keys around them.

    If no key bounds the colour of swatches on a side, all of these count there.

    Args:
        keys: The keys, in ascending order.
        swatched: The frames of the swatches.
        frames: The frames to colour, in ascending order.
    """
    first = max((key for key in keys if key <= frames[0]), default=min([*swatched, frames[0]]))
    last = min((key for key in keys if key >= frames[-1]), default=max([*swatched, frames[-1]]))
    return first, last
