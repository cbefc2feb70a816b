"""Turn the scenes and dissolves of a plan into shots: which keyframes track a scene, and which lend it their colour."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.errors import Cancelled, PlateError
from stcolor_core.film.key_name import KeyName, PlanMistake, nearest_frames
from stcolor_core.film.likeness import SceneLook, describe_looks, frame_likeness, sample_frames
from stcolor_core.film.plan import FilmPlan, FilmPlate
from stcolor_core.film.scenes import PlateReader
from stcolor_core.film.troubles import SceneTrouble, find_culprit
from stcolor_core.images.color_room import any_can_hold_color, can_hold_color, color_room
from stcolor_core.images.frame_ranges import format_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.movies.names import is_movie
from stcolor_core.pipeline.input_spaces import has_plate_type
from stcolor_core.pipeline.transition_search import scene_describer
from stcolor_core.remedies import advise
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import SAME_AS_PLATE, Reference, Still
from stcolor_core.shots.shot import Shot

__all__ = ["FilmKeys", "SceneShot", "dissolve_shot", "find_keys", "make_shots", "scene_shot"]


@dataclass(frozen=True)
class FilmKeys:
    """The keyframes of a film that exist.

    Attributes:
        paths: Keyframe -> its picture.
        scenes: Keyframe -> the name of its scene; keyframes between scenes are not among them.
    """

    paths: Mapping[KeyName, Path]
    scenes: Mapping[KeyName, str]

    def of_scene(self, name: str) -> list[KeyName]:
        """Return the keyframes of a scene, in time order.

        Args:
            name: The scene's name.
        """
        return sorted(key for key, scene in self.scenes.items() if scene == name)


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


def find_keys(plan: FilmPlan) -> FilmKeys:
    """Return the keyframes that exist, by the plan's patterns.

    Args:
        plan: The plan.

    Raises:
        PlanMistake: If a pattern of keyframes has no frame number, or a keyframe that the plan pins or excludes does
            not exist.
    """
    paths: dict[KeyName, Path] = {}
    for name, plate in plan.plates.items():
        if plate.keys is None:
            continue
        pattern = FramePattern.parse(plate.keys)
        if not pattern.is_sequence:
            raise PlanMistake(
                f"The keyframes {plate.keys} have no frame number. Write them like keys/{name}.####.exr: "
                f"plates.{name}.keys.",
                "plates",
                name,
                "keys",
            )
        paths.update({KeyName(name, frame): pattern.path(frame) for frame in pattern.frames()})
    owner = {KeyName(scene.plate, frame): name for name, scene in plan.scenes.items() for frame in plan.frames(name)}
    for name, group in plan.groups.items():
        _require_painted(plan, paths, group.pin, "pins", "groups", name, "pin")
        _require_painted(plan, paths, group.exclude, "excludes", "groups", name, "exclude")
    if paths:  # before anything is painted, an excluded frame may be one that will be
        for name, scene in plan.scenes.items():
            _require_painted(plan, paths, scene.exclude, "excludes", "scenes", name, "exclude")
    return FilmKeys(paths, {key: owner[key] for key in sorted(paths) if key in owner})


def _require_painted(
    plan: FilmPlan, paths: Mapping[KeyName, Path], keys: Iterable[str], verb: str, part: str, name: str, setting: str
) -> None:
    """Refuse the name of a keyframe that does not exist, and name those that may be meant."""
    for number, text in enumerate(keys):
        key = KeyName.parse(text)
        if key not in paths:
            painted = plan.plates[key.plate].keys
            missing = "" if painted is None else f": there is no {FramePattern.parse(painted).path(key.frame)}"
            hint = f"{nearest_frames(key, paths)} ".lstrip()
            raise PlanMistake(
                f"{part[:-1].capitalize()} {name} {verb} {text}, which is not painted{missing}. {hint}"
                f"Paint frame {key.frame} of plate {key.plate}, or take it out of {part}.{name}.{setting}.",
                *(part, name, setting, str(number)),
            )


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
    ranking = _Likeness(plan, warn) if keys.scenes and not all(map(keys.of_scene, asked)) else None
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
            borrowed = [] if ranking is None else _borrow(plan, keys, name, ranking, warn)
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


class _Likeness:
    """The likeness of keyframes to scenes; the features of a frame are computed when they are first asked for."""

    def __init__(self, plan: FilmPlan, warn: Callable[[str], None]) -> None:
        self._plan, self._warn = plan, warn
        self._describe = scene_describer()
        self._readers: dict[str, PlateReader] = {}
        self._features: dict[KeyName, NDArray[np.float32]] = {}
        self._holds_color: dict[KeyName, bool] = {}
        self._unread: set[KeyName] = set()

    def rank(self, keys: Collection[KeyName], scene: str) -> list[KeyName]:
        """Return keyframes by their likeness to a scene, the most alike first. Reads frames only if there are any.

        Raises:
            PlateError: If a frame of the scene cannot be read.
        """
        if not keys:
            return []
        plate = self._plan.scenes[scene].plate
        frames = sample_frames(self._present(plate, self._plan.frames(scene)))
        look = SceneLook(frames, tuple(self.features(KeyName(plate, frame)) for frame in frames))
        return sorted(keys, key=lambda key: (-self._of_key(key, look), key))

    def _of_key(self, key: KeyName, look: SceneLook) -> float:
        """Return the likeness of a keyframe's plate frame to the most similar frame of a scene.

        If that plate frame cannot be read, the keyframe comes after the others: the scenes that borrow need not wait.
        """
        if key in self._unread:
            return -np.inf
        try:
            return max(frame_likeness(self.features(key), each) for each in look.features)
        except PlateError as error:
            self._unread.add(key)
            self._warn(f"Keyframe {key} is borrowed after all others, as its plate cannot be read: {error.marked}")
            return -np.inf

    def features(self, key: KeyName) -> NDArray[np.float32]:
        if key not in self._features:
            lightness = self._lightness(key)
            self._holds_color[key] = can_hold_color(color_room(lightness))
            self._features[key] = describe_looks([lightness], self._describe)[0]
        return self._features[key]

    def can_lend(self, key: KeyName) -> bool:
        """Return whether a keyframe has colour for other scenes; True if its plate frame cannot be read."""
        try:
            self.features(key)
        except PlateError:
            return True
        return self._holds_color[key]

    def holds_color(self, scene: str) -> bool:
        """Return whether a scene can hold colour; True if one of its frames cannot be read."""
        plate = self._plan.scenes[scene].plate
        try:
            frames = self._present(plate, self._plan.frames(scene))
            return any_can_hold_color(frames, lambda frame: self._lightness(KeyName(plate, frame)))
        except PlateError:
            return True

    def _lightness(self, key: KeyName) -> Plane:
        reader = self._reader(key.plate)
        if key.frame not in reader.frames:
            path = self._plan.plates[key.plate].path
            raise PlateError(f"Frame {key.frame} of {path} is missing. Render it, or {advise('missing')}.")
        return reader.lightness(key.frame)

    def _reader(self, plate: str) -> PlateReader:
        if plate not in self._readers:
            own = self._plan.plates[plate]
            self._readers[plate] = PlateReader(own, missing="skip", ocio=self._plan.ocio, warn=self._warn)
        return self._readers[plate]

    def _present(self, plate: str, frames: tuple[int, ...]) -> tuple[int, ...]:
        """Return the frames that can be looked at: all, unless the plate may lack some."""
        if self._plan.plates[plate].missing == "error":
            return frames
        there = set(self._reader(plate).frames)
        return tuple(frame for frame in frames if frame in there) or frames


def _borrow(
    plan: FilmPlan, keys: FilmKeys, name: str, ranking: _Likeness, warn: Callable[[str], None]
) -> list[KeyName]:
    """Return the keyframes of other scenes that colour a scene: the pinned ones first, then the most alike."""
    scene = plan.scenes[name]
    group = plan.groups.get(scene.group)
    excluded = {KeyName.parse(text) for text in scene.exclude}
    excluded |= {KeyName.parse(text) for each in plan.groups.values() for text in each.exclude}
    allowed = [key for key, owner in keys.scenes.items() if key not in excluded and not plan.scenes[owner].grey]
    borrowed = [key for text in (group.pin if group else ()) if (key := KeyName.parse(text)) not in excluded]
    if len(borrowed) < plan.stills:
        own_group = [key for key in allowed if plan.scenes[keys.scenes[key]].group == scene.group]
        candidates = list(filter(ranking.can_lend, own_group))
        if not candidates and not borrowed:
            candidates = list(filter(ranking.can_lend, allowed))
            if candidates and ranking.holds_color(name):
                but = " but on black or white frames, which lend no colour" if own_group else ""
                warn(
                    f"Group {scene.group} of scene {name} has no keyframe{but}: it takes the colour of the most alike "
                    "ones of the film. Paint one in this group."
                )
        borrowed += ranking.rank([key for key in candidates if key not in borrowed], name)
    borrowed = borrowed[: plan.stills]
    # a shot needs a picture in colour, and a black scene takes nothing from it
    return allowed[:1] if not borrowed and allowed and not ranking.holds_color(name) else borrowed
