"""Suggest the next keyframes of a coloured shot, by the confidence of its frames."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.errors import PlateError, StcolorError
from stcolor_core.images.frame_files import frame_state
from stcolor_core.images.frame_ranges import describe_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.method.key_coverage import GRID, estimate_coverage
from stcolor_core.pipeline.events import Event
from stcolor_core.pipeline.planning import requested_frames
from stcolor_core.pipeline.plate_scenes import PlateScene
from stcolor_core.pipeline.plate_survey import PlateSurvey
from stcolor_core.pipeline.seen_frames import SeenFrames, to_cells
from stcolor_core.plurals import count_of, form_of
from stcolor_core.shots import key_choice
from stcolor_core.shots.key_choice import suggest_by_coverage
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.suggestion import Suggestion

__all__ = ["report_next", "suggest_next"]

logger = logging.getLogger(__name__)

_MOST_SUGGESTIBLE = 12  # frames of a scene that are tried as the next keyframe: every run waits for it
_SURE = 0.98  # as it is shown, with two digits: a frame this sure has hardly anything left to paint


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
    finished = set(FramePattern.parse(shot.output.path).frames())
    if not finished:
        return None
    survey = PlateSurvey(shot, report, cancelled)
    if missing := requested_frames(shot, survey.footage.frames) - finished:
        survey.reporter.warn(
            f"{shot.output.path} lacks {count_of(len(missing), 'frame')} that the run has not reached: "
            f"{describe_frames(missing)}. No suggestion counts on {form_of(len(missing), 'it', 'them')}. "
            "Run the shot to its end, then ask again."
        )
    colored = _ColoredShot(survey, seen or SeenFrames(), finished)
    found = [each for scene in colored.scenes for each in colored.suggest(scene, limit)]
    if colored.unread and colored.knows_any:
        survey.reporter.warn(
            f"{shot.output.path} has {count_of(len(colored.unread), 'frame')} without a confidence that can be read: "
            f"{describe_frames(colored.unread)}. No suggestion counts on {form_of(len(colored.unread), 'it', 'them')}. "
            "Run the shot again, then ask again."
        )
    survey.reporter.report_warnings()
    if not colored.knows_any:
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


class _ColoredShot:
    """The frames of a shot that are finished, and how sure each is.

    Args:
        survey: The look at the shot's plate.
        seen: What a run that has just ended saw.
        finished: The frames that are there.

    Attributes:
        scenes: The scenes that have a finished frame.
        unread: Finished frames without a confidence that can be read, of the scenes that were asked about.
        knows_any: Whether any of the others has one.
    """

    def __init__(self, survey: PlateSurvey, seen: SeenFrames, finished: Collection[int]) -> None:
        self._survey, self._seen, self._finished = survey, seen, set(finished)
        self._output = FramePattern.parse(survey.shot.output.path)
        # one without colour covers nothing: where it is unsure, it is the first to paint
        self._keyframes = {frame for frame in survey.footage.references if survey.flaws.of(frame) is None}
        self._patched = set(survey.footage.patches)
        self.scenes = [scene for scene in survey.scenes() if self._finished.intersection(scene.frames)]
        self._total = sum(len(scene.frames) for scene in self.scenes)
        self.unread: list[int] = []
        self.knows_any = False

    def suggest(self, scene: PlateScene, limit: int) -> list[tuple[float, Suggestion]]:
        """Return the best next keyframes of a scene, each with the least gain up to it.

        Within a scene each suggestion assumes those before it, so that by the least gain they stay in their order.

        Args:
            scene: The scene.
            limit: Largest number of suggestions.
        """
        existing = sorted(self._keyframes.intersection(scene.frames))
        coverage = estimate_coverage(
            scene.looked_at(existing),
            self._lightness,
            required=existing,
            most_candidates=_MOST_SUGGESTIBLE,
            cancelled=self._survey.cancelled,
        )
        confidence, barred = self._confidence(coverage.frames)
        keys = [coverage.frames.index(frame) for frame in existing]
        least, found = 1.0, []
        for number, gain in suggest_by_coverage(
            coverage.share, coverage.candidates, confidence, keys, barred=barred, limit=limit, least_gain=0.0
        ):
            frame = coverage.frames[coverage.candidates[number]]
            of_shot = gain * len(scene.frames) / self._total
            least = min(least, of_shot)
            found.append((least, Suggestion(frame, of_shot)))
        return found

    def _confidence(self, frames: Sequence[int]) -> tuple[NDArray[np.float32], set[int]]:
        """Return the confidence of some frames by cells, (F, *GRID), and the indices of those not to be suggested."""
        confidence = np.ones((len(frames), *GRID), np.float32)
        barred = {index for index, frame in enumerate(frames) if frame in self._patched}
        for index, frame in enumerate(frames):
            if frame in self._keyframes or frame not in self._finished:
                continue
            kept = self._seen.get(frame)
            cells = self._read_confidence(frame) if kept is None else kept.confidence
            if cells is None:
                self.unread.append(frame)
                continue
            confidence[index], self.knows_any = cells, True
            if round(float(cells.mean()), 2) >= _SURE:
                barred.add(index)
        return confidence, barred

    def _read_confidence(self, frame: int) -> NDArray[np.float32] | None:
        """Return the confidence of a finished frame by cells, shape GRID; None if its file holds none or is damaged.

        A file without the layer still holds the mean of the frame.
        """
        path = self._output.path(frame)
        try:
            plane = self._survey.footage.read_confidence(path)
            if plane is not None:
                return to_cells(plane)
            return np.full(GRID, float(str(frame_state(path).metadata["stcolor/confidence"])), np.float32)
        except (PlateError, LookupError, ValueError):
            return None

    def _lightness(self, frame: int) -> Plane:
        if (kept := self._seen.get(frame)) is not None:
            return kept.lightness
        self._survey.look(frame)
        return self._survey.footage.plate(frame).lightness
