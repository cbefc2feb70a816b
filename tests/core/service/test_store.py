from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stcolor_core.errors import StcolorError
from stcolor_core.pipeline.input_record import InputRecord, MadeFrames, UsedFile
from stcolor_core.pipeline.run import Event
from stcolor_core.service.job import JobKind, UnknownJob
from stcolor_core.service.store import Store

_FIRST_VERSION = """
    create table jobs (
        id text primary key, kind text not null, shot text not null, frame integer, state text not null,
        done integer not null, total integer not null, looking integer, error text, cancel integer not null,
        position integer not null);
    create table events (
        job text not null references jobs (id) on delete cascade, number integer not null, body text not null,
        primary key (job, number)) without rowid;
    insert into jobs values ('old', 'shot', '{}', null, 'failed', 0, 0, null, 'No disk.', 0, 1);
    insert into jobs values ('new', 'shot', '{}', null, 'done', 1, 1, null, null, 0, 2);
    insert into jobs values ('waits', 'shot', '{}', null, 'queued', 0, 0, null, null, 0, 3);
    insert into events values ('new', 1, '{"time": 1.0, "kind": "queued"}');
    insert into events values ('new', 2, '{"time": 2.0, "kind": "done"}');
    pragma user_version = 1;
"""


def submit(store: Store, *jobs: str) -> None:
    for job in jobs:
        store.submit(job, kind="shot", shot="{}")


def kinds(store: Store, job: str) -> list[str]:
    return [event.body["kind"] for event in store.events(job)]


def test_jobs_are_taken_in_order_of_arrival_and_previews_first(store: Store) -> None:
    submit(store, "a", "b")
    store.submit("p", kind="preview", shot="{}", frame=7)
    taken = []
    while (job := store.take()) is not None:
        taken.append((job.id, job.state, job.frame))
        store.finish(job.id, "done")
    assert taken == [("p", "running", 7), ("a", "running", None), ("b", "running", None)]


def test_only_a_preview_is_taken_while_a_job_is_running(store: Store) -> None:
    submit(store, "a", "b")
    store.take()
    assert store.take(previews_only=True) is None
    store.submit("p", kind="preview", shot="{}", frame=7)
    assert (taken := store.take(previews_only=True)) is not None
    assert taken.id == "p"


def test_a_repeated_job_is_one_job_and_an_ended_one_is_queued_again_at_the_end(store: Store) -> None:
    submit(store, "a", "b", "a")
    assert [job.id for job in store.jobs()] == ["b", "a"]
    store.take()
    store.record("a", Event(kind="plan", total=5))
    store.finish("a", "failed", "The disk is full.")
    assert (store.get("a").error, store.get("a").total) == ("The disk is full.", 5)
    submit(store, "a")
    assert [job.id for job in store.jobs()] == ["a", "b"]
    assert (store.get("a").state, store.get("a").error, store.get("a").total) == ("queued", None, 0)


def test_events_are_numbered_without_gaps_across_runs(store: Store) -> None:
    submit(store, "a")
    store.record("a", Event(kind="look", frame=4))
    store.record("a", Event(kind="frame", frame=5, done=1, total=2, confidence=0.5))
    store.finish("a", "done")
    submit(store, "a")
    events = store.events("a", after=1)
    assert [event.number for event in events] == [2, 3, 4]
    assert kinds(store, "a") == ["queued", "frame", "done", "queued"]
    assert events[0].body["confidence"] == 0.5
    assert events[0].body["frame"] == 5


def test_only_the_last_look_event_is_kept(store: Store) -> None:
    submit(store, "a")
    for frame in (1, 2, 3):
        store.record("a", Event(kind="look", frame=frame))
    assert store.get("a").looking == 3


def test_cancel_ends_a_waiting_job_and_requests_a_running_one_to_stop(store: Store) -> None:
    submit(store, "a", "b")
    store.take()
    assert store.cancel("b").state == "cancelled"
    assert (store.cancel("a").state, store.get("a").cancel) == ("running", True)
    store.release("a", reason="Stopped.")
    assert store.get("a").state == "cancelled"
    assert store.cancel("a").state == "cancelled"
    assert kinds(store, "a") == ["queued", "cancelled"]


def test_a_job_submitted_again_before_its_cancel_took_effect_continues(store: Store) -> None:
    submit(store, "a")
    store.take()
    store.cancel("a")
    submit(store, "a")
    store.release("a", reason="Stopped.")
    assert store.get("a").state == "queued"


def test_jobs_that_ran_when_the_core_died_are_resumed_first(store: Store, tmp_path: Path) -> None:
    submit(store, "a", "b")
    store.take()
    store.close()
    again = Store(tmp_path / "jobs.sqlite")
    assert again.is_busy()
    assert (taken := again.take()) is not None
    assert taken.id == "a"
    again.close()


def test_an_unknown_job_is_reported_as_unknown(store: Store) -> None:
    for ask in (store.get, store.cancel):
        with pytest.raises(UnknownJob):
            ask("nothing")
    assert store.events("nothing") == []


def test_a_failed_change_is_rolled_back_completely(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        store.record("nothing", Event(kind="warning", message="no such job"))
    submit(store, "a")
    assert kinds(store, "a") == ["queued"]


class Clock:
    """Seconds that pass only when a test advances them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def few(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store that keeps three shots and two previews that no client reads."""
    monkeypatch.setattr("stcolor_core.service.store._ENDED_KEPT", {"shot": 3, "preview": 2})
    store = Store(tmp_path / "few.sqlite", clock=clock)
    yield store
    store.close()


def end(store: Store, *jobs: str, kind: JobKind = "shot") -> None:
    for job in jobs:
        store.submit(job, kind=kind, shot="{}", frame=7 if kind == "preview" else None)
        store.finish(job, "done")


def ids(store: Store) -> set[str]:
    return {job.id for job in store.jobs()}


def test_ended_jobs_that_no_client_reads_are_removed_by_count_with_their_events(few: Store, clock: Clock) -> None:
    submit(few, "waits")
    end(few, *"012345")
    clock.now += 3600
    submit(few, "new")
    assert ids(few) == {"waits", "3", "4", "5", "new"}
    assert few.events("0") == []


def test_previews_are_counted_separately_and_removed_sooner(few: Store, clock: Clock) -> None:
    end(few, "a", "b", "c")
    end(few, *"0123456789", kind="preview")
    clock.now += 3600
    submit(few, "new")
    assert ids(few) == {"a", "b", "c", "8", "9", "new"}


def test_a_job_that_ran_during_many_previews_is_still_stored_after_its_end(few: Store, clock: Clock) -> None:
    submit(few, "long")
    few.take()
    for number in range(20):
        clock.now += 3600
        end(few, f"p{number}", kind="preview")
        end(few, f"s{number}")
    few.finish("long", "done")
    clock.now += 3600
    submit(few, "next")
    assert few.get("long").state == "done"
    assert kinds(few, "long") == ["queued", "done"]


def test_the_jobs_that_ended_last_are_kept_whenever_they_were_submitted(few: Store, clock: Clock) -> None:
    submit(few, "first", "second")
    end(few, *"012")
    few.finish("first", "done")
    end(few, "3")
    clock.now += 3600
    submit(few, "new")
    assert ids(few) == {"second", "2", "first", "3", "new"}


@pytest.mark.parametrize("look", [Store.get, Store.events])
def test_a_job_that_a_client_reads_is_not_removed(
    few: Store, clock: Clock, look: Callable[[Store, str], object]
) -> None:
    end(few, "watched")
    for number in range(20):
        clock.now += 60
        look(few, "watched")
        end(few, f"s{number}")
    assert few.get("watched").state == "done"
    clock.now += 3600
    end(few, "a", "b", "c", "d")
    assert "watched" not in ids(few)


def test_previews_requested_at_once_can_all_be_read_afterwards(few: Store) -> None:
    jobs = [f"p{number}" for number in range(30)]
    for job in jobs:
        few.submit(job, kind="preview", shot="{}", frame=7)
    for job in jobs:
        few.finish(job, "done")
    submit(few, "next")
    assert {few.get(job).state for job in jobs} == {"done"}


def test_the_record_of_reads_does_not_outgrow_the_jobs(few: Store, clock: Clock) -> None:
    for number in range(100):
        clock.now += 3600
        end(few, f"s{number}")
    assert len(few._last_access) < 10


def test_a_job_that_runs_repeatedly_keeps_each_frame_once_in_addition_to_its_last_run(store: Store) -> None:
    for _ in range(10):
        submit(store, "a")
        store.take()
        store.record("a", Event(kind="plan", total=2, keyframes=(1,)))
        store.record("a", Event(kind="warning", message="The plate is a colour picture."))
        for frame in (1, 2):
            store.record("a", Event(kind="frame", frame=frame, done=frame, total=2, confidence=0.5))
        store.finish("a", "done")
    numbers = [event.number for event in store.events("a")]
    assert numbers == sorted(numbers) and numbers[-1] == 60, "no number is given twice"
    assert len(numbers) <= 2 * 6
    assert kinds(store, "a")[-6:] == ["queued", "plan", "warning", "frame", "frame", "done"]


def test_the_event_of_a_frame_is_kept_if_later_runs_do_not_reach_it(store: Store) -> None:
    submit(store, "a")
    store.take()
    store.record("a", Event(kind="plan", total=2, keyframes=(1,)))
    store.record("a", Event(kind="frame", frame=5, done=1, total=2, confidence=0.25))
    store.finish("a", "failed", "The disk is full.")
    for _ in range(5):
        submit(store, "a")
        store.take()
        store.cancel("a")
        store.release("a", reason="Stopped.")
    bodies = [event.body for event in store.events("a")]
    assert [body["confidence"] for body in bodies if body["kind"] == "frame"] == [0.25]
    assert [body["keyframes"] for body in bodies if body["kind"] == "plan"] == [[1]]
    assert len(bodies) < 8


def test_events_do_not_accumulate_when_a_core_is_stopped_and_started(store: Store) -> None:
    submit(store, "a")
    for _ in range(10):  # killed: the job is recorded as running when it is taken again
        store.take()
        store.record("a", Event(kind="plan", total=1))
        store.record("a", Event(kind="frame", frame=1, done=1, total=1, kept=True))
    assert len(store.events("a")) < 8


def test_a_file_of_the_previous_version_is_migrated_with_its_jobs(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    base = sqlite3.connect(path)
    base.executescript(_FIRST_VERSION)
    base.close()
    store = Store(path)
    assert [(job.id, job.state) for job in store.jobs()] == [("waits", "queued"), ("new", "done"), ("old", "failed")]
    assert kinds(store, "new") == ["queued", "done"]
    end(store, "newest")
    store.close()
    again = Store(path)
    assert again.get("newest").state == "done"
    again.close()


def test_a_file_shrinks_when_its_jobs_are_removed(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "jobs.sqlite"
    store = Store(path, clock=clock)
    for number in range(400):
        store.submit(str(number), kind="preview", shot=json.dumps("x" * 20_000), frame=1)
        store.finish(str(number), "done")
    store.close()
    large = path.stat().st_size
    clock.now += 3600
    again = Store(path, clock=clock)
    submit(again, "next")
    again.close()
    Store(path).close()
    assert path.stat().st_size < large / 2


def test_the_callback_is_called_on_each_change(tmp_path: Path) -> None:
    calls: list[None] = []
    store = Store(tmp_path / "jobs.sqlite", on_change=lambda: calls.append(None))
    submit(store, "a")
    assert len(calls) == 1
    store.close()


def test_a_file_that_is_not_a_store_is_refused_by_name(tmp_path: Path) -> None:
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


def names(store: Store) -> list[str]:
    return [job.id for job in store.jobs()]


def test_a_queued_job_is_moved_and_taken_in_its_new_place(store: Store) -> None:
    submit(store, "a", "b", "c", "d")
    assert store.take().id == "a"  # type: ignore[union-attr]
    for job, to, order in (("d", "first", "dbc"), ("d", "later", "bdc"), ("d", "last", "bcd"), ("c", "earlier", "cbd")):
        store.move(job, to)  # type: ignore[arg-type]
        assert "".join(reversed(names(store))) == f"a{order}"
    for job, to in (("c", "earlier"), ("d", "later"), ("a", "last")):  # already there; and it runs
        store.move(job, to)  # type: ignore[arg-type]
    assert "".join(reversed(names(store))) == "acbd"
    store.finish("a", "done")
    assert store.take().id == "c"  # type: ignore[union-attr]
    with pytest.raises(UnknownJob):
        store.move("nothing", "first")


def test_cleared_jobs_are_out_of_the_list_until_they_are_submitted_again(store: Store) -> None:
    submit(store, "a", "b", "c")
    for job in ("a", "b"):
        store.take()
        store.finish(job, "done")
    store.hide_ended()
    assert names(store) == ["c"]
    assert store.get("a").state == "done"
    submit(store, "a")
    assert names(store) == ["a", "c"]


def test_cleared_jobs_are_brought_back(store: Store) -> None:
    submit(store, "a", "b")
    store.take()
    store.finish("a", "done")
    store.hide_ended()
    assert (names(store), store.hidden()) == (["b"], 1)
    store.show_hidden()
    assert (names(store), store.hidden()) == (["b", "a"], 0)


def test_what_a_job_was_made_from_outlives_the_core_and_is_forgotten_if_it_is_submitted_anew(tmp_path: Path) -> None:
    plate = UsedFile(kind="plate", frames="1-4", path="/plate.mov", size=7, time=8)
    still = UsedFile(kind="still", frames="", path="/still.png", size=9, time=10, checksum="ab")
    made = MadeFrames(frames="2-3", reads="1-4", references="1,4")
    record = InputRecord(working_height=432, mattes=False, files=(plate, still), made=(made,))
    store = Store(tmp_path / "jobs.sqlite")
    submit(store, "a")
    assert store.inputs("a") is None
    store.take()
    store.record_inputs("a", record)
    submit(store, "a")  # it runs
    store.finish("a", "done")
    store.close()
    store = Store(tmp_path / "jobs.sqlite")
    assert store.inputs("a") == record
    assert store.resume("a", completes=True).completes
    assert store.inputs("a") == record
    submit(store, "a")  # it waits
    assert (store.inputs("a"), store.get("a").completes) == (None, False)
    store.close()


def test_a_label_and_a_note_stay_with_the_job(store: Store) -> None:
    store.submit("a", kind="shot", shot="{}", label="show sh010 comp RefColorize1 v003")
    store.write_note("a", "Hair is too red.")
    submit(store, "a")  # again, without a label
    job = store.get("a")
    assert (job.label, job.note) == ("show sh010 comp RefColorize1 v003", "Hair is too red.")
    with pytest.raises(UnknownJob):
        store.write_note("nothing", "")


def test_a_paused_queue_stays_paused_when_the_core_starts_again(tmp_path: Path) -> None:
    first = Store(tmp_path / "jobs.sqlite")
    assert not first.is_paused()
    first.pause(True)
    first.close()
    second = Store(tmp_path / "jobs.sqlite")
    assert second.is_paused()
    second.pause(False)
    assert not second.is_paused()
    second.close()
