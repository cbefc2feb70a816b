"""What the script says of colour: its OpenColorIO config, its working space, and in what space a Read's file is.

Names are handed to the core as the config spells them; it opens the same config.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import cast

import nuke

from .spaces import Space, space_of

__all__ = ["config", "file_space", "script_space", "working_space"]

_SHOWN = re.compile(r"([a-z0-9_]+) \((.+)\)")  # "default (ACES - ACEScg)", "scene_linear (ACES - ACEScg)"
_DISPLAY = (".png", ".jpg", ".jpeg", ".tif", ".tiff")  # what both Nuke and the core take for sRGB by themselves


def config() -> str | None:
    """The config that this script uses: $OCIO, the script's own, or the stock one; None where the core's may serve."""
    if os.environ.get("OCIO"):
        return os.environ["OCIO"]
    root = nuke.root()
    if not _by_ocio():
        return None
    name = str(root["OCIO_config"].value())
    if name == "custom":
        return cast("nuke.File_Knob", root["customOCIOConfigPath"]).evaluate() or None
    stock = Path(nuke.EXE_PATH).parent / "plugins" / "OCIOConfigs" / "configs"
    found = [path for path in (stock / name / "config.ocio", stock / f"{name}.ocio") if path.is_file()]
    return found[0].as_posix() if found else None


def working_space() -> str | None:
    """The space of the script's pixels, by its name in the config; None: linear Rec.709, as without OCIO."""
    if not _by_ocio():
        return None
    return _bare(str(nuke.root()["workingSpaceLUT"].value()))


def script_space() -> Space | None:
    """The working space as the numbers that the node needs; None where it is not certain which it is."""
    name = working_space()
    return space_of("linear" if name is None else _of_role(name))


def file_space(read: nuke.Node) -> str | None:
    """The space that a Read's file is in: "" where the core takes the same by itself, None where it is not certain."""
    kind = Path(str(read["file"].value())).suffix.lower()
    value = str(read["colorspace"].value())
    chosen = _bare(value)
    root = nuke.root()
    if _by_ocio():
        if chosen != "default":
            return chosen
        return _bare(str(root["floatLut"].value())) if kind == ".exr" else None
    if kind == ".exr":
        return "" if (root["floatLut"].value() if chosen == "default" else chosen) == "linear" else None
    luts = {str(root[name].value()) for name in ("int8Lut", "int16Lut")} if chosen == "default" else {chosen}
    return "" if kind in _DISPLAY and luts == {"sRGB"} else None


def _by_ocio() -> bool:
    return bool(nuke.root()["colorManagement"].value() == "OCIO")


def _bare(shown: str) -> str:
    """The space that a knob shows: Nuke puts what a role stands for behind it."""
    match = _SHOWN.fullmatch(shown)
    return match[2] if match else shown


def _of_role(name: str) -> str:
    """What a role stands for in the config, or the name itself. In all built-in configs scene_linear is ACEScg."""
    source = config()
    if source is None or source.startswith("ocio://"):
        return "ACEScg" if name == "scene_linear" else name
    try:
        text = Path(source).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return name
    roles = re.search(r"^roles:[^\n]*\n((?:[ \t]+[^\n]*\n)*)", text, re.MULTILINE)
    found = re.search(rf"^[ \t]+{re.escape(name)}:[ \t]*(.+?)[ \t]*$", roles[1] if roles else "", re.MULTILINE)
    return found[1].strip("\"'") if found else name
