"""The frames of a job, as the page and the panel get them: from its events, or from its files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stcolor_core.pipeline.run import Event, colorize
from stcolor_core.service.frames import FramesOnDisk, collect_frames
from stcolor_core.service.messages import JobFrames, JobStatus
from stcolor_core.service.store import Store
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.suggestion import Suggestion

MakeJobFrames = Callable[..., JobFrames]


@pytest.fixture
def job_frames(tmp_path: Path) -> Iterator[MakeJobFrames]:
    """The frames of a job of which these events were recorded."""
    store = Store(tmp_path / "jobs.sqlite")
    store.submit("a", kind="shot", shot=json.dumps({"output": {"path": "/out.####.exr"}}))

    def tell(*events: Event, ended: bool = False) -> JobFrames:
        for event in events:
            store.record("a", event)
        if ended:
            store.finish("a", "done")
        return collect_frames(store, JobStatus.of(store.get("a"), seconds_left=None))

    yield tell
    store.close()


def frame(number: int, confidence: float | None = 0.95, **more: bool) -> Event:
    return Event(kind="frame", frame=number, confidence=confidence, **more)  # type: ignore[arg-type]


def test_frames_are_listed_in_order_with_the_last_event_of_each(job_frames: MakeJobFrames) -> None:
    found = job_frames(frame(3), frame(1, 0.5), frame(2, None), frame(1, 0.75, kept=True))
    assert [(each.frame, each.confidence, each.kept) for each in found.frames] == [
        (1, 0.75, True),
        (2, None, False),
        (3, 0.95, False),
    ]


def test_keyframes_are_those_of_the_latest_plan(job_frames: MakeJobFrames) -> None:
    assert job_frames().keyframes == []
    assert job_frames(Event(kind="plan", total=3, keyframes=(1, 3))).keyframes == [1, 3]
    assert job_frames(Event(kind="plan", total=3)).keyframes == []


def test_patches_and_keyframes_without_colour_are_those_of_the_last_run(job_frames: MakeJobFrames) -> None:
    plan = Event(kind="plan", total=3, keyframes=(1, 3), patches=(2,))
    found = job_frames(
        plan, Event(kind="warning", frame=3, flaw="plate", message="Reference 3 is the plate."), frame(3)
    )
    assert (found.patches, found.colorless) == ([2], {3: "plate"})
    assert job_frames(plan, frame(3)).colorless == {}


def test_more_events_than_fit_in_one_answer_are_all_received(job_frames: MakeJobFrames) -> None:
    assert len(job_frames(*map(frame, range(1, 1502))).frames) == 1501


def test_the_next_keyframes_are_suggested_once_the_whole_shot_is_done(job_frames: MakeJobFrames) -> None:
    plan = Event(kind="plan", total=19, keyframes=(1,))
    assert job_frames(plan, *(frame(number, 1 - (number - 1) / 50) for number in range(1, 20))).weakest == []
    first, *_ = job_frames(ended=True).weakest
    assert 11 <= first <= 15


def test_what_the_run_suggested_is_shown_once_it_is_done(job_frames: MakeJobFrames) -> None:
    plan = Event(kind="plan", total=2, keyframes=(1,))
    said = Event(kind="suggestions", suggestions=(Suggestion(7, 0.2), Suggestion(3, 0.1)))
    assert job_frames(plan, frame(1, 1.0), frame(2, 0.9), said).suggestions == []  # the job is not done
    found = job_frames(ended=True)
    assert [(each.frame, each.gain) for each in found.suggestions] == [(7, 0.2), (3, 0.1)]
    assert found.weakest == [7, 3]


def test_a_run_that_suggests_nothing_is_believed(job_frames: MakeJobFrames) -> None:
    plan = Event(kind="plan", total=19, keyframes=(1,))
    unsure = [frame(number, 1 - (number - 1) / 50) for number in range(1, 20)]  # their means would name a frame
    assert job_frames(plan, *unsure, Event(kind="suggestions"), ended=True).suggestions == []


def test_a_cancelled_shot_suggests_nothing_from_a_few_of_its_frames(tmp_path: Path) -> None:
    store = Store(tmp_path / "other.sqlite")
    store.submit("a", kind="shot", shot=json.dumps({"output": {"path": str(tmp_path / "out.####.exr")}}))
    store.take()
    store.record("a", Event(kind="plan", total=40, keyframes=(1,)))
    for number in (1, 2, 3):
        store.record("a", frame(number, 1 - number / 10))
    store.cancel("a")
    store.release("a", reason="")
    found = collect_frames(store, JobStatus.of(store.get("a"), seconds_left=None))
    assert (found.job.state, len(found.frames), found.weakest, found.suggestions) == ("cancelled", 3, [], [])
    store.close()


def test_a_suggestion_has_its_gain_and_a_frame_that_is_sure_is_none(job_frames: MakeJobFrames) -> None:
    plan = Event(kind="plan", total=19, keyframes=(1,))
    found = job_frames(plan, *(frame(number, 1 - (number - 1) / 50) for number in range(1, 20)), ended=True)
    assert [each.frame for each in found.suggestions] == found.weakest
    assert all(0 < each.gain < 1 for each in found.suggestions)
    sure = job_frames(*(frame(number, 0.985 if number > 1 else 1) for number in range(1, 20)), ended=True)
    assert sure.suggestions == []


def test_the_frames_of_a_job_without_events_are_read_from_its_files(tmp_path: Path, shot: Shot) -> None:
    written = {result.frame: result.confidence for result in colorize(shot, device="cpu")}
    (tmp_path / "out" / "shot.0009.exr").write_bytes(b"none of ours")
    store = Store(tmp_path / "jobs.sqlite")
    store.submit("a", kind="shot", shot=shot.to_json())
    on_disk = FramesOnDisk()
    found = collect_frames(store, JobStatus.of(store.get("a"), seconds_left=None), on_disk)
    assert [each.frame for each in found.frames] == [1, 2, 3, 4]
    assert [each.confidence for each in found.frames] == pytest.approx([written[n] for n in (1, 2, 3, 4)], abs=1e-4)
    assert found.keyframes == [1]
    store.close()
