"""DeepRemaster as a baseline (Iizuka and Simo-Serra 2019), as its authors run it: five frames at a time.

Only the colour network is used, as in Akimoto et al. 2020. Its weights are CC BY-NC-SA 4.0 and added by the user
(`stcolor models add remasternet.pth.tar`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Image
from stcolor_core.evaluation.clip import Clip
from stcolor_core.images.resizing import resize
from stcolor_core.models.deepremaster import DeepRemasterColorNet
from stcolor_core.models.registry import load_network

__all__ = ["color_by_deepremaster"]

_FRAMES = 5  # at a time
_SHORT_EDGE = 320  # px of the luminance
_LONG_EDGE = 256  # px of the references
_MULTIPLE = 16


@torch.no_grad()
def color_by_deepremaster(
    clip: Clip, references: Sequence[int], *, device: torch.device
) -> Iterator[tuple[int, Chroma]]:
    """Yield a* and b* of every frame that is not a reference, in order.

    Args:
        clip: The clip.
        references: Frame indices of the references; all of them serve every frame.
        device: Device of the network.

    Raises:
        ModelError: If the weights are missing or damaged.
    """
    network = load_network(DeepRemasterColorNet, "remasternet", device)
    height, width = clip.lightnesses[0].shape
    scale = _SHORT_EDGE / min(height, width)
    size = (_whole(height * scale), _whole(width * scale))
    scale = _LONG_EDGE / max(height, width)
    fitted = np.stack([_fit(clip.rgb[index], (_whole(height * scale), _whole(width * scale))) for index in references])
    known = torch.from_numpy(fitted).permute(3, 0, 1, 2)[None].to(device)  # (1, 3, R, h, w)
    frames = [index for index in range(len(clip.rgb)) if index not in references]
    for start in range(0, len(frames), _FRAMES):
        some = frames[start : start + _FRAMES]
        luminance = np.stack([_eight_bit(resize(clip.lightnesses[index], size) / 100) for index in some])
        result = network(torch.from_numpy(luminance)[None, None].to(device), known)[0].permute(1, 2, 3, 0)
        for index, coded in zip(some, result.cpu().numpy(), strict=True):
            yield index, resize(np.clip(255 * coded - 128, -100, 100), (height, width))


def _whole(length: float) -> int:
    """Return the nearest multiple of 16, at least 16."""
    return max(_MULTIPLE, _MULTIPLE * round(length / _MULTIPLE))


def _fit(picture: Image, size: tuple[int, int]) -> Image:
    """Return a picture in a frame of another size, as large as its aspect allows, with black margins."""
    scale = min(size[0] / picture.shape[0], size[1] / picture.shape[1])
    height, width = (
        max(1, min(limit, round(length * scale))) for limit, length in zip(size, picture.shape, strict=False)
    )
    fitted = np.zeros((*size, 3), np.float32)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    fitted[top : top + height, left : left + width] = _eight_bit(resize(picture, (height, width)))
    return fitted


def _eight_bit(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return values of 0..1 rounded to 8 bits."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255) / 255, np.float32)
