"""What a File knob names, without the frame and view that Nuke would put in. Main thread only.

`getEvaluatedValue` is not used: it is documented to keep %04d, and real Nukes put the current frame in.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import nuke

from .frame_names import FrameName

__all__ = ["absolute", "frame_name"]


def absolute(path: str) -> str:
    """A path in full: one that is relative lies in the script's project directory, if it has one."""
    project = cast("nuke.File_Knob", nuke.root()["project_directory"]).evaluate() or ""
    return (Path.cwd() / project / path).as_posix()


def frame_name(node: nuke.Node, knob: str) -> FrameName | None:
    """The frames that a File knob names, as far as that is certain; None where Nuke itself must open them.

    The knob's own text is taken, its Tcl worked out, and held against the file that Nuke names at the current frame.
    """
    file: nuke.File_Knob = node[knob]  # type: ignore[assignment]
    text = file.value() or ""
    has_tcl = "[" in text
    if has_tcl:
        worked_out = _worked_out(node, text)
        if worked_out is None:
            return None
        text = worked_out
    name = FrameName.parse(text)
    # A file that Nuke has localized lies elsewhere under its own name; what Tcl gave must be right in full.
    if name is None or not name.has_file(file.evaluate() or "", in_any_folder=not has_tcl):
        return None
    return name


def _worked_out(node: nuke.Node, text: str) -> str | None:
    """The text with what stands in brackets worked out; None where Tcl fails."""
    try:
        with node.parent():
            return nuke.tcl("subst", "-nobackslashes", "-novariables", text)
    except RuntimeError:  # what Nuke raises for everything
        return None
