"""What the objects of mattes look like: a memory of the features of the frames that have mattes.

Motion alone loses an object that turns or moves fast: flow leaves a part of it behind on the background. Every cell of
another frame is therefore compared with all cells of the frames with mattes, wherever they are, and takes the mean of
their objects by attention, as video object segmentation does (Oh et al. 2019, "Video Object Segmentation using
Space-Time Memory Networks"). Here the features are those that colours are matched by. See docs/method.md, "Mattes".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.arrays import Masks, Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.objects import BACKGROUND, find_objects, share_of_cells
from stcolor_core.method.tracking.walk import View

__all__ = ["AppearanceMemory", "Likeness"]

_REMEMBERED = 1500  # cells of a frame that are remembered at most; more are averaged
_NOTHING, _NOTHING_CELLS = 0.45, 3.0  # as if so many cells of background were this similar to every cell
_COMPARED = 6000  # cells of a frame that are compared with them at most


@dataclass(frozen=True, eq=False)
class Likeness:
    """Which objects the cells of a frame look like.

    Attributes:
        names: K names, the last of which is `BACKGROUND`.
        shares: Probability of each of them by appearance alone, shape (K, h, w), 0..1; they sum to 1.
        similarity: Cosine similarity to what is remembered, the largest of each cell, shape (h, w), -1..1.
    """

    names: tuple[str, ...]
    shares: Masks
    similarity: Plane

    def over(self, names: Sequence[str], size: tuple[int, int]) -> Masks:
        """Return the probabilities of some objects and the rest as background, shape (len(names), height, width).

        Args:
            names: Names, the last of which is `BACKGROUND`.
            size: (height, width) to interpolate to.
        """
        result = np.zeros((len(names), *size), np.float32)
        for index, name in enumerate(names[:-1]):
            if name in self.names:
                result[index] = resize(self.shares[self.names.index(name)], size).clip(0, 1)
        result[-1] = (1 - result[:-1].sum(0)).clip(0, 1)
        return result


class AppearanceMemory:
    """The features of the frames that have mattes, and which object each of them belongs to.

    Its size is bounded: at most 1500 averaged cells a frame, of which there are one or two.

    Attributes:
        names: The names of K objects, the last of which is `BACKGROUND`.
    """

    def __init__(self, frames: Sequence[tuple[View, Instances]], *, temperature: float) -> None:
        """Remember frames.

        Args:
            frames: At least one frame, and its mattes.
            temperature: Softmax temperature of the features, as for the colours.
        """
        self._temperature = temperature
        objects = [found for _, mattes in frames if (found := find_objects(mattes)) is not None]
        own = sorted({name for each in objects for name in each.names} - {BACKGROUND})
        self.names = (*own, BACKGROUND)
        features, shares = [], []
        for (view, _), each in zip(frames, objects, strict=True):
            of_frame = share_of_cells(each, view.matching_size, view.grid, stride=view.stride)
            cells = np.zeros((len(self.names), *view.grid), np.float32)
            cells[[self.names.index(name) for name in each.names]] = of_frame
            features.append(_pool(view.reference.reshape(-1, *view.grid), most=_REMEMBERED, unit=True).flatten(1))
            shares.append(_pool(torch.from_numpy(cells), most=_REMEMBERED).flatten(1))
        self._features = torch.cat(features, 1)
        self._shares = torch.cat(shares, 1).to(self._features)

    @torch.no_grad()
    def compare(self, view: View) -> Likeness:
        """Return which objects the cells of a frame look like. What is unlike all that is remembered is background.

        Args:
            view: The frame; its grid may be averaged.
        """
        target = _pool(view.target.reshape(-1, *view.grid), most=_COMPARED, unit=True)
        scores = (self._features.T @ target.flatten(1)).div_(self._temperature)
        best = scores.amax(0)
        weights = scores.sub_(best).exp_()
        nothing = _NOTHING_CELLS * (_NOTHING / self._temperature - best).exp()
        total = weights.sum(0) + nothing
        shares = self._shares @ weights
        shares[-1] += nothing
        grid = target.shape[1:]
        similarity = (best * self._temperature).reshape(grid).float().cpu().numpy()
        return Likeness(self.names, (shares / total).reshape(-1, *grid).float().cpu().numpy(), similarity)


def _pool(cells: Tensor, *, most: int, unit: bool = False) -> Tensor:
    """Average cells (C, h, w) over squares until there are at most so many; to unit vectors if they are features."""
    side = 1
    while -(-cells.shape[1] // side) * -(-cells.shape[2] // side) > most:
        side += 1
    pooled = F.avg_pool2d(cells[None], side, ceil_mode=True, count_include_pad=False)[0] if side > 1 else cells
    return F.normalize(pooled, dim=0, eps=1e-6) if unit and side > 1 else pooled
