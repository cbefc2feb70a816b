"""The heap of this process: freed memory is used again, not given back to the system with every frame.

The system clears each page that it hands out, which costs more than most of what is computed on it. On systems without
glibc nothing is done.
"""

from __future__ import annotations

import ctypes
import os
import platform

__all__ = ["keep_freed_memory", "return_freed_memory"]

# The parameters of glibc's malloc.h, the environment variables that take precedence, and the values: one heap for all
# threads; blocks of up to 32 MiB, the most it allows, come from it; and it only shrinks if 128 MiB are free at its end
# (with 1 GiB the exemplar model takes 1.18 times the memory).
_SETTINGS = (
    (-8, "MALLOC_ARENA_MAX", 1),
    (-3, "MALLOC_MMAP_THRESHOLD_", 32 << 20),
    (-1, "MALLOC_TRIM_THRESHOLD_", 128 << 20),
)


def keep_freed_memory() -> None:
    """Keep freed memory in one heap for all threads. Call this before any thread is started.

    By default each thread has a heap of its own, which doubles the memory of a run, and a heap shrinks whenever twice
    the largest block so far is free (benchmarks/measured/speed.md).
    """
    if _has_glibc():
        library = ctypes.CDLL(None)
        for parameter, variable, value in _SETTINGS:
            if variable not in os.environ:
                library.mallopt(parameter, value)


def return_freed_memory() -> None:
    """Give memory that is not in use back to the system: after a run, in a process that goes on."""
    if _has_glibc():
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))


def _has_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"
