"""The jobs and what happened to them, in one SQLite file: what the core knows outlives it."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stcolor_core.errors import StcolorError

if TYPE_CHECKING:
    from stcolor_core.pipeline.run import Event

__all__ = ["Job", "JobKind", "JobState", "Store", "StoredEvent", "UnknownJob"]

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
JobKind = Literal["shot", "preview"]

_VERSION = 2
_ENDED_KEPT: dict[JobKind, int] = {"shot": 500, "preview": 100}  # beside those that are looked at
_LOOKED_AT_SECONDS = 600.0  # whoever follows a job asks every 25 seconds
_EVENTS_AT_ONCE = 1000
_SPARE_PAGES = 256  # a megabyte
_SCHEMA = """
    create table if not exists jobs (
        id text primary key, kind text not null, shot text not null, frame integer, state text not null,
        done integer not null, total integer not null, looking integer, error text, cancel integer not null,
        position integer not null, ended integer not null default 0);
    create table if not exists events (
        job text not null references jobs (id) on delete cascade, number integer not null, body text not null,
        primary key (job, number)) without rowid;
"""
# ended: the order in which jobs came to their end, which is not that of the queue; 0 before
_FROM_VERSION_1 = """
    alter table jobs add column ended integer not null default 0;
    update jobs set ended = position where state not in ('queued', 'running');
"""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One shot to colour, or one frame of it as a preview.

    shot: as JSON. frame: of a preview. done, total: frames. looking: the frame looked at last. error: why it failed, in
    one line. cancel: it is asked to stop. position: the order of the queue.
    """

    id: str
    kind: JobKind
    shot: str
    frame: int | None
    state: JobState
    done: int
    total: int
    looking: int | None
    error: str | None
    cancel: bool
    position: int


class UnknownJob(LookupError):
    """No job has that id."""


_COLUMNS = ", ".join(field.name for field in fields(Job))


@dataclass(frozen=True)
class StoredEvent:
    """Something that happened to a job. number: 1, 2, ... within the job, never given twice.

    body: kind, time (seconds since 1970), and those fields of `pipeline.Event` that are set.
    """

    number: int
    body: dict[str, Any]


class Store:
    """All jobs of one core; any thread may ask. changed: called, in that thread, after anything has changed.

    What waits or runs is never forgotten, nor what somebody has asked for in the last ten minutes; of the rest, the
    shots and the previews that ended last stay. clock: in seconds, monotonic.
    Raises StcolorError where the file is no store of this version.
    """

    def __init__(
        self,
        path: Path,
        *,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self._changed, self._clock = path, changed, clock
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}  # when each job was last asked for
        try:
            self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            version = self._base.execute("pragma user_version").fetchone()[0]
            if version not in (0, 1, _VERSION):
                raise StcolorError(
                    f"{path} is of another version of RefColorize. Move it away to start without its jobs."
                )
            for pragma in ("journal_mode = wal", "synchronous = normal", "foreign_keys = on"):
                self._base.execute(f"pragma {pragma}")
            taken_over = _FROM_VERSION_1 if version == 1 else ""
            self._base.executescript(f"begin; {_SCHEMA} {taken_over} pragma user_version = {_VERSION}; commit;")
            self._shrink()
        except sqlite3.OperationalError as error:  # of the disk, not of what is in the file
            raise StcolorError(
                f"{path} cannot be written ({error}). Free space on its disk, or set its rights."
            ) from None
        except sqlite3.Error as error:
            raise StcolorError(f"{path} cannot be used ({error}). Move it away to start without its jobs.") from None

    def close(self) -> None:
        with self._lock:
            self._base.close()

    def submit(self, job: str, *, kind: JobKind, shot: str, frame: int | None = None) -> Job:
        """Queue a job under that id. One that waits or runs is that job; one that has ended goes to the queue's end."""
        with self._change():
            state = self._one("select state from jobs where id = ?", job)
            if state in ("queued", "running"):
                self._do("update jobs set cancel = 0 where id = ?", job)
            else:
                self._do(
                    "insert or ignore into jobs values (?, ?, ?, ?, 'queued', 0, 0, null, null, 0, 0, 0)",
                    job,
                    kind,
                    shot,
                    frame,
                )
                self._do(
                    "update jobs set state = 'queued', done = 0, total = 0, looking = null, error = null, cancel = 0,"
                    " position = (select max(position) + 1 from jobs) where id = ?",
                    job,
                )
                self._add(job, {"kind": "queued"})
                self._forget()
        return self.get(job)

    def take(self, *, previews_only: bool = False) -> Job | None:
        """The next job, which runs from now on; previews first. None where there is none.

        Asked for by the one worker between its jobs, so one that is said to run was left by a core that died, and is
        taken up again.
        """
        with self._change():
            job = self._one(
                "select id from jobs where state in ('queued', 'running') and (kind = 'preview' or not ?)"
                " order by kind = 'preview' desc, position limit 1",
                previews_only,
            )
            self._do("update jobs set state = 'running' where id = ?", job)
            self._compact(job)
        return None if job is None else self.get(job)

    def cancel(self, job: str) -> Job:
        """Cancel one that waits, ask one that runs to stop, leave one that has ended. Raises UnknownJob."""
        with self._change():
            state = self._one("select state from jobs where id = ?", job)
            if state == "queued":
                self._end(job, "cancelled", None)
            elif state == "running":
                self._do("update jobs set cancel = 1 where id = ?", job)
        return self.get(job)

    def record(self, job: str, event: Event) -> None:
        """Keep what the pipeline says; of looks only the last frame."""
        with self._change():
            if event.kind == "look":
                self._do("update jobs set looking = ? where id = ?", event.frame, job)
                return
            if event.kind in ("plan", "frame"):
                self._do("update jobs set done = ?, total = ? where id = ?", event.done, event.total, job)
            self._add(job, {name: value for name, value in asdict(event).items() if value not in (None, "", ())})

    def end(self, job: str, state: Literal["done", "failed"], error: str | None = None) -> None:
        """A job has ended; the event that says so comes with it."""
        with self._change():
            self._end(job, state, error)

    def stopped(self, job: str) -> None:
        """A job has stopped between two frames: cancelled if it was asked to, else it waits to go on."""
        with self._change():
            if self._one("select cancel from jobs where id = ?", job):
                self._end(job, "cancelled", None)
            else:
                self._do("update jobs set state = 'queued' where id = ?", job)
                self._add(job, {"kind": "queued", "message": "Stopped with the core. It goes on when the core starts."})

    def get(self, job: str) -> Job:
        """Raises UnknownJob where there is no such job."""
        found = self._jobs("where id = ?", job)
        if not found:
            raise UnknownJob(job)
        with self._lock:
            self._seen[job] = self._clock()
        return found[0]

    def jobs(self) -> list[Job]:
        """Every job there is, the newest first."""
        return self._jobs("order by position desc")

    def is_busy(self) -> bool:
        """Whether any job waits or runs."""
        return bool(self._jobs("where state in ('queued', 'running') limit 1"))

    def events(self, job: str, *, after: int = 0) -> list[StoredEvent]:
        """What happened to a job after the event of that number, in order, at most 1000 at once."""
        with self._lock:
            if job in self._seen:
                self._seen[job] = self._clock()
            rows = self._base.execute(
                "select number, body from events where job = ? and number > ? order by number limit ?",
                (job, after, _EVENTS_AT_ONCE),
            ).fetchall()
        return [StoredEvent(number, json.loads(body)) for number, body in rows]

    def all_events(self, job: str) -> Iterator[StoredEvent]:
        """Everything that happened to a job, in order."""
        last = 0
        while found := self.events(job, after=last):
            yield from found
            last = found[-1].number

    def _jobs(self, condition: str, *values: object) -> list[Job]:
        with self._lock:
            rows = self._base.execute(f"select {_COLUMNS} from jobs {condition}", values).fetchall()
        names = [field.name for field in fields(Job)]
        return [
            Job(**{**dict(zip(names, row, strict=True)), "cancel": bool(row[names.index("cancel")])}) for row in rows
        ]

    @contextmanager
    def _change(self) -> Iterator[None]:
        """All of what happens inside, or nothing."""
        with self._lock:
            self._base.execute("begin immediate")
            try:
                yield
                self._base.execute("commit")
            except BaseException:
                if self._base.in_transaction:  # on a full disk SQLite may have rolled back by itself
                    self._base.execute("rollback")
                raise
        self._changed()

    def _one(self, statement: str, *values: object) -> Any:
        row = self._base.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def _do(self, statement: str, *values: object) -> None:
        self._base.execute(statement, values)

    def _end(self, job: str, state: JobState, error: str | None) -> None:
        self._do(
            "update jobs set state = ?, error = ?, looking = null, cancel = 0,"
            " ended = (select max(ended) + 1 from jobs) where id = ?",
            state,
            error,
            job,
        )
        self._add(job, {"kind": state, **({"message": error} if error else {})})

    def _add(self, job: str, body: dict[str, Any]) -> None:
        self._do(
            "insert into events select ?, coalesce(max(number), 0) + 1, ? from events where job = ?",
            job,
            json.dumps({"time": time.time(), **body}),
            job,
        )

    def _forget(self) -> None:
        """Drop what ended longest ago and nobody looks at, previews and shots each by their own count."""
        since = self._clock() - _LOOKED_AT_SECONDS
        self._seen = {job: seen for job, seen in self._seen.items() if seen > since}
        for kind, kept in _ENDED_KEPT.items():
            ended = self._base.execute(
                "select id from jobs where kind = ? and state not in ('queued', 'running')"
                " order by ended desc limit -1 offset ?",
                (kind, kept),
            ).fetchall()
            self._base.executemany("delete from jobs where id = ?", [row for row in ended if row[0] not in self._seen])

    def _compact(self, job: str) -> None:
        """Drop what was said before a job's last run, but for the last plan and the last word on each frame.

        A shot that is submitted again and again would else keep every run, and be slower to ask about each time.
        """
        rows = self._base.execute("select number, body from events where job = ? order by number", (job,)).fetchall()
        said = [(number, json.loads(body)) for number, body in rows]
        while said and said[-1][1]["kind"] == "queued":  # the run that begins now
            said.pop()
        begin = max((at for at, (_, body) in enumerate(said) if body["kind"] in ("queued", "plan")), default=0)
        if begin and said[begin - 1][1]["kind"] == "queued":
            begin -= 1
        known = {(body["kind"], body.get("frame")) for _, body in said[begin:]}
        for number, body in reversed(said[:begin]):
            what = body["kind"], body.get("frame")
            if body["kind"] not in ("plan", "frame") or what in known:
                self._do("delete from events where job = ? and number = ?", job, number)
            known.add(what)

    def _shrink(self) -> None:
        """Give back to the disk what forgotten jobs have left, where it is the better part of the file."""
        spare, pages = (self._base.execute(f"pragma {name}").fetchone()[0] for name in ("freelist_count", "page_count"))
        if spare > max(_SPARE_PAGES, pages // 2):
            with suppress(sqlite3.OperationalError):  # a disk without room for the copy; what is spare is used again
                self._base.execute("vacuum")
