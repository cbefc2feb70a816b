"""The core as a server: the job queue and its HTTP interface, on this machine only."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import uvicorn

from stcolor_core import __version__
from stcolor_core.errors import StcolorError
from stcolor_core.pipeline.devices import resolve_device
from stcolor_core.remedies import advise
from stcolor_core.service.access import HOST, Connection
from stcolor_core.service.app import create_app
from stcolor_core.service.context import ChangeSignal, ServiceContext
from stcolor_core.service.frames import FramesOnDisk
from stcolor_core.service.guard import Guard
from stcolor_core.service.heads import HeadTimeout
from stcolor_core.service.jobs import Worker
from stcolor_core.service.picture_cache import PictureCache
from stcolor_core.service.pictures import PictureRenderer
from stcolor_core.service.store import Store
from stcolor_core.service.tokens import Tokens
from stcolor_core.service.wording import Wording

__all__ = ["CoreServer"]

logger = logging.getLogger(__name__)

_SHUTDOWN_SECONDS = 5
_POLL_SECONDS = 0.1


class CoreServer:
    """The job queue and its HTTP interface on 127.0.0.1. Its caller must hold the folder's `CoreLock`.

    Attributes:
        connection: The URL, the token and the process id for clients.
    """

    def __init__(self, folder: Path, *, port: int = 0, device: str = "auto", idle_minutes: float = 60) -> None:
        """Open the store and listen on the port.

        Args:
            folder: The state folder, for jobs, connection file and log.
            port: Port to listen on; 0 takes a free one.
            device: One of `devices.DEVICES`.
            idle_minutes: The core ends after this many minutes without a job or a request; 0 for never.

        Raises:
            StcolorError: If the store or the port cannot be used, or the device does not exist.
        """
        self._folder, self._idle_minutes = folder, idle_minutes
        self._stop, self._changes = threading.Event(), ChangeSignal()
        self._stop_requested, self._stop_source = False, ""
        self._touch()
        self._store = Store(folder / "jobs.sqlite", on_change=self._changes.notify)
        pictures = PictureRenderer(PictureCache(folder / "pictures"), job_runs=lambda: self._worker.is_running)
        self._worker = Worker(
            self._store,
            device=device,
            log=folder / "core.log",
            on_activity=self._touch,
            on_written=pictures.add_written,
        )
        self._socket = _listen(port)
        number = self._socket.getsockname()[1]
        token = secrets.token_urlsafe(32)
        self.connection = Connection(f"http://{HOST}:{number}", token, os.getpid())
        tokens = Tokens(token)
        context = ServiceContext(
            store=self._store,
            worker=self._worker,
            changes=self._changes,
            tokens=tokens,
            pictures=pictures,
            frames_on_disk=FramesOnDisk(),
            stop=self._stop,
            device=resolve_device(device).type,
            url=self.connection.url,
        )
        guarded = Guard(Wording(create_app(context)), tokens=tokens, port=number, on_activity=self._touch)
        limited = HeadTimeout(guarded)
        config = uvicorn.Config(
            limited,
            http=limited.protocol(),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Serve until `stop` is called, a request asks for it, or the core has been idle for too long.

        uvicorn runs in another thread, where it leaves signals to the caller.

        Raises:
            OutputError: If the connection file cannot be written.
        """
        self._worker.start()
        self.connection.write(self._folder)
        logger.info("The core %s listens at %s.", __version__, self.connection.url)
        try:
            self._serve()
        finally:
            self.connection.remove(self._folder)
            self._worker.request_stop()
            self._worker.join()
            self._store.close()
            logger.info("The core has stopped.")

    def stop(self, by: str = "") -> None:
        """Make `run` return soon; from any thread, and from a signal handler, which must take no lock.

        Args:
            by: What asked for it, for the log; empty for no log line.
        """
        self._stop_requested, self._stop_source = True, by

    def _serve(self) -> None:
        """Serve until the core must stop, and then until the requests in progress are answered."""
        with ThreadPoolExecutor(1, thread_name_prefix="http") as pool:
            serving = pool.submit(self._server.run, sockets=[self._socket])
            try:
                while not serving.done() and not self._must_stop():
                    wait([serving], _POLL_SECONDS)
                if self._stop_source:
                    logger.info("Stopping: %s asked for it.", self._stop_source)
            finally:
                # First: a client whose request fails while the file is there takes it for a crash, and starts a core.
                self.connection.remove(self._folder)
                self._server.should_exit = True
                self._end_waits()
            serving.result()

    def _must_stop(self) -> bool:
        """Return whether a stop was requested, or the core has been idle for too long."""
        idle = time.monotonic() - self._last_activity
        if self._idle_minutes and idle > self._idle_minutes * 60 and not self._store.is_busy():
            logger.info(
                "Stopping: no job and no request for %.1f minutes (--idle-minutes %g).", idle / 60, self._idle_minutes
            )
            return True
        return self._stop_requested or self._stop.is_set()

    def _end_waits(self) -> None:
        """End what would delay the stop: long polls and the running job."""
        self._changes.close()
        self._worker.request_stop()

    def _touch(self) -> None:
        self._last_activity = time.monotonic()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform == "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(256)
    except (OSError, OverflowError) as error:
        listener.close()
        raise StcolorError(f"Port {port} cannot be used ({error}). {advise('port')}.") from None
    return listener
