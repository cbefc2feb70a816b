"""Bake a node: connect everything below it to a Read of the version that it shows. Main thread only.

The Read has the frames as the core wrote them. The node makes more of them, and shows the plate where there is no
frame, so the artist is told first what will look different.
"""

from __future__ import annotations

from typing import cast

import nuke

from ..errors import Cancelled, RefColorizeError
from . import node_results, out_of_date, previews, shown_version
from .frame_texts import frames_text
from .frames_on_disk import frames_of
from .version import Version

__all__ = ["bake", "differences"]

_NEUTRAL = {"saturation": 1.0, "mix": 1.0, "confidence_fade": 0.0}
_COLOUR = ("rgba.red", "rgba.green", "rgba.blue")


def bake(node: nuke.Node, *, confirmed: bool = False) -> nuke.Node:
    """Connect everything below the node to a new Read of the shown version. The node itself stays.

    Args:
        node: A RefColorize node.
        confirmed: Whether a Read that looks different from the node is accepted. With a GUI, the artist is asked.

    Returns:
        The Read.

    Raises:
        RefColorizeError: If no version is shown, or if nothing is connected to the node; without a GUI, also if the
            Read would look different and that is not confirmed.
        Cancelled: If the artist does not accept the differences.
    """
    linked = [
        (other, index)
        for other in node.dependent(nuke.INPUTS | nuke.HIDDEN_INPUTS)
        for index in range(other.inputs())
        if _is_same_node(other.input(index), node)
    ]
    if not linked:
        raise RefColorizeError(f"Nothing is connected to {node.name()}. Press Create Read instead.")
    changes = [] if confirmed else differences(node)
    if changes:
        told = "\n".join([f"Bake changes what is below {node.name()}:", *(f"- {change}" for change in changes)])
        if not nuke.GUI:
            raise RefColorizeError(f"{told}\nCall bake with confirmed=True to accept it.")
        if not nuke.ask(f"{told}\nBake all the same?"):
            raise Cancelled("Bake was cancelled. Nothing has changed.")
    read = shown_version.create_read(node)
    for other, index in linked:
        other.setInput(index, read)
    return read


def differences(node: nuke.Node) -> list[str]:
    """Return what a Read of the shown version has otherwise than the node, one line each; empty for nothing.

    Args:
        node: A RefColorize node.

    Raises:
        RefColorizeError: If no version is shown.
    """
    version = shown_version.find_shown(node)
    return [*_frames(node, version), *_adjustments(node), *_layers(node), *_age(node)]


def _frames(node: nuke.Node, version: Version) -> list[str]:
    """Return lines on the frames for which the node shows the grey plate, because the version has none."""
    plate, on_disk = node.input(0), set(frames_of(version.path))
    span = node_results.results(node).first_last(version.name)
    first, last = (min(on_disk), max(on_disk)) if span is None and on_disk else span or (0, -1)
    missing = [frame for frame in range(first, last + 1) if frame not in on_disk]
    lines = [f"{_frame_noun(missing)} missing in {version.name}: black instead of the grey plate"] if missing else []
    if plate is not None:
        shown = range(int(plate.firstFrame()), int(plate.lastFrame()) + 1)
        outside = [frame for frame in shown if not first <= frame <= last]
        if outside:
            lines.append(f"{_frame_noun(outside)} outside of {version.name}: its end frame instead of the grey plate")
    return lines


def _frame_noun(frames: list[int]) -> str:
    return f"{'frame' if len(frames) == 1 else 'frames'} {frames_text(frames, separator=', ')},"


def _adjustments(node: nuke.Node) -> list[str]:
    """Return lines on the knobs of the tab Output, which the Read does not have."""
    lines = []
    for name, neutral in _NEUTRAL.items():
        knob = cast("nuke.Array_Knob", node[name])
        if knob.isAnimated() or knob.hasExpression() or knob.value() != neutral:
            lines.append(f"{name.replace('_', ' ')}: none instead of {_value(knob)}")
    if node["output"].value() != "colour":
        lines.append(f"output: colour instead of {node['output'].value()}")
    if not node["use_result"].value():
        lines.append("use result is off: colour instead of the plate")
    if previews.frames(node):
        lines.append("previews: the version instead of them")
    if "confidence_overlay" in node.knobs() and node["confidence_overlay"].value():
        lines.append("confidence overlay: none")
    if "compare" in node.knobs() and node["compare"].value() != "none":
        lines.append(f"compare with: none instead of {node['compare'].value()}")
    return lines


def _value(knob: nuke.Array_Knob) -> str:
    return "its curve" if knob.isAnimated() or knob.hasExpression() else f"{knob.value():g}"


def _layers(node: nuke.Node) -> list[str]:
    """Return a line on the alpha and the layers of the plate, which the version does not hold."""
    plate = node.input(0)
    channels = [] if plate is None else [name for name in plate.channels() if name not in _COLOUR]
    layers = dict.fromkeys("alpha" if name == "rgba.alpha" else name.partition(".")[0] for name in channels)
    return [f"without what the plate has besides colour: {', '.join(layers)}"] if layers else []


def _age(node: nuke.Node) -> list[str]:
    mark = out_of_date.describe(node)
    return [f"the version as it was made. {mark}"] if mark else []


def _is_same_node(one: nuke.Node | None, other: nuke.Node) -> bool:
    return one is not None and one.fullName() == other.fullName()
