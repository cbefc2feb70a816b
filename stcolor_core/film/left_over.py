"""Find what an edit of the plan has left over: results that it has no more, and plate frames that nothing colours.

Scenes were merged, split, shortened or renamed, and their old frames are still there. Nothing is removed, since
somebody may need them; but whoever loads the sequence must know that their colour is old.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from stcolor_core.errors import PlateError
from stcolor_core.film.plan import SCENE_FIELD, FilmPlan
from stcolor_core.images import plates
from stcolor_core.images.frame_ranges import name_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.movies.names import is_movie
from stcolor_core.plurals import form_of

__all__ = ["describe_left_over", "find_left_over", "find_uncolored"]

_MOST_NAMED = 10
_SETTINGS = "stcolor/settings"  # the metadata that every frame of ours has


def find_left_over(plan: FilmPlan) -> dict[str, tuple[int, ...]]:
    """Return the frames of ours at the plan's output that belong to none of its scenes: pattern -> frames.

    Args:
        plan: The plan.
    """
    expected: dict[str, frozenset[int]] = {name: frozenset(plan.frames(name)) for name in plan.scenes}
    expected |= {name: frozenset(plan.dissolve_frames(name)) for name in plan.dissolves}
    found: dict[str, tuple[int, ...]] = {}
    for name in sorted({*expected, *_names_on_disk(plan)}):
        pattern = plan.output_of(name)
        frames = tuple(frame for frame in _frames(pattern) if frame not in expected.get(name, ()))
        if frames and _is_ours(pattern.path(frames[0])):
            found[pattern.text] = frames
    return found


def find_uncolored(plan: FilmPlan) -> dict[str, tuple[int, ...]]:
    """Return the frames of each plate that no scene and no dissolve holds: plate -> frames.

    A plate of which the film shows less than half has such frames on purpose; it is left out, and so are movies.

    Args:
        plan: The plan.
    """
    held: dict[str, set[int]] = {name: set() for name in plan.plates}
    for name, scene in plan.scenes.items():
        held[scene.plate].update(plan.frames(name))
    for name, dissolve in plan.dissolves.items():
        held[plan.scenes[dissolve.before].plate].update(plan.dissolve_frames(name))
    found = {}
    for name, plate in plan.plates.items():
        frames = () if is_movie(plate.path) else _frames(FramePattern.parse(plate.path))
        left = tuple(frame for frame in frames if frame not in held[name])
        if left and 2 * len(left) < len(frames):
            found[name] = left
    return found


def describe_left_over(plan: FilmPlan) -> Iterator[str]:
    """Yield a line for each plate with frames that stay uncoloured, and each sequence that the plan has no more.

    Args:
        plan: The plan.
    """
    for plate, frames in find_uncolored(plan).items():
        yield f"{name_frames(frames, 'Frame')} of plate {plate} " + form_of(
            len(frames),
            "is in no scene and stays uncoloured. Give it to a scene, if it is to be coloured.",
            "are in no scene and stay uncoloured. Give them to a scene, if they are to be coloured.",
        )
    found = find_left_over(plan)
    for text, frames in list(found.items())[:_MOST_NAMED]:
        yield f"{name_frames(frames, 'Frame')} of {text} " + form_of(
            len(frames),
            "is of an earlier plan, with its old colour. Remove it.",
            "are of an earlier plan, with their old colour. Remove them.",
        )
    if len(found) > _MOST_NAMED:
        yield f"So are frames of {len(found) - _MOST_NAMED} more scenes that the plan does not have."


def _names_on_disk(plan: FilmPlan) -> set[str]:
    """Return the names of scenes whose frames, or whose folder, lie at the plan's output."""
    parts = Path(plan.output).parts
    number = next(number for number, part in enumerate(parts) if SCENE_FIELD in part)
    if number + 1 < len(parts):
        own = re.escape(parts[number])
    else:
        pattern = FramePattern.parse(parts[number])
        own = f"{re.escape(pattern.head)}-?[0-9]+{re.escape(pattern.tail)}"
    first, *others = own.split(re.escape(SCENE_FIELD))
    name = re.compile(f"{first}(?P<scene>[A-Za-z0-9][A-Za-z0-9_-]{{0,63}}){'(?P=scene)'.join(others)}")
    try:
        matches = [name.fullmatch(entry.name) for entry in Path(*parts[:number]).iterdir()]
    except OSError:  # nothing has been written yet
        return set()
    return {match["scene"] for match in matches if match is not None}


def _frames(pattern: FramePattern) -> list[int]:
    try:
        return pattern.frames()
    except PlateError:
        return []


def _is_ours(path: Path) -> bool:
    try:
        return _SETTINGS in plates.read_header(path).metadata
    except PlateError:
        return False
