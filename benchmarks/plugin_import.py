"""Measure what the plug-in adds to Nuke's start: milliseconds of its init.py and menu.py, in fresh processes.

    python benchmarks/plugin_import.py [--runs 15]

Nuke is the tests' strict fake, which is loaded before the clock starts. Also prints the modules that were loaded.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START = """
import json, sys, time
sys.path[:0] = ["tests/nuke", "tests/core", "."]
import fakenuke
session = fakenuke.install(gui=True)
before, start = set(sys.modules), time.perf_counter()
session.add_plugin_path("nuke_plugin")
milliseconds = 1000 * (time.perf_counter() - start)
print(json.dumps([milliseconds, sorted(set(sys.modules) - before)]))
"""


def main() -> None:
    """Print the median and the range over all starts, and the modules that one start loads."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    command = [sys.executable, "-c", START]
    starts = [
        json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
        for _ in range(runs)
    ]
    times = [milliseconds for milliseconds, _ in starts]
    print(f"median {statistics.median(times):.1f} ms, {min(times):.1f} to {max(times):.1f} ms in {runs} processes")
    print("loaded:", *starts[0][1])


if __name__ == "__main__":
    main()
