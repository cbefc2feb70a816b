"""The script on disk. Main thread only."""

from __future__ import annotations

import nuke

from ..errors import RefColorizeError

__all__ = ["save"]


def save() -> None:
    """Save the script where it lies; nothing for one without a name. RefColorizeError where it cannot be written."""
    name = str(nuke.root()["name"].value())
    if not name:
        return
    try:
        nuke.scriptSave()
    except (RuntimeError, OSError) as error:  # Nuke raises RuntimeError for everything
        raise RefColorizeError(f"The script {name} cannot be saved ({error}). Save it under another name.") from None
