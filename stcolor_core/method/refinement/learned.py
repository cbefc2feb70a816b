"""The standard model's refinement: a small trained network mixes the candidates (Akimoto et al. 2020, eq. 2).

See docs/method.md, "Refinement".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.mixtures import chroma, mix_colors
from stcolor_core.method.refinement import Evidence, Refined, WalkState
from stcolor_core.method.refinement.agreement import average_agreeing
from stcolor_core.method.refinement.candidates import (
    EVIDENCE_PLANES,
    FACTS,
    Candidates,
    collect_candidates,
    fixed_rule_state,
    mix_candidates,
)
from stcolor_core.method.refinement.confidence import (
    ConfidenceHead,
    MixingInput,
    describe_decision,
    estimate_confidence,
    own_confidence,
)
from stcolor_core.method.refinement.mixing import MixingNet
from stcolor_core.method.trained_weights import load_trained

__all__ = [
    "CONFIDENCE_WEIGHTS",
    "WEIGHTS",
    "Decision",
    "LearnedRefinement",
    "load_confidence_head",
    "load_learned_refinement",
    "load_mixing_net",
]

CONFIDENCE_WEIGHTS = Path(__file__).parents[2] / "weights" / "standard_confidence.safetensors"
WEIGHTS = Path(__file__).parents[2] / "weights" / "standard_refinement.safetensors"
# Measured on davis, all but the two ramps with an earlier network. Means of several colours look slightly faded;
# applying every predicted fade would wash out all colour and costs 0.05 dB, so only strong ones count.
FADE_BELOW = 0.3
# Largest factor that restores the chroma lost by mixing different hues: 1 % of the chroma, for 0.01 dB.
MOST_CHROMA = 1.1
# A surface that is neither confident nor similar to anything is on no reference and stays neutral: no colour below the
# first value of each ramp, full colour from the second.
CONFIDENCE_RAMP, SIMILARITY_RAMP = (0.45, 0.75), (0.4, 0.6)
# Gaps narrower than 7 % of the height are closed: thin strips at moving edges take their neighbours' decision, which is
# more often right.
GAP = 0.07
REACH = 2  # frames on either side that a colour is fused with
LINES = 216  # height of the training pictures: the network runs at most at this, its weights are used at full size


@dataclass(frozen=True)
class Decision:
    """What the network decides on the candidates of a frame, at the size of its lightness.

    Attributes:
        weights: Weight of each candidate, shape (K, H, W), 0..1; they sum to 1 over K.
        fade: Factor on the mixture, shape (H, W), 0..1.
        confidence: Probability that the faded mixture is right, shape (H, W), 0..1.
        planes: The evidence for the decision at 216 lines at most, shape (1, N, h, w), see `confidence.PLANES`.
    """

    weights: NDArray[np.float32]
    fade: Plane
    confidence: Plane
    planes: torch.Tensor

    def color(self, candidates: Candidates, mix: Chroma | None = None) -> Chroma:
        """Return the colour decided on, averaged over the candidates that agree with it, shape (H, W, 2).

        Args:
            candidates: The candidates.
            mix: Their mixture by `weights`, if it is known already.
        """
        mix = mix_colors(self.weights, candidates.ab) if mix is None else mix
        mix = _chroma_gain(self.weights, candidates.ab, mix)[..., None] * mix
        return np.asarray(self.fade[..., None] * average_agreeing(mix, candidates))


class LearnedRefinement:
    """Mixes the candidates from flow, attention and the frame before, with a calibrated confidence.

    Confidence is the probability that a pixel's colour is within 16 of 255 levels of the truth. The network's own one
    decides what stays neutral; all who read it get the confidence head's. The frame before is
    used as the fixed rule coloured it, so that memory goes back one frame and a span may be cut anywhere. The frames'
    colours are then fused over time (`method.fusion`).

    Attributes:
        network: The trained network, on its device.
        confidence_head: Estimates the confidence, on its device; None for the network's own.
    """

    recurrent = False
    reach = REACH

    def __init__(
        self, network: MixingNet, device: torch.device | str = "cpu", *, confidence_head: ConfidenceHead | None = None
    ) -> None:
        """Move the networks to their device.

        Args:
            network: The trained network.
            device: Device that it runs on.
            confidence_head: Estimates the confidence; None for the network's own. It changes no colour.
        """
        self.network, self._device = network.to(device).eval(), torch.device(device)
        self.confidence_head = None if confidence_head is None else confidence_head.to(device).eval()

    def refine(self, evidence: Evidence, previous: WalkState | None) -> Refined:
        """Return the frame's colour and its confidence.

        Args:
            evidence: The evidence for it.
            previous: State of the frame before; None if there is none.
        """
        candidates = collect_candidates(evidence, previous, size=_network_size(evidence.lightness))
        decision = self.decide(evidence.lightness, candidates, partial=evidence.partial)
        refined = mix_candidates(evidence, candidates, decision.weights, confidence=decision.confidence)
        return replace(refined, ab=decision.color(candidates, refined.ab))

    def walk_state(self, evidence: Evidence) -> WalkState:
        """Return the state that a frame passes on, which is the fixed rule's.

        Args:
            evidence: The evidence for the frame.
        """
        size = _network_size(evidence.lightness)
        return fixed_rule_state(evidence, collect_candidates(evidence, size=size))

    @torch.inference_mode()
    def decide(self, lightness: Plane, candidates: Candidates, *, partial: bool = False) -> Decision:
        """Return what the network decides on the candidates of a frame.

        Args:
            lightness: The frame's L*, shape (H, W), 0..100.
            candidates: Its candidates.
            partial: Whether the references are meant to show a part of the picture only, as patches are. Then the
                picture as a whole tells nothing of them, and the confidence is the network's own.
        """
        height, width = lightness.shape
        size = _network_size(lightness)
        evidence = candidates.evidence
        if evidence.shape[2:] != size:
            evidence = np.stack([np.stack([resize(plane, size) for plane in planes]) for planes in evidence])
        given = MixingInput(
            self._tensor(resize(lightness, size)),
            self._tensor(_stack_channels([resize(ab, size) for ab in candidates.ab])),
            self._tensor(candidates.facts),
            self._tensor(evidence),
        )
        output = self.network(*given)
        weights, (gain,), (certain,) = (
            values.float().cpu().numpy()[0]
            for values in (output.weights, output.gain, output.confidence_logit.sigmoid())
        )
        # The frame before is left out: it resembles everything it shows, on a reference or not.
        from_reference = candidates.facts[:, FACTS.index("previous")] == 0
        covered = _reference_coverage(certain, evidence[from_reference, EVIDENCE_PLANES.index("similarity")].max(0))
        fade = np.minimum(gain / FADE_BELOW, 1) * covered
        planes = describe_decision(given, output, self._tensor(fade), candidates.kinds)
        confidence = (own_confidence(planes)[0] if partial else self.estimate_confidence(planes)).float().cpu().numpy()
        large = np.empty((len(weights), height, width), np.float32)
        for plane, each in zip(large, weights, strict=True):
            plane[:] = cv2.resize(each, (width, height))
        large /= large.sum(0)
        fade, confidence = (np.asarray(cv2.resize(plane, (width, height)), np.float32) for plane in (fade, confidence))
        return Decision(large, fade, confidence, planes)

    def estimate_confidence(self, planes: torch.Tensor) -> torch.Tensor:
        """Return the confidence in a decision, shape (h, w), 0..1.

        Args:
            planes: The evidence for it, from `describe_decision`, shape (1, N, h, w).
        """
        if self.confidence_head is None:
            return own_confidence(planes)[0]
        return estimate_confidence(self.confidence_head, planes)[0]

    def _tensor(self, array: NDArray[np.floating]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self._device)[None]


def load_learned_refinement(device: torch.device | str = "cpu") -> LearnedRefinement:
    """Return the refinement with the weights that come with this package.

    Args:
        device: Device that it runs on.

    Raises:
        ModelError: If a file of weights is missing or damaged.
    """
    head = load_confidence_head(CONFIDENCE_WEIGHTS)
    return LearnedRefinement(load_mixing_net(WEIGHTS), device, confidence_head=head)


def load_mixing_net(path: Path) -> MixingNet:
    """Return the network with its trained weights.

    Args:
        path: The .safetensors file.

    Raises:
        ModelError: If the file is missing or damaged.
    """
    return load_trained(MixingNet(), path)


def load_confidence_head(path: Path) -> ConfidenceHead:
    """Return the confidence head with its trained weights.

    Args:
        path: The .safetensors file.

    Raises:
        ModelError: If the file is missing or damaged.
    """
    return load_trained(ConfidenceHead(), path)


def _reference_coverage(confidence: Plane, similarity: Plane) -> Plane:
    """Return 0..1, whether a reference shows each pixel, by its confidence and its best candidate's similarity."""
    covered = np.maximum(_ramp(confidence, *CONFIDENCE_RAMP), _ramp(similarity, *SIMILARITY_RAMP))
    width = 1 + 2 * round(GAP * len(covered) / 2)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    return np.asarray(cv2.morphologyEx(covered, cv2.MORPH_CLOSE, disc))


def _ramp(values: Plane, low: float, high: float) -> Plane:
    return np.asarray(np.clip((values - low) / (high - low), 0, 1))


def _chroma_gain(weights: NDArray[np.float32], ab: NDArray[np.float32], mix: Chroma) -> Plane:
    """Return the factor (H, W) that brings a mixture's chroma closer to the mean chroma of its colours (K, H, W, 2)."""
    mean = np.zeros(mix.shape[:2], np.float32)
    for weight, color in zip(weights, ab, strict=True):
        mean += weight * chroma(color)
    return np.asarray(np.clip(mean / np.maximum(chroma(mix), 1e-3), 1, MOST_CHROMA))


def _stack_channels(colors: Sequence[Chroma]) -> NDArray[np.float32]:
    """Return K colours of shape (h, w, 2) as planes, shape (K, 2, h, w): what adds them up is faster by planes."""
    planes = np.empty((len(colors), 2, *colors[0].shape[:2]), np.float32)
    for pair, color in zip(planes, colors, strict=True):
        for channel, plane in enumerate(pair):
            cv2.extractChannel(color, channel, plane)
    return planes


def _network_size(lightness: Plane) -> tuple[int, int]:
    """Return the height and width that the network runs at, for a picture (H, W)."""
    height, width = lightness.shape
    lines = min(height, LINES)
    return lines, max(1, round(width * lines / height))
