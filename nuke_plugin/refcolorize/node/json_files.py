"""Read and write the JSON files beside a node's versions. Does not import nuke."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import atomic

__all__ = ["object_text", "read_object", "write_object"]


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file; empty if there is none, or if it cannot be read.

    Args:
        path: The file.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def write_object(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON object atomically.

    Args:
        path: The file to write or to replace. Its folder must exist.
        data: The object.

    Raises:
        OSError: If the file cannot be written. An existing file is unchanged then.
    """
    atomic.write_text(path, object_text(data))


def object_text(data: Mapping[str, Any]) -> str:
    """Return a JSON object as such a file holds it.

    Args:
        data: The object.
    """
    return json.dumps(data, indent=2) + "\n"
