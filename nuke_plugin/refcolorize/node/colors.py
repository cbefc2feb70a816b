"""The script's colour management: its OpenColorIO config, its working space and the colour space of a Read's file.

Colour spaces are passed to the core by their names in the config; the core opens the same config.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import cast

import nuke

from .spaces import Space, find_space

__all__ = ["config", "file_space", "script_space", "working_space"]

_ROLE_AND_SPACE = re.compile(r"([a-z0-9_]+) \((.+)\)")  # "default (ACES - ACEScg)", "scene_linear (ACES - ACEScg)"
_DISPLAY = (".png", ".jpg", ".jpeg", ".tif", ".tiff")  # read as sRGB by default, in Nuke and in the core


def config() -> str | None:
    """Return the OpenColorIO config that this script uses.

    Returns:
        The path in $OCIO, else the script's custom config, else one of Nuke's stock configs. None if the script does
        not use OpenColorIO or its config has no file; the core then uses its own.
    """
    if os.environ.get("OCIO"):
        return os.environ["OCIO"]
    root = nuke.root()
    if not _uses_ocio():
        return None
    name = str(root["OCIO_config"].value())
    if name == "custom":
        return cast("nuke.File_Knob", root["customOCIOConfigPath"]).evaluate() or None
    stock = Path(nuke.EXE_PATH).parent / "plugins" / "OCIOConfigs" / "configs"
    configs = [path for path in (stock / name / "config.ocio", stock / f"{name}.ocio") if path.is_file()]
    return configs[0].as_posix() if configs else None


def working_space() -> str | None:
    """Return the script's working space by its name in the config; None for linear Rec.709, as without OCIO."""
    if not _uses_ocio():
        return None
    return _strip_role(str(nuke.root()["workingSpaceLUT"].value()))


def script_space() -> Space | None:
    """Return the numbers of the working space for the node's composite; None if the space is not known."""
    name = working_space()
    return find_space("linear" if name is None else _resolve_role(name))


def file_space(read: nuke.Node) -> str | None:
    """Return the colour space of a Read's file.

    Args:
        read: A Read node that is not raw.

    Returns:
        The name in the config; "" if the core's default for this type of file is the same; None if it is not certain.
    """
    suffix = Path(str(read["file"].value())).suffix.lower()
    value = str(read["colorspace"].value())
    space = _strip_role(value)
    root = nuke.root()
    if _uses_ocio():
        if space != "default":
            return space
        return _strip_role(str(root["floatLut"].value())) if suffix == ".exr" else None
    if suffix == ".exr":
        return "" if (root["floatLut"].value() if space == "default" else space) == "linear" else None
    luts = {str(root[name].value()) for name in ("int8Lut", "int16Lut")} if space == "default" else {space}
    return "" if suffix in _DISPLAY and luts == {"sRGB"} else None


def _uses_ocio() -> bool:
    return bool(nuke.root()["colorManagement"].value() == "OCIO")


def _strip_role(text: str) -> str:
    """Return the space in a knob's text: Nuke shows a role with its space in brackets."""
    match = _ROLE_AND_SPACE.fullmatch(text)
    return match[2] if match else text


def _resolve_role(name: str) -> str:
    """Return the space of a role in the config, or the name itself. In all built-in configs scene_linear is ACEScg."""
    source = config()
    if source is None or source.startswith("ocio://"):
        return "ACEScg" if name == "scene_linear" else name
    try:
        text = Path(source).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return name
    roles = re.search(r"^roles:[^\n]*\n((?:[ \t]+[^\n]*\n)*)", text, re.MULTILINE)
    match = re.search(rf"^[ \t]+{re.escape(name)}:[ \t]*(.+?)[ \t]*$", roles[1] if roles else "", re.MULTILINE)
    return match[1].strip("\"'") if match else name
