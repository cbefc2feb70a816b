"""Read a node's state from Nuke for the panel. Main thread only."""

from __future__ import annotations

import time
from pathlib import Path

import nuke

from ..jobs.freshness import split_status
from ..jobs.running_tasks import find_running
from ..node import keyframes, node_results, nodes
from ..node.frame_names import same_files
from ..node.swatches import swatched_frames
from ..node.version import Version
from .state import Keyframe, NodeState, ShotState, VersionRow

_HEAT = "confidence_overlay"  # nodes of earlier plug-ins lack it
_RANGE_SECONDS = 3.0
_ranges: dict[str, tuple[float, tuple[int, int]]] = {}  # by the plate's name: expiry time, first and last frame

__all__ = ["read_node", "selected_node", "show_heat", "toggle_key", "version_rows"]


def selected_node() -> nuke.Node | None:
    """Return the selected RefColorize node; None unless exactly one is selected."""
    selected = [node for node in nuke.selectedNodes("Group") if nodes.is_refcolorize(node)]
    return selected[0] if len(selected) == 1 else None


def read_node(node: nuke.Node) -> NodeState:
    """Return the current state of a node.

    Args:
        node: A RefColorize node.
    """
    first, last = _frame_range(node)
    plate = node.input(0)
    plate_range = _plate_range(plate) if plate is not None else None
    status, preview, stale = split_status(str(node["status"].value()))
    keys = tuple(Keyframe(frame, used) for frame, used in keyframes.all_keys(node).items())
    return NodeState(
        name=node.fullName(),
        shot=ShotState(first, last, int(nuke.frame()), keys, swatched_frames(node), plate_range),
        status=status,
        preview=preview,
        stale=stale,
        job=node["job"].value(),
        version=node["version"].value(),
        plate=node.input(0) is not None,
        reference=node.input(1) is not None,
        frames_path=node_results.shown_path(node) if node["version"].value() != "none" else "",
        results=_results_folder(node),
        heat=bool(node[_HEAT].value()) if _HEAT in node.knobs() else None,
    )


def _results_folder(node: nuke.Node) -> str:
    """Return the folder of a node's versions; "" if the script has not been saved yet, so that it has none."""
    folder = node_results.results(node).folder
    return folder.as_posix() if folder.is_absolute() else ""


def _frame_range(node: nuke.Node) -> tuple[int, int]:
    """Return the first and last frame to show: the knob's range, else the plate's, else the script's."""
    text = node["frame_range"].value()
    if text.strip():
        try:
            frames = nuke.FrameRanges(text.replace(",", " ").split())
            return frames.minFrame(), frames.maxFrame()
        except (RuntimeError, ValueError):  # not a range: the artist may still be typing
            pass
    plate = node.input(0)
    if plate is not None:
        return _plate_range(plate)
    root = nuke.root()
    return int(root["first_frame"].value()), int(root["last_frame"].value())


def _plate_range(plate: nuke.Node) -> tuple[int, int]:
    """Return the plate's first and last frame, cached: the panel reads them often, and Nuke checks all nodes above."""
    name, now = str(plate.fullName()), time.monotonic()
    cached = _ranges.get(name)
    if cached is None or now > cached[0]:
        _ranges.clear()  # also drops nodes that are gone
        cached = _ranges[name] = (now + _RANGE_SECONDS, (int(plate.firstFrame()), int(plate.lastFrame())))
    return cached[1]


def toggle_key(node: nuke.Node, frame: int) -> None:
    """Switch a key off, or on again; do nothing if there is none.

    Args:
        node: A RefColorize node.
        frame: The key's frame.
    """
    used = keyframes.all_keys(node).get(frame)
    if used is not None:
        node["reference_keys"].setValueAt(int(not used), frame)


def show_heat(node: nuke.Node, is_on: bool) -> None:
    """Switch the node's heat overlay on or off.

    Args:
        node: A RefColorize node.
        is_on: Whether to show it.
    """
    if _HEAT in node.knobs():
        node[_HEAT].setValue(is_on)


def version_rows(node: nuke.Node) -> tuple[VersionRow, ...]:
    """Return a row for each of the node's versions, the newest first.

    Args:
        node: A RefColorize node.
    """
    chosen = node["version"].value()
    shown = node_results.shown_path(node) if chosen != "none" else ""  # a copy shows a version of its original
    stale = split_status(str(node["status"].value()))[2]
    versions = sorted(node_results.versions(node), key=lambda version: -version.number)
    return tuple(
        _version_row(version, used=version.name == chosen and same_files(version.path, shown), stale=stale)
        for version in versions
        if version.is_offered
    )


def _version_row(version: Version, *, used: bool, stale: str) -> VersionRow:
    confidence = version.confidence().values()
    return VersionRow(
        version.number,
        version.frames,
        _change_time(version.path),
        used=used,
        missing=max(0, len(confidence) - version.frames),
        working=find_running(version.path) is not None,
        stale=stale if used else "",
        keys=version.keyframes(),
        confidence=sum(confidence) / len(confidence) if confidence else None,
        comment=version.comment(),
        thumbnail=version.thumbnail_file.as_posix() if version.thumbnail_file.is_file() else "",
    )


def _change_time(pattern: str) -> str:
    """Return when the frames' folder last changed, as text; "" if it cannot be read."""
    try:
        changed = time.localtime(Path(pattern).parent.stat().st_mtime)
    except OSError:
        return ""
    today = changed[:3] == time.localtime()[:3]
    return time.strftime("today %H:%M" if today else "%Y-%m-%d %H:%M", changed)
