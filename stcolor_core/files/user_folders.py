"""Find the user's folders for state, caches and data by the conventions of each platform.

The plug-in finds the state folder by the same rules without this package (nuke_plugin/refcolorize/core/server.py), so
they must not depend on a library's release: see docs/develop/libraries.md about platformdirs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

__all__ = ["Kind", "user_folder"]

Kind = Literal["state", "cache", "data"]
_XDG: Mapping[Kind, tuple[str, str]] = {  # the variable, and the folder below the home if it is not set
    "state": ("XDG_STATE_HOME", ".local/state"),
    "cache": ("XDG_CACHE_HOME", ".cache"),
    "data": ("XDG_DATA_HOME", ".local/share"),
}


def user_folder(kind: Kind, *, platform: str | None = None) -> Path:
    r"""Return the folder `stcolor` in the platform's place for such files. It need not exist.

    Linux follows the XDG Base Directory Specification. macOS has ~/Library/Caches and ~/Library/Application Support.
    Windows has %LOCALAPPDATA%, with caches in stcolor\cache.

    Args:
        kind: What the folder is for.
        platform: As `sys.platform`; None for this machine's.
    """
    platform = platform or sys.platform
    if platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "stcolor"
        return folder / "cache" if kind == "cache" else folder
    if platform == "darwin":
        return Path.home() / "Library" / ("Caches" if kind == "cache" else "Application Support") / "stcolor"
    variable, below_home = _XDG[kind]
    return Path(os.environ.get(variable) or Path.home() / below_home) / "stcolor"
