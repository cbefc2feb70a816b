from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from serving import until

from stcolor_core.errors import BadRequest, DeviceMemoryError, StcolorError
from stcolor_core.pipeline.input_record import InputRecord
from stcolor_core.service import jobs
from stcolor_core.service.job import Job
from stcolor_core.service.jobs import Attempt, Worker, job_id, next_attempt
from stcolor_core.service.store import Store
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference, Still
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    return Shot(
        plate=Plate(path=str(tmp_path / "plate.####.exr")),
        output=Output(path=str(tmp_path / "out" / "shot.####.exr")),
        references=(Reference(path=str(tmp_path / "ref.exr"), frame=1),),
        method=Method(working_height=432),
    )


def ended(store: Store, job: str) -> Job:
    until(lambda: store.get(job).state in ("done", "failed", "cancelled"))
    return store.get(job)


def test_the_same_shot_has_the_same_id_and_any_change_gives_another(shot: Shot) -> None:
    assert job_id(shot) == job_id(Shot.from_json(shot.to_json()))
    others = [job_id(replace(shot, ocio="x")), job_id(shot, 5), job_id(shot, 6)]
    assert len({job_id(shot), *others}) == 4


def test_out_of_memory_halves_the_height_once_and_then_uses_the_cpu_at_the_requested_height(shot: Shot) -> None:
    half = next_attempt(Attempt(shot, "auto"))
    assert half is not None
    assert (half[0].shot.method.working_height, half[0].device) == (216, "auto")
    assert "216 lines" in half[1]
    cpu = next_attempt(half[0])
    assert cpu is not None
    assert (cpu[0].shot, cpu[0].device) == (shot, "cpu")
    assert "CPU" in cpu[1]
    assert next_attempt(cpu[0]) is None


@pytest.mark.parametrize("height", [64, 100, 433])
def test_a_height_that_cannot_be_halved_is_computed_on_the_cpu(shot: Shot, height: int) -> None:
    small = replace(shot, method=Method(working_height=height))
    instead = next_attempt(Attempt(small, "cuda"))
    assert instead is not None
    assert (instead[0].shot, instead[0].device) == (small, "cpu")


def test_relative_paths_are_refused_by_name(shot: Shot, worker: Worker) -> None:
    plate, stills = Plate(path="a.####.exr"), (Still(path="look.png"),)
    for wrong in (replace(shot, plate=plate), replace(shot, stills=stills), replace(shot, ocio="config.ocio")):
        with pytest.raises(BadRequest, match="is relative"):
            worker.submit(wrong)
    assert worker.submit(replace(shot, ocio="ocio://default")).state


def test_a_shot_without_plates_fails_with_the_pipeline_error_and_the_next_one_runs(
    shot: Shot, worker: Worker, store: Store, tmp_path: Path
) -> None:
    first, second = worker.submit(shot), worker.submit(replace(shot, ocio=str(tmp_path / "none.ocio")))
    assert ended(store, first.id).state == "failed"
    error = ended(store, first.id).error
    assert error is not None
    assert "plate.####.exr" in error
    assert "\n" not in error
    assert store.events(first.id)[-1].body["message"] == error
    assert ended(store, second.id).state == "failed"


# No GPU can be made to run out of memory if there is none, and no test knows an unexpected error.


def test_running_out_of_gpu_memory_is_reported_and_the_job_is_completed(
    shot: Shot, worker: Worker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def colorize(shot: Shot, *, device: str, **_: object) -> Iterator[None]:
        tried.append((shot.method.working_height, device))
        if shot.method.working_height > 216:
            raise DeviceMemoryError("The memory of the RTX A6000 is full.")
        yield None

    monkeypatch.setattr(jobs, "colorize", colorize)
    monkeypatch.setattr(worker, "_device", "cuda")
    job = worker.submit(shot)
    assert ended(store, job.id).state == "done"
    assert tried == [(432, "cuda"), (216, "cuda")]
    assert [event.body["kind"] for event in store.events(job.id)] == ["queued", "warning", "done"]


def test_a_job_that_ran_at_half_height_is_completed_at_that_height_on_the_cpu_if_need_be(
    shot: Shot, worker: Worker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def colorize(shot: Shot, *, device: str, overwrite: bool, **_: object) -> Iterator[None]:
        tried.append((shot.method.working_height, device, overwrite))
        if device == "cuda":
            raise DeviceMemoryError("The memory of the RTX A6000 is full.")
        yield None

    monkeypatch.setattr(jobs, "colorize", colorize)
    job = ended(store, worker.submit(shot).id)
    store.record_inputs(job.id, InputRecord(working_height=216, mattes=False, files=(), made=()))
    tried.clear()
    monkeypatch.setattr(worker, "_device", "cuda")
    assert ended(store, worker.resume(job).id).state == "done"
    assert tried == [(216, "cuda", False), (216, "cpu", False)]


def test_an_unexpected_error_is_one_readable_line_and_its_traceback_is_logged(
    shot: Shot, worker: Worker, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def colorize(*_: object, **__: object) -> Iterator[None]:
        raise ZeroDivisionError("by\nnothing")

    monkeypatch.setattr(jobs, "colorize", colorize)
    job = ended(store, worker.submit(shot).id)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.startswith("Something unexpected went wrong (ZeroDivisionError: by nothing).")
    assert "core.log" in job.error
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("error", [StcolorError("The plate a\ud800\nb is missing."), ValueError("a\ud800\nb")])
def test_an_error_with_text_that_no_store_accepts_is_kept_and_the_next_job_runs(
    shot: Shot, worker: Worker, store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def colorize(*_: object, **__: object) -> Iterator[None]:
        raise error

    monkeypatch.setattr(jobs, "colorize", colorize)
    for asked in (shot, replace(shot, ocio="ocio://another")):
        job = ended(store, worker.submit(asked).id)
        assert job.state == "failed"
        assert job.error is not None and r"a\ud800 b" in job.error
