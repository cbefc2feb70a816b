"""Find the image files of a node's inputs: those of a plain Read. Nuke renders any other input (rendered_inputs.py).

Main thread only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nuke

from . import colors
from .knob_paths import absolute_path, frame_name

__all__ = ["InputFiles", "absolute_path", "find_files", "find_read"]

_READABLE = (".exr", ".dpx", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".cin", ".jp2", ".j2c", ".j2k")
_MISSING = {"error": "error", "nearest frame": "hold"}


@dataclass(frozen=True)
class InputFiles:
    """The image files of an input.

    Attributes:
        path: With ####, or of a single picture.
        first: The first frame.
        last: The last frame, included.
        colorspace: The name in the OpenColorIO config; None if the core's default for the type of file is right.
        missing: How the core treats a missing frame: "error", "skip" or "hold".
    """

    path: str
    first: int
    last: int
    colorspace: str | None
    missing: str = "error"


def find_files(source: nuke.Node, *, space: str = "") -> InputFiles | None:
    """Return the files of the Read that an input shows unchanged; None if Nuke must render the input.

    Args:
        source: The node that is connected to the input.
        space: The colour space of the Read's pixels; "" for the script's working space.
    """
    read = find_read(source)
    if read is None or not _is_unmodified(read):
        return None
    path = _pattern(read)
    colorspace = _file_space(read, space)
    if path is None or colorspace is None:
        return None
    return InputFiles(
        path,
        int(read["first"].value()),
        int(read["last"].value()),
        colorspace or None,
        _MISSING.get(str(read["on_error"].value()), "skip"),
    )


def find_read(source: nuke.Node) -> nuke.Node | None:
    """Return the Read that a node shows unchanged; None if it shows something else.

    Args:
        source: A node: the Read itself, or a chain of dots and disabled nodes below it.
    """
    read = _skip_disabled(source)
    return read if read is not None and read.Class() == "Read" else None


def _skip_disabled(source: nuke.Node) -> nuke.Node | None:
    """Return the first node upstream that changes the picture, or the Read."""
    node: nuke.Node | None = source
    while node is not None and node.Class() != "Read":
        disabled = "disable" in node.knobs() and node["disable"].value()
        if node.Class() not in ("Dot", "NoOp") and not disabled:
            return node
        node = node.input(0)
    return node


def _is_unmodified(read: nuke.Node) -> bool:
    """Return whether the Read shows at each frame the file of that number, with unchanged pixels."""
    shifted = str(read["frame"].value()).strip() not in ("", "frame")
    return not shifted and not read["premultiplied"].value() and not read["disable"].value()


def _file_space(read: nuke.Node, space: str) -> str | None:
    """Return the colour space of the file: "" if the core's default is right, None if it is not certain."""
    if not read["raw"].value():
        return None if space else colors.file_space(read)
    name = space or colors.working_space()
    if name is None:
        return "" if str(read["file"].value()).lower().endswith(".exr") else None
    return name


def _pattern(read: nuke.Node) -> str | None:
    """Return the path in the file knob as the core reads it: absolute, with ####.

    None if the core cannot read it. Also None if the name has no frame number and the range has several frames: Nuke
    may then choose the file by an expression, and only Nuke knows which.
    """
    name = frame_name(read, "file")
    if name is None or Path(f"{name.head}{name.tail}").suffix.lower() not in _READABLE:
        return None
    if not name.is_sequence and read["first"].value() != read["last"].value():
        return None
    return absolute_path(str(name))
