"""A file that is to be in two places: a link where the disk can, else a copy."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from stcolor_core.errors import OutputError
from stcolor_core.partials import partial_of

__all__ = ["link_or_copy"]


def link_or_copy(source: Path, target: Path) -> None:
    """Have `source` at `target` too, in place of what was there; whole or not at all. The folder is made.

    A link costs no room and no time, and what is written over `target` later, by renaming, leaves `source` alone.
    Raises OutputError where neither can be done; nothing new is left on disk then.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial_of(target) as partial:
            try:
                os.link(source, partial)
            except OSError:  # another disk, a file system without links, or no right to make them
                shutil.copy2(source, partial)
    except OSError as error:
        raise OutputError(
            f"{target} cannot be written ({error.strerror}). Check the folder and the space on its disk."
        ) from None
