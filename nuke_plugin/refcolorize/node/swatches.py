"""The swatches of a node: colours for objects of its matte, from which the core makes patches. Main thread only.

They are the text of one knob (swatch_lines.py), so they are saved, undone, copied and pasted with the node, and can be
edited by hand.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress

import nuke

from ..errors import RefColorizeError
from .swatch_lines import Swatch, format_swatches, is_color, parse_swatches

__all__ = ["add_swatch", "read_swatches", "remove_swatch", "swatched_frames", "write_swatches"]

_KNOB = "swatches"


def read_swatches(node: nuke.Node) -> list[Swatch]:
    """Return the swatches of a node, in the order of their lines. If two share pixels, the later one counts.

    Args:
        node: A RefColorize node. One of an earlier plug-in has none.

    Raises:
        RefColorizeError: If a line of the knob is not a swatch.
    """
    try:
        return parse_swatches(_text(node))
    except RefColorizeError as error:
        raise RefColorizeError(f"{node.name()}: {error}") from None


def swatched_frames(node: nuke.Node) -> tuple[int, ...]:
    """Return the frames that have swatches, in ascending order. Lines that cannot be read are left out.

    Args:
        node: A RefColorize node.
    """
    frames: set[int] = set()
    for line in _text(node).splitlines():
        with suppress(RefColorizeError):  # the artist may still be typing
            frames.update(swatch.frame for swatch in parse_swatches(line))
    return tuple(sorted(frames))


def add_swatch(node: nuke.Node, *, frame: int, object: str, colors: Sequence[str]) -> None:
    """Add a swatch, in place of the one of the same object at the same frame.

    Args:
        node: A RefColorize node.
        frame: The frame whose matte shows the object.
        object: The object's name in the matte: that of Cryptomatte, of the layer, the value of the id, or the file name
            of a roto.
        colors: "#rrggbb" in sRGB: one colour, or the colours from shadow to light.

    Raises:
        RefColorizeError: If a colour or the name cannot be used, or if the node has no knob for swatches.
    """
    if not object.strip() or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in object):
        raise RefColorizeError(f"{object!a} names no object. Give its name in the matte, such as coat.")
    for color in colors:
        if not is_color(color):
            raise RefColorizeError(f"{color!r} is no colour. Write it as #rrggbb, such as #8a3324.")
    if not colors:
        raise RefColorizeError(f"The swatch of {object} at frame {frame} has no colour. Give one, such as #8a3324.")
    new = Swatch(int(frame), object, tuple(color.lower() for color in colors))
    old = read_swatches(node)
    changed = [new if (each.frame, each.object) == (new.frame, new.object) else each for each in old]
    write_swatches(node, changed if new in changed else [*changed, new])


def remove_swatch(node: nuke.Node, *, frame: int | None = None, object: str | None = None) -> None:
    """Remove a swatch.

    Args:
        node: A RefColorize node.
        frame: Its frame; None for the current frame.
        object: Its object; None for the last line of that frame.

    Raises:
        RefColorizeError: If there is no such swatch.
    """
    at = int(nuke.frame()) if frame is None else frame
    all_swatches = read_swatches(node)
    found = [each for each in all_swatches if each.frame == at and object in (None, each.object)]
    if not found:
        what = "no swatch" if object is None else f"no swatch of {object}"
        others = sorted({each.frame for each in all_swatches})
        remedy = f"Go to frame {', '.join(map(str, others))}." if others else "Add one with Add swatch."
        raise RefColorizeError(f"{node.name()} has {what} at frame {at}. {remedy}")
    write_swatches(node, [each for each in all_swatches if each is not found[-1]])


def write_swatches(node: nuke.Node, swatches: Iterable[Swatch]) -> None:
    """Set the swatches of a node.

    Args:
        node: A RefColorize node.
        swatches: All of them.

    Raises:
        RefColorizeError: If the node has no knob for swatches.
    """
    if _KNOB not in node.knobs():
        raise RefColorizeError(
            f"{node.name()} was made by an earlier RefColorize, which had no swatches. Create a new node."
        )
    node[_KNOB].setValue(format_swatches(swatches))


def _text(node: nuke.Node) -> str:
    return str(node[_KNOB].value()) if _KNOB in node.knobs() else ""
