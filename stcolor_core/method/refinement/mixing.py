"""Eq. 2 of the standard model: a small network that decides, pixel by pixel, whose colour to take and how sure it is.

It chooses among the candidates of `refinement.candidates`, starting from the fixed rule's weights; it may fade the
chosen colour, and it says how likely that colour is right. It never makes a colour of its own.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stcolor_core.method.refinement.candidates import EVIDENCE, FACTS

__all__ = ["MixingNet", "MixingOutput"]

_PRIOR = EVIDENCE.index("prior")
_LEAST_PRIOR = 1e-3
_TINY = 1e-8
_WIDTHS = (16, 24, 40, 64)
_STEM = 16
_CANDIDATE = len(EVIDENCE) + 3  # with a*, b* and the distance to what the rule mixes
_LARGEST_GAIN = 1.2
_GAIN_OF_ONE = -math.log(_LARGEST_GAIN - 1)  # what the sigmoid is given where the network says nothing
_MOSTLY_RIGHT = 1.5  # logit of 0.82, near what the rule gets right: where training starts
_ALIGNMENT = 2 * 2 ** (len(_WIDTHS) - 1)


class MixingOutput(NamedTuple):
    """weights: (B, K, H, W), sum to 1 over K. gain: (B, 1, H, W), 0..1.2, on the mixed colour. certain: (B, 1, H, W),
    logit of the chance that the colour is right."""

    weights: Tensor
    gain: Tensor
    certain: Tensor


class MixingNet(nn.Module):
    """A U-Net at half the size; candidates share one encoder, so any number of them can be mixed, in any order."""

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
        for last in (self.weigh, self.fade):  # an untrained network is the fixed rule
            nn.init.zeros_(last.weight)
            nn.init.zeros_(cast(Tensor, last.bias))

    def forward(self, lightness: Tensor, ab: Tensor, facts: Tensor, evidence: Tensor) -> MixingOutput:
        """lightness: (B, H, W) L* 0..100. ab: (B, K, 2, H, W). facts: (B, K, F). evidence: (B, K, E, H, W); any K, any
        size."""
        batch, count, _, height, width = ab.shape
        prior = evidence[:, :, _PRIOR]
        rule = (prior[:, :, None] * ab).sum(1, keepdim=True)
        astray = (ab - rule).square()
        distance = (astray[:, :, :1] + astray[:, :, 1:] + _TINY).sqrt()  # norm(dim=2) over two channels is slow
        each = torch.cat([evidence, ab / 60, distance / 30], dim=2)
        edges = (0, -width % _ALIGNMENT, 0, -height % _ALIGNMENT)
        each = F.pad(each.flatten(0, 1), edges, mode="replicate")
        light = F.pad(_described(lightness), edges, mode="replicate")
        stem = _halved(self.candidate, each) + self.kind(facts.flatten(0, 1))[..., None, None]
        own = stem.reshape(batch, count, *stem.shape[1:])
        together = torch.cat([own.mean(1), own.amax(1), _halved(self.light, light)], dim=1)
        context = self._context(together)
        of_each, of_all = torch.split(self.judge.weight, [_STEM, _WIDTHS[0]], dim=1)  # the context's share is made once
        judged = F.conv2d(F.relu(stem), of_each, self.judge.bias).reshape(batch, count, -1, *stem.shape[2:])
        hidden = F.relu(judged + F.conv2d(context, of_all)[:, None]).flatten(0, 1)
        weighed = F.pixel_shuffle(self.weigh(hidden), 2)[..., :height, :width]
        faded = F.pixel_shuffle(self.fade(context), 2)[..., :height, :width]
        logits = (prior + _LEAST_PRIOR).log() + weighed.reshape(batch, count, height, width)
        gain = _LARGEST_GAIN * torch.sigmoid(faded[:, :1] + _GAIN_OF_ONE)
        return MixingOutput(logits.softmax(dim=1), gain, faded[:, 1:] + _MOSTLY_RIGHT)

    def _context(self, together: Tensor) -> Tensor:
        levels: list[Tensor] = [self.enter(together)]
        for down in self.down:
            levels.append(down(F.avg_pool2d(levels[-1], 2)))
        found = levels.pop()
        for up in self.up:
            found = F.interpolate(found, scale_factor=2, mode="nearest")
            found = up(torch.cat([found, levels.pop()], dim=1))
        return found


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


def _halved(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A 3 x 3 convolution, padded by 1, of `F.pixel_unshuffle(x, 2)`: one of x itself in steps of 2 copies nothing."""
    return F.conv2d(x, F.pixel_shuffle(conv.weight, 2), conv.bias, stride=2, padding=2)


def _described(lightness: Tensor) -> Tensor:
    """(B, H, W) L* -> (B, 2, H, W): lightness, and what stands out of its surroundings."""
    light = lightness[:, None] / 100
    around = F.avg_pool2d(light, 9, stride=1, padding=4, count_include_pad=False)
    return torch.cat([light, 5 * (light - around)], dim=1)
