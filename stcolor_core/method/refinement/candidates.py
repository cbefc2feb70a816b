"""The colours that each pixel may take, with what speaks for each: one list, whoever then chooses among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from torch import Tensor

from stcolor_core.images.resizing import resize
from stcolor_core.method.refinement import Evidence, FlowColor, NeighbourFlow, Refined, WalkState
from stcolor_core.method.tracking.flow import sample
from stcolor_core.method.upsampling import upsample

__all__ = ["EVIDENCE", "FACTS", "Candidates", "collect_candidates", "mix_candidates"]

_RESIDUAL = 6.0  # L* difference at which trust in the flow has fallen to 1/e
_REACQUIRE = 0.2  # by how much a place anywhere must fit better than the tracked ones for the track to count as lost
_SHARPNESS = 4 / _REACQUIRE
_AGE = 20.0  # frames

# What is known of a candidate beside its colour. The same for all its pixels, in the order of `Candidates.facts`, 0..1:
FACTS = (
    "flow",  # 1 for colour along the flow, tracked frame by frame, else 0
    "found",  # 1 for colour along a flow that was found again by features, else 0
    "tracked",  # 1 for the attention's colour from where tracking leads, else 0
    "anywhere",  # 1 for the attention's colour from anywhere, else 0
    "previous",  # 1 for what the frame before on the walk was given by the fixed rule, else 0
    "closeness",  # of a flow's reference in time
    "age",  # of a flow: frames to its reference, 0..1
)
# Pixel by pixel, in the order of `Candidates.evidence`, each about 0..1 or -1..1:
EVIDENCE = (
    "prior",  # its weight by the fixed rule
    "sight",  # of a flow: visibility, or agreement where found; of tracked places: support; of the frame before: its
    # visibility times the rule's confidence there
    "residual",  # of a flow: smoothed difference in L*, a tenth of it
    "difference",  # of a flow: L* here minus L* there, a twentieth of it
    "similarity",  # of the features with those of the place the colour comes from
    "spread",  # of the colours that the attention mixed, a thirtieth of it
)


@dataclass(frozen=True)
class Candidates:
    """K colours for every pixel at working size: of each flow, of tracked places, of places anywhere, and, where there
    is one, of the frame before.

    ab: (K, H, W, 2). prior: (K, H, W) 0..1, weights by the fixed rule, which sum to 1. facts: (K, F), see `FACTS`.
    evidence: (K, E, H, W), see `EVIDENCE`. confidence: (H, W) 0..1 by the fixed rule.
    """

    ab: np.ndarray
    prior: np.ndarray
    facts: np.ndarray
    evidence: np.ndarray
    confidence: np.ndarray


def collect_candidates(evidence: Evidence, previous: WalkState | None = None) -> Candidates:
    """All that may colour a frame, weighed by a fixed rule: flow in sight, then tracked places, then places anywhere.

    Flow is best while a surface stays in sight, features where it comes back or moves too far (docs/method.md,
    "Refinement"). The frame before has no weight in the rule, so that what one frame is told of another goes
    back no further.
    """
    flows = evidence.flows
    similarity, free, support = (
        _enlarged(evidence, part.clamp(0, 1))
        for part in (evidence.warp.similarity, evidence.warp.free_similarity, evidence.warp.support)
    )
    shape = similarity.shape
    lost = 1 / (1 + np.exp(-_SHARPNESS * (free - similarity - _REACQUIRE))) if evidence.restricted else np.zeros(shape)
    tracked, found = (_shares([flow for flow in flows if flow.reacquired == kind], shape) for kind in (False, True))
    shares = np.concatenate([tracked, (1 - tracked.sum(0)) * found])
    carried = shares.sum(0)
    rest = 1 - carried
    kinds = [_of_flow(evidence, flow, share) for flow, share in zip(flows, shares, strict=True)]
    kinds.append(
        _Kind(
            {"tracked": 1},
            _tracked_ab(evidence),
            rest * (1 - lost),
            {"sight": support, "similarity": similarity, "spread": _enlarged(evidence, evidence.warp.spread) / 30},
        )
    )
    kinds.append(
        _Kind(
            {"anywhere": 1},
            _enlarged_ab(evidence, evidence.warp.free_ab, evidence.warp.free_slope),
            rest * lost,
            {"similarity": free, "spread": _enlarged(evidence, evidence.warp.free_spread) / 30},
        )
    )
    if evidence.neighbour_flow and previous:
        kinds.append(_of_previous(evidence, evidence.neighbour_flow, previous))
    fits = similarity * (1 - lost) + free * lost
    return Candidates(
        ab=np.stack([kind.ab for kind in kinds]).astype(np.float32),
        prior=np.stack([kind.prior for kind in kinds]).astype(np.float32),
        facts=np.array([[kind.facts.get(name, 0) for name in FACTS] for kind in kinds], np.float32),
        evidence=np.stack([kind.described() for kind in kinds]),
        confidence=(carried + rest * fits).astype(np.float32),
    )


def mix_candidates(evidence: Evidence, found: Candidates, weights: np.ndarray, *, confidence: np.ndarray) -> Refined:
    """The frame's colour by some weights (K, H, W), with what was tracked and which flow gave most; see `Refined`."""
    count = len(evidence.flows)
    flows, others = weights[:count], weights[count:]
    carried = flows.sum(0)
    for flow, weight in zip(evidence.flows, flows, strict=True):
        if flow.certainty is not None:  # right if what is carried is, and the carrying
            confidence = confidence * (1 - weight * (1 - flow.certainty))
    support = found.evidence[count:, EVIDENCE.index("sight")]  # 0 of places anywhere
    return Refined(
        ab=np.einsum("khw,khwc->hwc", weights, found.ab),
        confidence=confidence,
        tracked=carried + (others * support).sum(0),
        flow_source=np.where(carried > 0.5, flows.argmax(0), -1) if count else np.full(carried.shape, -1),
        state=WalkState(evidence.lightness, np.einsum("khw,khwc->hwc", found.prior, found.ab), found.confidence),
    )


@dataclass(frozen=True)
class _Kind:
    """One candidate: what is known of it (a name that is left out stands for 0), ab (H, W, 2), prior (H, W)."""

    facts: Mapping[str, float]
    ab: np.ndarray
    prior: np.ndarray
    planes: Mapping[str, np.ndarray]

    def described(self) -> np.ndarray:
        """(E, H, W) float32."""
        planes = {"prior": self.prior, **self.planes}
        nothing = np.zeros(self.prior.shape, np.float32)
        return np.stack([planes.get(name, nothing) for name in EVIDENCE]).astype(np.float32)


def _of_flow(evidence: Evidence, flow: FlowColor, prior: np.ndarray) -> _Kind:
    return _Kind(
        {
            "found" if flow.reacquired else "flow": 1,
            "closeness": flow.temporal_weight,
            "age": 1 - np.exp(-flow.age / _AGE),
        },
        flow.ab,
        prior,
        {
            "sight": flow.visibility,
            "residual": flow.residual / 10,
            "difference": (evidence.lightness - flow.lightness) / 20,
            "similarity": _enlarged(evidence, flow.feature_similarity),
        },
    )


def _of_previous(evidence: Evidence, flow: NeighbourFlow, previous: WalkState) -> _Kind:
    return _Kind(
        {"previous": 1},
        sample(previous.ab, flow.displacement),
        np.zeros(evidence.lightness.shape, np.float32),
        {
            "sight": flow.visibility * sample(previous.confidence, flow.displacement),
            "residual": flow.residual / 10,
            "difference": (evidence.lightness - flow.lightness) / 20,
            "similarity": _enlarged(evidence, flow.feature_similarity),
        },
    )


def _tracked_ab(evidence: Evidence) -> np.ndarray:
    """(H, W, 2) from tracked places: the attention's mean over each cell, with the flow's own detail within the cell.

    Attention knows colour by cells of the grid; the flow that its windows follow knows single pixels of the reference.
    """
    ab = _enlarged_ab(evidence, evidence.warp.ab, evidence.warp.slope)
    if not evidence.leading:
        return ab
    shares = _shares(evidence.leading, ab.shape[:2])
    total = shares.sum(0)
    along = np.einsum("fhw,fhwc->hwc", shares / np.maximum(total, 1e-6), [flow.ab for flow in evidence.leading])
    grid = evidence.grid_lightness.shape
    astray = _on_grid(evidence, evidence.warp.ab) - resize(along, grid)
    # what is off in the mean is mended, so that less trust is needed than for the flow alone
    trust = np.sqrt(total)[..., None]
    return np.asarray(trust * (along + resize(astray, ab.shape[:2])) + (1 - trust) * ab)


def _shares(flows: Sequence[FlowColor], shape: tuple[int, ...]) -> np.ndarray:
    """(F, H, W): how much of the colour each of some flows gives where nothing is preferred to them."""
    if not flows:
        return np.zeros((0, *shape))
    trusts = np.stack([_trust(flow) for flow in flows])
    shares = trusts * np.reshape([flow.temporal_weight for flow in flows], (-1, 1, 1))
    return np.asarray((1 - np.prod(1 - trusts, axis=0)) * shares / np.maximum(shares.sum(0), 1e-6))


def _trust(flow: FlowColor) -> np.ndarray:
    return np.asarray(np.exp(-((flow.residual / _RESIDUAL) ** 2)) * flow.visibility)


def _enlarged_ab(evidence: Evidence, ab: Tensor, slope: Tensor) -> np.ndarray:
    """(2, P) on the matching grid -> (H, W, 2), with its edges where the plate has them."""
    return upsample(
        _on_grid(evidence, ab),
        evidence.grid_lightness,
        evidence.lightness,
        slope=_on_grid(evidence, slope),
        interpolation="linear",
    )


def _on_grid(evidence: Evidence, ab: Tensor) -> np.ndarray:
    """(2, P) -> (h, w, 2)."""
    return np.asarray(ab.T.reshape(*evidence.grid_lightness.shape, 2).cpu().numpy())


def _enlarged(evidence: Evidence, part: Tensor) -> np.ndarray:
    """(P,) on the matching grid -> (H, W)."""
    low = part.reshape(evidence.grid_lightness.shape).cpu().numpy()
    return np.asarray(cv2.resize(low, evidence.lightness.shape[::-1]))
