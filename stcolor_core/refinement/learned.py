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
from stcolor_core.refinement import Evidence, Previous, Refined
from stcolor_core.refinement.candidates import Candidates, candidates, mixed
from stcolor_core.refinement.mixing import MixingNet

__all__ = ["WEIGHTS", "LearnedRefinement", "load_mixing_net"]

WEIGHTS = Path(__file__).parents[1] / "weights" / "standard_refinement.safetensors"
# The three below were measured on every third frame of davis and on clips held out from training. A slight fade is what
# the mean of several colours looks like, and would wash all colour out; only a strong one says that nothing fits: on
# davis 0.13 dB better than to believe every fade. The rule's share is for footage unlike any that was learned from.
_FADE_BELOW = 0.3
_RULES_SHARE = 0.25  # of the weights; 0.03 dB
_MOST_CHROMA = (
    1.1  # what mixing differing hues has cost is given back up to this factor: 1 % of the chroma, for 0.01 dB
)
_LINES = 216  # the size it was trained at: pictures with more lines are judged at these, and mixed at their own size


class LearnedRefinement:
    """Mixes what flow and attention found, and says how likely the colour is right.

    Confidence is the probability that a pixel's colour is within 16 of 255 levels of the truth. Keeps no state: the
    previous frame changes nothing.
    """

    recurrent = False

    def __init__(self, network: MixingNet, device: torch.device | str = "cpu") -> None:
        self._network, self._device = network.to(device).eval(), torch.device(device)

    def refine(self, evidence: Evidence, previous: Previous | None) -> Refined:  # noqa: ARG002  (part of the interface)
        """The frame's colour and how far to trust it; see `Refined`."""
        found = candidates(evidence)
        judged, fade, confidence = self._judged(evidence.lightness, found)
        weights = (1 - _RULES_SHARE) * judged + _RULES_SHARE * found.prior
        refined = mixed(found, weights, confidence=confidence)
        return replace(refined, ab=(fade * _kept_chroma(weights, found.ab, refined.ab))[..., None] * refined.ab)

    @torch.inference_mode()
    def _judged(self, lightness: np.ndarray, found: Candidates) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """weights (K, H, W), fade (H, W) 0..1 and confidence (H, W), at the size of `lightness`."""
        height, width = lightness.shape
        lines = min(height, _LINES)
        size = (max(1, round(width * lines / height)), lines)
        judged = self._network(
            self._tensor(_reduced(lightness, size)),
            self._tensor(np.stack([_reduced(ab, size) for ab in found.ab])).permute(0, 1, 4, 2, 3),
            self._tensor(np.stack([[_reduced(part, size) for part in each] for each in found.evidence])),
        )
        weights, gain, confidence = (
            np.stack([cv2.resize(plane, (width, height)) for plane in part.float().cpu().numpy()[0]])
            for part in (judged.weights, judged.gain, judged.certain.sigmoid())
        )
        return weights / weights.sum(0), np.minimum(gain[0] / _FADE_BELOW, 1), confidence[0]

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


def _kept_chroma(weights: np.ndarray, ab: np.ndarray, mix: np.ndarray) -> np.ndarray:
    """(H, W) factor that brings a mix nearer to the mean chroma of the colours in it, (K, H, W, 2)."""
    chroma = np.einsum("khw,khw->hw", weights, np.hypot(ab[..., 0], ab[..., 1]))
    return np.asarray(np.clip(chroma / np.maximum(np.hypot(mix[..., 0], mix[..., 1]), 1e-3), 1, _MOST_CHROMA))


def _reduced(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) or (H, W, C) at size (width, height), averaged over the pixels that each new one covers."""
    if plane.shape[1::-1] == size:
        return plane
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))
