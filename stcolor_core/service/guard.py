"""Checks of a request before any route sees it: this machine as the host, a valid token, and the size of the body."""

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

BODY_LIMIT = 2**20  # bytes
_BODY_SECONDS = 10.0
# The files of the page contain nothing secret, and the route of a session checks the ticket itself.
_WITHOUT_TOKEN = {*(("GET", path) for path in FILES), ("POST", "/v1/session")}
_SECURITY_HEADERS = [
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
    """ASGI middleware that passes a request on if its host, its token and the size of its body are right."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens, port: int, on_activity: Callable[[], None]) -> None:
        """Wrap an application.

        Args:
            app: The application.
            tokens: Says what a token may do.
            port: Port of the core, which the Host header must name.
            on_activity: Called for each request with the token of the start. A page that is left open does not count,
                as it must not keep the core running.
        """
        self._app, self._tokens, self._on_activity = app, tokens, on_activity
        self._hosts = {f"{name}:{port}".encode() for name in (HOST, "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, and pass it on or refuse it.

        Args:
            scope: The ASGI scope.
            receive: Receives the request.
            send: Sends the answer.
        """
        if scope["type"] != "http":
            return
        send = _with_security_headers(send)
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            await _refuse(send, 403, "The Host header names another host. Only requests to this machine are answered.")
        elif (scope["method"], scope["path"]) in _WITHOUT_TOKEN:
            await self._pass_with_body(scope, receive, send)
        elif (right := self._right(scope)) is None:
            await _refuse(send, 401, "The token is missing or wrong. Use the one in the connection file.")
        elif right == "page" and not self._tokens.page_is_allowed(scope["method"], scope["path"]):
            await _refuse(
                send, 403, "A page may only read, and change the queue. Use the token in the connection file."
            )
        else:
            if right == "all":
                self._on_activity()
            await self._pass_with_body(scope, receive, send)

    def _right(self, scope: Scope) -> Right | None:
        tokens = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(tokens) != 1 or not tokens[0].startswith(b"Bearer "):
            return None
        return self._tokens.right_of(tokens[0].removeprefix(b"Bearer ").decode("latin-1"))

    async def _pass_with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body()
        try:
            await asyncio.wait_for(body.read(receive), _BODY_SECONDS)
        except asyncio.TimeoutError:
            if body.size <= BODY_LIMIT:
                return await _refuse(send, 408, f"The request was not complete within {_BODY_SECONDS:.0f} seconds.")
        if body.size > BODY_LIMIT:
            return await _refuse(send, 413, f"The body is larger than {BODY_LIMIT} bytes.")
        if not body.lost:
            await self._app(scope, body.replay(receive), send)
        return None


class _Body:
    """The body of a request, kept up to the limit.

    It is always read to its end, so that a client that sends too much gets the answer that says so.
    """

    def __init__(self) -> None:
        self.size, self.lost = 0, False
        self._kept = bytearray()

    async def read(self, receive: Receive) -> None:
        """Read to the end. Bytes beyond the limit are counted and dropped; `lost` is set if the client disconnects."""
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
        """Return a `receive` that gives the body in one message, then the messages that follow."""
        pieces: list[Message] = [{"type": "http.request", "body": bytes(self._kept), "more_body": False}]

        async def receive_again() -> Message:
            return pieces.pop() if pieces else await receive()

        return receive_again


def _with_security_headers(send: Send) -> Send:
    """Return a `send` that adds the security headers for browsers to every answer."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_SECURITY_HEADERS]}
        await send(message)

    return send_with_headers


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
