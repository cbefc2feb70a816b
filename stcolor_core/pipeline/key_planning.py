"""Plan the first keyframes of a shot by what each would colour, from the grey plate."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from stcolor_core.arrays import ByteImage, Plane
from stcolor_core.errors import BadRequest
from stcolor_core.files.stat_cache import is_settled
from stcolor_core.images import color_room
from stcolor_core.images.color import lab_to_srgb
from stcolor_core.images.resizing import resize
from stcolor_core.method import key_coverage, key_plan, light
from stcolor_core.method.key_plan import PlannedKey, SceneKeys, SceneOptions, choose_keys, find_options
from stcolor_core.method.tracking import flow
from stcolor_core.pipeline.events import Event
from stcolor_core.pipeline.plate_formats import plate_canvas
from stcolor_core.pipeline.plate_scenes import PlateScene
from stcolor_core.pipeline.plate_survey import PlateSurvey
from stcolor_core.shots import key_choice
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.transitions import Transitions

__all__ = ["KeyPlan", "find_shot_options", "plan_keys"]

_PLANNER = (key_choice, key_coverage, key_plan, color_room, flow, light)  # code that a plan depends on


@dataclass(frozen=True)
class KeyPlan:
    """The keyframes that are planned for a shot.

    Attributes:
        scenes: The shot's scenes in time order, each with its keyframes.
        share: Expected share of all pixels that are right with them, 0..1. Frames that mix two scenes do not count.
        thumbnails: Frame of each planned keyframe -> its picture in grey, (h, w), 8-bit sRGB.
        transitions: The cuts and dissolves between them, as a run of the shot finds them.
    """

    scenes: tuple[SceneKeys, ...]
    share: float
    thumbnails: Mapping[int, ByteImage]
    transitions: Transitions = field(default_factory=Transitions)

    @property
    def order(self) -> list[tuple[SceneKeys, PlannedKey]]:
        """Return the new keyframes with their scenes, in the order in which to paint them: what colours most first."""
        new = [(scene, key) for scene in self.scenes for key in scene.keys if not key.exists]
        return sorted(new, key=lambda each: (-each[0].length * each[1].share, each[1].frame))


def plan_keys(
    shot: Shot,
    *,
    count: int | None = None,
    share: float = 0.95,
    thumbnail_height: int | None = None,
    report: Callable[[Event], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> KeyPlan:
    """Return which frames of a shot to paint first, by the grey plate alone. Colours nothing, writes nothing.

    What was found is cached: another `count` or `share` costs hardly any time. The shot's whole keyframes are kept.

    Args:
        shot: The shot; it needs no reference.
        count: Number of new keyframes in all; None for as few as `share` needs.
        share: Share of the pixels that is to be right, above 0 and at most 1, without a `count`.
        thumbnail_height: Lines of the thumbnails; None makes none.
        report: Called with every event.
        cancelled: Asked before every frame that is read.

    Raises:
        BadRequest: If the count or the share is out of range.
        Cancelled: Once `cancelled` returns True.
        StcolorError: The other errors of reading a plate.
    """
    if count is not None and count < 1:
        raise BadRequest(f"The number of keyframes must be 1 or more, not {count}. Correct -n.")
    if not 0 < share <= 1:
        raise BadRequest(f"The share of the pixels must be above 0 and at most 1, not {share:g}. Correct --coverage.")
    survey = PlateSurvey(shot, report, cancelled)
    options = _find_options(survey)
    scenes = choose_keys(options, count=count, share=share)
    frames = sum(scene.length for scene in scenes)
    total = sum(scene.length * scene.share for scene in scenes) / frames
    thumbnails: dict[int, ByteImage] = {}
    if thumbnail_height is not None:
        for frame in sorted(key.frame for scene in scenes for key in scene.keys):
            survey.look(frame)
            thumbnails[frame] = _thumbnail(survey.footage.lightness(frame), thumbnail_height)
    survey.reporter.report_warnings()
    return KeyPlan(tuple(scenes), total, thumbnails, survey.transitions)


def find_shot_options(
    shot: Shot,
    *,
    report: Callable[[Event], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[SceneOptions]:
    """Return the best keyframes of each scene of a shot for one keyframe, two and so on; cached as by `plan_keys`.

    Args:
        shot: The shot; it needs no reference.
        report: Called with every event.
        cancelled: Asked before every frame that is read.

    Raises:
        Cancelled: Once `cancelled` returns True.
        StcolorError: The other errors of reading a plate.
    """
    return _find_options(PlateSurvey(shot, report, cancelled))


def _find_options(survey: PlateSurvey) -> list[SceneOptions]:
    """Return the options of every scene, from the cache if the plate has been planned before."""
    scenes = survey.scenes()
    survey.reporter.report_warnings()
    existing = set(survey.footage.references)

    def find() -> list[dict[str, object]]:
        """Return the options of every scene as JSON data, for the cache."""
        found = []
        for scene in scenes:
            options = find_options(
                scene.looked_at(existing),
                survey.footage.lightness,
                existing=existing,
                on_read=survey.look,
                cancelled=survey.cancelled,
            )
            whole = replace(options, first=scene.frames[0], last=scene.frames[-1], length=len(scene.frames))
            found.append(asdict(whole))
        return found

    if not all(is_settled(survey.inputs.states.plate_status(frame)) for frame in survey.footage.frames):
        data = find()
    else:
        data = survey.cache.get_for_key("key plan", _key(survey, scenes, existing), find)
    return [_options(each) for each in data]


def _key(survey: PlateSurvey, scenes: Sequence[PlateScene], existing: Collection[int]) -> str:
    """Return all that the options depend on: the frames, how they are read, and the planner's code."""
    code = b"".join(Path(str(part.__file__)).read_bytes() for part in _PLANNER)
    shot, inputs = survey.shot, survey.inputs
    settings = [shot.plate.layer, shot.plate.exposure, inputs.pipe.space.identity, shot.method.working_height]
    states = [[frame, *inputs.states.plate(frame)] for frame in survey.footage.frames]
    plate = os.path.abspath(shot.plate.path)  # noqa: PTH100
    bounds = [[scene.frames[0], scene.frames[-1], scene.clear[0], scene.clear[-1]] for scene in scenes]
    code_hash = hashlib.sha256(code).hexdigest()
    return json.dumps([plate, code_hash, plate_canvas(inputs.formats), settings, states, bounds, sorted(existing)])


def _options(data: Mapping[str, object]) -> SceneOptions:
    """Return the options that were stored as JSON."""
    values: dict[str, object] = dict(data)
    sets = data["sets"]
    assert isinstance(sets, list | tuple)
    values["sets"] = tuple(tuple(PlannedKey(**key) for key in keys) for keys in sets)
    return SceneOptions(**values)  # type: ignore[arg-type]


def _thumbnail(lightness: Plane, height: int) -> ByteImage:
    """Return L* as 8-bit sRGB grey of a height; no larger than the picture is."""
    lines = min(height, lightness.shape[0])
    small = resize(lightness, (lines, max(1, round(lightness.shape[1] * lines / lightness.shape[0]))))
    lab = np.dstack([small, np.zeros_like(small), np.zeros_like(small)])
    grey = lab_to_srgb(lab)[..., 1]
    return np.asarray(np.rint(grey * 255), np.uint8)
