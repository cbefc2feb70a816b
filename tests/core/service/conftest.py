"""A small shot, a job store and a worker for the tests of the service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scenes import pan

from stcolor_core.images import frame_files
from stcolor_core.images.color import lab_to_linear, luminance_of
from stcolor_core.service.jobs import Worker
from stcolor_core.service.store import Store
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    """Four small frames, the first of them a keyframe."""
    scene = pan(4, height=64, width=96, step=2)
    for frame, lightness in enumerate(scene.lightnesses, 1):
        frame_files.write_frame(tmp_path / f"plate.{frame:04d}.exr", {"Y": (luminance_of(lightness), "half")})
    rgb = lab_to_linear(np.dstack([scene.lightnesses[0], scene.ab[0]]))
    frame_files.write_frame(tmp_path / "ref.exr", {name: (rgb[..., place], "half") for place, name in enumerate("RGB")})
    return Shot(
        plate=Plate(path=str(tmp_path / "plate.####.exr")),
        output=Output(path=str(tmp_path / "out" / "shot.####.exr")),
        references=(Reference(path=str(tmp_path / "ref.exr"), frame=1),),
        method=Method(working_height=64),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store of jobs."""
    store = Store(tmp_path / "jobs.sqlite")
    yield store
    store.close()


@pytest.fixture
def worker(store: Store, tmp_path: Path) -> Iterator[Worker]:
    """A worker that runs the jobs of the store on the CPU."""
    worker = Worker(store, device="cpu", log=tmp_path / "core.log")
    worker.start()
    yield worker
    worker.request_stop()
    worker.join()
