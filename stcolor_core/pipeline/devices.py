"""Choose the device that a run computes on, by what works there, and name its limits in words.

A device counts as usable if one operator of each kind that the method needs runs on it and gives the CPU's result. On
Apple's GPU, torch runs an operator that it lacks on the CPU and warns once (`stcolor_core.__init__` allows it).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.errors import BadRequest, DeviceMemoryError
from stcolor_core.heap import return_freed_memory
from stcolor_core.pipeline.device_names import DEVICES, GPUS, no_such_device
from stcolor_core.remedies import advise, word

__all__ = [
    "device_name",
    "find_fault",
    "free_memory",
    "keeps_pictures",
    "release_memory",
    "resolve_device",
    "translate_memory_errors",
]

_TOLERANCE = 0.05  # convolutions on a GPU round to TF32
_MPS_FULL = "MPS backend out of memory"  # torch has no class of errors for it

logger = logging.getLogger(__name__)


def _log(message: str) -> None:
    logger.warning("%s", word(message))


def resolve_device(name: str, *, warn: Callable[[str], None] = _log) -> torch.device:
    """Return the torch device for a device name.

    Args:
        name: One of `DEVICES`; "auto" takes the first GPU that works, else the CPU.
        warn: Called with one line about each GPU that is there and does not work, if "auto" passes it over.

    Raises:
        BadRequest: If the name is unknown, or there is no such device, or it does not work.
    """
    if name not in DEVICES:
        raise BadRequest(f"The device {name!r} is unknown. Use {', '.join(DEVICES[:-1])} or {DEVICES[-1]}.")
    if name in GPUS:
        if not _is_present(name):
            raise no_such_device(name)
        if fault := find_fault(name):
            raise BadRequest(f"The {GPUS[name]} does not work ({fault}). {advise('cpu')}.")
        return torch.device(name)
    for gpu in GPUS if name == "auto" else ():
        if _is_present(gpu):
            fault = find_fault(gpu)
            if fault is None:
                return torch.device(gpu)
            warn(f"The {GPUS[gpu]} does not work ({fault}) and is not used. {advise('doctor')}.")
    return torch.device("cpu")


@lru_cache
def find_fault(name: str) -> str | None:
    """Return what does not work on a device, in a few words; None if all does.

    Runs a small operator of each kind there and compares it with the CPU's result.

    Args:
        name: The device's name, such as "cuda".
    """
    for kind, operator in _PROBES.items():
        picture = torch.linspace(0, 1, 8 * 12 * 12).reshape(1, 8, 12, 12).sin()
        try:
            there = operator(picture.to(name)).float().cpu()
        except (RuntimeError, NotImplementedError, TypeError) as error:  # torch has no narrower common class
            return f"{kind}: {' '.join(str(error).split())[:120]}"
        if not torch.allclose(there, operator(picture).float(), atol=_TOLERANCE):
            return f"{kind}: wrong result"
    return None


def keeps_pictures(device: torch.device) -> bool:
    """Return whether pictures stay on a device from L* to full size (`method.on_device`).

    They do on a GPU. With `STCOLOR_DEVICE_PATH` set to 1 they do on the CPU too, to try it; with 0 a GPU runs only the
    networks and the attention.

    Args:
        device: The device.
    """
    choice = os.environ.get("STCOLOR_DEVICE_PATH", "")
    return choice == "1" or (choice != "0" and device.type != "cpu")


def device_name(device: torch.device) -> str | None:
    """Return the name of a GPU's model; None for the CPU.

    Args:
        device: The device.
    """
    if device.type == "cpu":
        return None
    module = _module(device.type)
    return str(module.get_device_name()) if hasattr(module, "get_device_name") else GPUS.get(device.type, device.type)


def free_memory(device: torch.device) -> int:
    """Return the free memory of a device in bytes; that of the machine if the device does not say.

    Args:
        device: The device.
    """
    module = _module(device.type)
    return int(module.mem_get_info()[0]) if hasattr(module, "mem_get_info") else int(psutil.virtual_memory().available)


def release_memory() -> None:
    """Give memory that this process holds and does not use back to other programs: its heap, and torch's on GPUs."""
    return_freed_memory()
    for gpu in GPUS:
        if _is_present(gpu):
            _module(gpu).empty_cache()


@contextmanager
def translate_memory_errors(device: torch.device) -> Iterator[None]:
    """Raise torch's errors about full GPU memory as one readable line.

    Args:
        device: The device that the block computes on.

    Yields:
        Nothing.

    Raises:
        DeviceMemoryError: If the memory of the device is full.
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.cuda.OutOfMemoryError) and _MPS_FULL not in str(error):
            raise
        name = device_name(device) or "computer"
        raise DeviceMemoryError(
            f"The memory of the {name} is full. Close other programs that use it, or {advise('less_memory')}."
        ) from None


def _is_present(gpu: str) -> bool:
    module = torch.backends.mps if gpu == "mps" else getattr(torch, gpu, None)
    return module is not None and bool(module.is_available())


def _module(gpu: str) -> Any:
    return getattr(torch, gpu, None)


def _convolve(picture: Tensor) -> Tensor:
    weight = torch.ones(8, 1, 3, 3, device=picture.device).to(memory_format=torch.channels_last)
    return F.conv2d(picture.to(memory_format=torch.channels_last), weight, padding=1, groups=8)


def _resample(picture: Tensor) -> Tensor:
    grid = torch.linspace(-1.2, 1.2, 9, device=picture.device)
    points = torch.stack(torch.meshgrid(grid, grid, indexing="ij"), -1)[None]
    sampled = F.grid_sample(picture, points, padding_mode="border", align_corners=False)
    return F.interpolate(F.pad(sampled, (2, 2, 2, 2), mode="replicate"), size=(20, 17), mode="bicubic")


def _attend(picture: Tensor) -> Tensor:
    rows = picture.flatten(2)[0]
    return torch.baddbmm(rows[None, :, :8] * 0, rows[None], rows.T[None]).softmax(-1)


def _select(picture: Tensor) -> Tensor:
    rows = picture.flatten(1)[0]
    best = rows.topk(32).indices.sort(stable=True).values
    table = torch.zeros(len(rows), dtype=torch.bool, device=rows.device).scatter_(0, best, True)
    return rows.index_select(0, best).cumsum(0) + table.sum()


_PROBES: dict[str, Callable[[Tensor], Tensor]] = {
    "convolution": _convolve,
    "resampling": _resample,
    "attention": _attend,
    "selection": _select,
    "pooling": lambda picture: F.avg_pool2d(F.max_pool2d(picture, 3, stride=1, padding=1), 2),
}
