"""The plug-in's tests that need no core, in each Python and Qt that a Nuke carries: python3 .ci/nuke_matrix.py

Each in an environment of its own, made by pip and gone afterwards; two at a time. An interpreter is looked for on PATH
and in pyenv's folder. Where one is missing, the plug-in is only compiled for it, and that is said.
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
    ("3.13", "PySide6-Essentials", "whatever comes"),
)
# What the tests and the fake need besides; the plug-in itself needs nothing.
PACKAGES = ("pytest", "hypothesis", "numpy", "PyYAML", "OpenImageIO", "types-nuke")
SECONDS = 600


def interpreter(version: str) -> str | None:
    """A Python of that version that runs: a shim of pyenv may be there without one."""
    folders = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin"))
    found = [shutil.which(f"python{version}"), *(str(folder / f"python{version}") for folder in folders)]
    for name in filter(None, found):
        try:
            said = subprocess.run([name, "--version"], capture_output=True, text=True, timeout=SECONDS).stdout
        except OSError:
            continue
        if said.startswith(f"Python {version}."):
            return name
    return None


def compiled(version: str) -> int:
    """0 where this Python can parse the plug-in as one of that version would; else 1, and the files are named."""
    feature = tuple(map(int, version.split(".")))
    failed = 0
    for path in sorted((PROJECT / "nuke_plugin").rglob("*.py")):
        try:
            ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=feature)  # type: ignore[arg-type]
        except SyntaxError as error:
            failed = 1
            sys.stdout.write(f"nuke_matrix: {path}: line {error.lineno}: {error.msg}\n")
    return failed


def tested(python: str, qt: str, folder: Path) -> tuple[int, str]:
    """The exit status of the tests in an environment with that Qt, and what they said."""
    bin_folder = folder / ("Scripts" if os.name == "nt" else "bin")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for command in (
        [python, "-m", "venv", str(folder)],
        [str(bin_folder / "pip"), "install", "--quiet", "--only-binary", ":all:", *PACKAGES, qt],
        # not `python -m pytest`, by which the core could be imported from the checkout
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
            command, cwd=PROJECT, env=kept, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS
        )
        if run.returncode:
            break
    return run.returncode, run.stdout


def row(version: str, qt: str, nuke: str) -> int:
    """Test or compile one row; 0 where it went well."""
    what = f"Python {version} with {qt} ({nuke})"
    python = interpreter(version)
    if python is None:
        status = compiled(version)
        sys.stdout.write(f"nuke_matrix: {what}: no such Python here; it was ONLY COMPILED, and no test ran\n")
        return status
    with tempfile.TemporaryDirectory(prefix="nuke-matrix-", ignore_cleanup_errors=True) as folder:
        status, said = tested(python, qt, Path(folder) / version)
    last = next((line for line in reversed(said.splitlines()) if " passed" in line or " failed" in line), "")
    sys.stdout.write(f"{said}\n" if status else "")
    sys.stdout.write(f"nuke_matrix: {what}: {last or 'no test ran'}\n")
    sys.stdout.flush()
    return status


def main() -> int:
    """1 where any row failed."""
    with ThreadPoolExecutor(2) as rows:
        return int(any(list(rows.map(lambda each: row(*each), ROWS))))


if __name__ == "__main__":
    raise SystemExit(main())
