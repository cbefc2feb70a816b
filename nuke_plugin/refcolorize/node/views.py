"""The views (eyes) of a script. Main thread only."""

from __future__ import annotations

import nuke

__all__ = ["current", "is_stereo"]


def current() -> str:
    """The view that is coloured: the one in front of the artist, in a terminal the script's first."""
    names = nuke.views()
    viewer = nuke.activeViewer() if nuke.GUI else None
    shown = viewer.view() if viewer is not None else nuke.thisView()
    return shown if shown in names else names[0]


def is_stereo() -> bool:
    """Whether the script has more than one view."""
    return len(nuke.views()) > 1
