"""Say how many there are of something: 1 frame, 2 frames."""

from __future__ import annotations

__all__ = ["count_of", "count_of_film_parts"]


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun, which gets an s unless there is exactly one.

    Args:
        number: How many there are.
        noun: What they are, such as "frame". Its plural is the same word with an s.
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def count_of_film_parts(number: int) -> str:
    """Return a number with "scenes and dissolves"; with "scene or dissolve" if there is exactly one.

    Args:
        number: How many there are, of both together.
    """
    return f"{number} scene or dissolve" if number == 1 else f"{number} scenes and dissolves"
