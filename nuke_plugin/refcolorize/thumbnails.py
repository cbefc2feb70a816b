"""Small pictures of a node's references, rendered by Nuke as they are now. Main thread, on the artist's wish only."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nuke

from .errors import RefColorizeError
from .inputs import quiet_nodes

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
    with tempfile.TemporaryDirectory(prefix="refcolorize-") as folder, _small_write(reference, Path(folder)) as write:
        for frame in frames:
            try:
                nuke.execute(write, frame, frame)
            except RuntimeError as error:  # what Nuke raises for everything
                if "cancel" in str(error).lower():
                    break
                raise RefColorizeError(f"Frame {frame} of {reference.name()} cannot be rendered: {error}") from None
            pictures[frame] = (Path(folder) / f"{frame}.png").read_bytes()
    return pictures


@contextmanager
def _small_write(source: nuke.Node, folder: Path) -> Iterator[nuke.Node]:
    """A Write of a small picture of `source`, gone afterwards without a trace in undo or in the script."""
    with quiet_nodes() as made, source.parent():
        made.append(nuke.nodes.Reformat(type="to box", box_width=_WIDTH, resize="width", inputs=[source]))
        file = (folder / "%d.png").as_posix()
        made.append(nuke.nodes.Write(file=file, file_type="png", channels="rgb", inputs=[made[0]]))
        yield made[1]
