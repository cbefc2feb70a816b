"""A time limit for the head of a request: its request line and headers.

uvicorn limits the pause between two requests, but not a head that arrives in small pieces. The protocol of a connection
sees when it is made and when it is lost, and the application is called when a head is complete. The limit connects the
two, and uses nothing but asyncio and ASGI.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["HeadTimeout"]

_HEAD_SECONDS = 10.0


@dataclass
class _OpenConnection:
    """A connection.

    Attributes:
        transport: Closes the connection.
        active: Number of its requests that are being answered.
        timeout: What closes it unless the next head comes; None while a request is answered.
    """

    transport: asyncio.Transport
    active: int = 0
    timeout: asyncio.Handle | None = None


class HeadTimeout:
    """ASGI middleware that closes connections that send no complete head within ten seconds.

    The time starts when a connection is made, and again when its last request has been answered. The server must use
    `protocol()` for its connections.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._connections: dict[Any, _OpenConnection] = {}  # by the client's address, which ASGI calls `client`

    def protocol(self) -> type[asyncio.Protocol]:
        """Return the class for uvicorn's setting `http`: HTTP/1.1 with this limit."""
        timeout = self

        class Limited(_Delegating):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.Transport)
                self._client = transport.get_extra_info("peername")
                timeout._connections[self._client] = _OpenConnection(transport)
                timeout._start_timer(self._client)
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                timeout._stop_timer(self._client)
                timeout._connections.pop(self._client, None)
                super().connection_lost(exc)

        return Limited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and stop the connection's timer while it is answered.

        Args:
            scope: The ASGI scope.
            receive: Receives the request.
            send: Sends the answer.
        """
        client = tuple(scope.get("client") or ())
        if (connection := self._connections.get(client)) is None:
            return await self._app(scope, receive, send)
        self._stop_timer(client)
        connection.active += 1
        try:
            await self._app(scope, receive, send)
        finally:
            connection.active -= 1
            if not connection.active and self._connections.get(client) is connection:
                self._start_timer(client)
        return None

    def _start_timer(self, client: Any) -> None:
        connection = self._connections[client]
        connection.timeout = asyncio.get_running_loop().call_later(_HEAD_SECONDS, self._end_soon, connection)

    def _end_soon(self, connection: _OpenConnection) -> None:
        """Close the connection, unless its head has come in the same turn of the event loop.

        After a loop that stood still (a suspended or overloaded machine), both are due: the head that had arrived in
        time, which is read first, and the timer. The application, which stops the timer, is called in the next turn.
        """
        connection.timeout = asyncio.get_running_loop().call_soon(connection.transport.close)

    def _stop_timer(self, client: Any) -> None:
        connection = self._connections.get(client)
        if connection is not None and connection.timeout is not None:
            connection.timeout.cancel()
            connection.timeout = None


class _Delegating(asyncio.Protocol):
    """Passes every callback of a connection to uvicorn's own HTTP/1.1 protocol."""

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
