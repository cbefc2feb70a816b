"""One core: the queue at work and its HTTP interface, listening on this machine alone."""

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
from stcolor_core.pipeline.planning import resolve_device
from stcolor_core.service.access import HOST, Connection
from stcolor_core.service.app import Changes, Core, create_app
from stcolor_core.service.guard import Guard
from stcolor_core.service.heads import HeadLimit
from stcolor_core.service.jobs import Worker
from stcolor_core.service.pictures import Pictures
from stcolor_core.service.store import Store
from stcolor_core.service.tokens import Tokens

__all__ = ["CoreServer"]

logger = logging.getLogger(__name__)

_SHUTDOWN_SECONDS = 5
_STEP_SECONDS = 0.1


class CoreServer:
    """One core: the queue and its HTTP interface on 127.0.0.1. Whoever runs it holds the folder's `CoreLock`.

    folder: where jobs, connection file and log are. port: 0 takes a free one. device: auto, cpu or cuda.
    idle_minutes: with no job and no request for so long it ends; 0 is never.
    """

    def __init__(self, folder: Path, *, port: int = 0, device: str = "auto", idle_minutes: float = 60) -> None:
        self._folder, self._idle_minutes = folder, idle_minutes
        self._stop, self._changes = threading.Event(), Changes()
        self._asked, self._asked_by = False, ""
        self._touch()
        self._store = Store(folder / "jobs.sqlite", changed=self._changes.announce)
        self._worker = Worker(self._store, device=device, log=folder / "core.log", touched=self._touch)
        self._socket = _listen(port)
        number = self._socket.getsockname()[1]
        token = secrets.token_urlsafe(32)
        self.connection = Connection(f"http://{HOST}:{number}", token, os.getpid())
        tokens = Tokens(token)
        core = Core(
            store=self._store,
            worker=self._worker,
            changes=self._changes,
            tokens=tokens,
            pictures=Pictures(),
            stop=self._stop,
            device=resolve_device(device).type,
            url=self.connection.url,
        )
        guarded = Guard(create_app(core), tokens=tokens, port=number, touched=self._touch)
        limited = HeadLimit(guarded)
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
        """Serve until asked to stop: by `stop`, a request, or having been idle.

        uvicorn runs in a thread beside, where it leaves the signals to the caller of this.
        """
        self._worker.start()
        self.connection.write(self._folder)
        logger.info("The core %s listens at %s.", __version__, self.connection.url)
        try:
            self._serve()
        finally:
            self.connection.remove(self._folder)
            self._worker.ask_to_stop()
            self._worker.join()
            self._store.close()
            logger.info("The core has stopped.")

    def stop(self, by: str = "") -> None:
        """Ask it to stop; from any thread, and from a signal's handler, which must take no lock. by: for the log."""
        self._asked, self._asked_by = True, by

    def _serve(self) -> None:
        """Until asked to stop, and then until what is being answered is answered."""
        with ThreadPoolExecutor(1, thread_name_prefix="http") as beside:
            serving = beside.submit(self._server.run, sockets=[self._socket])
            try:
                while not serving.done() and not self._must_stop():
                    wait([serving], _STEP_SECONDS)
                if self._asked_by:
                    logger.info("Asked to stop by %s.", self._asked_by)
            finally:
                self._server.should_exit = True
                self._let_go()
            serving.result()

    def _must_stop(self) -> bool:
        """Whether it was asked to, or has been idle for too long."""
        idle = time.monotonic() - self._touched
        if self._idle_minutes and idle > self._idle_minutes * 60 and not self._store.is_busy():
            logger.info("Nothing was asked for %.1f minutes (--idle-minutes %g).", idle / 60, self._idle_minutes)
            return True
        return self._asked or self._stop.is_set()

    def _let_go(self) -> None:
        """End what would keep the server: long polls, and the job in hand."""
        self._changes.close()
        self._worker.ask_to_stop()

    def _touch(self) -> None:
        self._touched = time.monotonic()


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
        raise StcolorError(f"Port {port} cannot be listened on ({error}). Give another --port, or none.") from None
    return listener
