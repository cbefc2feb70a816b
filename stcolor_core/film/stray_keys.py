"""Find pictures that may be meant as keyframes but that the plan does not take: a PNG beside EXRs, a 7 for 0007."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from stcolor_core.files.given_paths import is_folder
from stcolor_core.film.plan import FilmPlan
from stcolor_core.images.sequences import FramePattern

__all__ = ["describe_stray_keys"]

_NUMBERED = re.compile(
    r"(.*?)((?<![0-9a-z])-[0-9]+|[0-9]+)(\.(?:exr|sxr|dpx|cin|tiff?|png|jpe?g|jp2|j2k|j2c|psd|webp|tga))", re.IGNORECASE
)
_SEPARATORS = re.compile(r"[^0-9a-z]+")
_MOST_LISTED, _MOST_NAMED = 20_000, 3  # files of a folder that are looked at, and that are named


def describe_stray_keys(plan: FilmPlan) -> list[str]:
    """Return a line for each plate beside whose keyframes lie pictures that look like some, but are not taken.

    Args:
        plan: The plan.
    """
    patterns = {name: FramePattern.parse(plate.keys) for name, plate in plan.plates.items() if plate.keys is not None}
    taken = [*patterns.values(), *(FramePattern.parse(plate.path) for plate in plan.plates.values())]
    heads = {_plain(pattern.head) for pattern in patterns.values()}
    return [line for name, pattern in patterns.items() for line in _describe(name, pattern, taken, heads)]


def _describe(name: str, pattern: FramePattern, taken: list[FramePattern], heads: set[str]) -> Iterator[str]:
    if not pattern.is_sequence:
        return
    if len(heads) > 1 and not is_folder(pattern.folder):  # with a single plate the lack of any keyframe is told
        yield (
            f"There is no folder {pattern.folder} for the keyframes of plate {name}. "
            f"Correct plates.{name}.keys, or paint there."
        )
    others = heads - {_plain(pattern.head)}
    strays = sorted(
        path.name for path in _look_alikes(pattern, others) if not any(_takes(each, path) for each in taken)
    )
    if strays:
        more = f" and {len(strays) - _MOST_NAMED} more" if len(strays) > _MOST_NAMED else ""
        yield (
            f"{', '.join(strays[:_MOST_NAMED])}{more} in {pattern.folder} may be meant as keyframes of plate {name}, "
            f"but are not read: its keys are {pattern.text}. Save them like {pattern.path(_frame(strays[0])).name}, or "
            f"correct plates.{name}.keys."
        )


def _look_alikes(pattern: FramePattern, others: set[str]) -> Iterator[Path]:
    """Yield the numbered pictures in the folder of a pattern whose names begin as it does, but for case and separators.

    If the pattern takes no file at all, any numbered picture there is one, unless it begins as another plate's do.
    """
    head, any_name = _plain(pattern.head), not pattern.frames()
    try:
        with os.scandir(pattern.folder) as entries:
            names = [entry.name for entry in islice(entries, _MOST_LISTED) if not entry.name.startswith(".")]
    except OSError:  # there is no keyframe yet
        return
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match is not None and (_plain(match[1]) == head or (any_name and _plain(match[1]) not in others)):
            yield pattern.folder / name


def _takes(pattern: FramePattern, path: Path) -> bool:
    match = re.fullmatch(rf"{re.escape(pattern.head)}(-?[0-9]+){re.escape(pattern.tail)}", path.name)
    if match is None or pattern.folder.absolute() != path.parent.absolute():
        return False
    return pattern.path(int(match[1])).name == path.name


def _frame(name: str) -> int:
    match = _NUMBERED.fullmatch(name)
    assert match is not None
    return int(match[2])


def _plain(text: str) -> str:
    return _SEPARATORS.sub("", text.casefold())
