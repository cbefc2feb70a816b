"""The standard model's colour follows motion: no more flicker than the truth, along known motion."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import painted

from stcolor_core.evaluation.metrics import flicker_along
from stcolor_core.evaluation.synthetic import BACKGROUND_SCALE, SyntheticClip, make_synthetic_clip
from stcolor_core.evaluation.variants import color_clip

SIZE = (192, 112)
GRAIN = 1 / 255  # as a camera's: the truth flickers by 1.3 with it, real footage by 1 to 3
AT_MOST = 1.1  # of the truth's flicker


@pytest.fixture(scope="module", params=range(3))
def synthetic(request: pytest.FixtureRequest) -> SyntheticClip:
    width, height = (round(BACKGROUND_SCALE * side) for side in SIZE)
    pictures = [painted(height, width, seed=10 * request.param + index) for index in range(3)]
    generator = np.random.default_rng(request.param)
    return make_synthetic_clip(pictures, size=SIZE, count=8, objects=2, generator=generator, grain=GRAIN)


@pytest.fixture(scope="module")
def colours(synthetic: SyntheticClip) -> list[np.ndarray]:
    """ab of each frame, by the standard model from the first one."""
    found = {0: synthetic.clip.ab[0]}
    found.update(
        (frame, ab) for frame, ab, _ in color_clip(synthetic.clip, (0,), "standard", device=torch.device("cpu"))
    )
    return [found[frame] for frame in range(len(found))]


def share(synthetic: SyntheticClip, colours: list[np.ndarray]) -> float:
    """Flicker over the truth's."""
    changes = [
        flicker_along(backward, visible, *pairs)
        for backward, visible, *pairs in zip(
            synthetic.backward,
            synthetic.visible,
            zip(synthetic.clip.ab[:-1], synthetic.clip.ab[1:], strict=True),
            zip(colours[:-1], colours[1:], strict=True),
            strict=True,
        )
    ]
    true, own = np.sum(changes, axis=0)
    return float(own / true)


def test_the_result_flickers_hardly_more_than_the_ground_truth(
    synthetic: SyntheticClip, colours: list[np.ndarray]
) -> None:
    assert share(synthetic, synthetic.clip.ab) == 1
    assert share(synthetic, colours) <= AT_MOST


def test_colours_that_are_off_by_one_in_each_frame_flicker_more(
    synthetic: SyntheticClip, colours: list[np.ndarray]
) -> None:
    random = np.random.default_rng(0)
    off = [ab + random.normal(0, 1, 2).astype(np.float32) for ab in colours]
    assert share(synthetic, off) > AT_MOST
