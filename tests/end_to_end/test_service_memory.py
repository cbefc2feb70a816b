"""The memory of a core that colours shot after shot: it holds nothing of finished ones."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import FIRST
from cores import MakeShot, asked_for, is_frame, long_shot
from scenes import pan
from serving import Client, running_core

from stcolor_core.method.propagation import Propagator
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.shot_plates import PlateFrame
from stcolor_core.shots.output import Output


@pytest.fixture(autouse=True)
def _no_collection_by_chance() -> Iterator[None]:
    """Disable the garbage collector: objects must be released, not collected by chance."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> list[str]:
    """Return the shots' pictures and walks that this process still holds."""
    kinds = (ShotFootage, PlateFrame, Propagator)
    return [type(each).__name__ for each in gc.get_objects() if type(each) in kinds]


def run_to_its_end(client: Client, job: str, kind: str) -> None:
    assert client.finish(job)[-1]["kind"] == kind


def test_nothing_of_a_shot_outlives_its_job(make_shot: MakeShot, state: Path) -> None:
    shot = make_shot(pan(4, height=64, width=96, step=2))
    with running_core(state, device="cpu") as client:
        for number in range(8):
            run_to_its_end(client, client.submit(asked_for(shot, f"out{number}")), "done")
            assert alive() == [], f"after job {number + 1}"
        for number in range(4):
            preview = client.submit(asked_for(shot, f"preview{number}"), frame=FIRST + 1)
            run_to_its_end(client, preview, "done")
            assert alive() == [], f"after preview {number + 1}"


def test_nothing_of_a_shot_that_failed_or_was_cancelled_outlives_it(make_shot: MakeShot, state: Path) -> None:
    shot = long_shot(make_shot, 12)
    with running_core(state, device="cpu") as client:
        job = client.submit(asked_for(shot))
        client.events(job, until=is_frame)
        client.request("POST", f"/v1/jobs/{job}/cancel")
        run_to_its_end(client, job, "cancelled")
        assert alive() == []
        shot.plate(FIRST + 6).write_bytes(shot.plate(FIRST + 6).read_bytes()[:-400])
        run_to_its_end(client, client.submit(asked_for(shot, "truncated")), "failed")
        assert alive() == []
        in_the_way = shot.folder / "file"
        in_the_way.write_text("no folder")
        unwritable = replace(asked_for(shot), output=Output(path=str(in_the_way / "shot.####.exr")))
        run_to_its_end(client, client.submit(unwritable), "failed")
        assert alive() == []
