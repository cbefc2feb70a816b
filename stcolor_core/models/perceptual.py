"""The networks of the measures LPIPS and FID, whose weights are added by the user.

The names of the layers are those of the published files, so that they load as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import Inception3
from torchvision.models.inception import InceptionA, InceptionC, InceptionE

__all__ = ["FidInception", "LpipsHeads", "perceptual_distance"]

_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_CHANNELS = (64, 192, 384, 256, 256)
_LAYERS = (2, 5, 8, 10, 12)  # of AlexNet's features: the ends of its five ReLUs


class LpipsHeads(nn.Module):
    """The weights of AlexNet's channels in LPIPS, version 0.1 (`lpips/weights/v0.1/alex.pth`, BSD-2-Clause)."""

    def __init__(self) -> None:
        super().__init__()
        for index, channels in enumerate(_CHANNELS):
            self.add_module(f"lin{index}", _Head(channels))

    def forward(self, differences: list[Tensor]) -> Tensor:
        """Return the distance of two pictures.

        Args:
            differences: Squared differences of the normalised features of each layer, shape (1, C, h, w).

        Returns:
            A scalar.
        """
        means = [head(part).mean() for head, part in zip(self.children(), differences, strict=True)]
        return torch.stack(means).sum()


class FidInception(Inception3):  # type: ignore[misc]  # torchvision has no types
    """Inception v3 as the FID uses it: TensorFlow's weights of 2015, average pools that do not count the border.

    Its last block has a maximum in place of the average. This is part of the measure (Heusel et al. 2017,
    arXiv 1706.08500; the weights in PyTorch: mseitz/pytorch-fid, Apache-2.0).
    """

    def __init__(self) -> None:
        super().__init__(num_classes=1008, aux_logits=False, init_weights=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _BlockA(192, 32), _BlockA(256, 64), _BlockA(288, 64)
        self.Mixed_6b, self.Mixed_6c = _BlockC(768, channels_7x7=128), _BlockC(768, channels_7x7=160)
        self.Mixed_6d, self.Mixed_6e = _BlockC(768, channels_7x7=160), _BlockC(768, channels_7x7=192)
        self.Mixed_7b, self.Mixed_7c = _BlockE(1280), _BlockEMax(2048)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the pooled features of some pictures.

        Args:
            pictures: Display RGB, 0..1, shape (N, 3, H, W).

        Returns:
            Shape (N, 2048).
        """
        x = 2 * F.interpolate(pictures, (299, 299), mode="bilinear", align_corners=False) - 1
        for name, layer in self.named_children():
            if name == "dropout":  # what follows is for classification
                break
            x = layer(x)
        return x.flatten(1)


def perceptual_distance(alexnet: nn.Sequential, heads: LpipsHeads, truth: Tensor, picture: Tensor) -> Tensor:
    """Return LPIPS (Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric").

    Args:
        alexnet: The `features` of torchvision's AlexNet.
        heads: The weights of its channels.
        truth: Display RGB, 0..1, shape (1, 3, H, W).
        picture: The result, like `truth`.

    Returns:
        A scalar; 0 for equal pictures.
    """
    shift, scale = (truth.new_tensor(values)[:, None, None] for values in (_SHIFT, _SCALE))
    x = torch.cat([(2 * rgb - 1 - shift) / scale for rgb in (truth, picture)])
    differences = []
    for start, end in zip((0, *_LAYERS), _LAYERS, strict=False):
        x = alexnet[start:end](x)
        unit = x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)
        differences.append((unit[:1] - unit[1:]).square())
    distance: Tensor = heads(differences)
    return distance


class _Head(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Dropout(), nn.Conv2d(channels, 1, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        weighted: Tensor = self.model(x)
        return weighted


def _average(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


# torchvision's blocks pool with the border counted as zeros, in the last of their branches.
class _BlockA(InceptionA):  # type: ignore[misc]  # torchvision has no types
    def _forward(self, x: Tensor) -> list[Tensor]:
        return [*super()._forward(x)[:-1], self.branch_pool(_average(x))]


class _BlockC(InceptionC):  # type: ignore[misc]  # torchvision has no types
    def _forward(self, x: Tensor) -> list[Tensor]:
        return [*super()._forward(x)[:-1], self.branch_pool(_average(x))]


class _BlockE(InceptionE):  # type: ignore[misc]  # torchvision has no types
    def _forward(self, x: Tensor) -> list[Tensor]:
        return [*super()._forward(x)[:-1], self.branch_pool(_average(x))]


class _BlockEMax(InceptionE):  # type: ignore[misc]  # torchvision has no types
    def _forward(self, x: Tensor) -> list[Tensor]:
        return [*super()._forward(x)[:-1], self.branch_pool(F.max_pool2d(x, 3, stride=1, padding=1))]
