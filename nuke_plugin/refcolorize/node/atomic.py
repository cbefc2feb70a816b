"""Write files atomically: a reader sees the old file or the new one, even if several Nukes write it."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

__all__ = ["write_text"]


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file under a temporary name in the same folder, then rename it.

    Args:
        path: The file to write or to replace. Its folder must exist.
        text: The file's content.

    Raises:
        OSError: If the file cannot be written. An existing file is unchanged then.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()
