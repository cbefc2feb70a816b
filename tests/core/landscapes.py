"""Made scenes on luminance alone, and the features that scene cuts are judged by, loaded once for all tests."""

from __future__ import annotations

import cv2
import numpy as np

from stcolor_core.pipeline.transition_search import scene_describer

__all__ = ["HEIGHT", "WIDTH", "describe", "scene"]

HEIGHT, WIDTH = 90, 160
SCALES = ((2, 5, 12), (1, 3), (6, 20), (3, 16))
KEYS = ((5, 95), (30, 100), (2, 60))


def scene(seed: int, count: int, *, speed: float = 2.0) -> list[np.ndarray]:
    """A camera that pans over a landscape of blurred noise with houses in it: count frames of L* (HEIGHT, WIDTH).

    Seeds differ in the size of the features and in the key of the light, as scenes of a film do.
    """
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(HEIGHT, WIDTH + int(speed * count) + 1)).astype(np.float32)
    land = sum(scale * cv2.GaussianBlur(noise, (0, 0), scale) for scale in SCALES[seed % len(SCALES)])
    land = cv2.normalize(land, None, *KEYS[seed % len(KEYS)], cv2.NORM_MINMAX)
    for _ in range(int(rng.integers(3, 12)) * land.shape[1] // WIDTH):
        x, y = int(rng.integers(land.shape[1])), int(rng.integers(HEIGHT))
        size = rng.integers(8, 50, 2)
        if seed % 2:
            cv2.rectangle(land, (x, y), (x + int(size[0]), y + int(size[1])), rng.uniform(2, 98), -1)
        else:
            cv2.circle(land, (x, y), int(size[0] // 2), rng.uniform(2, 98), -1)
    return [land[:, int(speed * i) :][:, :WIDTH].copy() for i in range(count)]


describe = scene_describer()
