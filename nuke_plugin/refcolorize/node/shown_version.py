"""Act on the version that a node shows: go to its weakest frame, or create a Read of it. Main thread only."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import cast

import nuke

from ..errors import RefColorizeError
from ..host.main_thread import call_later
from . import keyframes, node_results, nodes, withdrawn
from .frame_curve import read_confidence
from .frame_names import same_files, with_hashes
from .frames_on_disk import count_frames, is_folder
from .inputs import find_files, find_read
from .script_nodes import is_in_script
from .version import Version, write_confidence
from .versions import PREVIEW, Results

__all__ = [
    "create_read",
    "find_shown",
    "go_to_weakest",
    "how_to_show",
    "is_chosen",
    "leave_withdrawn",
    "ui_updated",
    "weakest_frame",
    "withdraw",
]

_READ_OFFSET = 110  # to the right of the node, in pixels of the node graph
_LOG = (".dpx", ".cin")
_EIGHT_BITS = (".jpg", ".jpeg")
_NOTHING = node_results.Shown("none", "", 1, 1)


def withdraw(
    node: nuke.Node, version: Version, *, shown: node_results.Shown | None, discard: bool, has_job: bool
) -> None:
    """Show again what the node showed before a version that has no frame. A version that has one stays.

    Copies of the node that were made meanwhile show the version as well, and then do the same.

    It makes no undo step: undo would show the version that came to nothing.

    Args:
        node: A RefColorize node.
        version: The version.
        shown: What the node showed before; None if only the version's own record can tell.
        discard: Whether to remove the version too, because nothing came of it.
        has_job: Whether the core has a job that writes it, which can be resumed.
    """
    results = Results.holding(version.path)  # the script may have another name or folder by now
    if any(other.number == version.number and other.frames for other in results.versions()):
        return
    if shown is None or same_files(shown.file, version.path):
        shown = node_results.Shown.from_json(version.before())
    if discard and (not has_job or results.retire_number(version)):
        results.discard(version)
    before = shown or _NOTHING
    withdrawn.keep(version.path, before._asdict())
    name = str(node.fullName()) if is_in_script(node) else ""  # a deleted one may have left copies
    for each in nodes.all_nodes():
        if each.fullName() == name or node_results.is_showing(each, version.path):
            _stop_showing(each, version.path, before)


def _stop_showing(node: nuke.Node, path: str, before: node_results.Shown) -> None:
    """Show what was shown before a version that came to nothing, without an undo step."""
    nuke.Undo.disable()
    try:
        with suppress(RuntimeError):  # a published LiveGroup cannot be edited
            node_results.stop_showing(node, path, before)
    finally:
        nuke.Undo.enable()


def leave_withdrawn(node: nuke.Node) -> None:
    """Show what was shown before a version that came to nothing, if undo or redo has shown that version again.

    It makes no undo step. A version that has frames by now, because its job was resumed, stays.

    Args:
        node: A RefColorize node.
    """
    for path in _withdrawn_paths(node):
        _stop_showing(node, path, node_results.Shown.from_json(withdrawn.kept(path) or {}) or _NOTHING)


def _withdrawn_paths(node: nuke.Node) -> list[str]:
    """Return the paths of the versions that a node reads and that came to nothing.

    One number is shown in every view, so a version stays while another view has it: complete, or still being written.
    """
    if not withdrawn.has_kept():  # as a rule, and this is asked often
        return []
    found: list[str] = []
    for text in node_results.result_paths(node):
        paths = {with_hashes(text.replace("%V", view)) for view in nuke.views()}
        empty = {path for path in paths if withdrawn.kept(path) is not None and not count_frames(path)}
        if not any(is_folder(Path(path).parent) for path in paths - empty):
            found += sorted(empty)
    return found


def ui_updated() -> None:
    """Leave a version that came to nothing, and offer the others; a callback for nuke.addUpdateUI.

    Undo and redo call no other callback.
    """
    node = nuke.thisNode()
    if not nodes.is_refcolorize(node):
        return
    if withdrawn.has_kept() and _withdrawn_paths(node):
        call_later(lambda: _leave_if_there(node), key=("leave withdrawn", str(node.fullName())))
    if node_results.has_lost_versions(node):
        call_later(lambda: _offer_if_there(node), key=("offer versions", str(node.fullName())))


def _offer_if_there(node: nuke.Node) -> None:
    """Offer the versions on disk again after undo, and say so if it has hidden the last one."""
    with suppress(ValueError, RuntimeError):  # a deleted node; a published LiveGroup, which cannot be edited
        node_results.offer_versions_on_disk(node)
        own = node_results.versions(node)
        if own and own[-1].is_offered and not is_chosen(node, own[-1].path):
            hint, status = how_to_show(own[-1].name), str(node["status"].value()).rstrip(".")
            nodes.set_status(node, status if hint in status else f"{status}. {hint}.")


def is_chosen(node: nuke.Node, path: str) -> bool:
    """Return whether a node shows a version, and not the plate.

    Args:
        node: A RefColorize node.
        path: The path of the version's frames, with ####.
    """
    chosen = str(node["version"].value())
    return chosen == Path(path).parent.name and node_results.is_showing(node, path)


def how_to_show(name: str) -> str:
    """Return what the artist can do to see a version that the node does not show.

    Args:
        name: The version's name: v001.
    """
    return f"Choose {name} in the knob version to show it"


def _leave_if_there(node: nuke.Node) -> None:
    with suppress(ValueError):  # Nuke raises it for a deleted node
        leave_withdrawn(node)


def weakest_frame(node: nuke.Node) -> int:
    """Return the frame of the shown version with the lowest mean confidence, keyframes left out.

    Args:
        node: A RefColorize node.

    Returns:
        The frame; the first one if several are equal.

    Raises:
        RefColorizeError: If no version is shown, or if its frames have no confidence.
    """
    version = find_shown(node)
    confidence = version.confidence()
    if not confidence:
        confidence = read_confidence(version.path)
        if confidence and len(confidence) == version.frames:
            write_confidence(version.path, confidence)
    keys = set(keyframes.keys(node))
    between = {frame: value for frame, value in sorted(confidence.items()) if frame not in keys}
    if not between:
        raise RefColorizeError(f"{node.name()}: no frame of {version.name} has a confidence. Colorize it first.")
    return min(between, key=lambda frame: between[frame])


def go_to_weakest(node: nuke.Node) -> None:
    """Go to the weakest frame; RefColorizeError as in `weakest_frame`.

    Args:
        node: A RefColorize node.
    """
    nuke.frame(weakest_frame(node))


def create_read(node: nuke.Node) -> nuke.Node:
    """Create a Read of the shown version next to the node.

    Args:
        node: A RefColorize node.

    Returns:
        The Read. It shows the frames as the core wrote them, without the adjustments of the tab Output.

    Raises:
        RefColorizeError: If no version is shown.
    """
    version = find_shown(node)
    first_last = node_results.results(node).first_last(version.name)
    first, last = first_last if first_last is not None else (int(nuke.frame()), int(nuke.frame()))
    with node.parent():
        read = nuke.nodes.Read(file=str(node["result_file"].value()), first=first, last=last, on_error="black")
    space = _result_space(node)
    read["raw"].setValue(space is None)
    if space is not None:
        read["colorspace"].setValue(space)
    read["label"].setValue(f"{node.name()} {version.name}")
    read.setXYpos(node.xpos() + _READ_OFFSET, node.ypos())
    return read


def find_shown(node: nuke.Node) -> Version:
    """Return the version that the node shows: its own, or that of the node that it is a copy of.

    Args:
        node: A RefColorize node.

    Raises:
        RefColorizeError: If no version is shown, or if it is not on disk.
    """
    name, shown = str(node["version"].value()), PurePosixPath(node_results.shown_path(node))
    original = Results.holding(shown.as_posix())
    for results in (node_results.results(node), original) if name not in ("none", PREVIEW) else ():
        for version in results.versions():
            if version.name == name and same_files(version.path, shown.as_posix()):
                return version
    raise RefColorizeError(f"{node.name()} shows no version that is on disk. Choose one in the knob version.")


def _result_space(node: nuke.Node) -> str | None:
    """Return the colour space of the result's files, which is that of the plate's files.

    None for a raw Read: Nuke rendered the plate, or read it raw, so the result is in the script's working space.
    """
    plate = node.input(0)
    if plate is None or find_files(plate, space=str(node["colorspace"].value()).strip()) is None:
        return None
    read = find_read(plate)
    if read is None or read["raw"].value():
        return None
    space = str(read["colorspace"].value())
    kind = PurePosixPath(str(read["file"].value())).suffix.lower()
    if space != "default" or kind == ".exr":
        return space
    # The meaning of "default" depends on the type of file: the plate's type decides, although the result is an EXR.
    lut = "logLut" if kind in _LOG else "int8Lut" if kind in _EIGHT_BITS else "int16Lut"
    return str(cast("nuke.Enumeration_Knob", nuke.root()[lut]).value())
