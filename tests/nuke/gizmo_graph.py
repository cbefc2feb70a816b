"""The gizmo as a graph of pictures: its nodes connected as in Nuke, its expressions evaluated on arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from expressions import evaluate
from nkscript import Layer, Node, Push, Set, parse, words
from refcolorize.node.spaces import SPACES

__all__ = ["GROUP", "LAYERS", "PATH", "RGBA", "STEPS", "Picture", "knobs", "mask_channels", "output"]

PATH = Path(__file__).parents[2] / "gizmos" / "RefColorize.gizmo"
STEPS = parse(PATH.read_text(encoding="utf-8"))
GROUP = next(step for step in STEPS if isinstance(step, Node))
LAYERS = {layer.name: layer.channels for layer in STEPS if isinstance(layer, Layer)}

RGBA = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")
Picture = dict[str, np.ndarray]  # channel name as Nuke has it -> (H, W) float32


@dataclass
class _Wired:
    node: Node
    inputs: list[_Wired | None]


def knobs(space: str = "linear Rec.709", *, gui: bool = True, **values: float) -> dict[str, float]:
    """Return the group's values by their names in expressions, "parent.mix" or "parent.luma.x", with a result in use.

    space: one of `SPACES`. gui: whether Nuke has a GUI. values: by knob, those that differ from a new
    node; enumerations by index.
    """
    all_values = {
        "use_result": 1.0,
        "output": 0,
        "confidence_overlay": 0,
        "compare": 0,
        "preview_frames": 0,
        "wipe": 0.5,
        "extra_layers": 1,
        "exposure": 0,
        "saturation": 1,
        "confidence_fade": 0,
        "mix": 1,
    } | values
    for name in ("luma", "x_light", "z_light"):
        all_values |= {f"{name}.{axis}": value for axis, value in zip("xyz", getattr(SPACES[space], name))}
    return {"$gui": float(gui), **{f"parent.{name}": value for name, value in all_values.items()}}


def _wire() -> _Wired:
    """Connect the nodes as Nuke's stack of inputs does; return the Output node."""
    stack: list[_Wired | None] = []
    named: dict[str, _Wired | None] = {}
    for step in GROUP.children:
        if isinstance(step, Set):
            named[step.reference] = stack[-1]
        elif isinstance(step, Push):
            stack.append(named[step.reference] if step.reference else None)
        elif isinstance(step, Node):
            count = int(step.knobs.get("inputs", "1"))
            stack.append(_Wired(step, [stack.pop() for _ in range(count)]))
    assert stack[-1] is not None and stack[-1].node.class_name == "Output"
    return stack[-1]


_OUTPUT = _wire()
_SHORT = {"r": "rgba.red", "g": "rgba.green", "b": "rgba.blue", "a": "rgba.alpha"}


def _seen(at: _Wired | None, sources: Mapping[str, Picture], values: Mapping[str, float], dtype: type) -> Picture:
    """Return the channels of a node; a source that is not in `sources` raises an error."""
    assert at is not None
    node = at.node
    if node.class_name in ("Input", "Read"):
        return sources[node.name]
    if node.class_name == "Switch":
        (which,) = words(words(node.knobs["which"])[0])
        return _seen(at.inputs[int(evaluate(which, values))], sources, values, dtype)
    inputs = [_seen(one, sources, values, dtype) for one in at.inputs]
    if node.class_name == "Copy":
        nothing = np.zeros_like(next(iter(inputs[0].values())))
        pairs = [(node.knobs[f"from{i}"], node.knobs[f"to{i}"]) for i in range(4) if f"from{i}" in node.knobs]
        whole = inputs[1] if node.knobs.get("channels") == "all" else {}
        return inputs[0] | whole | {to: inputs[1].get(name, nothing) for name, to in pairs if name != "none"}
    if node.class_name == "Keymix":
        below, above, mask = inputs
        share = mask[node.knobs["maskChannel"]]
        nothing = np.zeros_like(share)
        every = below.keys() | above.keys()
        return {name: above.get(name, nothing) * share + below.get(name, nothing) * (1 - share) for name in every}
    if node.class_name == "Expression":
        return _computed(node, inputs[0], values, dtype)
    return inputs[0]


def _computed(node: Node, picture: Picture, values: Mapping[str, float], dtype: type) -> Picture:
    nothing = np.zeros_like(next(iter(picture.values())))
    channels = {channel: nothing for layer in LAYERS.values() for channel in layer}
    variables: dict[str, object] = {**values, **channels, **picture}
    variables |= {short: picture.get(name, nothing) for short, name in _SHORT.items()}
    variables |= {"x": np.arange(nothing.shape[1])[None, :], "width": nothing.shape[1]}
    for i in range(4):
        if f"temp_name{i}" in node.knobs:
            variables[node.knobs[f"temp_name{i}"]] = evaluate(node.knobs[f"temp_expr{i}"], variables, dtype=dtype)
    changed = dict(picture)
    for i in range(4):
        assert f"channel{i}" in node.knobs, "a channel that is not set would be rgba's"
        for channel in mask_channels(node.knobs[f"channel{i}"]):
            value = evaluate(node.knobs[f"expr{i}"], variables, dtype=dtype)
            changed[channel] = np.broadcast_to(value.astype(np.float32), nothing.shape)
    return changed


def mask_channels(mask: str) -> list[str]:
    """Return the channels that a mask enables, as Nuke writes it: "rgb", "{rgba.red -rgba.green -rgba.blue none}"."""
    layers = {"rgb": RGBA[:3], "rgba": RGBA, "alpha": RGBA[3:], "none": ()}
    parts = [layers.get(word, (word,)) for word in words(mask)]
    return [channel for part in parts for channel in part if not channel.startswith("-")]


def output(sources: Mapping[str, Picture], values: Mapping[str, float], *, dtype: type = np.float32) -> Picture:
    """Return the output of the group.

    sources: of its Input and Read nodes; reading a missing one raises KeyError. values: of `knobs`.
    dtype: the type in which expressions compute; channels are float32 between nodes, as in Nuke.
    """
    return _seen(_OUTPUT, sources, values, dtype)
