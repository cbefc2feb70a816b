"""Measure a run when opening a picture takes 0.4 s, as on a far network disk; Linux with a C compiler.

    python benchmarks/slow_disk.py [--seconds 0.4]

Colours a small shot with two keyframes on a fast disk, on a slow one, and on the slow one again when all frames exist.
A preloaded library that sleeps in `open` makes the disk slow.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import kills

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static void nap(const char *p) { if (p && strstr(p, ".exr")) usleep(MICROSECONDS); }
#define OPEN(name) int name(const char *p, int f, ...) { static int (*r)(const char *, int, ...); \
  if (!r) r = dlsym(RTLD_NEXT, #name); va_list a; va_start(a, f); int m = va_arg(a, int); va_end(a); \
  nap(p); return r(p, f, m); }
OPEN(open) OPEN(open64)
#define OPENAT(name) int name(int d, const char *p, int f, ...) { static int (*r)(int, const char *, int, ...); \
  if (!r) r = dlsym(RTLD_NEXT, #name); va_list a; va_start(a, f); int m = va_arg(a, int); va_end(a); \
  nap(p); return r(d, p, f, m); }
OPENAT(openat) OPENAT(openat64)
#define FOPEN(name) FILE *name(const char *p, const char *m) { static FILE *(*r)(const char *, const char *); \
  if (!r) r = dlsym(RTLD_NEXT, #name); nap(p); return r(p, m); }
FOPEN(fopen) FOPEN(fopen64)
"""


def make_shim(folder: Path, seconds: float) -> Path:
    """Compile the library that makes each opening of an EXR slow.

    Args:
        folder: Where source and library are written.
        seconds: What each opening takes longer.

    Returns:
        The library, to be preloaded.
    """
    (folder / "slow.c").write_text(SHIM.replace("MICROSECONDS", str(round(seconds * 1e6))))
    library = folder / "slow.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(folder / "slow.c"), "-ldl"], check=True)
    return library


def measure(folder: Path, output: str, library: Path | None) -> float:
    """Colour the shot and measure the wall time.

    Args:
        folder: Holds the plate and the keyframes, as `kills.make_shot` writes them.
        output: Name of the output's folder in it; the same name again finds all frames done.
        library: Preloaded into the run, from `make_shim`; None for a fast disk.

    Returns:
        The time in seconds, with the start of the process.
    """
    environment = {**os.environ, "STCOLOR_CACHE_DIR": str(folder / f"cache-{output}")}
    if library is not None:
        environment["LD_PRELOAD"] = str(library)
    command = [sys.executable, "-m", "stcolor_core.cli", "colorize", "--plate", str(folder / "plate.####.exr")]
    command += ["--reference", str(folder / "ref.####.exr"), "--output", str(folder / output / "shot.####.exr")]
    begun = time.monotonic()
    subprocess.run([*command, "--working-height", "64"], env=environment, check=True, stderr=subprocess.DEVNULL)
    return time.monotonic() - begun


def main() -> None:
    """Run the measurement, and print a line for each disk."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kills.FRAMES = range(1001, 1029)
        kills.make_shot(folder)
        for path in folder.glob("*.exr"):
            os.utime(path, (10**9, 10**9))  # long ago, as files usually are
        library = make_shim(folder, options.seconds)
        for what, output, slow in (
            ("fast disk, first run", "fast", None),
            ("fast disk, nothing to do", "fast", None),
            ("slow disk, first run", "slow", library),
            ("slow disk, nothing to do", "slow", library),
        ):
            sys.stdout.write(f"{what:28}{measure(folder, output, slow):8.1f} s\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
