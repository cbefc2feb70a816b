"""The mixing network of the standard model (Akimoto et al. 2020, eq. 2).

For each pixel it weights the candidates of `refinement.candidates`, starting from the fixed rule's weights, fades the
mixture and predicts the probability that its colour is right. It never adds a colour of its own. The network is a U-Net
(Ronneberger et al. 2015); see docs/method.md, "Refinement".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stcolor_core.method.layouts import to_channels_last
from stcolor_core.method.onednn import conv2d
from stcolor_core.method.refinement.candidates import EVIDENCE_PLANES, FACTS

__all__ = ["MixingNet", "MixingOutput"]

_PRIOR = EVIDENCE_PLANES.index("prior")
_LEAST_PRIOR = 1e-3
_TINY = 1e-8
_WIDTHS = (16, 24, 40, 64)
_STEM = 16
_CANDIDATE = (
    len(EVIDENCE_PLANES) + 3
)  # channels of a candidate, with a*, b* and the distance to the fixed rule's colour
_LARGEST_GAIN = 1.2
_GAIN_OF_ONE = -math.log(_LARGEST_GAIN - 1)  # input of the sigmoid at which the gain is 1
_MOSTLY_RIGHT = 1.5  # logit of 0.82, about the share of pixels that the fixed rule gets right: training starts there
_ALIGNMENT = 2 * 2 ** (len(_WIDTHS) - 1)


class MixingOutput(NamedTuple):
    """Output of the mixing network.

    Attributes:
        weights: Weight of each candidate, shape (B, K, H, W), 0..1; they sum to 1 over K.
        gain: Factor on the mixed colour, shape (B, 1, H, W), 0..1.2.
        confidence_logit: Logit of the probability that the colour is right, shape (B, 1, H, W).
    """

    weights: Tensor
    gain: Tensor
    confidence_logit: Tensor


class MixingNet(nn.Module):
    """A U-Net at half size. Candidates share one encoder, so that any number can be mixed in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.candidate = nn.Conv2d(4 * _CANDIDATE, _STEM, 3, padding=1)
        self.kind = nn.Linear(len(FACTS), _STEM, bias=False)
        self.light = nn.Conv2d(4 * 2, 16, 3, padding=1)
        self.enter = _Block(2 * _STEM + 16, _WIDTHS[0])
        self.down = nn.ModuleList(_Block(a, b) for a, b in zip(_WIDTHS, _WIDTHS[1:], strict=False))
        self.up = nn.ModuleList(_Block(a + b, b) for a, b in zip(_WIDTHS[:0:-1], _WIDTHS[-2::-1], strict=True))
        self.judge = nn.Conv2d(_STEM + _WIDTHS[0], 32, 1)
        self.weigh = nn.Conv2d(32, 4, 1)
        self.fade = nn.Conv2d(_WIDTHS[0], 2 * 4, 3, padding=1)
        for last in (self.weigh, self.fade):  # the untrained network equals the fixed rule
            nn.init.zeros_(last.weight)
            nn.init.zeros_(cast(Tensor, last.bias))

    def forward(self, lightness: Tensor, ab: Tensor, facts: Tensor, evidence: Tensor) -> MixingOutput:
        """Weight the candidates of a batch of frames.

        Args:
            lightness: L*, shape (B, H, W), 0..100; any size.
            ab: a* and b* of the candidates, shape (B, K, 2, H, W); any K.
            facts: Shape (B, K, F), see `FACTS`.
            evidence: Shape (B, K, E, H, W), see `EVIDENCE_PLANES`.

        Returns:
            Weights, gain and certainty for every pixel.
        """
        batch, count, _, height, width = ab.shape
        prior = evidence[:, :, _PRIOR]
        # candidate by candidate: torch is slow at sums over few planes
        fixed_rule_ab = reduce(torch.add, (prior[:, index, None] * ab[:, index] for index in range(count)))
        squares = (ab - fixed_rule_ab[:, None]).square()
        distance = (squares[:, :, :1] + squares[:, :, 1:] + _TINY).sqrt()  # norm(dim=2) over two channels is slow
        inputs = _stack_aligned([evidence, ab / 60, distance / 30], dim=2).flatten(0, 1)
        light = _stack_aligned(_lightness_channels(lightness), dim=1)
        stem = _add(_convolve_half(self.candidate, inputs), self.kind(facts.flatten(0, 1))[..., None, None])
        by_candidate = stem.reshape(batch, count, *stem.shape[1:]).unbind(1)
        mean, largest = reduce(torch.add, by_candidate) / count, reduce(torch.maximum, by_candidate)
        pooled = torch.cat([mean, largest, _convolve_half(self.light, light)], dim=1)
        # All that follows takes two thirds of the time with its channels last.
        stem, pooled = (to_channels_last(x) for x in (stem, pooled))
        context = self._context(pooled)
        # The head's convolution is split, so that its part over the context runs once for all candidates.
        stem_weight, context_weight = torch.split(self.judge.weight, [_STEM, _WIDTHS[0]], dim=1)
        head = conv2d(_relu(stem), stem_weight, self.judge.bias).reshape(batch, count, -1, *stem.shape[2:])
        hidden = _relu(_add(head, conv2d(context, context_weight)[:, None])).flatten(0, 1)
        correction = _double(conv2d(hidden, self.weigh.weight, self.weigh.bias))[..., :height, :width]
        faded = F.pixel_shuffle(self.fade(context), 2)[..., :height, :width]
        logits = (prior + _LEAST_PRIOR).log() + correction.reshape(batch, count, height, width)
        gain = _LARGEST_GAIN * torch.sigmoid(faded[:, :1] + _GAIN_OF_ONE)
        return MixingOutput(logits.softmax(dim=1), gain, faded[:, 1:] + _MOSTLY_RIGHT)

    def _context(self, pooled: Tensor) -> Tensor:
        """Run the U-Net over the pooled candidates."""
        levels: list[Tensor] = [self.enter(pooled)]
        for down in self.down:
            levels.append(down(F.avg_pool2d(levels[-1], 2)))
        x = levels.pop()
        for up in self.up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = up(torch.cat([x, levels.pop()], dim=1))
        return x


class _Block(nn.Sequential):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.GroupNorm(8, width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.GroupNorm(8, width),
            nn.ReLU(inplace=True),
        )


def _add(total: Tensor, other: Tensor) -> Tensor:
    """Return a sum; without gradients `total` is overwritten, since new memory costs more than the sum."""
    return total + other if total.requires_grad or other.requires_grad else total.add_(other)


def _relu(x: Tensor) -> Tensor:
    """Return the ReLU; without gradients `x` is overwritten."""
    return F.relu(x) if x.requires_grad else x.relu_()


def _double(x: Tensor) -> Tensor:
    """Return `F.pixel_shuffle(x, 2)` of maps (N, 4, H, W). Without gradients in a tenth of the time, channels last."""
    plain = x.is_cpu and x.dtype == torch.float32 and not x.requires_grad
    if not (plain and x.is_contiguous(memory_format=torch.channels_last)):
        return F.pixel_shuffle(x, 2)
    count, _, height, width = x.shape
    # two pixels side by side are moved as one number
    pairs = x.permute(0, 2, 3, 1).reshape(-1).view(torch.float64).reshape(count, height, width, 2)
    doubled = pairs.new_empty(count, height, 2, width).copy_(pairs.permute(0, 1, 3, 2))
    return doubled.reshape(-1).view(torch.float32).reshape(count, 1, 2 * height, 2 * width)


def _stack_aligned(planes: Sequence[Tensor], *, dim: int) -> Tensor:
    """Concatenate planes (..., H, W), padded to multiples of `_ALIGNMENT` with their last row and column."""
    height, width = planes[0].shape[-2:]
    shape = list(planes[0].shape)
    shape[dim] = sum(plane.shape[dim] for plane in planes)
    shape[-2:] = -(-height // _ALIGNMENT) * _ALIGNMENT, -(-width // _ALIGNMENT) * _ALIGNMENT
    stacked = planes[0].new_empty(shape)
    parts = torch.split(stacked, [plane.shape[dim] for plane in planes], dim)
    for part, plane in zip(parts, planes, strict=True):
        part[..., :height, :width] = plane
    stacked[..., height:, :width] = stacked[..., height - 1 : height, :width]
    stacked[..., width:] = stacked[..., width - 1 : width]
    return stacked


def _convolve_half(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Return a 3 x 3 convolution, padded by 1, of `F.pixel_unshuffle(x, 2)`: done with a stride, it copies nothing."""
    return F.conv2d(x, F.pixel_shuffle(conv.weight, 2), conv.bias, stride=2, padding=2)


def _lightness_channels(lightness: Tensor) -> tuple[Tensor, Tensor]:
    """Return lightness and its local contrast: (B, H, W) L* -> (B, 1, H, W) each."""
    light = lightness[:, None] / 100
    return light, 5 * (light - _mean_along(_mean_along(light, dim=2), dim=3))


def _mean_along(planes: Tensor, dim: int) -> Tensor:
    """Return the mean of up to nine pixels around each along rows (3) or columns (2), planes of shape (B, 1, H, W).

    The same bits as `F.avg_pool2d` with stride 1 that leaves the padding out, in a quarter of its time.
    """
    size, radius = planes.shape[dim], 4
    padded = F.pad(planes, (0, 0, radius, radius) if dim == 2 else (radius, radius, 0, 0))
    total = padded.narrow(dim, 0, size)
    for offset in range(1, 2 * radius + 1):
        total = total + padded.narrow(dim, offset, size)
    index = torch.arange(size, device=planes.device)
    count = (index + radius + 1).clamp_max(size) - (index - radius).clamp_min(0)
    return total / count[:, None] if dim == 2 else total / count
