"""The pools, groups, shows and facilities of a farm, asked from its engine on a worker thread.

Without Nuke and without Qt.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.server import open_core
from ..errors import RefColorizeError
from .farm import error_line

__all__ = ["FarmChoices"]

_SECONDS = 15.0  # until the engine counts as unreachable; the artist types the name then
_LONGEST = 200  # characters of a name

Ask = Callable[[Sequence[str]], str]
"""Runs an engine's program with arguments and returns its output; OSError, ValueError, SubprocessError if it fails."""


class FarmChoices:
    """The choices of one engine. `start` asks; `choices` is empty until the answer is there, and if there is none.

    Attributes:
        choices: Field of `SubmitOptions` -> the names that the engine has. Replaced as a whole by the thread.
        problem: Why there are no choices, in one line; "" if there are, or while the engine is asked.
        ended: Whether the engine has answered, or cannot.
    """

    def __init__(self, engine: str, *, ask: Ask | None = None) -> None:
        """Prepare the question.

        Args:
            engine: A key of ENGINES.
            ask: Runs the engine's program; None for the real one.
        """
        self._question = _QUESTIONS.get(engine)
        self._ask = ask
        self.choices: Mapping[str, Sequence[str]] = {}
        self.problem, self.ended = "", self._question is None

    def start(self) -> FarmChoices:
        """Ask the engine on a worker thread, and return at once.

        Returns:
            These choices.
        """
        if self._question is not None:
            arguments = (self._question,)
            threading.Thread(target=self._run, args=arguments, name="refcolorize farm choices", daemon=True).start()
        return self

    def _run(self, question: _Question) -> None:
        remedy = f"Type the names of {question.names}."
        try:
            self.choices = question.read(self._ask or question.ask)
        except subprocess.TimeoutExpired:
            self.problem = f"The farm did not answer within {_SECONDS:g} s. {remedy}"
        except (OSError, ValueError, LookupError, TypeError, subprocess.SubprocessError, RefColorizeError) as error:
            reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:_LONGEST]
            self.problem = f"The farm cannot be asked ({reason.rstrip('.')}). {remedy}"
        finally:
            self.ended = True


@dataclass(frozen=True)
class _Question:
    """How an engine is asked.

    Attributes:
        names: What it is asked for, in words.
        ask: Runs the engine's program.
        read: Returns its answers by the fields of `SubmitOptions`.
    """

    names: str
    ask: Ask
    read: Callable[[Ask], Mapping[str, Sequence[str]]]


def _pools_and_groups(ask: Ask) -> dict[str, list[str]]:
    pools = _plain(ask(("-pools",)).splitlines())
    return {"pool": pools, "secondary_pool": pools, "group": _plain(ask(("-groups",)).splitlines())}


def _shows_and_facilities(ask: Ask) -> dict[str, list[str]]:
    """OpenCue has a Python package but no program for this; the core's environment has it, and Nuke's has not."""
    answer = json.loads(ask(("farm", "choices", "opencue", "--json")))
    return {field: _plain(map(str, answer[field])) for field in ("show", "facility")}


def _plain(names: Iterable[str]) -> list[str]:
    """Return the names that a line of text can hold, each once."""
    stripped = (name.strip() for name in names)
    return [name for name in dict.fromkeys(stripped) if name and len(name) <= _LONGEST and name.isprintable()]


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


def _ask_core(arguments: Sequence[str]) -> str:
    """Return the output of the core's program. Raises ValueError with its own error line if it fails."""
    with open_core(*arguments, stderr=subprocess.PIPE) as process:
        try:
            output, errors = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    if process.returncode:
        raise ValueError(error_line(errors))
    return output


_QUESTIONS = {
    "deadline": _Question("pools and groups", _ask_deadline, _pools_and_groups),
    "opencue": _Question("show and facility", _ask_core, _shows_and_facilities),
}
