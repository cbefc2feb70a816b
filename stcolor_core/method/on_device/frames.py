"""A coloured frame that is still on the device: it comes back at working size or, upsampled, at plate size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcolor_core.arrays import FlowField, Plane
from stcolor_core.images.color_pipe import GreyPicture
from stcolor_core.lazy import lazy_property
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.on_device.composite import composite, plate_lightness, to_half
from stcolor_core.method.on_device.light import blacken
from stcolor_core.method.on_device.mixing import TensorRefined
from stcolor_core.method.on_device.transfers import Transfers
from stcolor_core.method.on_device.upsampling import upsample
from stcolor_core.method.tensor_pictures import resize

__all__ = ["DeviceFrame", "EnlargedFrame"]


@dataclass(frozen=True, eq=False)
class EnlargedFrame:
    """A coloured frame at plate size, in the computer's memory.

    Attributes:
        rgb: The plate with the colour, shape (H, W, 3), in the plate's encoding; None if it was not asked for.
        ab: a* and b*, shape (H, W, 2).
        confidence: Shape (H, W), 0..1.
        tracked: Shape (H, W), 0..1.
        source: At working size, shape (h, w), as in `ColoredFrame`.
        displacement: At working size, shape (h, w, 2), as in `ColoredFrame`.
        mean_confidence: Mean of the confidence at working size, 0..1.
        fallback: As in `ColoredFrame`.
    """

    rgb: NDArray[np.float16] | None
    ab: NDArray[np.floating[Any]]
    confidence: NDArray[np.floating[Any]]
    tracked: NDArray[np.floating[Any]]
    source: Plane
    displacement: FlowField | None
    mean_confidence: float
    fallback: float


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

    @lazy_property
    def _host(self) -> ColoredFrame:
        refined = self.refined
        planes = [refined.ab, refined.confidence, refined.tracked, refined.source, self.fallback]
        planes += [] if self.displacement is None else [self.displacement]
        ab, confidence, tracked, source, fallback, *displacement = self.transfers.download(planes).wait()
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

    def enlarge(self, lightness: Plane, *, chroma: float, blackens: bool) -> EnlargedFrame:
        """Return the frame at plate size in single precision; waits for the device once.

        Args:
            lightness: L* of the plate, shape (H, W), 0..100.
            chroma: Factor on a* and b*.
            blackens: Whether black loses its colour.
        """
        ab, planes = self._upsample(self.transfers.upload(lightness), chroma, blackens=blackens)
        return self._download([ab, planes])

    def put_on(self, plate: GreyPicture, *, chroma: float, blackens: bool, beauty: bool) -> EnlargedFrame:
        """Return the frame at plate size in half precision, as its file stores it; waits for the device once.

        Args:
            plate: The plate, whose L* is taken on the device too.
            chroma: Factor on a* and b*.
            blackens: Whether black loses its colour.
            beauty: Whether to put the colour into the plate as well.
        """
        picture = self.transfers.upload(plate.plane)
        guide = plate_lightness(picture, plate.encoding, gain=plate.gain)
        ab, planes = self._upsample(guide, chroma, blackens=blackens)
        large = [ab, planes]
        if beauty:
            large.append(composite(picture, ab, plate.encoding, gain=plate.gain))
        return self._download([to_half(values) for values in large])

    def _upsample(self, guide: Tensor, chroma: float, *, blackens: bool) -> tuple[Tensor, Tensor]:
        """Return a* and b* at the size of a guide (H, W), shape (2, H, W), and the confidences, of the same shape."""
        refined = self.refined
        ab = upsample(refined.ab * chroma, refined.state.lightness, guide)
        planes = resize(torch.stack([refined.confidence, refined.tracked]), (guide.shape[0], guide.shape[1]))
        return blacken(ab, guide) if blackens else ab, planes

    def _download(self, large: list[Tensor]) -> EnlargedFrame:
        """Return what is large, and of the working size only what is written: the rest need not cross."""
        refined = self.refined
        small = [refined.source, refined.confidence.mean(), self.fallback]
        small += [] if self.displacement is None else [self.displacement]
        arrays = self.transfers.download([*large, *small]).wait()
        (ab, (confidence, tracked), *rgb), (source, mean, fallback, *flow) = arrays[: len(large)], arrays[len(large) :]
        return EnlargedFrame(
            rgb=np.moveaxis(rgb[0], 0, 2) if rgb else None,
            ab=np.moveaxis(ab, 0, 2),
            confidence=confidence,
            tracked=tracked,
            source=source,
            displacement=np.ascontiguousarray(np.moveaxis(flow[0], 0, 2)) if flow else None,
            mean_confidence=float(mean),
            fallback=float(fallback),
        )
