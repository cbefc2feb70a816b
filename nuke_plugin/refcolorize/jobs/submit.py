"""Submit a node's shot to a farm: write it as a file, and let the core's program make a job of it.

With a GUI the program runs on a worker thread; without one it runs in the calling thread, and `submit` returns when it
has ended. The farm dialog (panel/farm_dialog.py) calls `send`, as `submit` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import nuke

from ..core.engines import ENGINES
from ..core.server import core_command
from ..errors import Cancelled, RefColorizeError
from ..host.main_thread import in_main_thread
from ..node import node_results, nodes, scripts, shots
from ..node.frame_names import same_files
from ..node.frame_texts import frame_numbers
from ..node.mismatches import mismatches
from ..node.preferences import path_substitutions
from ..node.script_nodes import is_in_script
from ..node.shot_plan import ShotRequest
from ..node.shown_version import withdraw
from ..node.write_nodes import writes_below
from . import farm
from .farm import Submission, SubmitOptions
from .farm_summary import FarmShot
from .input_rendering import InputRendering
from .progress import ASKS_ABOUT_KEYS
from .reference_check import SUBMIT, WRITE, keep_flaws, require_color
from .running_tasks import live_submissions
from .task import BackgroundTask
from .written_shot import WrittenShot, use_existing_shot, write_new_shot

__all__ = ["SubmitTask", "require_script", "send", "submit", "write_shot"]


def submit(node: nuke.Node, *, confirmed: bool = False, **options: Any) -> SubmitTask:
    """Save the script, write the node's shot and make a farm job of it.

    Args:
        node: A RefColorize node.
        confirmed: Whether keyframes without colour are accepted. Without a GUI they are an error otherwise.
        **options: The fields of `farm.SubmitOptions`, by name.

    Returns:
        The task, which has ended if there is no GUI.

    Raises:
        RefColorizeError: If it fails before the core's program runs; without a GUI, if it fails at all.
        Cancelled: If the artist cancels it, at the same times.
    """
    return send(node, SubmitOptions(**options), confirmed=confirmed)


def send(node: nuke.Node, options: SubmitOptions, *, confirmed: bool = False, in_dialog: bool = False) -> SubmitTask:
    """Do the same as `submit`, with the options as one object.

    Args:
        node: A RefColorize node.
        options: Which job to make.
        confirmed: As for `submit`.
        in_dialog: Whether a dialog shows why it failed, so that the status line need not.

    Returns:
        The task, which has ended if there is no GUI.

    Raises:
        RefColorizeError: If it fails before the core's program runs; without a GUI, if it fails at all.
        Cancelled: If the artist cancels it, at the same times.
    """
    farm.check(options)
    script = require_script()
    core_command()  # raises an error if the core is not installed, before anything is rendered
    writes = _chosen_writes(node, options)
    nodes.hide_viewing_aids(node)
    task = SubmitTask(node, options, script=script, writes=writes, confirmed=confirmed, in_dialog=in_dialog)
    if options.version is not None:
        task.take_shot(use_existing_shot(node, options.version))
    else:
        rendering = InputRendering(lambda: shots.plan(node))
        if rendering.is_pending:
            task.wait_for(rendering)
        else:
            task.take_shot(write_new_shot(node, rendering.render_here()), note=rendering.note)
    return task.begin()


def farm_shot(node: nuke.Node, version: int | None = None) -> FarmShot:
    """Return the frames and keyframes that a submission would have. Nothing is rendered or written.

    Args:
        node: A RefColorize node.
        version: As for `write_shot`.

    Raises:
        RefColorizeError: If the node has no plate, its frame range is wrong, or there is no such version.
    """
    if version is None:
        frames, keys, plate = shots.frames_and_keys(node)
        return FarmShot(tuple(frames), tuple(keys), plate)
    found = next((each for each in node_results.versions(node) if each.number == version), None)
    if found is None:
        raise RefColorizeError(f"{node.name()} has no version v{version:03d} on disk. Choose one that is there.")
    shot, used = found.shot(), found.keyframes()
    read = frame_numbers(shot.get("plate", {}).get("frames"))
    written = frame_numbers(shot.get("output", {}).get("frames")) or read
    everything = (*read, *written, *used)
    if not everything:
        raise RefColorizeError(f"{found.shot_file.as_posix()} cannot be read. Submit the node as it is now.")
    return FarmShot(written, used, (min(everything), max(everything)))


def require_script() -> Path:
    """Return the path of the saved script, which the farm will read.

    Raises:
        RefColorizeError: If the script was never saved, or somebody else has saved it meanwhile.
    """
    name = str(nuke.root()["name"].value())
    if not name:
        raise RefColorizeError("The script has no name yet. Save it, then render on the farm.")
    scripts.require_unchanged()
    return Path(name).absolute()


def write_shot(node: nuke.Node, version: int | None = None) -> Path:
    """Write the node's shot beside the frames of its version, and save the script.

    The node then shows that version, although its frames are still to be rendered.

    Args:
        node: A RefColorize node.
        version: Number of a version on disk whose shot is used unchanged; None writes the node's shot as it is now.

    Returns:
        The shot file, for `stcolor colorize --shot`.

    Raises:
        RefColorizeError: If there is no such version, or the shot cannot be built or written.
        Cancelled: If the artist cancels the rendering of the inputs.
    """
    written = write_new_shot(node, shots.build(node)) if version is None else use_existing_shot(node, version)
    return written.version.shot_file


def _chosen_writes(node: nuke.Node, options: SubmitOptions) -> list[str]:
    below = writes_below(node)
    for name in options.writes or ():
        if name not in below:
            raise RefColorizeError(f"{name} is not an enabled Write node below {node.name()}. Leave it out.")
    return below if options.writes is None else list(options.writes)


class SubmitTask(BackgroundTask):
    """The background task that makes a farm job.

    Attributes:
        line: The command as one line, to run it by hand.
        submitted: The result; None until the task has ended, and after a failure.
        is_asking: Whether the artist is asked about keyframes without colour, and nothing goes on.
    """

    def __init__(
        self,
        node: nuke.Node,
        options: SubmitOptions,
        *,
        script: Path,
        writes: Sequence[str],
        confirmed: bool,
        in_dialog: bool,
    ) -> None:
        """Prepare the task; call `take_shot` or `wait_for`, then `begin`.

        Args:
            node: A RefColorize node.
            options: Which job to make.
            script: The saved script.
            writes: Names of the Write nodes to render after the colour.
            confirmed: Whether keyframes without colour are accepted.
            in_dialog: As for `send`.
        """
        super().__init__(node, thread="refcolorize farm")
        self._options, self._script, self._writes = options, script, writes
        self._confirmed, self._in_dialog, self._name = confirmed, in_dialog, str(node.fullName())
        self._written: WrittenShot | None = None
        self._notice = mismatches(node)  # between plate and ref
        self._version, self._arguments = "inputs", list[str]()
        self._rendering: InputRendering | None = None
        self.line, self.is_asking = "", False
        self.submitted: Submission | None = None

    def take_shot(self, written: WrittenShot, *, note: str = "") -> None:
        """Set the shot of the job. Main thread only.

        Args:
            written: The version and its shot.
            note: A remark on its inputs for the artist.
        """
        self._written, self._version = written, written.version.name
        name = f"{self._script.stem} {self._node.fullName()} {self._version}"
        self._arguments = farm.build_arguments(
            self._options,
            shot=written.version.shot_file,
            name=name,
            script=self._script,
            writes=self._writes,
            substitutions=path_substitutions(),
        )
        self._notice = " ".join(text for text in (self._notice, note, written.note) if text)
        self.line = farm.shell_line(self._arguments)

    @property
    def renders_inputs(self) -> bool:
        """Return whether inputs are rendered that no version names yet."""
        return self._rendering is not None and self._written is None and not self.ended

    def _register(self) -> None:
        live_submissions.append(self)

    def _unregister(self) -> None:
        with suppress(ValueError):  # already removed
            live_submissions.remove(self)

    def wait_for(self, rendering: InputRendering) -> None:
        """Let the task wait for a second Nuke before it writes the shot.

        Args:
            rendering: The rendering of the shot's inputs, which is pending.
        """
        self._rendering = rendering

    def _work(self) -> None:
        self._open_bar(self._version)
        self._render_inputs()
        self._check_references()
        status = f"{self._version}: writing the job for {ENGINES[self._options.engine].title}"
        self._show_bar(status)
        self._show_status(". ".join(text for text in (status, self._notice) if text))
        submitted = farm.run(self._options, self._arguments, is_cancelled=self._is_cancelled)
        self._show_status(" ".join([f"{self._version}: {submitted.describe()}", self._notice]).strip())
        self.submitted = submitted

    def _check_references(self) -> None:
        """Raise Cancelled if the artist does not accept the keyframes that have no colour."""
        written = self._written
        if written is None or self._confirmed:
            return
        self._report_inputs("looking at the keyframes", 0)
        try:
            flaws = farm.find_colorless(written.version.shot_file, is_cancelled=self._is_cancelled)
            keep_flaws(self._name, flaws)
            require_color(
                flaws,
                title=self._title,
                path=written.version.path,
                confirmed=False,
                is_cancelled=self._is_cancelled,
                on_question=self._report_question,
                action=SUBMIT if self._options.submit and ENGINES[self._options.engine].submits else WRITE,
            )
        finally:
            self.is_asking = False

    def _report_question(self) -> None:
        self.is_asking = True
        self._report_inputs(ASKS_ABOUT_KEYS, 0)

    def _withdraw(self, written: WrittenShot) -> None:
        """Show what the node showed before, and remove a new version unless a job was written beside it.

        The script was saved with this version. It is saved again, unless the artist has changed something since.
        """
        if same_files(written.shown.file, written.version.path):  # it was sent again, and was shown before
            return
        was_saved = not nuke.root().modified()
        withdraw(self._node, written.version, shown=written.shown, discard=written.is_new, has_job=False)
        if was_saved and is_in_script(self._node):
            scripts.save()

    def _render_inputs(self) -> None:
        """Wait for the second Nuke, if the inputs need one, and write the shot of what it has rendered."""
        if self._rendering is None:
            return
        request = self._rendering.wait(is_cancelled=self._is_cancelled, report=self._report_inputs)
        note = self._rendering.note
        in_main_thread(lambda: self._take_new_shot(request, note))

    def _take_new_shot(self, request: ShotRequest, note: str) -> None:
        """Write the shot. The script may have got another name and other Write nodes while the inputs were rendered."""
        if not is_in_script(self._node):
            raise Cancelled("The node was deleted, or its script was closed, while its inputs were rendered.")
        self._script, self._writes = require_script(), _chosen_writes(self._node, self._options)
        self.take_shot(write_new_shot(self._node, request), note=note)

    def _report_inputs(self, text: str, percent: int) -> None:
        self._show_bar(f"{self._version}: {text}", percent)
        self._show_status(f"{self._version}: {text}")

    def _failed(self, error: RefColorizeError) -> None:
        if self._written is not None:
            with suppress(ValueError, RefColorizeError):  # the node is deleted, or Nuke is closing
                in_main_thread(self._withdraw, self._written)
        is_told = self._in_dialog and not self._is_cancelled()
        with suppress(Cancelled):  # Nuke is closing
            self._show_status(f"{self._version}: not submitted" if is_told else str(error))

    def _show_status(self, text: str) -> None:
        in_main_thread(self._show_status_in_main_thread, text)

    def _show_status_in_main_thread(self, text: str) -> None:
        if not nuke.GUI:
            nuke.tprint(f"{self._title}: {text}")
        with suppress(ValueError):  # Nuke raises it for a deleted node
            nodes.set_status(self._node, text)
