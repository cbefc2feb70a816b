"""Matching grids of any stride: nothing between the features and the frame depends on the cell size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes import Scene, crossing, pan
from torch.nn import functional as F

from stcolor_core.files.scratch import Scratch
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.features import Extractor
from stcolor_core.method.model import Model
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.refinement.exemplar import ColorNet, ExemplarRefinement
from stcolor_core.method.refinement.fixed_rule import FixedRuleRefinement
from stcolor_core.method.tracking.walk import View, to_grid_cells
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

CPU = torch.device("cpu")
STRIDES = (2, 8)


class Strided:
    """The standard features on a grid of another stride: over larger cells, or of a larger picture."""

    def __init__(self, features: Extractor, stride: int) -> None:
        self._features, self.stride = features, stride

    def target(self, lightness: torch.Tensor) -> torch.Tensor:
        if self.stride < 4:
            larger = F.interpolate(lightness[None, None], scale_factor=4 // self.stride, mode="bilinear")
            return self._features.target(larger[0, 0])
        cells = F.avg_pool2d(self._features.target(lightness)[None], self.stride // 4, ceil_mode=True)[0]
        return F.normalize(cells, dim=0)

    def reference(self, lightness: torch.Tensor, ab: torch.Tensor | None = None) -> torch.Tensor:  # noqa: ARG002
        return self.target(lightness)

    def both(self, lightness: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.target(lightness), self.target(lightness)


@pytest.fixture(scope="module")
def standard() -> Model:
    return registry.build("standard", device=CPU)


def color(scene: Scene, model: Model, references: list[int], **method: object) -> dict[int, ColoredFrame]:
    settings = Method(**{"tracking": "dense", **method})  # type: ignore[arg-type]
    propagator, result = Propagator(model, settings, device=CPU), {}
    for span in plan(range(len(scene.lightnesses)), references, []):
        with Scratch() as scratch:
            result.update({each.frame: each for each in propagator.color(span, scene, scratch)})
    return result


def error(scene: Scene, colored: ColoredFrame) -> float:
    return float(np.abs(colored.ab - scene.ab[colored.frame])[8:-8, 8:-24].mean())


@pytest.mark.parametrize("tracking", ["none", "dense", "instance", "instance+dense"])
@pytest.mark.parametrize("stride", STRIDES)
def test_a_span_is_coloured_with_cells_of_any_size(standard: Model, stride: int, tracking: str) -> None:
    scene = pan(5, height=90, width=123)  # no whole number of cells
    model = replace(standard, features=Strided(standard.features, stride))
    result = color(scene, model, [0, 4], tracking=tracking)
    assert sorted(result) == [1, 2, 3]
    for colored in result.values():
        assert colored.ab.shape == (90, 123, 2)
        assert error(scene, colored) < 2


@pytest.mark.parametrize(("stride", "most"), [(2, 0.1), (8, 12)])
def test_attention_follows_the_flow_with_cells_of_any_size(standard: Model, stride: int, most: float) -> None:
    """Windows at the positions of 4 px cells would give other colours: errors of 0.3 and 21 instead of 0 and 8."""
    scene = pan(7, height=96, width=160, step=6)
    rule = replace(
        standard, features=Strided(standard.features, stride), refinement=FixedRuleRefinement(), shortlists=False
    )
    colored = color(scene, rule, [0], flow=False)[6]
    assert float(np.abs(colored.ab - scene.ab[6])[16:-16, 16:-56].mean()) < most


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_a_displacement_is_measured_in_cells_of_the_grid(stride: int) -> None:
    lightness, grid = np.zeros((48, 64), np.float32), np.zeros((24 // stride, 32 // stride), np.float32)
    view = View(lightness, grid, (24, 32), stride, lambda: pytest.fail("no features are needed"))
    found = to_grid_cells(np.full((48, 64, 2), (16.0, -32.0), np.float32), view)
    np.testing.assert_allclose(found, np.broadcast_to([8 / stride, -16 / stride], found.shape), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("setting", [{"radius": 3}, {"radius": 3, "exact": True}])
def test_the_windows_of_the_paper_accept_cells_of_any_size(
    standard: Model, stride: int, setting: dict[str, object]
) -> None:
    scene = crossing(4)
    model = replace(standard, features=Strided(standard.features, stride))
    result = color(scene, model, [0], tracking="instance+dense", **setting)
    assert error(scene, result[3]) < 5


class Given(ExemplarRefinement):
    """The exemplar refinement; it records the warped colours that its network receives."""

    def __init__(self) -> None:
        super().__init__(ColorNet())
        self.warped: list[np.ndarray] = []

    def __call__(self, *, warped_ab: torch.Tensor, **others: torch.Tensor | None) -> torch.Tensor:
        self.warped.append(warped_ab.permute(1, 2, 0).numpy())
        return super().__call__(warped_ab=warped_ab, **others)  # type: ignore[arg-type]


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_the_exemplar_refinement_accepts_cells_of_any_size(standard: Model, stride: int) -> None:
    scene, refinement = pan(3, height=60, width=84), Given()
    features = Strided(standard.features, stride)
    model = replace(standard, features=features, refinement=refinement, coarse_matching=False)
    result = color(scene, model, [0], flow=False)
    assert [result[frame].ab.shape for frame in (1, 2)] == [(60, 84, 2)] * 2
    assert np.abs(refinement.warped[1] - scene.ab[2])[8:-8, 8:-24].mean() < 5
