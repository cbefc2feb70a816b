"""The heap of this process: freed memory is used again, not given back to the system with every frame.

The system clears each page that it hands out, which costs more than most of what is computed on it. On systems without
glibc nothing is done.
"""

from __future__ import annotations

import ctypes
import os
import platform
import threading

__all__ = ["keep_blocks", "keep_freed_memory", "return_freed_memory"]

_LARGEST, _LARGEST_OF_LARGE_MAPS = 32 << 20, 3 << 20  # bytes; glibc allows no more than the first
# The parameters of glibc's malloc.h, the environment variables that take precedence, and the values: one heap for all
# threads; blocks of up to 32 MiB come from it; and it only shrinks if 128 MiB are free at its end (with 1 GiB the
# exemplar model takes 1.18 times the memory).
_LARGEST_BLOCK = (-3, "MALLOC_MMAP_THRESHOLD_")
_SETTINGS = (
    (-8, "MALLOC_ARENA_MAX", 1),
    (*_LARGEST_BLOCK, _LARGEST),
    (-1, "MALLOC_TRIM_THRESHOLD_", 128 << 20),
)
_kept = threading.Event()  # whether the heap of this process was set


def keep_freed_memory() -> None:
    """Keep freed memory in one heap for all threads. Call this before any thread is started.

    By default each thread has a heap of its own, which doubles the memory of a run, and a heap shrinks whenever twice
    the largest block so far is free (benchmarks/measured/speed.md).
    """
    _kept.set()
    _set(*_SETTINGS)


def keep_blocks(*, large_maps: bool) -> None:
    """Choose for a run which freed blocks stay in the heap that `keep_freed_memory` set.

    Networks with large maps would fill it with blocks of many sizes. What they free from 3 MiB on goes back to the
    system: 0.9 of the memory with the exemplar model. Without `keep_freed_memory`, as in a library, nothing is done.

    Args:
        large_maps: Whether the model's networks have large maps.
    """
    if _kept.is_set():
        _set((*_LARGEST_BLOCK, _LARGEST_OF_LARGE_MAPS if large_maps else _LARGEST))


def _set(*settings: tuple[int, str, int]) -> None:
    if _has_glibc():
        library = ctypes.CDLL(None)
        for parameter, variable, value in settings:
            if variable not in os.environ:
                library.mallopt(parameter, value)


def return_freed_memory() -> None:
    """Give memory that is not in use back to the system: after a run, in a process that goes on."""
    if _has_glibc():
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))


def _has_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"
