"""The effect of each node class on pictures. All inputs of a node must have one size, unlike in Nuke."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from expressions import evaluate, names
from numpy.typing import NDArray

from . import tcl
from .nodes import Node
from .picture import Picture
from .rendering import chosen_input, source

if TYPE_CHECKING:
    from .rendering import Pictures

__all__ = ["OPERATIONS"]

Operation = Callable[["Pictures", Node, float], Picture]
Array = NDArray[np.float32]

_SHORT = {"r": "rgba.red", "g": "rgba.green", "b": "rgba.blue", "a": "rgba.alpha"}
_REC709 = (0.2126, 0.7152, 0.0722)
_MERGES: dict[str, Callable[[Array, Array, Array, Array], Array]] = {  # A, B, alpha of A, alpha of B
    "copy": lambda a, b, alpha, beta: a,
    "over": lambda a, b, alpha, beta: a + b * (1 - alpha),
    "under": lambda a, b, alpha, beta: a * (1 - beta) + b,
    "plus": lambda a, b, alpha, beta: a + b,
    "minus": lambda a, b, alpha, beta: a - b,
    "from": lambda a, b, alpha, beta: b - a,
    "difference": lambda a, b, alpha, beta: np.abs(a - b),
    "multiply": lambda a, b, alpha, beta: a * b,
    "max": lambda a, b, alpha, beta: np.maximum(a, b),
    "min": lambda a, b, alpha, beta: np.minimum(a, b),
    "screen": lambda a, b, alpha, beta: a + b - a * b,
}


def _passed(pictures: Pictures, node: Node, frame: float) -> Picture:
    return pictures.of(source(node, 0), frame)


def _two(pictures: Pictures, node: Node, frame: float) -> tuple[Picture, Picture]:
    """Return inputs 0 (B) and 1 (A); one without channels gets the size of the other."""
    b, a = pictures.of(node.input(0), frame), pictures.of(node.input(1), frame)
    if a.size != b.size:
        if a.channels and b.channels:
            raise RuntimeError(f"{node.name()}: the fake does not lay {a.size} over {b.size}")
        size = a.size if a.channels else b.size
        a, b = Picture(size, a.channels), Picture(size, b.channels)
    return b, a


def _mixed(node: Node, before: Picture, after: dict[str, Array]) -> Picture:
    mix = np.float32(node["mix"].value())
    if mix != 1:
        after = {name: before.get(name) + mix * (value - before.get(name)) for name, value in after.items()}
    return before.with_channels(after)


def _copy(pictures: Pictures, node: Node, frame: float) -> Picture:
    b, a = _two(pictures, node, frame)
    layers = node._session.layers
    copied = {name: a.get(name) for name in layers.of(node["channels"].value()) if name in a.channels}
    for index in range(4):
        taken, given = layers.of(node[f"from{index}"].value()), layers.of(node[f"to{index}"].value())
        copied |= {to: a.get(name) for name, to in zip(taken, given, strict=bool(taken and given))}
    return _mixed(node, b, copied)


def _expression(pictures: Pictures, node: Node, frame: float) -> Picture:
    picture = pictures.of(node.input(0), frame)
    values: dict[str, Any] = {}

    def value(text: str) -> Array:
        for name in names(text) - values.keys():
            values[name] = _variable(node, picture, name, frame)
        return np.asarray(evaluate(text, values), np.float32)

    for index in range(4):
        if name := node[f"temp_name{index}"].value():
            values[name] = value(node[f"temp_expr{index}"].value())
    width, height = picture.size
    changed: dict[str, Array] = {}
    for index in range(4):
        if text := node[f"expr{index}"].value():
            result = np.broadcast_to(value(text), (height, width))
            changed |= dict.fromkeys(node._session.layers.of(node[f"channel{index}"].value()), result)
    return _mixed(node, picture, changed)


def _variable(node: Node, picture: Picture, name: str, frame: float) -> Any:
    """Return a channel, a coordinate in the picture, or a knob."""
    channel = _SHORT.get(name, name)
    if channel in node._session.layers.channels():
        return picture.get(channel)
    width, height = picture.size
    places = {"width": width, "height": height, "x": np.arange(width)[None, :], "y": np.arange(height)[::-1, None]}
    return places[name] if name in places else tcl.number(name, node, frame)


def _switch(pictures: Pictures, node: Node, frame: float) -> Picture:
    return pictures.of(node.input(chosen_input(node, frame)), frame)


def _dissolve(pictures: Pictures, node: Node, frame: float) -> Picture:
    b, a = _two(pictures, node, frame)
    which = np.float32(min(1, max(0, node["which"].value())))
    every = b.channels.keys() | a.channels.keys()
    return b.with_channels({name: b.get(name) + which * (a.get(name) - b.get(name)) for name in every})


def _keymix(pictures: Pictures, node: Node, frame: float) -> Picture:
    """Mix input 1 (A) over input 0 (B) by a channel of input 2."""
    b, a = _two(pictures, node, frame)
    mask = pictures.of(node.input(2), frame)
    if mask.size != b.size:
        raise RuntimeError(f"{node.name()}: the fake does not mask {b.size} by {mask.size}")
    if node["channels"].value() != "all":
        raise NotImplementedError("the fake mixes all channels")
    share = mask.get(node["maskChannel"].value())
    every = b.channels.keys() | a.channels.keys()
    return _mixed(node, b, {name: a.get(name) * share + b.get(name) * (1 - share) for name in every})


def _merge(pictures: Pictures, node: Node, frame: float) -> Picture:
    b, a = _two(pictures, node, frame)
    operation = node["operation"].value()
    if operation not in _MERGES:
        raise RuntimeError(f"{node.name()}: the fake cannot merge by {operation}")
    alphas = a.get("rgba.alpha"), b.get("rgba.alpha")
    mask = node._session.layers.of(node["output"].value())
    return _mixed(node, b, {name: _MERGES[operation](a.get(name), b.get(name), *alphas) for name in mask})


def _per_channel(function: Callable[[Node, Array, int], Array]) -> Operation:
    """Apply an operation to each channel in the node's `channels`; the number is its place in red, green, blue."""

    def operation(pictures: Pictures, node: Node, frame: float) -> Picture:
        picture = pictures.of(node.input(0), frame)
        mask = node._session.layers.of(node["channels"].value())
        changed = {
            name: function(node, values, _place(name)).astype(np.float32)
            for name, values in picture.channels.items()
            if name in mask
        }
        return _mixed(node, picture, changed)

    return operation


def _place(channel: str) -> int:
    return ("red", "green", "blue", "alpha").index(channel.split(".")[-1])


def _grade(node: Node, values: Array, place: int) -> Array:
    if node["reverse"].value():
        raise NotImplementedError("the fake does not grade in reverse")
    low, high = node["blackpoint"].value(place), node["whitepoint"].value(place)
    lift, gain = node["black"].value(place), node["white"].value(place)
    slope = node["multiply"].value(place) * (gain - lift) / (high - low)
    graded = slope * values + (node["add"].value(place) + lift - slope * low)
    gamma = node["gamma"].value(place)
    if gamma != 1:
        graded = np.where(graded > 0, np.maximum(graded, 0) ** (1 / gamma), graded)
    graded = np.maximum(graded, 0) if node["black_clamp"].value() else graded
    return np.minimum(graded, 1) if node["white_clamp"].value() else graded


def _multiply(node: Node, values: Array, place: int) -> Array:
    return values * np.float32(node["value"].value(place))


def _saturation(pictures: Pictures, node: Node, frame: float) -> Picture:
    picture = pictures.of(node.input(0), frame)
    rgb = {name: picture.get(name) for name in ("rgba.red", "rgba.green", "rgba.blue")}
    luma = sum(np.float32(weight) * values for weight, values in zip(_REC709, rgb.values()))
    saturation = np.float32(node["saturation"].value())
    return _mixed(node, picture, {name: luma + saturation * (values - luma) for name, values in rgb.items()})


def _constant(pictures: Pictures, node: Node, frame: float) -> Picture:
    del frame
    width, height = size = node["format"]._size() or pictures.black().size
    mask = node._session.layers.of(node["channels"].value())
    color = node["color"].value()
    return Picture(size, {name: np.full((height, width), color[_place(name)], np.float32) for name in mask})


def _checker_board(pictures: Pictures, node: Node, frame: float) -> Picture:
    del frame
    width, height = size = node["format"]._size() or pictures.black().size
    box = node["boxsize"].value()
    odd = (np.arange(height)[:, None] // box + np.arange(width)[None, :] // box) % 2 == 1
    first, second = node["color0"].value(), node["color1"].value()
    channels = _SHORT.values()
    return Picture(
        size, {name: np.where(odd, second[i], first[i]).astype(np.float32) for i, name in enumerate(channels)}
    )


def _frame_hold(pictures: Pictures, node: Node, frame: float) -> Picture:
    first, increment = node["first_frame"].value(), node["increment"].value()
    held = first if not increment else first + (int(frame) - first) // increment * increment
    return pictures.of(node.input(0), held)


def _time_offset(pictures: Pictures, node: Node, frame: float) -> Picture:
    return pictures.of(node.input(0), frame - node["time_offset"].value())


def _reformat(pictures: Pictures, node: Node, frame: float) -> Picture:
    picture = pictures.of(node.input(0), frame)
    size = _reformatted_size(pictures, node, picture.size)
    if size == picture.size:
        return picture
    import cv2  # imported here, since the fake also runs without it

    smaller = cv2.INTER_AREA if size[0] < picture.size[0] else cv2.INTER_CUBIC
    return Picture(
        size, {name: cv2.resize(value, size, interpolation=smaller) for name, value in picture.channels.items()}
    )


def _reformatted_size(pictures: Pictures, node: Node, size: tuple[int, int]) -> tuple[int, int]:
    width, height = size
    if node["type"].value() == "scale":
        return round(width * node["scale"].value()), round(height * node["scale"].value())
    if node["type"].value() == "to format":
        box, fixed = node["format"]._size() or pictures.black().size, True
    else:
        box, fixed = (node["box_width"].value(), node["box_height"].value()), node["box_fixed"].value()
    scales = {"width": box[0] / width, "height": box[1] / height}
    scales |= {"fit": min(scales.values()), "fill": max(scales.values())}
    resize = node["resize"].value()
    if resize == "distort":
        return box
    if resize == "none":
        raise NotImplementedError("the fake reformats only by resizing")
    scaled = max(1, round(width * scales[resize])), max(1, round(height * scales[resize]))
    if fixed and scaled != box:
        raise NotImplementedError("the fake does not crop or pad to a format")
    return scaled


OPERATIONS: dict[str, Operation] = {
    **dict.fromkeys(("Group", "Input", "Output", "Dot", "NoOp", "Viewer", "Write"), _passed),
    "Read": lambda pictures, node, frame: pictures.read(node, frame),
    "Copy": _copy,
    "Expression": _expression,
    "Switch": _switch,
    "Dissolve": _dissolve,
    "Keymix": _keymix,
    "Merge2": _merge,
    "Grade": _per_channel(_grade),
    "Multiply": _per_channel(_multiply),
    "Saturation": _saturation,
    "Constant": _constant,
    "CheckerBoard2": _checker_board,
    "FrameHold": _frame_hold,
    "TimeOffset": _time_offset,
    "Reformat": _reformat,
}
