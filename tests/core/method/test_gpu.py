"""The method on whichever GPU is here: colours as on the CPU, and what happens when its memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes import Scene, pan

from stcolor_core.files.scratch import Scratch
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.propagation import Propagator
from stcolor_core.models import registry
from stcolor_core.pipeline import devices
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

GPU = next((name for name in ("cuda", "xpu", "mps") if devices._is_present(name)), "none")
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(GPU == "none", reason="there is no GPU that torch can use")]


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Less than one chunk of affinity takes."""
    if GPU != "cuda":
        pytest.skip("only CUDA lets a test limit the memory")
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-4)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def color(scene: Scene, references: list[int], device: str, *, tensors: bool) -> list[ColoredFrame]:
    model = registry.build("standard", device=device)
    propagator = Propagator(model, Method(tracking="dense"), device=torch.device(device), tensors=tensors)
    colors = []
    for span in plan(range(len(scene.lightnesses)), references, []):
        with Scratch() as scratch:
            colors += list(propagator.color(span, scene, scratch))
    return colors


def test_the_gpu_passes_the_probe() -> None:
    assert devices.find_fault(GPU) is None


@pytest.mark.parametrize("tensors", [False, True])
@pytest.mark.parametrize("references", [[0], [0, 4]])
def test_colours_equal_those_of_the_cpu(references: list[int], tensors: bool) -> None:
    scene = pan(5)
    pairs = (color(scene, references, device, tensors=tensors) for device in ("cpu", GPU))
    for here, there in zip(*pairs, strict=True):
        assert here.frame == there.frame
        difference = np.abs(here.ab - there.ab)
        assert np.percentile(difference, 99) < 0.5  # convolutions on a GPU round to TF32
        assert np.abs(here.confidence - there.confidence).mean() < 0.01


@pytest.mark.parametrize("tensors", [False, True])
def test_a_device_gives_the_same_pixels_on_every_run(tensors: bool) -> None:
    scene = pan(6)
    runs = (color(scene, [0, 5], GPU, tensors=tensors) for _ in range(2))
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first.ab, second.ab)
        np.testing.assert_array_equal(first.confidence, second.confidence)


@pytest.mark.parametrize("tensors", [False, True])
def test_running_out_of_memory_in_any_stage_reaches_the_caller(little_memory: None, tensors: bool) -> None:  # noqa: ARG001
    scene = pan(4)
    still = replace(scene, stills=(scene.keyframe(0),))
    with pytest.raises(torch.cuda.OutOfMemoryError):
        color(still, [0], GPU, tensors=tensors)
