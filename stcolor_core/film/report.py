"""Report on a film: what is done and to go, how the scenes of each group agree in colour, and the weakest scenes.

The regions of a group are clusters of its scenes' features, that is, of the luminance alone: positions that look alike
in any of its scenes. A region's spread over the scenes is how far its mean a* and b* differ from scene to scene.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.film.likeness import describe_looks
from stcolor_core.film.plan import FilmPlan
from stcolor_core.film.scenes import PlateReader
from stcolor_core.film.shots import find_keys
from stcolor_core.images import plates
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.transition_search import scene_describer

__all__ = ["FilmReport", "GroupReport", "RegionReport", "SceneReport", "make_report"]

_REGIONS = 6  # of a group
_LEAST = 0.02  # share of a scene's positions that a region has there at least
_GRID = (9, 16)  # of `describe_looks`
_WEAKEST = 10


@dataclass(frozen=True)
class SceneReport:
    """The state of a scene.

    Attributes:
        name: Its name.
        group: Its group.
        frames: The number of its frames.
        done: The number of frames that are on disk.
        keys: The number of its own keyframes.
        confidence: Mean confidence of those on disk, 0..1; None without any.
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
        done: The number of those on disk.
        keys: The number of keyframes.
        groups_without_key: Names of the groups that have none: the keyframes that are still to be painted at least.
    """

    scenes: tuple[SceneReport, ...]
    groups: tuple[GroupReport, ...]
    weakest: tuple[str, ...]
    frames: int
    done: int
    keys: int
    groups_without_key: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield the report as lines of text."""
        to_go = self.frames - self.done
        yield f"{self.done} of {self.frames} frames are coloured, {to_go} to go; {self.keys} keyframes."
        if self.groups_without_key:
            yield f"Groups without a keyframe: {', '.join(self.groups_without_key)}. Paint one in each."
        for group in self.groups:
            agree = "not coloured yet, or a single scene" if group.spread is None else f"spread {group.spread:.1f}"
            yield f"Group {group.name}: {group.scenes} scenes, {group.keys} keyframes; colours agree: {agree}."
            for region in group.regions:
                yield (
                    f"  a* {region.a:+.1f}, b* {region.b:+.1f}: spread {region.spread:.1f} over {region.scenes} "
                    f"scenes; farthest {region.farthest}"
                )
        by_name = {scene.name: scene for scene in self.scenes}
        for name in self.weakest:
            scene = by_name[name]
            own = f"{scene.keys} keyframes of its own" if scene.keys else "no keyframe of its own"
            yield f"Weak: {name} (group {scene.group}), confidence {scene.confidence:.2f}, {own}"


def make_report(plan: FilmPlan, *, warn: Callable[[str], None] = lambda _: None) -> FilmReport:
    """Return the report on a film, from its plates and the frames on disk.

    Args:
        plan: The plan.
        warn: Called with one line for the artist.

    Raises:
        StcolorError: If a plate or a coloured frame cannot be read.
    """
    keys = find_keys(plan)
    scenes: list[SceneReport] = []
    for name, scene in plan.scenes.items():
        done, confidence = _state(plan, name, plan.frames(name))
        scenes.append(
            SceneReport(name, scene.group, len(plan.frames(name)), done, len(keys.of_scene(name)), confidence)
        )
    mixed = [_state(plan, name, plan.dissolve_frames(name))[0] for name in plan.dissolves]
    frames = sum(each.frames for each in scenes) + sum(len(plan.dissolve_frames(name)) for name in plan.dissolves)
    groups = tuple(_group(plan, name, scenes, warn) for name in plan.group_names)
    coloured = sorted((each for each in scenes if each.confidence is not None), key=lambda each: each.confidence or 0)
    return FilmReport(
        scenes=tuple(scenes),
        groups=groups,
        weakest=tuple(each.name for each in coloured[:_WEAKEST]),
        frames=frames,
        done=sum(each.done for each in scenes) + sum(mixed),
        keys=len(keys.paths),
        groups_without_key=tuple(group.name for group in groups if not group.keys),
    )


def _state(plan: FilmPlan, name: str, frames: tuple[int, ...]) -> tuple[int, float | None]:
    """Return how many frames of a scene or dissolve are on disk, and their mean confidence."""
    pattern = FramePattern.parse(plan.output.replace("{scene}", name))
    there = sorted(set(pattern.frames()).intersection(frames))
    values = [
        plates.read_header(pattern.path(frame), frame=frame).metadata.get("stcolor/confidence") for frame in there
    ]
    known = [float(value) for value in values if value is not None]
    return len(there), sum(known) / len(known) if known else None


def _group(plan: FilmPlan, group: str, scenes: list[SceneReport], warn: Callable[[str], None]) -> GroupReport:
    members = [scene for scene in scenes if scene.group == group]
    described = [
        (scene.name, *found) for scene in members if scene.done and (found := _describe(plan, scene.name, warn))
    ]
    regions = _regions(described) if len(described) > 1 else ()
    return GroupReport(group, len(members), sum(scene.keys for scene in members), tuple(regions))


def _describe(
    plan: FilmPlan, name: str, warn: Callable[[str], None]
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return features (P, C) and colours (P, 2) of the positions of a scene's middle coloured frame."""
    pattern, scene = FramePattern.parse(plan.output.replace("{scene}", name)), plan.scenes[name]
    there = sorted(set(pattern.frames()).intersection(plan.frames(name)))
    frame = there[len(there) // 2]
    picture = plates.read_matte_file(pattern.path(frame), frame=frame)  # all channels
    pixels = picture.pixels[..., [picture.channels.index(channel) for channel in ("rc_ab.u", "rc_ab.v")]]
    reader = PlateReader(plan.plates[scene.plate], frames=str(frame), ocio=plan.ocio, warn=warn)
    features = describe_looks([reader.lightness(frame)], scene_describer())[0]
    colors = cv2.resize(pixels, _GRID[::-1], interpolation=cv2.INTER_AREA).reshape(-1, 2)
    return features.T, np.asarray(colors, np.float32)


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
