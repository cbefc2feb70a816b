"""`nuke.execute`: a Write's frames, as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import colorspaces, image_files
from .formats import FrameRange, FrameRanges
from .nodes import Node, opened
from .views import names as view_names

if TYPE_CHECKING:
    from .session import Session

__all__ = ["execute"]

_PIXEL_TYPES = {"16 bit half": "half", "32 bit float": "float", "8 bit": "uint8", "16 bit": "uint16"}
_COMPRESSIONS = {
    "none": "none",
    "Zip (1 scanline)": "zips",
    "Zip (16 scanlines)": "zip",
    "PIZ Wavelet (32 scanlines)": "piz",
    "RLE": "rle",
    "DWAA": "dwaa",
    "DWAB": "dwab",
    "LZW": "lzw",
    "Deflate": "zip",
    "PackBits": "packbits",
}
_DEFAULT_TYPES = {"exr": "16 bit half", "png": "8 bit", "tiff": "8 bit", "jpeg": "8 bit"}
_ENDINGS = {"tif": "tiff", "jpg": "jpeg"}


def execute(
    session: Session,
    nameOrNode: Node | str,
    start: int | FrameRanges | FrameRange | None = None,
    end: int | None = None,
    incr: int = 1,
    views: Sequence[str] = (),
    continueOnError: bool = False,
    frameRangeSet: FrameRanges | None = None,
) -> None:
    """`nuke.execute` of one Write. Raises RuntimeError as Nuke does, with "Cancelled" if the artist cancels.

    views: by default all of the script (its docstring); of these a Write renders those of its own knob.
    A file without %V in its name is written once for each view, so that the last one remains.
    """
    session.callbacks.refuse_inside_knob_changed("nuke.execute")
    session.main_thread.require()
    node = session.graph.find(nameOrNode) if isinstance(nameOrNode, str) else nameOrNode
    if node is None or node.Class() != "Write":
        raise RuntimeError(f"{nameOrNode} is not executable")
    if not node._enabled():
        return
    if session.other_render:
        raise RuntimeError("I'm already executing something else")
    if session.executing:  # public reports: from a panel, and from a callback
        session.executing -= 1
        raise RuntimeError("I'm already executing something else")
    asked = list(views) or view_names(session)
    _before_or_after(session, node, "BeforeRender")
    for frame in _frames(frameRangeSet if frameRangeSet is not None else start, end, incr):
        if node["use_limit"].value() and not node["first"].value() <= frame <= node["last"].value():
            continue
        if session.artist.cancels_render(frame):
            raise RuntimeError("Cancelled")
        try:
            for view in (view for view in node["views"].value().split() if view in asked):
                with session.in_view(view):
                    _render(session, node, frame)
        except RuntimeError:
            if not continueOnError:
                raise
    _before_or_after(session, node, "AfterRender")


def _before_or_after(session: Session, node: Node, event: str) -> None:
    """Run the callbacks, then the Write's own knob of that name as Python (public defaults of Write.afterRender)."""
    session.callbacks.call_or_raise(event, node)
    if words := node[event[0].lower() + event[1:]].value():
        with session.callbacks.inside(node, None, event):
            session.run_text(words)


def _frames(start: int | FrameRanges | FrameRange | None, end: int | None, incr: int) -> list[int]:
    if isinstance(start, FrameRanges):
        return start.toFrameList()
    if isinstance(start, FrameRange):
        return list(start)
    if not all(isinstance(number, int) for number in (start, end, incr)):
        raise TypeError("nuke.execute takes its frames as int")
    assert isinstance(start, int)
    assert isinstance(end, int)
    return list(range(start, end + 1, incr))


def _render(session: Session, node: Node, frame: int) -> None:
    with session.at_frame(frame):
        _before_or_after(session, node, "BeforeFrameRender")
        _write(session, node, frame)
        _before_or_after(session, node, "AfterFrameRender")


def _write(session: Session, node: Node, frame: int) -> None:
    path = opened(node, frame)
    picture = session.pictures.of(node, frame)
    kind = node["file_type"].value() or _ENDINGS.get(path.suffix[1:], path.suffix[1:])
    if kind not in _DEFAULT_TYPES:
        raise RuntimeError(f"{node.name()}: {path.as_posix()}: the fake cannot write {kind or 'a file without a type'}")
    wanted = node["channels"].value()
    names = list(picture.channels) if wanted == "all" else session.layers.of(wanted)
    if not names:
        raise RuntimeError(f"{node.name()}: no channels to write")
    data_type = str(_setting(node, "datatype", _DEFAULT_TYPES[kind]))
    integer = "bit half" not in data_type and "float" not in data_type
    channels = colorspaces.encode(node, {name: picture.get(name) for name in names}, integer=integer)
    if node["create_directories"].value():
        _make_folder(node, path.parent)
    try:
        image_files.write(
            path,
            {name: _stored(values, data_type) for name, values in channels.items()},
            pixel_type=_PIXEL_TYPES[data_type],
            compression=_COMPRESSIONS.get(str(_setting(node, "compression", "")), ""),
            metadata=_metadata(session, node, frame),
        )
    except RuntimeError as error:
        raise RuntimeError(f"{node.name()}: {error}") from None


def _setting(node: Node, name: str, default: str) -> Any:
    return node[name].value() if name in node.knobs() else default


def _make_folder(node: Node, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RuntimeError(f"{node.name()}: Can't create {folder.as_posix()}: {error.strerror}") from None


def _metadata(session: Session, node: Node, frame: int) -> dict[str, Any]:
    if _setting(node, "metadata", "no metadata") != "all metadata":
        return {}
    found = session.pictures.metadata(node, frame)
    return {name.removeprefix("exr/"): value for name, value in found.items() if name.startswith("exr/")}


def _stored(values: NDArray[np.float32], data_type: str) -> NDArray[Any]:
    if data_type == "16 bit half":
        return values.astype(np.float16)
    if data_type == "32 bit float":
        return np.asarray(values, np.float32)
    top = 255 if data_type == "8 bit" else 65535
    return np.rint(np.clip(values, 0, 1) * top).astype(np.uint8 if top == 255 else np.uint16)
