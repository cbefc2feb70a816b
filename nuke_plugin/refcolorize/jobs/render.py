"""Render jobs of a node: submit, follow and cancel them, and show their frames as they finish.

Everything that touches the node runs in the main thread. With a GUI the requests to the core run on a worker thread;
without one they run in the calling thread, which returns when the job has ended or raises an error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import nuke

from ..core import server
from ..core.client import Client
from ..errors import CoreRefused, CoreUnreachable, RefColorizeError
from ..host.main_thread import in_main_thread, when_idle
from ..node import cleaning, node_results, nodes, own_folder, previews, scripts, shots
from ..node.frame_names import same_files
from ..node.frames_on_disk import count_frames
from ..node.mismatches import mismatches
from ..node.origin import PreviewOrigin
from ..node.shot_plan import ShotPlan, ShotRequest
from ..node.shown_version import leave_withdrawn, withdraw
from ..node.version import write_before
from ..node.versions import PREVIEW, Results
from . import freshness
from .input_rendering import InputRendering
from .job import Job, PendingInputs
from .progress import Progress
from .render_task import RenderTask
from .running_tasks import find_running, live_tasks, needs_inputs

__all__ = ["RenderTask", "cancel", "clean_up", "colorize", "follow", "preview", "reattach"]

_LIVE_STATES = ("queued", "running")
_UNFINISHED_STATES = ("failed", "cancelled")


def colorize(node: nuke.Node, *, confirmed: bool = False) -> RenderTask:
    """Colour the node's shot, as a new version if anything has changed.

    Inputs that are no plain Read are rendered first, in a second Nuke if there can be one. Before the core begins, the
    artist is asked about keyframes without colour.

    Args:
        node: A RefColorize node.
        confirmed: Whether keyframes without colour are accepted. Without a GUI they are an error otherwise.

    Returns:
        The task, which has ended if there is no GUI. If a task already renders this version, that one.

    Raises:
        RefColorizeError: If it fails before the core is asked; without a GUI, if it fails at all.
        Cancelled: If the artist cancels it, at the same times.
    """
    return _start(node, lambda: shots.plan(node), lambda request: _version_job(node, request), confirmed=confirmed)


def _version_job(node: nuke.Node, request: ShotRequest) -> Job:
    """Claim the version of a request, and show it in the node unless a task of this Nuke does so already."""
    known = {version.number for version in node_results.versions(node, request.view)}
    leave_withdrawn(node)  # or it would be what the node showed before
    version, shown = shots.claim(node, request), node_results.remember(node)
    is_new = version.number not in known
    if find_running(version.path) is None:
        if is_new:
            with suppress(RefColorizeError):  # it is for a script that is opened after a crash
                write_before(version.path, shown._asdict())
        with nuke.Undo():
            nuke.Undo.name(f"Colorize {version.name}")
            nodes.match_working_space(node)
            previews.leave(node)
            node_results.show(node, version.name, request.frames, view=request.view)
    label, shot = _label(node, version.name), version.shot()
    shown_before = shown.file.replace("%V", request.view) if shown.version != "none" else ""

    def take_back(has_job: bool) -> None:
        discard = is_new or bool(version.before())
        withdraw(node, version, shown=shown, discard=discard, has_job=has_job)

    return Job(
        version.name,
        version.path,
        # a picture may lie beside its references that this node has no key for, and the core may be another version
        lambda client: client.submit(shot, label=label, keep=bool(version.frames)),
        shot=shot,
        withdraw=take_back,
        note=own_folder.describe_move(shown_before, version.path) if is_new else "",
        renew=lambda: _version_job(node, request),
    )


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
    return _start(
        node,
        lambda: shots.plan_frame(node, number),
        lambda request: _preview_job(node, request, number),
        preview_frames=[number],
    )


def _preview_job(node: nuke.Node, request: ShotRequest, frame: int) -> Job:
    shot = shots.preview_shot(node, request)
    label, path = _label(node, PREVIEW), shot["output"]["path"]
    origin = PreviewOrigin.make(shot)
    return Job(
        PREVIEW,
        path,
        lambda client: client.preview(shot, frame, label=label),
        on_done=lambda: origin.store(path, frame),
    )


def _label(node: nuke.Node, version: str) -> str:
    """Return what the core's lists call a job: the script's name, the node's, and the version."""
    return " · ".join((scripts.script_name(), node.fullName(), version))


def _start(
    node: nuke.Node,
    make_plan: Callable[[], ShotPlan],
    make_job: Callable[[ShotRequest], Job],
    *,
    preview_frames: Sequence[int] = (),
    confirmed: bool = False,
) -> RenderTask:
    """Start a task. Inputs that a second Nuke renders are the first part of the task; others are rendered now."""
    waiting = next((task for task in live_tasks if task.belongs_to(node) and task.renders_inputs), None)
    if waiting is not None:
        _require_going_on(waiting, node)
        if waiting.has_same_inputs(make_plan(), preview_frames):
            return waiting
        raise RefColorizeError(f"{node.name()} is still rendering its inputs. Wait for that, or press Cancel first.")
    rendering = InputRendering(make_plan)
    notice = mismatches(node)
    if rendering.is_pending:
        job = Job(PREVIEW if preview_frames else "inputs", "", _submit_nothing)
        pending = PendingInputs(rendering, make_job)
        task = RenderTask(node, job, preview_frames=preview_frames, notice=notice, pending=pending, confirmed=confirmed)
        return task.begin()
    job = make_job(rendering.render_here())
    if not preview_frames and (running := find_running(job.path)) is not None:
        _require_going_on(running, node)
        return running
    task = RenderTask(node, job, preview_frames=preview_frames, notice=notice, confirmed=confirmed)
    task.progress.add_note(rendering.note)
    task.progress.add_note(job.note)
    return task.begin()


def _require_going_on(task: RenderTask, node: nuke.Node) -> None:
    if task.progress.is_stopping:
        name = task.progress.name
        raise RefColorizeError(f"{node.name()} is stopping {name}. Press Colorize again when it has stopped.")


def clean_up(node: nuke.Node) -> None:
    """Ask the artist and remove the node's unused versions and inputs, unless a second Nuke renders inputs.

    Args:
        node: A RefColorize node.

    Raises:
        RefColorizeError: If inputs are rendered, for any node: nodes may share a folder. As `cleaning.clean_up`.
    """
    if needs_inputs():
        raise RefColorizeError(
            f"{node.name()}: inputs are being rendered for a run or a farm. Wait for that, or press Cancel first."
        )
    cleaning.clean_up(node)


def _submit_nothing(client: Client) -> Mapping[str, Any]:
    raise AssertionError(client)  # the task's job is replaced when its inputs are rendered


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
    path = node_results.shown_path(node)
    if not job:
        raise RefColorizeError(f"{node.name()} has no job yet. Press Colorize.")
    if (running := find_running(path)) is not None:
        return running
    name = str(node["version"].value())
    followed = Job(name, path, lambda client: client.job(job), withdraw=lambda _: _take_back(node, path))
    return RenderTask(node, followed, connect=_connect_to_running).begin()


def reattach() -> None:
    """Find the results of an opened script again, and follow those of its jobs that are still queued or running.

    It asks the core on a worker thread, and starts no core.
    """
    for node in nodes.all_nodes():
        with suppress(RuntimeError):  # a published LiveGroup cannot be edited
            node_results.relink(node)
            node_results.offer_versions_on_disk(node)
            freshness.follow_at_once(node)
    jobs = [(node, job) for node in nodes.all_nodes() if (job := str(node["job"].value()))]
    if jobs:
        threading.Thread(target=_reattach, args=(jobs,), name="refcolorize reattach", daemon=True).start()


def _reattach(jobs: list[tuple[nuke.Node, str]]) -> None:
    with suppress(RefColorizeError):
        client = server.find()
        for node, job in jobs if client is not None else []:
            with suppress(CoreRefused, ValueError):  # the core no longer knows the job, or the node was deleted
                answer = client.job(job) if client is not None else {"state": ""}
                if answer["state"] in _LIVE_STATES:
                    in_main_thread(follow, node)
                elif answer["state"] in _UNFINISHED_STATES and not answer["done"]:
                    in_main_thread(_tell_failure, node, answer)


def _tell_failure(node: nuke.Node, job: Mapping[str, Any]) -> None:
    """Take a version back whose job came to nothing while Nuke was closed, and say so."""
    path, name = node_results.shown_path(node), str(node["version"].value())
    if same_files(str(job["output"]), path) and not count_frames(path):
        _take_back(node, path)
        progress = Progress(name)
        progress.update(job, [])
        nodes.set_status(node, progress.describe())


def _take_back(node: nuke.Node, path: str) -> None:
    """Show what the node showed before the version of a path, which has no frame, as the version itself says."""
    for version in Results.holding(path).versions():
        if same_files(version.path, path):
            withdraw(node, version, shown=None, discard=bool(version.before()), has_job=True)


def cancel(node: nuke.Node) -> None:
    """Ask the core to stop the node's job after the current frame.

    Args:
        node: A RefColorize node.

    Raises:
        RefColorizeError: If the node has no running job.
    """
    own = [running for running in tuple(live_tasks) if running.belongs_to(node) and not running.progress.ended]
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
    running = [task.progress.describe() for task in tasks if not task.progress.ended]
    if running or not tasks:
        with suppress(ValueError):  # Nuke raises it for a deleted node
            nodes.set_status(node, running[0] if running else "Stopping after this frame")


def _connect_to_running() -> Client:
    client = server.find()
    if client is None:
        raise CoreUnreachable("The core is not running. Press Colorize to start it and continue.")
    return client
