"""The standard model's refinement: a small trained network mixes the candidates (eq. 2)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from stcolor_core.errors import ModelError
from stcolor_core.method.refinement import Evidence, Refined, WalkState
from stcolor_core.method.refinement.candidates import EVIDENCE, FACTS, Candidates, collect_candidates, mix_candidates
from stcolor_core.method.refinement.mixing import MixingNet

__all__ = ["WEIGHTS", "LearnedRefinement", "load_mixing_net"]

WEIGHTS = Path(__file__).parents[2] / "weights" / "standard_refinement.safetensors"
# What follows was measured on davis, but for _SURE and _ALIKE with an earlier network. A slight fade is what the mean
# of several colours looks like, and would wash all colour out: believing every fade costs 0.05 dB there.
_FADE_BELOW = 0.3
# What mixing differing hues has cost is given back up to this factor: 1 % of the chroma, for 0.01 dB.
_MOST_CHROMA = 1.1
# What is neither sure nor like anything on a reference is on none of them, and stays neutral: no colour below the first
# of each pair, all of it from the second. A strip thinner than a share of the height is its neighbours' affair: moving
# edges leave such, and their colour is more often right.
_SURE, _ALIKE = (0.45, 0.75), (0.4, 0.6)
_STRIP = 0.07
_LINES = 216  # the size it was trained at: pictures with more lines are judged at these, and mixed at their own size


class LearnedRefinement:
    """Mixes what flow, attention and the frame before found, and says how likely the colour is right.

    Confidence is the probability that a pixel's colour is within 16 of 255 levels of the truth. Of the frame before it
    sees what the fixed rule made of it, so that memory goes back one frame: a span may be cut anywhere.
    """

    recurrent = False

    def __init__(self, network: MixingNet, device: torch.device | str = "cpu") -> None:
        self._network, self._device = network.to(device).eval(), torch.device(device)

    def refine(self, evidence: Evidence, previous: WalkState | None) -> Refined:
        """The frame's colour and how far to trust it; see `Refined`."""
        found = collect_candidates(evidence, previous)
        weights, fade, confidence = self._judged(evidence.lightness, found)
        refined = mix_candidates(evidence, found, weights, confidence=confidence)
        return replace(refined, ab=(fade * _kept_chroma(weights, found.ab, refined.ab))[..., None] * refined.ab)

    @torch.inference_mode()
    def _judged(self, lightness: np.ndarray, found: Candidates) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """weights (K, H, W), fade (H, W) 0..1 and confidence (H, W), at the size of `lightness`."""
        height, width = lightness.shape
        lines = min(height, _LINES)
        size = (max(1, round(width * lines / height)), lines)
        evidence = np.stack([[_reduced(part, size) for part in each] for each in found.evidence])
        judged = self._network(
            self._tensor(_reduced(lightness, size)),
            self._tensor(np.stack([_reduced(ab, size) for ab in found.ab])).permute(0, 1, 4, 2, 3),
            self._tensor(found.facts),
            self._tensor(evidence),
        )
        weights, (gain,), (certain,) = (
            part.float().cpu().numpy()[0] for part in (judged.weights, judged.gain, judged.certain.sigmoid())
        )
        own = found.facts[:, FACTS.index("previous")] == 0  # the frame before resembles anything that it shows too
        known = _known(certain, evidence[own, EVIDENCE.index("similarity")].max(0))
        fade = np.minimum(gain / _FADE_BELOW, 1) * known
        weights, (fade, confidence) = (
            np.stack([cv2.resize(plane, (width, height)) for plane in planes]) for planes in (weights, (fade, certain))
        )
        return weights / weights.sum(0), fade, confidence

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self._device)[None]


def load_mixing_net(path: Path) -> MixingNet:
    """The network with its trained weights. Raises ModelError where the file is missing or damaged."""
    network = MixingNet()
    try:
        network.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        why = " ".join(str(error).split())[:200]
        raise ModelError(f"The weights {path} are missing or damaged ({why}). Reinstall stcolor.") from None
    return network.requires_grad_(False)


def _known(confidence: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """(H, W) 0..1, whether a place can be on a reference, by its confidence and its best candidate's similarity."""
    known = np.maximum(_ramp(confidence, *_SURE), _ramp(similarity, *_ALIKE))
    width = 1 + 2 * round(_STRIP * len(known) / 2)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    return np.asarray(cv2.morphologyEx(known, cv2.MORPH_CLOSE, disc))


def _ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((values - low) / (high - low), 0, 1)


def _kept_chroma(weights: np.ndarray, ab: np.ndarray, mix: np.ndarray) -> np.ndarray:
    """(H, W) factor that brings a mix nearer to the mean chroma of the colours in it, (K, H, W, 2)."""
    chroma = np.einsum("khw,khw->hw", weights, np.hypot(ab[..., 0], ab[..., 1]))
    return np.asarray(np.clip(chroma / np.maximum(np.hypot(mix[..., 0], mix[..., 1]), 1e-3), 1, _MOST_CHROMA))


def _reduced(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) or (H, W, C) at size (width, height), averaged over the pixels that each new one covers."""
    if plane.shape[1::-1] == size:
        return plane
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))
