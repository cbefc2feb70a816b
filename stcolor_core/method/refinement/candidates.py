"""Colour candidates of every pixel with their evidence, and their mixture: shared by all refinements of `standard`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcolor_core.arrays import Chroma, Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.light import relight
from stcolor_core.method.light_limits import clipping_level
from stcolor_core.method.mixtures import mix_colors
from stcolor_core.method.refinement import Evidence, FlowColor, NeighbourFlow, ObjectLayer, Refined, WalkState
from stcolor_core.method.tracking.flow import sample
from stcolor_core.method.upsampling import upsample

__all__ = [
    "EVIDENCE_PLANES",
    "FACTS",
    "KINDS",
    "Candidates",
    "collect_candidates",
    "fixed_rule_state",
    "mix_candidates",
]

REACQUIRE = 0.2  # similarity by which a position anywhere must beat the tracked ones for the track to count as lost
SHARPNESS = 4 / REACQUIRE
AGE = 20.0  # frames
TINY = 1e-6
_LEAST_FLOW = 0.05  # share of a cell that the flow must reach within an object, to correct its mean

# Facts about a candidate as a whole, in the order of `Candidates.facts`, 0..1:
FACTS = (
    "flow",  # 1 for colour along flow that was tracked frame by frame, else 0
    "reacquired",  # 1 for colour along flow that was reacquired by features, else 0
    "tracked",  # 1 for colour by attention over tracked positions, else 0
    "anywhere",  # 1 for colour by attention over all positions, else 0
    "previous",  # 1 for the fixed rule's colour of the frame before on the walk, else 0
    "temporal_weight",  # temporal weight of a flow's reference
    "age",  # frames from a flow's reference, mapped to 0..1
)
KINDS = FACTS[:5]
# Evidence for a candidate by pixel, in the order of `Candidates.evidence`, each about 0..1 or -1..1:
EVIDENCE_PLANES = (
    "prior",  # weight by the fixed rule
    # Of flow, or agreement of the matches if reacquired; of tracked positions: support; of the frame before: visibility
    # times the fixed rule's confidence there:
    "visibility",
    "residual",  # flow: smoothed difference in L*, divided by 10
    "difference",  # flow: signed difference in L* to the flow target, divided by 20
    "similarity",  # of the features with those at the colour's origin
    "spread",  # standard deviation of the colours that attention mixed, divided by 30
)


@dataclass(frozen=True)
class Candidates:
    """K colour candidates for every pixel at working size.

    One for each flow, one by attention over tracked positions, one by attention over all positions, and one from the
    frame before, if there is one.

    Attributes:
        ab: a* and b*, shape (K, H, W, 2).
        prior: Weights by the fixed rule, shape (K, H, W), 0..1; they sum to 1 over K.
        facts: Shape (K, F), see `FACTS`.
        evidence: Shape (K, E, h, w), see `EVIDENCE_PLANES`; h and w as `collect_candidates` was asked for.
        confidence: Confidence by the fixed rule, shape (H, W), 0..1.
        allowed: How far mattes allow each candidate, shape (K, H, W), 0..1, at least one of them 1 at every pixel; None
            without mattes.
        support: Share that was tracked of each candidate after the flows, shape (H, W), 0..1, or 0. Only
            `mix_candidates` asks for it.
    """

    ab: NDArray[np.float32]
    prior: NDArray[np.float32]
    facts: NDArray[np.float32]
    evidence: NDArray[np.float32]
    confidence: Plane
    allowed: NDArray[np.float32] | None = None
    support: Sequence[NDArray[np.floating] | float] = ()

    @property
    def kinds(self) -> list[str]:
        """Return the kind of each candidate, one of `KINDS`."""
        return [KINDS[index] for index in self.facts[:, : len(KINDS)].argmax(1)]


def collect_candidates(
    evidence: Evidence, previous: WalkState | None = None, *, size: tuple[int, int] | None = None
) -> Candidates:
    """Collect the colour candidates for every pixel and the evidence for each.

    The fixed rule prefers visible flow, then tracked positions, then positions anywhere: flow is best while a surface
    stays visible, features are best if it returns or moves too far (docs/method.md, "Refinement"). The frame before has
    no weight in the rule, so that the state that a frame passes on does not depend on earlier frames.

    Args:
        evidence: The evidence for the frame.
        previous: State of the frame before; None if there is none.
        size: Height and width (h, w), at most those of the frame, that the evidence is wanted at: it is reduced by area
            average, as most of the memory is its planes. None for those of the frame.

    Returns:
        The candidates, weighted by the fixed rule.
    """
    flows, warp = evidence.flows, evidence.warp
    similarity, free_similarity, support = (
        _enlarge(evidence, values.clamp(0, 1)) for values in (warp.similarity, warp.free_similarity, warp.support)
    )
    shape = similarity.shape
    gain = free_similarity - similarity
    lost: Plane = np.zeros(shape, np.float32)
    if evidence.restricted:
        lost = 1 / (1 + np.exp(-SHARPNESS * (gain - REACQUIRE)))
    tracked, reacquired = (
        _flow_shares([flow for flow in flows if flow.reacquired == kind], shape) for kind in (False, True)
    )
    shares = np.concatenate([tracked, (1 - tracked.sum(0)) * reacquired])
    carried = shares.sum(0)
    rest = 1 - carried
    candidates = [_flow_candidate(evidence, flow, share) for flow, share in zip(flows, shares, strict=True)]
    candidates.append(
        _Candidate(
            {"tracked": 1},
            _tracked_ab(evidence),
            rest * (1 - lost),
            {"visibility": support, "similarity": similarity, "spread": _enlarge(evidence, warp.spread) / 30},
        )
    )
    candidates.append(
        _Candidate(
            {"anywhere": 1},
            _free_ab(evidence),
            rest * lost,
            {"similarity": free_similarity, "spread": _enlarge(evidence, warp.free_spread) / 30},
        )
    )
    if evidence.neighbour_flow and previous:
        candidates.append(_previous_candidate(evidence, evidence.neighbour_flow, previous))
    attention_confidence = similarity * (1 - lost) + free_similarity * lost
    # Filled in place: a copy of all candidates more would be a tenth of a frame's time at 432 lines.
    count, size = len(candidates), size or (shape[0], shape[1])
    ab, prior = np.empty((count, *shape, 2), np.float32), np.empty((count, *shape), np.float32)
    planes = np.zeros((count, len(EVIDENCE_PLANES), *size), np.float32)
    for index, candidate in enumerate(candidates):
        ab[index], prior[index] = candidate.ab, candidate.prior
        for plane, values in {"prior": candidate.prior, **candidate.planes}.items():
            planes[index, EVIDENCE_PLANES.index(plane)] = resize(np.asarray(values, np.float32), size)
    return Candidates(
        ab=ab,
        prior=prior,
        facts=np.array([[candidate.facts.get(name, 0) for name in FACTS] for candidate in candidates], np.float32),
        evidence=planes,
        confidence=np.asarray(carried + rest * attention_confidence, np.float32),
        allowed=_allowed(evidence, count),
        support=[candidate.planes.get("visibility", 0.0) for candidate in candidates[len(flows) :]],
    )


def mix_candidates(
    evidence: Evidence, candidates: Candidates, weights: NDArray[np.floating], *, confidence: Plane
) -> Refined:
    """Return the mixture of the candidates, with its tracked share and its main flow.

    Args:
        evidence: The evidence for the frame.
        candidates: From `collect_candidates`.
        weights: Weight of each candidate, shape (K, H, W), 0..1; they sum to 1 over K.
        confidence: Confidence in the mixture, shape (H, W), 0..1. It is lowered if a reference's own colour is
            uncertain.
    """
    if candidates.allowed is not None:
        weights = weights * candidates.allowed
        weights = weights / np.maximum(weights.sum(0), 1e-6)
    count = len(evidence.flows)
    flows, others = weights[:count], weights[count:]
    carried = flows.sum(0)
    if any(flow.certainty is not None for flow in evidence.flows):
        # A colour is right if both the decision and the reference's colour are: those of the candidates by weight.
        doubt = (1 - carried) * (1 - _mean_certainty(evidence.flows))
        for flow, weight in zip(evidence.flows, flows, strict=True):
            if flow.certainty is not None:
                doubt += weight * (1 - flow.certainty)
        confidence = np.asarray(confidence * (1 - doubt), np.float32)
    tracked = sum((weight * support for weight, support in zip(others, candidates.support, strict=True)), 0.0)
    return Refined(
        ab=mix_colors(weights, candidates.ab),
        confidence=confidence,
        tracked=np.asarray(carried + tracked, np.float32),
        flow_source=np.where(carried > 0.5, flows.argmax(0), -1) if count else np.full(carried.shape, -1),
        state=fixed_rule_state(evidence, candidates),
    )


def _mean_certainty(flows: Sequence[FlowColor]) -> float:
    """Return the mean certainty of the references' colour along the flows, 0..1.

    Colour by attention may come from any place of them, and is no better than they are.
    """
    means = [1.0 if flow.certainty is None else float(flow.certainty.mean()) for flow in flows]
    return float(np.average(means, weights=[flow.temporal_weight + TINY for flow in flows]))


def fixed_rule_state(evidence: Evidence, candidates: Candidates) -> WalkState:
    """Return the frame as the fixed rule colours it, which the next frame of the walk sees.

    Args:
        evidence: The evidence for the frame.
        candidates: From `collect_candidates`, with or without the one from the frame before.
    """
    ab = mix_colors(candidates.prior, candidates.ab)
    return WalkState(evidence.lightness, ab, candidates.confidence)


@dataclass(frozen=True)
class _Candidate:
    """One candidate: its ab (H, W, 2), prior (H, W), and its facts and evidence planes by name, 0 if left out."""

    facts: Mapping[str, float]
    ab: Chroma
    prior: Plane
    planes: Mapping[str, NDArray[np.floating]]


def _flow_candidate(evidence: Evidence, flow: FlowColor, prior: Plane) -> _Candidate:
    return _Candidate(
        {
            "reacquired" if flow.reacquired else "flow": 1,
            "temporal_weight": flow.temporal_weight,
            "age": 1 - np.exp(-flow.age / AGE),
        },
        flow.ab,
        prior,
        {
            "visibility": flow.visibility,
            "residual": flow.residual / 10,
            "difference": (evidence.lightness - flow.lightness) / 20,
            "similarity": _enlarge(evidence, flow.feature_similarity),
        },
    )


def _previous_candidate(evidence: Evidence, flow: NeighbourFlow, previous: WalkState) -> _Candidate:
    ab = sample(previous.ab, flow.displacement)
    if not flow.change.is_same:
        most = clipping_level(evidence.lightness)
        _, ab = relight(sample(previous.lightness, flow.displacement), ab, flow.change, most=most)
    return _Candidate(
        {"previous": 1},
        ab,
        np.zeros(evidence.lightness.shape, np.float32),
        {
            "visibility": flow.visibility * sample(previous.confidence, flow.displacement),
            "residual": flow.residual / 10,
            "difference": (evidence.lightness - flow.lightness) / 20,
            "similarity": _enlarge(evidence, flow.feature_similarity),
        },
    )


def _allowed(evidence: Evidence, count: int) -> NDArray[np.float32] | None:
    """Return how far mattes allow each of the `count` candidates, (K, H, W); attention is always within its object."""
    if not evidence.layers:
        return None
    allowed = np.ones((count, *evidence.lightness.shape), np.float32)
    for plane, flow in zip(allowed, evidence.flows, strict=False):
        if flow.allowed is not None:
            plane[:] = flow.allowed
    if count > len(evidence.flows) + 2 and evidence.neighbour_flow and evidence.neighbour_flow.allowed is not None:
        allowed[-1] = evidence.neighbour_flow.allowed
    return allowed


def _free_ab(evidence: Evidence) -> Chroma:
    """Return the colour from positions anywhere; with mattes, from anywhere in each pixel's own objects."""
    if not evidence.layers:
        return _enlarge_ab(evidence, evidence.warp.free_ab, evidence.warp.free_slope)
    parts = [replace(evidence, grid_lightness=layer.grid_lightness) for layer in evidence.layers]
    colors = (
        _enlarge_ab(part, layer.free_ab, layer.free_slope) for part, layer in zip(parts, evidence.layers, strict=True)
    )
    return _mix_layers(evidence, colors)


def _mix_layers(evidence: Evidence, colors: Iterable[Chroma]) -> Chroma:
    """Return the colours of the objects, mixed by their coverage."""
    mixed = np.zeros((*evidence.lightness.shape, 2), np.float32)
    for layer, color in zip(evidence.layers, colors, strict=True):
        mixed += layer.coverage[..., None] * color
    return mixed


def _tracked_ab(evidence: Evidence) -> Chroma:
    """Return the colour from tracked positions: attention's mean of each cell with the flow's detail within the cell.

    Attention has colour by grid cells; the flow that its windows follow has single pixels of the reference. With mattes
    each object has its own.
    """
    if evidence.layers:
        return _mix_layers(evidence, (_layer_ab(evidence, layer) for layer in evidence.layers))
    if not evidence.leading:
        return _enlarge_ab(evidence, evidence.warp.ab, evidence.warp.slope)
    along, total, chroma = _along_flow(evidence)
    grid_ab = evidence.warp.ab * chroma
    ab = _enlarge_ab(evidence, grid_ab, evidence.warp.slope)
    mean_error = _to_grid(evidence, grid_ab) - resize(along, evidence.grid_lightness.shape)
    return _mix_with_flow(along, resize(mean_error, ab.shape[:2]), ab, total)


def _mix_with_flow(along: Chroma, mean_error: Chroma, ab: Chroma, total: Plane) -> Chroma:
    """Return attention's colour with the flow's where it is trusted, each (H, W, 2). total: the trust, (H, W), 0..1.

    The flow's error in the mean is corrected, so that it needs less trust than flow alone.
    """
    trust = np.sqrt(total)
    mixed: Chroma = along + mean_error
    mixed -= ab
    mixed *= cv2.merge((trust, trust))  # numpy would go through the two channels pixel by pixel
    mixed += ab
    return mixed


def _layer_ab(evidence: Evidence, layer: ObjectLayer) -> Chroma:
    """Return one object's colour from tracked positions, with the detail of the flow that stays within the object."""
    own = replace(evidence, grid_lightness=layer.grid_lightness)
    if not evidence.leading:
        return _enlarge_ab(own, layer.ab, layer.slope)
    along, total, chroma = _along_flow(evidence)
    grid_ab = layer.ab * chroma
    ab = _enlarge_ab(own, grid_ab, layer.slope)
    weight = layer.coverage * total
    grid = layer.grid_lightness.shape
    sums = resize(np.dstack([along * weight[..., None], weight]).astype(np.float32), grid)
    mean = sums[..., :2] / np.maximum(sums[..., 2:], 1e-6)
    mean_error = np.where(sums[..., 2:] > _LEAST_FLOW, _to_grid(own, grid_ab) - mean, 0)
    return _mix_with_flow(along, resize(mean_error, ab.shape[:2]), ab, total)


def _along_flow(evidence: Evidence) -> tuple[Chroma, Plane, Tensor | float]:
    """Return the leading flows' colour, (H, W, 2), the trust in it, (H, W), and their factor on chroma, (P,)."""
    shares = _flow_shares(evidence.leading, evidence.lightness.shape)
    total = shares.sum(0)
    shares = shares / np.maximum(total, 1e-6)
    along = mix_colors(shares, [flow.ab for flow in evidence.leading])
    return along, total, _local_chroma(evidence, shares)


def _local_chroma(evidence: Evidence, shares: NDArray[np.float32]) -> Tensor | float:
    """Return the factor on the chroma of each cell, (P,), from the local exposures of the leading flows."""
    if all(flow.exposure is None for flow in evidence.leading):
        return 1.0
    exposures = [np.ones(evidence.lightness.shape) if f.exposure is None else f.exposure for f in evidence.leading]
    factor = np.exp((shares * np.log(exposures)).sum(0) / 3).astype(np.float32)
    cells = resize(factor, evidence.grid_lightness.shape).ravel()
    return torch.from_numpy(np.ascontiguousarray(cells)).to(evidence.warp.ab)


def _flow_shares(flows: Sequence[FlowColor], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the weight of each flow if no other candidate precedes them, shape (F, H, W)."""
    if not flows:
        return np.zeros((0, *shape), np.float32)
    trusts = np.stack([flow.trust for flow in flows])
    shares = trusts * np.array([flow.temporal_weight for flow in flows], np.float32).reshape(-1, 1, 1)
    return np.asarray((1 - np.prod(1 - trusts, axis=0)) * shares / np.maximum(shares.sum(0), 1e-6), np.float32)


def _enlarge_ab(evidence: Evidence, ab: Tensor, slope: Tensor) -> Chroma:
    """Upsample (2, P) on the matching grid to (H, W, 2), with edges aligned to those of the plate."""
    return upsample(
        _to_grid(evidence, ab),
        evidence.grid_lightness,
        evidence.lightness,
        slope=_to_grid(evidence, slope),
        interpolation="linear",
    )


def _to_grid(evidence: Evidence, ab: Tensor) -> Chroma:
    """Reshape (2, P) to (h, w, 2)."""
    return np.asarray(ab.T.reshape(*evidence.grid_lightness.shape, 2).cpu().numpy())


def _enlarge(evidence: Evidence, values: Tensor) -> Plane:
    """Enlarge (P,) on the matching grid to (H, W)."""
    low = values.reshape(evidence.grid_lightness.shape).cpu().numpy()
    return np.asarray(cv2.resize(low, evidence.lightness.shape[::-1]))
