"""Turn the scenes and dissolves of a plan into shots."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from stcolor_core.errors import Cancelled, PlateError
from stcolor_core.film.film_keys import FilmKeys
from stcolor_core.film.key_name import KeyName, PlanMistake
from stcolor_core.film.lending import LenderRanking, borrow
from stcolor_core.film.plan import FilmPlan, FilmPlate
from stcolor_core.film.troubles import SceneTrouble, find_culprit
from stcolor_core.images.frame_ranges import format_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.movies.names import is_movie
from stcolor_core.pipeline.input_spaces import has_plate_type
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import SAME_AS_PLATE, Reference, Still
from stcolor_core.shots.shot import Shot

__all__ = ["SceneShot", "dissolve_shot", "make_shots", "scene_shot"]


@dataclass(frozen=True)
class SceneShot:
    """A scene or dissolve as a shot.

    Attributes:
        name: The name of the scene or dissolve.
        shot: The shot; None if the film has no keyframe that may colour it.
        own: The keyframes of the scene, which are tracked.
        borrowed: Keyframes of other scenes, which are matched as stills, the most alike first.
        trouble: Why the keyframes of other scenes cannot be ranked for it: a frame of its own that cannot be read.
    """

    name: str
    shot: Shot | None
    own: tuple[KeyName, ...] = ()
    borrowed: tuple[KeyName, ...] = ()
    trouble: SceneTrouble | None = None


def make_shots(
    plan: FilmPlan,
    keys: FilmKeys,
    *,
    only: Collection[str] = (),
    warn: Callable[[str], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[SceneShot]:
    """Return every scene as a shot, in the order of the film.

    A scene with keyframes of its own is coloured from these. Another one takes those of its group, the pinned ones
    first, then the most alike, at most `plan.stills`. If its group has none, the most alike ones of the film do. A
    scene that is to stay grey takes no colour, and lends none. A keyframe on a black or white frame is lent to none,
    and a black or white scene asks for none.

    Args:
        plan: The plan.
        keys: The keyframes that exist.
        only: Names of the scenes to return; empty for all.
        warn: Called with one line for the artist.
        cancelled: Asked before every scene, since ranking reads frames.

    Raises:
        Cancelled: Once `cancelled` returns True.
        PlanMistake: If a keyframe that a scene borrows has no colour space of its own there.
    """
    names = [name for name in plan.scenes if not only or name in only]
    asked = [name for name in names if not plan.scenes[name].grey]
    ranking = LenderRanking(plan, warn) if keys.scenes and not all(map(keys.of_scene, asked)) else None
    shots: list[SceneShot] = []
    for name in names:
        if cancelled():
            raise Cancelled(f"{name}: Cancelled before anything was coloured. Run again to continue.")
        if plan.scenes[name].grey:
            shots.append(_grey_shot(plan, keys, name))
            continue
        own = keys.of_scene(name)
        if own:
            shots.append(SceneShot(name, _scene_shot(plan, keys, name, own, ()), tuple(own)))
            continue
        try:
            borrowed = [] if ranking is None else borrow(plan, keys, name, ranking, warn)
        except PlateError as error:
            needed = _scene_shot(plan, keys, name, (), ())
            trouble = SceneTrouble(name, error.marked, find_culprit(needed, error.marked))
            shots.append(SceneShot(name, None, trouble=trouble))
            continue
        shot = _scene_shot(plan, keys, name, (), borrowed) if borrowed else None
        shots.append(SceneShot(name, shot, (), tuple(borrowed)))
    return shots


def scene_shot(plan: FilmPlan, keys: FilmKeys, name: str) -> Shot:
    """Return a scene as a shot with its own keyframes alone, if it has any.

    Args:
        plan: The plan.
        keys: The keyframes that exist.
        name: The scene's name.
    """
    return _scene_shot(plan, keys, name, keys.of_scene(name), ())


def dissolve_shot(plan: FilmPlan, name: str, keys: FilmKeys) -> SceneShot:
    """Return a dissolve as a shot: its frames, between the results of the frames before and after it.

    The results of its two scenes are its keyframes, so that its colours meet theirs without a step.

    Args:
        plan: The plan.
        name: The dissolve's name.
        keys: The keyframes that exist; those on the dissolve's own frames keep their colour.
    """
    dissolve = plan.dissolves[name]
    plate_name = plan.scenes[dissolve.before].plate
    plate = plan.plates[plate_name]
    frames = _not_skipped(plate, plan.dissolve_frames(name))
    ends = {
        dissolve.before: _not_skipped(plate, plan.frames(dissolve.before))[-1],
        dissolve.after: _not_skipped(plate, plan.frames(dissolve.after))[0],
    }
    references = [
        Reference(
            frame=frame,
            path=str(plan.output_of(scene).path(frame)),
            colorspace=SAME_AS_PLATE,
            alpha="ignore",
            patch=False,
        )
        for scene, frame in ends.items()
    ]
    own = [key for key in (KeyName(plate_name, frame) for frame in frames) if key in keys.paths]
    references += [Reference(frame=key.frame, path=str(keys.paths[key])) for key in own]
    shot = _shot(plan, name, plate_name, (min(ends.values()), *frames, max(ends.values())), written=frames)
    method = replace(shot.method, cuts=f"{frames[0]}-{frames[-1]}", register="off")
    return SceneShot(name, replace(shot, references=tuple(references), method=method), tuple(own))


def _not_skipped(plate: FilmPlate, frames: tuple[int, ...]) -> tuple[int, ...]:
    """Return the frames without those that the plate leaves out because they are missing; all if none is there."""
    if plate.missing != "skip" or is_movie(plate.path):
        return frames
    on_disk = set(FramePattern.parse(plate.path).frames())
    return tuple(frame for frame in frames if frame in on_disk) or frames


def _scene_shot(plan: FilmPlan, keys: FilmKeys, name: str, own: Iterable[KeyName], borrowed: Iterable[KeyName]) -> Shot:
    shot = _shot(plan, name, plan.scenes[name].plate, plan.frames(name))
    references = tuple(Reference(frame=key.frame, path=str(keys.paths[key])) for key in own)
    stills = tuple(
        Still(path=str(keys.paths[key]), colorspace=_space_of_borrowed(plan, keys, name, key)) for key in borrowed
    )
    return replace(shot, references=references, stills=stills)


def _grey_shot(plan: FilmPlan, keys: FilmKeys, name: str) -> SceneShot:
    """Return a scene that stays grey as a shot.

    Every shot needs a picture in colour, and this one takes nothing from it. A picture of its own plate comes first,
    whose colour space is known.
    """
    plate = plan.scenes[name].plate
    some = sorted(keys.scenes, key=lambda key: (plan.scenes[keys.scenes[key]].grey, key.plate != plate, key))[:1]
    if not some:
        return SceneShot(name, None)
    shot = _scene_shot(plan, keys, name, (), some)
    return SceneShot(name, replace(shot, method=replace(shot.method, chroma=0.0, keep_chroma=0.0)), (), tuple(some))


def _space_of_borrowed(plan: FilmPlan, keys: FilmKeys, name: str, key: KeyName) -> str | None:
    """Return the colour space to name for a keyframe of another plate, so that it is read as its own plate reads it.

    A picture without a space of its own takes that of the plate, if both have one file type.
    """
    path, own, other = keys.paths[key], plan.plates[key.plate], plan.plates[plan.scenes[name].plate]
    if own == other:
        return None
    space = own.colorspace if has_plate_type(own.path, path) else None
    if space is None and other.colorspace is not None and has_plate_type(other.path, path):
        raise PlanMistake(
            f"Scene {name} borrows the keyframe {key}, which has the default colour space of its file type, but would "
            f"be read as {other.colorspace} there. Give plates.{key.plate}.colorspace.",
            "plates",
            key.plate,
        )
    return space


def _shot(
    plan: FilmPlan, name: str, plate_name: str, frames: Iterable[int], *, written: Iterable[int] | None = None
) -> Shot:
    return Shot(
        plate=plan.plates[plate_name].as_plate(format_frames(frames)),
        output=Output(
            path=plan.output_of(name).text,
            frames=None if written is None else format_frames(written),
            provenance=plan.provenance,
        ),
        method=replace(plan.method, cuts="none"),
        ocio=plan.ocio,
    )
