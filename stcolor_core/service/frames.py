"""The frames of a job: read from its events, or from the files if an earlier core or another program wrote them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from stcolor_core.errors import BadRequest, StcolorError
from stcolor_core.images.color_presence import ReferenceFlaw
from stcolor_core.images.frame_files import frame_state
from stcolor_core.images.frame_ranges import parse_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.existing import ROOM_ATTRIBUTE, number_in
from stcolor_core.service.job import Job
from stcolor_core.service.messages import FrameStatus, JobFrames, JobStatus, SuggestedKey
from stcolor_core.service.picture_files import FrameGone, NoPicture, NoResult
from stcolor_core.service.store import Store
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.suggestion import suggest_keyframes
from stcolor_core.shots.transitions import CERTAIN_CUT

__all__ = ["FramesOnDisk", "collect_frames", "explain_no_result"]

_SURE = 0.98  # as it is shown, with two digits: such a frame has hardly anything left to paint
_READERS = 8  # files opened at once; the threads mostly wait for the disk
_KEPT = 20_000  # frames in memory


class _Header(NamedTuple):
    """What the header of a finished frame says: its mean confidence, its `color_room`, and the shot's keyframes."""

    confidence: float | None
    room: float | None
    references: str


class FramesOnDisk:
    """The finished frames at an output path, by the headers of their files. Files that stay are read once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[Path, int, int], _Header | None] = {}

    def read(self, output: str) -> tuple[list[FrameStatus], list[int], dict[int, float]]:
        """Return the frames that RefColorize wrote, in ascending order, their keyframes, and `color_room` of frames.

        Args:
            output: Path pattern of the result.
        """
        pattern = FramePattern.parse(output)
        numbers = pattern.frames()
        with ThreadPoolExecutor(_READERS) as readers:
            headers = list(readers.map(self._header, map(pattern.path, numbers)))
        found = {number: header for number, header in zip(numbers, headers, strict=True) if header is not None}
        frames = [
            FrameStatus(frame=number, confidence=header.confidence, fallback=None, kept=True)
            for number, header in found.items()
        ]
        keyframes: set[int] = set()
        for text in {header.references for header in found.values() if header.references}:
            try:
                keyframes.update(parse_frames(text))
            except BadRequest:
                continue  # somebody else's attribute
        room = {number: header.room for number, header in found.items() if header.room is not None}
        return frames, sorted(keyframes), room

    def _header(self, path: Path) -> _Header | None:
        """Return what the header of a finished frame says; None if the file is none of ours."""
        try:
            stat = path.stat()
        except OSError:
            return None
        key = path, stat.st_size, stat.st_mtime_ns
        with self._lock:
            if key in self._known:
                return self._known[key]
        state = frame_state(path)
        header = None
        if state.complete and "stcolor/settings" in state.metadata:
            header = _Header(
                number_in(state.metadata, "stcolor/confidence"),
                number_in(state.metadata, ROOM_ATTRIBUTE),
                str(state.metadata.get("stcolor/references", "")),
            )
        with self._lock:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[key] = header
        return header


def collect_frames(store: Store, status: JobStatus, on_disk: FramesOnDisk | None = None) -> JobFrames:
    """Return all frames of a job that were ever finished, each as its last event describes it.

    Args:
        store: The store that holds the job.
        status: The state of the job.
        on_disk: Reads the frames of a shot that has no events of frames, as they may be there nevertheless; None reads
            none.
    """
    told = _Told()
    for event in store.all_events(status.id):
        told.add(event.body)
    if not told.frames and on_disk is not None and status.kind == "shot" and status.state != "running":
        earlier, keys, told.room = on_disk.read(status.output)
        told.frames, told.keyframes = {frame.frame: frame for frame in earlier}, told.keyframes or keys
    # Before the whole shot is done its confidence may still fall, and the frame to key may be yet to come.
    suggestions = told.suggest() if status.state == "done" else []
    return JobFrames(
        job=status,
        keyframes=told.keyframes,
        patches=told.patches,
        colorless=told.colorless,
        frames=[told.frames[number] for number in sorted(told.frames)],
        gone=_find_gone(status, told.frames),
        weakest=[each.frame for each in suggestions],
        suggestions=suggestions,
    )


@dataclass
class _Told:
    """What the events of a job tell of its frames. What only the last run tells begins anew with its plan.

    Attributes:
        frames: The finished frames by number, also of earlier runs.
        room: `color_room` of frames.
        keyframes: Keyframes of the last run.
        patches: Its frames that have patches.
        colorless: Keyframe -> why its reference gives no colour.
        scene_starts: The first frames after its certain cuts.
        dissolves: First and last frame of its dissolves.
        suggestions: The keyframes that it suggested; None if it said nothing of that.
    """

    frames: dict[int, FrameStatus] = field(default_factory=dict)
    room: dict[int, float] = field(default_factory=dict)
    keyframes: list[int] = field(default_factory=list)
    patches: list[int] = field(default_factory=list)
    colorless: dict[int, ReferenceFlaw] = field(default_factory=dict)
    scene_starts: list[int] = field(default_factory=list)
    dissolves: list[tuple[int, int]] = field(default_factory=list)
    suggestions: list[SuggestedKey] | None = None

    def add(self, body: Mapping[str, Any]) -> None:
        """Take in one event.

        Args:
            body: As of `StoredEvent`.
        """
        kind = body["kind"]
        if kind == "plan":
            self.keyframes, self.patches = body.get("keyframes", []), body.get("patches", [])
            self.colorless, self.scene_starts, self.dissolves = {}, [], []  # it looks at all that it needs again
            self.suggestions = None
        elif kind == "cut" and body.get("certainty", 0.0) >= CERTAIN_CUT:
            self.scene_starts.append(body["frame"])
        elif kind == "dissolve":
            self.dissolves.append((body["frame"], body["last"]))
        elif kind == "suggestions":
            self.suggestions = [SuggestedKey(**each) for each in body.get("suggestions", [])]
        elif body.get("flaw"):
            self.colorless[body["frame"]] = body["flaw"]
        elif kind == "frame":
            self._add_frame(body)

    def _add_frame(self, body: Mapping[str, Any]) -> None:
        self.frames[body["frame"]] = FrameStatus(
            frame=body["frame"],
            confidence=body.get("confidence"),
            fallback=body.get("fallback"),
            kept=body.get("kept", False),
        )
        if body.get("room") is not None:
            self.room[body["frame"]] = body["room"]

    def suggest(self) -> list[SuggestedKey]:
        """Return where another keyframe would help most: what the run suggested, else by the frames' means."""
        if self.suggestions is not None:
            return self.suggestions
        # coloured elsewhere, or before runs said it: only the frames' means are at hand
        means = {number: frame.confidence for number, frame in self.frames.items() if frame.confidence is not None}
        found = suggest_keyframes(
            means, self.keyframes, scene_starts=self.scene_starts, dissolves=self.dissolves, room=self.room
        )
        return [
            SuggestedKey(frame=each.frame, gain=each.gain)
            for each in found
            if round(means.get(each.frame, 0.0), 2) < _SURE and each.frame not in self.patches
        ]


def explain_no_result(store: Store, job: Job, frame: int, error: NoResult) -> NoPicture:
    """Return the reason why the picture of a result cannot be shown: its file is gone, or was never asked for or made.

    Args:
        store: The store that holds the job.
        job: The job.
        frame: The frame's number.
        error: Says that the file is not there yet.
    """
    output = Shot.from_json(job.shot).output
    if job.state in ("queued", "running"):
        return error
    written = output.frames if job.frame is None else str(job.frame)
    if written is not None and frame not in parse_frames(written):
        return NoPicture(f"Frame {frame} is none of the frames that this job writes ({written}).")
    if job.state != "done" and not any(
        event.body["kind"] == "frame" and event.body["frame"] == frame for event in store.all_events(job.id)
    ):
        return error
    path = FramePattern.parse(output.path).path(frame)
    return FrameGone(
        f"Frame {frame} ({path}) was written and is not there any more: it was deleted, moved or renamed, or its disk "
        "is not connected. Press Resume to write it again: no frame that is there is overwritten."
    )


def _find_gone(status: JobStatus, finished: Iterable[int]) -> list[int]:
    """Return the finished frames of a job that has ended whose files are not there any more."""
    if status.state in ("queued", "running"):
        return []
    try:
        pattern = FramePattern.parse(status.output)
        there = set(pattern.frames())
    except StcolorError:  # the folder cannot be looked into: nothing is known
        return []
    if not pattern.is_sequence and there:  # one picture of one frame, whatever its number
        return []
    return sorted(set(finished).difference(there))
