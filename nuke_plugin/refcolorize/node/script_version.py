"""The version in a script's name: comp_v001, comp_v002 are versions of one script, and so are comp.0001, comp.0002.

Does not import nuke.
"""

from __future__ import annotations

import re

__all__ = ["EARLIER_FOLDERS", "OUTPUT_FOLDER", "without_version"]

_RULE = r"[._ -]?[vV][0-9]+$|[._ -][vV][0-9]+(?=[._ -])(?!.*[._ -][vV][0-9]+([._ -]|$))"  # Tcl reads it as Python does
_NUMBER = "[.][0-9][0-9][0-9]+$"  # as "increment and save" of other programs counts, if there is no v before it
_FOLDER = "[file dirname [value root.name]]/refcolorize/[regsub {%s} [file rootname [file tail [value root.name]]] {}]"
OUTPUT_FOLDER = _FOLDER % f"{_RULE}|{_NUMBER}"
"""The text of the knob `output_folder` of a new node."""
EARLIER_FOLDERS = tuple(_FOLDER % rule for rule in ("_?[vV][0-9]+$", _RULE))
"""The same of nodes of earlier plug-ins, which took only a version at the end for one, or only one with a v."""


def without_version(name: str) -> str:
    """Return a script's name without its version, wherever that stands: sh010_v001_comp is sh010_comp.

    Of several, the last one is the version. A number without a v is one only after a dot at the end: comp.0001 is comp,
    but sq_0010 and sq_0020 may be two shots.

    Args:
        name: The name without folder and extension.
    """
    return re.sub(f"{_RULE}|{_NUMBER}", "", name, count=1)
