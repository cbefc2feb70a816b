"""The RefColorize node: how it is created and found, its status line and its automatic changes. Main thread only."""

from __future__ import annotations

import os
from typing import cast

import nuke

from . import colors, node_ids, node_results, own_folder
from .script_nodes import all_of_class
from .spaces import SPACES, Space
from .undo import without_undo

__all__ = [
    "all_nodes",
    "create",
    "ensure_id",
    "hide_viewing_aids",
    "is_refcolorize",
    "knob_changed",
    "match_working_space",
    "node_created",
    "set_status",
    "set_text",
    "store_job",
]

OUTPUT_FOLDER = "STCOLOR_OUTPUT_FOLDER"  # a facility's default for the knob output_folder; may contain Tcl
_MARKER_KNOB = "refcolorize_version"
_LOADED = "Nothing has run since the script was opened."
_COPY = "A copy. It shows the versions of its original until Colorize makes its own first one."


def create() -> nuke.Node:
    """Return a new node, connected to the selected one, as the Nodes menu creates it; in one undo step."""
    with nuke.Undo():
        nuke.Undo.name("Create RefColorize")
        node = nuke.createNode("RefColorize")
        if folder := os.environ.get(OUTPUT_FOLDER):
            node["output_folder"].setValue(folder)
        ensure_id(node)
        match_working_space(node)
    return node


def ensure_id(node: nuke.Node, *, is_new: bool = False) -> bool:
    """Store the id that names the node's results folder; a copy gets a new one, and leaves the job to its original.

    So does a node whose folder belongs to another script, or to a node that was cut and may be pasted back.

    Args:
        node: A RefColorize node.
        is_new: Whether the node has just come into the script. While a script is loaded, its folder is not known yet.

    Returns:
        Whether the node was a copy.
    """
    others = [other for other in all_nodes() if other.fullName() != node.fullName()]
    is_copy = node_ids.ensure_unique_id(
        node,
        others,
        is_new=is_new,
        is_of_another=lambda name: not is_new and own_folder.is_of_another(node, name),
        is_used=lambda name: own_folder.is_used(node, name),
    )
    if is_copy:
        store_job(node, "")
    return is_copy


def node_created() -> None:
    """Set up a node that was created, pasted or loaded with a script; a callback for nuke.addOnCreate.

    The status line of a loaded node is replaced, because its job may have ended since. It names no version: the knob
    says which one is shown, and undo changes the knob without telling anybody. A copy gets a folder of its own.
    """
    node = nuke.thisNode()
    if not is_refcolorize(node):
        return
    shown = str(node["version"].value())
    has_versions = len(cast("nuke.Enumeration_Knob", node["version"]).values()) > 1
    set_status(node, _LOADED if has_versions or shown != "none" else "No result yet.")
    is_copy = bool("node_id" in node.knobs() and node["node_id"].value()) and ensure_id(node, is_new=True)
    if is_copy and shown != "none":
        set_status(node, _COPY)


def is_refcolorize(node: nuke.Node) -> bool:
    """Return whether a node is a RefColorize node, which its marker knob says, whatever its name.

    Args:
        node: Any node.
    """
    return node.Class() == "Group" and _MARKER_KNOB in node.knobs()


def all_nodes() -> list[nuke.Node]:
    """Return every RefColorize node of the script, also those inside groups and LiveGroups, sorted by full name."""
    return sorted(filter(is_refcolorize, all_of_class("Group")), key=lambda node: str(node.fullName()))


def set_status(node: nuke.Node, text: str) -> None:
    """Set the node's status line, without an undo step and without marking the script as modified.

    Args:
        node: A RefColorize node.
        text: One line.
    """
    set_text(node, "status", text)


def set_text(node: nuke.Node, knob: str, text: str) -> None:
    """Set a line of the node that tells something, without an undo step and without marking the script as modified.

    Args:
        node: A RefColorize node.
        knob: The knob's name.
        text: One line.
    """
    with without_undo():
        node[knob].setValue(text)


def store_job(node: nuke.Node, job: str) -> None:
    """Save the id of the node's last job in the script, to find the job again after a restart; without an undo step.

    Args:
        node: A RefColorize node.
        job: The id; "" for none.
    """
    nuke.Undo.disable()
    try:
        node["job"].setValue(job)
    finally:
        nuke.Undo.enable()


def hide_viewing_aids(node: nuke.Node) -> None:
    """Switch off what must not be rendered: the confidence overlay and the comparison of two versions.

    Args:
        node: A RefColorize node. One of an earlier plug-in has neither.
    """
    aids = {"confidence_overlay": False, "compare": "none"}
    shown = {name: off for name, off in aids.items() if name in node.knobs() and node[name].value() != off}
    if shown:
        with nuke.Undo():
            nuke.Undo.name("Hide what is for viewing only")
            for name, off in shown.items():
                node[name].setValue(off)


# Automatic changes


def match_working_space(node: nuke.Node) -> None:
    """Set the node's working space to the script's, if that is a known linear space.

    Args:
        node: A RefColorize node.
    """
    space = colors.script_space()
    if space is not None and node["working_space"].value() != space.name:
        node["working_space"].setValue(space.name)
        _set_space_numbers(node, space)


def _set_space_numbers(node: nuke.Node, space: Space) -> None:
    for name in ("luma", "x_light", "z_light"):
        node[name].setValue(list(getattr(space, name)))


def knob_changed() -> None:
    """Follow a change of a node of version 1, or of one that shows nothing yet; a callback for nuke.addKnobChanged.

    `version` sets the file that is shown ("none" shows the plate), `working_space` the numbers of the composite. A node
    of version 2 does so in its own knobChanged script, also on hosts without the plug-in. That derives the file from
    the one that is shown, so the first one is set here: that of a version which undo or another artist has left.
    """
    node, knob = nuke.thisNode(), nuke.thisKnob()
    if not is_refcolorize(node) or (node["knobChanged"].value() and node["result_file"].value()):
        return
    if knob.name() == "version":
        node["use_result"].setValue(knob.value() != "none")
        if knob.value() != "none":
            node_results.point_at(node, str(knob.value()))
    elif knob.name() == "working_space" and not node["knobChanged"].value():
        _set_space_numbers(node, SPACES[str(knob.value())])
