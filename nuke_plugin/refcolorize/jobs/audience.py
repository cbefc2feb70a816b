"""Who shows the status line of a node to the artist, so that an error that is in it needs no dialog too.

Main thread only.
"""

from __future__ import annotations

from typing import Protocol
from weakref import WeakSet

__all__ = ["Viewer", "is_shown", "viewers"]


class Viewer(Protocol):
    """Something that can show nodes to the artist, such as the panel."""

    def shows(self, name: str) -> bool:
        """Return whether the artist sees the status line of a node here now.

        Args:
            name: The node's full name.
        """
        ...

    def forget(self) -> None:
        """Forget what is kept of nodes by their names, because the script is closed."""
        ...


viewers: WeakSet[Viewer] = WeakSet()
"""Every viewer that there is, visible or not."""


def is_shown(name: str) -> bool:
    """Return whether any viewer shows a node's status line.

    Args:
        name: The node's full name.
    """
    return any(viewer.shows(name) for viewer in tuple(viewers))
