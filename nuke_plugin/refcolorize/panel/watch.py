"""The panel's way to the core: all that may wait is done in threads here, and the main thread takes what they found.

The threads hold nothing of Qt: no widget, no signal, not even a reference to the link. What they find lies in queues
until the main thread takes it, so that neither Python nor Qt ever touches a widget anywhere else.

A watch looks while the panel is visible: when the node's job has news, else every two seconds. A core that is not
there is what a look finds, no error.
"""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Union

from ..core import server
from ..core.client import Client
from ..errors import CoreRefused, CoreUnreachable, RefColorizeError
from .view import Snapshot

__all__ = ["CoreLink", "News", "Page", "Picture", "Refusal"]

_PAUSE_SECONDS = 2.0
_BREATH_SECONDS = 0.25  # between two looks at a job with much news


@dataclass(frozen=True)
class Picture:
    """The reference of a job's keyframe, as JPEG."""

    job: str
    frame: int
    data: bytes


@dataclass(frozen=True)
class Refusal:
    """Why what was asked for did not happen."""

    words: str


@dataclass(frozen=True)
class Page:
    """The link to the core's page, good for one use."""

    link: str


News = Union[Snapshot, Picture, Refusal, Page]  # noqa: UP007  (evaluated at run time, also in Python 3.9)
_Answers = SimpleQueue[Union[Refusal, Page, None]]  # noqa: UP007  (as above; None: an action has ended)


class CoreLink:
    """One for each panel, for the main thread only. Its threads end when it is at rest, and when it is gone."""

    def __init__(self) -> None:
        self._watch: _Watch | None = None
        self._answers: _Answers = SimpleQueue()

    def __del__(self) -> None:
        self.rest()

    def news(self) -> list[News]:
        """What has been found since it was asked last: the core as it is now, pictures, answers to what was asked."""
        found: list[News] = []
        if self._watch is not None and not self._watch.ended:
            found += _all_of(self._watch.snapshots.popleft)
            found += _all_of(self._watch.pictures.get_nowait)
        answers = _all_of(self._answers.get_nowait)
        if None in answers:
            self._look_again()
        return [*found, *(answer for answer in answers if answer is not None)]

    def follow(self, job: str) -> None:
        """Watch the core, and this job of it ("" for none), from now on."""
        if self._watch is not None and self._watch.job == job:
            return
        self.rest()
        self._watch = _Watch(job)
        self._watch.start()

    def rest(self) -> None:
        """Ask nothing any more."""
        if self._watch is not None:
            self._watch.end()
            self._watch = None

    def start_core(self) -> None:
        self._pause()
        self._do(server.start)

    def stop_core(self) -> None:
        self._pause()
        self._do(server.stop)

    def cancel(self, job: str) -> None:
        self._do(lambda: _client().cancel(job))

    def open_page(self) -> None:
        """Ask for the link to the page."""
        self._do(lambda: Page(_client().page()))

    def _pause(self) -> None:
        """Say nothing of the core until it has come or gone."""
        if self._watch is not None:
            self._watch.end()

    def _do(self, action: Callable[[], object]) -> None:
        """In a thread of its own: a click is not to wait for a look, nor the artist for a click."""
        arguments = (action, self._answers)
        threading.Thread(target=_answer, args=arguments, name="refcolorize panel action", daemon=True).start()

    def _look_again(self) -> None:
        if self._watch is not None:
            job = self._watch.job
            self.rest()
            self.follow(job)


def _all_of(take: Callable[[], Any]) -> list[Any]:
    """What lies in a queue now."""
    found = []
    while True:
        try:
            found.append(take())
        except (Empty, IndexError):
            return found


def _answer(action: Callable[[], object], answers: _Answers) -> None:
    """Do what was asked for, and say what came of it where there is something to say; then that it has ended."""
    try:
        found = action()
        if isinstance(found, Page):
            answers.put(found)
    except CoreUnreachable as error:
        answers.put(Refusal("\n".join([str(error), *error.tried])))
    except RefColorizeError as error:
        answers.put(Refusal(str(error)))
    except Exception as error:  # noqa: BLE001  (nobody is above a thread; the artist must not wait for nothing)
        answers.put(Refusal(_unexpected(error)))
    finally:
        answers.put(None)


class _Watch(threading.Thread):
    """Looks at the core and at one job until it is told to end. Says nothing after that.

    snapshots: the last one that was not taken yet. pictures: all that were not.
    """

    def __init__(self, job: str) -> None:
        super().__init__(name="refcolorize panel watch", daemon=True)
        self.job = job
        self.snapshots: deque[Snapshot] = deque(maxlen=1)
        self.pictures: SimpleQueue[Picture] = SimpleQueue()
        self._end = threading.Event()
        self._client: Client | None = None
        self._live = False  # the job waits or runs, so that news are to come
        self._after = 0
        self._warnings: list[str] = []
        self._frames: Mapping[str, Any] | None = None
        self._frames_at = 0  # the last event that they know of
        self._asked: set[int] = set()

    @property
    def ended(self) -> bool:
        """Whether it was told to end; it may still be looking."""
        return self._end.is_set()

    def end(self) -> None:
        self._end.set()

    def run(self) -> None:
        while not self.ended:
            self.snapshots.append(self._look())
            self._fetch_pictures()
            self._end.wait(_BREATH_SECONDS if self._live else _PAUSE_SECONDS)

    def _look(self) -> Snapshot:
        try:
            self._client = self._client or server.find()
            if self._client is not None:
                return self._ask(self._client)
            problem = ""
        except CoreUnreachable:
            problem = ""
        except RefColorizeError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001  (as above)
            problem = _unexpected(error)
        self._client, self._live = None, False
        return Snapshot(self.job, problem=problem)

    def _ask(self, client: Client) -> Snapshot:
        """All there is to know; where the job is live, after it has had time for news."""
        if self._live:
            self._take_events(client, wait=_PAUSE_SECONDS)
        health, jobs = client.health(), client.jobs()
        own = next((job for job in jobs if job["id"] == self.job), None)
        if own is None:
            self._live, self._frames = False, None
            return Snapshot(self.job, client.url, health, tuple(jobs))
        self._live = own["state"] in ("queued", "running")
        self._take_events(client, wait=0)
        if self._frames is None or self._frames_at != self._after:
            self._frames, self._frames_at = client.frames(self.job), self._after
        return Snapshot(self.job, client.url, health, tuple(jobs), self._frames, tuple(self._warnings))

    def _take_events(self, client: Client, *, wait: float) -> None:
        """Keep the warnings of the job's last run, which begins where it was queued without a word."""
        while events := client.events(self.job, after=self._after, wait=wait)["events"]:
            wait = 0
            self._after = events[-1]["number"]
            for event in events:
                if event["kind"] == "queued" and not event["message"]:
                    self._warnings.clear()
                    self._asked.clear()
                elif event["kind"] == "warning":
                    self._warnings.append(event["message"])

    def _fetch_pictures(self) -> None:
        """Each keyframe's reference, once; one that cannot be had stays a grey box."""
        for frame in (self._frames or {}).get("keyframes", ()):
            if self._client is None or self.ended or frame in self._asked:
                continue
            self._asked.add(frame)
            try:
                picture = self._client.picture(self.job, frame, of="reference")
            except CoreRefused:
                continue
            except RefColorizeError:
                return  # the next look finds out what it is
            self.pictures.put(Picture(self.job, frame, picture))


def _unexpected(error: Exception) -> str:
    traceback.print_exc()
    return f"Something unexpected went wrong ({error!r}); the terminal has the details."


def _client() -> Client:
    client = server.find()
    if client is None:
        raise CoreUnreachable("The core is not running. Press Start.")
    return client
