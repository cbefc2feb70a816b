"""The views (eyes) of a stereo script. Main thread only."""

from __future__ import annotations

import nuke

__all__ = ["current", "is_stereo", "of"]


def current() -> str:
    """Return the view in the active viewer; without a GUI the script's first."""
    names = nuke.views()
    viewer = nuke.activeViewer() if nuke.GUI else None
    shown = viewer.view() if viewer is not None else nuke.thisView()
    return shown if shown in names else names[0]


def is_stereo() -> bool:
    """Return whether the script has more than one view."""
    return len(nuke.views()) > 1


def of(node: nuke.Node) -> str:
    """Return the view that a node colours: the one in its knob `view`, or if that is empty or unknown, the current one.

    Args:
        node: A RefColorize node. One of an earlier plug-in has no such knob.
    """
    wanted = str(node["view"].value()).strip() if "view" in node.knobs() else ""
    return wanted if wanted in nuke.views() else current()
