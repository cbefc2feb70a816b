"""Write files atomically: a reader sees the old file or the new one, even if several Nukes write it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["write_by", "write_text"]


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file under a temporary name in the same folder, then rename it.

    Args:
        path: The file to write or to replace. Its folder must exist.
        text: The file's content.

    Raises:
        OSError: If the file cannot be written. An existing file is unchanged then.
    """
    write_by(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def write_by(path: Path, write: Callable[[Path], object]) -> None:
    """Let a function write a file under a temporary name in the same folder, then rename it.

    Args:
        path: The file to write or to replace. Its folder must exist.
        write: Writes the file that it is given, which has the same suffix and does not exist yet.

    Raises:
        OSError: If the file cannot be renamed, for example because it was not written. An existing file is unchanged
            then, also if `write` raises an error.
    """
    partial = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.partial{path.suffix}")
    try:
        write(partial)
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()
