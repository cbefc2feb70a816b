"""The version in a script's name: comp_v001, comp_v002 are versions of one script. Does not import nuke."""

from __future__ import annotations

import re

__all__ = ["EARLIER_FOLDER", "OUTPUT_FOLDER", "without_version"]

_RULE = r"[._ -]?[vV][0-9]+$|[._ -][vV][0-9]+(?=[._ -])(?!.*[._ -][vV][0-9]+([._ -]|$))"  # Tcl reads it as Python does
_EARLIER_RULE = "_?[vV][0-9]+$"
_FOLDER = "[file dirname [value root.name]]/refcolorize/[regsub {%s} [file rootname [file tail [value root.name]]] {}]"
OUTPUT_FOLDER = _FOLDER % _RULE
"""The text of the knob `output_folder` of a new node."""
EARLIER_FOLDER = _FOLDER % _EARLIER_RULE
"""The same of a node of an earlier plug-in, which took only a version at the end for one."""


def without_version(name: str) -> str:
    """Return a script's name without its version, wherever that stands: sh010_v001_comp is sh010_comp.

    Of several, the last one is the version. A number without a v is none: sq.0010 and sq.0020 may be two shots.

    Args:
        name: The name without folder and extension.
    """
    return re.sub(_RULE, "", name, count=1)
