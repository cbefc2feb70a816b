"""A new object that no reference shows: its colour stays near neutral, and its confidence is low."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch
from scenes import painted

from stcolor_core.evaluation.clip import Clip
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_linear, srgb_encode
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.propagation import Propagator
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

HEIGHT, WIDTH, COUNT = 144, 208, 9
ENTERS, TOP, LEFT, STEP = 3, 44, 30, 8
Y, X = np.mgrid[0:56, 0:64]
# L* of textures that occur nowhere on a wall of smooth noise
INTRUDERS = {
    "stripes": np.where((Y + X) // 5 % 2, 70.0, 35.0),
    "bricks": np.where((Y % 10 < 2) | ((X + Y // 10 % 2 * 8) % 16 < 2), 40.0, 65.0),
    "rings": 55 + 20 * np.sin(np.hypot(Y - 28, X - 32) / 1.8),
}


@dataclass(frozen=True)
class Last:
    """The last frame: its result, its true ab, and (H, W) bool well inside the intruder, and well outside."""

    colored: ColoredFrame
    truth: np.ndarray
    inside: np.ndarray
    outside: np.ndarray

    def chroma(self, where: np.ndarray) -> float:
        """Mean of the result's."""
        return float(np.linalg.norm(self.colored.ab, axis=-1)[where].mean())

    def confidence(self, where: np.ndarray) -> float:
        """Mean of the result's."""
        return float(self.colored.confidence[where].mean())


@pytest.fixture(scope="module", params=INTRUDERS.values(), ids=INTRUDERS)
def last(request: pytest.FixtureRequest) -> Last:
    """A saturated wall under a pan, its first frame the reference, and a grey thing that comes later and crosses it."""
    wall = painted(HEIGHT, WIDTH + 2 * COUNT, seed=1, chroma=40)
    neutral = np.dstack([request.param, np.zeros((*Y.shape, 2))])
    pictures = [wall[:, 2 * t : 2 * t + WIDTH].copy() for t in range(COUNT)]
    covered = np.zeros((COUNT, HEIGHT, WIDTH), np.uint8)
    for t in range(ENTERS, COUNT):
        left = LEFT + STEP * (t - ENTERS)
        place = slice(TOP, TOP + Y.shape[0]), slice(left, left + Y.shape[1])
        pictures[t][place], covered[t][place] = srgb_encode(lab_to_linear(neutral)), 1
    clip = Clip.from_rgb(pictures)
    (span,) = plan(range(COUNT), [0], [])
    model = registry.build("standard", device="cpu")
    propagator = Propagator(model, Method(tracking="dense"), device=torch.device("cpu"))
    with Scratch() as scratch:
        (colored,) = propagator.color(span, clip, scratch, wanted={COUNT - 1})
    inside = cv2.erode(covered[-1], np.ones((9, 9))) == 1
    return Last(colored, clip.ab[-1], inside, cv2.dilate(covered[-1], np.ones((25, 25))) == 0)


def test_the_surroundings_of_an_intruder_keep_their_colour(last: Last) -> None:
    assert last.chroma(last.outside) > 25
    assert np.linalg.norm(last.colored.ab - last.truth, axis=-1)[last.outside].mean() < 3


def test_an_intruder_has_low_confidence(last: Last) -> None:
    assert last.confidence(last.inside) < 0.5 < 0.9 < last.confidence(last.outside)


def test_an_intruder_stays_near_neutral(last: Last) -> None:
    assert last.chroma(last.inside) < last.chroma(last.outside) / 2
