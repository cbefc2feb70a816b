"""One core: the queue at work and its HTTP interface, listening on this machine alone."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from stcolor_core import __version__
from stcolor_core.errors import StcolorError
from stcolor_core.planning import resolve_device
from stcolor_core.service.access import HOST, Connection
from stcolor_core.service.app import Changes, Core, create_app
from stcolor_core.service.guard import Guard
from stcolor_core.service.jobs import Worker
from stcolor_core.service.pictures import Pictures
from stcolor_core.service.store import Store
from stcolor_core.service.tokens import Tokens

__all__ = ["CoreServer"]

logger = logging.getLogger(__name__)

_SHUTDOWN_SECONDS = 5
_HEAD_SECONDS = 10.0


class CoreServer:
    """One core: the queue and its HTTP interface on 127.0.0.1. Whoever runs it holds the folder's `CoreLock`.

    folder: where jobs, connection file and log are. port: 0 takes a free one. device: auto, cpu or cuda.
    idle_minutes: with no job and no request for so long it ends; 0 is never.
    """

    def __init__(self, folder: Path, *, port: int = 0, device: str = "auto", idle_minutes: float = 60) -> None:
        self._folder, self._idle_minutes = folder, idle_minutes
        self._stop, self._changes = threading.Event(), Changes()
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
        config = uvicorn.Config(
            guarded,
            http=_Protocol,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        self._server = _Server(config, self)

    def run(self) -> None:
        """Serve until asked to stop: by `stop`, a request, SIGTERM, Ctrl-C, or having been idle."""
        self._worker.start()
        self.connection.write(self._folder)
        logger.info("The core %s listens at %s.", __version__, self.connection.url)
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.connection.remove(self._folder)
            self._worker.ask_to_stop()
            self._worker.join()
            self._store.close()
            logger.info("The core has stopped.")

    def stop(self) -> None:
        """Ask it to stop; from any thread."""
        self._stop.set()

    def must_stop(self) -> bool:
        """Whether it was asked to, or has been idle for too long."""
        idle = time.monotonic() - self._touched
        if self._idle_minutes and idle > self._idle_minutes * 60 and not self._store.is_busy():
            logger.info("Nothing was asked for %.1f minutes (--idle-minutes %g).", idle / 60, self._idle_minutes)
            self._stop.set()
        return self._stop.is_set()

    def let_go(self) -> None:
        """End what would keep the server: long polls, and the job in hand."""
        self._changes.close()
        self._worker.ask_to_stop()

    def _touch(self) -> None:
        self._touched = time.monotonic()


class _Protocol(H11Protocol):
    """uvicorn's, which hangs up on who has not sent a request's line and headers whole within _HEAD_SECONDS."""

    _hang_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._hang_up = self.loop.call_later(_HEAD_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:  # a request has come and is being answered
            self._wait_no_more()
        elif self._hang_up is None:  # the next one begins
            self._hang_up = self.loop.call_later(_HEAD_SECONDS, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait_no_more(self) -> None:
        if self._hang_up is not None:
            self._hang_up.cancel()
            self._hang_up = None


class _Server(uvicorn.Server):
    """uvicorn's, which asks the core ten times a second whether it shall stop."""

    def __init__(self, config: uvicorn.Config, core: CoreServer) -> None:
        super().__init__(config)
        self._core = core

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._core.must_stop()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for number in self._captured_signals:
            logger.info("Asked to stop by %s.", signal.Signals(number).name)
        self._core.let_go()
        await super().shutdown(sockets)


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
