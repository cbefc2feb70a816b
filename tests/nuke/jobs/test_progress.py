"""The state of a job, and its line for the artist."""

from __future__ import annotations

from typing import Any

import pytest
from refcolorize.jobs.progress import Progress


def job(state: str = "running", done: int = 0, total: int = 8, **others: Any) -> dict[str, Any]:
    return {
        "state": state,
        "done": done,
        "total": total,
        "seconds_left": None,
        "looking": None,
        "error": None,
        **others,
    }


def event(number: int, kind: str, **others: Any) -> dict[str, Any]:
    return {"number": number, "kind": kind, "message": "", **others}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (job("queued"), "v001: waiting in the queue"),
        (job(total=0), "v001: looking at the plate"),
        (job(looking=1013), "v001: looking at the plate, frame 1013"),
        (job(done=3), "v001: frame 3 of 8"),
        (job(done=3, seconds_left=40.2), "v001: frame 3 of 8, 40 s left"),
        (job(done=3, seconds_left=4800.0), "v001: frame 3 of 8, 1 h 20 min left"),
        (job(done=7, seconds_left=0.0), "v001: frame 7 of 8, a few seconds left"),
        (job(done=8, seconds_left=0.0), "v001: frame 8 of 8, finishing"),
        (job("done", 8), "v001 is done: 8 frames"),
        (job("done", 1, 1), "v001 is done: 1 frame"),
        (job("cancelled", 3), "v001 was cancelled: 3 of 8 frames are kept"),
        (job("queued", error="The disk is full. Free space."), "v001: The disk is full. Free space"),
        (job("failed", 3, error="Frame 1013 is missing."), "v001 failed: Frame 1013 is missing."),
    ],
)
def test_every_state_has_a_description(answer: dict[str, Any], words: str) -> None:
    progress = Progress("v001")
    progress.update(answer, [])
    assert progress.describe() == words
    assert progress.ended == (answer["state"] in ("done", "cancelled", "failed"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (job("queued"), "v001: stopping"),
        (job(total=0), "v001: stopping"),
        (job(done=3, seconds_left=40.2), "v001: stopping after this frame, 3 of 8 are done"),
        (job("cancelled", 4), "v001 was cancelled: 4 of 8 frames are kept"),
        (job("done", 8), "v001 is done: 8 frames"),
    ],
)
def test_a_job_that_the_artist_has_cancelled_says_so_until_it_has_ended(answer: dict[str, Any], words: str) -> None:
    progress = Progress("v001")
    progress.is_stopping = True
    progress.update(answer, [])
    assert progress.describe() == words


@pytest.mark.parametrize(
    ("answer", "earlier", "words"),
    [
        (job("cancelled", 3), 5, "v001 was cancelled: 3 of 8 frames are done, 5 more are there from before"),
        (job("cancelled", 7), 1, "v001 was cancelled: 7 of 8 frames are done, 1 more is there from before"),
        (job("cancelled", 0), 8, "v001 was cancelled before its first frame: 8 frames are there from before"),
        (job("cancelled", 0, 0), 0, "v001 was cancelled before its first frame"),
    ],
)
def test_frames_of_an_earlier_run_do_not_count_as_done_after_a_cancel(
    answer: dict[str, Any], earlier: int, words: str
) -> None:
    progress = Progress("v001", earlier=earlier)
    progress.update(answer, [])
    assert progress.describe() == words


def test_a_paused_queue_is_said_while_the_job_waits_for_it() -> None:
    progress = Progress("v001", is_paused=True)
    progress.update(job("queued", 3), [])
    assert progress.describe() == "v001: the queue is paused. Press Continue queue on the core's page"


def test_before_the_core_answers_the_progress_is_zero_and_the_wait_is_reported() -> None:
    assert Progress("v001").describe() == "v001: looking for the core"
    assert Progress("v001").percent == 0


def test_events_are_counted_and_each_frame_is_returned_once() -> None:
    progress = Progress("v001")
    assert progress.update(job(done=2), [event(4, "frame", frame=1001), event(5, "frame", frame=1002)]) == [1001, 1002]
    assert (progress.after, progress.percent) == (5, 25)
    assert progress.update(job(done=2), []) == []


def test_warnings_are_those_of_the_last_run() -> None:
    progress = Progress("v001")
    progress.update(job(), [event(1, "queued"), event(2, "warning", message="old")])
    progress.update(
        job(), [event(3, "queued", message="Stopped with the core."), event(4, "warning", message="same run")]
    )
    assert progress.warnings == ["old", "same run"]
    frames = progress.update(
        job(), [event(5, "frame", frame=1001), event(6, "queued"), event(7, "warning", message="new")]
    )
    assert (progress.warnings, frames) == (["new"], [])
    for note in (
        "The core had ended and was started again",
        "The script cannot be saved.",
        "The core had ended and was started again",
    ):
        progress.add_note(note)
    assert progress.describe() == (
        "v001: looking at the plate (1 warning). The core had ended and was started again. The script cannot be saved"
    )


def test_each_warning_is_reported_once_at_the_end() -> None:
    progress = Progress("v001")
    warnings = ["Frame 7 stays grey.", "Frame 9 is held.", "Frame 7 stays grey."]
    progress.update(job("done", 8), [event(number, "warning", message=text) for number, text in enumerate(warnings)])
    assert progress.describe() == "v001 is done: 8 frames. Frame 7 stays grey. Frame 9 is held"


@pytest.mark.parametrize("note", ["The script cannot be saved. Save it under another name.", "", "The plate is short"])
def test_sentences_are_joined_with_one_full_stop(note: str) -> None:
    progress = Progress("v001", notice=note)
    progress.update(job("failed", error="It names no frame. Name the nearest frame."), [])
    assert ".." not in progress.describe()
    assert progress.describe().startswith("v001 failed: It names no frame. Name the nearest frame.")
