"""Small pictures of a node's references, rendered by Nuke as they are now. Main thread, on the artist's wish only."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import nuke

from ..errors import Cancelled, RefColorizeError
from .helper_nodes import execute, png_write, temporary_nodes, to_width

__all__ = ["render"]

_WIDTH = 240  # twice what the time line shows, for dense screens


def render(node: nuke.Node, frames: Sequence[int]) -> dict[int, bytes]:
    """The input ref at these frames as PNG, 240 pixels wide; fewer where the artist cancelled.

    Raises RefColorizeError where ref is not connected or cannot be rendered.
    """
    reference = node.input(1)
    if reference is None:
        raise RefColorizeError(f"{node.name()} has no reference. Connect the coloured picture to its input ref.")
    pictures: dict[int, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="refcolorize-") as folder, temporary_nodes() as made, reference.parent():
        made.append(to_width(reference, _WIDTH))
        made.append(png_write(made[0], Path(folder) / "%d.png"))
        for frame in frames:
            try:
                execute(made[1], frame, frame, what=reference.name())
            except Cancelled:
                break
            pictures[frame] = (Path(folder) / f"{frame}.png").read_bytes()
    return pictures
