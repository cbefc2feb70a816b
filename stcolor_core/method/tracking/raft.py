"""Optical flow by RAFT, in place of DIS: torchvision's network, with weights that the user adds.

Z. Teed and J. Deng: *RAFT: Recurrent All-Pairs Field Transforms for Optical Flow*. ECCV 2020, arXiv:2003.12039.

RAFT takes no start. To refine a displacement, the reference is first warped by it; RAFT finds what is left, and the two
are composed.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stcolor_core.arrays import ByteImage, FlowField
from stcolor_core.method.tensor_pictures import sample

__all__ = ["RaftFlow"]

_STRIDE = 8  # sides must be multiples of this
_SMALLEST = 128  # px, the least side of a picture whose correlation pyramid has all its levels


class RaftFlow:
    """Computes flow between pictures, as tensors on the network's device or as arrays."""

    def __init__(self, network: nn.Module, device: torch.device | str) -> None:
        """Wrap a network.

        Args:
            network: torchvision's `raft_small` or `raft_large`, for inference.
            device: Its device.
        """
        self._network, self._device = network, torch.device(device)

    @torch.no_grad()
    def __call__(self, targets: Tensor, references: Tensor, starts: Tensor | None = None) -> Tensor:
        """Return the displacement from targets to references, as `tensor_flow.dense_inverse_search`.

        Args:
            targets: Pictures, shape (N, H, W), 0..255.
            references: Pictures of the same shape.
            starts: Initial displacement, shape (N, 2, H, W), px (x, y); None for none.

        Returns:
            Displacement, shape (N, 2, H, W), px (x, y).
        """
        if starts is None:
            return self._estimate(targets, references)
        left = self._estimate(targets, sample(references[:, None], starts)[:, 0])
        return left + sample(starts, left)

    def between_arrays(self, target: ByteImage, reference: ByteImage, start: FlowField | None) -> FlowField:
        """Return the displacement from a target to a reference, for pictures in the computer's memory.

        Args:
            target: Shape (H, W), 0..255.
            reference: Shape (H, W), 0..255.
            start: Initial displacement, shape (H, W, 2), px (x, y); None for none.

        Returns:
            Displacement, shape (H, W, 2), px (x, y).
        """
        pictures = torch.from_numpy(np.stack([target, reference])).to(self._device, torch.float32)
        starts = None
        if start is not None:
            starts = torch.from_numpy(np.ascontiguousarray(start)).to(self._device).permute(2, 0, 1)[None]
        displacement = self(pictures[:1], pictures[1:], starts)
        return np.ascontiguousarray(displacement[0].permute(1, 2, 0).cpu().numpy())

    def _estimate(self, targets: Tensor, references: Tensor) -> Tensor:
        height, width = targets.shape[-2:]
        padding = (0, _padded(width) - width, 0, _padded(height) - height)
        pictures = F.pad(torch.cat([targets, references])[:, None], padding, "replicate") / 127.5 - 1
        first, second = pictures.expand(-1, 3, -1, -1).chunk(2)
        flow: Tensor = self._network(first, second)[-1]
        return flow[..., :height, :width]


def _padded(side: int) -> int:
    return max(_SMALLEST, math.ceil(side / _STRIDE) * _STRIDE)
