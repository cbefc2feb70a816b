"""Save the open script, or a copy of it, unless somebody else has saved it meanwhile. Main thread only."""

from __future__ import annotations

import time
from pathlib import Path

import nuke

from ..errors import RefColorizeError
from . import atomic

__all__ = ["loaded", "require_unchanged", "save", "save_copy", "saving", "script_name"]

_CLOCK_SECONDS = 2.0  # file servers round times, and set them a little later
_SAVE_SECONDS = 60.0  # for Nuke to write a large script, and for the file server's clock
_seen: dict[str, tuple[float, int]] = {}  # by a script's path: when it was changed and its size, as this Nuke left it
_saved: dict[str, float] = {}  # by a script's path: when the artist began to save it, if nothing was seen since


def script_name() -> str:
    """Return the script's file name without its extension; "unsaved script" if it has none."""
    return Path(str(nuke.root()["name"].value())).stem or "unsaved script"


def loaded() -> None:
    """Note how the open script is on disk; a callback for nuke.addOnScriptLoad, and called after each save."""
    name = str(nuke.root()["name"].value())
    state = _state(name)
    _saved.pop(name, None)
    if state is not None:
        _seen[name] = state


def saving() -> None:
    """Note that the artist saves the script; a callback for nuke.addOnScriptSave.

    Nuke calls it before it writes the file, and nothing afterwards.
    """
    _saved[str(nuke.root()["name"].value())] = time.time()


def require_unchanged() -> None:
    """Check that nobody else has saved the open script since this Nuke has read or saved it.

    Raises:
        RefColorizeError: If somebody has. If that cannot be told, it is not an error.
    """
    name = str(nuke.root()["name"].value())
    if _is_changed(name):
        raise RefColorizeError(
            f"{name} was saved by somebody else since it was opened here, and was not overwritten. Save the script "
            "under another name, or open it again."
        )


def _is_changed(name: str) -> bool:
    state, seen, saved = _state(name), _seen.get(name), _saved.get(name)
    if state is None:
        return False
    if saved is not None:
        return state[0] > saved + _SAVE_SECONDS
    return seen is not None and (state[1] != seen[1] or abs(state[0] - seen[0]) > _CLOCK_SECONDS)


def _state(name: str) -> tuple[float, int] | None:
    try:
        status = Path(name).stat() if name else None
    except OSError:
        return None
    return None if status is None else (status.st_mtime, status.st_size)


def save() -> None:
    """Save the script under its name; do nothing if it has none.

    Raises:
        RefColorizeError: If somebody else has saved it meanwhile, or if the file cannot be written.
    """
    name = str(nuke.root()["name"].value())
    if not name:
        return
    require_unchanged()
    try:
        nuke.scriptSave()
    except (RuntimeError, OSError) as error:  # Nuke raises RuntimeError for everything
        raise RefColorizeError(f"The script {name} cannot be saved ({error}). Save it under another name.") from None
    loaded()


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
