"""Say how many there are of something: 1 frame, 2 frames."""

from __future__ import annotations

__all__ = ["count_of"]


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun, which gets an s unless there is exactly one.

    Args:
        number: How many there are.
        noun: What they are, such as "frame". Its plural is the same word with an s.
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
