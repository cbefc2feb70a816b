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
# A slight fade is what the mean of several colours looks like, and would wash all colour out; only a strong one says
# that nothing fits. Measured once, on every sixth frame of davis and of the clips held out: 0.05 dB better and 0.06 dB
# worse than to believe every fade; the latter show intruders.
_FADE_BELOW = 0.7
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
        weights, gain, confidence = self._judged(evidence.lightness, found)
        refined = mixed(found, weights, confidence=confidence)
        return replace(refined, ab=gain[..., None] * refined.ab)

    @torch.inference_mode()
    def _judged(self, lightness: np.ndarray, found: Candidates) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """weights (K, H, W), gain (H, W) 0..1 and confidence (H, W), at the size of `lightness`."""
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


def _reduced(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) or (H, W, C) at size (width, height), averaged over the pixels that each new one covers."""
    if plane.shape[1::-1] == size:
        return plane
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))
