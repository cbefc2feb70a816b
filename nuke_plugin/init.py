"""Register the node's folders and the layers of its results. Nuke runs this at every start, with or without a GUI.

If a farm job brings path mapping rules, Nuke opens its files by them. They are not used in a GUI session, because they
would change the artist's own paths. The syntax is that of Nuke 13's Python, so that this file can report there that it
needs a newer Nuke.
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
    """Register folders, layers and the path mapping of a farm job.

    Without the layers, the first frame of a farm task fails: the script names them before it reads a file.
    """
    from pathlib import Path

    import nuke

    if nuke.NUKE_VERSION_MAJOR < 14:
        sys.stderr.write(
            "RefColorize needs Nuke 14 or newer and is not loaded in Nuke " + nuke.NUKE_VERSION_STRING + ".\n"
        )
        return
    here = Path(__file__).resolve().parent
    for folder in (here.parent / "gizmos", here / "icons"):
        if folder.as_posix() not in nuke.pluginPath():
            nuke.pluginAddPath(folder.as_posix())
    for layer, channels in _LAYERS.items():
        nuke.Layer(layer, [f"{layer}.{channel}" for channel in channels])
    file, substitutions = os.environ.get("STCOLOR_PATH_MAPPING"), os.environ.get("STCOLOR_PATH_SUBSTITUTIONS")
    if (file or substitutions) and not nuke.GUI:
        from refcolorize.node.paths import map_path, parse_substitutions, read_rules

        rules = (*(read_rules(Path(file)) if file else ()), *parse_substitutions(substitutions or ""))
        nuke.addFilenameFilter(map_path, (rules,))


try:
    _set_up()
except Exception:  # noqa: BLE001  (a broken plug-in must not keep Nuke from starting)
    traceback.print_exc(file=sys.stderr)
