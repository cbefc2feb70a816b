"""The estimate of the time left, for runs like the pipeline's, on a clock that the test controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from stcolor_core.pipeline.run import Event
from stcolor_core.pipeline.time_left import TimeLeft
from stcolor_core.shots.spans import plan, plan_patch_walks


class Run:
    """A run over frames with keyframes, if a look that only tracks takes 1 s and one that ends in a frame 5 s."""

    def __init__(
        self,
        last: int,
        keyframes: tuple[int, ...],
        *,
        output_frames: Sequence[int] | None = None,
        detects_cuts: bool = False,
    ) -> None:
        self.now = 0.0
        self.frames = range(1, last + 1)
        spans = plan(list(self.frames), keyframes, [])
        self.times = TimeLeft(
            spans, output_frames=output_frames or self.frames, detects_cuts=detects_cuts, clock=lambda: self.now
        )

    def look(self, *frames: int, seconds: float) -> None:
        for frame in frames:
            self.times.record(Event(kind="look", frame=frame))
            self.now += seconds

    def finish(self, *frames: int, kept: bool = False) -> None:
        for frame in frames:
            self.times.record(Event(kind="frame", frame=frame, kept=kept))

    def forward(self, *frames: int) -> None:
        """Each is written while the next is computed."""
        for frame in frames:
            self.look(frame, seconds=5)
            if frame > frames[0]:
                self.finish(frame - 1)


def test_an_estimate_that_has_run_out_is_none_and_never_zero() -> None:
    run = Run(10, (1,))
    run.forward(*range(2, 11))
    assert run.times.seconds() is None  # frame 10 was coloured in its time, and is still being written
    run.now += 30
    assert run.times.seconds() is None


def test_no_estimate_is_given_before_anything_is_measured() -> None:
    run = Run(20, (1, 20))
    assert run.times.seconds() is None
    run.look(1, 20, 19, seconds=1)
    assert run.times.seconds() is None


def test_between_two_keyframes_the_backward_pass_does_not_measure_the_forward_pass() -> None:
    run = Run(20, (1, 20))
    run.look(*range(19, 1, -1), seconds=1)
    run.forward(*range(2, 11))
    assert run.times.seconds() == 9 * 5


def test_unrequested_frames_count_only_on_the_way_to_requested_ones() -> None:
    run = Run(40, (1, 20, 40), output_frames=range(8, 20))
    run.look(*range(19, 7, -1), seconds=1)
    run.look(*range(2, 8), seconds=1)
    run.forward(*range(8, 13))
    assert run.times.seconds() == 7 * 5


def test_frames_beyond_the_requested_ones_count_only_in_the_backward_pass() -> None:
    run = Run(40, (1, 40), output_frames=range(5, 20))
    run.look(*range(39, 4, -1), seconds=1)
    run.look(2, 3, 4, seconds=1)
    run.forward(*range(5, 12))
    assert run.times.seconds() == 8 * 5
    run = Run(40, (1, 20, 40), output_frames=[*range(2, 20), 30])
    run.look(*range(19, 1, -1), seconds=1)
    run.forward(*range(2, 20))
    assert run.times.seconds() == 5 + 10 + 9


def test_the_backward_pass_of_later_spans_counts() -> None:
    run = Run(40, (1, 20, 40))
    run.look(*range(19, 1, -1), seconds=1)
    run.forward(*range(2, 20))
    assert run.times.seconds() == 19 * (1 + 5)


def test_frames_beyond_the_last_keyframe_are_analysed_once() -> None:
    run = Run(20, (1,))
    run.forward(*range(2, 11))
    assert run.times.seconds() == 10 * 5


def test_the_estimate_counts_down_within_a_frame_and_waits_if_one_takes_longer() -> None:
    run = Run(20, (1,))
    run.forward(*range(2, 10))
    run.times.record(Event(kind="look", frame=10))
    assert run.times.seconds() == 11 * 5
    run.now += 2
    assert run.times.seconds() == 11 * 5 - 2
    run.now += 1000
    assert run.times.seconds() == 10 * 5


def test_one_slow_frame_does_not_change_the_estimate() -> None:
    run = Run(20, (1,))
    run.forward(*range(2, 10))
    run.now += 600  # a preview came in between
    run.forward(10)
    assert run.times.seconds() == 10 * 5


def test_the_search_for_cuts_does_not_count_as_tracking() -> None:
    run = Run(20, (1, 20), detects_cuts=True)
    run.look(*range(1, 21), seconds=0.1)
    run.finish(1, 20)
    run.look(1, 20, seconds=1)
    run.look(*range(19, 1, -1), seconds=1)
    run.forward(*range(2, 11))
    assert run.times.seconds() == 9 * 5


def test_a_kept_span_takes_no_time_and_a_partly_kept_one_is_walked_completely() -> None:
    run = Run(40, (1, 20, 40))
    run.finish(1, 20, 40, kept=True)
    run.finish(*range(2, 20), kept=True)
    run.finish(*range(21, 30), kept=True)
    run.look(*range(39, 29, -1), seconds=1)
    run.look(*range(21, 30), seconds=1)
    run.forward(*range(30, 35))
    assert run.times.seconds() == 5 * 5


def test_a_new_cut_is_detected_with_the_first_frame_after_it() -> None:
    run = Run(20, (1, 20))  # a cut before 11: its frames are walked forward from 1, the others back from 20
    run.forward(*range(2, 7))
    assert run.times.seconds() == 13 * 5
    run.finish(6)
    run.forward(*range(7, 11))
    assert run.times.seconds() == 9 * 5
    run.finish(10)
    for frame in range(19, 10, -1):
        run.look(frame, seconds=5)
        run.finish(frame)
    assert run.times.seconds() is None  # the last frame is being written


@pytest.mark.parametrize("kind", ["plan", "warning", "done"])
def test_events_without_timing_are_ignored(kind: str) -> None:
    run = Run(20, (1,))
    run.times.record(Event(kind=kind))  # type: ignore[arg-type]
    assert run.times.seconds() is None


def test_the_walks_of_patches_count_until_their_span_is_coloured() -> None:
    frames = range(1, 31)
    now = 0.0
    spans, walks = plan(list(frames), (1,), []), plan_patch_walks(list(frames), [10], [1], [])
    times = TimeLeft(spans, output_frames=frames, detects_cuts=False, patch_walks=walks, clock=lambda: now)

    def look(frame: int, seconds: float, patch: int | None = None) -> None:
        nonlocal now
        times.record(Event(kind="look", frame=frame, patch=patch))
        now += seconds

    for frame in (10, *range(9, 1, -1), 10, *range(11, 21)):  # out of sight beyond 20
        look(frame, 4, patch=10)
    look(1, 0)
    for frame in range(2, 12):
        look(frame, 5)
        if frame > 2:
            times.record(Event(kind="frame", frame=frame - 1))
    assert times.seconds() == 19 * 5
    # another patch, in a span to come, is still to be carried
    spans, walks = plan(list(frames), (1, 15), []), plan_patch_walks(list(frames), [20], [1, 15], [])
    times = TimeLeft(spans, output_frames=frames, detects_cuts=False, patch_walks=walks, clock=lambda: now)
    for frame in range(14, 1, -1):
        look(frame, 1)
    for frame in range(2, 12):
        look(frame, 5)
        if frame > 2:
            times.record(Event(kind="frame", frame=frame - 1))
    assert times.seconds() == 3 * 5 + 15 * 5 + 14 * 5  # as long as its cost is not known: that of colouring


class Job:
    """A whole run: the seconds from each event on, so that every estimate can be held against what was left."""

    def __init__(self, last: int, keyframes: tuple[int, ...], **options: Any) -> None:
        self.now, self.frames = 0.0, range(1, last + 1)
        self.spans = plan(list(self.frames), keyframes, options.pop("cuts", []))
        self.times = TimeLeft(
            self.spans, output_frames=self.frames, clock=lambda: self.now, **{"detects_cuts": False, **options}
        )
        self.estimates: list[tuple[float, float | None]] = []

    def tell(self, event: Event, seconds: float = 0.0) -> None:
        self.times.record(event)
        self.estimates.append((self.now, self.times.seconds()))
        self.now += seconds
        self.estimates.append((self.now, self.times.seconds()))

    def look(self, frame: int, seconds: float, **what: Any) -> None:
        self.tell(Event(kind="look", frame=frame, **what), seconds)

    def finish(self, frame: int, seconds: float = 0.0) -> None:
        self.tell(Event(kind="frame", frame=frame), seconds)

    def worst(self, *, until: float = 0.9) -> float:
        """Return the largest error of an estimate, as a share of the time left, after a tenth of the job."""
        due = [each for each in self.estimates if 0.1 * self.now <= each[0] <= until * self.now]
        assert all(seconds is not None for _, seconds in due)
        return max(abs((seconds or 0) / (self.now - at) - 1) for at, seconds in due)


def walk(job: Job, frames: Sequence[int], seconds: float, *, ahead: int, at_a_time: int = 1) -> None:
    """Colour frames of a walk: visited `ahead` of being finished, and finished some at a time."""
    visited, finished = 0, 0
    while finished < len(frames):
        while visited < min(len(frames), finished + ahead + at_a_time):
            # what the pipeline takes up at its start takes no time of its own
            job.look(frames[visited], seconds if visited >= ahead else 0.01 * seconds)
            visited += 1
        for frame in frames[finished : finished + at_a_time]:
            job.finish(frame, 0.0 if visited < len(frames) else seconds)
            finished += 1


@pytest.mark.parametrize(("ahead", "at_a_time"), [(1, 1), (2, 2), (14, 1), (28, 4)])
def test_one_keyframe_is_estimated_within_three_tenths_from_a_tenth_on(ahead: int, at_a_time: int) -> None:
    job = Job(300, (1,))
    walk(job, range(2, 301), 4.0, ahead=ahead, at_a_time=at_a_time)
    assert job.worst() < 0.3


@pytest.mark.parametrize("ratio", [0.15, 0.2, 0.25])
@pytest.mark.parametrize("ahead", [1, 14])
def test_two_keyframes_know_the_way_back(ratio: float, ahead: int) -> None:
    job = Job(200, (1, 200))
    for frame in range(199, 1, -1):
        job.look(frame, 4.0 * ratio)
    walk(job, range(2, 200), 4.0, ahead=ahead)
    assert job.worst() < 0.3


def test_several_spans_are_estimated_within_three_tenths() -> None:
    job = Job(200, (50, 100, 150))
    for frames in (range(49, 0, -1), range(151, 201)):
        walk(job, frames, 4.0, ahead=2)
    for first, last in ((50, 100), (100, 150)):
        for frame in range(last - 1, first, -1):
            job.look(frame, 0.8)
        walk(job, range(first + 1, last), 4.0, ahead=2)
    assert job.worst() < 0.3


@pytest.mark.parametrize("refining", [0.7, 0.9, 1.1])
def test_a_recurrent_model_between_two_keyframes_knows_the_pass_that_finishes_the_frames(refining: float) -> None:
    job = Job(100, (1, 100), recurrent=True)
    for frame in range(99, 1, -1):
        job.look(frame, 2.2)
    for frame in range(2, 100):
        job.look(frame, 4.0)
    for frame in range(99, 1, -1):
        job.finish(frame, 4.0 * refining)
    assert job.worst() < 0.3


def test_the_search_for_cuts_and_the_patches_are_stages_of_their_own() -> None:
    frames = list(range(1, 101))
    job = Job(100, (1,), detects_cuts=True, patch_walks=plan_patch_walks(frames, [40], [1], []))
    for frame in frames:
        job.look(frame, 0.1, stage="cuts")
    job.finish(1, 0.5)
    for frame in (*range(39, 1, -1), *range(41, 101)):
        job.look(frame, 3.0, patch=40, stage="patch")
    walk(job, range(2, 101), 4.0, ahead=2)
    started = next(index for index, (_, seconds) in enumerate(job.estimates) if seconds is not None)
    assert job.estimates[started][0] < 0.1 * job.now
    assert job.worst() < 0.3


@pytest.mark.parametrize("reach", [25, 60])
def test_patches_that_are_soon_out_of_sight_are_estimated_within_three_tenths(reach: int) -> None:
    """They counted as if each was carried through the whole shot."""
    frames = list(range(1, 301))
    patches = range(10, 300, 16)
    walks = plan_patch_walks(frames, patches, [], [])
    job = Job(300, (), patch_walks=walks)
    waiting = dict.fromkeys(walks)
    for frame in frames:
        for each in [each for each in waiting if frame in each.frames]:
            del waiting[each]
            for passed in each.frames[:reach]:
                job.look(passed, 3.0, patch=each.patch, stage="patch")
        job.look(frame, 4.0)
        job.finish(frame)
    assert job.worst() < 0.3
