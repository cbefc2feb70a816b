"""The RefColorize node: its reference keys, the result it shows, its status line. Main thread only."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import nuke

from ..errors import RefColorizeError
from . import colors, node_ids, views
from .frame_names import same_files
from .spaces import SPACES, Space
from .versions import PREVIEW, Results, Version, write_comment

__all__ = [
    "PREVIEW",
    "Version",
    "add_key",
    "all_keys",
    "all_nodes",
    "comment_version",
    "create",
    "hide_overlay",
    "is_refcolorize",
    "keys",
    "knob_changed",
    "match_working_space",
    "next_key",
    "node_created",
    "own_id",
    "previous_key",
    "relink",
    "remove_key",
    "results",
    "set_status",
    "show",
    "show_more",
    "shown_files",
    "shows",
    "store_job",
    "use_version",
    "versions",
]

OUTPUT_FOLDER = "STCOLOR_OUTPUT_FOLDER"  # what a facility has in the knob of a new node; Tcl is worked out
_MARK = "refcolorize_version"


def create() -> nuke.Node:
    """A new node, connected to what is selected, as the Nodes menu makes it."""
    node = nuke.createNode("RefColorize")
    if folder := os.environ.get(OUTPUT_FOLDER):
        node["output_folder"].setValue(folder)
    own_id(node)
    match_working_space(node)
    return node


def own_id(node: nuke.Node) -> None:
    """Have the node keep the id that its results lie under; a copy gets one of its own."""
    node_ids.keep_id(node, [other for other in all_nodes() if other.fullName() != node.fullName()])


def node_created() -> None:
    """For nuke.addOnCreate: a node that was made, pasted or read from a script.

    What was said of a job when the script was saved is no longer so; a copy shares no folder with its original.
    """
    node = nuke.thisNode()
    if not is_refcolorize(node):
        return
    shown = str(node["version"].value())
    set_status(node, "No result yet." if shown == "none" else f"{shown} is shown.")
    if "node_id" in node.knobs() and node["node_id"].value():
        own_id(node)


def is_refcolorize(node: nuke.Node) -> bool:
    """Whether a node is one of ours, by its mark and whatever its name."""
    return node.Class() == "Group" and _MARK in node.knobs()


def all_nodes() -> list[nuke.Node]:
    """Every RefColorize node of the script, those inside groups too, by name."""
    found = nuke.allNodes("Group", nuke.root(), True)
    return sorted(filter(is_refcolorize, found), key=lambda node: str(node.fullName()))


# Reference keys: the animation of one knob, so that they live in the script, undo, copy and paste.


def keys(node: nuke.Node) -> list[int]:
    """Frames of the references that are used, in order; those switched off are left out."""
    return [frame for frame, used in all_keys(node).items() if used]


def add_key(node: nuke.Node, frame: int | None = None) -> None:
    """Use the reference at a frame, by default the current one; a second key there changes nothing."""
    knob = _knob(node)
    at = _current() if frame is None else frame
    known = all_keys(node)
    knob.setAnimated()  # which makes a key of its own, at the current frame
    knob.setValueAt(1, at)
    if not known and at != _current():
        knob.removeKeyAt(_current())
    curve = knob.animation(0)
    curve.changeInterpolation(list(curve.keys()), nuke.CONSTANT)


def remove_key(node: nuke.Node, frame: int | None = None) -> None:
    """Forget the reference at a frame, by default the current one. RefColorizeError where there is none."""
    at = _current() if frame is None else frame
    if at not in all_keys(node):
        raise RefColorizeError(f"{node.name()} has no reference key at frame {at}.")
    knob = _knob(node)
    if len(all_keys(node)) == 1:
        knob.clearAnimated()
    else:
        knob.removeKeyAt(at)


def previous_key(node: nuke.Node) -> int | None:
    """Move the time line to the key before the current frame; None where there is none."""
    return _go(max((frame for frame in all_keys(node) if frame < _current()), default=None))


def next_key(node: nuke.Node) -> int | None:
    """Move the time line to the key after the current frame; None where there is none."""
    return _go(min((frame for frame in all_keys(node) if frame > _current()), default=None))


def _go(frame: int | None) -> int | None:
    if frame is not None:
        nuke.frame(frame)
    return frame


def _current() -> int:
    return int(nuke.frame())


def _knob(node: nuke.Node) -> nuke.Array_Knob:
    return cast("nuke.Array_Knob", node["reference_keys"])


def all_keys(node: nuke.Node) -> dict[int, bool]:
    """Frame of each key -> whether it is used, in order of time."""
    knob = _knob(node)
    if not knob.isAnimated():
        return {}
    return {round(key.x): bool(key.y) for key in sorted(knob.animation(0).keys(), key=lambda key: key.x)}


# Results on disk, and what the node shows of them


def results(node: nuke.Node) -> Results:
    """Where the node's results lie; relative where the script has not been saved and no folder is given.

    A script with several views has a folder for each: what is found for one eye is never put on the other.
    """
    name = node_ids.id_of(node)
    folder = Path(cast("nuke.File_Knob", node["output_folder"]).evaluate() or "")
    project = cast("nuke.File_Knob", nuke.root()["project_directory"]).evaluate() or ""
    own = Path(project) / folder / name
    return Results(own / views.current() if views.is_stereo() else own, name)


def shown_files(node: nuke.Node) -> str:
    """The frames that the node shows, in the view that is coloured."""
    return str(node["result_file"].value()).replace("%V", views.current())


def shows(node: nuke.Node, path: str) -> bool:
    """Whether the node shows these frames, in whichever view."""
    text = str(node["result_file"].value())
    return any(same_files(text.replace("%V", view), path) for view in nuke.views())


def versions(node: nuke.Node) -> list[Version]:
    """The versions on disk, the oldest first; empty where there is no output folder yet."""
    return results(node).versions()


def use_version(node: nuke.Node, number: int) -> None:
    """Show a version in the node. RefColorizeError where it is not on disk."""
    show(node, _version(node, number).name)


def comment_version(node: nuke.Node, number: int, comment: str) -> None:
    """Keep a comment with a version on disk. RefColorizeError where it is not there or cannot be written."""
    write_comment(_version(node, number).path, comment)


def _version(node: nuke.Node, number: int) -> Version:
    found = {version.number: version for version in versions(node)}
    if number not in found:
        raise RefColorizeError(f"{node.name()} has no version v{number:03d} in {results(node).folder}.")
    return found[number]


def show(node: nuke.Node, name: str, frames: Sequence[int] = ()) -> None:
    """Show a version, or the preview. frames: in order, those it is going to have; none: as is known of it on disk."""
    names = [version.name for version in versions(node)]
    if name == PREVIEW or Path(results(node).pattern(PREVIEW)).parent.is_dir():
        names.append(PREVIEW)
    knob = cast("nuke.Enumeration_Knob", node["version"])
    knob.setValues(["none", *names])
    knob.setValue(name)
    _read(node, name, frames)
    node["use_result"].setValue(True)
    show_more(node)


def show_more(node: nuke.Node) -> None:
    """Look again at the files of the result that is shown: some have come."""
    with _untold():
        cast("nuke.PyScript_Knob", _result(node)["reload"]).execute()


def _read(node: nuke.Node, name: str, frames: Sequence[int] = ()) -> None:
    """Have the Read inside the node read a result."""
    known = (frames[0], frames[-1]) if frames else results(node).first_last(name)
    if known is not None:
        _result(node)["first"].setValue(known[0])
        _result(node)["last"].setValue(known[1])
    found = results(node)
    path = found.pattern(name)
    if views.is_stereo():  # each eye reads its own; one that was not coloured finds no file, and stays grey
        path = (found.folder.parent / "%V" / Path(path).relative_to(found.folder)).as_posix()
    node["result_file"].setValue(path)


def relink(node: nuke.Node) -> None:
    """Where the node's files are gone and its folder has them, as after a move of the show, read them there."""
    name = str(node["version"].value())
    if name == "none" or Path(shown_files(node)).parent.is_dir():
        return
    if Path(results(node).pattern(name)).parent.is_dir():
        _read(node, name)


def _result(node: nuke.Node) -> nuke.Node:
    found = cast("nuke.Group", node).node("Result")
    if found is None:
        raise RefColorizeError(f"The Read named Result inside {node.name()} is gone. Create a new RefColorize node.")
    return found


def set_status(node: nuke.Node, text: str) -> None:
    """The node's read-only line; nothing that is undone, or saved."""
    with _untold():
        node["status"].setValue(text)


def store_job(node: nuke.Node, job: str) -> None:
    """Remember the last job in the script, so that it is found again after Nuke was closed; no step of undo."""
    nuke.Undo.disable()
    try:
        node["job"].setValue(job)
    finally:
        nuke.Undo.enable()


@contextmanager
def _untold() -> Iterator[None]:
    """For what is no change of the artist's: no step of undo, and no script to save."""
    root = nuke.root()
    modified = root.modified()
    nuke.Undo.disable()
    try:
        yield
    finally:
        nuke.Undo.enable()
        root.setModified(modified)


def hide_overlay(node: nuke.Node) -> None:
    """Switch the confidence overlay off, which is for the eye; nodes of earlier plug-ins have none."""
    if "confidence_overlay" in node.knobs() and node["confidence_overlay"].value():
        with nuke.Undo():
            nuke.Undo.name("Hide confidence overlay")
            node["confidence_overlay"].setValue(False)


# What the node does by itself


def match_working_space(node: nuke.Node) -> None:
    """Have the composite in the node work in the script's linear space, where it is certain which that is."""
    space = colors.script_space()
    if space is not None and node["working_space"].value() != space.name:
        node["working_space"].setValue(space.name)
        _take_numbers(node, space)


def _take_numbers(node: nuke.Node, space: Space) -> None:
    for name in ("luma", "x_light", "z_light"):
        node[name].setValue(list(getattr(space, name)))


def knob_changed() -> None:
    """For nuke.addKnobChanged: `version` leads to its files, none to the plate; `working_space` to its numbers.

    Since version 2 a node does so by itself, on hosts without the plug-in too.
    """
    node, knob = nuke.thisNode(), nuke.thisKnob()
    if not is_refcolorize(node) or node["knobChanged"].value():
        return
    if knob.name() == "version":
        node["use_result"].setValue(knob.value() != "none")
        if knob.value() != "none":
            _read(node, str(knob.value()))
    elif knob.name() == "working_space":
        _take_numbers(node, SPACES[str(knob.value())])
