"""The remedies of a message in the words of the client that reads it: of the node, of the page or of a terminal."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast, get_args

from stcolor_core.remedies import FrontEnd, word

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Wording"]

_HEADER = b"x-front-end"  # what a client calls itself: "node" or "command_line"; without it, it is the page
_BEGIN = "⟦".encode()
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


class Wording:
    """ASGI middleware that words the remedies in JSON answers. The store keeps them by name, as clients come and go."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application.

        Args:
            app: The application.
        """
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and word its answer.

        Args:
            scope: The ASGI scope.
            receive: Receives the request.
            send: Sends the answer.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        front_end = _front_end(scope)
        start: Message | None = None
        body = b""

        async def send_worded(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_json(message):
                start = message  # the length of the body follows from the words
                return
            if start is None:
                await send(message)
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            body = _word(body, front_end)
            headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
            await send({**message, "body": body})

        await self._app(scope, receive, send_worded)


def _front_end(scope: Scope) -> FrontEnd:
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER), "page")
    return cast(FrontEnd, given) if given in get_args(FrontEnd) else "page"


def _is_json(start: Message) -> bool:
    return any(name.lower() == b"content-type" and b"json" in value for name, value in start["headers"])


def _word(body: bytes, front_end: FrontEnd) -> bytes:
    """Word the strings of a JSON text that carry a mark."""
    if _BEGIN not in body:
        return body

    def replace(match: re.Match[bytes]) -> bytes:
        if _BEGIN not in match[0]:
            return match[0]
        return json.dumps(word(json.loads(match[0]), front_end), ensure_ascii=False).encode()

    return _STRING.sub(replace, body)
