"""The RefColorize node: its reference keys, its versions on disk, its status line. Main thread only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import nuke

from .errors import RefColorizeError
from .spaces import SPACES

__all__ = [
    "Version",
    "add_key",
    "all_nodes",
    "create",
    "is_refcolorize",
    "keys",
    "knob_changed",
    "next_key",
    "next_version",
    "previous_key",
    "remove_key",
    "set_status",
    "use_version",
    "versions",
]

_MARK = "refcolorize_version"
_FOLDER = re.compile(r"v(\d{3,})")


@dataclass(frozen=True)
class Version:
    """One result on disk. path: pattern of its frames, with ####. frames: how many are there."""

    number: int
    path: str
    frames: int

    @property
    def name(self) -> str:
        """As the knob `version` shows it: v001."""
        return f"v{self.number:03d}"


def create() -> nuke.Node:
    """A new node, connected to what is selected, as the Nodes menu makes it."""
    return nuke.createNode("RefColorize")


def is_refcolorize(node: nuke.Node) -> bool:
    """Whether a node is one of ours, by its mark and whatever its name."""
    return node.Class() == "Group" and _MARK in node.knobs()


def all_nodes() -> list[nuke.Node]:
    """Every RefColorize node of the script, by name."""
    return sorted(filter(is_refcolorize, nuke.allNodes("Group")), key=lambda node: node.name())


# Reference keys: the animation of one knob, so that they live in the script, undo, copy and paste.


def keys(node: nuke.Node) -> list[int]:
    """Frames of the references that are used, in order; those switched off are left out."""
    return [frame for frame, used in _curve(node).items() if used]


def add_key(node: nuke.Node, frame: int | None = None) -> None:
    """Use the reference at a frame, by default the current one; a second key there changes nothing."""
    knob = _knob(node)
    at = _current() if frame is None else frame
    knob.setAnimated()
    knob.setValueAt(1, at)
    curve = knob.animation(0)
    curve.changeInterpolation(list(curve.keys()), nuke.CONSTANT)


def remove_key(node: nuke.Node, frame: int | None = None) -> None:
    """Forget the reference at a frame, by default the current one. RefColorizeError where there is none."""
    at = _current() if frame is None else frame
    if at not in _curve(node):
        raise RefColorizeError(f"{node.name()} has no reference key at frame {at}.")
    knob = _knob(node)
    if len(_curve(node)) == 1:
        knob.clearAnimated()
    else:
        knob.removeKeyAt(at)


def previous_key(node: nuke.Node) -> int | None:
    """Move the time line to the key before the current frame; None where there is none."""
    return _go(max((frame for frame in _curve(node) if frame < _current()), default=None))


def next_key(node: nuke.Node) -> int | None:
    """Move the time line to the key after the current frame; None where there is none."""
    return _go(min((frame for frame in _curve(node) if frame > _current()), default=None))


def _go(frame: int | None) -> int | None:
    if frame is not None:
        nuke.frame(frame)
    return frame


def _current() -> int:
    return int(nuke.frame())


def _knob(node: nuke.Node) -> nuke.Array_Knob:
    return cast("nuke.Array_Knob", node["reference_keys"])


def _curve(node: nuke.Node) -> dict[int, bool]:
    """Frame of each key -> whether it is used, in order of time."""
    knob = _knob(node)
    if not knob.isAnimated():
        return {}
    return {round(key.x): bool(key.y) for key in sorted(knob.animation(0).keys(), key=lambda key: key.x)}


# Versions: <output folder>/<node>/v001/<node>_v001.####.exr


def versions(node: nuke.Node) -> list[Version]:
    """The versions on disk, the oldest first; empty where there is no output folder yet."""
    found = []
    for folder in _folder(node).glob("v*"):
        match = _FOLDER.fullmatch(folder.name)
        if match and folder.is_dir():
            path = _pattern(node, int(match[1]))
            head, tail = Path(path).name.split("####")
            frames = sum(1 for file in folder.iterdir() if file.name.startswith(head) and file.name.endswith(tail))
            found.append(Version(int(match[1]), path, frames))
    return sorted(found, key=lambda version: version.number)


def next_version(node: nuke.Node) -> Version:
    """The version after the last one on disk; nothing is made."""
    number = max((version.number for version in versions(node)), default=0) + 1
    return Version(number, _pattern(node, number), 0)


def use_version(node: nuke.Node, number: int) -> None:
    """Show a version in the node. RefColorizeError where it is not on disk."""
    found = {version.number: version for version in versions(node)}
    if number not in found:
        raise RefColorizeError(f"{node.name()} has no version v{number:03d} in {_folder(node)}.")
    knob = cast("nuke.Enumeration_Knob", node["version"])
    knob.setValues(["none", *(version.name for version in found.values())])
    knob.setValue(found[number].name)
    node["result_file"].setValue(found[number].path)
    node["use_result"].setValue(True)


def _folder(node: nuke.Node) -> Path:
    knob = cast("nuke.File_Knob", node["output_folder"])
    return Path(knob.evaluate() or "") / node.name()


def _pattern(node: nuke.Node, number: int) -> str:
    name = f"v{number:03d}"
    return (_folder(node) / name / f"{node.name()}_{name}.####.exr").as_posix()


def set_status(node: nuke.Node, text: str) -> None:
    """The node's read-only line."""
    node["status"].setValue(text)


# What the node does by itself


def knob_changed() -> None:
    """For nuke.addKnobChanged: `version` leads to its files, `working_space` to its numbers."""
    node, knob = nuke.thisNode(), nuke.thisKnob()
    if not is_refcolorize(node):
        return
    match = _FOLDER.fullmatch(str(knob.value())) if knob.name() == "version" else None
    if match:
        node["result_file"].setValue(_pattern(node, int(match[1])))
    elif knob.name() == "working_space":
        space = SPACES[str(knob.value())]
        for name in ("luma", "x_light", "z_light"):
            node[name].setValue(list(getattr(space, name)))
