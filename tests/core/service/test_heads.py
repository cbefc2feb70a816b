"""The time limit for the head of a request, on an event loop that stands still for longer than the limit."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import uvicorn
from serving import PATIENCE, until

from stcolor_core.service import heads
from stcolor_core.service.heads import HeadTimeout

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

LIMIT = 1.0
REQUEST = b"GET /%s HTTP/1.1\r\nHost: core\r\nConnection: close\r\n\r\n"


class Stalling:
    """An application that keeps the event loop from running while it answers /stall."""

    def __init__(self) -> None:
        self.stands_still, self.may_go_on = threading.Event(), threading.Event()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"] == "/stall":
            self.stands_still.set()
            assert self.may_go_on.wait(PATIENCE)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answered"})


@pytest.fixture
def stalling(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Stalling, int]]:
    """Yield the application, and the port at which it is served."""
    monkeypatch.setattr(heads, "_HEAD_SECONDS", LIMIT)
    app = Stalling()
    limited = HeadTimeout(app)
    server = uvicorn.Server(
        uvicorn.Config(limited, http=limited.protocol(), lifespan="off", ws="none", log_config=None, access_log=False)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until(lambda: server.started)
        try:
            yield app, listener.getsockname()[1]
        finally:
            app.may_go_on.set()
            server.should_exit = True
            thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_head_that_came_while_the_event_loop_stood_still_is_answered(stalling: tuple[Stalling, int]) -> None:
    app, port = stalling
    address = ("127.0.0.1", port)
    with (
        socket.create_connection(address, PATIENCE) as in_time,
        socket.create_connection(address, PATIENCE) as mute,
        socket.create_connection(address, PATIENCE) as stall,
    ):
        stall.sendall(REQUEST % b"stall")
        assert app.stands_still.wait(PATIENCE)
        in_time.sendall(REQUEST % b"in-time")
        time.sleep(LIMIT + 0.2)  # the timers of both connections are due when the loop runs again
        app.may_go_on.set()
        assert b"answered" in in_time.makefile("rb").read()
        assert mute.recv(1) == b""
