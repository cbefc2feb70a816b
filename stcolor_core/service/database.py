"""The service's SQLite file: its tables, and how files of earlier versions are brought up to them."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from stcolor_core.errors import StcolorError

__all__ = ["open_database"]

_VERSION = 4
_FREE_PAGES = 256  # a megabyte
_SCHEMA = """
    create table if not exists jobs (
        id text primary key, kind text not null, shot text not null, frame integer, state text not null,
        done integer not null, total integer not null, looking integer, error text, cancel integer not null,
        position integer not null, ended integer not null default 0, label text not null default '',
        note text not null default '', hidden integer not null default 0,
        completes integer not null default 0);
    create table if not exists settings (name text primary key, value text not null) without rowid;
    create table if not exists events (
        job text not null references jobs (id) on delete cascade, number integer not null, body text not null,
        primary key (job, number)) without rowid;
    create table if not exists inputs (
        job text primary key references jobs (id) on delete cascade, record text not null);
"""
# ended: rank in the order in which jobs ended, which is not the order of the queue; 0 until then
_FROM_VERSION_1 = """
    alter table jobs add column ended integer not null default 0;
    update jobs set ended = position where state not in ('queued', 'running');
"""
_FROM_VERSION_2 = """
    alter table jobs add column label text not null default '';
    alter table jobs add column note text not null default '';
    alter table jobs add column hidden integer not null default 0;
"""
_FROM_VERSION_3 = "alter table jobs add column completes integer not null default 0;"


def open_database(path: Path) -> sqlite3.Connection:
    """Open the file, or create it; one of an earlier version gets the new columns.

    Args:
        path: The SQLite file, on a disk of this machine.

    Returns:
        The connection, for any thread that holds the lock of its owner.

    Raises:
        StcolorError: If the file cannot be used, or is from another version.
    """
    try:
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        version = database.execute("pragma user_version").fetchone()[0]
        if version not in range(_VERSION + 1):
            raise StcolorError(
                f"{path} is from another version of RefColorize. Move it away to start without its jobs."
            )
        for pragma in ("journal_mode = wal", "synchronous = normal", "foreign_keys = on"):
            database.execute(f"pragma {pragma}")
        migration = "".join((_FROM_VERSION_1, _FROM_VERSION_2, _FROM_VERSION_3)[version - 1 :] if version else ())
        database.executescript(f"begin; {_SCHEMA} {migration} pragma user_version = {_VERSION}; commit;")
        _vacuum(database)
    except sqlite3.OperationalError as error:  # from the disk, not from the content of the file
        raise StcolorError(
            f"{path} cannot be written ({error}). Free space on its disk, or make it writable."
        ) from None
    except sqlite3.Error as error:
        raise StcolorError(f"{path} cannot be used ({error}). Move it away to start without its jobs.") from None
    return database


def _vacuum(database: sqlite3.Connection) -> None:
    """Shrink the file if more than half of it is free pages of deleted jobs."""
    free, pages = (database.execute(f"pragma {name}").fetchone()[0] for name in ("freelist_count", "page_count"))
    if free > max(_FREE_PAGES, pages // 2):
        with suppress(sqlite3.OperationalError):  # no room for the copy; free pages are used again
            database.execute("vacuum")
