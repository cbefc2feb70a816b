"""The views (eyes) of a stereo script. Main thread only."""

from __future__ import annotations

import nuke

__all__ = ["current", "is_stereo"]


def current() -> str:
    """Return the view to colour: the one in the active viewer; without a GUI the script's first."""
    names = nuke.views()
    viewer = nuke.activeViewer() if nuke.GUI else None
    shown = viewer.view() if viewer is not None else nuke.thisView()
    return shown if shown in names else names[0]


def is_stereo() -> bool:
    """Return whether the script has more than one view."""
    return len(nuke.views()) > 1
