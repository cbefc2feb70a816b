"""The panel's connection to the core: threads send the requests, and the main thread collects the answers.

The threads hold nothing of Qt: no widget, no signal, not even a reference to the link. They put their results into
queues, and the main thread takes them from there, so no other thread ever touches a widget.

A watch polls the core while the panel is visible: at once if the node's job has news, else every two seconds. A missing
core is a result like any other, and not an error.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Union

from ..core import server
from ..core.client import Client
from ..errors import CoreRefused, CoreUnreachable, RefColorizeError, unexpected_error
from ..jobs.progress import confidence_curve
from ..node.frame_curve import FrameCurve
from ..node.frame_names import same_files
from ..node.frames_on_disk import change_time
from ..node.version_folders import VersionFolders
from ..node.versions import PREVIEW
from .state import Snapshot

__all__ = ["CoreLink", "Failure", "Page", "Picture", "Update"]

_POLL_SECONDS = 2.0
_MIN_POLL_SECONDS = 0.25  # while the job has many events


@dataclass(frozen=True)
class Picture:
    """The reference at a keyframe of a job.

    Attributes:
        job: The job's id.
        frame: The keyframe.
        data: A JPEG file.
    """

    job: str
    frame: int
    data: bytes


@dataclass(frozen=True)
class Failure:
    """The error of an action.

    Attributes:
        message: For the artist; it may have several lines.
    """

    message: str


@dataclass(frozen=True)
class Page:
    """A link to the core's page.

    Attributes:
        link: Its URL. It can be opened once.
    """

    link: str


Update = Union[Snapshot, Picture, Failure, Page]  # noqa: UP007  (evaluated at run time, also in Python 3.9)
_Results = SimpleQueue[Union[Failure, Page, None]]  # noqa: UP007  (as above; None means that an action has ended)


class CoreLink:
    """A panel's connection to the core, for the main thread only. Its threads end with `stop` and with its deletion."""

    def __init__(self) -> None:
        self._watch: _Watch | None = None
        self._results: _Results = SimpleQueue()

    def __del__(self) -> None:
        self.stop()

    def updates(self) -> list[Update]:
        """Return the updates since the last call: the core's state, pictures and the results of actions."""
        updates: list[Update] = []
        if self._watch is not None and not self._watch.ended:
            updates += _drain(self._watch.snapshots.popleft)
            updates += _drain(self._watch.pictures.get_nowait)
        results = _drain(self._results.get_nowait)
        if None in results:
            self._restart_watch()
        return [*updates, *(result for result in results if result is not None)]

    def watch(self, job: str, frames: str = "", folder: str = "") -> None:
        """Start to watch the core and one of its jobs.

        Args:
            job: The job's id; "" for none.
            frames: The path of the frames that the node shows, which are read if the core does not have their
                confidence; "" for none. Those of an earlier job of the node may be shown.
            folder: The folder of the node's versions; "" for none.
        """
        wanted = job, frames, folder
        if self._watch is not None and (self._watch.job, self._watch.path, self._watch.folder) == wanted:
            return
        self.stop()
        self._watch = _Watch(*wanted)
        self._watch.start()

    def stop(self) -> None:
        """Stop watching the core."""
        if self._watch is not None:
            self._watch.end()
            self._watch = None

    def start_core(self) -> None:
        """Start the core. There are no updates of its state until that is done."""
        self._pause()
        self._run_in_thread(server.start)

    def warm_up_core(self) -> None:
        """Start the core before it is needed, unless this Nuke has done so before; a failure is not shown."""
        self._run_in_thread(server.warm_up)

    def stop_core(self) -> None:
        """Stop the core. There are no updates of its state until that is done."""
        self._pause()
        self._run_in_thread(server.stop)

    def cancel(self, job: str) -> None:
        """Cancel a job.

        Args:
            job: The job's id.
        """
        self._run_in_thread(lambda: _client().cancel(job))

    def open_page(self) -> None:
        """Request a link to the core's page; it arrives as an update."""
        self._run_in_thread(lambda: Page(_client().page()))

    def _pause(self) -> None:
        """Stop the updates until the core has started or stopped."""
        if self._watch is not None:
            self._watch.end()

    def _run_in_thread(self, action: Callable[[], object]) -> None:
        """Run an action in its own thread, so that it does not wait for a poll and does not block the main thread."""
        arguments = (action, self._results)
        threading.Thread(target=_run_action, args=arguments, name="refcolorize panel action", daemon=True).start()

    def _restart_watch(self) -> None:
        if self._watch is not None:
            job, frames, folder = self._watch.job, self._watch.path, self._watch.folder
            self.stop()
            self.watch(job, frames, folder)


def _drain(take: Callable[[], Any]) -> list[Any]:
    """Return all items that are in a queue now."""
    items = []
    while True:
        try:
            items.append(take())
        except (Empty, IndexError):
            return items


def _run_action(action: Callable[[], object], results: _Results) -> None:
    """Run an action and put its Page or Failure into the queue, then None for its end."""
    try:
        result = action()
        if isinstance(result, Page):
            results.put(result)
    except CoreUnreachable as error:
        results.put(Failure("\n".join([str(error), *error.tried])))
    except RefColorizeError as error:
        results.put(Failure(str(error)))
    except Exception as error:  # noqa: BLE001  (the last handler of a thread; the artist must see the error)
        results.put(Failure(str(unexpected_error(error))))
    finally:
        results.put(None)


class _Watch(threading.Thread):
    """Polls the core and one job until `end` is called; sends no updates after that.

    Attributes:
        job: The job's id; "" for none.
        path: The path of the frames that the node shows; "" for none.
        folder: The folder of the node's versions; "" for none.
        snapshots: The last snapshot, until it is taken.
        pictures: All pictures that were not taken yet.
    """

    def __init__(self, job: str, path: str, folder: str) -> None:
        super().__init__(name="refcolorize panel watch", daemon=True)
        self.job, self.path, self.folder = job, path, folder
        self._versions = VersionFolders(folder)
        self._curve = FrameCurve(path)
        self.snapshots: deque[Snapshot] = deque(maxlen=1)
        self.pictures: SimpleQueue[Picture] = SimpleQueue()
        self._end = threading.Event()
        self._client: Client | None = None
        self._live = False  # the job is queued or running, so more events will come
        self._last_event = 0
        self._warnings: list[str] = []
        self._frames: Mapping[str, Any] | None = None
        self._frames_event = 0  # the last event that `_frames` includes
        self._shown: tuple[tuple[object, ...], Mapping[str, Any] | None] = (), None  # the frames of another job
        self._fetched: set[int] = set()

    @property
    def ended(self) -> bool:
        """Return whether `end` was called; the last poll may still be running."""
        return self._end.is_set()

    def end(self) -> None:
        """Ask the thread to end; does not wait for it."""
        self._end.set()

    def run(self) -> None:
        """Poll until the end."""
        while not self.ended:
            snapshot = self._poll()
            if not confidence_curve(snapshot.shown_frames):
                snapshot = replace(snapshot, curve=self._curve.read())
            self.snapshots.append(replace(snapshot, changed=change_time(self.path), versions=self._versions.read()))
            self._fetch_pictures()
            self._end.wait(_MIN_POLL_SECONDS if self._live else _POLL_SECONDS)

    def _poll(self) -> Snapshot:
        try:
            self._client = self._client or server.find()
            if self._client is not None:
                return self._read_state(self._client)
            problem = ""
        except CoreUnreachable:
            problem = ""
        except RefColorizeError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001  (as above)
            problem = str(unexpected_error(error))
        self._client, self._live = None, False
        return Snapshot(self.job, self.path, problem=problem)

    def _read_state(self, client: Client) -> Snapshot:
        """Return the core's answers; if the job is live, wait for its next event first."""
        if self._live:
            self._take_events(client, wait=_POLL_SECONDS)
        health, queue = client.health(), client.queue()
        jobs, paused = tuple(queue["jobs"]), bool(queue["paused"])
        own = next((job for job in jobs if job["id"] == self.job), None)
        self._live = own is not None and own["state"] in ("queued", "running")
        if own is None:
            self._frames = None
        else:
            self._take_events(client, wait=0)
            if self._frames is None or self._frames_event != self._last_event:
                self._frames, self._frames_event = client.frames(self.job), self._last_event
        warnings = tuple(self._warnings) if own is not None else ()
        shown = self._shown_frames(client, jobs)
        return Snapshot(self.job, self.path, client.url, health, jobs, self._frames, shown, warnings, paused=paused)

    def _shown_frames(self, client: Client, jobs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Return the frames of the job that wrote what the node shows: an earlier one after a run that came to nothing.

        A node that shows its plate or a preview shows no version, and the frames are those of its last job.
        """
        if not self.path or Path(self.path).parent.name == PREVIEW:
            return self._frames
        job = next((job for job in jobs if same_files(str(job["output"]), self.path)), None)
        if job is None or job["id"] == self.job:
            return None if job is None else self._frames
        state = job["id"], job["state"], job["done"]
        if self._shown[0] != state:
            self._shown = state, client.frames(job["id"])
        return self._shown[1]

    def _take_events(self, client: Client, *, wait: float) -> None:
        """Collect the warnings of the job's last run, which begins with a "queued" event without a message."""
        while events := client.events(self.job, after=self._last_event, wait=wait)["events"]:
            wait = 0
            self._last_event = events[-1]["number"]
            for event in events:
                if event["kind"] == "queued" and not event["message"]:
                    self._warnings.clear()
                    self._fetched.clear()
                elif event["kind"] == "warning":
                    self._warnings.append(event["message"])

    def _fetch_pictures(self) -> None:
        """Fetch the reference of each keyframe once. A keyframe stays a grey box if the core refuses its picture."""
        for frame in (self._frames or {}).get("keyframes", ()):
            if self._client is None or self.ended or frame in self._fetched:
                continue
            self._fetched.add(frame)
            try:
                picture = self._client.picture(self.job, frame, of="reference")
            except CoreRefused:
                continue
            except RefColorizeError:
                return  # the next poll reports it
            self.pictures.put(Picture(self.job, frame, picture))


def _client() -> Client:
    client = server.find()
    if client is None:
        raise CoreUnreachable("The core is not running. Press Start.")
    return client
