"""What the engines have in common: files written whole, and their own programs called."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stcolor_core.errors import OutputError, StcolorError
from stcolor_core.files.atomic import atomic_path

__all__ = ["SHOT_FILE", "Submission", "call", "find_program", "write_all"]


SHOT_FILE = "shot.json"  # the job's own copy of the shot


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What came of a job. path: where it was written. job: the engine's name of it, "" where it has none yet."""

    engine: str
    path: str
    tasks: int
    submitted: bool
    job: str
    message: str


def write_all(folder: Path, texts: Mapping[str, str]) -> None:
    """Write text files into a folder, each whole or not at all. Raises OutputError where one cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with atomic_path(folder / name) as partial:
                partial.write_text(text, encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:  # the second, of what is no file's name
        why = getattr(error, "strerror", None) or error
        raise OutputError(f"{folder} cannot be written to ({why}). Check its path, its rights and the disk.") from None


def find_program(name: str, *, package: str, written: Path, folder: str | None = None) -> str:
    """An engine's program, in that folder or on PATH. Raises StcolorError that says where the job lies otherwise."""
    found = (shutil.which(name, path=folder) if folder else None) or shutil.which(name)
    if found is None:
        raise StcolorError(
            f"{name} is not on PATH, so nothing was submitted. Install {package}, or submit {written} from a host "
            "that has it."
        )
    return found


def call(command: Sequence[str], *, written: Path) -> str:
    """Run an engine's program; what it printed. Raises StcolorError with its last line where it fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise StcolorError(f"{command[0]} cannot be started ({error.strerror}). The job is in {written}.") from None
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stderr + "\n" + done.stdout).splitlines() if line.strip()]
        said = lines[-1] if lines else f"exit code {done.returncode}"
        raise StcolorError(f"{Path(command[0]).name} did not take the job ({said}). It is in {written}.")
    return done.stdout
