"""Thousands of damaged pictures in a separate process: each is read or refused in one line, in bounded memory.

`STCOLOR_FUZZ_CASES=200000 STCOLOR_FUZZ_SEED=mine pytest tests/core/images/test_damaged_pictures.py` runs longer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FUZZER = Path(__file__).parents[1].joinpath("fuzz_pictures.py")
CASES = int(os.environ.get("STCOLOR_FUZZ_CASES", "3000"))


@pytest.mark.slow
def test_a_damaged_picture_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    seed = os.environ.get("STCOLOR_FUZZ_SEED", "1")
    command = [sys.executable, str(FUZZER), str(tmp_path), "--seed", seed, "--cases", str(CASES)]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, timeout=300 + CASES / 10
    )
    last = (tmp_path / "log").read_text().split()[-1]
    assert done.returncode == 0, f"case {last} of seed {seed}: exit status {done.returncode}\n{done.stderr[-3000:]}"
    assert last == f"{seed}:{CASES - 1}"
