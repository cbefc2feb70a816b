"""What RefColorize adds to Nuke's start: init.py and menu.py, with nothing of it loaded before.

    python benchmarks/startup.py

Each start is a fresh process with the tests' fake of Nuke; the fake itself is loaded before the clock starts.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STARTS = 20
START = """
import sys, time
sys.path[:0] = ["tests/nuke", "tests/core"]
import fakenuke
session = fakenuke.install(gui=True)
before = time.perf_counter()
session.add_plugin_path("nuke_plugin")
print(1000 * (time.perf_counter() - before))
"""


def main() -> None:
    """Print the median and the slowest of some starts."""
    command = [sys.executable, "-c", START]
    times = [
        float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
        for _ in range(STARTS)
    ]
    print(f"init.py and menu.py: median {statistics.median(times):.1f} ms, slowest {max(times):.1f} ms of {STARTS}")


if __name__ == "__main__":
    main()
