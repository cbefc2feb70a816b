"""However many frames are worked on at a time, the files are the same, and each plate is read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import FIRST, ShotOnDisk, frame_bytes
from scenes import pan

from stcolor_core.errors import PlateError
from stcolor_core.pipeline import run, workers
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.run import colorize
from stcolor_core.pipeline.workers import Workers
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

MakeShot = Callable[..., ShotOnDisk]


def a_shot(shot: ShotOnDisk, out: str) -> Shot:
    return Shot(
        plate=Plate(path=str(shot.folder / "plate.####.exr")),
        output=Output(path=str(shot.folder / out / "shot.####.exr")),
        references=(Reference(path=str(shot.folder / "ref.####.exr")),),
        method=Method(working_height=64, cuts="none", register="off"),
    )


@pytest.mark.parametrize("references", [(FIRST,), (FIRST, FIRST + 9)])
def test_one_two_and_eight_workers_write_the_same_files(
    make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch, references: tuple[int, ...]
) -> None:
    shot = make_shot(pan(10, height=64, width=96, step=2), references=references)
    read: Counter[int] = Counter()
    original = ShotInputs.read_plate

    def read_and_count(inputs: ShotInputs, frame: int) -> object:
        read[frame] += 1
        return original(inputs, frame)

    monkeypatch.setattr(ShotInputs, "read_plate", read_and_count)
    written: dict[int, list[bytes]] = {}
    for count in (1, 2, 8):
        monkeypatch.setattr(run, "plan_workers", lambda *_, count=count, **__: Workers(count, count))
        read.clear()
        assert len(list(colorize(a_shot(shot, f"out{count}"), device="cpu"))) == 10
        walks = 2 if len(references) == 2 else 1  # between two keyframes the later one is tracked back first
        assert {f: n for f, n in read.items() if n > walks and f not in references} == {}, count
        paths = sorted((shot.folder / f"out{count}").iterdir())
        written[count] = [frame_bytes(path) for path in paths]
    assert written[1] == written[2] == written[8]


def test_neither_cores_nor_memory_change_a_pixel(make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    shot = make_shot(pan(4, height=144, width=256, step=2), references=(FIRST,))
    written: dict[tuple[int, float], list[bytes]] = {}
    before = torch.get_num_threads()
    try:
        for cores, gib in ((2, 64), (3, 64), (16, 0.5), (16, 64)):
            monkeypatch.setattr(workers, "available_cores", lambda count=cores: count)
            torch.set_num_threads(cores - 1)  # as `limit_threads` leaves it
            settings = replace(a_shot(shot, f"out{cores}-{gib}"), method=Method(cuts="none", register="off"))
            list(colorize(settings, device="cpu", memory=gib * 2**30))
            paths = sorted((shot.folder / f"out{cores}-{gib}").iterdir())
            written[cores, gib] = [frame_bytes(path) for path in paths]
    finally:
        torch.set_num_threads(before)
    first, *others = written.values()
    assert len(first) == 4 and all(other == first for other in others)


def test_frames_that_need_no_damaged_plate_are_written_by_any_number_of_workers(
    make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = make_shot(pan(10, height=64, width=96, step=2), references=(FIRST,))
    damaged = FIRST + 6
    original = ShotInputs.read_plate

    def fail(inputs: ShotInputs, frame: int) -> object:
        if frame == damaged:
            raise PlateError(f"Frame {frame} is damaged.")
        return original(inputs, frame)

    monkeypatch.setattr(ShotInputs, "read_plate", fail)
    monkeypatch.setattr(run, "plan_workers", lambda *_, **__: Workers(4, 2))
    with pytest.raises(PlateError, match=str(damaged)):
        list(colorize(a_shot(shot, "out"), device="cpu"))
    names = [path.name for path in sorted(Path(shot.folder / "out").iterdir())]
    whole = range(FIRST, damaged - 2)  # a frame is fused with the two after it
    assert names == [f"shot.{frame}.exr" for frame in whole]
