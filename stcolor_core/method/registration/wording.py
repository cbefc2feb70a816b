"""How what was done to a keyframe is worded."""

from __future__ import annotations

from collections.abc import Sequence

from stcolor_core.method.registration.alignment import Alignment

__all__ = ["describe_moves", "enumerate_parts"]


def describe_moves(alignment: Alignment, lines: int) -> str:
    """Return how a picture is moved: "moved by 3.2 px, scaled by 1.008 and turned by 0.2 degrees".

    Args:
        alignment: The map.
        lines: Height of the picture in pixels, in which lengths are given.
    """
    factor = lines / alignment.size[0]
    moves = []
    if alignment.shift > 0.001 * alignment.size[0]:
        moves.append(f"moved by {alignment.shift * factor:.1f} px")
    if abs(alignment.scale - 1) > 0.001:
        moves.append(f"scaled by {alignment.scale:.3f}")
    if alignment.turn > 0.1:
        moves.append(f"turned by {alignment.turn:.1f} degrees")
    if alignment.bend * factor >= 0.05:
        moves.append(f"bent by {alignment.bend * factor:.1f} px")
    return enumerate_parts(moves or ["moved slightly"])


def enumerate_parts(parts: Sequence[str]) -> str:
    """Return the parts of a line as English lists them: "a, b and c".

    Args:
        parts: One or more.
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
