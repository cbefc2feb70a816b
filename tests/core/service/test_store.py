from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from stcolor_core.errors import StcolorError
from stcolor_core.pipeline import Event
from stcolor_core.service import store as module
from stcolor_core.service.store import Store, UnknownJob


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "jobs.sqlite")
    yield store
    store.close()


def submit(store: Store, *jobs: str) -> None:
    for job in jobs:
        store.submit(job, kind="shot", shot="{}")


def kinds(store: Store, job: str) -> list[str]:
    return [event.body["kind"] for event in store.events(job)]


def test_jobs_are_taken_in_the_order_they_came_and_previews_first(store: Store) -> None:
    submit(store, "a", "b")
    store.submit("p", kind="preview", shot="{}", frame=7)
    taken = []
    while (job := store.take()) is not None:
        taken.append((job.id, job.state, job.frame))
        store.end(job.id, "done")
    assert taken == [("p", "running", 7), ("a", "running", None), ("b", "running", None)]


def test_a_preview_alone_is_taken_beside_a_running_job(store: Store) -> None:
    submit(store, "a", "b")
    store.take()
    assert store.take(previews_only=True) is None
    store.submit("p", kind="preview", shot="{}", frame=7)
    assert (taken := store.take(previews_only=True)) is not None
    assert taken.id == "p"


def test_the_same_job_twice_is_one_and_an_ended_one_waits_again_at_the_end(store: Store) -> None:
    submit(store, "a", "b", "a")
    assert [job.id for job in store.jobs()] == ["b", "a"]
    store.take()
    store.record("a", Event(kind="plan", total=5))
    store.end("a", "failed", "The disk is full.")
    assert (store.get("a").error, store.get("a").total) == ("The disk is full.", 5)
    submit(store, "a")
    assert [job.id for job in store.jobs()] == ["a", "b"]
    assert (store.get("a").state, store.get("a").error, store.get("a").total) == ("queued", None, 0)


def test_events_are_numbered_without_gaps_across_runs(store: Store) -> None:
    submit(store, "a")
    store.record("a", Event(kind="look", frame=4))
    store.record("a", Event(kind="frame", frame=5, done=1, total=2, confidence=0.5))
    store.end("a", "done")
    submit(store, "a")
    events = store.events("a", after=1)
    assert [event.number for event in events] == [2, 3, 4]
    assert kinds(store, "a") == ["queued", "frame", "done", "queued"]
    assert events[0].body["confidence"] == 0.5
    assert events[0].body["frame"] == 5


def test_of_looks_the_last_frame_is_kept(store: Store) -> None:
    submit(store, "a")
    for frame in (1, 2, 3):
        store.record("a", Event(kind="look", frame=frame))
    assert store.get("a").looking == 3


def test_cancel_ends_one_that_waits_and_asks_one_that_runs(store: Store) -> None:
    submit(store, "a", "b")
    store.take()
    assert store.cancel("b").state == "cancelled"
    assert (store.cancel("a").state, store.get("a").cancel) == ("running", True)
    store.stopped("a")
    assert store.get("a").state == "cancelled"
    assert store.cancel("a").state == "cancelled"
    assert kinds(store, "a") == ["queued", "cancelled"]


def test_one_submitted_again_before_its_cancel_took_effect_goes_on(store: Store) -> None:
    submit(store, "a")
    store.take()
    store.cancel("a")
    submit(store, "a")
    store.stopped("a")
    assert store.get("a").state == "queued"


def test_what_ran_when_the_core_died_is_taken_up_first(store: Store, tmp_path: Path) -> None:
    submit(store, "a", "b")
    store.take()
    store.close()
    again = Store(tmp_path / "jobs.sqlite")
    assert again.is_busy()
    assert (taken := again.take()) is not None
    assert taken.id == "a"
    again.close()


def test_an_unknown_job_is_said_to_be_one(store: Store) -> None:
    for ask in (store.get, store.cancel):
        with pytest.raises(UnknownJob):
            ask("nothing")
    assert store.events("nothing") == []


def test_a_change_that_fails_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.record("nothing", Event(kind="warning", message="no such job"))
    submit(store, "a")
    assert kinds(store, "a") == ["queued"]


def test_ended_jobs_are_forgotten_by_count_with_their_events(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FINISHED_KEPT", 3)
    submit(store, "waits")
    for number in range(6):
        submit(store, str(number))
        store.end(str(number), "done")
    submit(store, "new")
    assert [job.id for job in store.jobs()] == ["new", "5", "4", "waits"]
    assert store.events("0") == []


def test_whoever_waits_is_told_of_each_change(tmp_path: Path) -> None:
    told: list[None] = []
    store = Store(tmp_path / "jobs.sqlite", changed=lambda: told.append(None))
    submit(store, "a")
    assert len(told) == 1
    store.close()


def test_a_file_that_is_no_store_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"no database " * 100)
    with pytest.raises(StcolorError, match=r"jobs\.sqlite cannot be used"):
        Store(path)


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    base = sqlite3.connect(path)
    base.execute("pragma user_version = 99")
    base.close()
    with pytest.raises(StcolorError, match="another version"):
        Store(path)
