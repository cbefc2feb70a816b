"""Run by Nuke at every start, with or without a GUI: where the node lies, and the layers that its results have."""

from __future__ import annotations

import sys
import traceback

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
    from pathlib import Path

    import nuke

    here = Path(__file__).resolve().parent
    for folder in (here.parent / "gizmos", here / "icons"):
        if folder.as_posix() not in nuke.pluginPath():
            nuke.pluginAddPath(folder.as_posix())
    for layer, channels in _LAYERS.items():
        nuke.Layer(layer, [f"{layer}.{channel}" for channel in channels])


try:
    _set_up()
except Exception:  # noqa: BLE001  (a plug-in that is broken must not keep Nuke from starting)
    traceback.print_exc(file=sys.stderr)
