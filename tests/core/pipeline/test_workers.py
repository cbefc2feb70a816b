"""How many frames are worked on at a time, by cores and memory."""

from __future__ import annotations

import pytest
import torch

from stcolor_core.errors import BadRequest
from stcolor_core.pipeline.workers import Workers, plan_workers, set_torch_threads

CPU = torch.device("cpu")
GIB = 2.0**30
HD, UHD, SMALL, HALF_HD = (1080, 1920), (2160, 4096), (216, 384), (432, 768)


def planned(
    plate: tuple[int, int], cores: int, memory: float, *, recurrent: bool = False, device: torch.device = CPU
) -> Workers:
    working = SMALL if plate == SMALL else HALF_HD
    return plan_workers(plate, working, recurrent=recurrent, device=device, cores=cores, memory=memory)


def test_two_cores_work_as_they_always_did() -> None:
    workers = planned(HD, 2, 64 * GIB)
    assert workers == Workers(1, 2)
    assert workers.plates == 7


def test_more_cores_work_on_more_frames() -> None:
    frames = [planned(HD, cores, 256 * GIB).frames for cores in (2, 3, 8, 16, 64)]
    assert frames == sorted(set(frames))
    assert planned(HD, 16, 256 * GIB) == Workers(6, 8)


@pytest.mark.parametrize("plate", [SMALL, HD, UHD])
@pytest.mark.parametrize("memory", [2 * GIB, 4 * GIB, 8 * GIB, 32 * GIB])
def test_the_memory_is_kept_unless_one_frame_at_a_time_exceeds_it(plate: tuple[int, int], memory: float) -> None:
    workers = planned(plate, 16, memory)
    needed = workers.bytes_needed(plate, SMALL if plate == SMALL else HALF_HD)
    assert needed <= memory or workers == Workers(1, 1)


@pytest.mark.parametrize("cores", [1, 2, 3, 16])
@pytest.mark.parametrize("memory", [GIB / 2, 256 * GIB])
def test_torch_has_one_thread_as_it_rounds_by_their_number(cores: int, memory: float) -> None:
    assert planned(HD, cores, memory).torch_threads == 1


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (16, 15)])
def test_frames_that_wait_for_each_other_leave_the_cores_to_torch(cores: int, threads: int) -> None:
    assert planned(HD, cores, 256 * GIB, recurrent=True).torch_threads == threads
    assert planned(HD, cores, 256 * GIB, device=torch.device("cuda")).torch_threads == threads


def test_more_memory_never_means_fewer_frames() -> None:
    for plate in (SMALL, HD, UHD):
        plans = [planned(plate, 16, gib * GIB) for gib in range(1, 40)]
        assert [plan.frames for plan in plans] == sorted(plan.frames for plan in plans)


def test_a_recurrent_model_and_a_gpu_work_on_one_frame_at_a_time() -> None:
    assert planned(HD, 16, 256 * GIB, recurrent=True).frames == 1
    assert planned(HD, 16, 256 * GIB, device=torch.device("cuda")).frames == 1


@pytest.mark.parametrize("memory", [0.0, -1.0, float("nan")])
def test_no_memory_is_refused_in_one_line(memory: float) -> None:
    with pytest.raises(BadRequest, match=r"memory .*Leave it out"):
        planned(HD, 16, memory)


def test_the_threads_of_torch_are_those_of_the_plan_unless_the_user_says_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = torch.get_num_threads()
    try:
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        set_torch_threads(Workers(1, 1, before + 1))
        assert torch.get_num_threads() == before
        monkeypatch.delenv("OMP_NUM_THREADS")
        for threads in (3, 1):
            set_torch_threads(Workers(1, 1, threads))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
