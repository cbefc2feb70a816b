"""Features of the exemplar model: VGG19 and the correspondence net of Zhang et al. 2019.

B. Zhang et al., "Deep Exemplar-based Video Colorization", CVPR 2019; see docs/method.md, "The exemplar model".
Module names follow the published checkpoints, so that their state dicts load strictly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stcolor_core.method.convolution import InstanceNorm, apply_by_rows, instance_norm_
from stcolor_core.method.layouts import to_channels_last
from stcolor_core.method.tensor_color import lab_to_xyz, srgb_encode
from stcolor_core.method.winograd import apply_convolution, prepare_network

__all__ = ["VGG19", "CorrespondenceNet", "ExemplarFeatures", "srgb_from_lab"]

_VGG_BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
_VGG_MEAN_BGR = (0.40760392, 0.45795686, 0.48501961)
# scikit-image's white and matrix, which the published weights were trained with; `tensor_color` has ours.
_D65 = (0.95047, 1.0, 1.08883)
_SRGB_FROM_XYZ = (
    (3.2404813432, -1.5371515163, -0.4985363262),
    (-0.9692549500, 1.8759900015, 0.0415559266),
    (0.0556466391, -0.2040413384, 1.0573110696),
)
# The coarsest branch (stride 16) needs two positions per side for reflection padding and instance normalisation.
_LEAST_SIDE = 32


def srgb_from_lab(lightness: Tensor, ab: Tensor) -> Tensor:
    """Return CIELAB (CIE 15, D65) as sRGB (IEC 61966-2-1), clipped to the sRGB gamut.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (2, H, W), CIE units.

    Returns:
        R'G'B' of shape (3, H, W), 0..1.
    """
    relative = lab_to_xyz(lightness, ab)
    xyz = relative * relative.new_tensor(_D65).view(3, 1, 1)
    linear = torch.einsum("rx,xhw->rhw", relative.new_tensor(_SRGB_FROM_XYZ), xyz)
    return srgb_encode(linear.clamp(min=0)).clamp(max=1)


class VGG19(nn.Module):
    """The convolutions of VGG19 (`vgg19_conv.pth`).

    conv5_3 and conv5_4 exist only so that the checkpoint loads strictly; nothing uses their output.
    """

    COARSEST = ("conv5_1", "conv5_2")
    _UNUSED = ("conv5_3", "conv5_4")

    def __init__(self) -> None:
        super().__init__()
        channels = 3
        for block, (depth, width) in enumerate(_VGG_BLOCKS, start=1):
            for index in range(1, depth + 1):
                self.add_module(f"conv{block}_{index}", nn.Conv2d(channels, width, 3, padding=1))
                channels = width

    def forward(self, rgb: Tensor) -> Iterator[Tensor]:
        """Yield the ReLU maps of conv2_2, conv3_2, conv4_2 and conv5_2 one by one, keeping only the last in memory.

        Args:
            rgb: sRGB, shape (N, 3, H, W), 0..1, at least 16 pixels per side, H even.

        Yields:
            Maps of shape (N, C, H/s, W/s) with C = 128, 256, 512, 512 and s = 2, 4, 8, 16.
        """
        x = (rgb.flip(1) - rgb.new_tensor(_VGG_MEAN_BGR).view(1, 3, 1, 1)) * 255
        x = to_channels_last(x)
        x = apply_by_rows(self._first_block, x, units=x.shape[2] // 2, halo=1, channels=64)
        x = self._convolve(x, "conv2_1", "conv2_2")
        yield x
        x = self._convolve(F.max_pool2d(x, 2), "conv3_1", "conv3_2")
        yield x
        x = self._convolve(x, "conv3_3", "conv3_4")
        x = self._convolve(F.max_pool2d(x, 2), "conv4_1", "conv4_2")
        yield x
        x = self._convolve(x, "conv4_3", "conv4_4")
        yield self._convolve(F.max_pool2d(x, 2), "conv5_1", "conv5_2")

    def free_unused(self) -> None:
        """Free the layers whose output nothing uses: 19 MB."""
        for name in self._UNUSED:
            self._modules.pop(name, None)

    def _first_block(self, x: Tensor) -> Tensor:
        return F.max_pool2d(self._convolve(x, "conv1_1", "conv1_2"), 2)

    def _convolve(self, x: Tensor, *names: str) -> Tensor:
        for name in names:
            x = apply_convolution(self.get_submodule(name), x, "relu")
        return x


class _Residual(nn.Module):
    """Two reflection-padded 3x3 convolutions of 256 channels with a skip; both activations share one PReLU slope."""

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
    """Computes matching features at a quarter of the size from VGG19's maps (`nonlocal_net_iter_76000.pth`)."""

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
        """Return the outputs of the four branches, shape (N, 64, H/4, W/4) each.

        The last has two rows fewer if H is not a multiple of 16.

        Args:
            maps: The maps that `VGG19` yields. Each is first normalised to unit length over its channels.
        """
        branches = (self.layer2_1, self.layer3_1, self.layer4_1, self.layer5_1)
        return [branch(F.normalize(values, dim=1)) for branch, values in zip(branches, maps, strict=True)]

    def forward(self, maps: Iterable[Tensor]) -> Tensor:
        """Return the trunk that theta and phi share, shape (N, 256, H/4, W/4).

        Args:
            maps: The maps that `VGG19` yields for a picture whose W is a multiple of 16 and whose H is a multiple of 8,
                both at least 32.
        """
        *finer, coarsest = self.branches(maps)
        missing = finer[0].shape[2] - coarsest.shape[2]
        coarsest = F.pad(coarsest, (0, 0, missing // 2, missing // 2), mode="replicate")
        trunk: Tensor = self.layer(torch.cat((*finer, coarsest), dim=1))
        return trunk


class ExemplarFeatures:
    """The exemplar model's features: theta of a target frame, phi of a reference (Zhang et al. 2019).

    Each is (256, h, w) with h = ceil(H / 4), w = ceil(W / 4), centred over positions and then of unit length over
    channels (Akimoto et al. 2020, eq. 4). Any size works: a picture is padded at its right and lower border to a size
    that the networks accept, and the grid is cropped back. Inputs may be on any device; results are on the networks'
    device and carry no gradient. The methods raise ValueError if lightness is not a non-empty (H, W) picture.
    """

    stride = 4

    def __init__(self, vgg: VGG19, net: CorrespondenceNet) -> None:
        """Take the networks, and change them for inference.

        Args:
            vgg: VGG19 with its weights.
            net: The correspondence net with its weights.
        """
        vgg.free_unused()
        self._vgg, self._net = prepare_network(vgg, direct=VGG19.COARSEST), prepare_network(net, direct=("layer5_1.1",))

    def target(self, lightness: Tensor) -> Tensor:
        """Return theta of a frame to colour.

        Args:
            lightness: L*, shape (H, W), 0..100.
        """
        return self._project(self._net.theta, self._trunk(lightness, None))

    def reference(self, lightness: Tensor, ab: Tensor | None = None) -> Tensor:
        """Return phi of a reference.

        Args:
            lightness: L*, shape (H, W), 0..100.
            ab: a* and b*, shape (2, H, W), CIE units; None to use L* alone, as the text of Akimoto et al. 2020 does.
        """
        return self._project(self._net.phi, self._trunk(lightness, ab))

    def both(self, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """Return `target(lightness)` and `reference(lightness)` at the cost of one.

        Args:
            lightness: L*, shape (H, W), 0..100.
        """
        trunk = self._trunk(lightness, None)
        return self._project(self._net.theta, trunk), self._project(self._net.phi, trunk)

    # no_grad, not inference_mode: callers may change the result in place or use it in autograd.
    @torch.no_grad()
    def _trunk(self, lightness: Tensor, ab: Tensor | None) -> Tensor:
        if lightness.ndim != 2 or lightness.numel() == 0:
            raise ValueError(f"lightness must be (H, W), not {tuple(lightness.shape)}")
        weight = self._net.theta.weight
        lightness = lightness.to(weight)  # its device and type
        rgb = (lightness / 100).expand(3, -1, -1) if ab is None else srgb_from_lab(lightness, ab.to(weight))
        height, width = lightness.shape
        below = max(_LEAST_SIDE, -(-height // 8) * 8) - height
        right = max(_LEAST_SIDE, -(-width // 16) * 16) - width
        trunk: Tensor = self._net(self._vgg(F.pad(rgb[None], (0, right, 0, below), mode="replicate")))
        return trunk[:, :, : -(-height // self.stride), : -(-width // self.stride)]

    @torch.no_grad()
    def _project(self, projection: nn.Conv2d, trunk: Tensor) -> Tensor:
        values: Tensor = projection(trunk)[0]
        return F.normalize(values - values.mean(dim=(1, 2), keepdim=True), dim=0)
