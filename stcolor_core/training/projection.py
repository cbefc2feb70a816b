"""Where the training of the matching features starts: learned from footage whose surfaces optical flow can follow.

A linear discriminant: directions that differ from place to place but stay alike while a surface moves count most, those
that change as it moves are damped (Fisher's criterion, one class per tracked point; Cai, Mikolajczyk and Matas 2011,
"Learning linear discriminant projections for dimensionality reduction of image descriptors"). The footage's true colour
only confirms the tracks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.color import linear_to_lab, srgb_decode
from stcolor_core.evaluation.dataset import Sequence
from stcolor_core.features.lite0 import Lite0
from stcolor_core.features.standard import RAW_CHANNELS, backbone, raw_features
from stcolor_core.tracking.flow import FlowTracker, sample

__all__ = ["Scatter", "discriminant", "learn"]

_log = logging.getLogger(__name__)

_CHANNELS = 192
_WALKS = 3  # per clip, each from its own reference frame
_GAPS = (1, 3, 7, 14, 28)  # frames from the reference at which a pair is taken
_VISIBLE = 0.5
_SAME_COLOR = 5.0  # a*, b* distance between the ends of a true track
_FEWEST_TRACKS = 200  # a pair with fewer is not trusted at all: a cut, a broken file
_MOST_TRACKS = 1500


class Scatter:
    """Second moments of raw features: of all positions, and of the change along tracks."""

    def __init__(self, channels: int) -> None:
        self._total = torch.zeros(channels, channels, dtype=torch.float64)
        self._within = torch.zeros(channels, channels, dtype=torch.float64)
        self.pairs = 0

    def add(self, target: Tensor, reference: Tensor, cells: Tensor, places: Tensor) -> None:
        """One pair of frames.

        target, reference: (C, h, w). cells: (N,) target positions. places: (N, 2) where they lie on the reference, in
        grid cells (x, y).
        """
        values = target.flatten(1)
        size = torch.tensor([reference.shape[2], reference.shape[1]])
        points = (2 * places + 1) / size - 1
        found = F.grid_sample(reference[None], points[None, None], padding_mode="border", align_corners=False)[0, :, 0]
        step = values[:, cells] - found
        self._total += (values @ values.T / values.shape[1]).double()
        self._within += (step @ step.T / (2 * step.shape[1])).double()
        self.pairs += 1

    def projection(self, channels: int) -> Tensor:
        """`discriminant` of the means over pairs."""
        return discriminant(self._total / self.pairs, self._within / self.pairs, channels=channels)


def discriminant(total: Tensor, within: Tensor, *, channels: int) -> Tensor:
    """The projection under which change along tracks is white, its most telling directions first.

    total, within: (C, C) float64 second moments. `within` is regularised by its own mean variance: what hardly varies
    at all would drown the rest otherwise.
    Returns (channels, C) float64, rows of unit length on average.
    """
    identity = torch.eye(len(within), dtype=within.dtype)
    whitening = torch.linalg.inv(torch.linalg.cholesky(within + identity * within.diagonal().mean()))
    _, directions = torch.linalg.eigh(whitening @ total @ whitening.T)
    projection = directions.flip(1)[:, :channels].T @ whitening
    return torch.mul(projection, channels**0.5 / projection.norm())


def learn(clips: list[Sequence], *, seed: int) -> Tensor:
    """The projection (192, 578) float64 from clips of real colour footage; the same seed gives the same one."""
    torch.set_num_threads(1)  # sums in one order, whatever the machine
    generator = np.random.default_rng(seed)
    network = backbone("cpu")
    scatter = Scatter(RAW_CHANNELS)
    with torch.inference_mode():
        for clip in clips:
            for _ in range(_WALKS):
                _walk(clip, network, scatter, generator)
            _log.info("%s: %d pairs so far", clip.name, scatter.pairs)
        return scatter.projection(_CHANNELS)


def _walk(clip: Sequence, network: Lite0, scatter: Scatter, generator: np.random.Generator) -> None:
    """Adds what can be followed from a random frame of the clip, forwards or backwards, mirrored or not."""
    frames = _frames(clip, generator)
    reference = next(frames)
    described = raw_features(network, torch.from_numpy(reference[..., 0].copy()))
    tracker = FlowTracker(reference[..., 0])
    for gap, target in enumerate(frames, start=1):
        link = tracker.step(target[..., 0])
        if gap not in _GAPS:
            continue
        change = np.linalg.norm(sample(reference[..., 1:], link.displacement) - target[..., 1:], axis=-1)
        tracked = (link.visibility > _VISIBLE) & (change < _SAME_COLOR)
        # The grid cell's centre lies between pixels 1 and 2: the nearer one below it stands for the cell.
        cells = np.flatnonzero(tracked[2::4, 2::4])
        if len(cells) < _FEWEST_TRACKS:
            continue
        cells = generator.permutation(cells)[:_MOST_TRACKS]
        moved = link.displacement[2::4, 2::4]
        y, x = np.divmod(cells, moved.shape[1])
        places = np.stack([x, y], axis=1) + moved[y, x] / 4
        varied = _varied(target[..., 0], generator)
        scatter.add(
            raw_features(network, torch.from_numpy(varied)),
            described,
            torch.from_numpy(cells),
            torch.from_numpy(places.astype(np.float32)),
        )


def _frames(clip: Sequence, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """L*a*b* (H, W, 3) float32 of successive frames, enough for the longest gap where the clip has them."""
    reach = min(_GAPS[-1], len(clip) - 1)
    start = int(generator.integers(0, len(clip) - reach))
    order = list(range(start, start + reach + 1))
    mirrored = generator.random() < 0.5
    for index in order if generator.random() < 0.5 else reversed(order):
        lab = linear_to_lab(srgb_decode(clip.rgb(index)))
        yield np.ascontiguousarray(lab[:, ::-1] if mirrored else lab)


def _varied(lightness: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Lightness with another gamma and grain, as light and stock differ between the ends of a real shot."""
    gamma = generator.uniform(0.75, 1.33)
    grain = generator.uniform(0, 1.5) * generator.standard_normal(lightness.shape)
    return np.asarray(100 * (np.clip(lightness, 0, 100) / 100) ** gamma + grain, np.float32)
