"""The jobs and their events in one SQLite file, so that they survive the core."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stcolor_core.service.database import open_database
from stcolor_core.service.job import Job, JobKind, Place, StoredEvent, UnknownJob
from stcolor_core.service.stored_events import add_event, delete_old_events, read_events
from stcolor_core.service.stored_jobs import end_job, move_job, queue_job, read_jobs

if TYPE_CHECKING:
    from stcolor_core.pipeline.events import Event
    from stcolor_core.pipeline.input_record import InputRecord

__all__ = ["Store"]

_ENDED_KEPT: dict[JobKind, int] = {"shot": 500, "preview": 100}  # besides those in use
_IN_USE_SECONDS = 600.0  # since the last request for a job; a client that follows one asks every 25 seconds
_EVENTS_AT_ONCE = 1000


class Store:
    """All jobs of one core, for any thread.

    Jobs that are queued or running are never deleted, nor are those that a client asked for in the last ten minutes. Of
    the rest, the shots and previews that ended last stay.

    Attributes:
        path: The SQLite file.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the file, or create it.

        Args:
            path: The SQLite file, on a disk of this machine.
            on_change: Called after each change, in the thread that made it.
            clock: Seconds, monotonic.

        Raises:
            StcolorError: If the file cannot be used, or is from another version.
        """
        self.path, self._on_change, self._clock = path, on_change, clock
        self._lock = threading.Lock()
        self._last_access: dict[str, float] = {}  # by job, as the clock counts
        self._database = open_database(path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def submit(
        self,
        job: str,
        *,
        kind: JobKind,
        shot: str,
        frame: int | None = None,
        label: str = "",
        completes: bool = False,
    ) -> Job:
        """Queue a job. A job of that id that is queued or running stays; one that has ended joins the queue again.

        A running job that was about to be cancelled continues. What an ended job's frames were made from is forgotten,
        unless it completes them.

        Args:
            job: The job's id.
            kind: shot or preview.
            shot: The shot as JSON.
            frame: Frame number of a preview.
            label: What the client calls it; "" keeps the name that it had.
            completes: Whether it writes only frames that are not there.

        Returns:
            The job.
        """
        with self._transaction():
            if not completes:
                self._forget_inputs(job)
            if not self._goes_on(job):
                self._execute(
                    "insert or ignore into jobs (id, kind, shot, frame, state, done, total, cancel, position)"
                    " values (?, ?, ?, ?, 'queued', 0, 0, 0, 0)",
                    job,
                    kind,
                    shot,
                    frame,
                )
                queue_job(self._database, job, completes=completes)
                self._delete_old_jobs()
            if label:
                self._execute("update jobs set label = ? where id = ?", label, job)
        return self.get(job)

    def resume(self, job: str, *, completes: bool) -> Job:
        """Queue a job again that has ended; one that is queued or running stays, and is not cancelled.

        Args:
            job: The job's id.
            completes: Whether it writes only frames that are not there.

        Returns:
            The job.

        Raises:
            UnknownJob: If there is no such job.
        """
        with self._transaction():
            if not self._goes_on(job):
                queue_job(self._database, job, completes=completes)
        return self.get(job)

    def record_inputs(self, job: str, record: InputRecord) -> None:
        """Store what a job's frames are made from, in place of what they were made from before.

        Args:
            job: The job's id.
            record: What they are made from.
        """
        with self._transaction():
            self._execute("insert or replace into inputs values (?, ?)", job, record.to_json())

    def inputs(self, job: str) -> InputRecord | None:
        """Return what a job's frames were made from; None if it has not yet come to its first frame.

        Args:
            job: The job's id.
        """
        from stcolor_core.pipeline.input_record import InputRecord

        with self._lock:
            text = self._scalar("select record from inputs where job = ?", job)
        return None if text is None else InputRecord.from_json(text)

    def take(self, *, previews_only: bool = False) -> Job | None:
        """Return the next job and mark it as running; None if there is none. Previews come first.

        The only worker calls this between its jobs, so a job that is marked as running was left by a core that died.
        It is taken again.

        Args:
            previews_only: Whether to leave the shots in the queue.
        """
        with self._transaction():
            job = self._scalar(
                "select id from jobs where state in ('queued', 'running') and (kind = 'preview' or not ?)"
                " order by kind = 'preview' desc, position limit 1",
                previews_only,
            )
            self._execute("update jobs set state = 'running' where id = ?", job)
            delete_old_events(self._database, job)
        return None if job is None else self.get(job)

    def cancel(self, job: str) -> Job:
        """Cancel a queued job, or mark a running one to stop. A job that has ended stays as it is.

        Args:
            job: The job's id.

        Returns:
            The job.

        Raises:
            UnknownJob: If there is no such job.
        """
        with self._transaction():
            state = self._scalar("select state from jobs where id = ?", job)
            if state == "queued":
                end_job(self._database, job, "cancelled", None)
            elif state == "running":
                self._execute("update jobs set cancel = 1 where id = ?", job)
        return self.get(job)

    def record(self, job: str, event: Event) -> None:
        """Store an event of the pipeline; of a look only its frame, in the job.

        Args:
            job: The job's id.
            event: The event.
        """
        with self._transaction():
            if event.kind == "look":
                self._execute("update jobs set looking = ? where id = ?", event.frame, job)
                return
            if event.kind in ("plan", "frame"):
                self._execute("update jobs set done = ?, total = ? where id = ?", event.done, event.total, job)
            add_event(
                self._database,
                job,
                {name: value for name, value in asdict(event).items() if value not in (None, "", ())},
            )

    def finish(self, job: str, state: Literal["done", "failed"], error: str | None = None) -> None:
        """Mark a job as ended, with an event.

        Args:
            job: The job's id.
            state: done or failed.
            error: Why it failed, in one line.
        """
        with self._transaction():
            end_job(self._database, job, state, error)

    def release(self, job: str, *, reason: str) -> None:
        """Mark a job that stopped between two frames as cancelled if it was to be, else as queued.

        Args:
            job: The job's id.
            reason: Why it is queued again, in one line.
        """
        with self._transaction():
            if self._scalar("select cancel from jobs where id = ?", job):
                end_job(self._database, job, "cancelled", None)
            else:
                self._execute("update jobs set state = 'queued' where id = ?", job)
                add_event(self._database, job, {"kind": "queued", "message": reason})

    def move(self, job: str, to: Place) -> Job:
        """Move a job in the queue; one that is not queued stays where it is.

        Args:
            job: The job's id.
            to: Where to.

        Returns:
            The job.

        Raises:
            UnknownJob: If there is no such job.
        """
        with self._transaction():
            move_job(self._database, job, to)
        return self.get(job)

    def write_note(self, job: str, note: str) -> Job:
        """Write the artist's note about a job.

        Args:
            job: The job's id.
            note: The note; "" for none.

        Returns:
            The job.

        Raises:
            UnknownJob: If there is no such job.
        """
        with self._transaction():
            self._execute("update jobs set note = ? where id = ?", note, job)
        return self.get(job)

    def hide_ended(self) -> None:
        """Leave the jobs that have ended out of `jobs` until they are submitted again. Their frames stay."""
        with self._transaction():
            self._execute("update jobs set hidden = 1 where state not in ('queued', 'running')")

    def show_hidden(self) -> None:
        """Take back `hide_ended`."""
        with self._transaction():
            self._execute("update jobs set hidden = 0")

    def hidden(self) -> int:
        """Return how many jobs are hidden."""
        with self._lock:
            return int(self._scalar("select count(*) from jobs where hidden"))

    def is_paused(self) -> bool:
        """Return whether the queue is paused."""
        with self._lock:
            return bool(self._scalar("select value from settings where name = 'paused'") == "1")

    def pause(self, paused: bool) -> None:
        """Pause the queue or let it continue; this outlives the core.

        Args:
            paused: Whether it shall pause.
        """
        with self._transaction():
            self._execute("insert or replace into settings values ('paused', ?)", "1" if paused else "0")

    def get(self, job: str) -> Job:
        """Return a job.

        Args:
            job: The job's id.

        Raises:
            UnknownJob: If there is no such job.
        """
        with self._lock:
            matching = read_jobs(self._database, "where id = ?", job)
            if not matching:
                raise UnknownJob(job)
            self._last_access[job] = self._clock()
        return matching[0]

    def jobs(self) -> list[Job]:
        """Return all jobs that are not hidden, the newest first."""
        with self._lock:
            return read_jobs(self._database, "where not hidden order by position desc")

    def is_busy(self) -> bool:
        """Return whether any job is queued or running."""
        with self._lock:
            return bool(self._scalar("select exists (select 1 from jobs where state in ('queued', 'running'))"))

    def events(self, job: str, *, after: int = 0) -> list[StoredEvent]:
        """Return the events of a job after a number, in order, at most 1000 at once.

        Args:
            job: The job's id.
            after: Number of the last event to leave out; 0 for none.
        """
        with self._lock:
            if job in self._last_access:
                self._last_access[job] = self._clock()
            return read_events(self._database, job, after=after, most=_EVENTS_AT_ONCE)

    def all_events(self, job: str) -> Iterator[StoredEvent]:
        """Yield all events of a job, in order.

        Args:
            job: The job's id.
        """
        last = 0
        while events := self.events(job, after=last):
            yield from events
            last = events[-1].number

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Run the body as one transaction, then call `on_change`."""
        with self._lock:
            self._database.execute("begin immediate")
            try:
                yield
                self._database.execute("commit")
            except BaseException:
                if self._database.in_transaction:  # on a full disk SQLite may have rolled back by itself
                    self._database.execute("rollback")
                raise
        self._on_change()

    def _scalar(self, statement: str, *values: object) -> Any:
        row = self._database.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def _execute(self, statement: str, *values: object) -> None:
        self._database.execute(statement, values)

    def _goes_on(self, job: str) -> bool:
        """Return whether a job is queued or running; if so, it is not cancelled."""
        if self._scalar("select state from jobs where id = ?", job) not in ("queued", "running"):
            return False
        self._execute("update jobs set cancel = 0 where id = ?", job)
        return True

    def _forget_inputs(self, job: str) -> None:
        """Let a job that does not run now take the files that it will find, and write all frames anew that need it."""
        self._execute("delete from inputs where job in (select id from jobs where id = ? and state <> 'running')", job)
        self._execute("update jobs set completes = 0 where id = ? and state <> 'running'", job)

    def _delete_old_jobs(self) -> None:
        """Delete the jobs that ended longest ago and are not in use; previews and shots each have their own limit."""
        since = self._clock() - _IN_USE_SECONDS
        self._last_access = {job: accessed for job, accessed in self._last_access.items() if accessed > since}
        for kind, limit in _ENDED_KEPT.items():
            ended = self._database.execute(
                "select id from jobs where kind = ? and state not in ('queued', 'running')"
                " order by ended desc limit -1 offset ?",
                (kind, limit),
            ).fetchall()
            self._database.executemany(
                "delete from jobs where id = ?", [row for row in ended if row[0] not in self._last_access]
            )
