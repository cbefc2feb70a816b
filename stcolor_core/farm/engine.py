"""Code that the engines share: write the files of a job, and call an engine's own program."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stcolor_core.errors import OutputError, StcolorError
from stcolor_core.farm.film_job import FILM_FILE, FilmJob
from stcolor_core.farm.job import Job
from stcolor_core.files.atomic import atomic_path

__all__ = ["SHOT_FILE", "Submission", "find_program", "job_file", "run_program", "write_all"]


SHOT_FILE = "shot.json"  # the job's own copy of the shot


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A job that was written, and possibly submitted.

    Attributes:
        engine: "openjd", "deadline" or "opencue".
        path: The folder of the job's files.
        tasks: The number of tasks that colour the shot.
        submitted: Whether the job was handed to the engine.
        job: The engine's name or id of the job; "" if it was not submitted.
        message: One line for the artist.
    """

    engine: str
    path: str
    tasks: int
    submitted: bool
    job: str
    message: str


def job_file(job: Job | FilmJob) -> dict[str, str]:
    """Return the job's own copy of its shot or film: the file's name and its text.

    Args:
        job: The job.
    """
    if isinstance(job, FilmJob):
        return {FILM_FILE: job.to_json()}
    return {SHOT_FILE: job.shot.to_json() + "\n"}


def write_all(folder: Path, texts: Mapping[str, str]) -> None:
    """Write text files into a folder, each completely or not at all.

    Args:
        folder: The folder; it is created if needed.
        texts: File name -> text.

    Raises:
        OutputError: If a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with atomic_path(folder / name) as partial:
                partial.write_text(text, encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:  # ValueError: the path cannot name a file
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"{folder} cannot be written to ({reason}). Check its path, its rights and the disk."
        ) from None


def find_program(name: str, *, package: str, job_folder: Path, program_folder: str | None = None) -> str:
    """Return the path of an engine's program.

    Args:
        name: The program's name.
        package: What to install if it is missing, for the error message.
        job_folder: The folder of the job's files, for the error message.
        program_folder: A folder to search before PATH; None searches PATH alone.

    Raises:
        StcolorError: If the program is not found.
    """
    program = (shutil.which(name, path=program_folder) if program_folder else None) or shutil.which(name)
    if program is None:
        raise StcolorError(
            f"{name} is not on PATH, so nothing was submitted. Install {package}, or submit {job_folder} from a host "
            "that has it."
        )
    return program


def run_program(command: Sequence[str], *, job_folder: Path) -> str:
    """Run an engine's program.

    Args:
        command: The program and its arguments.
        job_folder: The folder of the job's files, for the error message.

    Returns:
        The program's standard output.

    Raises:
        StcolorError: If the program cannot be started or fails; the message holds the last line that it printed.
    """
    try:
        completed = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise StcolorError(f"{command[0]} cannot be started ({error.strerror}). The job is in {job_folder}.") from None
    if completed.returncode != 0:
        output = completed.stderr + "\n" + completed.stdout
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        reason = lines[-1] if lines else f"exit code {completed.returncode}"
        raise StcolorError(f"{Path(command[0]).name} did not take the job ({reason}). It is in {job_folder}.")
    return completed.stdout
