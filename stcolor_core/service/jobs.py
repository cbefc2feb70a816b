"""The worker thread, which colours one job after another, and previews between two frames of the running job."""

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

from stcolor_core.errors import BadRequest, Cancelled, DeviceMemoryError, StcolorError
from stcolor_core.pipeline.devices import release_memory, resolve_device
from stcolor_core.pipeline.events import Event
from stcolor_core.pipeline.input_record import InputRecord
from stcolor_core.pipeline.key_suggestions import report_next
from stcolor_core.pipeline.run import WrittenFrame, colorize
from stcolor_core.pipeline.seen_frames import SeenFrames
from stcolor_core.pipeline.time_left import TimeLeft, time_left_of
from stcolor_core.service.job import Job, JobKind
from stcolor_core.service.staleness import find_stale
from stcolor_core.service.store import Store
from stcolor_core.service.texts import one_line
from stcolor_core.shots.shot import Shot, list_paths

__all__ = ["Attempt", "Worker", "job_id", "next_attempt", "require_full_paths"]

logger = logging.getLogger(__name__)

_LEAST_HEIGHT = 64  # the least that `Method` allows
_STOP_SECONDS = 30.0
_STORE_RETRY_SECONDS = 5.0
_STOPPED = "Stopped with the core. It continues when the core starts."
_PAUSED = "The queue was paused. The job goes on when the queue does."


def job_id(shot: Shot, frame: int | None = None) -> str:
    """Return a job's id, 16 hex digits: the same for the same shot, and for the same preview frame of it.

    Args:
        shot: The shot.
        frame: Frame number of a preview; None for the whole shot.
    """
    canonical = json.dumps([asdict(shot), frame], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def require_full_paths(shot: Shot) -> None:
    """Refuse a shot with a relative path: the core runs in a folder of its own.

    Args:
        shot: The shot.

    Raises:
        BadRequest: If a path is relative.
    """
    for path in list_paths(shot):
        if not Path(path).is_absolute():
            raise BadRequest(f"The path {path} is relative, and the core runs in another folder. Give the full path.")


@dataclass(frozen=True)
class Attempt:
    """One try to run a shot.

    Attributes:
        shot: The shot, with the working height of this try.
        device: One of `devices.DEVICES`.
        half_height: Whether the working height is half of the requested one.
    """

    shot: Shot
    device: str
    half_height: bool = False


def next_attempt(attempt: Attempt, *, same_height: bool = False) -> tuple[Attempt, str] | None:
    """Return what to try after an attempt ran out of memory, and a line that says so; None after the CPU.

    First comes half the working height, once, then the CPU at the requested height.

    Args:
        attempt: The attempt that ran out of memory.
        same_height: Whether all attempts must have the same working height, as frames that are there have it.
    """
    if attempt.device == "cpu":
        return None
    method = attempt.shot.method
    if same_height:
        line = f"GPU memory is full at {method.working_height} lines. The shot runs on the CPU."
        return replace(attempt, device="cpu"), line
    requested = method.working_height * (2 if attempt.half_height else 1)
    if not attempt.half_height and requested % 2 == 0 and requested // 2 >= _LEAST_HEIGHT:
        half = replace(attempt.shot, method=replace(method, working_height=requested // 2))
        line = f"GPU memory is full at {requested} lines. The shot starts again at {requested // 2} lines."
        return Attempt(half, attempt.device, half_height=True), line
    whole = replace(attempt.shot, method=replace(method, working_height=requested))
    line = f"GPU memory is full at {method.working_height} lines. The shot runs on the CPU at {requested} lines."
    return Attempt(whole, "cpu"), line


def _as_before(attempt: Attempt, record: InputRecord) -> Attempt:
    """Return an attempt at the working height of the frames that are there."""
    method = attempt.shot.method
    half = record.working_height < method.working_height
    shot = replace(attempt.shot, method=replace(method, working_height=record.working_height))
    return Attempt(shot, attempt.device, half_height=half)


class Worker:
    """A thread that takes jobs from the store and colours them until it is stopped.

    Attributes:
        stall_reason: Why no job continues for now, in one line; None if jobs run.
        is_running: Whether a job runs now.
    """

    def __init__(
        self,
        store: Store,
        *,
        device: str,
        log: Path,
        on_activity: Callable[[], None] = lambda: None,
        on_written: Callable[[Shot, WrittenFrame], None] = lambda *_: None,
    ) -> None:
        """Prepare the thread; `start` starts it.

        Args:
            store: The jobs.
            device: One of `devices.DEVICES`.
            log: The log file that messages about unexpected errors refer to.
            on_activity: Called in the worker's thread when a job ends.
            on_written: Called with the shot and each frame that was written, in the thread that wrote it.

        Raises:
            StcolorError: If the device does not exist.
        """
        resolve_device(device)
        self._store, self._device, self._log = store, device, log
        self._on_activity, self._on_written = on_activity, on_written
        self._times: dict[str, TimeLeft] = {}
        self.stall_reason: str | None = None
        self.is_running = False
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def request_stop(self) -> None:
        """Put the running job back into the queue after its current frame, and take no other."""
        self._stopping.set()
        self._wake.set()

    def join(self) -> None:
        """Wait up to 30 seconds until the thread has stopped. A frame that takes longer is left for a later core."""
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            logger.warning(
                "The current frame took longer than %.0f seconds and is left for the next core.", _STOP_SECONDS
            )

    def submit(self, shot: Shot, *, frame: int | None = None, label: str = "", keep: bool = False) -> Job:
        """Queue a shot, or one frame of it ahead of the queue.

        Args:
            shot: The shot.
            frame: Frame number of a preview; None for the whole shot.
            label: What the client calls the job; "" keeps the name that it had.
            keep: Whether frames that are there stay as they are. The job then has the references that it had, if it was
                submitted before, and fails if some of the frames would come out different.

        Returns:
            The job.

        Raises:
            BadRequest: If a path of the shot is relative.
        """
        require_full_paths(shot)
        kind: JobKind = "shot" if frame is None else "preview"
        id, text = job_id(shot, frame), shot.to_json()
        job = self._store.submit(id, kind=kind, shot=text, frame=frame, label=label, completes=keep)
        self._wake.set()
        return job

    def resume(self, job: Job) -> Job:
        """Queue a job again that has ended, to write the frames that are not there. All others are kept as they are.

        The job has the references that it had; pictures that were saved beside them since are left out. A job that was
        stopped while it wrote frames again goes on with that.

        Args:
            job: A job of the store.

        Returns:
            The job.

        Raises:
            StaleFrames: If frames that are there would come out different, as something has changed since. The job
                stays as it is.
            StcolorError: If the folder of the result cannot be read.
        """
        record = None if job.state in ("queued", "running") else self._store.inputs(job.id)
        if record is not None and (found := find_stale(job, record)):
            raise found.error
        rewrites = record is not None and job.state != "done" and not job.completes
        return self._resume(job, completes=not rewrites)

    def write_again(self, job: Job) -> Job:
        """Queue a job again that has ended, to write the frames that are not there or would come out different.

        The job has the references that it had, as with `resume`.

        Args:
            job: A job of the store.

        Returns:
            The job.
        """
        return self._resume(job, completes=False)

    def _resume(self, job: Job, *, completes: bool) -> Job:
        job = self._store.resume(job.id, completes=completes)
        self._wake.set()
        return job

    def pause(self, paused: bool) -> None:
        """Pause the queue, after the current frame of the running job, or let it continue. Previews are still made.

        Args:
            paused: Whether it shall pause.
        """
        self._store.pause(paused)
        self._wake.set()

    def seconds_left(self, job: str) -> float | None:
        """Return the seconds until a running job is done; None if not known, see `TimeLeft`.

        Args:
            job: The job's id.
        """
        times = self._times.get(job)
        return None if times is None else times.seconds()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                job = self._store.take(previews_only=self._store.is_paused())
                self.stall_reason = None
                if job is not None:
                    self._run_job(job)
                elif not self._stopping.is_set():
                    release_memory()  # other programs on this machine need memory too
                    self._wake.wait()
            except sqlite3.Error as error:
                self.stall_reason = (
                    f"The jobs cannot be written to {self._store.path} ({error}). "
                    "Free space on its disk: the queue then continues by itself."
                )
                logger.exception("%s Trying again in %.0f s.", self.stall_reason, _STORE_RETRY_SECONDS)
                self._stopping.wait(_STORE_RETRY_SECONDS)

    def _run_job(self, job: Job) -> None:
        """Run a job to its end or until it must stop. An error fails this job only.

        Raises sqlite3.Error if the store cannot be written. The job stays marked as running, and is taken again later.
        """
        logger.info("Job %s (%s) runs.", job.id, job.kind)
        of_another, self.is_running = self.is_running, True  # a preview runs while its shot waits
        try:
            state, error = self._color_and_catch(job)
        finally:
            self.is_running = of_another
            self._times.pop(job.id, None)
            # Python does not know that a reference cycle holds gigabytes of plates, and would collect it much later
            gc.collect()
        if state == "stopped":
            paused = not self._stopping.is_set() and self._store.is_paused()
            self._store.release(job.id, reason=_PAUSED if paused else _STOPPED)
        else:
            self._store.finish(job.id, state, error)
        self._on_activity()
        logger.info("Job %s is %s.", job.id, self._store.get(job.id).state)

    def _color_and_catch(self, job: Job) -> tuple[Literal["done", "failed", "stopped"], str | None]:
        """Colour a job; return how it ended and, if it failed, why.

        The exception is not kept, as its traceback holds frames in memory. Raises sqlite3.Error like `_run_job`.
        """
        try:
            self._color(job)
        except Cancelled:
            return "stopped", None
        except StcolorError as error:
            return "failed", one_line(error.marked)
        except sqlite3.Error:
            raise
        except Exception as error:
            logger.exception("Job %s failed with an unexpected error.", job.id)
            reason = one_line(f"{type(error).__name__}: {error}")[:200]
            return "failed", f"Something unexpected went wrong ({reason}). See {self._log} for details."
        return "done", None

    def _color(self, job: Job) -> None:
        attempt, record = Attempt(Shot.from_json(job.shot), self._device), self._store.inputs(job.id)
        if record is not None:
            goes_on = job.kind == "shot" and job.total > 0  # it was stopped, or its core was killed: nobody asked anew
            if goes_on and (found := find_stale(job, record)):
                raise found.error
            attempt = _as_before(attempt, record)
        while not self._color_in_memory(job, attempt, record):
            gc.collect()
            release_memory()
            following = next_attempt(attempt, same_height=job.completes)
            if following is None:
                raise StcolorError("There is not enough memory. Close other programs, or lower the working height.")
            attempt, line = following
            logger.warning("Job %s: %s", job.id, line)
            self._store.record(job.id, Event(kind="warning", message=line))

    def _color_in_memory(self, job: Job, attempt: Attempt, earlier: InputRecord | None) -> bool:
        """Colour the job's frames; return False if memory ran out (by then the exception holds none of it)."""
        only = None if job.frame is None else str(job.frame)

        def report(event: Event) -> None:
            if event.kind == "plan" and job.kind == "shot":
                self._times[job.id] = time_left_of(attempt.shot, event)
            elif job.id in self._times:
                self._times[job.id].record(event)
            if event.kind != "done":  # the store adds this event together with the state
                self._store.record(job.id, event)

        seen = SeenFrames()

        def keep(written: WrittenFrame) -> None:
            seen.add(written)
            self._on_written(attempt.shot, written)

        try:
            for _ in colorize(
                attempt.shot,
                device=attempt.device,
                only=only,
                report=report,
                cancelled=lambda: self._must_stop(job),
                on_written=keep,
                on_inputs=lambda record: self._store.record_inputs(job.id, record),
                earlier=earlier,
                overwrite=not job.completes,
            ):
                pass
        except DeviceMemoryError:
            return False
        if job.kind == "shot":
            report_next(attempt.shot, seen, report=report, cancelled=lambda: self._must_stop(job))
        return True

    def _must_stop(self, job: Job) -> bool:
        """Run waiting previews, then return whether the job must stop. The pipeline calls this before every frame."""
        if job.kind == "shot":
            while not self._stopping.is_set() and (preview := self._store.take(previews_only=True)) is not None:
                self._run_job(preview)
        paused = job.kind == "shot" and self._store.is_paused()
        return self._stopping.is_set() or paused or self._store.get(job.id).cancel
