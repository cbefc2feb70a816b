"""Freed memory stays in the process until it is returned."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's heap is set")
# Fills and frees 64 blocks of 1 MiB twice; prints the pages that the second time took from the system, and the resident
# memory in KiB before and after it is returned.
PROGRAM = """
import ctypes
import resource
from pathlib import Path
from stcolor_core.heap import keep_freed_memory, return_freed_memory

def use():
    blocks = [bytearray(b"x") * (1 << 20) for _ in range(64)]

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024

ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: no huge pages, which would make the count another one
keep_freed_memory()
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, resident())
return_freed_memory()
print(resident())
"""


# Prints the resident memory in KiB that eight freed blocks of 8 MiB leave, with and without large maps.
LARGE_MAPS = (
    PROGRAM.partition("ctypes.CDLL")[0].replace("1 << 20", "8 << 20").replace("64", "8")
    + """
from stcolor_core.heap import keep_blocks

keep_freed_memory()
for large_maps in (True, False):
    keep_blocks(large_maps=large_maps)
    before = resident()
    use()
    print(resident() - before)
"""
)


def use_memory(program: str = PROGRAM, **environment: str) -> list[int]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=variables | environment, stdout=subprocess.PIPE, check=True, text=True)
    return [int(number) for number in done.stdout.split()]


def test_freed_memory_is_used_again_and_can_be_returned() -> None:
    pages, before, after = use_memory()
    assert pages < 500  # of 16,384
    assert before - after > 48 << 10


def test_the_environment_takes_precedence() -> None:
    pages, *_ = use_memory(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072")
    assert pages > 8000


def test_large_maps_are_returned_at_once() -> None:
    with_large_maps, without = use_memory(LARGE_MAPS)
    assert with_large_maps < 16 << 10
    assert without > 48 << 10


def test_the_environment_takes_precedence_for_large_maps() -> None:
    with_large_maps, _ = use_memory(LARGE_MAPS, MALLOC_MMAP_THRESHOLD_=str(32 << 20))
    assert with_large_maps > 48 << 10
