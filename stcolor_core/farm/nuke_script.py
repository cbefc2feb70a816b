"""Read from a Nuke script's text what a farm job needs."""

from __future__ import annotations

import re
from pathlib import Path

from stcolor_core.errors import BadRequest

__all__ = ["read_version"]

_VERSION = re.compile(r"^version (\d+\.\d+)", re.MULTILINE)
_HEAD = 4096  # characters; the version is in the first lines


def read_version(script: Path) -> str:
    """Return the version of Nuke that wrote a script, such as "15.1".

    Args:
        script: The script's file.

    Raises:
        BadRequest: If the file cannot be read or is not a Nuke script.
    """
    try:
        with script.open(encoding="utf-8", errors="replace") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise BadRequest(f"The Nuke script {script} cannot be read ({error.strerror}). Save it first.") from None
    version = _VERSION.search(head)
    if version is None:
        raise BadRequest(f"{script} does not say which Nuke wrote it. Save it from Nuke as a .nk script.")
    return version[1]
