"""The pools and groups of a farm, asked from its engine on a worker thread. Without Nuke and without Qt."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

__all__ = ["QUESTIONS", "FarmChoices"]

_SECONDS = 15.0  # until the engine counts as unreachable; the artist types the name then
_LONGEST = 200  # characters of a name

QUESTIONS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "deadline": {"pool": ("-pools",), "secondary_pool": ("-pools",), "group": ("-groups",)},
}
"""For each engine that can be asked, the fields of `SubmitOptions` and the arguments of `deadlinecommand`."""


class FarmChoices:
    """The choices of one engine. `start` asks; `choices` is empty until the answer is there, and if there is none.

    Attributes:
        choices: Field of `SubmitOptions` -> the names that the engine has. Replaced as a whole by the thread.
        problem: Why there are no choices, in one line; "" if there are, or while the engine is asked.
        ended: Whether the engine has answered, or cannot.
    """

    def __init__(self, engine: str, *, ask: Callable[[Sequence[str]], str] | None = None) -> None:
        """Prepare the question.

        Args:
            engine: A key of ENGINES.
            ask: Runs the engine's program with arguments and returns its output; None for `deadlinecommand`. It
                may raise OSError, ValueError or subprocess.SubprocessError.
        """
        self._questions, self._ask = QUESTIONS.get(engine, {}), ask or _ask_deadline
        self.choices: Mapping[str, Sequence[str]] = {}
        self.problem, self.ended = "", not self._questions

    def start(self) -> FarmChoices:
        """Ask the engine on a worker thread, and return at once.

        Returns:
            These choices.
        """
        if not self.ended:
            threading.Thread(target=self._run, name="refcolorize farm choices", daemon=True).start()
        return self

    def _run(self) -> None:
        answers: dict[Sequence[str], list[str]] = {}
        try:
            for arguments in self._questions.values():
                if arguments not in answers:
                    answers[arguments] = _names(self._ask(arguments))
            self.choices = {field: answers[arguments] for field, arguments in self._questions.items()}
        except subprocess.TimeoutExpired:
            self.problem = f"The farm did not answer within {_SECONDS:g} s. Type the names of pools and groups."
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:_LONGEST]
            self.problem = f"The farm cannot be asked ({reason}). Type the names of pools and groups."
        finally:
            self.ended = True


def _names(output: str) -> list[str]:
    lines = (line.strip() for line in output.splitlines())
    return [line for line in dict.fromkeys(lines) if line and len(line) <= _LONGEST and line.isprintable()]


def _ask_deadline(arguments: Sequence[str]) -> str:
    """Return the output of `deadlinecommand`, in $DEADLINE_PATH or on PATH. Raises OSError if there is none."""
    folder = os.environ.get("DEADLINE_PATH", "").strip()
    program = shutil.which("deadlinecommand", path=folder or None)
    if program is None:
        where = Path(folder).as_posix() if folder else "PATH"
        raise FileNotFoundError(2, f"there is no deadlinecommand in {where}")
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW
    done = subprocess.run(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_SECONDS,
        creationflags=flags,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise ValueError(f"deadlinecommand ended with {done.returncode}")
    return done.stdout
