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

_TYPES: dict[torch.dtype, np.dtype[Any]] = {torch.float32: np.dtype(np.float32), torch.float16: np.dtype(np.float16)}


@dataclass(frozen=True, eq=False)
class Download:
    """Tensors on their way to the computer's memory.

    Attributes:
        packed: Their bytes in one row, those of larger types first, in the computer's memory once `event` has passed.
        layout: Their shapes and types, in the order that they were given in.
        event: Passed when they have arrived; None if they have.
    """

    packed: Tensor
    layout: tuple[tuple[tuple[int, ...], np.dtype[Any]], ...]
    event: Any

    def wait(self) -> list[NDArray[Any]]:
        """Return the arrays; waits for the device here and nowhere else."""
        if self.event is not None:
            self.event.synchronize()
        packed, start = self.packed.numpy(), 0
        arrays: dict[int, NDArray[Any]] = {}
        for index in _by_size([kind.itemsize for _, kind in self.layout]):
            shape, kind = self.layout[index]
            size = int(np.prod(shape)) * kind.itemsize
            arrays[index] = packed[start : start + size].view(kind).reshape(shape)
            start += size
        return [arrays[index] for index in range(len(arrays))]


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
            tensors: Of any shape, single or half precision, at least one.
        """
        layout = tuple((tuple(tensor.shape), _TYPES[tensor.dtype]) for tensor in tensors)
        order = _by_size([tensor.element_size() for tensor in tensors])
        packed = torch.cat([tensors[index].reshape(-1).view(torch.uint8) for index in order])
        if self._stream is None:
            return Download(packed.to("cpu"), layout, None)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            here = torch.empty(packed.shape, dtype=packed.dtype, pin_memory=True)
            here.copy_(packed, non_blocking=True)
            packed.record_stream(self._stream)
            event: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(self._stream)
        return Download(here, layout, event)


def _by_size(sizes: Sequence[int]) -> list[int]:
    """Return the indices of items, the largest first, so that each lies at a multiple of its size."""
    return sorted(range(len(sizes)), key=lambda index: -sizes[index])
