"""Who may ask for what: the start's token everything, a page's token only to look and to cancel.

A page gets its token for a ticket, which works once and not for long. So what stands in a link, where a terminal or a
browser's history may keep it, is soon worth nothing.
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
_PAGES = 64
_PAGE_POST = re.compile(r"/v1/jobs/[^/]+/cancel")


class Tokens:
    """The start's token, and the tickets and page tokens given out since. Any thread may ask.

    Of each kind only so many are good at a time; one more makes the oldest worthless. clock: in seconds, monotonic.
    """

    def __init__(self, start: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._start, self._clock = start, clock
        self._lock = threading.Lock()
        self._tickets: OrderedDict[str, float] = OrderedDict()  # until when each is good
        self._pages: list[str] = []

    def ticket(self) -> str:
        """A new ticket, good once and for ten minutes."""
        ticket = secrets.token_urlsafe(32)
        with self._lock:
            self._tickets[ticket] = self._clock() + _TICKET_SECONDS
            while len(self._tickets) > _TICKETS_OPEN:
                self._tickets.popitem(last=False)
        return ticket

    def redeem(self, ticket: str) -> str | None:
        """A page's token for a ticket; None where it is unknown, used or too old."""
        with self._lock:
            found = next((known for known in self._tickets if _same(known, ticket)), None)
            if found is None or self._tickets.pop(found) < self._clock():
                return None
            page = secrets.token_urlsafe(32)
            self._pages = [*self._pages, page][-_PAGES:]
            return page

    def right(self, token: str) -> Right | None:
        """What a token is good for; None where it is good for nothing."""
        if _same(token, self._start):
            return "all"
        return "page" if any(_same(token, page) for page in self._pages) else None

    @staticmethod
    def page_may(method: str, path: str) -> bool:
        """Whether a page may ask for that."""
        return method == "GET" or (method == "POST" and _PAGE_POST.fullmatch(path) is not None)


def _same(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode(), b.encode())
