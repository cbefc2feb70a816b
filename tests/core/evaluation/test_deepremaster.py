"""DeepRemaster as a variant, with the seeded network on small pictures."""

from __future__ import annotations

import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scenes import pan

from stcolor_core.errors import ModelError
from stcolor_core.evaluation import deepremaster
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.variants import color_clip
from stcolor_core.images.color import lab_to_srgb

CPU = torch.device("cpu")
SEEDED = runpy.run_path(str(Path(__file__).parents[1] / "data" / "deepremaster_fixture.py"))


@pytest.fixture(scope="module")
def clip() -> Clip:
    scene = pan(9, height=36, width=64, step=1)
    labs = (np.dstack(pair) for pair in zip(scene.lightnesses, scene.ab, strict=True))
    return Clip.from_rgb([lab_to_srgb(lab) for lab in labs])


@pytest.mark.slow
def test_five_frames_at_a_time_see_all_references(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    network = SEEDED["seeded"]()
    monkeypatch.setattr(deepremaster, "load_network", lambda *_: network)
    monkeypatch.setattr(deepremaster, "_SHORT_EDGE", 32)
    monkeypatch.setattr(deepremaster, "_LONG_EDGE", 32)
    results = {index: ab for index, ab, confidence in color_clip(clip, (0, 8), "deepremaster", device=CPU)}
    assert list(results) == list(range(1, 8))
    # 36 x 64 becomes 32 x 64 for the luminance, and 16 x 32 for the references, without margins to speak of
    light = np.stack([cv2.resize(clip.lightnesses[i], (64, 32), interpolation=cv2.INTER_AREA) for i in range(1, 8)])
    light = torch.from_numpy(np.rint(np.clip(light / 100, 0, 1) * 255).astype(np.float32) / 255)
    fitted = np.zeros((2, 16, 32, 3), np.float32)
    for row, index in zip(fitted, (0, 8), strict=True):
        small = cv2.resize(clip.rgb[index], (28, 16), interpolation=cv2.INTER_AREA)
        row[:, 2:30] = np.rint(small * 255) / 255
    known = torch.from_numpy(fitted).permute(3, 0, 1, 2)[None]
    for some in (slice(0, 5), slice(5, 7)):
        coded = network(light[None, None, some], known)[0].permute(1, 2, 3, 0).numpy()
        for index, expected in zip(range(1, 8)[some], np.clip(255 * coded - 128, -100, 100), strict=True):
            own = cv2.resize(results[index], (64, 32), interpolation=cv2.INTER_AREA)
            assert np.abs(own - expected).mean() < 0.05 * np.ptp(expected), "but for the resizing"


def test_without_its_weights_it_says_how_to_get_them(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STCOLOR_MODELS_DIR", str(tmp_path))
    with pytest.raises(ModelError, match=r"stcolor models add remasternet\.pth\.tar"):
        next(color_clip(clip, (0,), "deepremaster", device=CPU))
