"""Render thumbnails of a node's references with Nuke. Main thread only, and only when the artist asks for them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import nuke

from ..errors import Cancelled, RefColorizeError
from .helper_nodes import create_png_write, create_reformat, execute, temporary_nodes

__all__ = ["render"]

_WIDTH = 240  # pixels: twice the size on the time line, for high-resolution screens


def render(node: nuke.Node, frames: Sequence[int]) -> dict[int, bytes]:
    """Render frames of the input ref as thumbnails, 240 pixels wide.

    Args:
        node: A RefColorize node.
        frames: The frames to render.

    Returns:
        A PNG file for each frame; fewer if the artist cancels.

    Raises:
        RefColorizeError: If ref is not connected or cannot be rendered.
    """
    reference = node.input(1)
    if reference is None:
        raise RefColorizeError(f"{node.name()} has no reference. Connect the coloured picture to its input ref.")
    pictures: dict[int, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="refcolorize-") as folder, temporary_nodes() as created, reference.parent():
        created.append(create_reformat(reference, _WIDTH))
        created.append(create_png_write(created[0], Path(folder) / "%d.png"))
        for frame in frames:
            try:
                execute(created[1], frame, frame, label=reference.name())
            except Cancelled:
                break
            pictures[frame] = (Path(folder) / f"{frame}.png").read_bytes()
    return pictures
