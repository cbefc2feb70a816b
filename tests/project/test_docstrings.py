"""The check of docstrings in CI: it names what is missing, and passes what is complete."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "docstrings.py"
COMPLETE = '''
def scale(value: float, factor: float) -> float:
    """Return a value times a factor.

    Args:
        value: Any number.
        factor: Any number but 0.

    Raises:
        ValueError: If the factor is 0.
    """
    if not factor:
        raise ValueError("factor")
    return value * factor
'''


def check(source: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the check over one module, in a checkout that holds nothing else."""
    (folder / ".ci").mkdir()
    shutil.copy(SCRIPT, folder / ".ci")
    (folder / "module.py").write_text(source, encoding="utf-8")
    command = [sys.executable, ".ci/docstrings.py", "module.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_complete_docstring_passes(tmp_path: Path) -> None:
    done = check(COMPLETE, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("complete", "incomplete", "named"),
    [
        ("        factor: Any number but 0.\n", "", "factor"),
        ("        factor: Any", "        divisor: Any", "divisor"),
        ("Return a value", "Multiply a value", "return"),
        ("        ValueError: If the factor is 0.\n", "        OSError: Never.\n", "ValueError"),
    ],
)
def test_what_a_docstring_lacks_is_named(complete: str, incomplete: str, named: str, tmp_path: Path) -> None:
    assert complete in COMPLETE
    done = check(COMPLETE.replace(complete, incomplete), tmp_path)
    assert done.returncode == 1
    assert "module.py:2: scale" in done.stdout and named in done.stdout
