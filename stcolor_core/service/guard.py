"""What a request must have before any route sees it: this machine as its host, the token, a body of bounded size."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from stcolor_core.service.access import HOST

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BODY_LIMIT", "Guard"]

BODY_LIMIT = 2**20
_BODY_SECONDS = 10.0


class Guard:
    """ASGI: lets through what names this core as its host, carries the token, and has a body of at most BODY_LIMIT.

    touched: called for each request that gets through.
    """

    def __init__(self, app: ASGIApp, *, token: str, port: int, touched: Callable[[], None]) -> None:
        self._app, self._touched = app, touched
        self._expected = f"Bearer {token}".encode()
        self._hosts = {f"{name}:{port}".encode() for name in (HOST, "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        tokens = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            await _refuse(send, 403, "The Host header names another host. Only this machine is served.")
        elif len(tokens) != 1 or not hmac.compare_digest(tokens[0], self._expected):
            await _refuse(
                send, 401, "The token is missing or wrong. The connection file of this start has the right one."
            )
        else:
            self._touched()
            await self._with_body(scope, receive, send)

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body()
        try:
            await asyncio.wait_for(body.take(receive), _BODY_SECONDS)
        except asyncio.TimeoutError:
            if body.size <= BODY_LIMIT:
                return await _refuse(send, 408, f"The request did not arrive whole within {_BODY_SECONDS:.0f} seconds.")
        if body.size > BODY_LIMIT:
            return await _refuse(send, 413, f"The body is larger than {BODY_LIMIT} bytes.")
        if not body.lost:
            await self._app(scope, body.replay(receive), send)
        return None


class _Body:
    """A request's body, read to its end (so that whoever sends too much hears why) and kept as far as the limit."""

    def __init__(self) -> None:
        self.size, self.lost = 0, False
        self._kept = bytearray()

    async def take(self, receive: Receive) -> None:
        """Read to the end; what goes beyond the limit is counted and dropped, a client that left is noted as lost."""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.lost = True
                return
            chunk = message.get("body", b"")
            self.size += len(chunk)
            if self.size <= BODY_LIMIT:
                self._kept += chunk
            more = message.get("more_body", False)

    def replay(self, receive: Receive) -> Receive:
        """`receive` for the app: the body in one piece, then what comes."""
        pieces: list[Message] = [{"type": "http.request", "body": bytes(self._kept), "more_body": False}]

        async def again() -> Message:
            return pieces.pop() if pieces else await receive()

        return again


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
