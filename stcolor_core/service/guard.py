"""What a request must have before any route sees it: this machine as its host, a token, a body of bounded size."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from stcolor_core.service.access import HOST
from stcolor_core.service.pages import FILES
from stcolor_core.service.tokens import Right, Tokens

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BODY_LIMIT", "Guard"]

BODY_LIMIT = 2**20
_BODY_SECONDS = 10.0
# Nothing secret is in the page itself, and the route of a session looks at the ticket.
_OPEN = {*(("GET", path) for path in FILES), ("POST", "/v1/session")}
_ON_EVERY_ANSWER = [
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src blob:; connect-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
]


class Guard:
    """ASGI: lets through what names this core as its host, has a token that is good for it, and a body of at most
    BODY_LIMIT.

    touched: called for each request with the start's token. A page that is left open must not keep the core awake.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens, port: int, touched: Callable[[], None]) -> None:
        self._app, self._tokens, self._touched = app, tokens, touched
        self._hosts = {f"{name}:{port}".encode() for name in (HOST, "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        send = _sealed(send)
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            await _refuse(send, 403, "The Host header names another host. Only this machine is served.")
        elif (scope["method"], scope["path"]) in _OPEN:
            await self._with_body(scope, receive, send)
        elif (right := self._right(scope)) is None:
            await _refuse(
                send, 401, "The token is missing or wrong. The connection file of this start has the right one."
            )
        elif right == "page" and not self._tokens.page_may(scope["method"], scope["path"]):
            await _refuse(send, 403, "A page may look and cancel, and nothing else.")
        else:
            if right == "all":
                self._touched()
            await self._with_body(scope, receive, send)

    def _right(self, scope: Scope) -> Right | None:
        tokens = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(tokens) != 1 or not tokens[0].startswith(b"Bearer "):
            return None
        return self._tokens.right(tokens[0].removeprefix(b"Bearer ").decode("latin-1"))

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


def _sealed(send: Send) -> Send:
    """`send`, with what a browser is to be told on every answer."""

    async def sealed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_ON_EVERY_ANSWER]}
        await send(message)

    return sealed


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
