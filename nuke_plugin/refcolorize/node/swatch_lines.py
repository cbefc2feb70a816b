"""Swatches as text, one a line, as the node's knob holds them. Does not import nuke.

A line is what --swatch of the command line takes: 1050:coat=#8a3324, or =#3a1510,#c07050 for the shadow and the light.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..errors import RefColorizeError

__all__ = ["Swatch", "format_swatches", "is_color", "parse_swatches"]

_FRAME = re.compile(r"\s*(-?[0-9]{1,10})\s*")
_COLOR = re.compile("#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Swatch:
    """A colour for an object of the matte.

    Attributes:
        frame: The frame whose matte shows the object.
        object: The object's name in the matte.
        colors: "#rrggbb" in sRGB: one colour, or several from shadow to light.
    """

    frame: int
    object: str
    colors: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.frame}:{self.object}={','.join(self.colors)}"

    def setting(self) -> dict[str, Any]:
        """Return the swatch as JSON data of a Shot."""
        return {"frame": self.frame, "object": self.object, "colors": list(self.colors)}


def is_color(text: str) -> bool:
    """Return whether a text is a colour, #rrggbb.

    Args:
        text: Any text.
    """
    return _COLOR.fullmatch(text) is not None


def parse_swatches(text: str) -> list[Swatch]:
    """Return the swatches of a text with one a line. Empty lines do not count.

    Args:
        text: The text of the knob.

    Raises:
        RefColorizeError: If a line is not a swatch.
    """
    return [_parse(line) for line in text.split("\n") if line.strip()]


def _parse(line: str) -> Swatch:
    frame, _, rest = line.partition(":")
    name, _, colors = rest.rpartition("=")
    number, words = _FRAME.fullmatch(frame), tuple(color.strip() for color in colors.split(","))
    if number is None or not name.strip() or not all(map(is_color, words)):
        raise RefColorizeError(
            f"The swatch {line.strip()[:80]!r} is not readable. Write it like 1050:coat=#8a3324, or "
            "1050:coat=#3a1510,#c07050 for shadow and light."
        )
    return Swatch(int(number[1]), name, words)


def format_swatches(swatches: Iterable[Swatch]) -> str:
    """Return swatches as the text of the knob; the inverse of `parse_swatches`.

    Args:
        swatches: The swatches.
    """
    return "\n".join(map(str, swatches))
