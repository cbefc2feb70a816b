"""The way from a job to the core: a client that is found again if the core was started anew on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import nuke

from ..core import server
from ..core.client import Client
from ..errors import CoreRefused, CoreStopped, CoreUnreachable

__all__ = ["CoreLink"]

_UNAUTHORIZED = 401  # the HTTP status if the core was restarted and has a new token


class CoreLink:
    """A client of the core for one job, in a worker thread.

    Attributes:
        client: The client; None until the core was reached.
        restarted: Whether the core was started anew since this was last set to False. It is not waited for twice.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        *,
        on_wait: Callable[[bool], None],
        is_cancelled: Callable[[], bool],
        raise_if_cancelled: Callable[[], None],
    ) -> None:
        """Prepare the link; nothing is asked yet.

        Args:
            connect: Returns a client of the core, which it starts if none runs.
            on_wait: Called with True while the artist is asked what to do without a core, then with False.
            is_cancelled: Whether the job is cancelled.
            raise_if_cancelled: Raises Cancelled if the job is cancelled and the core does not have it yet.
        """
        self.client: Client | None = None
        self.restarted = False
        self._connect, self._on_wait = connect, on_wait
        self._is_cancelled, self._raise_if_cancelled = is_cancelled, raise_if_cancelled

    def reach(self) -> Client:
        """Return a client of the core, which is started if none runs; ask the artist what to do if that fails.

        Raises:
            CoreUnreachable: If no core runs and none can be started, and the artist gives up.
            Cancelled: If the job is cancelled in the meantime.
        """
        while True:
            try:
                self.client = self._connect()
            except CoreUnreachable as error:
                if not nuke.GUI or self._connect is not server.ensure:
                    raise
                start = self._ask(error)
                self._raise_if_cancelled()
                if not start:
                    raise
            else:
                return self.client

    def request(self, send: Callable[[Client], Mapping[str, Any]]) -> tuple[Mapping[str, Any] | None, bool]:
        """Return the core's answer, or None if the core had to be found again.

        Args:
            send: Sends the request. It may be called again later.

        Returns:
            The answer, and whether it is another core than before, which continues the job.

        Raises:
            CoreStopped: If somebody stopped the core.
            CoreUnreachable: If it does not answer and cannot be started again.
            CoreRefused: If it refuses the request.
        """
        assert self.client is not None
        try:
            return send(self.client), False
        except (CoreUnreachable, CoreRefused) as error:
            if isinstance(error, CoreRefused) and error.status != _UNAUTHORIZED:
                raise
            if not server.connection_file().is_file():
                raise CoreStopped("The core was stopped. The job goes on when it runs again.") from None
            if self.restarted:
                raise
        self.restarted = True
        before = self.client.url
        return None, self.reach().url != before

    def _ask(self, error: CoreUnreachable) -> bool:
        from .unreachable import ask

        self._on_wait(True)
        try:
            return ask(error, is_cancelled=self._is_cancelled)
        finally:
            self._on_wait(False)
