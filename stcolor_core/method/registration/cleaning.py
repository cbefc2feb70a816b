"""Clean the chroma of a keyframe that was compressed, grained, resized or sharpened, with a small trained network.

The plate's L* is exact, so the difference between it and the keyframe's own L* shows the damage: blocks, ringing,
noise, softness. The network sees both, the damaged a* and b*, and what two guided filters on the plate's L* make of
them (He, Sun and Tang, "Guided Image Filtering", IEEE TPAMI 2013). At each pixel it says how much of each filter to
take, and adds a correction of its own. It is a U-Net (Ronneberger et al. 2015) of two levels at half and a quarter of
the size that predicts a residual, as networks that remove compression do (Zhang et al., "Beyond a Gaussian Denoiser",
IEEE TIP 2017). It was trained by `stcolor_core.training.cleaning`; see docs/method.md, "Registration".
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stcolor_core.arrays import Chroma, Image, Mask, Plane
from stcolor_core.images.nearest import nearest_in
from stcolor_core.method.trained_weights import load_trained

__all__ = ["WEIGHTS", "CleaningNet", "clean_chroma", "load_cleaning_net"]

WEIGHTS = Path(__file__).parents[2] / "weights" / "keyframe_cleaning.safetensors"

_ROWS, _HALO = 512, 64  # px: a picture is cleaned in bands of so many rows, with so many more above and below

_WIDTHS = (24, 40)  # channels at half and at a quarter of the size
_STRIDE = 4  # px of the coarser level
_LIGHTNESS, _RESIDUAL, _CHROMA = 50.0, 5.0, 30.0  # L*, L*, a* and b* that count as 1 in the network
_DETAIL = 9  # px; a difference of L* that is smoother is another light
_AROUND = 9  # cells of 4 px, in which damage counts as the same
_DAMAGE = 0.3  # L*: texture of the residual at which half of a correction is made; rounding to 8 bits has 0.1
_SIGMAS = (1.0, 2.0)  # px, of two guided filters whose results it may take
_FLAT = 1.0  # L*^2, their regularisation
_CORRECTION = 5.0  # a* and b* that its output of 1 stands for


class CleaningNet(nn.Module):
    """Predicts what is wrong with a keyframe's chroma. Untrained, it finds nothing."""

    def __init__(self) -> None:
        super().__init__()
        fine, coarse = _WIDTHS
        self.enter = nn.Conv2d(4 * (4 + 2 * len(_SIGMAS)), fine, 3, padding=1)
        self.before = _Block(fine)
        self.down = nn.Conv2d(fine, coarse, 3, padding=1)
        self.middle = _Block(coarse)
        self.up = nn.Conv2d(fine + coarse, fine, 3, padding=1)
        self.after = _Block(fine)
        self.leave = nn.Conv2d(fine, 4 * (2 + len(_SIGMAS)), 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        if self.leave.bias is not None:
            nn.init.zeros_(self.leave.bias)

    def forward(self, lightness: Tensor, own: Tensor, ab: Tensor) -> Tensor:
        """Return the corrected a* and b*, shape (B, 2, H, W).

        Args:
            lightness: The plate's L*, shape (B, H, W), 0..100; any size.
            own: The keyframe's L*, shape (B, H, W), 0..100.
            ab: The keyframe's a* and b*, shape (B, 2, H, W).
        """
        height, width = lightness.shape[-2:]
        planes = torch.cat([torch.stack([lightness, own], dim=1), ab], dim=1)
        padded = F.pad(planes, (0, -width % _STRIDE, 0, -height % _STRIDE), mode="replicate")
        residual = padded[:, 1:2] - padded[:, :1]
        share = _damaged_share(residual)
        light, color = padded[:, :1], padded[:, 2:]
        smoother = [_smooth_chroma(color, light, sigma) - color for sigma in _SIGMAS]
        seen = [light / _LIGHTNESS - 1, residual / _RESIDUAL, color / _CHROMA, *(x / _CORRECTION for x in smoother)]
        fine = self.before(F.relu(self.enter(F.pixel_unshuffle(torch.cat(seen, dim=1), 2))))
        coarse = self.middle(F.relu(self.down(F.avg_pool2d(fine, 2))))
        joined = torch.cat([fine, F.interpolate(coarse, scale_factor=2, mode="nearest")], dim=1)
        found = F.pixel_shuffle(self.leave(self.after(F.relu(self.up(joined)))), 2)
        correction = _CORRECTION * found[:, :2]
        for change, weight in zip(smoother, torch.split(found[:, 2:], 1, dim=1), strict=True):
            correction = correction + weight * change
        return ab + (share * correction)[..., :height, :width]


@torch.inference_mode()
def clean_chroma(
    lab: Image, lightness: Plane, network: CleaningNet | None = None, *, known: Mask | None = None
) -> Chroma:
    """Return a keyframe's chroma without the damage that its lightness shows, shape (H, W, 2).

    Args:
        lab: The keyframe in CIELAB, registered with the plate, shape (H, W, 3).
        lightness: The plate's L*, shape (H, W), 0..100.
        network: The network; None for the trained one.
        known: Where the keyframe has a colour, shape (H, W), bool; None for everywhere. Elsewhere nothing is taken
            from it and nothing changes.

    Raises:
        ModelError: If the weights are missing or damaged.
    """
    network = network or load_cleaning_net()
    height = len(lightness)
    seen = lab if known is None else _hold(lab, lightness, known)
    cleaned = np.empty((*lightness.shape, 2), np.float32)
    for top in range(0, height, _ROWS):  # bands begin at multiples of the network's cells
        first, last = max(0, top - _HALO), min(height, top + _ROWS + _HALO)
        light, key = (torch.from_numpy(np.ascontiguousarray(part[first:last])) for part in (lightness, seen))
        ab = network(light[None], key[None, ..., 0], key[None, ..., 1:].permute(0, 3, 1, 2))
        end = min(height, top + _ROWS)
        cleaned[top:end] = ab[0].permute(1, 2, 0)[top - first : end - first].numpy()
    return cleaned if known is None else np.where(known[..., None], cleaned, lab[..., 1:])


@lru_cache(maxsize=1)
def load_cleaning_net() -> CleaningNet:
    """Return the network with the weights that come with this package.

    Raises:
        ModelError: If the file of weights is missing or damaged.
    """
    return load_trained(CleaningNet(), WEIGHTS).eval()


def _hold(lab: Image, lightness: Plane, known: Mask) -> Image:
    """Return a keyframe whose unknown pixels have the plate's L* and the a* and b* of the nearest known one."""
    if not known.any():
        return np.dstack([lightness, np.zeros((*lightness.shape, 2), np.float32)])
    ab = lab[..., 1:].reshape(-1, 2)[nearest_in(known)]
    return np.dstack([np.where(known, lab[..., 0], lightness), ab])


def _damaged_share(residual: Tensor) -> Tensor:
    """Return how sure it is that a keyframe is damaged around each pixel, by the texture of the residual.

    Args:
        residual: The keyframe's L* minus the plate's, shape (B, 1, H, W), sides multiples of 4.

    Returns:
        Shape (B, 1, H, W), 0..1: 0 where the keyframe was painted on the plate, however it was relit.
    """
    smooth = _mean(_mean(residual, (_DETAIL, 1)), (1, _DETAIL))
    squares = F.avg_pool2d((residual - smooth).square(), _STRIDE)
    around = _mean(_mean(squares, (_AROUND, 1)), (1, _AROUND))
    share = around / (around + _DAMAGE**2)
    return F.interpolate(share, scale_factor=_STRIDE, mode="bilinear", align_corners=False)


def _smooth_chroma(ab: Tensor, lightness: Tensor, sigma: float) -> Tensor:
    """Return ab smoothed along the plate's surfaces and not across its edges: a guided filter on its L*.

    Args:
        ab: a* and b*, shape (B, 2, H, W).
        lightness: The plate's L*, shape (B, 1, H, W).
        sigma: Of the Gaussian windows, px.
    """
    mean, ab_mean = _blur(lightness, sigma), _blur(ab, sigma)
    variance = (_blur(lightness * lightness, sigma) - mean * mean).clamp_min(0)
    slope = (_blur(lightness * ab, sigma) - mean * ab_mean) / (variance + _FLAT)
    return _blur(slope, sigma) * lightness + _blur(ab_mean - slope * mean, sigma)


def _blur(x: Tensor, sigma: float) -> Tensor:
    radius = round(3 * sigma)
    places = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
    kernel = (-0.5 * (places / sigma) ** 2).exp()
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, -1)
    across = F.conv2d(F.pad(x, (radius, radius, 0, 0), mode="replicate"), kernel[:, :, None], groups=x.shape[1])
    down = F.pad(across, (0, 0, radius, radius), mode="replicate")
    return F.conv2d(down, kernel[..., None], groups=x.shape[1])


def _mean(x: Tensor, window: tuple[int, int]) -> Tensor:
    padding = (window[0] // 2, window[1] // 2)
    return F.avg_pool2d(x, window, stride=1, padding=padding, count_include_pad=False)


class _Block(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.second(F.relu(self.first(x)))
        return x + changed
