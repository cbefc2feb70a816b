"""How messages name a picture. Imports no library, as this is also needed where none is loaded."""

from __future__ import annotations

from pathlib import Path

__all__ = ["describe_absence", "name_picture"]


def name_picture(path: Path, frame: int | None, role: str = "") -> str:
    """Return how messages name a picture.

    Args:
        path: The picture.
        frame: Its frame number in the plate; None if it is not a frame of the plate.
        role: What it is to the shot otherwise, such as "Reference 1050"; "" if that is not said.
    """
    role = role or ("" if frame is None else f"Frame {frame}")
    return f"{role} ({path})" if role else str(path)


def describe_absence(path: Path) -> str:
    """Return why a path is no file: "is missing", "is a folder" or "is not a file".

    Args:
        path: The path.
    """
    if path.is_dir():
        return "is a folder"
    return "is not a file" if path.exists() else "is missing"
