"""The standard model's mix of flow and attention, by a fixed rule; a learned refinement takes its place here (eq. 2).

Flow is best while a surface stays in sight, features where it comes back or moves too far (method.md, section 5): the
flow's colour counts where the way back was visible and leads to the same luminance, the attention's elsewhere.
"""

from __future__ import annotations

import cv2
import numpy as np

from stcolor_core.refinement import Evidence, FlowColor, Previous, Refined
from stcolor_core.upsampling import upsample

__all__ = ["StandardRefinement"]

_RESIDUAL = 6.0  # L* difference at which trust in the flow has fallen to 1/e
_REACQUIRE = 0.2  # by how much a place anywhere must fit better than the tracked ones for the track to count as lost


class StandardRefinement:
    """Trusts flow, then tracked attention, then attention anywhere.

    Keeps no state: the previous frame changes nothing.
    """

    recurrent = False

    def refine(self, evidence: Evidence, previous: Previous | None) -> Refined:  # noqa: ARG002  (part of the interface)
        """The frame's colour and how far to trust it; see `Refined`."""
        attention, similarity, support = _attention(evidence)
        if not evidence.flows:
            return Refined(attention, similarity, support, np.full(similarity.shape, -1))
        trusts = [_trust(flow) for flow in evidence.flows]
        shares = np.stack([trust * flow.closeness for trust, flow in zip(trusts, evidence.flows, strict=True)])
        total = 1 - np.prod([1 - trust for trust in trusts], axis=0)
        carried = sum(share[..., None] * flow.ab for share, flow in zip(shares, evidence.flows, strict=True))
        carried = carried / np.maximum(shares.sum(0), 1e-6)[..., None]
        ab = total[..., None] * carried + (1 - total[..., None]) * attention
        confidence = total + (1 - total) * similarity
        tracked = total + (1 - total) * support
        source = np.where(total > 0.5, shares.argmax(0), -1)
        return Refined(ab.astype(np.float32), confidence.astype(np.float32), tracked.astype(np.float32), source)


def _trust(flow: FlowColor) -> np.ndarray:
    return np.asarray(np.exp(-((flow.residual / _RESIDUAL) ** 2)) * flow.visibility)


def _attention(evidence: Evidence) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Attention at working size: ab (H, W, 2), similarity (H, W) 0..1, support (H, W) 0..1."""
    warp = evidence.warp
    lost = ((warp.free_similarity - warp.similarity - _REACQUIRE) / (_REACQUIRE / 4)).sigmoid()
    lost = lost if evidence.restricted else lost * 0
    ab = warp.ab * (1 - lost) + warp.free_ab * lost
    similarity = warp.similarity * (1 - lost) + warp.free_similarity * lost
    support = warp.support * (1 - lost)
    grid = evidence.grid_lightness.shape
    full = upsample(
        ab.T.reshape(*grid, 2).cpu().numpy(), evidence.grid_lightness, evidence.lightness, interpolation="linear"
    )
    smooth = [
        cv2.resize(part.clamp(0, 1).reshape(grid).cpu().numpy(), evidence.lightness.shape[::-1])
        for part in (similarity, support)
    ]
    return full, smooth[0], smooth[1]
