"""Say how many there are of something: 1 frame, 2 frames."""

from __future__ import annotations

__all__ = ["count_of"]


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun, which gets an s unless there is exactly one.

    Args:
        number: How many there are.
        noun: What they are, such as "frame".
        plural: Their plural, such as "scenes and dissolves"; None for the same word with an s.
    """
    if plural is None:
        plural = f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
