"""Colour candidates of every pixel and their mixture, on tensors: `refinement.candidates` and `refinement.learned`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stcolor_core.method.on_device.evidence import CarriedColor, TensorEvidence
from stcolor_core.method.on_device.light import clipping_level, relight_by
from stcolor_core.method.on_device.upsampling import upsample
from stcolor_core.method.refinement import agreement, learned
from stcolor_core.method.refinement import candidates as rule
from stcolor_core.method.refinement.candidates import EVIDENCE_PLANES, FACTS
from stcolor_core.method.refinement.confidence import MixingInput, describe_decision
from stcolor_core.method.refinement.learned import LearnedRefinement
from stcolor_core.method.tensor_pictures import close, enlarge, resize, sample

__all__ = ["TensorRefined", "TensorState", "refine"]

_SIMILARITY, _VISIBILITY = EVIDENCE_PLANES.index("similarity"), EVIDENCE_PLANES.index("visibility")


@dataclass(frozen=True, eq=False)
class TensorState:
    """State of a walk, as `refinement.WalkState`.

    Attributes:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (2, H, W).
        confidence: Confidence in `ab`, shape (H, W), 0..1.
    """

    lightness: Tensor
    ab: Tensor
    confidence: Tensor


@dataclass(frozen=True, eq=False)
class TensorRefined:
    """A frame's colour after refinement, as `refinement.Refined`.

    Attributes:
        ab: a* and b*, shape (2, H, W).
        confidence: Confidence in the colour, shape (H, W), 0..1.
        tracked: Share of the colour that was tracked, not reacquired, shape (H, W), 0..1.
        source: Frame number of the reference that contributed most, shape (H, W); -1 for a still.
        state: Passed to the next frame of the walk.
    """

    ab: Tensor
    confidence: Tensor
    tracked: Tensor
    source: Tensor
    state: TensorState


@dataclass(frozen=True, eq=False)
class _Candidate:
    """One candidate: its facts (0 for a name left out), ab (2, H, W), prior (H, W) and evidence planes by name."""

    facts: Mapping[str, float]
    ab: Tensor
    prior: Tensor
    planes: Mapping[str, Tensor]

    def stack_evidence(self) -> Tensor:
        """Return the planes in the order of `EVIDENCE_PLANES`, shape (E, H, W), 0 for those left out."""
        planes = {"prior": self.prior, **self.planes}
        zero = torch.zeros_like(self.prior)
        return torch.stack([planes.get(name, zero) for name in EVIDENCE_PLANES])


@torch.no_grad()
def refine(
    evidence: TensorEvidence, previous: TensorState | None, refinement: LearnedRefinement, frames: Tensor
) -> TensorRefined:
    """Return a frame's colour, as `LearnedRefinement.refine`.

    Args:
        evidence: The evidence for it.
        previous: State of the frame before; None if there is none.
        refinement: The networks, on the device.
        frames: Frame number of each reference, shape (R,), float32; -1 for a still.
    """
    parts, certainty = _collect(evidence, previous)
    ab, prior = torch.stack([part.ab for part in parts]), torch.stack([part.prior for part in parts])
    planes = torch.stack([part.stack_evidence() for part in parts])
    weights, fade, confidence = _decide(evidence.view.lightness, parts, ab, planes, refinement)
    count = len(evidence.flows)
    flows, others = weights[:count], weights[count:]
    carried = flows.sum(0)
    if any(flow.certainty is not None for flow in evidence.flows):
        doubt = (1 - carried) * (1 - _mean_certainty(evidence.flows))
        for flow, weight in zip(evidence.flows, flows, strict=True):
            if flow.certainty is not None:
                doubt = doubt + weight * (1 - flow.certainty)
        confidence = confidence * (1 - doubt)
    mixture = (weights[:, None] * ab).sum(0)
    mixture = _chroma_gain(weights, ab, mixture) * mixture
    return TensorRefined(
        ab=fade * _average_agreeing(mixture, parts),
        confidence=confidence,
        tracked=carried + (others * planes[count:, _VISIBILITY]).sum(0),
        source=_source(evidence, flows, carried, frames),
        state=TensorState(evidence.view.lightness, (prior[:, None] * ab).sum(0), certainty),
    )


def _mean_certainty(flows: Sequence[CarriedColor]) -> Tensor | float:
    """Return the mean certainty of the references' colour along the flows, as `candidates._mean_certainty`."""
    total = sum(flow.temporal_weight + rule.TINY for flow in flows)
    means = [1.0 if flow.certainty is None else flow.certainty.mean() for flow in flows]
    weighted = [mean * (flow.temporal_weight + rule.TINY) for mean, flow in zip(means, flows, strict=True)]
    return sum(weighted) / total


def _collect(evidence: TensorEvidence, previous: TensorState | None) -> tuple[list[_Candidate], Tensor]:
    """Return the candidates and the fixed rule's confidence, as `candidates.collect_candidates`."""
    warp, flows = evidence.warp, evidence.flows
    planes = torch.stack([warp.similarity, warp.free_similarity, warp.support]).clamp(0, 1)
    similarity, free_similarity, support, spread, free_spread = _enlarge(
        evidence, torch.cat([planes, torch.stack([warp.spread, warp.free_spread]) / 30])
    )
    lost = torch.zeros_like(similarity)
    if evidence.restricted:
        lost = torch.sigmoid(rule.SHARPNESS * (free_similarity - similarity - rule.REACQUIRE))
    tracked, reacquired = (_flow_shares([flow for flow in flows if flow.reacquired == kind]) for kind in (False, True))
    carried = torch.zeros_like(similarity) if tracked is None else tracked.sum(0)
    shares: list[Tensor] = [] if tracked is None else list(tracked)
    if reacquired is not None:
        shares += list((1 - carried) * reacquired)
        carried = carried + (1 - carried) * reacquired.sum(0)
    rest = 1 - carried
    parts = [_flow_candidate(evidence, flow, share) for flow, share in zip(flows, shares, strict=True)]
    parts.append(
        _Candidate(
            {"tracked": 1},
            _tracked_ab(evidence),
            rest * (1 - lost),
            {"visibility": support, "similarity": similarity, "spread": spread},
        )
    )
    free_ab = _enlarge_ab(evidence, warp.free_ab, warp.free_slope)
    parts.append(
        _Candidate({"anywhere": 1}, free_ab, rest * lost, {"similarity": free_similarity, "spread": free_spread})
    )
    if evidence.neighbour is not None and previous is not None:
        parts.append(_previous_candidate(evidence, previous))
    return parts, carried + rest * (similarity * (1 - lost) + free_similarity * lost)


def _flow_candidate(evidence: TensorEvidence, flow: CarriedColor, prior: Tensor) -> _Candidate:
    facts = {
        "reacquired" if flow.reacquired else "flow": 1,
        "temporal_weight": flow.temporal_weight,
        "age": 1 - math.exp(-flow.age / rule.AGE),
    }
    planes = {
        "visibility": flow.visibility,
        "residual": flow.residual / 10,
        "difference": (evidence.view.lightness - flow.lightness) / 20,
        "similarity": _enlarge(evidence, flow.similarity),
    }
    return _Candidate(facts, flow.ab, prior, planes)


def _previous_candidate(evidence: TensorEvidence, previous: TensorState) -> _Candidate:
    flow = evidence.neighbour
    assert flow is not None
    planes = torch.cat([previous.lightness[None], previous.ab, previous.confidence[None]])
    moved = sample(planes, flow.displacement)
    ab = moved[1:3]
    if flow.change is not None:
        ab = relight_by(moved[0], ab, flow.change, most=clipping_level(evidence.view.lightness))[1]
    evidence_planes = {
        "visibility": flow.visibility * moved[3],
        "residual": flow.residual / 10,
        "difference": (evidence.view.lightness - flow.lightness) / 20,
        "similarity": _enlarge(evidence, flow.similarity),
    }
    return _Candidate({"previous": 1}, ab, torch.zeros_like(flow.visibility), evidence_planes)


def _tracked_ab(evidence: TensorEvidence) -> Tensor:
    """Return the colour from tracked positions with the flow's detail within a cell, as `candidates._tracked_ab`."""
    warp = evidence.warp
    shares = _flow_shares(evidence.leading)
    if shares is None:
        return _enlarge_ab(evidence, warp.ab, warp.slope)
    total = shares.sum(0)
    shares = shares / total.clamp_min(1e-6)
    along = (shares[:, None] * torch.stack([flow.ab for flow in evidence.leading])).sum(0)
    grid, size = evidence.view.grid, (along.shape[-2], along.shape[-1])
    grid_ab = warp.ab
    exposures = [flow.exposure for flow in evidence.leading if flow.exposure is not None]
    if exposures:
        factor = ((shares * torch.stack(exposures).log()).sum(0) / 3).exp()
        grid_ab = grid_ab * resize(factor, grid).flatten()
    ab = _enlarge_ab(evidence, grid_ab, warp.slope)
    mean_error = grid_ab.reshape(2, *grid) - resize(along, grid)
    trust = total.sqrt()
    return trust * (along + resize(mean_error, size)) + (1 - trust) * ab


def _flow_shares(flows: Sequence[CarriedColor]) -> Tensor | None:
    """Return the weight of each flow if no other candidate precedes them, shape (F, H, W); None without flows."""
    if not flows:
        return None
    trusts = torch.stack([flow.trust for flow in flows])
    shares = torch.stack([trust * flow.temporal_weight for trust, flow in zip(trusts, flows, strict=True)])
    return (1 - (1 - trusts).prod(0)) * shares / shares.sum(0).clamp_min(1e-6)


def _decide(
    lightness: Tensor, parts: Sequence[_Candidate], ab: Tensor, planes: Tensor, refinement: LearnedRefinement
) -> tuple[Tensor, Tensor, Tensor]:
    """Return each candidate's weight, the factor on the mixture and the confidence, as `LearnedRefinement.decide`."""
    height, width = lightness.shape
    lines = min(height, learned.LINES)
    size = (lines, max(1, round(width * lines / height)))
    small = resize(torch.cat([lightness[None], ab.flatten(0, 1), planes.flatten(0, 1)]), size)
    count = len(parts)
    small_ab = small[1 : 1 + 2 * count].reshape(count, 2, *size)
    evidence = small[1 + 2 * count :].reshape(count, -1, *size)
    given = MixingInput(small[:1], small_ab[None], _facts(parts, lightness.device)[None], evidence[None])
    output = refinement.network(*given)
    certain = output.confidence_logit.sigmoid()[0, 0]
    from_reference = [index for index, part in enumerate(parts) if "previous" not in part.facts]
    best = torch.stack([evidence[index, _SIMILARITY] for index in from_reference]).amax(0)
    fade = (output.gain[0, 0] / learned.FADE_BELOW).clamp_max(1) * _coverage(certain, best)
    kinds = [next(name for name in rule.KINDS if name in part.facts) for part in parts]
    confidence = refinement.estimate_confidence(describe_decision(given, output, fade[None], kinds))
    large = resize(torch.cat([output.weights[0], fade[None], confidence[None]]), (height, width))
    return large[:-2] / large[:-2].sum(0), large[-2], large[-1]


def _facts(parts: Sequence[_Candidate], device: torch.device) -> Tensor:
    """Return the facts of all candidates, (K, F); filled number by number, which copies nothing to the device."""
    facts = torch.zeros(len(parts), len(FACTS), device=device)
    for row, part in zip(facts, parts, strict=True):
        for name, value in part.facts.items():
            row[FACTS.index(name)].fill_(value)
    return facts


def _coverage(confidence: Tensor, similarity: Tensor) -> Tensor:
    """Return 0..1, whether a reference shows each pixel, as `learned._reference_coverage`."""
    ramps = zip((confidence, similarity), (learned.CONFIDENCE_RAMP, learned.SIMILARITY_RAMP), strict=True)
    sure, alike = (((values - low) / (high - low)).clamp(0, 1) for values, (low, high) in ramps)
    return close(torch.maximum(sure, alike), 1 + 2 * round(learned.GAP * len(confidence) / 2))


def _chroma_gain(weights: Tensor, ab: Tensor, mixture: Tensor) -> Tensor:
    """Return the factor that brings the mixture's chroma closer to that of its colours, as `learned._chroma_gain`."""
    chroma = (weights * torch.hypot(ab[:, 0], ab[:, 1])).sum(0)
    return (chroma / torch.hypot(mixture[0], mixture[1]).clamp_min(1e-3)).clamp(1, learned.MOST_CHROMA)


def _average_agreeing(color: Tensor, parts: Sequence[_Candidate]) -> Tensor:
    """Return the mean of a colour, (2, H, W), and of those that agree with it, as `agreement.average_agreeing`."""
    total, change = torch.ones_like(color[0]), torch.zeros_like(color)
    for part in parts:
        if not part.facts.keys().isdisjoint(agreement.INDEPENDENT):
            difference = part.ab - color
            weight = (difference.square().sum(0) * (-0.5 / agreement.TOLERANCE**2)).exp()
            total += weight
            change += weight * difference
    return color + change / total


def _source(evidence: TensorEvidence, flows: Tensor, carried: Tensor, frames: Tensor) -> Tensor:
    """Return the frame number of the reference that contributed most, shape (H, W)."""
    grid = frames.index_select(0, evidence.warp.source).reshape(evidence.view.grid)
    source = enlarge(grid, (carried.shape[0], carried.shape[1]), mode="nearest")
    if not len(flows):
        return source
    main = flows.argmax(0)
    for index, flow in enumerate(evidence.flows):
        source = torch.where((carried > 0.5) & (main == index), frames[flow.reference], source)
    return source


def _enlarge_ab(evidence: TensorEvidence, ab: Tensor, slope: Tensor) -> Tensor:
    """Upsample (2, P) on the matching grid to (2, H, W), with edges aligned to those of the plate."""
    view = evidence.view
    low, low_slope = ab.reshape(2, *view.grid), slope.reshape(2, *view.grid)
    return upsample(low, view.grid_lightness, view.lightness, slope=low_slope, interpolation="linear")


def _enlarge(evidence: TensorEvidence, values: Tensor) -> Tensor:
    """Enlarge (..., P) on the matching grid to (..., H, W)."""
    height, width = evidence.view.lightness.shape
    return enlarge(values.reshape(*values.shape[:-1], *evidence.view.grid), (height, width))
