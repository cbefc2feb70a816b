"""The confidence of the standard model: how likely each colour is right, with a true correspondence and without one.

The mixing network was trained where a true correspondence exists nearly everywhere, and judges each place by its
surroundings. With a still of another film, in a scene after a dissolve or with a misplaced keyframe a colour is right
by chance, and that chance depends on the colour itself: dark and nearly neutral ones are right more often than vivid
ones. Which case it is shows over the whole picture: nothing is very similar, little is visible, candidates disagree. So
this head sees the colour that was decided on, the evidence for it at each pixel, and the mean and the spread of all
that over the picture. It changes no colour. See docs/method.md, "Refinement".
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stcolor_core.method.refinement.agreement import INDEPENDENT, TOLERANCE
from stcolor_core.method.refinement.candidates import EVIDENCE_PLANES, FACTS
from stcolor_core.method.refinement.mixing import MixingOutput
from stcolor_core.method.tensor_color import lab_to_srgb, lightness_to_srgb

__all__ = [
    "PLANES",
    "ConfidenceHead",
    "MixingInput",
    "describe_decision",
    "estimate_confidence",
    "own_confidence",
    "summarize",
]

PLANES = (
    "own",  # the mixing network's own confidence, as a logit divided by 3
    "vividness",  # log(1 + distance of the colour from grey in sRGB, in units of what counts as right)
    "chroma",  # divided by 20
    "lightness",  # L* / 50 - 1
    "similarity",  # of the features at the best candidate from a reference
    "similarity_anywhere",  # the same, of attention anywhere
    "similarity_tracked",  # of attention over tracked positions
    "similarity_flow",  # of the best tracked flow
    "visibility",  # of the best tracked flow
    "agreement",  # of the matches, of the best reacquired flow
    "residual",  # smoothed difference in L*, divided by 10, mixed by weight as the following ones are
    "difference",  # difference in L* without its sign, divided by 20
    "spread",  # of the colours that attention mixed, divided by 30
    "spread_anywhere",  # the same, of attention anywhere
    "disagreement",  # standard deviation of the candidates' colours, divided by 10
    "flow",  # weight of colour along tracked flow
    "tracked",  # weight of colour from tracked positions
    "anywhere",  # weight of colour from anywhere
    "previous",  # weight of the frame before
    "like_flow",  # likeness of the colour and that of the nearest tracked flow, 1 if they are the same
    "like_anywhere",  # likeness of the colour and that from anywhere
    "like_previous",  # likeness of the colour and that of the frame before
)
"""The evidence for a decision at each pixel, in the order of the channels of `describe_decision`."""

_OWN = PLANES.index("own")
_SHARES = ("flow", "tracked", "anywhere", "previous")
_OWN_SCALE = 3.0
_TRACKED = [PLANES.index(name) for name in ("visibility", "agreement")]
# With a tracked reference the confidence is only lowered, and by so much less, as a logit: the network's own is
# calibrated there, and fast motion looks a little like a scene that no reference shows (benchmarks/measured/method.md).
_LEAST_CORRECTION = 0.5
_CORRECT = 16 / 255  # distance in sRGB up to which a colour counts as right
_HIDDEN = 16
# The summary is reduced to few values, and a share is left out in training, so that clips are not learned by heart.
_SUMMARY, _DROPPED = 4, 0.2
_FARTHEST = 3.0  # standard deviations from the pictures of the training, beyond which nothing is known


class MixingInput(NamedTuple):
    """Input of the mixing network, for a batch of frames; see `MixingNet.forward`.

    Attributes:
        lightness: L*, shape (B, H, W), 0..100.
        ab: a* and b* of the candidates, shape (B, K, 2, H, W).
        facts: Shape (B, K, F), see `FACTS`.
        evidence: Shape (B, K, E, H, W), see `EVIDENCE_PLANES`.
    """

    lightness: Tensor
    ab: Tensor
    facts: Tensor
    evidence: Tensor


class ConfidenceHead(nn.Module):
    """A small network for each pixel. Untrained, it returns the mixing network's own confidence.

    Attributes:
        mean: Mean of the summaries in training, shape (2 N + 1,).
        scale: Their standard deviation, of the same shape.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        count = 2 * len(PLANES) + 1
        self.whole = nn.Sequential(nn.Dropout(_DROPPED), nn.Linear(count, _SUMMARY), nn.Tanh())
        self.place = nn.Linear(len(PLANES) + _SUMMARY, _HIDDEN)
        self.judge = nn.Linear(_HIDDEN, 2)
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("scale", torch.ones(count))
        nn.init.zeros_(self.judge.weight)
        nn.init.zeros_(self.judge.bias)

    def forward(self, planes: Tensor, summary: Tensor) -> Tensor:
        """Return the logit of the probability that each pixel's colour is right, shape (B, H, W).

        Args:
            planes: From `describe_decision`, shape (B, N, H, W).
            summary: From `summarize` of the whole picture, shape (B, 2 N + 1).
        """
        whole = self.whole(((summary - self.mean) / self.scale).clamp(-_FARTHEST, _FARTHEST))
        at_place, of_whole = torch.split(self.place.weight, [len(PLANES), _SUMMARY], dim=1)
        hidden = F.conv2d(planes, at_place[..., None, None], self.place.bias)
        hidden = F.relu(hidden + (whole @ of_whole.T)[..., None, None])
        scale, offset = F.conv2d(hidden, self.judge.weight[..., None, None], self.judge.bias).unbind(1)
        return _OWN_SCALE * planes[:, _OWN] * scale.exp() + offset


def describe_decision(given: MixingInput, output: MixingOutput, fade: Tensor) -> Tensor:
    """Return the evidence for a decision at each pixel, shape (B, N, H, W), see `PLANES`.

    Args:
        given: What the network saw.
        output: What it decided.
        fade: Factor on the mixed colour, shape (B, H, W), 0..1.
    """
    weights = output.weights
    plane = {name: given.evidence[:, :, index] for index, name in enumerate(EVIDENCE_PLANES)}
    is_kind = {name: given.facts[:, :, index, None, None] for index, name in enumerate(FACTS[:5])}

    def best(name: str, counts: Tensor) -> Tensor:
        return (plane[name] * counts).amax(1)

    kinds = torch.stack([given.facts[:, :, FACTS.index(name)] for name in _SHARES], dim=2)
    mixture = (weights[:, :, None] * given.ab).sum(1)
    squares = _square_length(given.ab - mixture[:, None])
    apart = (weights * squares).sum(1)
    likeness = (squares * (-0.5 / TOLERANCE**2)).exp()  # as much as `average_agreeing` takes of a candidate
    color = fade[:, None] * mixture
    in_color, in_grey = lab_to_srgb(given.lightness, color), lightness_to_srgb(given.lightness)[:, None]
    planes = {
        "own": output.confidence_logit[:, 0] / _OWN_SCALE,
        "vividness": (_square_length(in_color - in_grey).sqrt() / _CORRECT).log1p(),
        "chroma": _square_length(color).sqrt() / 20,
        "lightness": given.lightness / 50 - 1,
        "similarity": best("similarity", 1 - is_kind["previous"]),
        **{f"similarity_{name}": best("similarity", is_kind[name]) for name in ("anywhere", "tracked", "flow")},
        "visibility": best("visibility", is_kind["flow"]),
        "agreement": best("visibility", is_kind["reacquired"]),
        "residual": (weights * plane["residual"]).sum(1),
        "difference": (weights * plane["difference"]).sum(1).abs(),
        "spread": (weights * plane["spread"]).sum(1),
        "spread_anywhere": best("spread", is_kind["anywhere"]),
        "disagreement": apart.sqrt() / 10,
        **dict(zip(_SHARES, torch.einsum("bkn,bkhw->nbhw", kinds, weights), strict=True)),
        **{f"like_{name}": (likeness * is_kind[name]).amax(1) for name in INDEPENDENT},
    }
    return torch.stack([planes[name] for name in PLANES], dim=1)


def _square_length(x: Tensor) -> Tensor:
    """Return the squared length over the few channels before the last two axes, which torch's own sum is slow at."""
    first, *others = x.unbind(-3)
    total = first.square()
    for part in others:
        total = total + part.square()
    return total


def summarize(planes: Tensor) -> Tensor:
    """Return mean and standard deviation of each plane over the picture, and the mean of the network's own confidence.

    Args:
        planes: From `describe_decision`, shape (B, N, H, W).

    Returns:
        Shape (B, 2 N + 1).
    """
    mean = planes.mean((2, 3))
    variance = (planes - mean[..., None, None]).square().mean((2, 3))
    return torch.cat([mean, variance.sqrt(), own_confidence(planes).mean((1, 2))[:, None]], dim=1)


def estimate_confidence(head: ConfidenceHead, planes: Tensor) -> Tensor:
    """Return the probability that each pixel's colour is right, shape (B, H, W), 0..1.

    Args:
        head: The head.
        planes: From `describe_decision`, shape (B, N, H, W).
    """
    logit, own = head(planes, summarize(planes)), _OWN_SCALE * planes[:, _OWN]
    lowered = own + (logit - own + _LEAST_CORRECTION).clamp(max=0)
    tracked = torch.stack([planes[:, index] for index in _TRACKED]).amax((0, 2, 3)) > 0
    return torch.where(tracked[:, None, None], lowered, logit).sigmoid()


def own_confidence(planes: Tensor) -> Tensor:
    """Return the mixing network's own confidence, shape (B, H, W), 0..1.

    Args:
        planes: From `describe_decision`, shape (B, N, H, W).
    """
    return (_OWN_SCALE * planes[:, _OWN]).sigmoid()
