"""Features of the exemplar model: VGG19 and the correspondence net of Zhang et al. 2019.

B. Zhang et al., "Deep Exemplar-based Video Colorization", CVPR 2019; every number is in docs/method.md,
"The exemplar model".
Module names follow the published checkpoints, whose state dicts load strictly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stcolor_core.method.convolution import InstanceNorm, by_rows, convolve, instance_norm_
from stcolor_core.method.tensor_color import lab_to_xyz, srgb_encode

__all__ = ["VGG19", "CorrespondenceNet", "ExemplarFeatures", "srgb_from_lab"]

_VGG_BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
_VGG_MEAN_BGR = (0.40760392, 0.45795686, 0.48501961)
# scikit-image's, which the published weights were trained with; `tensor_color` has those of the rest of the product
_D65 = (0.95047, 1.0, 1.08883)
_SRGB_FROM_XYZ = (
    (3.2404813432, -1.5371515163, -0.4985363262),
    (-0.9692549500, 1.8759900015, 0.0415559266),
    (0.0556466391, -0.2040413384, 1.0573110696),
)
# Below two positions a side the coarsest branch (stride 16) can neither be reflected nor normalised.
_LEAST_SIDE = 32


def srgb_from_lab(lightness: Tensor, ab: Tensor) -> Tensor:
    """CIE L*a*b* (D65) as an sRGB picture, clipped to what sRGB can show.

    lightness: (H, W), 0..100. ab: (2, H, W), CIE 1976 units.
    Returns (3, H, W), R'G'B' in 0..1.
    """
    relative = lab_to_xyz(lightness, ab)
    xyz = relative * relative.new_tensor(_D65).view(3, 1, 1)
    linear = torch.einsum("rx,xhw->rhw", relative.new_tensor(_SRGB_FROM_XYZ), xyz)
    return srgb_encode(linear.clamp(min=0)).clamp(max=1)


class VGG19(nn.Module):
    """The convolutions of VGG19 (`vgg19_conv.pth`). conv5_3 and conv5_4 are in the checkpoint and decide nothing."""

    def __init__(self) -> None:
        super().__init__()
        channels = 3
        for block, (depth, width) in enumerate(_VGG_BLOCKS, start=1):
            for index in range(1, depth + 1):
                self.add_module(f"conv{block}_{index}", nn.Conv2d(channels, width, 3, padding=1))
                channels = width

    def forward(self, rgb: Tensor) -> Iterator[Tensor]:
        """rgb: (N, 3, H, W) sRGB in 0..1, at least 16 pixels a side, H even.

        Gives the ReLU maps of conv2_2, conv3_2, conv4_2 and conv5_2 one by one, and holds the last alone:
        (N, C, H/s, W/s) with C = 128, 256, 512, 512 and s = 2, 4, 8, 16.
        """
        x = (rgb.flip(1) - rgb.new_tensor(_VGG_MEAN_BGR).view(1, 3, 1, 1)) * 255
        x = by_rows(self._first, x, units=x.shape[2] // 2, halo=1, channels=64)
        x = self._convolve(x, "conv2_1", "conv2_2")
        yield x
        x = self._convolve(F.max_pool2d(x, 2), "conv3_1", "conv3_2")
        yield x
        x = self._convolve(x, "conv3_3", "conv3_4")
        x = self._convolve(F.max_pool2d(x, 2), "conv4_1", "conv4_2")
        yield x
        x = self._convolve(x, "conv4_3", "conv4_4")
        yield self._convolve(F.max_pool2d(x, 2), "conv5_1", "conv5_2")

    def _first(self, x: Tensor) -> Tensor:
        return F.max_pool2d(self._convolve(x, "conv1_1", "conv1_2"), 2)

    def _convolve(self, x: Tensor, *names: str) -> Tensor:
        for name in names:
            x = F.relu_(convolve(cast(nn.Conv2d, self.get_submodule(name)), x))
        return x


class _Residual(nn.Module):
    """Two reflected 3x3 convolutions of 256 channels beside a skip; one PReLU slope serves both activations."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(256, 256, 3, padding=1, padding_mode="reflect")
        self.conv2 = nn.Conv2d(256, 256, 3, padding=1, padding_mode="reflect")
        self.prelu = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = self.prelu(instance_norm_(self.conv1(x)))
        outer: Tensor = self.prelu(instance_norm_(self.conv2(inner)).add_(x))
        return outer


def _block(channels_in: int, channels_out: int, *, stride: int = 1) -> tuple[nn.Module, ...]:
    return (
        nn.ReflectionPad2d(1),
        nn.Conv2d(channels_in, channels_out, 3, stride),
        InstanceNorm(),
        nn.PReLU(),
    )


class CorrespondenceNet(nn.Module):
    """VGG maps -> features to match on the quarter grid (`nonlocal_net_iter_76000.pth`)."""

    def __init__(self) -> None:
        super().__init__()
        self.layer2_1 = nn.Sequential(*_block(128, 128), *_block(128, 64, stride=2))
        self.layer3_1 = nn.Sequential(*_block(256, 128), *_block(128, 64))
        self.layer4_1 = nn.Sequential(*_block(512, 256), *_block(256, 64), nn.Upsample(scale_factor=2))
        self.layer5_1 = nn.Sequential(
            *_block(512, 256), nn.Upsample(scale_factor=2), *_block(256, 64), nn.Upsample(scale_factor=2)
        )
        self.layer = nn.Sequential(_Residual(), _Residual(), _Residual())
        self.theta = nn.Conv2d(256, 256, 1)
        self.phi = nn.Conv2d(256, 256, 1)

    def branches(self, maps: Iterable[Tensor]) -> list[Tensor]:
        """The four branches, (N, 64, H/4, W/4) each; the last is two rows short where H / 16 is not whole.

        maps: what `VGG19` gives; each is brought to unit length over its channels first.
        """
        branches = (self.layer2_1, self.layer3_1, self.layer4_1, self.layer5_1)
        return [branch(F.normalize(values, dim=1)) for branch, values in zip(branches, maps, strict=True)]

    def forward(self, maps: Iterable[Tensor]) -> Tensor:
        """The trunk that theta and phi share: (N, 256, H/4, W/4).

        maps: what `VGG19` gives for a picture whose W is a multiple of 16 and H of 8, each at least 32.
        """
        *finer, coarsest = self.branches(maps)
        missing = finer[0].shape[2] - coarsest.shape[2]
        coarsest = F.pad(coarsest, (0, 0, missing // 2, missing // 2), mode="replicate")
        trunk: Tensor = self.layer(torch.cat((*finer, coarsest), dim=1))
        return trunk


class ExemplarFeatures:
    """What the exemplar model matches by: theta of a target frame, phi of a reference.

    Each is (256, h, w) with h = ceil(H / 4), w = ceil(W / 4), centred over positions and then of unit length over
    channels (eq. 4). Any size works: a picture is continued at its right and lower border to a size the networks
    take, and the grid is cropped back. Inputs may lie on any device; results lie where the networks are, and carry no
    gradient. Raises ValueError where lightness is no picture.
    """

    stride = 4

    def __init__(self, vgg: VGG19, net: CorrespondenceNet) -> None:
        self._vgg = vgg
        self._net = net

    def target(self, lightness: Tensor) -> Tensor:
        """theta of a frame to be coloured. lightness: (H, W), L* 0..100."""
        return self._project(self._net.theta, self._trunk(lightness, None))

    def reference(self, lightness: Tensor, ab: Tensor | None = None) -> Tensor:
        """phi of a frame to match against, with its colours where given, else from L* alone (as in the paper's text).

        lightness: (H, W), L* 0..100. ab: (2, H, W), CIE units.
        """
        return self._project(self._net.phi, self._trunk(lightness, ab))

    def both(self, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """`target(lightness)` and `reference(lightness)` for the price of one."""
        trunk = self._trunk(lightness, None)
        return self._project(self._net.theta, trunk), self._project(self._net.phi, trunk)

    # no_grad, not inference_mode: what leaves here may be changed in place or meet a gradient elsewhere.
    @torch.no_grad()
    def _trunk(self, lightness: Tensor, ab: Tensor | None) -> Tensor:
        if lightness.ndim != 2 or lightness.numel() == 0:
            raise ValueError(f"lightness must be (H, W), not {tuple(lightness.shape)}")
        like = self._net.theta.weight
        lightness = lightness.to(like)
        rgb = (lightness / 100).expand(3, -1, -1) if ab is None else srgb_from_lab(lightness, ab.to(like))
        height, width = lightness.shape
        below = max(_LEAST_SIDE, -(-height // 8) * 8) - height
        right = max(_LEAST_SIDE, -(-width // 16) * 16) - width
        trunk: Tensor = self._net(self._vgg(F.pad(rgb[None], (0, right, 0, below), mode="replicate")))
        return trunk[:, :, : -(-height // self.stride), : -(-width // self.stride)]

    @torch.no_grad()
    def _project(self, projection: nn.Conv2d, trunk: Tensor) -> Tensor:
        values: Tensor = projection(trunk)[0]
        return F.normalize(values - values.mean(dim=(1, 2), keepdim=True), dim=0)
