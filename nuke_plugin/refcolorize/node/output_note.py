"""The line below the knob `output` that says why the chosen output is empty. Main thread only."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import nuke

from ..errors import RefColorizeError
from . import exr, node_results, nodes, shown_version
from .version import Version

__all__ = ["follow", "knob_changed", "show_note"]

_NOTE, _OUTPUT = "output_note", "output"
_DECIDING = (_OUTPUT, "version", "result_file")  # the knobs that the line depends on
_seen: dict[str, tuple[str, ...]] = {}  # their values by node, when `follow` last looked
_NOTHING = " "  # a text knob with an empty text is a line across the properties
_LAYERS = {"matte": "rc_id00", "STMap": "rc_st"}  # what an output shows
_FEW = 'it was written with "only colour and confidence" on. Switch that off, and press Colorize'
_NO_OBJECT = "no object was tracked in it. Connect a matte, or set tracking to instance, and press Colorize"


def knob_changed() -> None:
    """Follow the choice of an output or a version; a callback for nuke.addKnobChanged."""
    node, knob = nuke.thisNode(), nuke.thisKnob()
    if knob.name() in _DECIDING and nodes.is_refcolorize(node):
        show_note(node)


def follow(node: nuke.Node) -> None:
    """Bring the line up to date if a knob has changed without a callback, as undo does.

    Args:
        node: A RefColorize node.
    """
    name, values = str(node.fullName()), tuple(str(node[knob].value()) for knob in _DECIDING)
    if _NOTE in node.knobs() and _seen.get(name) != values:
        _seen[name] = values
        show_note(node)


def show_note(node: nuke.Node) -> None:
    """Say below the knob `output` if the shown version lacks the layer of that output; else say nothing.

    Args:
        node: A RefColorize node. One of an earlier plug-in has no such line.
    """
    if _NOTE in node.knobs() and node[_NOTE].value() != (reason := _reason(node)):
        nodes.set_text(node, _NOTE, reason)


def _reason(node: nuke.Node) -> str:
    output, version = str(node[_OUTPUT].value()), str(node["version"].value())
    if output not in _LAYERS or version == "none":
        return _NOTHING
    shown = _shown(node, version)
    pattern = node_results.results(node).pattern(version) if shown is None else shown.path
    if _has_layer(pattern, _LAYERS[output]):
        return _NOTHING
    kept = shown.shot().get("output", {}).get("layers") if shown is not None else None
    reason = _FEW if kept is not None else _NO_OBJECT if output == "matte" else "press Colorize to write it"
    return f"{version} has no layer for {output}: {reason}."


def _shown(node: nuke.Node, name: str) -> Version | None:
    """Return the version that is shown, also while the knob `version` has changed and the file has not yet."""
    with suppress(RefColorizeError):
        return shown_version.find_shown(node)
    return next((each for each in node_results.versions(node) if each.name == name), None)


def _has_layer(pattern: str, layer: str) -> bool:
    """Return whether the frames of a version have a layer; also if there is no frame that tells."""
    path = Path(pattern)
    frame = next(path.parent.glob(path.name.replace("####", "*")), None)
    if frame is None:
        return True
    try:
        names = exr.channels(frame)
    except OSError:
        return True
    return not names or any(name.startswith(f"{layer}.") for name in names)
