"""Say each line to the artist only once."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["WarnOnce"]


class WarnOnce:
    """Passes on each line that it has not passed on before.

    Args:
        warn: Called with a line, in the thread that has it.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._warned: set[str] = set()

    def __call__(self, message: str, warn: Callable[[str], None] | None = None) -> None:
        """Pass on a line.

        Args:
            message: The line.
            warn: Called in place of the usual function.
        """
        if message not in self._warned:
            self._warned.add(message)
            (warn or self._warn)(message)
