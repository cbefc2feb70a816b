"""The panel's way to the core: all that may wait is done in threads here, and comes back as signals.

A watch looks while the panel is visible: when the node's job has news, else every two seconds. A core that is not
there is what a look finds, no error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from . import server
from .client import Client
from .errors import CoreRefused, CoreUnreachable, RefColorizeError
from .qt import QtCore
from .view import Snapshot

__all__ = ["CoreLink"]

_PAUSE_SECONDS = 2.0
_BREATH_SECONDS = 0.25  # between two looks at a job with much news


class CoreLink(QtCore.QObject):
    """One for each panel. It is the application's child and not the panel's, so that a late thread still finds it."""

    seen = QtCore.Signal(object)  # a Snapshot
    pictured = QtCore.Signal(str, int, object)  # job, keyframe, the bytes of its reference as JPEG
    refused = QtCore.Signal(str)  # why what was asked for did not happen
    page_ready = QtCore.Signal(str)  # the link, good for one use
    _ended = QtCore.Signal()

    def __init__(self) -> None:
        application = QtCore.QCoreApplication.instance()
        super().__init__(application)
        if application is not None:
            application.aboutToQuit.connect(self.rest)
        self._watch: _Watch | None = None
        self._ended.connect(self._look_again)

    def follow(self, job: str) -> None:
        """Watch the core, and this job of it ("" for none), from now on."""
        if self._watch is not None and self._watch.job == job:
            return
        self.rest()
        self._watch = _Watch(job, seen=self.seen, pictured=self.pictured)
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
        """Ask for the link to the page, which comes with `page_ready`."""
        self._do(lambda: self.page_ready.emit(_client().page()))

    def _pause(self) -> None:
        """Say nothing of the core until it has come or gone."""
        if self._watch is not None:
            self._watch.end()

    def _do(self, action: Callable[[], object]) -> None:
        """In a thread of its own: a click is not to wait for a look, nor the artist for a click."""
        threading.Thread(target=self._run, args=(action,), name="refcolorize panel action", daemon=True).start()

    def _run(self, action: Callable[[], object]) -> None:
        try:
            action()
        except CoreUnreachable as error:
            self.refused.emit("\n".join([str(error), *error.tried]))
        except RefColorizeError as error:
            self.refused.emit(str(error))
        finally:
            self._ended.emit()

    def _look_again(self) -> None:
        if self._watch is not None:
            job = self._watch.job
            self.rest()
            self.follow(job)


class _Watch(threading.Thread):
    """Looks at the core and at one job until it is told to end. Says nothing after that."""

    def __init__(self, job: str, *, seen: QtCore.SignalInstance, pictured: QtCore.SignalInstance) -> None:
        super().__init__(name="refcolorize panel watch", daemon=True)
        self.job, self._seen, self._pictured = job, seen, pictured
        self._end = threading.Event()
        self._client: Client | None = None
        self._live = False  # the job waits or runs, so that news are to come
        self._after = 0
        self._warnings: list[str] = []
        self._frames: Mapping[str, Any] | None = None
        self._frames_at = 0  # the last event that they know of
        self._asked: set[int] = set()

    def end(self) -> None:
        self._end.set()

    def run(self) -> None:
        while not self._end.is_set():
            snapshot = self._look()
            if not self._end.is_set():
                self._seen.emit(snapshot)
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
            if self._client is None or self._end.is_set() or frame in self._asked:
                continue
            self._asked.add(frame)
            try:
                picture = self._client.picture(self.job, frame, of="reference")
            except CoreRefused:
                continue
            except RefColorizeError:
                return  # the next look finds out what it is
            self._pictured.emit(self.job, frame, picture)


def _client() -> Client:
    client = server.find()
    if client is None:
        raise CoreUnreachable("The core is not running. Press Start.")
    return client
