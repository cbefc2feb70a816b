"""A job that is resumed writes what is missing, with the references that it had, and overwrites no frame."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from serving import until

from stcolor_core.errors import StaleFrames
from stcolor_core.images import frame_files, plates
from stcolor_core.service.job import Job
from stcolor_core.service.jobs import Worker
from stcolor_core.service.messages import JobStatus
from stcolor_core.service.staleness import FrameCheck, check_frames, find_stale
from stcolor_core.service.store import Store
from stcolor_core.shots.pictures import Matte, Reference
from stcolor_core.shots.shot import Shot

GONE = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def asked(folder: Path, shot: Shot) -> Shot:
    """The shot whose reference is a frame of a sequence."""
    shutil.move(folder / "ref.exr", folder / "ref.0001.exr")
    return replace(shot, references=(Reference(path=str(folder / "ref.####.exr")),))


@pytest.fixture
def done(worker: Worker, store: Store, asked: Shot) -> Job:
    """A job that is done."""
    job = ended(store, worker.submit(asked))
    assert job.state == "done", job.error
    return job


def ended(store: Store, job: Job) -> Job:
    until(lambda: store.get(job.id).state in ("done", "failed", "cancelled"))
    return store.get(job.id)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "out").glob("*.exr"))}


def repaint(path: Path) -> None:
    """Write other pixels to a picture."""
    pixels = plates.read(path).pixels
    names = "Y" if pixels.shape[-1] == 1 else "BRG"
    frame_files.write_frame(path, {name: (pixels[..., place] / 2, "half") for place, name in enumerate(names)})


def touch_plates(folder: Path) -> None:
    for path in folder.glob("plate.*.exr"):
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 10**9))


def hold_longer(folder: Path) -> None:
    shutil.copy(folder / "plate.0004.exr", folder / "plate.0005.exr")


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "plate": (lambda folder: repaint(folder / "plate.0002.exr"), "the plate of 2 has changed since"),
    "plate removed": (lambda folder: (folder / "plate.0004.exr").unlink(), "the plate of 4 has been removed since"),
    "one more plate": (hold_longer, "the plate of 5 has been added since"),
    "reference": (lambda folder: repaint(folder / "ref.0001.exr"), "reference 1 has changed since"),
    "reference removed": (lambda folder: (folder / "ref.0001.exr").unlink(), "reference 1 has been removed since"),
    "both": (
        lambda folder: [repaint(folder / f"{name}.0001.exr") for name in ("plate", "ref")],
        "the plate of 1 and reference 1 have changed since",
    ),
}


@pytest.mark.parametrize(("change", "line"), CHANGES.values(), ids=CHANGES.keys())
def test_resume_is_refused_by_name_if_frames_that_are_there_would_come_out_different(
    worker: Worker, store: Store, done: Job, folder: Path, change: Callable[[Path], object], line: str
) -> None:
    (folder / "out" / f"shot.{GONE:04d}.exr").unlink()
    change(folder)
    before = contents(folder)
    with pytest.raises(StaleFrames, match=line):
        worker.resume(store.get(done.id))
    assert store.get(done.id) == done
    assert contents(folder) == before


def test_resume_writes_what_is_missing_and_leaves_out_a_keyframe_that_was_saved_for_the_next_version(
    worker: Worker, store: Store, done: Job, folder: Path
) -> None:
    before = contents(folder)
    shutil.copy(folder / "ref.0001.exr", folder / "ref.0004.exr")  # beside the others, as the page asks for
    gone = folder / "out" / f"shot.{GONE:04d}.exr"
    expected = frame_files.pixel_hash(gone)
    gone.unlink()
    assert ended(store, worker.resume(store.get(done.id))).state == "done"
    after = contents(folder)
    assert after.keys() == before.keys()
    assert [name for name in before if name != gone.name and before[name] != after[name]] == []
    assert frame_files.pixel_hash(gone) == expected
    assert worker.submit(Shot.from_json(done.shot)).id == done.id  # the same shot, asked for anew, has both
    ended(store, done)
    assert frame_files.pixel_hash(gone) != expected


def test_a_shot_submitted_again_to_keep_its_frames_leaves_out_such_a_keyframe_too(
    worker: Worker, store: Store, done: Job, folder: Path
) -> None:
    shutil.copy(folder / "ref.0001.exr", folder / "ref.0004.exr")
    gone = folder / "out" / f"shot.{GONE:04d}.exr"
    gone.unlink()
    before = contents(folder)
    again = ended(store, worker.submit(Shot.from_json(done.shot), keep=True))
    assert (again.id, again.state) == (done.id, "done")
    assert contents(folder).keys() == {*before, gone.name}
    assert {**contents(folder), gone.name: b""} == {**before, gone.name: b""}
    record = store.inputs(done.id)
    assert record is not None and record.references.keys() == {1}


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "of another core"])
def test_a_shot_submitted_again_to_keep_its_frames_fails_rather_than_overwrite_one(
    worker: Worker, store: Store, done: Job, folder: Path, is_known: bool
) -> None:
    if not is_known:
        store._execute("delete from jobs")
    repaint(folder / "plate.0002.exr")
    before = contents(folder)
    job = ended(store, worker.submit(Shot.from_json(done.shot), keep=True))
    assert (job.state, JobStatus.of(job, seconds_left=None).needs_version) == ("failed", True)
    assert contents(folder) == before
    (folder / "plate.0002.exr").unlink()
    job = ended(store, worker.submit(Shot.from_json(done.shot), keep=True))
    assert (job.state, JobStatus.of(job, seconds_left=None).needs_version) == ("failed", False)


def test_a_reference_that_was_only_touched_has_not_changed(
    worker: Worker, store: Store, done: Job, folder: Path
) -> None:
    reference = folder / "ref.0001.exr"
    os.utime(reference, ns=(1, reference.stat().st_mtime_ns + 10**9))
    gone = folder / "out" / f"shot.{GONE:04d}.exr"
    gone.unlink()
    before = contents(folder)
    assert ended(store, worker.resume(store.get(done.id))).state == "done"
    assert {**contents(folder), gone.name: None} == {**before, gone.name: None}


def test_plates_that_were_only_touched_have_not_changed(worker: Worker, store: Store, done: Job, folder: Path) -> None:
    gone = folder / "out" / f"shot.{GONE:04d}.exr"
    for _ in range(2):  # what the first Resume writes must be valid for the second
        touch_plates(folder)
        record = store.inputs(done.id)
        assert record is not None and find_stale(done, record) is None
        gone.unlink()
        before = contents(folder)
        assert ended(store, worker.resume(store.get(done.id))).state == "done"
        after = contents(folder)
        assert gone.name in after and {name: after[name] for name in before} == before
    gone.unlink()
    changed = bytearray((folder / "plate.0003.exr").read_bytes())
    changed[-1] ^= 1
    (folder / "plate.0003.exr").write_bytes(changed)  # of the same size
    with pytest.raises(StaleFrames, match="the plate of 3 has changed since"):
        worker.resume(store.get(done.id))


def test_frames_are_written_again_on_request_with_the_references_that_they_had(
    worker: Worker, store: Store, done: Job, folder: Path
) -> None:
    repaint(folder / "plate.0002.exr")
    shutil.copy(folder / "ref.0001.exr", folder / "ref.0004.exr")
    record = store.inputs(done.id)
    assert record is not None
    stale = find_stale(done, record)
    assert stale is not None and stale.frames == (1, 2, 3, 4)
    before = contents(folder)
    again = ended(store, worker.write_again(store.get(done.id)))
    assert again.state == "done", again.error
    assert contents(folder) != before
    renewed = store.inputs(done.id)
    assert renewed is not None and find_stale(again, renewed) is None
    assert renewed.references.keys() == {1}


def test_if_all_frames_that_are_out_of_date_are_gone_they_are_written(
    worker: Worker, store: Store, done: Job, folder: Path
) -> None:
    shutil.rmtree(folder / "out")
    repaint(folder / "plate.0002.exr")
    assert ended(store, worker.resume(store.get(done.id))).state == "done"
    assert len(contents(folder)) == 4


def test_a_job_whose_inputs_are_not_known_fails_before_it_overwrites_a_frame(
    worker: Worker, store: Store, done: Job, folder: Path
) -> None:
    store._execute("delete from inputs")  # as of an earlier version of RefColorize
    repaint(folder / "plate.0002.exr")
    (folder / "out" / f"shot.{GONE:04d}.exr").unlink()
    before = contents(folder)
    job = ended(store, worker.resume(store.get(done.id)))
    assert job.state == "failed"
    assert job.error is not None and "out of date" in job.error and "nothing was written" in job.error
    assert contents(folder) == before


def test_a_stopped_job_goes_on_with_writing_frames_again_until_something_changes_once_more(
    worker: Worker, store: Store, done: Job, folder: Path
) -> None:
    repaint(folder / "plate.0002.exr")
    for path in folder.glob("plate.*.exr"):  # so that the second change shows in the time
        os.utime(path, ns=(1, path.stat().st_mtime_ns - 10**10))
    again = worker.write_again(store.get(done.id))
    until(lambda: any(event.body["kind"] == "frame" for event in list(store.all_events(again.id))[-3:]))
    store.cancel(again.id)
    stopped = ended(store, again)
    if stopped.state == "cancelled":
        assert ended(store, worker.resume(stopped)).state == "done"
    record = store.inputs(done.id)
    assert record is not None and find_stale(done, record) is None
    repaint(folder / "plate.0003.exr")
    with pytest.raises(StaleFrames, match="plate of 3"):
        worker.resume(store.get(done.id))


@pytest.mark.parametrize("is_changed", [True, False], ids=["a plate changes", "nothing changes"])
def test_a_job_that_goes_on_with_the_next_core_overwrites_no_frame_of_its_own(
    store: Store, asked: Shot, folder: Path, *, is_changed: bool
) -> None:
    first = Worker(store, device="cpu", log=folder / "core.log", on_written=lambda *_: first.request_stop())
    first.start()
    job = first.submit(asked)
    first.join()
    assert store.get(job.id).state == "queued"
    before = contents(folder)
    assert 0 < len(before) < 4
    if is_changed:
        repaint(folder / "plate.0001.exr")
    second = Worker(store, device="cpu", log=folder / "core.log")
    second.start()
    try:
        after = ended(store, job)
        assert contents(folder).items() >= before.items()
        if not is_changed:
            assert after.state == "done" and len(contents(folder)) == 4
            return
        assert after.state == "failed" and contents(folder) == before
        assert after.error is not None and "the plate of 1 has changed since" in after.error
        assert ended(store, second.write_again(after)).state == "done"
        assert contents(folder).items().isdisjoint(before.items())
    finally:
        second.request_stop()
        second.join()


def test_a_new_matte_makes_frames_out_of_date(worker: Worker, store: Store, asked: Shot, folder: Path) -> None:
    ids = np.ones((64, 96), np.float32)
    frame_files.write_frame(folder / "matte.0001.exr", {"R": (ids, "half")})
    job = ended(store, worker.submit(replace(asked, mattes=(Matte(path=str(folder / "matte.####.exr")),))))
    assert job.state == "done", job.error
    record = store.inputs(job.id)
    assert record is not None and find_stale(job, record) is None
    frame_files.write_frame(folder / "matte.0002.exr", {"R": (ids, "half")})
    with pytest.raises(StaleFrames, match="the matte of 2 has been added since"):
        worker.resume(job)


def check(store: Store, job: Job) -> FrameCheck:
    record = store.inputs(job.id)
    assert record is not None
    found = check_frames(job, record)
    assert found is not None
    return found


def keep_plates(folder: Path) -> Callable[[], object]:
    """Return what puts the plates back as they are now, with their times."""
    kept = {path: (path.read_bytes(), path.stat()) for path in folder.glob("plate.*.exr")}

    def restore() -> None:
        for path, (data, status) in kept.items():
            path.write_bytes(data)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    return restore


def repaint_plates(folder: Path) -> None:
    for path in folder.glob("plate.*.exr"):
        repaint(path)
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 10**9))


def test_frames_that_a_cancelled_run_has_not_written_again_are_told_from_those_that_it_has(
    store: Store, worker: Worker, done: Job, folder: Path, tmp_path: Path
) -> None:
    assert check(store, done) == FrameCheck((1, 2, 3, 4), (), (), ())
    worker.request_stop()
    worker.join()
    restore = keep_plates(folder)
    repaint_plates(folder)
    before = contents(folder)
    stopping = Worker(store, device="cpu", log=tmp_path / "core.log", on_written=lambda *_: store.cancel(done.id))
    stopping.start()
    try:
        job = ended(store, stopping.write_again(done))
    finally:
        stopping.request_stop()
        stopping.join()
    assert job.state == "cancelled"
    names = {frame: f"shot.{frame:04d}.exr" for frame in (1, 2, 3, 4)}
    after = contents(folder)
    written = tuple(frame for frame, name in names.items() if before[name] != after[name])
    found = check(store, job)
    assert 0 < len(written) < 4 and found.fresh == written and len(found.earlier) == 4 - len(written)
    assert "Resume finishes it" in found.describe_earlier(job)
    restore()
    record = store.inputs(job.id)
    assert record is not None
    stale = find_stale(job, record)
    assert stale is not None and check(store, job).fresh == written
    others = {file.path: (file.size, file.time) for file in record.files if file.kind == "plate"}
    assert stale.files_then(record) == others, "those are from the other plates"


def test_a_locked_frame_and_a_painted_one_are_no_fresh_frames_after_the_others_are_written_again(
    worker: Worker, store: Store, done: Job, folder: Path
) -> None:
    locked, painted = folder / "out" / "shot.0002.exr", folder / "out" / "shot.0003.exr"
    locked.chmod(0o444)
    copy = shutil.copy2(painted, folder / "mine.exr")
    pixels = plates.read(copy).pixels
    frame_files.write_frame(painted, dict.fromkeys("RGB", (pixels[..., 0], "half")))  # no metadata of ours
    assert check(store, done) == FrameCheck((1, 2, 4), (3,), (), ())
    repaint_plates(folder)
    job = ended(store, worker.write_again(store.get(done.id)))
    assert job.state == "done", job.error
    found = check(store, job)
    assert found == FrameCheck((1, 4), (3,), (2,), (2,))
    assert "Frame 2 is locked" in found.describe_earlier(job)
    warnings = [str(event.body["message"]) for event in store.all_events(job.id) if event.body["kind"] == "warning"]
    kept = [line for line in warnings if "It is kept as it is" in line]
    assert len(kept) == 2 and "Frame 2 " in kept[0] and "is locked" in kept[0]
    assert "Frame 3 " in kept[1] and "was not written by RefColorize" in kept[1]
