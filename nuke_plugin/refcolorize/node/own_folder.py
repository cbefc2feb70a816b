"""The folder of a node's results, and whether the node is its owner. Main thread only."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import nuke

from ..errors import RefColorizeError
from . import node_ids, owners, variables
from .frames_on_disk import is_folder
from .script_version import EARLIER_FOLDERS, OUTPUT_FOLDER, without_version
from .versions import Results, cannot_write

__all__ = ["describe_move", "find", "is_of_another", "is_used", "owner", "take", "unowned_versions"]


def find(node: nuke.Node, name: str = "") -> Path:
    """Return the folder of all of a node's results, of every view.

    It is relative if the script is not saved and no folder is given.

    Args:
        node: A RefColorize node.
        name: The folder's name; "" for the node's own id.
    """
    knob, name = cast("nuke.File_Knob", node["output_folder"]), name or node_ids.node_id(node)
    project = Path(cast("nuke.File_Knob", nuke.root()["project_directory"]).evaluate() or "")
    found = project / variables.expand(node, knob.evaluate() or "") / name
    script = Path(str(nuke.root()["name"].value()))
    if not script.stem or is_folder(found):
        return found
    # a folder that an earlier plug-in made is kept, or its versions would be lost
    folders, text = project / script.parent / "refcolorize", str(knob.value())
    if text in EARLIER_FOLDERS:
        return folders / without_version(script.stem) / name
    of_script = folders / script.stem / name
    return of_script if text == OUTPUT_FOLDER and is_folder(of_script) else found


def owner(node: nuke.Node) -> owners.Owner:
    """Return by what the node is known as the owner of its folder.

    Args:
        node: A RefColorize node.
    """
    return owners.Owner.of(node_ids.unique_id(node), str(nuke.root()["name"].value()))


def is_of_another(node: nuke.Node, name: str = "") -> bool:
    """Return whether a folder of results belongs to another node, or to another script. A relative one does not.

    Args:
        node: A RefColorize node.
        name: As for `find`.
    """
    folder = find(node, name)
    return folder.is_absolute() and owners.is_of_another(folder, owner(node))


def is_used(node: nuke.Node, name: str) -> bool:
    """Return whether anything is in a folder of results, whoever owns it. A relative one is not on disk yet.

    Args:
        node: A RefColorize node.
        name: The folder's name.
    """
    folder = find(node, name)
    return folder.is_absolute() and owners.is_used(folder)


def describe_move(shown: str, path: str) -> str:
    """Return that a node's versions go to another folder from now on; "" if they do not, or if it has shown none.

    A copy of a node gets a folder of its own, and so does a script that was saved under another name.

    Args:
        shown: The path of the frames that the node has shown before the new version; "" for none.
        path: The path of the new version's frames.
    """
    before, now = Results.holding(shown).folder, Results.holding(path).folder
    if not shown or before == now or not is_folder(before):
        return ""
    return f"The versions go to {now.as_posix()} from now on, the earlier ones stay in {before.as_posix()}"


def unowned_versions(node: nuke.Node) -> frozenset[int]:
    """Return the numbers of the versions that were there before anybody noted which node made them.

    Args:
        node: A RefColorize node.
    """
    return owners.unowned_versions(find(node))


def take(node: nuke.Node) -> None:
    """Make the node the owner of its folder.

    Args:
        node: A RefColorize node.

    Raises:
        RefColorizeError: If another node or script owns the folder, or if it cannot be written.
    """
    folder = find(node)
    try:
        is_own = owners.take(folder, owner(node))
    except OSError as error:
        raise cannot_write(folder, error) from None
    if not is_own:
        of = owners.describe(folder) or "another script"
        raise RefColorizeError(f"{folder} belongs to a node of {of}. Press again, or choose another output folder.")
