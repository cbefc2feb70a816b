"""A node's shot on its way to a farm: written as a file, and made a job of by the core's program.

With a GUI the program runs in a thread of its own; without one all happens where it is called, and ends with the job or
with an error. `submit` is the same for both; the dialog of farm_dialog.py is only one more who calls `send`.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import nuke

from ..core.engines import ENGINES
from ..core.server import core_command
from ..errors import Cancelled, RefColorizeError
from ..host.main_thread import in_main_thread
from ..node import nodes, scripts, shots
from ..node.mismatches import mismatches
from ..node.versions import SHOT_FILE
from . import farm
from .farm import Submission, SubmitOptions
from .task import BackgroundTask

__all__ = ["SubmitTask", "require_script", "send", "submit", "write_shot", "writes_below"]


def submit(node: nuke.Node, **wanted: Any) -> SubmitTask:
    """Save the script, write the node's shot and have it made a job.

    wanted: the fields of `farm.SubmitOptions`, by name.

    Raises RefColorizeError, and Cancelled, for what goes wrong before the core's program runs; without a GUI for all
    that goes wrong.
    """
    return send(node, SubmitOptions(**wanted))


def send(node: nuke.Node, wanted: SubmitOptions) -> SubmitTask:
    """As `submit`."""
    farm.check(wanted)
    script = require_script()
    core_command()  # raises where there is none, before anything is rendered
    writes = _writes(node, wanted)
    nodes.hide_overlay(node)
    shot = write_shot(node, wanted.version)
    name = f"{script.stem} {node.fullName()} {shot.parent.name}"
    arguments = farm.arguments(wanted, shot=shot, name=name, script=script, writes=writes)
    return SubmitTask(node, wanted, arguments, version=shot.parent.name).begin()


def require_script() -> Path:
    """Where the script is saved, for the farm to read. Raises RefColorizeError where it is not."""
    name = str(nuke.root()["name"].value())
    if not name:
        raise RefColorizeError("The script has no name yet. Save it, then render on the farm.")
    return Path(name).absolute()


def write_shot(node: nuke.Node, version: int | None = None) -> Path:
    """Write the node's shot beside the frames of its version, and save the script; `stcolor colorize --shot` takes it.

    version: one on disk, whose shot is taken as it is. The node shows that version, whose frames are still to come.
    Raises as `shots.build` and `shots.claim`, and RefColorizeError where there is no such version.
    """
    file = _shot_of(node, version) if version is not None else _new_shot(node)
    nodes.set_status(node, f"{file.parent.name}: the shot is written to {file.as_posix()}")
    scripts.save()
    return file


def _new_shot(node: nuke.Node) -> Path:
    asked = shots.build(node)
    version = shots.claim(node, asked)
    with nuke.Undo():
        nuke.Undo.name(f"Shot {version.name}")
        nodes.match_working_space(node)
        nodes.show(node, version.name, asked.frames)
    return version.shot_file


def _shot_of(node: nuke.Node, number: int) -> Path:
    file = Path(nodes.results(node).pattern(f"v{number:03d}")).with_name(SHOT_FILE)
    if not file.is_file():
        raise RefColorizeError(f"There is no {file.as_posix()}. Choose a version that is there, or none for a new one.")
    with nuke.Undo():
        nuke.Undo.name(f"Use v{number:03d}")
        nodes.use_version(node, number)
    return file


def writes_below(node: nuke.Node) -> list[str]:
    """The Write nodes at the script's top level that the node's picture reaches and that are switched on, by name."""
    found: set[str] = set()
    seen = {node.fullName()}
    waiting = [node]
    while waiting:
        at = waiting.pop()
        below = [at.parent()] if at.Class() == "Output" else at.dependent(nuke.INPUTS | nuke.HIDDEN_INPUTS)
        for other in below:
            if other.fullName() not in seen:
                seen.add(other.fullName())
                waiting.append(other)
                if _renders(other):
                    found.add(other.name())
    return sorted(found)


def _renders(node: nuke.Node) -> bool:
    """Whether it is a Write that a farm can be told to render."""
    return node.Class() == "Write" and node.fullName() == node.name() and not node["disable"].value()


def _writes(node: nuke.Node, wanted: SubmitOptions) -> list[str]:
    below = writes_below(node)
    for name in wanted.writes or ():
        if name not in below:
            raise RefColorizeError(f"{name} is no Write node below {node.name()} that is switched on. Leave it out.")
    return below if wanted.writes is None else list(wanted.writes)


class SubmitTask(BackgroundTask):
    """A job that is made. submitted: what came of it, once that is known; None if nothing did.

    line: what runs, to be typed by hand.
    """

    def __init__(self, node: nuke.Node, wanted: SubmitOptions, arguments: list[str], *, version: str) -> None:
        super().__init__(node, thread="refcolorize farm")
        self._wanted, self._arguments, self._version = wanted, arguments, version
        self._notice = mismatches(node)  # of plate and ref
        self.line = farm.by_hand(arguments)
        self.submitted: Submission | None = None

    def _work(self) -> None:
        doing = f"{self._version}: writing the job for {ENGINES[self._wanted.engine].title}"
        self._open_bar(self._version)
        self._show_bar(doing)
        self._say(". ".join(text for text in (doing, self._notice) if text))
        submitted = farm.run(self._wanted, self._arguments, cancelled=self._is_unwanted)
        self._say(" ".join([f"{self._version}: {submitted.words()}", self._notice]).strip())
        self.submitted = submitted

    def _failed(self, error: RefColorizeError) -> None:
        with suppress(Cancelled):  # Nuke is closing
            self._say(str(error))

    def _say(self, words: str) -> None:
        in_main_thread(self._say_in_main_thread, words)

    def _say_in_main_thread(self, words: str) -> None:
        if not nuke.GUI:
            nuke.tprint(f"{self._title}: {words}")
        with suppress(ValueError):  # what Nuke raises for a node that was deleted
            nodes.set_status(self._node, words)
