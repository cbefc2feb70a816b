"""Run the plug-in's tests that need no core with the Python and Qt of each Nuke.

    python3 .ci/nuke_matrix.py

Each row runs in a temporary environment made by pip, two at a time. Interpreters are searched on PATH and in pyenv's
folder. If one is missing, the plug-in is only compiled for that version, and the output says so.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
# Python, its Qt, and the Nukes that have them. PySide 6.5 itself is the first with wheels for what Nuke 16 has.
ROWS = (
    ("3.9", "PySide2==5.15.2.1", "Nuke 14"),
    ("3.10", "PySide2==5.15.2.1", "Nuke 15"),
    ("3.11", "PySide6-Essentials==6.5.3", "Nuke 16"),
    ("3.13", "PySide6-Essentials", "a later Nuke"),
)
# What the tests and the fake need in addition; the plug-in itself needs nothing.
PACKAGES = ("pytest", "hypothesis", "numpy", "PyYAML", "OpenImageIO", "types-nuke")
SECONDS = 600


def interpreter(version: str) -> str | None:
    """Return a Python of that version that runs, or None. A shim of pyenv may exist without an interpreter.

    Args:
        version: Major and minor version, for example "3.9".
    """
    folders = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin"))
    candidates = [shutil.which(f"python{version}"), *(str(folder / f"python{version}") for folder in folders)]
    for name in filter(None, candidates):
        try:
            output = subprocess.run([name, "--version"], capture_output=True, text=True, timeout=SECONDS).stdout
        except OSError:
            continue
        if output.startswith(f"Python {version}."):
            return name
    return None


def compile_plugin(version: str) -> int:
    """Parse the plug-in with the grammar of a Python version, and print the files that fail.

    Args:
        version: Major and minor version.

    Returns:
        0 if all files can be parsed, otherwise 1.
    """
    feature = tuple(map(int, version.split(".")))
    failed = 0
    for path in sorted((PROJECT / "nuke_plugin").rglob("*.py")):
        try:
            ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=feature)  # type: ignore[arg-type]
        except SyntaxError as error:
            failed = 1
            sys.stdout.write(f"nuke_matrix: {path}: line {error.lineno}: {error.msg}\n")
    return failed


def run_tests(python: str, qt: str, folder: Path) -> tuple[int, str]:
    """Run the tests in a new environment.

    Args:
        python: The interpreter to make the environment with.
        qt: The requirement of the Qt binding, for pip.
        folder: The folder of the new environment.

    Returns:
        The exit status and the output of the last command.
    """
    bin_folder = folder / ("Scripts" if os.name == "nt" else "bin")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for command in (
        [python, "-m", "venv", str(folder)],
        [str(bin_folder / "pip"), "install", "--quiet", "--only-binary", ":all:", *PACKAGES, qt],
        # not `python -m pytest`, which would make the core importable from the checkout
        [
            str(bin_folder / "pytest"),
            "-q",
            "-p",
            "no:cacheprovider",
            "-rs",
            f"--basetemp={folder / 'tmp'}",
            "tests/nuke",
        ],
    ):
        run = subprocess.run(
            command,
            cwd=PROJECT,
            env=inherited,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
        if run.returncode:
            break
    return run.returncode, run.stdout


def row(version: str, qt: str, nuke: str) -> int:
    """Test one row, or compile it if there is no such Python.

    Args:
        version: Major and minor version of Python.
        qt: The requirement of the Qt binding, for pip.
        nuke: The Nuke that has both, for the output.

    Returns:
        0 if it passed.
    """
    title = f"Python {version} with {qt} ({nuke})"
    python = interpreter(version)
    if python is None:
        status = compile_plugin(version)
        sys.stdout.write(f"nuke_matrix: {title}: no such Python here; it was ONLY COMPILED, and no test ran\n")
        return status
    with tempfile.TemporaryDirectory(prefix="nuke-matrix-", ignore_cleanup_errors=True) as folder:
        status, output = run_tests(python, qt, Path(folder) / version)
    last = next((line for line in reversed(output.splitlines()) if " passed" in line or " failed" in line), "")
    sys.stdout.write(f"{output}\n" if status else "")
    sys.stdout.write(f"nuke_matrix: {title}: {last or 'no test ran'}\n")
    sys.stdout.flush()
    return status


def main() -> int:
    """Return 1 if any row failed."""
    with ThreadPoolExecutor(2) as rows:
        return int(any(list(rows.map(lambda arguments: row(*arguments), ROWS))))


if __name__ == "__main__":
    raise SystemExit(main())
