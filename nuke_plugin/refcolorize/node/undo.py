"""Changes of the script that are not the artist's. Main thread only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import nuke

__all__ = ["without_undo"]


@contextmanager
def without_undo() -> Iterator[None]:
    """Return a context in which changes make no undo step and leave the script unmodified."""
    root = nuke.root()
    modified = root.modified()
    nuke.Undo.disable()
    try:
        yield
    finally:
        nuke.Undo.enable()
        root.setModified(modified)
