"""A node as the panel shows it. Main thread only: everything here asks Nuke."""

from __future__ import annotations

import time
from pathlib import Path

import nuke

from ..node import nodes
from ..node.versions import Version
from .view import Key, Node, Shot, VersionLine

_RANGE_SECONDS = 3.0
_ranges: dict[str, tuple[float, tuple[int, int]]] = {}  # plate -> good until, frames

__all__ = ["read_node", "selected", "toggle_key", "version_lines"]


def selected() -> nuke.Node | None:
    """The RefColorize node that is selected, where it is exactly one."""
    found = [node for node in nuke.selectedNodes("Group") if nodes.is_refcolorize(node)]
    return found[0] if len(found) == 1 else None


def read_node(node: nuke.Node) -> Node:
    """The node as it is now."""
    first, last = _range(node)
    keys = tuple(Key(frame, used) for frame, used in nodes.all_keys(node).items())
    return Node(
        name=node.fullName(),
        shot=Shot(first, last, int(nuke.frame()), keys),
        status=node["status"].value(),
        job=node["job"].value(),
        version=node["version"].value(),
        plate=node.input(0) is not None,
        reference=node.input(1) is not None,
    )


def _range(node: nuke.Node) -> tuple[int, int]:
    """The frames to show: those asked for, else the plate's, else the script's."""
    text = node["frame_range"].value()
    if text.strip():
        try:
            frames = nuke.FrameRanges(text.replace(",", " ").split())
            return frames.minFrame(), frames.maxFrame()
        except (RuntimeError, ValueError):  # not a range (yet): the artist may be typing
            pass
    plate = node.input(0)
    if plate is not None:
        return _plate_range(plate)
    root = nuke.root()
    return int(root["first_frame"].value()), int(root["last_frame"].value())


def _plate_range(plate: nuke.Node) -> tuple[int, int]:
    """The plate's frames. The panel asks several times a second, and Nuke looks at all that is above to answer."""
    name, now = str(plate.fullName()), time.monotonic()
    known = _ranges.get(name)
    if known is None or now > known[0]:
        _ranges.clear()  # of nodes that are gone, too
        known = _ranges[name] = (now + _RANGE_SECONDS, (int(plate.firstFrame()), int(plate.lastFrame())))
    return known[1]


def toggle_key(node: nuke.Node, frame: int) -> None:
    """Switch the key at a frame off, or on again."""
    used = nodes.all_keys(node).get(frame)
    if used is not None:
        node["reference_keys"].setValueAt(int(not used), frame)


def version_lines(node: nuke.Node) -> tuple[VersionLine, ...]:
    """The node's versions, the newest first."""
    now = node["version"].value()
    found = sorted(nodes.versions(node), key=lambda version: -version.number)
    return tuple(_line(version, used=now == version.name) for version in found)


def _line(version: Version, *, used: bool) -> VersionLine:
    sure = version.confidence().values()
    return VersionLine(
        version.number,
        version.frames,
        _written(version.path),
        used=used,
        keys=version.keyframes(),
        confidence=sum(sure) / len(sure) if sure else None,
        comment=version.comment(),
    )


def _written(pattern: str) -> str:
    """When the frames' folder last changed."""
    try:
        changed = time.localtime(Path(pattern).parent.stat().st_mtime)
    except OSError:
        return ""
    today = changed[:3] == time.localtime()[:3]
    return time.strftime("today %H:%M" if today else "%Y-%m-%d %H:%M", changed)
