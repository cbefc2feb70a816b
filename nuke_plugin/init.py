"""Run by Nuke at every start, with or without a GUI: where the node lies, and the layers that its results have."""

from __future__ import annotations

from pathlib import Path

import nuke

_LAYERS = {
    "rc_ab": ("u", "v"),
    "rc_conf": ("warp", "track"),
    "rc_st": ("u", "v"),
    "rc_source": ("ref",),
    "rc_id00": ("red", "green", "blue", "alpha"),
    "rc_id01": ("red", "green", "blue", "alpha"),
    "rc_id02": ("red", "green", "blue", "alpha"),
}


def _set_up() -> None:
    """Without the layers the first frame of a farm's task fails, since a script names them before it reads a file."""
    here = Path(__file__).resolve().parent
    for folder in (here.parent / "gizmos", here / "icons"):
        nuke.pluginAddPath(folder.as_posix())
    for layer, channels in _LAYERS.items():
        if layer not in nuke.layers():
            nuke.Layer(layer, [f"{layer}.{channel}" for channel in channels])


_set_up()
