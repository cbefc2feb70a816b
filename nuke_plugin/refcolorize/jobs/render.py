"""Render jobs of a node: submit, follow and cancel them, and show their frames as they finish.

Everything that touches the node runs in the main thread. With a GUI the requests to the core run on a worker thread;
without one they run in the calling thread, which returns when the job has ended or raises an error.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import nuke

from ..core import server
from ..core.client import Client
from ..errors import Cancelled, CoreRefused, CoreUnreachable, RefColorizeError
from ..host.main_thread import in_main_thread, unless_rendering, when_idle
from ..node import nodes, scripts, shots
from ..node.frame_names import same_files
from ..node.mismatches import mismatches
from ..node.versions import write_confidence
from .progress import Progress, confidence_curve
from .task import BackgroundTask

__all__ = ["RenderTask", "cancel", "colorize", "follow", "preview", "reattach"]

_POLL_SECONDS = 1.0  # so that Cancel takes effect soon
_RELOAD_SECONDS = 5.0
_UNAUTHORIZED = 401  # the HTTP status if the core was restarted and has a new token
_LIVE_STATES = ("queued", "running")

_live_tasks: list[RenderTask] = []  # a list: several previews of a node may write to the same pattern


def colorize(node: nuke.Node) -> RenderTask:
    """Colour the node's shot, as a new version if anything has changed.

    Args:
        node: A RefColorize node.

    Returns:
        The task, which has ended if there is no GUI. If a task already renders this version, that one.

    Raises:
        RefColorizeError: If it fails before the core is asked; without a GUI, if it fails at all.
        Cancelled: If the artist cancels it, at the same times.
    """
    request = shots.build(node)
    version = shots.claim(node, request)
    if (running := _find_running(version.path)) is not None:
        return running
    with nuke.Undo():
        nuke.Undo.name(f"Colorize {version.name}")
        nodes.match_working_space(node)
        nodes.show(node, version.name, request.frames)
    notice = mismatches(node)
    return RenderTask(
        node, version.name, version.path, lambda client: client.submit(version.shot()), notice=notice
    ).begin()


def preview(node: nuke.Node, frame: int | None = None) -> RenderTask:
    """Colour one frame ahead of the queue, and show it when it is done.

    Args:
        node: A RefColorize node.
        frame: The frame to colour; None takes the current one.

    Returns:
        The task, which has ended if there is no GUI.

    Raises:
        RefColorizeError: If it fails before the core is asked; without a GUI, if it fails at all.
        Cancelled: If the artist cancels it, at the same times.
    """
    number = int(nuke.frame()) if frame is None else frame
    shot = shots.preview_shot(node, shots.build_frame_request(node, number))
    path = shot["output"]["path"]
    notice = mismatches(node)
    return RenderTask(
        node, nodes.PREVIEW, path, lambda client: client.preview(shot, number), preview_frames=[number], notice=notice
    ).begin()


def follow(node: nuke.Node) -> RenderTask:
    """Follow the node's last job again, for example after the script was reopened. It starts no core.

    Args:
        node: A RefColorize node.

    Returns:
        The task, which has ended if there is no GUI.

    Raises:
        RefColorizeError: If the node has no job.
    """
    job = str(node["job"].value())
    path = nodes.shown_path(node)
    if not job:
        raise RefColorizeError(f"{node.name()} has no job yet. Press Colorize.")
    if (running := _find_running(path)) is not None:
        return running
    name = str(node["version"].value())
    return RenderTask(node, name, path, lambda client: client.job(job), connect=_connect_to_running).begin()


def reattach() -> None:
    """Find the results of an opened script again, and follow those of its jobs that are still queued or running.

    It asks the core on a worker thread, and starts no core.
    """
    for node in nodes.all_nodes():
        with suppress(RuntimeError):  # a published LiveGroup cannot be edited
            nodes.relink(node)
    jobs = [(node, job) for node in nodes.all_nodes() if (job := str(node["job"].value()))]
    if jobs:
        threading.Thread(target=_reattach, args=(jobs,), name="refcolorize reattach", daemon=True).start()


def _reattach(jobs: list[tuple[nuke.Node, str]]) -> None:
    with suppress(RefColorizeError):
        client = server.find()
        for node, job in jobs if client is not None else []:
            with suppress(CoreRefused):  # the core no longer knows the job
                if client is not None and client.job(job)["state"] in _LIVE_STATES:
                    in_main_thread(follow, node)


def cancel(node: nuke.Node) -> None:
    """Ask the core to stop the node's job after the current frame.

    Args:
        node: A RefColorize node.

    Raises:
        RefColorizeError: If the node has no running job.
    """
    own = [running for running in tuple(_live_tasks) if running.belongs_to(node) and not running.progress.ended]
    for running in own:
        running.cancel()
    if not own:
        job, client = str(node["job"].value()), server.find()
        if not job or client is None or client.job(job)["state"] not in _LIVE_STATES:
            raise RefColorizeError(f"{node.name()} has no running job. Press Colorize to start one.")
        client.cancel(job)
    when_idle(lambda: _show_stopping(node, own))


def _show_stopping(node: nuke.Node, tasks: Sequence[RenderTask]) -> None:
    """Show that the tasks will stop, unless they have stopped while this waited for Nuke."""
    if not tasks or not all(task.progress.ended for task in tasks):
        with suppress(ValueError):  # Nuke raises it for a deleted node
            nodes.set_status(node, "Stopping after this frame")


def _find_running(path: str) -> RenderTask | None:
    """Return the running task that writes to this path, or None."""
    return next((task for task in tuple(_live_tasks) if same_files(task.path, path) and not task.progress.ended), None)


def _connect_to_running() -> Client:
    client = server.find()
    if client is None:
        raise CoreUnreachable("The core is not running. Press Colorize to start it and continue.")
    return client


class RenderTask(BackgroundTask):
    """The background task that submits a job and follows it.

    Attributes:
        path: Pattern of the frames that the job writes.
        job: The core's identifier of the job; "" until it is submitted.
        progress: The last known state of the job.
    """

    def __init__(
        self,
        node: nuke.Node,
        name: str,
        path: str,
        submit: Callable[[Client], Mapping[str, Any]],
        *,
        preview_frames: Sequence[int] = (),
        connect: Callable[[], Client] = server.ensure,
        notice: str = "",
    ) -> None:
        """Prepare the task; `begin` starts it.

        Args:
            node: A RefColorize node.
            name: What the job makes, for example "v001".
            path: Pattern of the frames that the job writes.
            submit: Submits the job, or looks it up, and returns it as the service's JSON.
            preview_frames: For a preview, the frames that the node shows when it is done; empty for a version.
            connect: Returns a client of the core.
            notice: A remark on the inputs for the artist.
        """
        super().__init__(node, thread="refcolorize")
        self.path, self._submit, self._connect = path, submit, connect
        self._preview_frames = preview_frames
        self._client: Client | None = None
        self._has_new_frames, self._reload_at = False, 0.0  # since the last reload, and the time of the next one
        self._restarted = False  # whether the core was restarted since the last finished frame
        self.job = ""
        self.progress = Progress(name, notice=notice)

    @property
    def state(self) -> str:
        """Return "starting", "queued", "running", "done", "failed" or "cancelled"."""
        return self.progress.state

    def belongs_to(self, node: nuke.Node) -> bool:
        """Return whether the task colours this node's shot.

        Args:
            node: A RefColorize node.
        """
        return self._node is node or self._node == node

    def begin(self) -> RenderTask:
        """Start the task, and list it among the running ones until it ends.

        Returns:
            The task itself, which has ended if there is no GUI.

        Raises:
            RefColorizeError: Without a GUI, if the task failed or was cancelled.
        """
        _live_tasks.append(self)
        return super().begin()

    def _unregister(self) -> None:
        with suppress(ValueError):  # already removed
            _live_tasks.remove(self)

    def _interrupted(self) -> None:
        if self._client is not None and self.job:
            with suppress(RefColorizeError):
                self._client.cancel(self.job)

    def _work(self) -> None:
        self._open_bar(self.progress.name)
        self._report([])
        self._client = self._reach_core()
        self._raise_if_cancelled()
        self._update(self._submit(self._client), [])
        self._store_job()
        self._follow()
        self._store_confidence()
        if self.state == "failed":
            raise RefColorizeError(f"{self._title}: {self.progress.error}")
        if self.state == "cancelled":
            raise Cancelled(f"{self._title}: {self.progress.describe()}.")
        self._run_on_node(self._show_end)

    def _follow(self) -> None:
        """Poll the job until it has ended."""
        cancel_sent = False
        while not self.progress.ended:
            if not cancel_sent and self._is_cancelled():
                cancel_sent = True
                self._request(lambda client: client.cancel(self.job))
            answer = self._request(
                lambda client: client.events(self.job, after=self.progress.after, wait=_POLL_SECONDS)
            )
            if answer is not None:
                self._update(answer["job"], answer["events"])

    def _store_confidence(self) -> None:
        """Write the confidence beside the version's frames, since the core forgets jobs. A failure is ignored."""
        if self._preview_frames or self._client is None:
            return
        with suppress(RefColorizeError):
            answer = self._client.frames(self.job)
            write_confidence(self.path, dict(confidence_curve(answer)))

    def _raise_if_cancelled(self) -> None:
        if not self.job and self._is_cancelled():
            raise Cancelled(f"{self._title}: {self.progress.name} was cancelled before it began.")

    # ---- the core

    def _reach_core(self) -> Client:
        """Return a client of the core, which is started if none runs; ask the artist what to do if that fails."""
        while True:
            try:
                return self._connect()
            except CoreUnreachable as error:
                if not nuke.GUI or self._connect is not server.ensure:
                    raise
                from .unreachable import ask

                start = ask(error, is_cancelled=self._is_cancelled)
                self._raise_if_cancelled()
                if not start:
                    raise

    def _request(self, send: Callable[[Client], Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Return the core's answer, or None if the core had to be found again; a new core continues the job."""
        assert self._client is not None
        try:
            return send(self._client)
        except (CoreUnreachable, CoreRefused) as error:
            if isinstance(error, CoreRefused) and error.status != _UNAUTHORIZED:
                raise
            if not server.connection_file().is_file():
                raise CoreUnreachable("The core was stopped. The job continues when it runs again.") from None
            if self._restarted:
                raise
        self._restarted = True
        before, self._client = self._client.url, self._reach_core()
        if self._client.url != before:
            self.progress.add_note("The core had ended and was started again")
        return None

    # ---- the artist

    def _update(self, job: Mapping[str, Any], events: list[Mapping[str, Any]]) -> None:
        self.job = job["id"]
        frames = self.progress.update(job, events)
        if frames:
            self._restarted = False
        self._report(frames)

    def _report(self, finished: list[int]) -> None:
        status = self.progress.describe()
        self._show_bar(status, self.progress.percent)
        self._has_new_frames = self._has_new_frames or bool(finished)
        with suppress(ValueError):  # Nuke raises it for a deleted node
            unless_rendering(lambda: self._show(status))  # otherwise with the next update, or at the end

    def _show(self, status: str) -> None:
        if not nuke.GUI and self._node["status"].value() != status:
            nuke.tprint(f"{self._title}: {status}")
        if self._node["status"].value() != status:
            nodes.set_status(self._node, status)
        self._reload()

    def _reload(self) -> None:
        """Reload the files every few seconds and at the end, no more often: Nuke drops its playback cache each time."""
        if not self._has_new_frames or not (self.progress.ended or time.monotonic() > self._reload_at):
            return
        if nodes.is_showing(self._node, self.path):
            nodes.reload_result(self._node)
        self._has_new_frames, self._reload_at = False, time.monotonic() + _RELOAD_SECONDS

    def _store_job(self) -> None:
        if not self._preview_frames:
            self._run_on_node(self._store_in_script)

    def _store_in_script(self) -> None:
        """Store the job in the node and save the script, so that the job is found again after a crash.

        The job runs on if the script cannot be saved. A copy beside the version's frames names the job then.
        """
        nodes.store_job(self._node, self.job)
        if not nuke.GUI:
            return
        try:
            scripts.save()
        except RefColorizeError as error:
            self.progress.add_note(str(error))
            self.progress.add_note(self._save_copy())

    def _save_copy(self) -> str:
        try:
            copy = scripts.save_copy(Path(self.path).parent)
        except RefColorizeError as error:
            return str(error)
        return f"A copy of the script is {copy.as_posix()}"

    def _show_end(self) -> None:
        self._show(self.progress.describe())
        if self._preview_frames:
            with nuke.Undo():
                nuke.Undo.name("Preview frame")
                nodes.show(self._node, self.progress.name, self._preview_frames)

    def _failed(self, error: RefColorizeError) -> None:
        if not self.progress.ended:
            self.progress.state = "cancelled" if isinstance(error, Cancelled) else "failed"
            self.progress.error = str(error)
        with suppress(RefColorizeError):  # Nuke is closing, or the group lacks a node
            self._run_on_node(lambda: nodes.set_status(self._node, self.progress.describe()))
            self._run_on_node(self._reload)
            if nuke.GUI and not isinstance(error, (Cancelled, CoreUnreachable)):
                from ..host.dialogs import show_message

                in_main_thread(show_message, f"{self._title} {self.progress.name}", str(error))

    def _run_on_node(self, action: Callable[[], object]) -> None:
        """Run it in the main thread. A deleted node is ignored: its job goes on without it."""
        with suppress(ValueError):  # Nuke raises it for a deleted node
            in_main_thread(action)
