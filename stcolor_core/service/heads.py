"""Hangs up on clients that never finish the line and headers of a request.

uvicorn has a time limit for the pause between two requests and none for a head that comes in drops. A connection's
protocol sees its beginning and its end, and the application is called once a head is whole; the limit is put between
these, by what asyncio and ASGI define alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["HeadLimit"]

_HEAD_SECONDS = 10.0


@dataclass
class _Line:
    """A connection. answering: the requests of it that are being answered. hang_up: while the next head is awaited."""

    transport: asyncio.Transport
    answering: int = 0
    hang_up: asyncio.TimerHandle | None = None


class HeadLimit:
    """ASGI: passes every request on, and closes connections that send no whole head within ten seconds.

    A head is awaited from when a connection is made, and again from when its last request is answered. The server must
    use `protocol()` for its connections.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lines: dict[Any, _Line] = {}  # by the client's address, which ASGI calls `client`

    def protocol(self) -> type[asyncio.Protocol]:
        """Make the class for uvicorn's setting `http`: HTTP/1.1, with this limit around it."""
        limit = self

        class Limited(_Delegating):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.Transport)
                self._client = transport.get_extra_info("peername")
                limit._lines[self._client] = _Line(transport)
                limit._await_head(self._client)
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                limit._stop_waiting(self._client)
                limit._lines.pop(self._client, None)
                super().connection_lost(exc)

        return Limited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = tuple(scope.get("client") or ())
        if (line := self._lines.get(client)) is None:
            return await self._app(scope, receive, send)
        self._stop_waiting(client)
        line.answering += 1
        try:
            await self._app(scope, receive, send)
        finally:
            line.answering -= 1
            if not line.answering and self._lines.get(client) is line:
                self._await_head(client)
        return None

    def _await_head(self, client: Any) -> None:
        line = self._lines[client]
        line.hang_up = asyncio.get_running_loop().call_later(_HEAD_SECONDS, line.transport.close)

    def _stop_waiting(self, client: Any) -> None:
        line = self._lines.get(client)
        if line is not None and line.hang_up is not None:
            line.hang_up.cancel()
            line.hang_up = None


class _Delegating(asyncio.Protocol):
    """Hands all that a connection says to uvicorn's own HTTP/1.1."""

    def __init__(self, **options: Any) -> None:
        self._http: asyncio.Protocol = H11Protocol(**options)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._http.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._http.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._http.data_received(data)

    def eof_received(self) -> bool | None:
        return self._http.eof_received()

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()
