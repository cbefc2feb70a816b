"""Nodes that only help to render: made, used, and gone without a trace. Main thread only.

A new node takes the facility's defaults (nuke.knobDefault): lossy compression, cropping, scripts that run before a
render. So every knob that decides pixels or does something besides is set here, as far as this Nuke has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import nuke

from ..errors import Busy, Cancelled, RefColorizeError
from . import views

__all__ = ["execute", "exr_write", "png_write", "set_knobs", "temporary_nodes", "to_width"]

_QUIET: Mapping[str, Any] = dict.fromkeys(
    ("knobChanged", "beforeRender", "beforeFrameRender", "afterFrameRender", "afterRender", "proxy"), ""
)
_WRITE: Mapping[str, Any] = {
    "disable": False,
    "use_limit": False,
    "premultiplied": False,
    "create_directories": False,
    "reading": False,
    "checkHashOnRead": False,
}
_EXR: Mapping[str, Any] = {
    "compression": "Zip (1 scanline)",
    "autocrop": False,
    "write_ACES_compliant_EXR": False,
    "interleave": "channels, layers and views",
    "standard_layer_name_format": False,
}
_REFORMAT: Mapping[str, Any] = {
    "knobChanged": "",
    "disable": False,
    "type": "to box",
    "box_fixed": False,
    "resize": "width",
    "center": True,
    "flip": False,
    "flop": False,
    "turn": False,
    "filter": "cubic",
    "black_outside": False,
    "pbb": False,
}


@contextmanager
def temporary_nodes() -> Iterator[list[nuke.Node]]:
    """For nodes that only help: those put into the list are gone afterwards, without a trace in undo or the script.

    Proxies are off meanwhile.
    """
    root = nuke.root()
    modified, proxy = root.modified(), root["proxy"].value()
    made: list[nuke.Node] = []
    nuke.Undo.disable()
    try:
        if proxy:
            root["proxy"].setValue(False)
        yield made
    finally:
        for node in reversed(made):
            nuke.delete(node)
        if proxy:
            root["proxy"].setValue(True)
        nuke.Undo.enable()
        root.setModified(modified)


def set_knobs(node: nuke.Node, values: Mapping[str, Any]) -> None:
    """Set those of the knobs that the node has, to values that they offer; not every Nuke has all of them."""
    known = node.knobs()
    for name, value in values.items():
        if name not in known:
            continue
        if isinstance(node[name], nuke.Enumeration_Knob) and isinstance(value, str):
            offered = cast("nuke.Enumeration_Knob", node[name]).values()
            if value not in [each.partition("\t")[0] for each in offered]:
                continue
        node[name].setValue(value)


def exr_write(source: nuke.Node, path: Path, *, with_metadata: bool) -> nuke.Node:
    """A Write of EXR with the script's own pixels: red, green and blue in half, or all in float with metadata."""
    write = _write(source, path)
    write["file_type"].setValue("exr")  # which brings knobs of its own
    write["channels"].setValue("all" if with_metadata else "rgb")
    write["raw"].setValue(True)
    write["datatype"].setValue("32 bit float" if with_metadata else "16 bit half")
    write["metadata"].setValue("all metadata" if with_metadata else "no metadata")
    set_knobs(write, {**_QUIET, **_WRITE, **_EXR})
    return write


def png_write(source: nuke.Node, path: Path) -> nuke.Node:
    """A Write of PNG for the eye."""
    write = _write(source, path)
    write["file_type"].setValue("png")
    write["channels"].setValue("rgb")
    set_knobs(write, {**_QUIET, **_WRITE, "raw": False, "datatype": "8 bit"})
    set_knobs(write, {"colorspace": 0})  # the script's own choice, by whatever name
    return write


def to_width(source: nuke.Node, width: int) -> nuke.Node:
    """A Reformat to so many pixels across."""
    node = nuke.nodes.Reformat(inputs=[source])
    set_knobs(node, {**_REFORMAT, "box_width": width})
    return node


def _write(source: nuke.Node, path: Path) -> nuke.Node:
    write = nuke.nodes.Write(inputs=[source])
    set_knobs(write, _QUIET)
    write["file"].setValue(path.as_posix())
    if views.is_stereo():
        write["views"].setValue(views.current())
    return write


def execute(write: nuke.Node, first: int, last: int, *, what: str) -> None:
    """Render frames of the view that is coloured. what: is rendered, for the artist.

    Raises Cancelled where the artist stops it, Busy while Nuke renders something else, and RefColorizeError where it
    cannot be done.
    """
    try:
        nuke.execute(write, first, last, 1, [views.current()])
    except (RuntimeError, nuke.CancelledError) as error:  # Nuke raises RuntimeError for everything
        if isinstance(error, nuke.CancelledError) or "cancel" in str(error).lower():
            raise Cancelled(f"Rendering {what} was cancelled. Nothing was changed.") from None
        where = f"frame {first}" if first == last else f"frames {first}-{last}"
        if "already executing" in str(error).lower():
            raise Busy(
                f"{what} cannot be rendered at {where}: Nuke is rendering something else. Wait for it, then try again."
            ) from None
        raise RefColorizeError(f"{what} cannot be rendered at {where}: {error}") from None
