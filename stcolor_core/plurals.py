"""Say how many there are of something, and choose the words that agree with it: 1 frame is, 2 frames are."""

from __future__ import annotations

__all__ = ["count_of", "form_of"]


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun, which gets an s unless there is exactly one.

    Args:
        number: How many there are.
        noun: What they are, such as "frame".
        plural: Their plural, such as "scenes and dissolves"; None for the same word with an s.
    """
    return f"{number} {form_of(number, noun, f'{noun}s' if plural is None else plural)}"


def form_of(number: int, singular: str, plural: str) -> str:
    """Return the words that agree with a number of things.

    Args:
        number: How many there are.
        singular: The words for exactly one, such as "is missing".
        plural: The words for any other number, such as "are missing".
    """
    return singular if number == 1 else plural
