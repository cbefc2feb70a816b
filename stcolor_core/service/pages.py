"""The status page: its files, and the routes that give it a token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, HTTPException, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from stcolor_core.service.messages import PageToken, Ticket
from stcolor_core.service.tokens import Tokens

__all__ = ["FILES", "page_routes"]

_FOLDER = Path(__file__).with_name("page")
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_NAMES = (
    "index.html",
    "page.css",
    "controls.js",
    "core.js",
    "dom.js",
    "loader.js",
    "notices.js",
    "page.js",
    "pixels.js",
    "plot.js",
    "queue.js",
    "screen.js",
    "transport.js",
    "viewer.js",
    "words.js",
)
# path -> file and type. They contain nothing secret and need no token.
FILES = {"/" if name == "index.html" else f"/{name}": (name, _TYPES[Path(name).suffix]) for name in _NAMES}
_BEARER = HTTPBearer(auto_error=False)
Refusals: TypeAlias = dict[int | str, dict[str, Any]]
"""Status code -> FastAPI's description of that answer."""


def page_routes(tokens: Tokens, *, url: str, refusals: Refusals) -> APIRouter:
    """Return the routes of the page.

    Args:
        tokens: Gives out tickets and page tokens.
        url: The core's own, http://127.0.0.1:PORT.
        refusals: The error answers for the schema.
    """
    routes = APIRouter()

    @routes.post("/v1/ticket", dependencies=[Security(_BEARER)], responses=refusals)
    def ticket() -> Ticket:
        """Return a link to the page that works once, within ten minutes."""
        return Ticket(url=f"{url}/#ticket={tokens.ticket()}")

    @routes.post("/v1/session", responses=refusals)
    def session(bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]) -> PageToken:
        """Return a token for the page, which may read and change the queue, for the ticket sent as the bearer."""
        token = None if bearer is None else tokens.redeem(bearer.credentials)
        if token is None:
            raise HTTPException(
                401,
                "The link is used up or too old. "
                "Open the page from Nuke's panel again, or run `stcolor status` for a new one.",
            )
        return PageToken(token=token)

    for path, (name, media_type) in FILES.items():
        routes.get(path, include_in_schema=False)(_serve_file(_FOLDER / name, media_type))
    return routes


def _serve_file(path: Path, media_type: str) -> Callable[[], Response]:
    return lambda: Response(path.read_bytes(), media_type=media_type)
