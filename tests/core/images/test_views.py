"""Views of pictures, against the formula and against OpenColorIO itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PyOpenColorIO as ocio
import pytest

from stcolor_core.errors import ColorError
from stcolor_core.images.color import srgb_encode
from stcolor_core.images.ocio import BUILTIN_CONFIG
from stcolor_core.images.views import PLAIN_VIEW, default_view, list_views, show

ACES = "sRGB - Display / ACES 1.0 - SDR Video"


def test_the_plain_view_is_the_srgb_curve_clipped() -> None:
    light = np.linspace(-0.5, 2, 30_000, dtype=np.float32).reshape(100, 100, 3)
    wanted = np.rint(srgb_encode(np.clip(light, 0, 1)) * 255)
    shown = show(light, PLAIN_VIEW, config=None).astype(int)
    assert np.abs(shown - wanted).max() <= 1
    assert (shown != wanted).mean() < 0.001  # only where the formula rounds


def test_without_a_config_the_plain_view_is_the_default_and_with_one_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OCIO", raising=False)
    assert default_view(None) == PLAIN_VIEW
    assert default_view(BUILTIN_CONFIG) == ACES
    assert list_views(BUILTIN_CONFIG)[:2] == (ACES, PLAIN_VIEW)
    monkeypatch.setenv("OCIO", BUILTIN_CONFIG)
    assert default_view(None) == ACES


def test_a_view_of_a_config_is_what_opencolorio_computes() -> None:
    rng = np.random.default_rng(3)
    stops = rng.uniform(-8, 6, (64, 64, 1))
    light = (2.0**stops * rng.uniform(0.2, 1, (64, 64, 3))).astype(np.float32)
    config = ocio.Config.CreateFromFile(BUILTIN_CONFIG)
    to_scene = ocio.Config.GetProcessorFromBuiltinColorSpace("lin_rec709_srgb", config, "scene_linear")
    view = ocio.DisplayViewTransform(src="scene_linear", display="sRGB - Display", view="ACES 1.0 - SDR Video")
    exact = np.ones((64, 64, 4), np.float32)
    exact[..., :3] = light
    for processor in (to_scene, config.getProcessor(view)):
        processor.getDefaultCPUProcessor().applyRGBA(exact)
    error = np.abs(show(light, ACES, config=BUILTIN_CONFIG) - np.clip(exact[..., :3], 0, 1) * 255)
    assert np.percentile(error, 99) <= 1
    assert error.mean() < 0.4


def test_black_is_black_and_light_without_end_is_not_an_error() -> None:
    light = np.array([[[0.0] * 3, [1e30] * 3, [-1.0] * 3]], np.float32)
    shown = show(light, ACES, config=BUILTIN_CONFIG)
    assert shown[0, 0].max() <= 1
    assert shown[0, 1].min() >= 250
    assert shown[0, 2].max() <= 1


def test_an_unknown_view_or_config_is_refused_by_name(tmp_path: Path) -> None:
    light = np.zeros((1, 1, 3), np.float32)
    for view in ("Film", "sRGB - Display / Film", "None / ACES 1.0 - SDR Video"):
        with pytest.raises(ColorError, match=r"view .* is unknown"):
            show(light, view, config=BUILTIN_CONFIG)
    with pytest.raises(ColorError, match=r"none\.ocio"):
        list_views(str(tmp_path / "none.ocio"))
