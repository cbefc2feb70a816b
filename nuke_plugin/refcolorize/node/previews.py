"""Previews of single frames, laid over the version that a node shows. Main thread only.

They are seen in a GUI only: a render without one has the version. Their frames are the keys of a knob, so they are
saved and undone with the node. A node of an earlier plug-in shows its preview in place of the version.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import nuke

from . import node_results, views
from .frame_names import same_files, with_hashes
from .frame_texts import frame_ranges, frames_text
from .undo import without_undo
from .versions import PREVIEW

__all__ = ["MARK", "describe", "frames", "leave", "path", "show"]

_FRAMES, _FILE, _READ = "preview_frames", "preview_file", "Previewed"
MARK = "PREVIEW: "
"""How the line of `describe` begins."""


def frames(node: nuke.Node) -> list[int]:
    """Return the frames at which a preview is laid over the version, in ascending order.

    Args:
        node: A RefColorize node.
    """
    if _FRAMES not in node.knobs():
        return []
    knob = _knob(node)
    keys = sorted(knob.animation(0).keys(), key=lambda key: key.x) if knob.isAnimated() else []
    ends = [*(round(key.x) for key in keys[1:]), 0]
    return [frame for key, end in zip(keys, ends) if key.y for frame in range(round(key.x), end)]  # noqa: B905  (3.9)


def path(node: nuke.Node) -> str:
    """Return the path of the previews that a node shows in the current view, with ####; "" if it can show none.

    Args:
        node: A RefColorize node.
    """
    return with_hashes(str(node[_FILE].value()).replace("%V", views.of(node))) if _FILE in node.knobs() else ""


def show(node: nuke.Node, frame: int) -> None:
    """Lay the preview of a frame over the version that the node shows, beside the previews of other frames.

    Args:
        node: A RefColorize node.
        frame: The frame, whose file is written.
    """
    read = cast("nuke.Group", node).node(_READ)
    if _FRAMES not in node.knobs() or read is None:
        node_results.show(node, PREVIEW, [frame])
        return
    file = node_results.path_in_knob(node, PREVIEW)
    is_same = same_files(str(node[_FILE].value()), file)  # else the earlier ones lie in a folder that has changed
    every = sorted({*(frames(node) if is_same else ()), frame})
    if not is_same:
        node[_FILE].setValue(file)
    read["first"].setValue(every[0])
    read["last"].setValue(every[-1])
    _set_keys(_knob(node), every)
    with without_undo():
        cast("nuke.PyScript_Knob", read["reload"]).execute()


def leave(node: nuke.Node) -> None:
    """Show the version again at every frame; do nothing if there is no preview.

    Args:
        node: A RefColorize node.
    """
    if not frames(node):
        return
    knob = _knob(node)
    knob.clearAnimated()
    knob.setValue(0)
    inside = cast("nuke.Group", node)
    read, result = inside.node(_READ), inside.node("Result")
    if read is not None and result is not None:
        for name in ("first", "last"):  # or the range of the node would be that of the previews too
            read[name].setValue(int(result[name].value()))


def describe(node: nuke.Node) -> str:
    """Return a line that says where a preview is seen in place of the version; "" for nowhere.

    Args:
        node: A RefColorize node.
    """
    found, version = frames(node), str(node["version"].value())
    if version == PREVIEW:  # of a node of an earlier plug-in
        return f"{MARK}it is shown in place of a version. Choose one in the knob version to go back."
    if not found:
        return ""
    below = version if version != "none" and node["use_result"].value() else "the plate"
    noun = "frame" if len(found) == 1 else "frames"
    return f"{MARK}{noun} {frames_text(found, separator=', ')} over {below}. Leave preview goes back to {below}."


def _knob(node: nuke.Node) -> nuke.Array_Knob:
    return cast("nuke.Array_Knob", node[_FRAMES])


def _set_keys(knob: nuke.Array_Knob, shown: Collection[int]) -> None:
    """Let a knob be 1 at these frames and 0 at all others."""
    keys: dict[int, int] = {}
    for first, last in frame_ranges(sorted(shown)):
        keys.setdefault(first - 1, 0)
        keys[first] = 1
        keys[last + 1] = 0
    knob.clearAnimated()
    knob.setAnimated()  # this adds a key at the current frame
    for frame, value in keys.items():
        knob.setValueAt(value, frame)
    current = int(nuke.frame())
    if current not in keys:
        knob.removeKeyAt(current)
    curve = knob.animation(0)
    curve.changeInterpolation(list(curve.keys()), nuke.CONSTANT)
