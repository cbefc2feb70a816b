"""What a farm must know of a Nuke script, from its text."""

from __future__ import annotations

import re
from pathlib import Path

from stcolor_core.errors import BadRequest

__all__ = ["read_version"]

_VERSION = re.compile(r"^version (\d+\.\d+)", re.MULTILINE)
_HEAD = 4096  # characters; the version stands in the first lines


def read_version(script: Path) -> str:
    """The version of Nuke that wrote a script, like 15.1. Raises BadRequest where it is no such script."""
    try:
        with script.open(encoding="utf-8", errors="replace") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise BadRequest(f"The Nuke script {script} cannot be read ({error.strerror}). Save it first.") from None
    found = _VERSION.search(head)
    if found is None:
        raise BadRequest(f"{script} does not say which Nuke wrote it. Save it from Nuke as a .nk script.")
    return found[1]
