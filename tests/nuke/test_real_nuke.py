"""The tests that need only Nuke, run inside a real Nuke, and inside a stand-in to try the command.

$NUKE_EXECUTABLE names the Nuke. Inside it these tests may use Python, pytest and the plug-in, but no numpy.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TESTS = ("node/test_nodes.py", "node/test_colors.py", "test_start.py")
STAND_IN = f"""#!{sys.executable}
import importlib.machinery, runpy, sys
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent / "core")!r}]
import fakenuke
assert sys.argv[1] == "-t"
fakenuke.install(gui=False)
sys.modules["nuke"].__spec__ = importlib.machinery.ModuleSpec("nuke", None)
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_inside(nuke: str) -> None:
    """Run `TESTS` in that Nuke; at least half of them must not be skipped."""
    command = [nuke, "-t", str(HERE / "in_nuke.py"), str(Path(pytest.__file__).parents[1])]
    tests = [str(HERE / name) for name in TESTS]
    done = subprocess.run(
        [*command, *tests, "-q", "-p", "no:cacheprovider"], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|skipped)", done.stdout)}
    assert counts["passed"] > counts.get("skipped", 0), done.stdout


@pytest.mark.skipif("NUKE_EXECUTABLE" not in os.environ, reason="$NUKE_EXECUTABLE names no Nuke")
def test_the_plug_in_behaves_the_same_in_a_real_nuke_and_in_the_fake() -> None:
    run_inside(os.environ["NUKE_EXECUTABLE"])


@pytest.mark.skipif(os.name != "posix", reason="writes an executable script")
def test_the_tests_run_inside_a_stand_in_called_like_nuke(tmp_path: Path) -> None:
    stand_in = tmp_path / "Nuke"
    stand_in.write_text(STAND_IN, encoding="utf-8")
    stand_in.chmod(0o755)
    run_inside(str(stand_in))
