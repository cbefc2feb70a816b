"""Read the paths in File knobs without the frame and view that Nuke would substitute. Main thread only.

`getEvaluatedValue` is not used: its documentation says that it keeps %04d, but real versions of Nuke substitute the
current frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import nuke

from . import variables
from .frame_names import FrameName

__all__ = ["absolute_path", "frame_name"]


def absolute_path(path: str) -> str:
    """Return an absolute path. A relative one starts at the script's project directory, if it has one.

    Args:
        path: A path with Nuke's forward slashes.
    """
    project = cast("nuke.File_Knob", nuke.root()["project_directory"]).evaluate() or ""
    return (Path.cwd() / project / path).as_posix()


def frame_name(node: nuke.Node, knob: str) -> FrameName | None:
    """Return the sequence or picture that a File knob names; None if only Nuke can tell.

    The knob's text is taken, its graph scope variables and its Tcl are evaluated, and the result is compared with the
    file that Nuke opens at the current frame.

    Args:
        node: The knob's node.
        knob: The name of the knob.
    """
    file: nuke.File_Knob = node[knob]  # type: ignore[assignment]
    typed = file.value() or ""
    text = variables.expand(node, typed)
    is_computed = text != typed or "[" in text
    if "[" in text:
        evaluated = _evaluate_tcl(node, text)
        if evaluated is None:
            return None
        text = evaluated
    name = FrameName.parse(text)
    # Nuke opens a localized file from another folder, so only its name is compared. A computed path must match in full.
    if name is None or not name.has_file(file.evaluate() or "", in_any_folder=not is_computed):
        return None
    return name


def _evaluate_tcl(node: nuke.Node, text: str) -> str | None:
    """Return the text with its Tcl commands (in square brackets) evaluated; None if Tcl fails."""
    try:
        with node.parent():
            return nuke.tcl("subst", "-nobackslashes", "-novariables", text)
    except RuntimeError:  # what Nuke raises for everything
        return None
