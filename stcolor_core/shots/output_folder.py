"""The check of a shot's output by names and rights alone, before torch is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from stcolor_core.errors import BadRequest, OutputError, PlateError
from stcolor_core.images.frame_ranges import parse_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.shots.shot import Shot

__all__ = ["cannot_write_folder", "check_output", "require_frame_field"]


def check_output(shot: Shot, frames: Collection[int]) -> None:
    """Check that the frames of a shot can be written, as far as that is known without writing.

    Args:
        shot: The shot.
        frames: The plate's frames.

    Raises:
        BadRequest: If several frames would be written to one path.
        OutputError: If a frame is to be written, and its folder cannot be made or written to.
    """
    pattern = FramePattern.parse(shot.output.path, role="The output")
    require_frame_field(pattern, frames)
    requested = (
        set(frames) if shot.output.frames is None else set(frames).intersection(parse_frames(shot.output.frames))
    )
    on_disk: set[int] = set()
    with suppress(PlateError):  # a folder that cannot be listed is judged below
        on_disk.update(pattern.frames())
    if requested <= on_disk:
        return  # perhaps they are kept: a finished shot may lie in a folder that is read-only
    try:
        nearest = next(folder for folder in (pattern.folder, *pattern.folder.parents) if folder.exists())
        if not nearest.is_dir():
            raise cannot_write_folder(pattern.folder, f"{nearest} is not a folder")
    except OSError as error:
        raise cannot_write_folder(pattern.folder, str(error.strerror)) from None
    if not _may_write(nearest):
        raise cannot_write_folder(pattern.folder, f"{nearest} is read-only for this user")


def require_frame_field(pattern: FramePattern, frames: Collection[int]) -> None:
    """Refuse an output without a frame number for several frames.

    Args:
        pattern: The output.
        frames: The plate's frames.

    Raises:
        BadRequest: If all frames would be written to one path.
    """
    if len(frames) > 1 and not pattern.is_sequence:
        raise BadRequest(f"The output {pattern.text} has no frame number. Write it like out/sh010.####.exr.")


def cannot_write_folder(folder: Path, reason: str) -> OutputError:
    """Return the error for an output folder that cannot be written to.

    Args:
        folder: The folder.
        reason: Why, in a few words.
    """
    return OutputError(
        f"The output folder {folder} cannot be written to ({reason}). Check its rights and the disk, or choose "
        "another output folder."
    )


def _may_write(folder: Path) -> bool:
    """Return whether the rights of a folder allow to write; on Windows only trying tells."""
    return sys.platform == "win32" or os.access(folder, os.W_OK | os.X_OK)
