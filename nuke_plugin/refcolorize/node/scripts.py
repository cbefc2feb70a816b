"""Save the open script, or a copy of it. Main thread only."""

from __future__ import annotations

from pathlib import Path

import nuke

from ..errors import RefColorizeError
from . import atomic

__all__ = ["save", "save_copy", "script_name"]


def script_name() -> str:
    """Return the script's file name without its extension; "unsaved script" if it has none."""
    return Path(str(nuke.root()["name"].value())).stem or "unsaved script"


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


def save_copy(folder: Path) -> Path:
    """Save a copy of the script. The open script keeps its name, and stays modified.

    Args:
        folder: The folder of a version. The copy has the names of the script and the folder: comp_v001.nk.

    Returns:
        The copy.

    Raises:
        RefColorizeError: If the file cannot be written.
    """
    copy = folder / f"{Path(str(nuke.root()['name'].value())).stem}_{folder.name}.nk"
    try:
        atomic.write_by(copy, lambda partial: nuke.scriptSaveToTemp(partial.as_posix()))
    except (RuntimeError, OSError) as error:
        raise RefColorizeError(f"A copy of the script cannot be saved as {copy.as_posix()} ({error}).") from None
    return copy
