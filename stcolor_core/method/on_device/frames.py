"""A coloured frame that is still on the device: it comes back at working size or, upsampled, at plate size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcolor_core.arrays import Chroma, Plane
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.on_device.light import blacken
from stcolor_core.method.on_device.mixing import TensorRefined
from stcolor_core.method.on_device.transfers import Transfers
from stcolor_core.method.on_device.upsampling import upsample
from stcolor_core.method.tensor_pictures import enlarge, resize

__all__ = ["DeviceFrame", "EnlargedFrame"]


@dataclass(frozen=True, eq=False)
class EnlargedFrame:
    """A coloured frame at plate size.

    Attributes:
        ab: a* and b*, shape (H, W, 2).
        confidence: Shape (H, W), 0..1.
        tracked: Shape (H, W), 0..1.
        source: Shape (H, W), as in `ColoredFrame`.
    """

    ab: Chroma
    confidence: Plane
    tracked: Plane
    source: Plane


@dataclass(frozen=True, eq=False)
class DeviceFrame:
    """A frame coloured at working size, on the device.

    Attributes:
        frame: Frame number.
        lightness: L* in the computer's memory, shape (H, W).
        refined: Its colour.
        displacement: To the nearest tracked reference, shape (2, H, W); None if none was tracked.
        fallback: Share of grid positions that lost their track, of no dimensions.
        transfers: Copies from the device.
    """

    frame: int
    lightness: Plane
    refined: TensorRefined
    displacement: Tensor | None
    fallback: Tensor
    transfers: Transfers

    def to_host(self) -> ColoredFrame:
        """Return the frame in the computer's memory; waits for the device on the first call."""
        return self._host

    @cached_property
    def _host(self) -> ColoredFrame:
        return self._make_frame(self.transfers.download(self._planes()).wait())

    def _planes(self) -> list[Tensor]:
        """Return all of the frame that is on the device."""
        refined = self.refined
        planes = [refined.ab, refined.confidence, refined.tracked, refined.source, self.fallback]
        return planes if self.displacement is None else [*planes, self.displacement]

    def _make_frame(self, downloaded: Sequence[NDArray[Any]]) -> ColoredFrame:
        """Return the frame of what `_planes` became in the computer's memory."""
        ab, confidence, tracked, source, fallback, *displacement = downloaded
        return ColoredFrame(
            frame=self.frame,
            lightness=self.lightness,
            ab=np.ascontiguousarray(np.moveaxis(ab, 0, 2)),
            confidence=confidence,
            tracked=tracked,
            source=source,
            displacement=np.ascontiguousarray(np.moveaxis(displacement[0], 0, 2)) if displacement else None,
            mattes=None,
            fallback=float(fallback),
        )

    def enlarge(self, lightness: Plane, *, chroma: float, blackens: bool) -> tuple[EnlargedFrame, ColoredFrame]:
        """Return the frame at plate size and what else is needed of it; waits for the device once.

        Args:
            lightness: L* of the plate, shape (H', W').
            chroma: Factor on a* and b*.
            blackens: Whether black loses its colour.

        Returns:
            The frame at plate size, and the frame at working size.
        """
        refined, guide = self.refined, self.transfers.upload(lightness)
        low_guide = refined.state.lightness
        ab = upsample(refined.ab * chroma, low_guide, guide)
        if blackens:
            ab = blacken(ab, guide)
        size = (lightness.shape[0], lightness.shape[1])
        planes = resize(torch.stack([refined.confidence, refined.tracked]), size)
        large = [ab, planes, enlarge(refined.source[None], size, mode="nearest")]
        full_ab, (confidence, tracked), (source,), *working = self.transfers.download([*large, *self._planes()]).wait()
        return EnlargedFrame(np.moveaxis(full_ab, 0, 2), confidence, tracked, source), self._make_frame(working)
