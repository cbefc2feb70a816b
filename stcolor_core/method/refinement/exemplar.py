"""Refinement of the exemplar model: the colour net of Zhang et al. 2019.

B. Zhang et al., "Deep Exemplar-based Video Colorization", CVPR 2019; see docs/method.md, "The exemplar model".
Module names follow the published checkpoint, so that its state dict loads strictly.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stcolor_core.method.convolution import convolve_upsampled, instance_norm_
from stcolor_core.method.layouts import to_channels_last
from stcolor_core.method.refinement import Evidence, Refined, WalkState
from stcolor_core.method.sharing import share
from stcolor_core.method.winograd import WinogradConv, apply_convolution, prepare_network

__all__ = ["ColorNet", "ExemplarRefinement"]

# The instance norms need at least two positions at stride 8.
_LEAST_SIDE = 16
_MIDDLE_GREY = 50.0
_LAST_CHANNELS = 128
_ELEMENTS = 1 << 19  # of a strip of a map with so many channels, 2 MiB


def _conv(channels_in: int, channels_out: int, *, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=dilation, dilation=dilation)


def _halve(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 1, stride=2, bias=False, groups=channels)


def _double(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2), _conv(channels_in, channels_out))


class ColorNet(nn.Module):
    """Computes a frame's ab from its warp, its L* and the previous frame (`colornet_iter_76000.pth`)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1_1 = nn.Sequential(_conv(7, 32), nn.ReLU(inplace=True), _conv(32, 64))
        self.conv1_2 = _conv(64, 64)
        self.conv1_2norm_ss = _halve(64)
        self.conv2_1, self.conv2_2 = _conv(64, 128), _conv(128, 128)
        self.conv2_2norm_ss = _halve(128)
        self.conv3_1, self.conv3_2, self.conv3_3 = _conv(128, 256), _conv(256, 256), _conv(256, 256)
        self.conv3_3norm_ss = _halve(256)
        self.conv4_1, self.conv4_2, self.conv4_3 = _conv(256, 512), _conv(512, 512), _conv(512, 512)
        for block, dilation in ((5, 2), (6, 2), (7, 1)):
            for index in (1, 2, 3):
                self.add_module(f"conv{block}_{index}", _conv(512, 512, dilation=dilation))
        self.conv8_1, self.conv3_3_short = _double(512, 256), _conv(256, 256)
        self.conv8_2, self.conv8_3 = _conv(256, 256), _conv(256, 256)
        self.conv9_1, self.conv2_2_short = _double(256, 128), _conv(128, 128)
        self.conv9_2 = _conv(128, 128)
        self.conv10_1, self.conv1_2_short = _double(128, 128), _conv(64, 128)
        self.conv10_2 = _conv(128, 128)
        self.conv10_ab = nn.Conv2d(128, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return ab, shape (N, 2, H, W), -128..128.

        Args:
            x: Shape (N, 7, H, W), H and W multiples of 8, at least 16. The channels are L* - 50, warped a and b, their
                similarity, L* - 50 of the previous frame, its a and b.
        """
        x = to_channels_last(x)
        skips = [self._block(x, "conv1_1.0", "conv1_1.2", "conv1_2")]
        skips.append(self._block(self.conv1_2norm_ss(skips[0]), "conv2_1", "conv2_2"))
        skips.append(self._block(self.conv2_2norm_ss(skips[1]), "conv3_1", "conv3_2", "conv3_3"))
        x = self._block(self.conv3_3norm_ss(skips[2]), "conv4_1", "conv4_2", "conv4_3")
        for block in (5, 6, 7):
            x = self._block(x, *(f"conv{block}_{index}" for index in (1, 2, 3)))
        x = self._block(self._upsample_and_add("conv8_1", x, "conv3_3_short", skips.pop()), "conv8_2", "conv8_3")
        x = self._block(self._upsample_and_add("conv9_1", x, "conv2_2_short", skips.pop()), "conv9_2")
        return self._last_block(x, skips.pop())

    def _last_block(self, x: Tensor, skip: Tensor) -> Tensor:
        """Compute the last two layers of 3 x 3 in two halves, which are shared with a core that would wait."""
        height = skip.shape[2]
        ab = skip.new_empty(len(skip), 2, height, skip.shape[3])
        middle = -(-height // 4) * 2

        def fill(rows: tuple[int, int]) -> None:
            for first, part in self._last_rows(x, skip, *rows):
                ab[:, :, first : first + part.shape[2]] = part

        share(fill, [(0, middle), (middle, height)])
        return ab

    def _last_rows(self, x: Tensor, skip: Tensor, top: int, bottom: int) -> Iterator[tuple[int, Tensor]]:
        """Yield ab of some rows in strips: a whole map of these layers is as large as all others."""
        height = skip.shape[2]
        rows = max(2, _ELEMENTS // (len(skip) * _LAST_CHANNELS * skip.shape[3]) // 2 * 2)
        maps, begin, end = None, 0, max(0, top - 2)  # the rows of the first layer's result that `maps` holds
        for first in range(top, bottom, rows):
            last = min(first + rows, bottom)
            # The second layer reads a row more on either side. Rows of a convolution begin at an even one.
            before, after = max(0, first - 2), min(last + 2, height)
            if end < after:
                more = self._upsample_and_add("conv10_1", x, "conv1_2_short", skip, rows=(end, after))
                maps = more if maps is None else torch.cat((maps[:, :, before - begin :], more), dim=2)
                begin, end = before, after
            assert maps is not None
            part = apply_convolution(self.conv10_2, maps, rows=(first - begin, last - begin))
            yield first, torch.tanh(self.conv10_ab(F.leaky_relu_(part, 0.2))) * 128

    def _upsample_and_add(
        self, double: str, x: Tensor, short: str, skip: Tensor, rows: tuple[int, int] | None = None
    ) -> Tensor:
        """Upsample a coarse map by 2 and add a finer one from a skip connection."""
        layer = self.get_submodule(f"{double}.1")
        fine = layer(x, rows=rows) if isinstance(layer, WinogradConv) else convolve_upsampled(layer, x, rows)
        return F.relu_(fine.add_(apply_convolution(self.get_submodule(short), skip, rows=rows)))

    def _block(self, x: Tensor, *names: str) -> Tensor:
        for name in names:
            x = apply_convolution(self.get_submodule(name), x, "relu")
        return instance_norm_(x)


class ExemplarRefinement:
    """The exemplar model's refinement: a frame's colour from its warp and the frame before it on the walk (eq. 2).

    Any size works: a picture is padded at its right and lower border to a size that the network accepts, and the result
    is cropped back. Inputs may be on any device; the result is on the network's device and carries no gradient.
    """

    recurrent = True
    reach = 0

    def __init__(self, net: ColorNet) -> None:
        """Take the network, and change it for inference.

        Args:
            net: The network with its weights.
        """
        self._net = prepare_network(net, upsampled=("conv8_1.1", "conv9_1.1", "conv10_1.1"))

    def refine(self, evidence: Evidence, previous: WalkState | None) -> Refined:
        """Return the frame's colour from attention alone, as the network was trained: flow is not used.

        Confidence is the similarity of the best position on a reference, not a probability.

        Args:
            evidence: The evidence for it.
            previous: State of the frame before; None if a walk starts without a reference.
        """
        height, width = evidence.lightness.shape
        cells = torch.cat((evidence.warp.ab, evidence.warp.similarity[None], evidence.warp.support[None]))
        cells = cells.reshape(1, 4, *evidence.grid_lightness.shape)
        blocks = F.interpolate(cells, scale_factor=evidence.stride, mode="nearest")[0, :, :height, :width]
        smooth = F.interpolate(cells[:, 2:], scale_factor=evidence.stride, mode="bilinear")[0, :, :height, :width]
        ab = self(
            lightness=torch.from_numpy(evidence.lightness),
            warped_ab=blocks[:2],
            similarity=blocks[2],
            previous_lightness=None if previous is None else torch.from_numpy(previous.lightness),
            previous_ab=None if previous is None else torch.from_numpy(previous.ab).permute(2, 0, 1),
        )
        confidence, tracked = smooth.clamp(0, 1).cpu().numpy()
        if evidence.restricted:  # a position that lost its track counts half
            confidence = confidence * (0.5 + 0.5 * tracked)
        color = ab.permute(1, 2, 0).cpu().numpy()
        state = WalkState(evidence.lightness, color, confidence)
        return Refined(color, confidence, tracked, np.full((height, width), -1), state)

    def walk_state(self, evidence: Evidence) -> WalkState:
        """Return nothing: the state is the result, which depends on all frames before.

        Args:
            evidence: The evidence for a frame.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError

    # no_grad, not inference_mode: callers may change the result in place or use it in autograd.
    @torch.no_grad()
    def __call__(
        self,
        *,
        lightness: Tensor,
        warped_ab: Tensor,
        similarity: Tensor,
        previous_lightness: Tensor | None = None,
        previous_ab: Tensor | None = None,
    ) -> Tensor:
        """Return the frame's a* and b*, shape (2, H, W), CIE units, -128..128.

        Args:
            lightness: L*, shape (H, W), 0..100.
            warped_ab: Warped a* and b*, shape (2, H, W), CIE units.
            similarity: Largest cosine similarity of each pixel, shape (H, W), -1..1.
            previous_lightness: L* of the frame before, shape (H, W); None at the start of a walk, for which the network
                gets zeros (ab = 0 at L* = 50), as in the published inference.
            previous_ab: a* and b* of the frame before, shape (2, H, W); None at the start of a walk.

        Raises:
            ValueError: If lightness is not a non-empty (H, W) picture.
        """
        if lightness.ndim != 2 or lightness.numel() == 0:
            raise ValueError(f"lightness must be (H, W), not {tuple(lightness.shape)}")
        weight = self._net.conv10_ab.weight
        if previous_lightness is None:
            previous_lightness = torch.full_like(lightness, _MIDDLE_GREY)
        if previous_ab is None:
            previous_ab = torch.zeros_like(warped_ab)
        parts = (
            lightness[None] - _MIDDLE_GREY,
            warped_ab,
            similarity[None],
            previous_lightness[None] - _MIDDLE_GREY,
            previous_ab,
        )
        height, width = lightness.shape
        below = max(_LEAST_SIDE, -(-height // 8) * 8) - height
        right = max(_LEAST_SIDE, -(-width // 8) * 8) - width
        x = torch.cat([part.to(weight) for part in parts])[None]  # on its device, in its type
        ab: Tensor = self._net(F.pad(x, (0, right, 0, below), mode="replicate"))
        return ab[0, :, :height, :width]
