"""The versions of a node that came to nothing. Does not import nuke.

A version without a frame is removed. Its number is not used again, because the core's page can resume its job, which
then writes into the folder of that number. A script that was saved while it was shown says so for ever; what the node
showed before is kept for such a script. Undo and redo show it again too; for those it is kept until Nuke ends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .frame_names import with_hashes
from .json_files import read_object, write_object

__all__ = ["before", "forget", "has_kept", "keep", "kept", "last_number", "withdraw"]

_FILE = "withdrawn.json"  # in the folder of a node's versions: {"2": what the node showed before v002}
_kept: dict[str, dict[str, Any]] = {}  # what a node showed before, by the path of the version's frames


def withdraw(folder: Path, number: int, shown_before: Mapping[str, Any]) -> None:
    """Note that a version came to nothing.

    Args:
        folder: The folder of a node's versions.
        number: The version's number.
        shown_before: What the node showed before it, as JSON data; empty if that is not known.

    Raises:
        OSError: If the file cannot be written.
    """
    write_object(folder / _FILE, {**read_object(folder / _FILE), str(number): dict(shown_before)})


def last_number(folder: Path) -> int:
    """Return the highest number of a version that came to nothing; 0 for none.

    Args:
        folder: The folder of a node's versions.
    """
    return max((int(number) for number in read_object(folder / _FILE) if number.isdecimal()), default=0)


def before(folder: Path, number: int) -> dict[str, Any]:
    """Return what the node showed before a version that came to nothing, as JSON data; empty if that is not known.

    Args:
        folder: The folder of a node's versions.
        number: The version's number.
    """
    shown = read_object(folder / _FILE).get(str(number), {})
    return dict(shown) if isinstance(shown, dict) else {}


def keep(path: str, shown_before: Mapping[str, Any]) -> None:
    """Remember until Nuke ends that a version came to nothing.

    Args:
        path: The path of the version's frames.
        shown_before: What the node showed before it, as JSON data.
    """
    _kept[_key(path)] = dict(shown_before)


def kept(path: str) -> dict[str, Any] | None:
    """Return what a node showed before a version that came to nothing since Nuke began; None for another version.

    Args:
        path: The path of the version's frames.
    """
    return _kept.get(_key(path))


def has_kept() -> bool:
    """Return whether any version came to nothing since Nuke began."""
    return bool(_kept)


def forget(path: str) -> None:
    """Forget that a version came to nothing: it has begun again.

    Args:
        path: The path of the version's frames.
    """
    _kept.pop(_key(path), None)


def _key(path: str) -> str:
    """Return the path as `same_files` compares it, whether Nuke has written it with #### or %04d."""
    return os.path.normcase(with_hashes(path))
