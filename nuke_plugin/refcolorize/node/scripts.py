"""Save the open script. Main thread only."""

from __future__ import annotations

import nuke

from ..errors import RefColorizeError

__all__ = ["save"]


def save() -> None:
    """Save the script under its name; do nothing if it has none.

    Raises:
        RefColorizeError: If the file cannot be written.
    """
    name = str(nuke.root()["name"].value())
    if not name:
        return
    try:
        nuke.scriptSave()
    except (RuntimeError, OSError) as error:  # Nuke raises RuntimeError for everything
        raise RefColorizeError(f"The script {name} cannot be saved ({error}). Save it under another name.") from None
