"""Black pixels of a plate stay black, whatever colour is carried there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels
from scenes import pan

from stcolor_core.images.color import srgb_encode

MakeShot = Callable[..., ShotOnDisk]


def brightest_in_black(make_shot: MakeShot, *options: str) -> float:
    """Return the largest code value of 255 in the black bar of a frame after its keyframe."""
    scene = pan(2, height=64, width=96, step=1)
    scene.lightnesses[1][40:] = 0
    shot = make_shot(scene, references=(FIRST,))
    assert shot.colorize("--cuts", "none", *options) == 0
    result = channels(shot.output(FIRST + 1))
    assert np.abs(result["rc_ab.u"][:30]).mean() > 5  # the rest is in colour
    return max(float(255 * srgb_encode(result[name][44:]).max()) for name in "RGB")


def test_black_stays_black(make_shot: MakeShot) -> None:
    assert brightest_in_black(make_shot) == pytest.approx(0, abs=0.01)


def test_light_off_carries_colour_unchanged(make_shot: MakeShot) -> None:
    assert brightest_in_black(make_shot, "--light", "off") > 10
