"""The queue at work: one thread that colours one job after another, previews between two frames of the running one."""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from stcolor_core.errors import BadRequest, Cancelled, StcolorError
from stcolor_core.pipeline.planning import resolve_device
from stcolor_core.pipeline.run import Event, colorize
from stcolor_core.service.messages import one_line
from stcolor_core.service.store import Job, JobKind, Store
from stcolor_core.service.time_left import TimeLeft
from stcolor_core.shots.shot import Shot, parse_frames, paths_of
from stcolor_core.shots.shot_files import find_frames
from stcolor_core.shots.spans import plan

__all__ = ["Attempt", "Worker", "after_out_of_memory", "job_id"]

logger = logging.getLogger(__name__)

_LEAST_HEIGHT = 64  # what `Method` takes
_STOP_SECONDS = 30.0
_STORE_RETRY_SECONDS = 5.0


def job_id(shot: Shot, frame: int | None = None) -> str:
    """16 hex digits: the same for the same shot, and for the same preview frame of it."""
    canonical = json.dumps([asdict(shot), frame], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Attempt:
    """How a shot is run. device: auto, cpu or cuda. halved: at half the working height that was asked for."""

    shot: Shot
    device: str
    halved: bool = False


def after_out_of_memory(attempt: Attempt) -> tuple[Attempt, str] | None:
    """What to try after the GPU ran out of memory, and the line that says so; None where the CPU was tried already.

    Half the working height first, once; then the CPU at the height that was asked for.
    """
    if attempt.device == "cpu":
        return None
    method = attempt.shot.method
    asked = method.working_height * (2 if attempt.halved else 1)
    if not attempt.halved and asked % 2 == 0 and asked // 2 >= _LEAST_HEIGHT:
        half = replace(attempt.shot, method=replace(method, working_height=asked // 2))
        line = f"The GPU's memory is full at {asked} lines. The shot is computed at {asked // 2} lines from its start."
        return Attempt(half, attempt.device, halved=True), line
    whole = replace(attempt.shot, method=replace(method, working_height=asked))
    line = (
        f"The GPU's memory is full at {method.working_height} lines. The shot is computed on the CPU, at {asked} lines."
    )
    return Attempt(whole, "cpu"), line


class Worker:
    """Takes jobs from the store and colours them, in one thread, until it is stopped.

    device: auto, cpu or cuda. log: the file that unexpected errors are looked up in. touched: called when a job ends.
    """

    def __init__(self, store: Store, *, device: str, log: Path, touched: Callable[[], None] = lambda: None) -> None:
        resolve_device(device)
        self._store, self._device, self._log, self._touched = store, device, log, touched
        self._times: dict[str, TimeLeft] = {}
        self.trouble: str | None = None  # why no job goes on for now, in one line
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        """The job in hand goes back to the queue after its frame, and no other is taken."""
        self._stopping.set()
        self._wake.set()

    def join(self) -> None:
        """Wait until it has stopped. A frame that takes longer than 30 seconds is given up: a later core redoes it."""
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            logger.warning("The frame in hand took longer than %.0f seconds and is given up.", _STOP_SECONDS)

    def submit(self, shot: Shot, *, frame: int | None = None) -> Job:
        """Queue a shot, or one frame of it ahead of the queue. Raises BadRequest for a relative path."""
        for path in paths_of(shot):
            if not Path(path).is_absolute():
                raise BadRequest(f"The path {path} is relative, and the core runs in another folder. Give it in full.")
        kind: JobKind = "shot" if frame is None else "preview"
        job = self._store.submit(job_id(shot, frame), kind=kind, shot=shot.to_json(), frame=frame)
        self._wake.set()
        return job

    def seconds_left(self, job: str) -> float | None:
        """Until a job that runs is done; None where that is not known, see `TimeLeft`."""
        times = self._times.get(job)
        return None if times is None else times.seconds()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                job = self._store.take()
                self.trouble = None
                if job is not None:
                    self._work(job)
                elif not self._stopping.is_set():
                    torch.cuda.empty_cache()  # other programs on this machine want the GPU's memory too
                    self._wake.wait()
            except sqlite3.Error as error:
                self.trouble = (
                    f"The jobs cannot be kept in {self._store.path} ({error}). "
                    "Free space on its disk: what is queued waits, and goes on by itself."
                )
                logger.exception("%s Trying again in %.0f s.", self.trouble, _STORE_RETRY_SECONDS)
                self._stopping.wait(_STORE_RETRY_SECONDS)

    def _work(self, job: Job) -> None:
        """Run a job to its end, or until it is asked to stop; whatever goes wrong is its own failure alone.

        Raises sqlite3.Error where the store cannot be written: the job still runs for it, and is taken up again later.
        """
        logger.info("Job %s (%s) runs.", job.id, job.kind)
        try:
            state, error = self._outcome(job)
        finally:
            self._times.pop(job.id, None)
            # plates of gigabytes in a reference cycle look small to Python, which would collect them much later
            gc.collect()
        if state == "stopped":
            self._store.stopped(job.id)
        else:
            self._store.end(job.id, state, error)
        self._touched()
        logger.info("Job %s is %s.", job.id, self._store.get(job.id).state)

    def _outcome(self, job: Job) -> tuple[Literal["done", "failed", "stopped"], str | None]:
        """Run a job; how it ended, and why it failed. No exception, with the frames in its traceback, is kept.

        Raises sqlite3.Error as `_work`.
        """
        try:
            self._color(job)
        except Cancelled:
            return "stopped", None
        except StcolorError as error:
            return "failed", one_line(str(error))
        except sqlite3.Error:
            raise
        except Exception as error:
            logger.exception("Job %s failed at something unexpected.", job.id)
            what = one_line(f"{type(error).__name__}: {error}")[:200]
            return "failed", f"Something unexpected went wrong ({what}). {self._log} has the details."
        return "done", None

    def _color(self, job: Job) -> None:
        attempt = Attempt(Shot.from_json(job.shot), self._device)
        while not self._fits(job, attempt):
            gc.collect()
            torch.cuda.empty_cache()
            instead = after_out_of_memory(attempt)
            if instead is None:
                raise StcolorError("The memory is not enough. Close other programs, or lower the working height.")
            attempt, line = instead
            logger.warning("Job %s: %s", job.id, line)
            self._store.record(job.id, Event(kind="warning", message=line))

    def _fits(self, job: Job, attempt: Attempt) -> bool:
        """Colour the job's frames; False where memory was not enough (by then the exception holds none of it)."""
        only = None if job.frame is None else str(job.frame)

        def report(event: Event) -> None:
            if event.kind == "plan" and job.kind == "shot":
                self._times[job.id] = _time_left(attempt.shot, event)
            elif job.id in self._times:
                self._times[job.id].hear(event)
            if event.kind != "done":  # the store says that together with the state
                self._store.record(job.id, event)

        try:
            for _ in colorize(
                attempt.shot,
                device=attempt.device,
                only=only,
                report=report,
                cancelled=lambda: self._must_stop(job),
            ):
                pass
        except torch.cuda.OutOfMemoryError:
            return False
        return True

    def _must_stop(self, job: Job) -> bool:
        """Asked by the pipeline before every frame it reads or writes: the place for previews to come in between."""
        if job.kind == "shot":
            while not self._stopping.is_set() and (preview := self._store.take(previews_only=True)) is not None:
                self._work(preview)
        return self._stopping.is_set() or self._store.get(job.id).cancel


def _time_left(shot: Shot, plan_run: Event) -> TimeLeft:
    """Listens to a run that has just planned; cuts that it finds itself are not known yet."""
    method = shot.method
    known = () if method.cuts in ("auto", "none") else parse_frames(method.cuts)
    frames = list(find_frames(shot.plate))
    spans = plan(frames, plan_run.keyframes, known, per_frame=method.references)
    wanted = frames if shot.output.frames is None else parse_frames(shot.output.frames)
    return TimeLeft(spans, wanted=wanted, finds_cuts=method.cuts == "auto")
