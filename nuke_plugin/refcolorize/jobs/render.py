"""A job from the node: submitted, followed, cancelled, its frames shown as they come.

Everything that touches the node runs in the main thread. With a GUI the core is talked to in a thread of its own;
without one all happens where it is called, and ends done or with an error.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
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

_POLL_SECONDS = 1.0  # so that Cancel is heard soon
_RELOAD_SECONDS = 5.0
_NEW_TOKEN = 401
_LIVE = ("queued", "running")

_live: list[RenderTask] = []  # previews of a node write to the same pattern, and may be several


def colorize(node: nuke.Node) -> RenderTask:
    """Colour the node's shot, as a new version where anything has changed.

    Raises RefColorizeError, and Cancelled, for what goes wrong before a core is asked; without a GUI for all that goes
    wrong.
    """
    asked = shots.build(node)
    version = shots.claim(node, asked)
    if (running := _running(version.path)) is not None:
        return running
    with nuke.Undo():
        nuke.Undo.name(f"Colorize {version.name}")
        nodes.match_working_space(node)
        nodes.show(node, version.name, asked.frames)
    notice = mismatches(node)
    return RenderTask(
        node, version.name, version.path, lambda client: client.submit(version.shot()), notice=notice
    ).begin()


def preview(node: nuke.Node, frame: int | None = None) -> RenderTask:
    """Colour one frame, by default the current one, ahead of the queue; it is shown when it is done.

    Raises as `colorize`.
    """
    at = int(nuke.frame()) if frame is None else frame
    shot = shots.preview_of(node, shots.build_around(node, at))
    path = shot["output"]["path"]
    notice = mismatches(node)
    return RenderTask(
        node, nodes.PREVIEW, path, lambda client: client.preview(shot, at), shown_at_end=[at], notice=notice
    ).begin()


def follow(node: nuke.Node) -> RenderTask:
    """Go on following the node's last job, as after the script was opened again. Starts no core.

    Raises RefColorizeError where the node has none.
    """
    job = str(node["job"].value())
    path = nodes.shown_files(node)
    if not job:
        raise RefColorizeError(f"{node.name()} has no job yet. Press Colorize.")
    if (running := _running(path)) is not None:
        return running
    name = str(node["version"].value())
    return RenderTask(node, name, path, lambda client: client.job(job), reach=_reach_running).begin()


def reattach() -> None:
    """Find the results of a script that was opened, and follow those of its jobs that the core is still at.

    It asks in a thread of its own, and starts no core.
    """
    for node in nodes.all_nodes():
        nodes.relink(node)
    jobs = [(node, job) for node in nodes.all_nodes() if (job := str(node["job"].value()))]
    if jobs:
        threading.Thread(target=_reattach, args=(jobs,), name="refcolorize reattach", daemon=True).start()


def _reattach(jobs: list[tuple[nuke.Node, str]]) -> None:
    with suppress(RefColorizeError):
        client = server.find()
        for node, job in jobs if client is not None else []:
            with suppress(CoreRefused):  # a core that has forgotten the job
                if client is not None and client.job(job)["state"] in _LIVE:
                    in_main_thread(follow, node)


def cancel(node: nuke.Node) -> None:
    """Ask the core to stop the node's job within one frame. RefColorizeError where nothing runs."""
    own = [running for running in tuple(_live) if running.is_of(node) and not running.progress.ended]
    for running in own:
        running.cancel()
    if not own:
        job, client = str(node["job"].value()), server.find()
        if not job or client is None or client.job(job)["state"] not in _LIVE:
            raise RefColorizeError(f"{node.name()} has no job that runs.")
        client.cancel(job)
    when_idle(lambda: nodes.set_status(node, "Stopping after this frame"))


def _running(path: str) -> RenderTask | None:
    """The job that is at these frames now."""
    return next((each for each in tuple(_live) if same_files(each.path, path) and not each.progress.ended), None)


def _reach_running() -> Client:
    client = server.find()
    if client is None:
        raise CoreUnreachable("The core is not running. Press Colorize, which starts it and goes on.")
    return client


class RenderTask(BackgroundTask):
    """A job that is followed. path: of what it writes. progress: how it stands."""

    def __init__(
        self,
        node: nuke.Node,
        name: str,
        path: str,
        submit: Callable[[Client], Mapping[str, Any]],
        *,
        shown_at_end: Sequence[int] = (),
        reach: Callable[[], Client] = server.ensure,
        notice: str = "",
    ) -> None:
        """name, path: of what is made. submit: gives the core's job. shown_at_end: frames, where not shown already.

        reach: gives the core. notice: what the artist should know of the inputs.
        """
        super().__init__(node, thread="refcolorize")
        self.path, self._submit, self._reach = path, submit, reach
        self._shown_at_end = shown_at_end
        self._client: Client | None = None
        self._unseen, self._reload_at = False, 0.0  # frames since the last reload, and when the next may be
        self._restarted = False  # since the last frame that was finished
        self.job = ""
        self.progress = Progress(name, notice=notice)

    @property
    def state(self) -> str:
        """starting, queued, running, done, failed or cancelled."""
        return self.progress.state

    def is_of(self, node: nuke.Node) -> bool:
        """Whether it colours this node's shot."""
        return self._node is node or self._node == node

    def begin(self) -> RenderTask:
        """Start it, and have it found by the node and by what it writes for as long as it lasts."""
        _live.append(self)
        return super().begin()

    def _forget(self) -> None:
        with suppress(ValueError):  # forgotten already
            _live.remove(self)

    def _interrupted(self) -> None:
        if self._client is not None and self.job:
            with suppress(RefColorizeError):
                self._client.cancel(self.job)

    def _work(self) -> None:
        self._open_bar(self.progress.name)
        self._tell([])
        self._client = self._core()
        self._require_wanted()
        self._hear(self._submit(self._client), [])
        self._keep_job()
        self._follow()
        self._keep_confidence()
        if self.state == "failed":
            raise RefColorizeError(f"{self._title}: {self.progress.error}")
        if self.state == "cancelled":
            raise Cancelled(f"{self._title}: {self.progress.words()}.")
        self._on_node(self._show_end)

    def _follow(self) -> None:
        """Hear of the job until it has ended."""
        asked = False
        while not self.progress.ended:
            if not asked and self._is_unwanted():
                asked = True
                self._ask(lambda client: client.cancel(self.job))
            answer = self._ask(lambda client: client.events(self.job, after=self.progress.after, wait=_POLL_SECONDS))
            if answer is not None:
                self._hear(answer["job"], answer["events"])

    def _keep_confidence(self) -> None:
        """Beside the version's frames, for when the core has forgotten the job. What cannot be kept is no failure."""
        if self._shown_at_end or self._client is None:
            return
        with suppress(RefColorizeError):
            answer = self._client.frames(self.job)
            write_confidence(self.path, dict(confidence_curve(answer)))

    def _require_wanted(self) -> None:
        if not self.job and self._is_unwanted():
            raise Cancelled(f"{self._title}: {self.progress.name} was cancelled before it began.")

    # ---- the core

    def _core(self) -> Client:
        """A core, started where none runs; the artist is asked what to do where that fails."""
        while True:
            try:
                return self._reach()
            except CoreUnreachable as error:
                if not nuke.GUI or self._reach is not server.ensure:
                    raise
                from .unreachable import ask

                wanted = ask(error, is_unwanted=self._is_unwanted)
                self._require_wanted()
                if not wanted:
                    raise

    def _ask(self, question: Callable[[Client], Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """The core's answer, None where it had to be found again; its job goes on in the next core."""
        assert self._client is not None
        try:
            return question(self._client)
        except (CoreUnreachable, CoreRefused) as error:
            if isinstance(error, CoreRefused) and error.status != _NEW_TOKEN:
                raise
            if not server.connection_file().is_file():
                raise CoreUnreachable("The core was stopped. The job goes on when it runs again.") from None
            if self._restarted:
                raise
        self._restarted = True
        before, self._client = self._client.url, self._core()
        if self._client.url != before:
            self.progress.note = "The core had ended and was started again"
        return None

    # ---- the artist

    def _hear(self, job: Mapping[str, Any], events: list[Mapping[str, Any]]) -> None:
        self.job = job["id"]
        frames = self.progress.take(job, events)
        if frames:
            self._restarted = False
        self._tell(frames)

    def _tell(self, finished: list[int]) -> None:
        words = self.progress.words()
        self._show_bar(words, self.progress.percent)
        self._unseen = self._unseen or bool(finished)
        with suppress(ValueError):  # as in `_on_node`
            unless_rendering(lambda: self._show(words))  # else with the next news, or at the end

    def _show(self, words: str) -> None:
        if not nuke.GUI and self._node["status"].value() != words:
            nuke.tprint(f"{self._title}: {words}")
        if self._node["status"].value() != words:
            nodes.set_status(self._node, words)
        self._reload()

    def _reload(self) -> None:
        """Read the files again now and then and at the end: each time Nuke forgets what it holds for playing."""
        if not self._unseen or not (self.progress.ended or time.monotonic() > self._reload_at):
            return
        if nodes.shows(self._node, self.path):
            nodes.show_more(self._node)
        self._unseen, self._reload_at = False, time.monotonic() + _RELOAD_SECONDS

    def _keep_job(self) -> None:
        if not self._shown_at_end:
            self._on_node(self._keep_in_script)

    def _keep_in_script(self) -> None:
        """Version and job are in the node by now; what is saved after that finds them again after a crash."""
        nodes.store_job(self._node, self.job)
        if nuke.GUI:
            try:
                scripts.save()
            except RefColorizeError as error:  # the job runs, and needs no script
                self.progress.note = str(error)

    def _show_end(self) -> None:
        self._show(self.progress.words())
        if self._shown_at_end:
            with nuke.Undo():
                nuke.Undo.name("Preview frame")
                nodes.show(self._node, self.progress.name, self._shown_at_end)

    def _failed(self, error: RefColorizeError) -> None:
        if not self.progress.ended:
            self.progress.state = "cancelled" if isinstance(error, Cancelled) else "failed"
            self.progress.error = str(error)
        with suppress(RefColorizeError):  # Nuke is closing, or the node has lost its inside
            self._on_node(lambda: nodes.set_status(self._node, self.progress.words()))
            self._on_node(self._reload)
            if nuke.GUI and not isinstance(error, (Cancelled, CoreUnreachable)):
                from ..host.dialogs import show_message

                in_main_thread(show_message, f"{self._title} {self.progress.name}", str(error))

    def _on_node(self, action: Callable[[], object]) -> None:
        """In the main thread; nothing where the node is gone: its job goes on without it."""
        with suppress(ValueError):  # what Nuke raises for a node that was deleted
            in_main_thread(action)
