"""Say how many there are of something: 1 frame, 2 frames."""

from __future__ import annotations

__all__ = ["count_of", "noun_of"]


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun, which gets an s unless there is exactly one.

    Args:
        number: How many there are.
        noun: What they are, such as "frame". Its plural is the same word with an s.
    """
    return f"{number} {noun_of(number, noun)}"


def noun_of(number: int, noun: str) -> str:
    """Return a noun alone, for a list of things that is not counted: it gets an s unless there is exactly one.

    Args:
        number: How many there are.
        noun: What they are.
    """
    return noun if number == 1 else f"{noun}s"
