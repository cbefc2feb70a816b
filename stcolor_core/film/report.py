"""Report on a film: what is done and to go, how the scenes of each group agree in colour, and the weakest scenes.

The regions of a group are clusters of its scenes' features, that is, of the luminance alone: positions that look alike
in any of its scenes. A region's spread over the scenes is how far its mean a* and b* differ from scene to scene.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.errors import PlateError, StcolorError
from stcolor_core.film.coloring import film_shots
from stcolor_core.film.film_keys import FilmKeys, find_keys
from stcolor_core.film.left_over import describe_left_over
from stcolor_core.film.likeness import describe_looks
from stcolor_core.film.plan import FilmPlan
from stcolor_core.film.plate_changes import describe_changes, require_plates
from stcolor_core.film.progress import SceneProgress, describe_duration, measure_pace, read_progress
from stcolor_core.film.scenes import PlateReader
from stcolor_core.film.shots import SceneShot
from stcolor_core.film.troubles import SceneTrouble, describe_troubles, load_troubles
from stcolor_core.images import plates
from stcolor_core.images.color_room import any_can_hold_color
from stcolor_core.images.frame_ranges import format_frames
from stcolor_core.pipeline.transition_search import scene_describer
from stcolor_core.plurals import count_of

__all__ = ["FilmReport", "GroupReport", "RegionReport", "SceneReport", "make_report"]

_REGIONS = 6  # of a group
_LEAST = 0.02  # share of a scene's positions that a region has there at least
_GRID = (9, 16)  # of `describe_looks`
_COLOR = ("rc_ab.u", "rc_ab.v")
_WEAKEST = 10
_WEAK = 0.9  # mean confidence below which a scene is worth a look


@dataclass(frozen=True)
class SceneReport:
    """The state of a scene.

    Attributes:
        name: Its name.
        group: Its group.
        frames: The number of its frames.
        done: The number of frames that are on disk and up to date.
        keys: The number of its own keyframes.
        confidence: Mean confidence of those, 0..1; None without any.
    """

    name: str
    group: str
    frames: int
    done: int
    keys: int
    confidence: float | None


@dataclass(frozen=True)
class RegionReport:
    """What looks alike in several scenes of a group.

    Attributes:
        scenes: The number of scenes that show it.
        a: Mean a* over the scenes.
        b: Mean b*.
        spread: Root mean square distance of the scenes' mean colours from these, in units of a* and b*.
        farthest: The name of the scene that is farthest from them.
    """

    scenes: int
    a: float
    b: float
    spread: float
    farthest: str


@dataclass(frozen=True)
class GroupReport:
    """How the scenes of a group agree.

    Attributes:
        name: Its name.
        scenes: The number of its scenes.
        keys: The number of keyframes in them.
        regions: Its regions that at least two coloured scenes show.
    """

    name: str
    scenes: int
    keys: int
    regions: tuple[RegionReport, ...]

    @property
    def spread(self) -> float | None:
        """Return the mean spread of its regions; None if there is none."""
        return float(np.mean([region.spread for region in self.regions])) if self.regions else None


@dataclass(frozen=True)
class FilmReport:
    """The report on a film.

    Attributes:
        scenes: Its scenes, in the order of the film.
        groups: Its groups.
        weakest: Names of the coloured scenes with the least confidence, the weakest first.
        frames: The number of frames of all scenes and dissolves.
        done: The number of those that are on disk and up to date.
        keys: The number of keyframes.
        groups_without_key: Names of the groups that have none, or none but on black or white frames, which lend no
            colour: the keyframes that are still to be painted at least. A group of black or white scenes needs none.
        seconds_spent: The time that the frames on disk took, without pauses; None if they do not say it.
        seconds_per_frame: The time from one frame to the next.
        seconds_left: The time that the frames to go would take at this pace.
        troubles: The scenes and dissolves with frames to go that wait for a file to be mended, as far as that shows
            without reading the plates, and those at which the last run stopped.
        left_over: What an edit of the plan left over, in words: plate frames in no scene, results it has no more.
    """

    scenes: tuple[SceneReport, ...]
    groups: tuple[GroupReport, ...]
    weakest: tuple[str, ...]
    frames: int
    done: int
    keys: int
    groups_without_key: tuple[str, ...]
    seconds_spent: float | None = None
    seconds_per_frame: float | None = None
    seconds_left: float | None = None
    troubles: tuple[SceneTrouble, ...] = ()
    left_over: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield the report as lines of text."""
        to_go = self.frames - self.done
        frames, keys = count_of(self.frames, "frame"), count_of(self.keys, "keyframe")
        yield f"{self.done} of {frames} coloured, {to_go} to go; {keys}."
        yield self._describe_cost(to_go)
        if self.groups_without_key:
            groups = ", ".join(self.groups_without_key)
            remedy = "Paint one in each; one on a black or white frame lends none."
            yield f"Groups without a keyframe that lends colour: {groups}. {remedy}"
        yield from describe_troubles(self.troubles)
        yield from self.left_over
        for group in self.groups:
            yield from _describe_group(group)
        by_name = {scene.name: scene for scene in self.scenes}
        weak = [scene for name in self.weakest if ((scene := by_name[name]).confidence or 0) < _WEAK]
        if self.weakest and not weak:
            least = by_name[self.weakest[0]]
            yield f"No scene is weak: the least certain, {least.name}, has a confidence of {least.confidence:.2f}."
        for scene in weak:
            own = f"{count_of(scene.keys, 'keyframe')} of its own" if scene.keys else "no keyframe of its own"
            yield f"Weak: {scene.name} (group {scene.group}), confidence {scene.confidence:.2f}, {own}."

    def _describe_cost(self, to_go: int) -> str:
        if self.seconds_spent is None or self.seconds_per_frame is None or self.seconds_left is None:
            return "How long the frames to go take shows once three are coloured."
        pace = f"{self.seconds_per_frame:.1f} s a frame"
        left = f"about {describe_duration(self.seconds_left)} to go" if to_go else "nothing to go"
        return f"Time: {describe_duration(self.seconds_spent)} so far, {pace}; {left}."


def make_report(plan: FilmPlan, *, warn: Callable[[str], None] = lambda _: None) -> FilmReport:
    """Return the report on a film, from its plates and the frames on disk.

    Args:
        plan: The plan.
        warn: Called with one line for the artist.

    Raises:
        StcolorError: If the report cannot be made, for a fault that is not one scene's alone.
    """
    require_plates(plan)
    keys = find_keys(plan)
    if keys.scenes:
        shots, mixed = film_shots(plan, warn=warn)
    else:
        shots, mixed = _bare(plan.scenes), _bare(plan.dissolves)
        for line in describe_changes(plan):
            warn(line)
    progress = {each.name: each for each in read_progress(plan, shots, mixed)}
    scenes = [
        SceneReport(name, scene.group, len(plan.frames(name)), state.done, len(keys.of_scene(name)), state.confidence)
        for name, scene in plan.scenes.items()
        for state in [progress[name]]
    ]
    groups = tuple(_group(plan, name, scenes, progress, warn) for name in plan.group_names)
    coloured = sorted((each for each in scenes if each.confidence is not None), key=lambda each: each.confidence or 0)
    frames = sum(len(each.frames) for each in progress.values())
    done = sum(each.done for each in progress.values())
    pace = measure_pace(progress.values())
    found = load_troubles(plan) | {each.name: each.trouble for each in progress.values() if each.trouble is not None}
    return FilmReport(
        scenes=tuple(scenes),
        groups=groups,
        weakest=tuple(each.name for each in coloured[:_WEAKEST]),
        frames=frames,
        done=done,
        keys=len(keys.paths),
        groups_without_key=tuple(group.name for group in groups if _needs_key(plan, keys, group.name)),
        seconds_spent=None if pace is None else pace.seconds,
        seconds_per_frame=None if pace is None else pace.per_frame,
        seconds_left=None if pace is None else pace.per_frame * (frames - done),
        troubles=tuple(found[name] for name, state in progress.items() if name in found and state.to_color),
        left_over=tuple(describe_left_over(plan)),
    )


def _needs_key(plan: FilmPlan, keys: FilmKeys, group: str) -> bool:
    """Return whether a group has scenes that are to have colour and can hold it, and no keyframe that lends some.

    What cannot be read counts as holding colour.
    """
    members = [name for name in plan.members(group) if not plan.scenes[name].grey]
    painted = [(name, key.frame) for name in members for key in keys.of_scene(name)]
    if any(_can_hold_color(plan, name, (frame,)) for name, frame in painted):
        return False
    return any(_can_hold_color(plan, name, plan.frames(name)) for name in members)


def _can_hold_color(plan: FilmPlan, scene: str, frames: tuple[int, ...]) -> bool:
    """Return whether any of these frames of a scene can hold colour; True if they are not there or cannot be read."""
    try:
        # only these frames: to open a film's whole plate takes seconds
        plate = plan.plates[plan.scenes[scene].plate]
        reader = PlateReader(plate, frames=format_frames(frames), missing="skip", ocio=plan.ocio)
        return not reader.frames or any_can_hold_color(reader.frames, reader.lightness)
    except StcolorError:
        return True


def _bare(names: Iterable[str]) -> list[SceneShot]:
    return [SceneShot(name, None) for name in names]


def _describe_group(group: GroupReport) -> Iterator[str]:
    agree = "" if group.scenes < 2 else "; colours agree: not known until two of its scenes are coloured"
    agree = agree if group.spread is None else f"; colours agree: spread {group.spread:.1f}"
    yield f"Group {group.name}: {count_of(group.scenes, 'scene')}, {count_of(group.keys, 'keyframe')}{agree}."
    for region in group.regions:
        yield (
            f"  a* {region.a:+.1f}, b* {region.b:+.1f}: spread {region.spread:.1f} over "
            f"{count_of(region.scenes, 'scene')}; farthest {region.farthest}"
        )


def _group(
    plan: FilmPlan,
    group: str,
    scenes: list[SceneReport],
    progress: Mapping[str, SceneProgress],
    warn: Callable[[str], None],
) -> GroupReport:
    members = [scene for scene in scenes if scene.group == group]
    described = [
        (scene.name, *found) for scene in members if (found := _describe(plan, progress[scene.name], warn)) is not None
    ]
    regions = _regions(described) if len(described) > 1 else ()
    return GroupReport(group, len(members), sum(scene.keys for scene in members), tuple(regions))


def _describe(
    plan: FilmPlan, scene: SceneProgress, warn: Callable[[str], None]
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return features (P, C) and colours (P, 2) of a scene's middle coloured frame.

    Returns None if no frame is coloured, or if this one or its plate is damaged.
    """
    pattern = plan.output_of(scene.name)
    done = sorted(set(scene.frames).difference(scene.to_color))
    from_middle = sorted(done, key=lambda frame: abs(frame - done[len(done) // 2]))
    frame = next((frame for frame in from_middle if _holds_color(pattern.path(frame))), None)
    if frame is None:
        return None
    try:
        picture = plates.read_matte_file(pattern.path(frame), frame=frame)  # all channels
        plate = plan.plates[plan.scenes[scene.name].plate]
        reader = PlateReader(plate, frames=str(frame), ocio=plan.ocio, warn=warn)
        features = describe_looks([reader.lightness(frame)], scene_describer())[0]
    except PlateError as error:
        warn(f"Scene {scene.name} is left out of the comparison of its group: {error.marked}")
        return None
    pixels = picture.pixels[..., [picture.channels.index(channel) for channel in _COLOR]]
    colors = cv2.resize(pixels, _GRID[::-1], interpolation=cv2.INTER_AREA).reshape(-1, 2)
    return features.T, np.asarray(colors, np.float32)


def _holds_color(path: Path) -> bool:
    """Return whether a picture has our layer of colour; another program's, which counts as done, has none."""
    try:
        return set(_COLOR).issubset(plates.read_header(path).channels)
    except PlateError:
        return False


def _regions(
    described: list[tuple[str, NDArray[np.float32], NDArray[np.float32]]],
) -> Iterator[RegionReport]:
    """Yield the regions that at least two scenes show, the largest first."""
    features = np.concatenate([each for _, each, _ in described])
    cv2.setRNGSeed(1)  # the same report for the same film
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 1e-3)
    count = min(_REGIONS, len(features))
    start = np.zeros((len(features), 1), np.int32)  # not read, as the centres are chosen first
    found = cv2.kmeans(features, count, start, stop, 3, cv2.KMEANS_PP_CENTERS)[1]
    labels = np.asarray(found).reshape(len(described), -1)
    order = sorted(range(count), key=lambda region: -int((labels == region).sum()))
    for region in order:
        means = {
            name: colors[own == region].mean(axis=0)
            for (name, _, colors), own in zip(described, labels, strict=True)
            if (own == region).mean() >= _LEAST
        }
        if len(means) < 2:
            continue
        table = np.stack(list(means.values()))
        distance = np.linalg.norm(table - table.mean(axis=0), axis=1)
        yield RegionReport(
            scenes=len(means),
            a=float(table[:, 0].mean()),
            b=float(table[:, 1].mean()),
            spread=float(np.sqrt(np.square(distance).mean())),
            farthest=list(means)[int(distance.argmax())],
        )
