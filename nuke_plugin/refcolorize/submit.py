"""A node's shot as a file, for whoever renders it elsewhere."""

from __future__ import annotations

from pathlib import Path

import nuke

from . import node as nodes
from . import shots

__all__ = ["write_shot"]


def write_shot(node: nuke.Node) -> Path:
    """Save the script and write the node's shot beside the frames of its version; `stcolor colorize --shot` takes it.

    The node shows that version, whose frames are still to come. Raises as `shots.build` and `shots.claim`.
    """
    asked = shots.build(node)
    version = shots.claim(node, asked)
    with nuke.Undo():
        nuke.Undo.name(f"Shot {version.name}")
        nodes.match_working_space(node)
        nodes.show(node, version.name, asked.frames)
    nodes.set_status(node, f"{version.name}: the shot is written to {version.shot_file.as_posix()}")
    if nuke.root()["name"].value():
        nuke.scriptSave()
    return version.shot_file
