"""The shot that a farm's job reads: written beside the frames of its version, which the saved script shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nuke

from ..errors import RefColorizeError
from ..node import node_results, nodes, own_folder, previews, scripts, shots
from ..node.frame_texts import frames_text
from ..node.frames_on_disk import count_frames
from ..node.others_work import further_frames
from ..node.shot_plan import ShotRequest
from ..node.shown_version import leave_withdrawn
from ..node.version import Version
from ..plurals import noun_of

__all__ = ["WrittenShot", "use_existing_shot", "write_new_shot"]


@dataclass(frozen=True)
class WrittenShot:
    """A version whose shot is on disk.

    Attributes:
        version: The version, which the node shows.
        shown: What the node showed before.
        is_new: Whether the version was not there before.
        note: A remark for the artist; "" for none.
    """

    version: Version
    shown: node_results.Shown
    is_new: bool
    note: str = ""


def write_new_shot(node: nuke.Node, request: ShotRequest) -> WrittenShot:
    """Write the shot of a request beside the frames of its version, show that version, and save the script.

    Args:
        node: A RefColorize node.
        request: The shot to write.

    Returns:
        The version, which is one on disk if that has the same request.

    Raises:
        RefColorizeError: If the shot or the script cannot be written, or a farm would overwrite frames of the version.
    """
    known = {version.number for version in node_results.versions(node, request.view)}
    leave_withdrawn(node)  # or it would be what the node showed before
    version, shown = shots.claim(node, request), node_results.remember(node)
    _require_same_keyframes(version)
    with nuke.Undo():
        nuke.Undo.name(f"Shot {version.name}")
        nodes.match_working_space(node)
        previews.leave(node)
        node_results.show(node, version.name, request.frames, view=request.view)
    _save_script(node, version.shot_file)
    is_new, shown_before = version.number not in known, shown.file.replace("%V", request.view)
    has_moved = is_new and shown.version != "none"
    note = own_folder.describe_move(shown_before, version.path) if has_moved else ""
    return WrittenShot(version, shown, is_new, note)


def use_existing_shot(node: nuke.Node, number: int) -> WrittenShot:
    """Show a version on disk, whose shot is used unchanged, and save the script.

    Args:
        node: A RefColorize node.
        number: The version's number.

    Returns:
        The version.

    Raises:
        RefColorizeError: If there is no such version, the script cannot be saved, or a farm would overwrite frames.
    """
    version = Version(number, node_results.results(node).pattern(f"v{number:03d}"), 0)
    leave_withdrawn(node)
    shown = node_results.remember(node)
    if not version.shot_file.is_file():
        file = version.shot_file.as_posix()
        raise RefColorizeError(f"There is no {file}. Choose a version on disk, or none for a new one.")
    _require_same_keyframes(version)
    with nuke.Undo():
        nuke.Undo.name(f"Use {version.name}")
        node_results.use_version(node, number)
    _save_script(node, version.shot_file)
    return WrittenShot(version, shown, is_new=False)


def _require_same_keyframes(version: Version) -> None:
    """Refuse a version with frames that a farm would overwrite: with a keyframe that was put beside those it had."""
    for reference in version.shot().get("references", ()) if count_frames(version.path) else ():
        pattern = str(reference.get("path", ""))
        if further := further_frames(pattern):
            pictures, them = ("a picture", "it") if len(further) == 1 else ("pictures", "them")
            named = f"{noun_of(len(further), 'frame')} {frames_text(further, separator=', ')}"
            raise RefColorizeError(
                f"{version.name} has frames, and a farm would write them again: since then somebody has put {pictures} "
                f"of {named} beside its keyframes in {Path(pattern).parent}. Move {them} away, or press Colorize, "
                "which keeps the frames."
            )


def _save_script(node: nuke.Node, shot: Path) -> None:
    nodes.set_status(node, f"{shot.parent.name}: the shot is written to {shot.as_posix()}")
    scripts.save()
