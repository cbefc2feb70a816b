"""The confidence of the standard model: how likely each colour is right, with a true correspondence and without one.

The mixing network was trained where a true correspondence exists nearly everywhere, and judges each place by its
surroundings. With a still of another film, in a scene after a dissolve or with a misplaced keyframe a colour is right
by chance, and that chance depends on the colour itself: dark and nearly neutral ones are right more often than vivid
ones. Which case it is shows over the whole picture: nothing is very similar, little is visible, candidates disagree. So
this head sees the colour that was decided on, the evidence for it at each pixel, and the mean and the spread of all
that over the picture. It changes no colour. See docs/method.md, "Refinement".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stcolor_core.method.refinement.agreement import INDEPENDENT, TOLERANCE
from stcolor_core.method.refinement.candidates import EVIDENCE_PLANES, KINDS
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


def describe_decision(given: MixingInput, output: MixingOutput, fade: Tensor, kinds: Sequence[str]) -> Tensor:
    """Return the evidence for a decision at each pixel, shape (B, N, H, W), see `PLANES`.

    Args:
        given: What the network saw.
        output: What it decided.
        fade: Factor on the mixed colour, shape (B, H, W), 0..1.
        kinds: The kind of each candidate, one of `KINDS`.
    """
    # One candidate after the other: torch takes several times as long with all of them at once.
    weights = output.weights.unbind(1)
    plane = {name: given.evidence[:, :, index].unbind(1) for index, name in enumerate(EVIDENCE_PLANES)}
    nothing = torch.zeros_like(given.lightness)

    def best(name: str, *counted: str) -> Tensor:
        """Return the largest value among the candidates of these kinds; at least 0 if there are others."""
        values = [values for values, kind in zip(plane[name], kinds, strict=True) if kind in counted]
        return reduce(torch.maximum, values if len(values) == len(kinds) else [*values, nothing])

    def mixed(values: Iterable[Tensor]) -> Tensor:
        return reduce(torch.add, map(torch.mul, weights, values))

    def of_kind(values: Iterable[Tensor], kind: str, combine: Callable[[Tensor, Tensor], Tensor]) -> Tensor | None:
        own = [each for each, other in zip(values, kinds, strict=True) if other == kind]
        return reduce(combine, own) if own else None

    a, b = (mixed(given.ab[:, :, channel].unbind(1)) for channel in range(2))
    mixture = torch.stack([a, b], dim=1)
    squares = [_square_length(color - mixture) for color in given.ab.unbind(1)]
    color = fade[:, None] * mixture
    in_color, in_grey = lab_to_srgb(given.lightness, color), lightness_to_srgb(given.lightness)[:, None]
    nearest = {kind: of_kind(squares, kind, torch.minimum) for kind in INDEPENDENT}
    shares = {kind: of_kind(weights, kind, torch.add) for kind in _SHARES}
    planes = {
        "own": output.confidence_logit[:, 0] / _OWN_SCALE,
        "vividness": (_square_length(in_color - in_grey).sqrt() / _CORRECT).log1p(),
        "chroma": _square_length(color).sqrt() / 20,
        "lightness": given.lightness / 50 - 1,
        "similarity": best("similarity", *(kind for kind in KINDS if kind != "previous")),
        **{f"similarity_{name}": best("similarity", name) for name in ("anywhere", "tracked", "flow")},
        "visibility": best("visibility", "flow"),
        "agreement": best("visibility", "reacquired"),
        "residual": mixed(plane["residual"]),
        "difference": mixed(plane["difference"]).abs(),
        "spread": mixed(plane["spread"]),
        "spread_anywhere": best("spread", "anywhere"),
        "disagreement": mixed(squares).sqrt() / 10,
        **{kind: nothing if share is None else share for kind, share in shares.items()},
        **{f"like_{kind}": nothing if each is None else _likeness(each) for kind, each in nearest.items()},
    }
    return torch.stack([planes[name] for name in PLANES], dim=1)


def _likeness(squares: Tensor) -> Tensor:
    """Return as much as `average_agreeing` takes of a candidate, from its squared distance: 1 for the same colour."""
    return (squares * (-0.5 / TOLERANCE**2)).exp()


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
    variance = (planes - mean[..., None, None]).square_().mean((2, 3))
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
