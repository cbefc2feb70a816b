"""The colours that each pixel may take, with what speaks for each: one list, whoever then chooses among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from torch import Tensor

from stcolor_core.refinement import Evidence, FlowColor, Refined
from stcolor_core.upsampling import upsample

__all__ = ["EVIDENCE", "Candidates", "candidates", "mixed"]

_RESIDUAL = 6.0  # L* difference at which trust in the flow has fallen to 1/e
_REACQUIRE = 0.2  # by how much a place anywhere must fit better than the tracked ones for the track to count as lost
_SHARPNESS = 4 / _REACQUIRE
_AGE = 20.0  # frames

# What is known of a candidate beside its colour, in the order of `Candidates.evidence`, each about 0..1 or -1..1.
EVIDENCE = (
    "flow",  # 1 for colour along the flow, tracked frame by frame, else 0
    "found",  # 1 for colour along a flow that was found again by features, else 0
    "tracked",  # 1 for the attention's colour from where tracking leads, else 0
    "anywhere",  # 1 for the attention's colour from anywhere, else 0
    "prior",  # its weight by the fixed rule
    "sight",  # of a flow: visibility, or agreement where found; of tracked places: support
    "residual",  # of a flow: smoothed difference in L*, a tenth of it
    "difference",  # of a flow: L* here minus L* there, a twentieth of it
    "similarity",  # of the features with those of the place the colour comes from
    "spread",  # of the colours that the attention mixed, a thirtieth of it
    "closeness",  # of a flow's reference in time
    "age",  # of a flow: frames to its reference, 0..1
)


@dataclass(frozen=True)
class Candidates:
    """K colours for every pixel at working size: of each flow, then of tracked places, then of places anywhere.

    ab: (K, H, W, 2). prior: (K, H, W) 0..1, weights by the fixed rule, which sum to 1. evidence: (K, E, H, W), see
    `EVIDENCE`. confidence: (H, W) 0..1 by the fixed rule.
    """

    ab: np.ndarray
    prior: np.ndarray
    evidence: np.ndarray
    confidence: np.ndarray


def candidates(evidence: Evidence) -> Candidates:
    """All that may colour a frame, weighed by a fixed rule: flow in sight, then tracked places, then places anywhere.

    Flow is best while a surface stays in sight, features where it comes back or moves too far (method.md, section 5).
    """
    flows = evidence.flows
    tracked_ab, free_ab = (_enlarged_ab(evidence, ab) for ab in (evidence.warp.ab, evidence.warp.free_ab))
    similarity, free, support = (
        _enlarged(evidence, part.clamp(0, 1))
        for part in (evidence.warp.similarity, evidence.warp.free_similarity, evidence.warp.support)
    )
    shape = similarity.shape
    lost = 1 / (1 + np.exp(-_SHARPNESS * (free - similarity - _REACQUIRE))) if evidence.restricted else np.zeros(shape)
    tracked, found = (_shares([flow for flow in flows if flow.found == kind], shape) for kind in (False, True))
    shares = np.concatenate([tracked, (1 - tracked.sum(0)) * found])
    carried = shares.sum(0)
    rest = 1 - carried
    prior = np.concatenate([shares, [rest * (1 - lost), rest * lost]]).astype(np.float32)
    ab = np.stack([*(flow.ab for flow in flows), tracked_ab, free_ab]).astype(np.float32)
    fits = similarity * (1 - lost) + free * lost
    return Candidates(
        ab=ab,
        prior=prior,
        evidence=_described(evidence, prior, similarity, free, support),
        confidence=(carried + rest * fits).astype(np.float32),
    )


def mixed(found: Candidates, weights: np.ndarray, *, confidence: np.ndarray) -> Refined:
    """The frame's colour by some weights (K, H, W), with what was tracked and which flow gave most; see `Refined`."""
    flows, tracked = weights[:-2], weights[-2]
    carried = flows.sum(0)
    support = found.evidence[-2, EVIDENCE.index("sight")]
    return Refined(
        ab=np.einsum("khw,khwc->hwc", weights, found.ab),
        confidence=confidence,
        tracked=carried + tracked * support,
        flow_source=np.where(carried > 0.5, flows.argmax(0), -1) if len(flows) else np.full(carried.shape, -1),
    )


def _described(
    evidence: Evidence, prior: np.ndarray, similarity: np.ndarray, free: np.ndarray, support: np.ndarray
) -> np.ndarray:
    """(K, E, H, W) float32; what does not apply to a kind of candidate is 0."""
    described = np.zeros((len(prior), len(EVIDENCE), *similarity.shape), np.float32)
    place = {name: index for index, name in enumerate(EVIDENCE)}
    for own, flow in zip(described, evidence.flows, strict=False):
        own[place["found" if flow.found else "flow"]] = 1
        own[place["sight"]] = flow.visibility
        own[place["residual"]] = flow.residual / 10
        own[place["difference"]] = (evidence.lightness - flow.lightness) / 20
        own[place["similarity"]] = _enlarged(evidence, flow.fit)
        own[place["closeness"]] = flow.closeness
        own[place["age"]] = 1 - np.exp(-flow.age / _AGE)
    tracked, anywhere = described[-2:]
    tracked[place["tracked"]] = anywhere[place["anywhere"]] = 1
    tracked[place["sight"]] = support
    tracked[place["similarity"]], anywhere[place["similarity"]] = similarity, free
    for own, spread in ((tracked, evidence.warp.spread), (anywhere, evidence.warp.free_spread)):
        own[place["spread"]] = _enlarged(evidence, spread) / 30
    described[:, place["prior"]] = prior
    return described


def _shares(flows: Sequence[FlowColor], shape: tuple[int, ...]) -> np.ndarray:
    """(F, H, W): how much of the colour each of some flows gives where nothing is preferred to them."""
    if not flows:
        return np.zeros((0, *shape))
    trusts = np.stack([_trust(flow) for flow in flows])
    shares = trusts * np.reshape([flow.closeness for flow in flows], (-1, 1, 1))
    return np.asarray((1 - np.prod(1 - trusts, axis=0)) * shares / np.maximum(shares.sum(0), 1e-6))


def _trust(flow: FlowColor) -> np.ndarray:
    return np.asarray(np.exp(-((flow.residual / _RESIDUAL) ** 2)) * flow.visibility)


def _enlarged_ab(evidence: Evidence, ab: Tensor) -> np.ndarray:
    """(2, P) on the matching grid -> (H, W, 2), with its edges where the plate has them."""
    low = ab.T.reshape(*evidence.grid_lightness.shape, 2).cpu().numpy()
    return upsample(low, evidence.grid_lightness, evidence.lightness, interpolation="linear")


def _enlarged(evidence: Evidence, part: Tensor) -> np.ndarray:
    """(P,) on the matching grid -> (H, W)."""
    low = part.reshape(evidence.grid_lightness.shape).cpu().numpy()
    return np.asarray(cv2.resize(low, evidence.lightness.shape[::-1]))
