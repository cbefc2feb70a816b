"""How messages name a picture. Imports no library, as this is also needed where none is loaded."""

from __future__ import annotations

from pathlib import Path

__all__ = ["name_picture"]


def name_picture(path: Path, frame: int | None, role: str = "") -> str:
    """Return how messages name a picture.

    Args:
        path: The picture.
        frame: Its frame number in the plate; None if it is not a frame of the plate.
        role: What it is to the shot otherwise, such as "Reference 1050"; "" if that is not said.
    """
    role = role or ("" if frame is None else f"Frame {frame}")
    return f"{role} ({path})" if role else str(path)
