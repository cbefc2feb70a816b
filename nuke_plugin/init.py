"""Run by Nuke at every start, with or without a GUI: where the node lies, and the layers that its results have.

Where a job of a farm brings path mapping rules, its files are opened by these; not where an artist sits, whose own
paths they would take away. In the Python of Nuke 13, so that it can say that it needs a newer one.
"""

from __future__ import annotations

import os
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

    if nuke.NUKE_VERSION_MAJOR < 14:
        sys.stderr.write(
            "RefColorize needs Nuke 14 or newer, and is left out of Nuke " + nuke.NUKE_VERSION_STRING + ".\n"
        )
        return
    here = Path(__file__).resolve().parent
    for folder in (here.parent / "gizmos", here / "icons"):
        if folder.as_posix() not in nuke.pluginPath():
            nuke.pluginAddPath(folder.as_posix())
    for layer, channels in _LAYERS.items():
        nuke.Layer(layer, [f"{layer}.{channel}" for channel in channels])
    rules = os.environ.get("STCOLOR_PATH_MAPPING")
    if rules and not nuke.GUI:
        from refcolorize.node.paths import map_path, read_rules

        nuke.addFilenameFilter(map_path, (read_rules(Path(rules)),))


try:
    _set_up()
except Exception:  # noqa: BLE001  (a plug-in that is broken must not keep Nuke from starting)
    traceback.print_exc(file=sys.stderr)
