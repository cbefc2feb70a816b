"""Temporary nodes for rendering. They leave no trace in the script. Main thread only.

A new node gets the facility's defaults (nuke.knobDefault): lossy compression, cropping, scripts that run before a
render. So this module sets every knob that changes pixels or has side effects, if this version of Nuke has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import nuke

from ..errors import Busy, Cancelled, RefColorizeError
from . import views

__all__ = ["create_exr_write", "create_png_write", "create_reformat", "execute", "set_knobs", "temporary_nodes"]

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
_EXR_CHANNELS: Mapping[str, Mapping[str, Any]] = {
    "rgb": {"channels": "rgb", "raw": True, "datatype": "16 bit half", "metadata": "no metadata"},
    "rgba": {"channels": "rgba", "raw": True, "datatype": "16 bit half", "metadata": "no metadata"},
    "all": {"channels": "all", "raw": True, "datatype": "32 bit float", "metadata": "all metadata"},
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
    """Delete the nodes of a list at the end, without an undo step and without marking the script as modified.

    Proxy mode is off meanwhile.

    Yields:
        An empty list. The caller appends each node that it creates.
    """
    root = nuke.root()
    modified, proxy = root.modified(), root["proxy"].value()
    created: list[nuke.Node] = []
    nuke.Undo.disable()
    try:
        if proxy:
            root["proxy"].setValue(False)
        yield created
    finally:
        for node in reversed(created):
            nuke.delete(node)
        if proxy:
            root["proxy"].setValue(True)
        nuke.Undo.enable()
        root.setModified(modified)


def set_knobs(node: nuke.Node, values: Mapping[str, Any]) -> None:
    """Set knobs of a node. Skip knobs that it lacks and menu entries that a knob lacks: versions of Nuke differ.

    Args:
        node: The node to change.
        values: The value of each knob, by the knob's name.
    """
    knobs = node.knobs()
    for name, value in values.items():
        if name not in knobs:
            continue
        if isinstance(node[name], nuke.Enumeration_Knob) and isinstance(value, str):
            entries = cast("nuke.Enumeration_Knob", node[name]).values()
            if value not in [entry.partition("\t")[0] for entry in entries]:
                continue
        node[name].setValue(value)


def create_exr_write(source: nuke.Node, path: Path, *, channels: str, view: str | None = None) -> nuke.Node:
    """Return a new Write that saves EXR files in the script's working space.

    Args:
        source: The node to render.
        path: The file's path, with #### for the frame number.
        channels: "rgb" or "rgba" in half; or "all" in 32-bit float with all metadata.
        view: The view to write; None for the current one.
    """
    write = _create_write(source, path, view)
    write["file_type"].setValue("exr")  # this adds the knobs of the file type
    for name, value in _EXR_CHANNELS[channels].items():
        write[name].setValue(value)
    set_knobs(write, {**_QUIET, **_WRITE, **_EXR})
    return write


def create_png_write(source: nuke.Node, path: Path) -> nuke.Node:
    """Return a new Write that saves 8-bit PNG files for display.

    Args:
        source: The node to render.
        path: The file's path, with %d for the frame number.
    """
    write = _create_write(source, path, None)
    write["file_type"].setValue("png")
    write["channels"].setValue("rgb")
    set_knobs(write, {**_QUIET, **_WRITE, "raw": False, "datatype": "8 bit"})
    set_knobs(write, {"colorspace": 0})  # the script's default, which has another name in each config
    return write


def create_reformat(source: nuke.Node, width: int) -> nuke.Node:
    """Return a new Reformat that scales a picture to a width.

    Args:
        source: The node to scale.
        width: In pixels.
    """
    node = nuke.nodes.Reformat(inputs=[source])
    set_knobs(node, {**_REFORMAT, "box_width": width})
    return node


def _create_write(source: nuke.Node, path: Path, view: str | None) -> nuke.Node:
    write = nuke.nodes.Write(inputs=[source])
    set_knobs(write, _QUIET)
    write["file"].setValue(path.as_posix())
    if views.is_stereo():
        write["views"].setValue(view or views.current())
    return write


def execute(write: nuke.Node, first: int, last: int, *, label: str, view: str | None = None) -> None:
    """Render frames of one view with a Write.

    Args:
        write: A Write node.
        first: The first frame.
        last: The last frame, included.
        label: The name of the rendered picture in error messages.
        view: The view to render; None for the current one.

    Raises:
        Cancelled: If the artist cancels the render.
        Busy: If Nuke is rendering something else.
        RefColorizeError: If the render fails.
    """
    try:
        nuke.execute(write, first, last, 1, [view or views.current()])
    except (RuntimeError, nuke.CancelledError) as error:  # Nuke raises RuntimeError for everything
        if isinstance(error, nuke.CancelledError) or "cancel" in str(error).lower():
            raise Cancelled(f"Rendering {label} was cancelled. Nothing was changed.") from None
        frames = f"frame {first}" if first == last else f"frames {first}-{last}"
        if "already executing" in str(error).lower():
            raise Busy(
                f"{label} cannot be rendered at {frames}: Nuke is rendering something else. "
                "Wait until that ends, then try again."
            ) from None
        raise RefColorizeError(f"{label} cannot be rendered at {frames}: {error}") from None
