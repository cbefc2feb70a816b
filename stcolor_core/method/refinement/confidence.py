"""The confidence of the standard model: the mixing network's own estimate, corrected by what the whole picture shows.

The mixing network was trained where a true correspondence exists nearly everywhere, and judges each place by its
surroundings. A still of another film, a scene after a dissolve or a misplaced keyframe shows in the picture as a whole:
nothing is very similar, little is visible, candidates disagree. So this head also sees the mean and the spread of the
features over the picture. It changes no colour. See docs/method.md, "Refinement".
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stcolor_core.method.refinement.mixing import FEATURES

__all__ = ["ConfidenceHead", "summarize"]

_HIDDEN = 32
# The summary is reduced to few values, and a share is left out in training, so that clips are not learned by heart.
_SUMMARY, _DROPPED = 4, 0.3


class ConfidenceHead(nn.Module):
    """A small network on the features of `MixingNet`. Untrained, it returns the mixing network's own confidence."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Conv2d(FEATURES, _HIDDEN, 1)
        self.whole = nn.Sequential(
            nn.Dropout(_DROPPED), nn.Linear(2 * FEATURES, _SUMMARY), nn.Tanh(), nn.Linear(_SUMMARY, _HIDDEN)
        )
        self.around = nn.Conv2d(_HIDDEN, _HIDDEN, 3, padding=1)
        self.judge = nn.Conv2d(_HIDDEN, 2 * 4, 3, padding=1)
        nn.init.zeros_(self.judge.weight)
        nn.init.zeros_(cast(Tensor, self.judge.bias))

    def forward(self, features: Tensor, logit: Tensor, summary: Tensor) -> Tensor:
        """Return the corrected logit of the confidence, of the shape of `logit`.

        Args:
            features: `MixingOutput.features`, shape (B, FEATURES, h, w).
            logit: `MixingOutput.confidence_logit`, shape (B, 1, H, W).
            summary: From `summarize` of the whole picture, shape (B, 2 * FEATURES).
        """
        height, width = logit.shape[-2:]
        hidden = F.relu(self.place(features) + self.whole(summary)[..., None, None])
        hidden = F.relu(hidden + self.around(hidden))
        judged = F.pixel_shuffle(self.judge(hidden), 2)[..., :height, :width]
        return logit * judged[:, :1].exp() + judged[:, 1:]


def summarize(features: Tensor) -> Tensor:
    """Return the mean and standard deviation of each channel over the picture, shape (B, 2 * FEATURES).

    Args:
        features: `MixingOutput.features`, shape (B, FEATURES, h, w).
    """
    mean = features.mean((2, 3), keepdim=True)
    variance = (features - mean).square().sum((2, 3)) / max(
        1, features[0, 0].numel() - 1
    )  # `std` takes 10 times as long
    return torch.cat([mean.flatten(1), variance.sqrt()], dim=1)
