"""Detect changes of an input's picture without rendering it, by a digest of its upstream nodes. Main thread only.

A digest covers the classes of all nodes upstream, through groups and all inputs, their knobs, the size and time of
change of the files they read, the settings of the script and the version of Nuke. Nodes of `_SAME_FRAME_CLASSES` read
their inputs only at the current frame, so their knobs are digested frame by frame, and a changed key affects one frame.
Every other node may read any frame: everything upstream of it is digested as a whole, and a change affects every frame.

Some nodes cannot be digested, and then Nuke renders the input:
- Tcl in a text knob;
- Tcl in a file knob that uses more than the script's name, the environment or a text knob of the group;
- a file name that the plug-in cannot parse, such as one with a view in it;
- a graph scope variable in a file name, if a group around the node or its input has variables of its own: such a group
  passes them up the graph, so one node may read several files;
- a curve of a Roto or a similar node that reads another node's knob;
- an expression upstream of a node that may read any frame, or any expression if the script has several views;
- in an Expression node, a knob of another node than its group;
- OFX plug-ins, Precomp and live sources (`_OPAQUE_CLASSES`), whose pictures depend on more than their knobs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, cast

import nuke

from . import colors, variables, views
from .frame_names import FrameName
from .frames_on_disk import is_file, stamp
from .knob_paths import absolute_path, frame_name

__all__ = ["frame_digests"]

_SAME_FRAME_CLASSES = """
    Add AddChannels AddMix AdjBBox Assert BlackOutside Blur ChannelMerge CheckerBoard2 Clamp ColorBars ColorCorrect
    ColorLookup ColorMatrix ColorWheel Colorspace Constant Convolve2 Copy CopyBBox CopyMetaData CornerPin2D
    Crop Defocus Difference Dilate Dissolve Dot EdgeBlur EdgeExtend Emboss Erode Expression Fill FilterErode Gamma Glow2
    Grade Grain2 Grid Group HueCorrect HueShift IDistort Input Invert Keyer Keymix LayerContactSheet Log2Lin Matrix
    Median Merge Merge2 MergeExpression Mirror Mirror2 ModifyMetaData Multiply NoOp Noise OCIOCDLTransform
    OCIOColorSpace OCIODisplay OCIOFileTransform OCIOLogConvert OCIOLookTransform Output Position PostageStamp Premult
    Primatte3 Radial Ramp Read Rectangle Reformat Remove Roto STMap Saturation Sharpen Shuffle Shuffle2 ShuffleCopy
    SoftClip Soften Switch Tile Transform TransformMasked Unpremult VectorBlur2 Vectorfield Write ZDefocus2
"""
_OPAQUE_CLASSES = frozenset(("DeckLinkDevice", "LiveInput", "MonitorOut", "Precomp", "UnrealReader"))
_COSMETIC_KNOBS = """
    name help onCreate onDestroy knobChanged updateUI autolabel panel tile_color gl_color label icon note_font
    note_font_size note_font_color selected xpos ypos hide_input cached dope_sheet bookmark postage_stamp
    postage_stamp_frame indicators
"""
_NO_PIXELS = frozenset(
    ("PyScript_Knob", "Script_Knob", "PythonKnob", "PythonCustomKnob", "Tab_Knob", "Text_Knob", "Link_Knob")
)
_ROOT_KNOBS = """
    colorManagement OCIO_config customOCIOConfigPath workingSpaceLUT monitorLut int8Lut int16Lut logLut floatLut format
    views fps
"""
_IN_BRACKETS = re.compile(r"\[[^\]]*\]?")
_TCL_WORD = re.compile(r"[A-Za-z_][\w.]*")
_CONSTANT_TCL = frozenset(
    ("value", "root.name", "root.project_directory", "file", "dirname", "rootname", "tail", "extension", "join")
)
_DOTTED = re.compile(r"\b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_SAME_FRAME = frozenset(_SAME_FRAME_CLASSES.split())
_COSMETIC = frozenset(_COSMETIC_KNOBS.split())

_At = tuple["nuke.Node", Optional[int]]  # a node at a frame; None for all frames  # noqa: UP045


class _NotDigestibleError(Exception):
    """A node upstream of an input has a picture that no digest can cover."""


def frame_digests(source: nuke.Node, frames: Sequence[int], *, view: str | None = None) -> dict[int, str] | None:
    """Return a digest for each frame that changes if the picture of a node may have changed.

    Args:
        source: The node.
        frames: The frames to digest.
        view: The view; None for the current one.

    Returns:
        32 hex digits for each frame; None if a node upstream cannot be digested.
    """
    upstream = _Upstream(source, view or views.current())
    try:
        return {frame: upstream.digest(source, frame).hex()[:32] for frame in frames}
    except _NotDigestibleError:
        return None


@dataclass(frozen=True)
class _Knobs:
    """A node's knobs that affect its pixels: values of the static ones, the animated ones, names of the file knobs."""

    static: bytes
    animated: tuple[nuke.Array_Knob, ...]
    files: tuple[str, ...]


class _Upstream:
    """A cache of the digests of upstream nodes, valid until the script or a file changes."""

    def __init__(self, source: nuke.Node, view: str) -> None:
        self._in_variable_groups = variables.in_groups(source)
        self._digests: dict[tuple[str, int | None], bytes] = {}
        self._knobs: dict[str, _Knobs] = {}
        self._stamps: dict[str, str] = {}
        root = nuke.root()
        config = colors.config() or ""
        settings = [nuke.NUKE_VERSION_STRING, config, stamp([config]) if config else "", view]
        settings += [root[name].toScript() for name in _ROOT_KNOBS.split() if name in root.knobs()]
        settings.append(variables.values_around(source))
        self._settings = repr(settings).encode()

    def digest(self, source: nuke.Node, frame: int) -> bytes:
        """Return the digest of a node's picture at a frame. Not recursive: scripts are deeper than Python's stack.

        Args:
            source: The node.
            frame: The frame's number.
        """
        stack: list[_At] = [(source, frame)]
        while stack:
            node, node_frame = stack[-1]
            sources = self._sources(node, node_frame)
            pending = [at for at in sources if at is not None and _key(at) not in self._digests]
            if pending:
                stack += pending
                continue
            stack.pop()
            result = hashlib.sha256(self._node_bytes(node, node_frame))
            for at in sources:
                result.update(b"none" if at is None else self._digests[_key(at)])
            self._digests[_key((node, node_frame))] = result.digest()
        picture = self._digests[_key((source, frame))]
        return hashlib.sha256(self._settings + str(frame).encode() + picture).digest()

    def _sources(self, node: nuke.Node, frame: int | None) -> list[_At | None]:
        """Return the nodes whose pictures make up the node's picture, in order."""
        if node.Class() == "Input":
            group = node.parent()
            if group.Class() == "Root":
                return []
            return [_at(group.input(_input_index(node)), frame)]
        inner_frame = frame if node.Class() in _SAME_FRAME or isinstance(node, nuke.Group) else None
        disabled = _is_disabled(node, frame)
        if disabled:
            return [_at(node.input(0), frame)]
        sources = [_at(node.input(index), inner_frame) for index in range(node.inputs())]
        if isinstance(node, nuke.Group):
            sources = [_at(node.output(), inner_frame), *(sources[:1] if disabled is None else ())]
        return sources

    def _node_bytes(self, node: nuke.Node, frame: int | None) -> bytes:
        """Return the class and knobs of a node. A group's knobs count only in expressions of the nodes inside."""
        kind = node.Class()
        if kind.startswith("OFX") or kind in _OPAQUE_CLASSES:
            raise _NotDigestibleError
        if isinstance(node, nuke.Group):
            return f"passed {variables.values_of(node)}".encode()
        if _is_disabled(node, frame) or kind == "Input":
            return b"passed"
        knobs = self._knobs.get(node.fullName())
        if knobs is None:
            knobs = self._knobs[node.fullName()] = _pixel_knobs(node)
        parts = [kind, *(_animated_value(node, knob, frame) for knob in knobs.animated)]
        if kind != "Write" or node["reading"].value():
            parts += [self._file_stamp(node, name, frame) for name in knobs.files]
        if kind in ("Expression", "MergeExpression"):
            parts += [_group_value(node, word, frame) for word in _dotted_words(node)]
        return knobs.static + repr(parts).encode()

    def _file_stamp(self, node: nuke.Node, knob: str, frame: int | None) -> str:
        """Return the stamp of the frame's own file if it is certain which file that is, else of the whole sequence."""
        name = _file_name(node, knob, in_variable_groups=self._in_variable_groups)
        if name is None:
            return ""
        path = absolute_path(str(name))
        if frame is not None and node.Class() == "Read" and knob == "file" and _shows_own_frame(node, frame):
            number = f"{frame:0{name.digits or 0}d}"
            file = str(Path(path).with_name(f"{name.head}{number if name.is_sequence else ''}{name.tail}"))
            if is_file(file):
                return self._stamp(file)
        return self._stamp(path)

    def _stamp(self, path: str) -> str:
        if path not in self._stamps:
            self._stamps[path] = f"{path} {stamp([path])}"
        return self._stamps[path]


def _at(node: nuke.Node | None, frame: int | None) -> _At | None:
    return None if node is None else (node, frame)


def _key(at: _At) -> tuple[str, int | None]:
    return str(at[0].fullName()), at[1]


def _input_index(node: nuke.Node) -> int:
    """Return the index of the group's input that an Input node stands for."""
    number = int(node["number"].value())
    return sum(int(other["number"].value()) < number for other in node.parent().nodes() if other.Class() == "Input")


def _is_disabled(node: nuke.Node, frame: int | None) -> bool | None:
    """Return whether a node is disabled; None if that is animated and `frame` is None (all frames)."""
    knob = cast("nuke.Array_Knob | None", node.knob("disable"))  # called often, and `knobs` builds a whole table
    if knob is None:
        return False
    if frame is not None:
        return bool(knob.valueAt(frame))
    return None if knob.isAnimated() or knob.hasExpression() else bool(knob.value())


def _shows_own_frame(read: nuke.Node, frame: int) -> bool:
    """Return whether a Read shows at a frame the file of that number."""
    shifted = str(read["frame"].value()).strip() not in ("", "frame")
    return not shifted and int(read["first"].value()) <= frame <= int(read["last"].value())


def _pixel_knobs(node: nuke.Node) -> _Knobs:
    static, animated, files = [], [], []
    for name, knob in sorted(node.knobs().items()):
        if name in _COSMETIC or knob.Class() in _NO_PIXELS:
            continue
        if isinstance(knob, nuke.File_Knob):
            files.append(name)
        elif knob.isAnimated() or knob.hasExpression():
            if not isinstance(knob, nuke.Array_Knob):
                raise _NotDigestibleError
            animated.append(knob)
        else:
            static.append((name, _static_value(knob)))
    return _Knobs(repr(static).encode(), tuple(animated), tuple(files))


def _static_value(knob: nuke.Knob) -> str:
    """Return the value of a knob that is not animated, or that stores its own curves, such as those of a Roto."""
    text = str(knob.toScript())
    if isinstance(knob, (nuke.Array_Knob, nuke.Channel_Knob, nuke.Format_Knob)):
        return text
    if "[" in text or (not isinstance(knob, nuke.String_Knob) and _DOTTED.search(text)):
        raise _NotDigestibleError
    return text


def _animated_value(node: nuke.Node, knob: nuke.Array_Knob, frame: int | None) -> str:
    """Return the value at the frame, or the whole curve if other frames (motion blur) or views count too."""
    has_motion_blur = any(name in node.knobs() for name in ("motionblur", "shutter"))
    whole = frame is None or has_motion_blur or views.is_stereo()
    if whole and knob.hasExpression():
        raise _NotDigestibleError
    return f"{knob.name()} {knob.toScript() if whole else knob.valueAt(cast(int, frame))!r}"


def _file_name(node: nuke.Node, knob: str, *, in_variable_groups: bool) -> FrameName | None:
    """Return the name in a file knob; None if it is empty."""
    typed = str(node[knob].toScript(False))
    if not typed:
        return None
    text = variables.expand(node, typed)
    if variables.has_variables(typed) and (in_variable_groups or variables.in_groups(node)):
        raise _NotDigestibleError
    if not all(_is_constant_tcl(node, _TCL_WORD.findall(tcl)) for tcl in _IN_BRACKETS.findall(text)):
        raise _NotDigestibleError
    name = frame_name(node, knob)
    if name is None and cast("nuke.File_Knob", node[knob]).evaluate():
        raise _NotDigestibleError
    return name


def _is_constant_tcl(node: nuke.Node, words: list[str]) -> bool:
    """Return whether Tcl is constant: it uses only the script's name, the environment or a text of the node's group."""
    if len(words) == 2 and words[0] == "value" and words[1].startswith("parent."):
        knob = node.parent().knobs().get(words[1].partition(".")[2])
        return isinstance(knob, nuke.String_Knob) and "[" not in knob.toScript()
    return (words[:1] == ["getenv"] and len(words) == 2) or _CONSTANT_TCL.issuperset(words)


def _dotted_words(node: nuke.Node) -> list[str]:
    """Return the names with a dot (knobs and channels) in the expressions of an Expression node, sorted."""
    texts = [str(knob.value()) for name, knob in node.knobs().items() if re.match("(temp_)?expr", name)]
    return sorted({word for text in texts for word in _DOTTED.findall(text)})


def _group_value(node: nuke.Node, word: str, frame: int | None) -> str:
    """Return the value of parent.knob or parent.knob.x; "" for a channel, because channels come from the inputs."""
    names = word.split(".")
    if ".".join(names[:-1]) in nuke.layers():
        return ""
    group: nuke.Node = node
    while names[0] == "parent" and len(names) > 1:
        group = group.parent()
        names.pop(0)
    knob = group.knobs().get(names[0])
    if group is node or not isinstance(knob, nuke.Array_Knob):
        raise _NotDigestibleError
    return _animated_value(group, knob, frame)
