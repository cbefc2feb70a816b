"""Copies between the computer's memory and a device, so that the device need not wait for them.

On a CUDA device a picture is copied from pinned memory on a stream of its own, and results come back the same way; the
only wait is `Download.wait`. On the CPU nothing is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Download", "Transfers"]


@dataclass(frozen=True, eq=False)
class Download:
    """Tensors on their way to the computer's memory.

    Attributes:
        packed: All their values in one row, in the computer's memory once `event` has passed.
        shapes: Their shapes.
        event: Passed when they have arrived; None if they have.
    """

    packed: Tensor
    shapes: tuple[tuple[int, ...], ...]
    event: Any

    def wait(self) -> list[NDArray[np.float32]]:
        """Return the arrays; waits for the device here and nowhere else."""
        if self.event is not None:
            self.event.synchronize()
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        parts = np.split(self.packed.numpy(), np.cumsum(sizes)[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]


class Transfers:
    """Copies to and from one device. Safe to use from several threads."""

    def __init__(self, device: torch.device) -> None:
        """Open the stream of the copies.

        Args:
            device: The device.
        """
        self._device = device
        own_stream = device.type == "cuda" and torch.cuda.is_available()
        self._stream: Any = torch.cuda.Stream(device) if own_stream else None  # type: ignore[no-untyped-call]

    def upload(self, array: NDArray[Any]) -> Tensor:
        """Return an array on the device; work that uses it waits for it there.

        Args:
            array: Of any shape.
        """
        here = torch.from_numpy(np.ascontiguousarray(array))
        if self._stream is None:
            return here.to(self._device)
        with torch.cuda.stream(self._stream):
            there = here.pin_memory().to(self._device, non_blocking=True)
        current = torch.cuda.current_stream(self._device)
        current.wait_stream(self._stream)
        there.record_stream(current)
        return there

    def download(self, tensors: Sequence[Tensor]) -> Download:
        """Return tensors as one copy on its way to the computer's memory.

        Args:
            tensors: Of any shape, float32, at least one.
        """
        shapes = tuple(tuple(tensor.shape) for tensor in tensors)
        packed = torch.cat([tensor.reshape(-1) for tensor in tensors])
        if self._stream is None:
            return Download(packed.to("cpu"), shapes, None)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            here = torch.empty(packed.shape, dtype=packed.dtype, pin_memory=True)
            here.copy_(packed, non_blocking=True)
            packed.record_stream(self._stream)
            event: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(self._stream)
        return Download(here, shapes, event)
