"""The background task of a render job: render its inputs, submit it, follow it, and show its frames as they finish."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import nuke

from ..core import server
from ..core.client import Client
from ..errors import Cancelled, CoreStopped, CoreUnreachable, RefColorizeError
from ..host.main_thread import in_main_thread, unless_rendering
from ..node import node_results, nodes, previews, scripts
from ..node.frames_on_disk import count_frames
from ..node.script_nodes import is_in_script
from ..node.shot_plan import ShotPlan
from ..node.shown_version import how_to_show, is_chosen
from ..node.version import close_version
from .audience import is_shown
from .core_link import CoreLink
from .frame_reload import FrameReload
from .job import Job, PendingInputs
from .origins import store_origin
from .progress import ASKS_ABOUT_KEYS, Progress, waits_in_queue
from .reference_check import find_flaws, require_color
from .running_tasks import last_states, live_tasks
from .stored_job import store_in_script
from .task import BackgroundTask
from .version_summary import store_summary

__all__ = ["RenderTask"]

_POLL_SECONDS = 1.0  # so that Cancel takes effect soon
_DELETED = "The node was deleted, or its script was closed, before the core had its job."


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
        job: Job,
        *,
        preview_frames: Sequence[int] = (),
        connect: Callable[[], Client] = server.ensure,
        notice: str = "",
        pending: PendingInputs | None = None,
        confirmed: bool = False,
    ) -> None:
        """Prepare the task; `begin` starts it.

        Args:
            node: A RefColorize node.
            job: What to submit; replaced when the inputs have been rendered, if they are pending.
            preview_frames: For a preview, the frames that the node shows when it is done; empty for a version.
            connect: Returns a client of the core.
            notice: A remark on the inputs for the artist.
            pending: The inputs that must be rendered first; None if they are on disk.
            confirmed: Whether keyframes without colour are accepted.
        """
        super().__init__(node, thread="refcolorize")
        self.path, self._job = job.path, job
        self._link = CoreLink(
            connect,
            on_wait=self._wait_for_core,
            is_cancelled=self._is_cancelled,
            raise_if_cancelled=self._raise_if_cancelled,
        )
        self._confirmed = confirmed
        self._pending = pending
        self._preview_frames = preview_frames
        self._frame_reload = FrameReload(node)
        self._frames_before = 0  # on disk when the job was submitted
        self.job = ""
        self.progress = Progress(job.name, notice=notice)

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

    @property
    def node_name(self) -> str:
        """Return the full name of the task's node; "" if it was deleted."""
        try:
            return str(self._node.fullName())
        except ValueError:  # Nuke raises it for a deleted node
            return ""

    @property
    def renders_inputs(self) -> bool:
        """Return whether a second Nuke still renders the inputs."""
        return self._pending is not None and not self.progress.ended

    @property
    def has_unsent_preview(self) -> bool:
        """Return whether it is a preview that the core does not know yet, so that only the task knows its inputs."""
        return bool(self._preview_frames) and not self.job and not self.progress.ended

    def has_same_inputs(self, plan: ShotPlan, preview_frames: Sequence[int]) -> bool:
        """Return whether the task renders the inputs of a plan, for a job of the same kind.

        Args:
            plan: A plan of the same node.
            preview_frames: As for a new task.
        """
        pending = self._pending
        same = pending is not None and pending.rendering.plan.signature == plan.signature
        return same and list(self._preview_frames) == list(preview_frames)

    def cancel(self) -> None:
        """Ask the task to stop. Its status line says so until it has ended."""
        super().cancel()
        self.progress.is_stopping = True

    def _register(self) -> None:
        live_tasks.append(self)

    def _unregister(self) -> None:
        with suppress(ValueError):  # already removed
            live_tasks.remove(self)
        if self.job:
            last_states[self.job] = self.state

    def _interrupted(self) -> None:
        if self._link.client is not None and self.job:
            with suppress(RefColorizeError):
                self._link.client.cancel(self.job)

    def _work(self) -> None:
        self._open_bar(self.progress.name)
        self._report([])
        self._render_inputs()
        client = self._link.reach()
        self._raise_if_cancelled()
        self._check_references(client)
        self._submit_and_follow()
        if self._take_new_version():
            self._submit_and_follow()
        if self.state == "cancelled" and not self._preview_frames:
            self._count_kept()
        if not self._preview_frames:
            client = self._link.client or client
            store_summary(client, self.job, self.path)
            with suppress(RefColorizeError):  # however the run has ended: it may have written some frames again
                store_origin(client, self.path, self.job)
        if self.state == "failed":
            raise RefColorizeError(f"{self._title}: {self.progress.error}")
        if self.state == "cancelled":
            raise Cancelled(f"{self._title}: {self.progress.describe().rstrip('.')}.")
        self._run_on_node(self._show_end)

    def _render_inputs(self) -> None:
        """Wait for the second Nuke, if the inputs need one, and make the job of what it has rendered."""
        if self._pending is None:
            return
        rendering = self._pending.rendering
        request = rendering.wait(is_cancelled=self._is_cancelled, report=self._report_inputs)
        self.progress.add_note(rendering.note)
        make_job = self._pending.make_job
        job = in_main_thread(lambda: make_job(request) if is_in_script(self._node) else None)
        if job is None:
            raise Cancelled("The node was deleted, or its script was closed, while its inputs were rendered.")
        self.progress.add_note(job.note)
        self.path, self._job, self.progress.name = job.path, job, job.name
        self._pending, self.progress.preparing = None, ""
        self._report([])

    def _report_inputs(self, text: str, percent: int) -> None:
        self.progress.preparing = text
        self._show_bar(self.progress.describe(), percent)
        self._show_status_unless_rendering()

    def _check_references(self, client: Client) -> None:
        """Raise Cancelled if the artist does not accept the keyframes that have no colour."""
        if self._job.shot is None:
            return
        self.progress.preparing = "looking at the keyframes"
        self._report([])
        name = in_main_thread(lambda: self.node_name if is_in_script(self._node) else "")
        if not name:
            raise Cancelled(_DELETED)
        flaws = find_flaws(client, self._job.shot, name)
        require_color(
            flaws,
            title=self._title,
            path=self.path,
            confirmed=self._confirmed,
            is_cancelled=self._is_cancelled,
            on_question=lambda: self._report_inputs(ASKS_ABOUT_KEYS, 0),
        )
        self._raise_if_cancelled()
        if not in_main_thread(is_in_script, self._node):
            raise Cancelled(_DELETED)
        self.progress.preparing = ""

    def _follow(self) -> None:
        """Poll the job until it has ended."""
        cancel_sent = False
        while not self.progress.ended:
            if not cancel_sent and self._is_cancelled():
                cancel_sent = self.progress.is_stopping = True
                self._request(lambda client: client.cancel(self.job))
            answer = self._request(
                lambda client: client.events(self.job, after=self.progress.after, wait=_POLL_SECONDS)
            )
            if answer is not None:
                self.progress.is_paused = self._is_paused(answer["job"])
                self._update(answer["job"], answer["events"])

    def _is_paused(self, job: Mapping[str, Any]) -> bool:
        """Return whether a job waits because the queue is paused, which holds up no preview."""
        if not waits_in_queue(job):
            return False
        queue = self._request(lambda client: client.queue())
        return queue is not None and bool(queue.get("paused"))

    def _submit_and_follow(self) -> None:
        assert self._link.client is not None
        self._frames_before = 0 if self._preview_frames else count_frames(self.path)
        self._update(self._job.submit(self._link.client), [])
        self._store_job()
        self._follow()

    def _count_kept(self) -> None:
        """Count the frames on disk after a cancel: those of this run, or also those that it was to write again."""
        progress, on_disk = self.progress, count_frames(self.path)
        if self._frames_before > progress.done:
            progress.earlier = max(0, on_disk - progress.done)
        else:  # the core's answer may be a frame behind
            progress.done = min(max(progress.done, on_disk), progress.total)

    def _take_new_version(self) -> bool:
        """Take up the job of a new version, if the core would have had to overwrite frames of the one that is there.

        If that is not possible, the next Colorize makes one.

        Returns:
            Whether there is such a job.
        """
        if self.state != "failed" or self._preview_frames or self._link.client is None:
            return False
        with suppress(RefColorizeError):
            if self._link.client.job(self.job).get("needs_version"):
                close_version(self.path)
                renew = self._job.renew
                new = in_main_thread(lambda: renew() if renew is not None and is_in_script(self._node) else None)
                if new is not None and not self._is_cancelled():
                    kept = f"{self.progress.name} stays as it is, as its frames would come out different now"
                    self.path, self._job = new.path, new
                    self.progress = Progress(new.name, notice=self.progress.notice)
                    self.progress.add_note(kept)
                    return True
        return False

    def _raise_if_cancelled(self) -> None:
        if not self.job and self._is_cancelled():
            raise Cancelled(f"{self.progress.name} was cancelled before it began.")

    # ---- the core

    def _request(self, send: Callable[[Client], Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Return the core's answer, or None if the core had to be found again; a new core continues the job."""
        answer, is_new = self._link.request(send)
        if is_new:
            self.progress.add_note("The core had ended and was started again")
        return answer

    def _wait_for_core(self, waits: bool) -> None:
        self.progress.waits_for_core = waits
        if waits:
            self._report([])

    # ---- the artist

    def _update(self, job: Mapping[str, Any], events: list[Mapping[str, Any]]) -> None:
        self.job = job["id"]
        frames = self.progress.update(job, events)
        if frames:
            self._link.restarted = False
        self._report(frames)

    def _report(self, finished: list[int]) -> None:
        status = self.progress.describe()
        self._show_bar(status, self.progress.percent)
        if finished:
            self._frame_reload.has_new_frames = True
        self._show_status_unless_rendering()

    def _show_status_unless_rendering(self) -> None:
        with suppress(ValueError):  # Nuke raises it for a deleted node
            # worded in the main thread, where Cancel is pressed; otherwise with the next update, or at the end
            unless_rendering(lambda: self._show(self.progress.describe()))

    def _show(self, status: str) -> None:
        if not nuke.GUI and self._node["status"].value() != status:
            nuke.tprint(f"{self._title}: {status}")
        if self._node["status"].value() != status:
            nodes.set_status(self._node, status)
        self._reload()

    def _reload(self) -> None:
        self._frame_reload.reload(self.path, has_ended=self.progress.ended)

    def _store_job(self) -> None:
        if not self._preview_frames:
            self._run_on_node(self._store_in_script)

    def _store_in_script(self) -> None:
        for note in store_in_script(self._node, self.job, self.path):
            self.progress.add_note(note)

    def _show_end(self) -> None:
        self._job.on_done()
        if not self._preview_frames and not is_chosen(self._node, self.path):  # undo has hidden it, or the artist
            node_results.offer_versions_on_disk(self._node)
            self.progress.add_note(how_to_show(self.progress.name))
        if self._preview_frames:
            with nuke.Undo():
                nuke.Undo.name("Preview frame")
                for frame in self._preview_frames:
                    previews.show(self._node, frame)
            self.progress.add_note(previews.describe(self._node))
        self._show(self.progress.describe())

    def _failed(self, error: RefColorizeError) -> None:
        if not self.progress.ended:
            self.progress.state = "cancelled" if isinstance(error, Cancelled) else "failed"
            self.progress.error, self.progress.goes_on = str(error), isinstance(error, CoreStopped)
        with suppress(RefColorizeError):  # Nuke is closing, or the group lacks a node
            self._run_on_node(self._withdraw)
            self._run_on_node(lambda: nodes.set_status(self._node, self.progress.describe()))
            self._run_on_node(self._reload)
            if nuke.GUI and not isinstance(error, (Cancelled, CoreUnreachable)):
                self._run_on_node(lambda: self._show_failure(str(error)))

    def _show_failure(self, error: str) -> None:
        """Show a dialog, unless the panel shows the status line with this error."""
        if not is_shown(str(self._node.fullName())):
            from ..host.dialogs import show_message

            show_message(f"{self._title} {self.progress.name}", error)

    def _withdraw(self) -> None:
        """Take the job's version out of use if it has no frame. A core that was stopped may still write some.

        The script was saved with this version. It is saved again, unless the artist has changed something since.
        """
        if self.progress.done == 0 and not isinstance(self.error, CoreUnreachable):
            was_saved = not nuke.root().modified()
            with suppress(ValueError):  # Nuke raises it for a deleted node, whose version is removed all the same
                self._job.withdraw(bool(self.job))
            if nuke.GUI and was_saved and is_in_script(self._node) and not self._preview_frames:
                try:
                    scripts.save()
                except RefColorizeError as error:
                    self.progress.add_note(str(error))

    def _run_on_node(self, action: Callable[[], object]) -> None:
        """Run it in the main thread. A deleted node is ignored: its job goes on without it."""
        with suppress(ValueError):  # Nuke raises it for a deleted node
            in_main_thread(action)
