"""The colour network of DeepRemaster, a baseline of the tables (Iizuka and Simo-Serra 2019).

"DeepRemaster: Temporal Source-Reference Attention Networks for Comprehensive Video Enhancement", ACM TOG 38(6). Written
from the published description; the published code and weights are CC BY-NC-SA 4.0 and no part of this package. The
names of the layers are those of the published checkpoint, so that it loads as it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["DeepRemasterColorNet"]

_MEAN_LUMINANCE, _MEAN_REFERENCE = 0.4462414, 0.48
_QUERIES = 1024  # attention rows at once: all of a clip's would be hundreds of MB


class DeepRemasterColorNet(nn.Module):
    """Gives a* and b* to a few frames at once, from reference pictures by attention over space and time."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Sequential(
            nn.ReplicationPad3d((1, 1, 1, 1, 0, 0)),
            _Layer(1, 64, stride=2, padding=0),
            *(_Layer(64, 128), _Layer(128, 128), _Layer(128, 256, stride=2), _Layer(256, 256), _Layer(256, 256)),
            *(_Layer(256, 512, stride=2), _Layer(512, 512), _Layer(512, 512)),
        )
        self.flat = nn.Sequential(_Layer(512, 512), _Layer(512, 512))
        self.down2 = nn.Sequential(_Layer(512, 512, stride=2), _Layer(512, 512))
        self.stattn1, self.stattn2, self.selfattn1 = _Attention(512), _Attention(512), _Attention(512)
        self.conv1 = _Layer(512, 512)
        self.up1 = _Join()
        self.selfattn2 = _Attention(512)
        self.conv2 = _Layer(512, 256, depth=3)
        self.up2 = nn.Sequential(_Up(256, 128), _Layer(128, 64, depth=3))
        self.up3 = nn.Sequential(_Up(64, 32), _Layer(32, 16, depth=3))
        self.up4 = nn.Sequential(_Up(16, 8), nn.Conv3d(8, 2, 3, padding=1))
        self.reffeatnet1 = nn.Sequential(
            *(_Layer(3, 64, stride=2), _Layer(64, 128), _Layer(128, 128)),
            *(_Layer(128, 256, stride=2), _Layer(256, 256), _Layer(256, 256)),
            *(_Layer(256, 512, stride=2), _Layer(512, 512), _Layer(512, 512)),
        )
        self.reffeatnet2 = nn.Sequential(_Layer(512, 512, stride=2), _Layer(512, 512), _Layer(512, 512))

    def forward(self, luminance: Tensor, references: Tensor | None = None) -> Tensor:
        """Return a* and b* of some frames.

        Args:
            luminance: L* / 100 of T frames, shape (1, 1, T, H, W); H and W multiples of 16.
            references: RGB of R reference pictures, 0..1, shape (1, 3, R, h, w); h and w multiples of 16. None for
                colour without references.

        Returns:
            Shape (1, 2, T, H, W), 0..1; `255 x - 128` is a* and b*.
        """
        features = self.down1(luminance - _MEAN_LUMINANCE)
        near = far = None
        if references is not None:
            near = self.reffeatnet1(references - _MEAN_REFERENCE)
            far = self.reffeatnet2(near)
            features = self.stattn1(features, near)
        flat, deep = self.flat(features), self.down2(features)
        if far is not None:
            deep = self.stattn2(deep, far)
        deep = self.conv1(deep)
        deep = self.selfattn1(deep, deep)
        joined = self.up1(deep, flat)
        joined = self.selfattn2(joined, joined)
        ab: Tensor = torch.sigmoid(self.up4(self.up3(self.up2(self.conv2(joined)))))
        return ab


class _Layer(nn.Module):
    """Convolution over space (depth 1) or space and time (depth 3), batch norm, ELU."""

    def __init__(self, inputs: int, outputs: int, *, depth: int = 1, stride: int = 1, padding: int = 1) -> None:
        super().__init__()
        steps: dict[str, Any] = {"stride": (1, stride, stride), "padding": (depth // 2, padding, padding)}
        self.conv3d = nn.Conv3d(inputs, outputs, (depth, 3, 3), **steps)
        self.bn = nn.BatchNorm3d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.elu(self.bn(self.conv3d(x)))


class _Up(_Layer):
    """A layer over space and time at twice the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, depth=3)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(_enlarge(x))


class _Join(nn.Module):
    """Joins the deeper features, at twice their size, with the flat ones."""

    def __init__(self) -> None:
        super().__init__()
        self.conv3d = _Layer(1024, 512, depth=3)

    def forward(self, deep: Tensor, flat: Tensor) -> Tensor:
        joined: Tensor = self.conv3d(torch.cat([_enlarge(deep), flat], dim=1))
        return joined


class _Attention(nn.Module):
    """Source-reference attention: every place of the source looks at every place of the reference, over all time."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query_conv = nn.Conv3d(channels, channels // 8, 1)
        self.key_conv = nn.Conv3d(channels, channels // 8, 1)
        self.value_conv = nn.Conv3d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, source: Tensor, reference: Tensor) -> Tensor:
        query, key, value = self.query_conv(source), self.key_conv(reference), self.value_conv(reference)
        query, key, value = query.flatten(2).mT, key.flatten(2), value.flatten(2).mT
        rows = [torch.softmax(part @ key, dim=2) @ value for part in query.split(_QUERIES, dim=1)]
        return self.gamma * torch.cat(rows, dim=1).mT.reshape(source.shape) + source


def _enlarge(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=(1, 2, 2), mode="trilinear", align_corners=False)
