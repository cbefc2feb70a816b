"""Name keyframes of a shot by what each would colour: the first ones from the grey plate, the next by confidence."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import ByteImage, Plane
from stcolor_core.errors import BadRequest, Cancelled, PlateError, StcolorError
from stcolor_core.files.stat_cache import StatCache, is_settled
from stcolor_core.images import color_room
from stcolor_core.images.color import lab_to_srgb
from stcolor_core.images.frame_files import frame_state
from stcolor_core.images.frame_ranges import describe_frames
from stcolor_core.images.resizing import resize
from stcolor_core.images.sequences import FramePattern
from stcolor_core.method import key_coverage, key_plan, light
from stcolor_core.method.key_coverage import GRID, estimate_coverage
from stcolor_core.method.key_plan import PlannedKey, SceneKeys, SceneOptions, choose_keys, find_options
from stcolor_core.method.tracking import flow
from stcolor_core.pipeline.events import Event, Reporter
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.keyframes_at_cuts import put_quietly
from stcolor_core.pipeline.planning import requested_frames
from stcolor_core.pipeline.plate_formats import plate_canvas
from stcolor_core.pipeline.plate_scenes import PlateScene, split_scenes
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.pipeline.reference_reports import leave_out_idle
from stcolor_core.pipeline.seen_frames import SeenFrames, to_cells
from stcolor_core.pipeline.transition_search import find_cuts_between, find_transitions
from stcolor_core.plurals import count_of, form_of
from stcolor_core.shots import key_choice
from stcolor_core.shots.key_choice import suggest_by_coverage
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.suggestion import Suggestion
from stcolor_core.shots.transitions import Transitions

__all__ = [
    "KeyPlan",
    "find_shot_options",
    "plan_keys",
    "report_next",
    "suggest_next",
]

logger = logging.getLogger(__name__)

_PLANNER = (key_choice, key_coverage, key_plan, color_room, flow, light)  # code that a plan depends on
_MOST_SUGGESTIBLE = 12  # frames of a scene that are tried as the next keyframe: every run waits for it
_SURE = 0.98  # as it is shown, with two digits: a frame this sure has hardly anything left to paint


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
    opened = _Opened(shot, report, cancelled)
    options = opened.find_options()
    scenes = choose_keys(options, count=count, share=share)
    frames = sum(scene.length for scene in scenes)
    total = sum(scene.length * scene.share for scene in scenes) / frames
    thumbnails: dict[int, ByteImage] = {}
    if thumbnail_height is not None:
        for frame in sorted(key.frame for scene in scenes for key in scene.keys):
            opened.look(frame)
            thumbnails[frame] = _thumbnail(opened.footage.lightness(frame), thumbnail_height)
    opened.reporter.report_warnings()
    return KeyPlan(tuple(scenes), total, thumbnails, opened.transitions)


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
    return _Opened(shot, report, cancelled).find_options()


def suggest_next(
    shot: Shot,
    *,
    seen: SeenFrames | None = None,
    limit: int = 3,
    report: Callable[[Event], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Suggestion] | None:
    """Return the frames of a coloured shot at which another keyframe would help most, the best first.

    What is unsure in the finished frames is followed through the plate to the frame that shows most of it. A frame that
    has patches, or that is sure itself, is not named. Warnings name frames that are to be coloured yet, or damaged.

    Args:
        shot: A shot that has been coloured.
        seen: What a run that has just ended saw; other frames are read from their files.
        limit: Largest number of suggestions.
        report: Called with every event.
        cancelled: Asked before every frame that is read.

    Returns:
        The suggestions, each of which assumes that those before it in its scene are keyframes; None if no frame of the
        output holds a confidence.

    Raises:
        Cancelled: Once `cancelled` returns True.
        StcolorError: The other errors of reading a shot.
    """
    output = FramePattern.parse(shot.output.path)
    finished = set(output.frames())
    if not finished:
        return None
    opened, seen = _Opened(shot, report, cancelled), seen or SeenFrames()
    if missing := requested_frames(shot, opened.footage.frames) - finished:
        opened.reporter.warn(
            f"{shot.output.path} lacks {count_of(len(missing), 'frame')} that the run has not reached: "
            f"{describe_frames(missing)}. No suggestion counts on {form_of(len(missing), 'it', 'them')}. "
            "Run the shot to its end, then ask again."
        )

    def lightness(frame: int) -> Plane:
        if (kept := seen.get(frame)) is not None:
            return kept.lightness
        opened.look(frame)
        return opened.footage.plate(frame).lightness

    # one without colour covers nothing: where it is unsure, it is the first to paint
    keyframes = {frame for frame in opened.footage.references if opened.flaws.of(frame) is None}
    patched = set(opened.footage.patches)
    scenes = [scene for scene in opened.scenes() if finished.intersection(scene.frames)]
    total = sum(len(scene.frames) for scene in scenes)
    found, knows_any, unread = [], False, list[int]()
    for scene in scenes:
        existing = sorted(keyframes.intersection(scene.frames))
        coverage = estimate_coverage(
            scene.looked_at(existing),
            lightness,
            required=existing,
            most_candidates=_MOST_SUGGESTIBLE,
            cancelled=cancelled,
        )
        confidence = np.ones((len(coverage.frames), *GRID), np.float32)
        barred = {index for index, frame in enumerate(coverage.frames) if frame in patched}
        for index, frame in enumerate(coverage.frames):
            if frame in keyframes or frame not in finished:
                continue
            kept = seen.get(frame)
            cells = opened.read_confidence(output.path(frame)) if kept is None else kept.confidence
            if cells is None:
                unread.append(frame)
            else:
                confidence[index], knows_any = cells, True
                if round(float(cells.mean()), 2) >= _SURE:
                    barred.add(index)
        keys = [coverage.frames.index(frame) for frame in existing]
        least = 1.0  # gain so far: within a scene each suggestion assumes those before it, so they stay in their order
        for number, gain in suggest_by_coverage(
            coverage.share, coverage.candidates, confidence, keys, barred=barred, limit=limit, least_gain=0.0
        ):
            frame = coverage.frames[coverage.candidates[number]]
            least = min(least, gain * len(scene.frames) / total)
            found.append((least, Suggestion(frame, gain * len(scene.frames) / total)))
    if unread and knows_any:
        opened.reporter.warn(
            f"{shot.output.path} has {count_of(len(unread), 'frame')} without a confidence that can be read: "
            f"{describe_frames(unread)}. No suggestion counts on {form_of(len(unread), 'it', 'them')}. "
            "Run the shot again, then ask again."
        )
    opened.reporter.report_warnings()
    if not knows_any:
        return None
    worth = [(least, each) for least, each in found if each.gain >= key_choice.LEAST_GAIN]
    return [each for _, each in sorted(worth, key=lambda pair: -pair[0])][:limit]


def report_next(
    shot: Shot,
    seen: SeenFrames | None = None,
    *,
    report: Callable[[Event], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Suggestion] | None:
    """Report at the end of a run which frames `suggest_next` names, in the event "suggestions", and return them.

    The frames are done by then. What stands in the way, such as a plate that is gone, costs the suggestions alone.

    Args:
        shot: A shot that has been coloured.
        seen: What the run saw.
        report: Called with the event, and with those of the frames that are looked at.
        cancelled: Asked before every frame that is read; True leaves the suggestions out.

    Returns:
        As `suggest_next`; None also if they could not be found.
    """

    def pass_on(event: Event) -> None:
        if event.kind == "look":  # the run has told every warning
            report(event)

    try:
        found = suggest_next(shot, seen=seen, report=pass_on, cancelled=cancelled)
    except StcolorError as error:
        logger.info("No keyframe is suggested: %s", error)
        return None
    if found is not None:
        report(Event(kind="suggestions", suggestions=tuple(found)))
    return found


class _Opened:
    """A shot whose plate is being looked at."""

    def __init__(self, shot: Shot, report: Callable[[Event], None], cancelled: Callable[[], bool]) -> None:
        self._shot, self._cache, self._cancelled = shot, StatCache(), cancelled
        self.reporter = Reporter(report, lambda: False)
        self._inputs = ShotInputs(shot, warn=self.reporter.warn, cache=self._cache)
        self.flaws = ReferenceFlaws(shot, self._inputs, self._cache)
        leave_out_idle(self.reporter, self.flaws, self._inputs.references)
        self.footage = ShotFootage(
            shot, self._inputs, use_instances=False, detector=None, warn=self.reporter.warn, flaws=self.flaws
        )

        if shot.method.register != "off":
            search = partial(find_cuts_between, looks=self._looks, cache=self._cache, check=self._raise_if_cancelled)
            put_quietly(shot, self._inputs, self.flaws, self._cache, search)

    def look(self, frame: int) -> None:
        """Report that a frame is about to be read, unless the run is cancelled."""
        self._raise_if_cancelled()
        self.reporter.report_look(frame)

    def read_confidence(self, path: Path) -> NDArray[np.float32] | None:
        """Return the confidence of a finished frame by cells, shape GRID; None if its file holds none or is damaged.

        A file without the layer still holds the mean of the frame.
        """
        try:
            plane = self.footage.read_confidence(path)
            if plane is not None:
                return to_cells(plane)
            return np.full(GRID, float(str(frame_state(path).metadata["stcolor/confidence"])), np.float32)
        except (PlateError, LookupError, ValueError):
            return None

    @cached_property
    def transitions(self) -> Transitions:
        """Return the cuts and dissolves of the plate."""
        return find_transitions(
            self._shot,
            self._inputs,
            self.footage,
            frozenset(self.footage.frames),
            looks=self._looks,
            check=self._raise_if_cancelled,
            cache=self._cache,
        )

    def scenes(self) -> list[PlateScene]:
        """Return the shot's scenes."""
        return split_scenes(list(self.footage.frames), self.transitions)

    def find_options(self) -> list[SceneOptions]:
        """Return the options of every scene, from the cache if the plate has been planned before."""
        scenes = self.scenes()
        self.reporter.report_warnings()
        existing = set(self.footage.references)

        def find() -> list[dict[str, object]]:
            """Return the options of every scene as JSON data, for the cache."""
            found = []
            for scene in scenes:
                options = find_options(
                    scene.looked_at(existing),
                    self.footage.lightness,
                    existing=existing,
                    on_read=self.look,
                    cancelled=self._cancelled,
                )
                whole = replace(options, first=scene.frames[0], last=scene.frames[-1], length=len(scene.frames))
                found.append(asdict(whole))
            return found

        if not all(is_settled(self._inputs.plate_status(frame)) for frame in self.footage.frames):
            data = find()
        else:
            data = self._cache.get_for_key("key plan", self._key(scenes, existing), find)
        return [_options(each) for each in data]

    def _looks(self, frames: Iterable[int]) -> Iterator[int]:
        for frame in self.reporter.looks(frames):
            self._raise_if_cancelled()
            yield frame

    def _raise_if_cancelled(self) -> None:
        if self._cancelled():
            raise Cancelled("Cancelled. Nothing was planned.")

    def _key(self, scenes: Sequence[PlateScene], existing: Collection[int]) -> str:
        """Return all that the options depend on: the frames, how they are read, and the planner's code."""
        code = b"".join(Path(str(part.__file__)).read_bytes() for part in _PLANNER)
        shot, pipe = self._shot, self._inputs.pipe
        settings = [shot.plate.layer, shot.plate.exposure, pipe.space.identity, shot.method.working_height]
        states = [[frame, *self._inputs.plate_state(frame)] for frame in self.footage.frames]
        plate = os.path.abspath(shot.plate.path)  # noqa: PTH100
        bounds = [[scene.frames[0], scene.frames[-1], scene.clear[0], scene.clear[-1]] for scene in scenes]
        code_hash = hashlib.sha256(code).hexdigest()
        return json.dumps(
            [plate, code_hash, plate_canvas(self._inputs.formats), settings, states, bounds, sorted(existing)]
        )


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
