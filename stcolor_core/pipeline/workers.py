"""How many frames of a shot are worked on at a time: as many as the cores use and the memory holds."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil
import torch

from stcolor_core.errors import BadRequest

__all__ = ["Workers", "default_memory", "plan_workers", "set_torch_threads"]

_GIB = 2**30
_SHARE = 0.5  # of the computer's memory that a run uses unless it is told otherwise
_PROCESS = 0.8 * _GIB  # libraries, networks and a span's references at a small size
_FLOATS_OF_A_PLATE = 4  # its channels and its L*
_FLOATS_AT_PLATE_SIZE = 14  # planes of a frame that is upsampled, composited and packed: half a GiB at 4096 x 2160
_FLOATS_AT_WORKING_SIZE = 70  # planes of the evidence and the candidates of a frame: 24 MiB at 384 x 216
# A third of the cores for each of features, matching and refinement, which cost about the same; then all are busy.
_CORES_PER_FRAME = 3
_STAGES = 4  # features, flow back between neighbours, matching, refinement: each holds its own frames
# Frames between the stages: with one worker, the four that a run works on at a time, two that are coloured and wait for
# the two after them (`method.fusion`), and the keyframe, which was used last before them.
_BETWEEN = 7


@dataclass(frozen=True)
class Workers:
    """How many frames are worked on at a time.

    Attributes:
        frames: Frames in each stage of propagation.
        writers: Frames that are upsampled and written.
        torch_threads: Threads within one operation of torch.
    """

    frames: int
    writers: int
    torch_threads: int = 1

    @property
    def plates(self) -> int:
        """Return how many plates are in use at a time, so that none is read twice."""
        return _BETWEEN + (_STAGES * self.frames if self.frames > 1 else 0)

    def bytes_needed(self, plate: tuple[int, int], working: tuple[int, int]) -> float:
        """Return about how much memory a run takes, in bytes.

        Args:
            plate: Rows and columns of the plate.
            working: Rows and columns at which colour is computed.
        """
        at_plate_size, at_working_size = 4 * plate[0] * plate[1], 4 * working[0] * working[1]
        return (
            _PROCESS
            + self.plates * _FLOATS_OF_A_PLATE * at_plate_size
            + self.writers * _FLOATS_AT_PLATE_SIZE * at_plate_size
            + _STAGES * self.frames * _FLOATS_AT_WORKING_SIZE * at_working_size
        )


def default_memory() -> float:
    """Return the bytes that a run may use unless it is told otherwise: half of the computer's memory."""
    return _SHARE * float(psutil.virtual_memory().total)


def plan_workers(
    plate: tuple[int, int],
    working: tuple[int, int],
    *,
    recurrent: bool,
    device: torch.device,
    cores: int | None = None,
    memory: float | None = None,
) -> Workers:
    """Return how many frames of a shot to work on at a time.

    Neither the cores nor the memory change a pixel: torch has one thread, as a convolution rounds by the number of its
    threads. But a recurrent refinement waits for the frame before, and a GPU works on one frame at a time: there more
    frames would only wait, and torch has all cores but one.

    Args:
        plate: Rows and columns of the plate.
        working: Rows and columns at which colour is computed.
        recurrent: Whether the model's refinement is recurrent.
        device: Device that the model runs on.
        cores: Cores to use; None for all that this process may use.
        memory: Bytes to stay below, as far as one frame at a time does; None for half of the computer's memory.

    Raises:
        BadRequest: If the memory is not positive.
    """
    cores = available_cores() if cores is None else cores
    memory = default_memory() if memory is None else memory
    if not memory > 0:
        raise BadRequest(
            "The memory for frames must be more than 0 GiB. Leave it out for half of the computer's memory."
        )
    in_turn = recurrent or device.type != "cpu"
    threads = max(1, cores - 1) if in_turn else 1
    frames = 1 if in_turn or cores <= 2 else max(2, -(-cores // _CORES_PER_FRAME))
    writers = max(2, cores // 2)
    while (frames, writers) != (1, 1):
        if Workers(frames, writers).bytes_needed(plate, working) <= memory:
            break
        # writing is what more cores help least with memory: a frame at plate size is large
        if writers > max(1, frames // 2):
            writers -= 1
        else:
            frames -= 1
    return Workers(frames, writers, threads)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on Windows and macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_torch_threads(workers: Workers) -> None:
    """Give torch its threads, unless OMP_NUM_THREADS says how many.

    Args:
        workers: How many frames are worked on at a time.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(workers.torch_threads)
