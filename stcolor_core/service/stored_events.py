"""The events of jobs in the service's SQLite file."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from stcolor_core.service.job import StoredEvent

__all__ = ["add_event", "delete_old_events", "read_events"]


def add_event(database: sqlite3.Connection, job: str, body: Mapping[str, Any]) -> None:
    """Add an event to a job, with the time.

    Args:
        database: The file, within a transaction.
        job: The job's id.
        body: kind and what else is known, see `StoredEvent`.
    """
    database.execute(
        "insert into events select ?, coalesce(max(number), 0) + 1, ? from events where job = ?",
        (job, json.dumps({"time": time.time(), **body}), job),
    )


def read_events(database: sqlite3.Connection, job: str, *, after: int = 0, most: int = -1) -> list[StoredEvent]:
    """Return the events of a job after a number, in order.

    Args:
        database: The file.
        job: The job's id.
        after: Number of the last event to leave out; 0 for none.
        most: How many at once; -1 for all.
    """
    rows = database.execute(
        "select number, body from events where job = ? and number > ? order by number limit ?", (job, after, most)
    )
    return [StoredEvent(number, json.loads(body)) for number, body in rows]


def delete_old_events(database: sqlite3.Connection, job: str) -> None:
    """Delete the events before a job's last run, but for the last plan and the last event of each frame.

    Otherwise a shot that is submitted again and again would keep the events of all its runs and get slower to read.

    Args:
        database: The file, within a transaction.
        job: The id of a job whose next run begins.
    """
    events = read_events(database, job)
    while events and events[-1].body["kind"] == "queued":  # the run that begins now
        events.pop()
    begin = max((at for at, event in enumerate(events) if event.body["kind"] in ("queued", "plan")), default=0)
    if begin and events[begin - 1].body["kind"] == "queued":
        begin -= 1
    newer = {_topic(event) for event in events[begin:]}
    for event in reversed(events[:begin]):
        if event.body["kind"] not in ("plan", "frame") or _topic(event) in newer:
            database.execute("delete from events where job = ? and number = ?", (job, event.number))
        newer.add(_topic(event))


def _topic(event: StoredEvent) -> tuple[str, int | None]:
    return event.body["kind"], event.body.get("frame")
