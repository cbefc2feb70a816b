"""The versions of a node that came to nothing. Does not import nuke.

A version without a frame is removed. Its number is not used again, because the core's page can resume its job, which
then writes into the folder of that number. A script that was saved while it was shown says so for ever; what the node
showed before is kept for such a script.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import atomic

__all__ = ["before", "last_number", "withdraw"]

_FILE = "withdrawn.json"  # in the folder of a node's versions: {"2": what the node showed before v002}


def withdraw(folder: Path, number: int, shown_before: Mapping[str, Any]) -> None:
    """Note that a version came to nothing.

    Args:
        folder: The folder of a node's versions.
        number: The version's number.
        shown_before: What the node showed before it, as JSON data; empty if that is not known.

    Raises:
        OSError: If the file cannot be written.
    """
    atomic.write_text(folder / _FILE, json.dumps({**_read(folder), str(number): dict(shown_before)}, indent=2) + "\n")


def last_number(folder: Path) -> int:
    """Return the highest number of a version that came to nothing; 0 for none.

    Args:
        folder: The folder of a node's versions.
    """
    return max((int(number) for number in _read(folder) if number.isdecimal()), default=0)


def before(folder: Path, number: int) -> dict[str, Any]:
    """Return what the node showed before a version that came to nothing, as JSON data; empty if that is not known.

    Args:
        folder: The folder of a node's versions.
        number: The version's number.
    """
    shown = _read(folder).get(str(number), {})
    return dict(shown) if isinstance(shown, dict) else {}


def _read(folder: Path) -> dict[str, Any]:
    try:
        data = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
