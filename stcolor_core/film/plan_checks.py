"""Checks of a film's plan: every name, number and frame in it that a person can mistype.

A mistake is told with the place of its setting, and with what may have been meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from stcolor_core.errors import BadRequest
from stcolor_core.film.key_name import KeyName, PlanMistake, did_you_mean
from stcolor_core.images.frame_ranges import name_frames, name_runs, parse_frames
from stcolor_core.plurals import form_of

if TYPE_CHECKING:
    from stcolor_core.film.plan import FilmPlan

__all__ = ["check_plan"]


def check_plan(plan: FilmPlan) -> None:
    """Check a plan as far as that is possible without its files.

    Args:
        plan: The plan.

    Raises:
        PlanMistake: About the first mistake.
    """
    _check_plates(plan)
    _check_scenes(plan)
    _check_overlaps(plan)
    if len(plan.plates) > 1:
        _check_shared_keys(plan)
    _check_dissolves(plan)
    _check_group_names(plan)
    _check_groups_of_scenes(plan)
    if any(scene.exclude for scene in plan.scenes.values()) or any(g.pin or g.exclude for g in plan.groups.values()):
        _check_keys(plan)


def _check_keys(plan: FilmPlan) -> None:
    owners = _owners(plan)
    for name, scene in plan.scenes.items():
        for place, key in _keys(plan, owners, scene.exclude, "scenes", name, "exclude"):
            if owners[key] == ("scene", name):
                raise PlanMistake(
                    f"Scene {name} excludes {key}, which is a frame of its own, and its own keyframes always colour "
                    "it. Take it out; move the picture away if it is not to be used.",
                    *place,
                )
    for name, group in plan.groups.items():
        excluded = {key for _, key in _keys(plan, owners, group.exclude, "groups", name, "exclude")}
        pins = list(_keys(plan, owners, group.pin, "groups", name, "pin"))
        for number, (place, key) in enumerate(pins, 1):
            if key in excluded:
                raise PlanMistake(f"Group {name} pins {key} and excludes it. Take it out of one of the two.", *place)
            if number > plan.stills:
                raise PlanMistake(
                    f"Group {name} pins {len(pins)} keyframes, but a scene takes {plan.stills} at most. Take {key} "
                    f"out, or set stills to {len(pins)}.",
                    *place,
                )


def _check_plates(plan: FilmPlan) -> None:
    for name, plate in plan.plates.items():
        try:
            plate.as_plate(None)
        except BadRequest as error:
            raise PlanMistake(f"Plate {name}: {error}", "plates", name) from None
        if plate.keys == plate.path:
            raise PlanMistake(
                f"The keys of plate {name} are the plate itself: every frame of it would be a keyframe. Write the keys "
                f"into a folder of their own, like keys/{name}.####.exr.",
                *("plates", name, "keys"),
            )


def _check_scenes(plan: FilmPlan) -> None:
    for name, scene in plan.scenes.items():
        if scene.plate not in plan.plates:
            raise PlanMistake(
                f"Scene {name} is of plate {scene.plate!r}, which the plan does not have. "
                f"{did_you_mean(scene.plate, plan.plates)} Correct scenes.{name}.plate.",
                *("scenes", name, "plate"),
            )
        if not scene.frames.strip():
            raise PlanMistake(
                f"Scene {name} has no frame. Give it some, or delete the scene.", "scenes", name, "frames"
            )
        try:
            parse_frames(scene.frames)
        except BadRequest as error:
            raise PlanMistake(f"Scene {name}: {error}", "scenes", name, "frames") from None


def _check_overlaps(plan: FilmPlan) -> None:
    owners: dict[tuple[str, int], str] = {}
    for name, scene in plan.scenes.items():
        frames = plan.frames(name)
        shared = [frame for frame in frames if (scene.plate, frame) in owners]
        if shared:
            raise PlanMistake(
                f"{name_frames(shared, 'Frame')} of plate {scene.plate} {form_of(len(shared), 'is', 'are')} in the "
                f"scenes {owners[scene.plate, shared[0]]} and {name}. Correct scenes.{name}.frames.",
                *("scenes", name, "frames"),
            )
        owners.update(dict.fromkeys(((scene.plate, frame) for frame in frames), name))


def _check_shared_keys(plan: FilmPlan) -> None:
    """Refuse plates with the same keys whose scenes have frames of the same numbers: one picture would colour both."""
    owners: dict[tuple[str, int], str] = {}
    for name, scene in plan.scenes.items():
        keys = plan.plates[scene.plate].keys
        for frame in plan.frames(name) if keys is not None else ():
            other = owners.setdefault((str(keys), frame), scene.plate)
            if plan.plates[other].path != plan.plates[scene.plate].path:
                raise PlanMistake(
                    f"The plates {other} and {scene.plate} have the same keys, {keys}, and both have scenes with frame "
                    f"{frame}: one picture would colour both. Give plates.{scene.plate}.keys a pattern of its own.",
                    *("plates", scene.plate, "keys"),
                )


def _check_dissolves(plan: FilmPlan) -> None:
    owners = {(scene.plate, frame): name for name, scene in plan.scenes.items() for frame in plan.frames(name)}
    for name in plan.dissolves:
        plate = ""
        for frame in plan.dissolve_frames(name):
            plate = plate or plan.scenes[plan.dissolves[name].before].plate
            if (plate, frame) in owners:
                raise PlanMistake(
                    f"Dissolve {name} mixes frame {frame} of plate {plate}, which is in {owners[plate, frame]}. "
                    f"Correct its scenes, or remove dissolves.{name}.",
                    *("dissolves", name),
                )
            owners[plate, frame] = name


def _check_group_names(plan: FilmPlan) -> None:
    """Refuse decisions for a group that no scene is in. An empty entry, whose scenes were moved, does no harm."""
    for name, group in plan.groups.items():
        if (group.pin or group.exclude) and name not in plan.group_names:
            raise PlanMistake(
                f"No scene is in group {name}. {did_you_mean(name, plan.group_names)} Correct the name of the group, "
                "or delete it.",
                *("groups", name),
            )


def _check_groups_of_scenes(plan: FilmPlan) -> None:
    """Refuse a group that is not listed and looks like a slip of one that is: it would lend the scene no colour."""
    for name, scene in plan.scenes.items():
        if scene.group not in plan.groups and (meant := get_close_matches(scene.group, plan.groups)):
            raise PlanMistake(
                f"Scene {name} is in group {scene.group}, which is not among the groups. Did you mean {meant[0]}? "
                f"If it is a new group, add it: groups: {{{scene.group}: {{}}}}.",
                *("scenes", name, "group"),
            )


def _owners(plan: FilmPlan) -> dict[KeyName, tuple[str, str]]:
    """Return frame -> what it belongs to: ("scene" or "dissolve", its name)."""
    owners = {KeyName(plan.scenes[n].plate, f): ("scene", n) for n in plan.scenes for f in plan.frames(n)}
    for name, dissolve in plan.dissolves.items():
        plate = plan.scenes[dissolve.before].plate
        owners.update({KeyName(plate, frame): ("dissolve", name) for frame in plan.dissolve_frames(name)})
    return owners


def _keys(
    plan: FilmPlan, owners: dict[KeyName, tuple[str, str]], keys: tuple[str, ...], *place: str
) -> Iterable[tuple[tuple[str, ...], KeyName]]:
    """Yield the place and the name of each keyframe of a list, which must be a frame of the film."""
    setting = ".".join(place)
    for number, text in enumerate(keys):
        here = (*place, str(number))
        try:
            key = KeyName.parse(text)
        except PlanMistake as error:
            raise PlanMistake(f"{setting}: {error}", *here) from None
        if key.plate not in plan.plates:
            raise PlanMistake(
                f"{setting} names the keyframe {key}, but there is no plate {key.plate!r}. "
                f"{did_you_mean(key.plate, plan.plates)} Correct it.",
                *here,
            )
        if owners.get(key, ("dissolve", ""))[0] == "dissolve":  # such keyframes colour their dissolve alone
            raise PlanMistake(
                f"{setting} names the keyframe {key}, which is a frame of no scene{_nearest(plan, key)}. Correct it.",
                *here,
            )
        yield here, key


def _nearest(plan: FilmPlan, key: KeyName) -> str:
    """Return the scene whose frames are nearest to one, in words."""
    ends = [
        (min(abs(frame - key.frame) for frame in (frames[0], frames[-1])), name, frames)
        for name, scene in plan.scenes.items()
        if scene.plate == key.plate
        for frames in [plan.frames(name)]
    ]
    if not ends:
        return ""
    _, name, frames = min(ends)
    return f"; the nearest, {name}, has the {name_runs([range(frames[0], frames[-1] + 1)])}"
