"""Tokens and their rights: the token of the start may do everything, the token of a page what an artist does there.

A page may read, and change the queue of the shots that were submitted. It names no path, so it can read and write no
file that a shot does not name, or that does not lie beside the shot's references.

A page gets its token in exchange for a ticket, which works once and for ten minutes. So the link with the ticket, which
a terminal or the history of a browser may keep, is soon worthless. The browser keeps the token for this address; it is
worthless when the core ends.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

__all__ = ["Right", "Tokens"]

Right = Literal["all", "page"]

_TICKET_SECONDS = 600.0
_TICKETS_OPEN = 16
_PAGES = 64  # tokens of pages that are valid at a time
_PAGE_POST = re.compile(r"/v1/jobs/[^/]+/(cancel|resume|move|note|key|reveal)|/v1/queue/(pause|continue|clear|restore)")


class Tokens:
    """The token of the start, and the tickets and page tokens given out since. For any thread.

    Of tickets and page tokens only a limited number is valid at a time; one more makes the oldest invalid.
    """

    def __init__(self, start: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep the token of the start.

        Args:
            start: The token that may do everything.
            clock: Seconds, monotonic.
        """
        self._start, self._clock = start, clock
        self._lock = threading.Lock()
        self._tickets: OrderedDict[str, float] = OrderedDict()  # ticket -> when it expires
        self._pages: list[str] = []

    def ticket(self) -> str:
        """Return a new ticket, valid once and for ten minutes."""
        ticket = secrets.token_urlsafe(32)
        with self._lock:
            self._tickets[ticket] = self._clock() + _TICKET_SECONDS
            while len(self._tickets) > _TICKETS_OPEN:
                self._tickets.popitem(last=False)
        return ticket

    def redeem(self, ticket: str) -> str | None:
        """Return a new page token in exchange for a ticket; None if the ticket is unknown, used or too old.

        Args:
            ticket: The ticket.
        """
        with self._lock:
            match = next((known for known in self._tickets if _same(known, ticket)), None)
            if match is None or self._tickets.pop(match) < self._clock():
                return None
            page = secrets.token_urlsafe(32)
            self._pages = [*self._pages, page][-_PAGES:]
            return page

    def right_of(self, token: str) -> Right | None:
        """Return what a token may do: all, or what a page may; None if it is not valid.

        Args:
            token: The token of a request.
        """
        if _same(token, self._start):
            return "all"
        return "page" if any(_same(token, page) for page in self._pages) else None

    @staticmethod
    def page_is_allowed(method: str, path: str) -> bool:
        """Return whether a page may send a request.

        Args:
            method: HTTP method.
            path: Path of the request.
        """
        return method == "GET" or (method == "POST" and _PAGE_POST.fullmatch(path) is not None)


def _same(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode(), b.encode())
