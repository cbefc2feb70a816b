"""The pictures of nodes: channels as arrays, sizes and frame ranges. See `operations` for each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import colorspaces, image_files
from .groups import Group
from .nodes import Node, opened
from .picture import Picture

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Pictures", "image"]


def image(node: Node, frame: float) -> dict[str, NDArray[np.float32]]:
    """Return a node's channels at a frame by Nuke's names ("rgba.red", "rc_ab.u"), (H, W) float32, the top row first.

    Raises RuntimeError if Nuke would show an error.
    """
    picture = node._session.pictures.of(node, frame)
    width, height = picture.size
    return {name: np.broadcast_to(values, (height, width)).copy() for name, values in picture.channels.items()}


class Pictures:
    """The pictures of a session's nodes."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, node: Node | None, frame: float) -> Picture:
        """Return a node's picture, or black if there is no node."""
        from .operations import OPERATIONS

        if node is None:
            return self.black()
        with self._session.at_frame(frame):
            if not node._enabled():
                return self.of(source(node, 0), frame)
            if node.Class() not in OPERATIONS:
                raise RuntimeError(f"{node.name()}: the fake cannot render {node.Class()}")
            if node.Class() == "Input":
                with self._session.passing_variables(node.parent()):
                    return OPERATIONS["Input"](self, node, frame)
            return OPERATIONS[node.Class()](self, node, frame)

    def black(self, size: tuple[int, int] | None = None) -> Picture:
        """Return an empty picture, by default of the size of the script's format."""
        return Picture(size or (self._session.root.width(), self._session.root.height()), {})

    def read(self, node: Node, frame: float) -> Picture:
        """Return the picture of a Read at a frame of the time line."""
        at = read_frame(node, frame)
        if at is None:
            return self.black(self.size(node, frame))
        path = opened(node, at)
        try:
            header, channels = image_files.read_header(path), image_files.read(path)
        except RuntimeError as error:
            return self._instead(node, frame, error)
        self._session.layers.add_found(channels)
        return Picture(header.size, colorspaces.decode(node, channels, integer=header.integer))

    def _instead(self, node: Node, frame: float, error: RuntimeError) -> Picture:
        instead = node["on_error"].value()
        if instead == "black":
            return self.black(self.size(node, frame))
        if instead in ("nearest frame", "checkerboard"):
            raise NotImplementedError(f"the fake shows no {instead} for missing frames")
        raise RuntimeError(f"{node.name()}: {error}")

    # ---- known without pixels

    def size(self, node: Node, frame: float) -> tuple[int, int]:
        """Return width and height."""
        if node.Class() == "Read":
            return self._read_size(node, frame)
        return self.of(node, frame).size

    def _read_size(self, node: Node, frame: float) -> tuple[int, int]:
        if (set_size := node["format"]._size()) is not None:
            return set_size
        first, last = node["first"].value(), node["last"].value()
        for at in (frame, *range(first, last + 1)):
            path = opened(node, at)
            if path.is_file():
                return image_files.read_header(path).size
        return self.black().size

    def pixel_aspect(self, node: Node) -> float:
        """Return the pixel aspect of the Read that the picture comes from, or else of the script."""
        own = node["format"]._write() if "format" in node.knobs() else ""
        above = None if own or node.Class() == "Read" else source(node, 0)
        if above is not None:
            return self.pixel_aspect(above)
        return float((own or self._session.root._text("format")).split()[6])

    def channels(self, node: Node) -> list[str]:
        """Return the channels at the current frame; empty if they cannot be determined."""
        try:
            return list(self.of(node, self._session.frame).channels)
        except RuntimeError:
            return []

    def layers(self, node: Node) -> list[str]:
        """Return the layers of `channels`."""
        return list(dict.fromkeys(channel.split(".")[0] for channel in self.channels(node)))

    def frame_range(self, node: Node) -> tuple[int, int]:
        """Return the first and the last frame."""
        if node.Class() in ("Read", "Constant"):
            return node["first"].value(), node["last"].value()
        ranges = [self.frame_range(above) for index in range(max(1, node.inputs())) if (above := source(node, index))]
        if not ranges:
            return self._session.root.firstFrame(), self._session.root.lastFrame()
        shift = node["time_offset"].value() if node.Class() == "TimeOffset" else 0
        return min(first for first, _ in ranges) + shift, max(last for _, last in ranges) + shift

    def metadata(self, node: Node, frame: float) -> dict[str, Any]:
        """Return the metadata of the file that the picture comes from."""
        if node.Class() == "Read":
            at = read_frame(node, frame)
            path = opened(node, frame if at is None else at)
            if not path.is_file():
                return {}
            header = image_files.read_header(path)
            own = {"input/filename": path.as_posix(), "input/width": header.size[0], "input/height": header.size[1]}
            return own | dict(header.metadata)
        above = source(node, chosen_input(node, frame))
        return {} if above is None else self.metadata(above, frame)

    def error(self, node: Node, frame: float) -> str | None:
        """Return the error of a Read."""
        if node.Class() != "Read":
            return None
        try:
            self.of(node, frame)
        except RuntimeError as error:
            return str(error)
        return None


def source(node: Node, index: int) -> Node | None:
    """Return the node behind an input, across groups: a Group leads to its Output, an Input to the node outside."""
    if isinstance(node, Group):
        return node.output() if node._enabled() else node.input(index)
    if node.Class() == "Input":
        group = node.parent()
        return group.input(group._input_nodes().index(node))
    return node.input(index)


def chosen_input(node: Node, frame: float) -> int:
    """Return the input that a Switch shows; 0 for other nodes."""
    if node.Class() != "Switch" or not node._enabled():
        return 0
    return max(0, min(int(node["which"].valueAt(frame)), node.inputs() - 1))


def read_frame(node: Node, frame: float) -> int | None:
    """Return the file frame that a Read shows, or None if it is black."""
    first, last = node["first"].value(), node["last"].value()
    at = int(frame)
    if node["frame"].value():
        given = int(node["frame"].value())
        mode = node["frame_mode"].value()
        if mode not in ("start at", "offset"):
            raise NotImplementedError("the fake evaluates no expression for the frame of a Read")
        at += given if mode == "offset" else first - given
    if first <= at <= last:
        return at
    beyond = node["before" if at < first else "after"].value()
    if beyond == "hold":
        return first if at < first else last
    if beyond == "loop":
        return first + (at - first) % (last - first + 1)
    if beyond == "black":
        return None
    raise NotImplementedError("the fake does not bounce")
