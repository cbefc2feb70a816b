"""The RefColorize node: its keyframes, the result that it shows and its status line. Main thread only."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

import nuke

from ..errors import RefColorizeError
from . import colors, node_ids, variables, views
from .frame_names import same_files
from .script_nodes import all_of_class
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
    "ensure_id",
    "hide_viewing_aids",
    "is_refcolorize",
    "is_showing",
    "keys",
    "knob_changed",
    "match_working_space",
    "next_key",
    "node_created",
    "previous_key",
    "relink",
    "reload_result",
    "remove_key",
    "result_paths",
    "results",
    "set_status",
    "set_text",
    "show",
    "show_again",
    "shown_path",
    "store_job",
    "use_version",
    "versions",
]

OUTPUT_FOLDER = "STCOLOR_OUTPUT_FOLDER"  # a facility's default for the knob output_folder; may contain Tcl
_MARKER_KNOB = "refcolorize_version"


class _ResultRead(NamedTuple):
    """The name of a Read inside the node, and the node's knobs that hold its version and its file."""

    read: str
    version: str
    file: str


_SHOWN = _ResultRead("Result", "version", "result_file")
_COMPARED = _ResultRead("Compared", "compare", "compare_file")


def create() -> nuke.Node:
    """Return a new node, connected to the selected one, as the Nodes menu creates it."""
    node = nuke.createNode("RefColorize")
    if folder := os.environ.get(OUTPUT_FOLDER):
        node["output_folder"].setValue(folder)
    ensure_id(node)
    match_working_space(node)
    return node


def ensure_id(node: nuke.Node) -> None:
    """Store the id that names the node's results folder; a copy gets a new one.

    Args:
        node: A RefColorize node.
    """
    node_ids.ensure_unique_id(node, [other for other in all_nodes() if other.fullName() != node.fullName()])


def node_created() -> None:
    """Set up a node that was created, pasted or loaded with a script; a callback for nuke.addOnCreate.

    The status line of a loaded node is replaced, because its job may have ended since. A copy gets a folder of its own.
    """
    node = nuke.thisNode()
    if not is_refcolorize(node):
        return
    shown = str(node["version"].value())
    set_status(node, "No result yet." if shown == "none" else f"{shown} is shown.")
    if "node_id" in node.knobs() and node["node_id"].value():
        ensure_id(node)


def is_refcolorize(node: nuke.Node) -> bool:
    """Return whether a node is a RefColorize node, which its marker knob says, whatever its name.

    Args:
        node: Any node.
    """
    return node.Class() == "Group" and _MARKER_KNOB in node.knobs()


def all_nodes() -> list[nuke.Node]:
    """Return every RefColorize node of the script, also those inside groups and LiveGroups, sorted by full name."""
    return sorted(filter(is_refcolorize, all_of_class("Group")), key=lambda node: str(node.fullName()))


# Keyframes are the animation of one knob, so they are saved, undone, copied and pasted with it.


def keys(node: nuke.Node) -> list[int]:
    """Return the frames of the keys that are switched on, in ascending order.

    Args:
        node: A RefColorize node.
    """
    return [frame for frame, used in all_keys(node).items() if used]


def add_key(node: nuke.Node, frame: int | None = None) -> None:
    """Add a key, or switch on the one that is there.

    Args:
        node: A RefColorize node.
        frame: The frame of the key; None for the current frame.
    """
    knob = _keys_knob(node)
    key = _current_frame() if frame is None else frame
    existing = all_keys(node)
    knob.setAnimated()  # this adds a key at the current frame
    knob.setValueAt(1, key)
    if not existing and key != _current_frame():
        knob.removeKeyAt(_current_frame())
    curve = knob.animation(0)
    curve.changeInterpolation(list(curve.keys()), nuke.CONSTANT)


def remove_key(node: nuke.Node, frame: int | None = None) -> None:
    """Remove a key.

    Args:
        node: A RefColorize node.
        frame: The frame of the key; None for the current frame.

    Raises:
        RefColorizeError: If there is no key at this frame.
    """
    key = _current_frame() if frame is None else frame
    if key not in all_keys(node):
        raise RefColorizeError(f"{node.name()} has no key at frame {key}. Go to a frame with a key.")
    knob = _keys_knob(node)
    if len(all_keys(node)) == 1:
        knob.clearAnimated()
    else:
        knob.removeKeyAt(key)


def previous_key(node: nuke.Node) -> int | None:
    """Go to the last key before the current frame.

    Args:
        node: A RefColorize node.

    Returns:
        The key's frame; None if there is no such key.
    """
    return _go_to(max((frame for frame in all_keys(node) if frame < _current_frame()), default=None))


def next_key(node: nuke.Node) -> int | None:
    """Go to the first key after the current frame.

    Args:
        node: A RefColorize node.

    Returns:
        The key's frame; None if there is no such key.
    """
    return _go_to(min((frame for frame in all_keys(node) if frame > _current_frame()), default=None))


def _go_to(frame: int | None) -> int | None:
    if frame is not None:
        nuke.frame(frame)
    return frame


def _current_frame() -> int:
    return int(nuke.frame())


def _keys_knob(node: nuke.Node) -> nuke.Array_Knob:
    return cast("nuke.Array_Knob", node["reference_keys"])


def all_keys(node: nuke.Node) -> dict[int, bool]:
    """Return the frame of each key and whether it is switched on, in ascending order of frames.

    Args:
        node: A RefColorize node.
    """
    knob = _keys_knob(node)
    if not knob.isAnimated():
        return {}
    return {round(key.x): bool(key.y) for key in sorted(knob.animation(0).keys(), key=lambda key: key.x)}


# Results on disk, and the result that the node shows


def results(node: nuke.Node) -> Results:
    """Return the folder of the node's results. It is relative if the script is not saved and no folder is given.

    A script with several views has one folder for each view, so one eye never shows the result of the other.

    Args:
        node: A RefColorize node.
    """
    name = node_ids.node_id(node)
    folder = Path(variables.expand(node, cast("nuke.File_Knob", node["output_folder"]).evaluate() or ""))
    project = cast("nuke.File_Knob", nuke.root()["project_directory"]).evaluate() or ""
    own = Path(project) / folder / name
    return Results(own / views.of(node) if views.is_stereo() else own, name)


def shown_path(node: nuke.Node) -> str:
    """Return the path of the frames that the node shows in the current view, with ####.

    Args:
        node: A RefColorize node.
    """
    return str(node["result_file"].value()).replace("%V", views.of(node))


def is_showing(node: nuke.Node, path: str) -> bool:
    """Return whether the node shows these frames in any view, or compares what it shows with them.

    Args:
        node: A RefColorize node.
        path: The frames' path, with ####.
    """
    texts = result_paths(node)
    return any(same_files(text.replace("%V", view), path) for text in texts for view in nuke.views())


def result_paths(node: nuke.Node) -> list[str]:
    """Return the paths of the results that the node reads, as its knobs have them: one, or two while it compares.

    Args:
        node: A RefColorize node.
    """
    return [str(node[result.file].value()) for result in _used_reads(node)]


def _used_reads(node: nuke.Node) -> list[_ResultRead]:
    """Return the Read of the shown version, and that of the compared one if there is one."""
    can_compare = _COMPARED.version in node.knobs()  # nodes of earlier plug-ins cannot
    return [_SHOWN, _COMPARED] if can_compare and node[_COMPARED.version].value() != "none" else [_SHOWN]


def versions(node: nuke.Node) -> list[Version]:
    """Return the versions on disk, the oldest first; empty if there is no output folder yet.

    Args:
        node: A RefColorize node.
    """
    return results(node).versions()


def use_version(node: nuke.Node, number: int) -> None:
    """Show a version in the node; RefColorizeError if it is not on disk.

    Args:
        node: A RefColorize node.
        number: The version's number, from 1.
    """
    show(node, _version(node, number).name)


def comment_version(node: nuke.Node, number: int, comment: str) -> None:
    """Store the artist's comment with a version; RefColorizeError if it is not on disk or cannot be written.

    Args:
        node: A RefColorize node.
        number: The version's number, from 1.
        comment: Any text; "" to remove the comment.
    """
    write_comment(_version(node, number).path, comment)


def _version(node: nuke.Node, number: int) -> Version:
    by_number = {version.number: version for version in versions(node)}
    if number not in by_number:
        raise RefColorizeError(
            f"{node.name()} has no version v{number:03d} in {results(node).folder}. Choose one that is there."
        )
    return by_number[number]


def show(node: nuke.Node, name: str, frames: Sequence[int] = ()) -> None:
    """Show a version, or the preview.

    Args:
        node: A RefColorize node.
        name: As in the knob `version`: v001, or "preview".
        frames: The frames that it will have, in ascending order; empty to look at the files on disk.
    """
    names = [version.name for version in versions(node)]
    if name == PREVIEW or Path(results(node).pattern(PREVIEW)).parent.is_dir():
        names.append(PREVIEW)
    _offer_versions(node, _SHOWN, names, chosen=name)
    _read_result(node, _SHOWN, name, frames)
    if _COMPARED.version in node.knobs():
        compared = str(node[_COMPARED.version].value())
        _offer_versions(node, _COMPARED, names, chosen=compared if compared in names else "none")
    node["use_result"].setValue(True)
    reload_result(node)


def show_again(node: nuke.Node, name: str) -> None:
    """Show what the node showed before a version that came to nothing.

    Args:
        node: A RefColorize node.
        name: As in the knob `version`; "none", or a result that is gone, shows the plate.
    """
    on_disk = [version.name for version in versions(node)]
    if name == PREVIEW or name in on_disk:
        show(node, name)
        return
    _offer_versions(node, _SHOWN, on_disk, chosen="none")
    node["use_result"].setValue(False)


def _offer_versions(node: nuke.Node, result: _ResultRead, names: Sequence[str], *, chosen: str) -> None:
    pulldown = cast("nuke.Enumeration_Knob", node[result.version])
    pulldown.setValues(["none", *names])
    pulldown.setValue(chosen)


def reload_result(node: nuke.Node) -> None:
    """Read the files of the shown and the compared result again, because a job has written more of them.

    Args:
        node: A RefColorize node.
    """
    with _without_undo():
        for result in _used_reads(node):
            cast("nuke.PyScript_Knob", _result_read(node, result)["reload"]).execute()


def _read_result(node: nuke.Node, result: _ResultRead, name: str, frames: Sequence[int] = ()) -> None:
    """Point a Read inside the node at a result."""
    frame_range = (frames[0], frames[-1]) if frames else results(node).first_last(name)
    if frame_range is not None:
        read = _result_read(node, result)
        read["first"].setValue(frame_range[0])
        read["last"].setValue(frame_range[1])
    own = results(node)
    path = own.pattern(name)
    if views.is_stereo():  # each eye reads its own files; an eye without files stays grey
        path = (own.folder.parent / "%V" / Path(path).relative_to(own.folder)).as_posix()
    node[result.file].setValue(path)


def relink(node: nuke.Node) -> None:
    """Point the node at its results folder if files that it reads are gone, for example after the show was moved.

    Args:
        node: A RefColorize node.
    """
    for result in _used_reads(node):
        name, path = str(node[result.version].value()), str(node[result.file].value()).replace("%V", views.of(node))
        if name == "none" or Path(path).parent.is_dir():
            continue
        if Path(results(node).pattern(name)).parent.is_dir():
            _read_result(node, result, name)


def _result_read(node: nuke.Node, result: _ResultRead) -> nuke.Node:
    read = cast("nuke.Group", node).node(result.read)
    if read is None:
        raise RefColorizeError(
            f"The Read named {result.read} inside {node.name()} is gone. Create a new RefColorize node."
        )
    return read


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
    with _without_undo():
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


@contextmanager
def _without_undo() -> Iterator[None]:
    """Make changes that are not the artist's: no undo step, and the script stays unmodified."""
    root = nuke.root()
    modified = root.modified()
    nuke.Undo.disable()
    try:
        yield
    finally:
        nuke.Undo.enable()
        root.setModified(modified)


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
    """Follow a change of a node of version 1; a callback for nuke.addKnobChanged.

    `version` sets the file that is shown ("none" shows the plate), `working_space` the numbers of the composite. A node
    of version 2 does so in its own knobChanged script, also on hosts without the plug-in.
    """
    node, knob = nuke.thisNode(), nuke.thisKnob()
    if not is_refcolorize(node) or node["knobChanged"].value():
        return
    if knob.name() == "version":
        node["use_result"].setValue(knob.value() != "none")
        if knob.value() != "none":
            _read_result(node, _SHOWN, str(knob.value()))
    elif knob.name() == "working_space":
        _set_space_numbers(node, SPACES[str(knob.value())])
