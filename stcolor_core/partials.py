"""A file is written under another name beside its own, so that nothing half-written is ever found under that."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["partial_of"]

# A live writer writes on and on, and a frame takes it seconds even on a slow server. No lock says who is alive: output
# folders lie on network disks, where locks hang or hold for one machine only.
_ABANDONED_SECONDS = 3600.0


@contextmanager
def partial_of(path: Path) -> Iterator[Path]:
    """The name to write under, `.<name>.<random>.partial`; what is there at the block's end takes the place of `path`.

    Nothing of it is left where the block raises. Each writer has a name of its own: of several at once, each writes
    whole, and the last stays. What killed writers of the same file left an hour ago or earlier is removed.
    Raises OSError where the file cannot be put in its place.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        yield partial
        _sweep(partial, path.name)
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _sweep(own: Path, name: str) -> None:
    """Remove other partial files of that name which were written to long before `own`, by the disk's own clock."""
    now = own.stat().st_mtime
    with os.scandir(own.parent) as entries:
        others = [Path(entry) for entry in entries if entry.name.startswith(f".{name}.")]
    for other in others:
        with suppress(OSError):  # gone by now
            if other.suffix == ".partial" and now - other.stat().st_mtime > _ABANDONED_SECONDS:
                other.unlink()
