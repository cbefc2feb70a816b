"""Render a node's inputs in a second Nuke, so that the artist's own stays usable.

The second Nuke has no GUI. It opens a copy of the script and renders with the same code as this one would
(render_process.py). It ends when this Nuke ends, however that happens, because its standard input closes then.

`nuke.executeBackgroundNuke` is not used: it can neither be cancelled nor asked why it failed, and Foundry's own render
dialog calls it deprecated (docs/nuke_facts.yaml).
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import nuke

from ..errors import Cancelled, RefColorizeError
from ..node.json_files import read_object
from ..node.rendered_inputs import InputRender
from ..node.shot_plan import ShotPlan

__all__ = ["VARIABLE", "SecondNuke", "SecondNukeUnavailable", "is_wanted", "prepare", "unavailable_reason"]

VARIABLE = "STCOLOR_SECOND_NUKE"  # how a second Nuke is licensed: a key of _LICENSES; or "off"
_LICENSES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "": (("-i",), ()),
    "interactive": (("-i",),),
    "render": ((),),
}
_OFF = "off"
_NO_LICENSE = 100  # Nuke's exit status
_UNSUPPORTED = ("nc", "ple", "indie", "assist")  # keys of nuke.env: products whose terminal is limited or missing
_PRODUCTS = {"studio": "--studio", "nukex": "--nukex"}  # keys of nuke.env, and the product's switch
_PROGRAM = Path(__file__).with_name("render_process.py")
_POLL_SECONDS = 0.2
_START_SECONDS = 300.0  # heavy scripts take minutes to open
_END_SECONDS = 5.0

_unavailable: list[str] = []  # why this session starts no second Nuke any more: at most one reason


class SecondNukeUnavailable(RefColorizeError):
    """No second Nuke can be started here, so that this one must render. The message says why."""


def unavailable_reason() -> str:
    """Return why this session does not use a second Nuke; "" if it may."""
    choice = os.environ.get(VARIABLE, "").strip().lower()
    if choice == _OFF:
        return f"${VARIABLE} is off"
    if choice not in _LICENSES:
        return f"${VARIABLE} is {choice!r}, but must be interactive, render or off"
    product = next((name for name in _UNSUPPORTED if nuke.env.get(name)), None)
    if product is not None:
        return f"Nuke's edition {product} has no second process"
    return _unavailable[0] if _unavailable else ""


def is_wanted(plan: ShotPlan) -> bool:
    """Return whether a second Nuke should render a shot's inputs, if there can be one.

    This Nuke renders a few files of a Read itself, because that takes less time than a second Nuke's start. It also
    renders if the artist has switched the knob off, and if it has no GUI that must stay usable.

    Args:
        plan: The shot.
    """
    return bool(nuke.GUI) and plan.in_background and plan.is_slow


def prepare(plan: ShotPlan) -> SecondNuke | None:
    """Copy the script for a second Nuke. Main thread only.

    Args:
        plan: The shot, as the script is now.

    Returns:
        The second Nuke, which is not started yet; None if this Nuke should render.

    Raises:
        RefColorizeError: If the output folder, or the copy, cannot be written.
    """
    if not is_wanted(plan) or unavailable_reason():
        return None
    second = SecondNuke(plan, Path(tempfile.mkdtemp(prefix="refcolorize_")))
    atexit.register(second.clean_up)
    try:
        second.copy_script()
    except BaseException:
        second.clean_up()
        raise
    return second


@dataclass(frozen=True)
class _Part:
    """An input that the second Nuke renders, and the partial folder for its files."""

    render: InputRender
    folder: Path

    def done(self) -> int:
        return sum(self.render.file(self.folder, frame).is_file() for frame in self.render.missing)


class SecondNuke:
    """A second Nuke that renders the missing frames of a shot's inputs.

    Attributes:
        plan: The shot.
    """

    def __init__(self, plan: ShotPlan, folder: Path) -> None:
        """Prepare it; call `copy_script` before `run`.

        Args:
            plan: The shot.
            folder: A folder for the copy of the script, which only its owner can read. It is removed by `clean_up`.
        """
        self.plan, self._folder = plan, folder
        self._parts: list[_Part] = []
        self._total = sum(len(render.missing) for render in plan.missing)

    def copy_script(self) -> None:
        """Save a copy of the script, and make the partial folders. Main thread only.

        Raises:
            RefColorizeError: If something cannot be written.
        """
        copy = self._folder / "copy.nk"
        try:
            nuke.scriptSaveToTemp(copy.as_posix())
        except (RuntimeError, OSError) as error:
            raise RefColorizeError(f"A copy of the script cannot be saved as {copy.as_posix()} ({error}).") from None
        for render in self.plan.missing:
            self._parts.append(_Part(render, render.new_folder()))
        request = {
            "script": copy.as_posix(),
            "name": str(nuke.root()["name"].value()),
            "view": self.plan.view,
            "renders": [
                {
                    "source": part.render.source.fullName(),
                    "label": part.render.label,
                    "name": part.render.name,
                    "channels": part.render.channels,
                    "frames": list(part.render.missing),
                    "folder": part.folder.as_posix(),
                }
                for part in self._parts
            ],
        }
        self._file("request").write_text(json.dumps(request), encoding="utf-8")

    def run(self, *, is_cancelled: Callable[[], bool], report: Callable[[str, int], object]) -> dict[str, str]:
        """Render, and move the files to their final place. Call it on a worker thread.

        Args:
            is_cancelled: Asked several times a second; the second Nuke is stopped when it returns True.
            report: Called with a line for the artist and the finished share of the frames in percent.

        Returns:
            The path of each input's files, by its name.

        Raises:
            Cancelled: If it was cancelled.
            SecondNukeUnavailable: If no second Nuke can be started here.
            RefColorizeError: If an input cannot be rendered; the message names the node and the frame.
        """
        try:
            self._render(is_cancelled, report)
            paths = {part.render.name: part.render.finish(part.folder) for part in self._parts}
            complete = [render for render in self.plan.renders if not render.missing]
            return {**paths, **{render.name: render.finish(render.new_folder()) for render in complete}}
        finally:
            self.clean_up()

    def clean_up(self) -> None:
        """Remove the copy of the script and what was rendered in part."""
        atexit.unregister(self.clean_up)
        for folder in (self._folder, *(part.folder for part in self._parts)):
            shutil.rmtree(folder, ignore_errors=True)

    def _render(self, is_cancelled: Callable[[], bool], report: Callable[[str, int], object]) -> None:
        report("starting a second Nuke for the inputs", 0)
        for switches in _LICENSES[os.environ.get(VARIABLE, "").strip().lower()]:
            process = self._start(switches)
            try:
                self._follow(process, is_cancelled, report)
            finally:
                _end(process)
            if self._result().get("error") == "":
                return
            if process.returncode != _NO_LICENSE:
                break
        raise self._failure(process.returncode)

    def _start(self, switches: Sequence[str]) -> subprocess.Popen[bytes]:
        products = [switch for name, switch in _PRODUCTS.items() if nuke.env.get(name)][:1]
        request = self._file("request").as_posix()
        command = [nuke.EXE_PATH, *products, *switches, "-t", _PROGRAM.as_posix(), request]
        window = 0
        if sys.platform == "win32":
            window = subprocess.CREATE_NO_WINDOW
        with self._file("log").open("wb") as log:
            try:
                return subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, creationflags=window
                )
            except OSError as error:
                raise _refuse(f"{nuke.EXE_PATH} cannot be started ({error.strerror or error})") from None

    def _follow(
        self,
        process: subprocess.Popen[bytes],
        is_cancelled: Callable[[], bool],
        report: Callable[[str, int], object],
    ) -> None:
        names = " and ".join(part.render.name for part in self._parts)
        shown, start_limit = -1, time.monotonic() + _START_SECONDS
        while process.poll() is None:
            if is_cancelled():
                raise Cancelled(f"Rendering {names} was cancelled. Nothing was changed.")
            has_begun = self._file("begun").is_file()
            if not has_begun and time.monotonic() > start_limit:
                raise _refuse(f"it did not open the script within {_START_SECONDS:g} s")
            done = sum(part.done() for part in self._parts)
            if done != shown and has_begun:
                shown = done
                report(f"rendering {names}, {done} of {self._total} frames", 100 * done // max(1, self._total))
            time.sleep(_POLL_SECONDS)

    def _failure(self, status: int) -> RefColorizeError:
        """Return the error for a second Nuke that did not finish."""
        if status == _NO_LICENSE:
            return _refuse("there is no licence for it")
        error = self._result().get("error")
        if error:
            return RefColorizeError(str(error))
        last = self._last_line()
        if not self._file("begun").is_file():
            return _refuse(f"it ended at its start{f': {last}' if last else ''}")
        frames = [(part, frame) for part in self._parts for frame in part.render.missing]
        for part, frame in frames:
            if not part.render.file(part.folder, frame).is_file():
                return RefColorizeError(
                    f"{part.render.label}: the second Nuke ended at frame {frame} (status {status}"
                    f"{f', {last}' if last else ''}). Switch off render in background, then try again."
                )
        return RefColorizeError(f"The second Nuke ended too early (status {status}). Try again.")

    def _result(self) -> dict[str, object]:
        return read_object(self._file("result"))

    def _last_line(self) -> str:
        with suppress(OSError):
            lines = self._file("log").read_text(encoding="utf-8", errors="replace").split("\n")
            return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")
        return ""

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.{'txt' if name == 'log' else 'json'}"


def _refuse(reason: str) -> SecondNukeUnavailable:
    """Return the error, and remember the reason: this session tries no second Nuke again."""
    _unavailable[:] = [reason]
    return SecondNukeUnavailable(reason)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process if it still runs; it ends by itself when its standard input closes, unless it hangs."""
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    try:
        process.wait(_END_SECONDS if process.poll() is None else None)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
