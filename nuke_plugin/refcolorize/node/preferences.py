"""Read Nuke's preferences. Main thread only."""

from __future__ import annotations

import nuke

__all__ = ["path_substitutions"]


def path_substitutions() -> str:
    """Return Nuke's Path Substitutions: folders on Windows, macOS and Linux, three for each row; "" for none.

    Foundry does not describe the knob. Public tools read it with toScript(), in that order of columns, whatever the
    order in the preferences' window. A line that does not have this form is left out: it maps nothing.
    """
    preferences = nuke.toNode("preferences")
    if preferences is None or "platformPathRemaps" not in preferences.knobs():
        return ""
    text = str(preferences["platformPathRemaps"].toScript()).strip().strip('"{}')
    cells = text.removesuffix(";").split(";")
    is_usable = len(cells) % 3 == 0 and text.isprintable() and any(cell.strip() not in ("", "-") for cell in cells)
    return text if is_usable else ""
