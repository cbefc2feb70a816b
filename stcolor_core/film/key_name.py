"""The name of a keyframe in a film's plan, and what is said about a mistake in one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from stcolor_core.errors import BadRequest

__all__ = ["KeyName", "PlanMistake", "did_you_mean", "nearest_frames"]

_MOST_NAMED = 5


class PlanMistake(BadRequest):
    """A setting of a plan is wrong. Who knows the plan's file adds its name and line to the message.

    Args:
        message: What is wrong, and what to do.
        place: The names that lead to the setting, such as "groups", "a", "pin", "0"; none for the whole plan.
    """

    def __init__(self, message: str, *place: str) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, order=True)
class KeyName:
    """The name of a keyframe in a plan, written as PLATE:FRAME.

    Attributes:
        plate: The name of its plate.
        frame: The plate frame that it colours.
    """

    plate: str
    frame: int

    @classmethod
    def parse(cls, text: str) -> KeyName:
        """Return the name that a text like "reel1:1010" stands for.

        Args:
            text: The text.

        Raises:
            PlanMistake: If the text is not such a name.
        """
        plate, colon, frame = text.partition(":")
        if not colon or re.fullmatch(r"-?[0-9]{1,10}", frame) is None:
            raise PlanMistake(f"The keyframe {text[:80]!r} cannot be read. Write it as PLATE:FRAME, like reel1:1010.")
        return cls(plate, int(frame))

    def __str__(self) -> str:
        return f"{self.plate}:{self.frame}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that names what a mistyped name may stand for: the most similar ones, else the first few.

    Args:
        name: The name that is unknown.
        known: The names that there are.
    """
    names = list(known)
    by_folded = {each.casefold(): each for each in reversed(names)}
    similar = [by_folded[each] for each in difflib.get_close_matches(name.casefold(), by_folded, n=3)]
    if similar:
        return f"Did you mean {' or '.join(similar)}?"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"There is {', '.join(names[:_MOST_NAMED])}{more}." if names else "There is none."


def nearest_frames(key: KeyName, known: Iterable[KeyName]) -> str:
    """Return a sentence that names the keyframes that are nearest to one that does not exist.

    Args:
        key: The keyframe that does not exist.
        known: Those that do.
    """
    others = sorted((each for each in known if each.plate == key.plate), key=lambda each: abs(each.frame - key.frame))
    return f"The nearest ones are {' and '.join(map(str, others[:2]))}." if others else ""
