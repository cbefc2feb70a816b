"""Atomic writes: a file is there whole or not at all, however many Nukes write it."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

__all__ = ["write_text"]


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8 under a name of its own beside `path`, then rename it.

    Args:
        path: The file to write or to replace. Its folder must exist.
        text: The whole file.

    Raises:
        OSError: If the folder cannot be written. What was at `path` is unchanged then.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()
