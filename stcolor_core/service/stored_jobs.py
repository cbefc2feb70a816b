"""The rows of jobs in the service's SQLite file."""

from __future__ import annotations

import sqlite3
from dataclasses import fields, replace

from stcolor_core.service.job import Job, JobState, Place
from stcolor_core.service.stored_events import add_event

__all__ = ["end_job", "move_job", "queue_job", "read_jobs"]

_COLUMNS = [field.name for field in fields(Job)]


def read_jobs(database: sqlite3.Connection, condition: str, *values: object) -> list[Job]:
    """Return the jobs that a condition chooses.

    Args:
        database: The file.
        condition: The end of the SQL statement, from "where" on.
        values: What its question marks stand for.
    """
    rows = database.execute(f"select {', '.join(_COLUMNS)} from jobs {condition}", values).fetchall()
    jobs = (Job(**dict(zip(_COLUMNS, row, strict=True))) for row in rows)
    # SQLite has only numbers
    return [replace(job, cancel=bool(job.cancel), completes=bool(job.completes)) for job in jobs]


def queue_job(database: sqlite3.Connection, job: str, *, completes: bool) -> None:
    """Put a job at the end of the queue, with an event.

    Args:
        database: The file, within a transaction.
        job: The id of a job that is neither queued nor running.
        completes: Whether it writes only frames that are not there.
    """
    database.execute(
        "update jobs set state = 'queued', done = 0, total = 0, looking = null, error = null, cancel = 0,"
        " hidden = 0, completes = ?, position = (select max(position) + 1 from jobs) where id = ?",
        (completes, job),
    )
    add_event(database, job, {"kind": "queued"})


def end_job(database: sqlite3.Connection, job: str, state: JobState, error: str | None) -> None:
    """Mark a job as ended, with an event.

    Args:
        database: The file, within a transaction.
        job: The job's id.
        state: done, failed or cancelled.
        error: Why it failed, in one line; None if it did not.
    """
    database.execute(
        "update jobs set state = ?, error = ?, looking = null, cancel = 0,"
        " ended = (select max(ended) + 1 from jobs) where id = ?",
        (state, error, job),
    )
    add_event(database, job, {"kind": state, **({"message": error} if error else {})})


def move_job(database: sqlite3.Connection, job: str, to: Place) -> None:
    """Move a shot in the queue; a job that is not in it stays where it is.

    Args:
        database: The file, within a transaction.
        job: The job's id.
        to: Where to.
    """
    rows = database.execute(
        "select id, position from jobs where state = 'queued' and kind = 'shot' order by position"
    ).fetchall()
    order = [row[0] for row in rows]
    if job not in order:
        return
    at, last = order.index(job), len(order) - 1
    order.remove(job)
    order.insert({"first": 0, "earlier": max(0, at - 1), "later": at + 1, "last": last}[to], job)
    for each, (_, position) in zip(order, rows, strict=True):
        database.execute("update jobs set position = ? where id = ?", (position, each))
