"""The page for the person waiting: its files, and how it comes by a token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from stcolor_core.service.messages import PageToken, Ticket
from stcolor_core.service.tokens import Tokens

__all__ = ["FILES", "page_routes"]

# path -> file and type. They hold nothing secret and need no token.
FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/core.js": ("core.js", "text/javascript"),
    "/plot.js": ("plot.js", "text/javascript"),
}
_FOLDER = Path(__file__).with_name("page")
_BEARER = HTTPBearer(auto_error=False)
Refusals = dict[int | str, dict[str, Any]]


def page_routes(tokens: Tokens, *, url: str, refusals: Refusals) -> APIRouter:
    """The routes of the page. url: the core's own."""
    routes = APIRouter()

    @routes.post("/v1/ticket", dependencies=[Security(_BEARER)], responses=refusals)
    def ticket() -> Ticket:
        """A link to the page that works once, within ten minutes."""
        return Ticket(url=f"{url}/#ticket={tokens.ticket()}")

    @routes.post("/v1/session", responses=refusals)
    def session(given: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]) -> PageToken:
        """A token for the page, for a ticket as the bearer. It is good to look and to cancel."""
        token = None if given is None else tokens.redeem(given.credentials)
        if token is None:
            raise HTTPException(401, "The link is used up or too old. `stcolor status` prints a new one.")
        return PageToken(token=token)

    for path, (name, kind) in FILES.items():
        routes.get(path, include_in_schema=False)(_file(_FOLDER / name, kind))
    return routes


def _file(path: Path, kind: str) -> Callable[[], Response]:
    return lambda: Response(path.read_bytes(), media_type=kind)
