"""The parts of the core that the routes use, and how a route gets them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from stcolor_core.service.frames import FramesOnDisk
from stcolor_core.service.job import Job
from stcolor_core.service.jobs import Worker
from stcolor_core.service.messages import JobStatus, QueueStatus
from stcolor_core.service.objects import ObjectLister
from stcolor_core.service.pictures import PictureRenderer
from stcolor_core.service.references import ReferenceChecker
from stcolor_core.service.store import Store
from stcolor_core.service.tokens import Tokens

__all__ = ["ChangeSignal", "Context", "Route", "ServiceContext"]


class ChangeSignal:
    """A signal that wakes every long poll when something has changed. It belongs to the server's event loop.

    Attributes:
        closed: Whether the server is about to stop, so that nobody may wait any more.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()
        self.closed = False

    def notify(self) -> None:
        """Wake all that wait; from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and with it every long poll
                self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """End all waits, present and future; from any thread."""
        self.closed = True
        self.notify()

    def prepare(self) -> None:
        """Attach to the running loop. Call this before reading the state that `wait` then sees change."""
        self._loop = asyncio.get_running_loop()

    async def wait(self, seconds: float) -> None:
        """Wait for the next change.

        Args:
            seconds: How long to wait at most.
        """
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)

    def _wake(self) -> None:
        self._event.set()
        self._event = asyncio.Event()


@dataclass(frozen=True, kw_only=True)
class ServiceContext:
    """The parts of the core that the routes use.

    Attributes:
        store: All jobs and their events.
        worker: The thread that colours them.
        changes: Signal for long polls.
        tokens: The start's token, tickets and page tokens.
        pictures: Makes the pictures of a job's frames.
        frames_on_disk: Reads the frames that another run wrote.
        stop: Set to stop the core.
        device: cpu, cuda, xpu or mps.
        url: The core's own, http://127.0.0.1:PORT.
        objects: Lists the objects of mattes.
        references: Checks the references of shots.
    """

    store: Store
    worker: Worker
    changes: ChangeSignal
    tokens: Tokens
    pictures: PictureRenderer
    frames_on_disk: FramesOnDisk
    stop: threading.Event
    device: str
    url: str
    objects: ObjectLister = field(default_factory=ObjectLister)
    references: ReferenceChecker = field(default_factory=ReferenceChecker)

    def status(self, job: Job) -> JobStatus:
        """Return the state of a job as it is sent to clients.

        Args:
            job: A job of the store.
        """
        return JobStatus.of(job, seconds_left=self.worker.seconds_left(job.id), stall_reason=self.worker.stall_reason)

    def queue(self) -> QueueStatus:
        """Return the state of all jobs, and of the queue."""
        jobs = [self.status(job) for job in self.store.jobs()]
        return QueueStatus(paused=self.store.is_paused(), jobs=jobs, cleared=self.store.hidden())


class Route(APIRoute):
    """A route that leaves the docstring's sections, which are for readers of the code, out of the schema."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.description = self.description.partition("\n\nArgs:")[0]


async def _context(request: Request) -> ServiceContext:
    """Return the context; as a coroutine, since FastAPI calls a function in another thread, for each request."""
    context: ServiceContext = request.app.state.context
    return context


Context = Annotated[ServiceContext, Depends(_context)]
"""The type of a route's parameter that receives the context."""
