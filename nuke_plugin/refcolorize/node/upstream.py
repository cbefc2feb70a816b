"""What an input shows, known without rendering it: a digest of all that is upstream of it. Main thread only.

A digest covers the classes of the nodes, their knobs, the files they read by size and time of change, the settings of
the script and the version of Nuke, through groups and all inputs. Nodes that show at each frame what their inputs show
at that frame (`_SAME_FRAME_CLASSES`) are told apart frame by frame, so that a changed key concerns one frame. Every
other node may look at any frame: all its upstream counts whole, and a change anywhere in it concerns every frame.

What cannot be known makes no digest, and Nuke renders:
- Tcl in a text knob;
- Tcl in a file knob that asks for more than the script's name, the environment or a text knob of the group;
- a file name that the plug-in cannot read, such as one with a view in it;
- a curve of a Roto or the like that reads another node's knob;
- an expression above a node that may look at any frame, or where the script has several views;
- in an Expression node, another node's knob that is not its group's;
- OFX plug-ins, Precomp and live sources (`_UNKNOWABLE`), which read what no knob shows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, cast

import nuke

from . import colors, views
from .frame_names import FrameName
from .knob_paths import absolute, frame_name
from .versions import stamp

__all__ = ["frame_digests"]

_SAME_FRAME_CLASSES = """
    Add AddChannels AddMix AdjBBox Assert BlackOutside Blur ChannelMerge CheckerBoard2 Clamp ColorBars ColorCorrect
    ColorLookup ColorMatrix ColorWheel Colorspace Constant ContactSheet Convolve2 Copy CopyBBox CopyMetaData CornerPin2D
    Crop Defocus Difference Dilate Dissolve Dot EdgeBlur EdgeExtend Emboss Erode Expression Fill FilterErode Gamma Glow2
    Grade Grain2 Grid Group HueCorrect HueShift IDistort Input Invert Keyer Keymix LayerContactSheet Log2Lin Matrix
    Median Merge Merge2 MergeExpression Mirror Mirror2 ModifyMetaData Multiply NoOp Noise OCIOCDLTransform
    OCIOColorSpace OCIODisplay OCIOFileTransform OCIOLogConvert OCIOLookTransform Output Position PostageStamp Premult
    Primatte3 Radial Ramp Read Rectangle Reformat Remove Roto STMap Saturation Sharpen Shuffle Shuffle2 ShuffleCopy
    SoftClip Soften Switch Tile Transform TransformMasked Unpremult VectorBlur2 Vectorfield Write ZDefocus2
"""
_UNKNOWABLE = frozenset(("DeckLinkDevice", "LiveInput", "MonitorOut", "Precomp", "UnrealReader"))
_KNOBS_FOR_THE_EYE = """
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
_LASTING_TCL = frozenset(
    ("value", "root.name", "root.project_directory", "file", "dirname", "rootname", "tail", "extension", "join")
)
_DOTTED = re.compile(r"\b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_SAME_FRAME = frozenset(_SAME_FRAME_CLASSES.split())
_FOR_THE_EYE = frozenset(_KNOBS_FOR_THE_EYE.split())

_At = tuple["nuke.Node", Optional[int]]  # a node at a frame; None: at every frame  # noqa: UP045


class _UnknowableError(Exception):
    """Something upstream of an input shows what no digest can cover."""


def frame_digests(source: nuke.Node, frames: Sequence[int]) -> dict[int, str] | None:
    """Return a digest for each frame that changes when the picture of the source may have changed.

    Args:
        source: The node whose picture is asked for.
        frames: The frames that are asked for.

    Returns:
        32 hex digits for each frame, or None where something upstream cannot be known.
    """
    known = _Upstream()
    try:
        return {frame: known.digest(source, frame).hex()[:32] for frame in frames}
    except _UnknowableError:
        return None


@dataclass(frozen=True)
class _Knobs:
    """A node's knobs that decide pixels. lasting: those that are the same at every frame. moving: by the others."""

    lasting: bytes
    moving: tuple[nuke.Array_Knob, ...]
    files: tuple[str, ...]


class _Upstream:
    """What has been found upstream; good for as long as nothing changes."""

    def __init__(self) -> None:
        self._digests: dict[tuple[str, int | None], bytes] = {}
        self._knobs: dict[str, _Knobs] = {}
        self._stamps: dict[str, str] = {}
        root = nuke.root()
        config = colors.config() or ""
        settings = [nuke.NUKE_VERSION_STRING, config, stamp([config]) if config else "", views.current()]
        settings += [root[name].toScript() for name in _ROOT_KNOBS.split() if name in root.knobs()]
        self._settings = repr(settings).encode()

    def digest(self, source: nuke.Node, frame: int) -> bytes:
        """The source's picture at a frame. Without recursion: scripts are deeper than Python's stack."""
        waiting: list[_At] = [(source, frame)]
        while waiting:
            node, at = waiting[-1]
            above = self._above(node, at)
            unknown = [each for each in above if each is not None and _key(each) not in self._digests]
            if unknown:
                waiting += unknown
                continue
            waiting.pop()
            found = hashlib.sha256(self._own(node, at))
            for each in above:
                found.update(b"none" if each is None else self._digests[_key(each)])
            self._digests[_key((node, at))] = found.digest()
        picture = self._digests[_key((source, frame))]
        return hashlib.sha256(self._settings + str(frame).encode() + picture).digest()

    def _above(self, node: nuke.Node, frame: int | None) -> list[_At | None]:
        """What a node's picture is made of, in order."""
        if node.Class() == "Input":
            group = node.parent()
            if group.Class() == "Root":
                return []
            return [_at(group.input(_rank(node)), frame)]
        inside = frame if node.Class() in _SAME_FRAME or isinstance(node, nuke.Group) else None
        off = _is_off(node, frame)
        if off:
            return [_at(node.input(0), frame)]
        found = [_at(node.input(index), inside) for index in range(node.inputs())]
        if isinstance(node, nuke.Group):
            found = [_at(node.output(), inside), *(found[:1] if off is None else ())]
        return found

    def _own(self, node: nuke.Node, frame: int | None) -> bytes:
        """The node itself. A group's knobs count where nodes inside read them, by expressions."""
        kind = node.Class()
        if kind.startswith("OFX") or kind in _UNKNOWABLE:
            raise _UnknowableError
        if _is_off(node, frame) or isinstance(node, nuke.Group) or kind == "Input":
            return b"passed"
        knobs = self._knobs.get(node.fullName())
        if knobs is None:
            knobs = self._knobs[node.fullName()] = _knobs_of(node)
        found = [kind, *(_moving(node, knob, frame) for knob in knobs.moving)]
        if kind != "Write" or node["reading"].value():
            found += [self._file(node, name, frame) for name in knobs.files]
        if kind in ("Expression", "MergeExpression"):
            found += [_of_group(node, word, frame) for word in _dotted_words(node)]
        return knobs.lasting + repr(found).encode()

    def _file(self, node: nuke.Node, knob: str, frame: int | None) -> str:
        """What a file knob reads: the frame's own file where that is certain, else all of the sequence."""
        name = _file_name(node, knob)
        if name is None:
            return ""
        path = absolute(str(name))
        if frame is not None and node.Class() == "Read" and knob == "file" and _is_plain(node, frame):
            number = f"{frame:0{name.digits or 0}d}"
            own = str(Path(path).with_name(f"{name.head}{number if name.is_sequence else ''}{name.tail}"))
            if Path(own).is_file():
                return self._stamp(own)
        return self._stamp(path)

    def _stamp(self, path: str) -> str:
        if path not in self._stamps:
            self._stamps[path] = f"{path} {stamp([path])}"
        return self._stamps[path]


def _at(node: nuke.Node | None, frame: int | None) -> _At | None:
    return None if node is None else (node, frame)


def _key(at: _At) -> tuple[str, int | None]:
    return str(at[0].fullName()), at[1]


def _rank(node: nuke.Node) -> int:
    """Which input of its group an Input stands for."""
    number = int(node["number"].value())
    return sum(int(each["number"].value()) < number for each in node.parent().nodes() if each.Class() == "Input")


def _is_off(node: nuke.Node, frame: int | None) -> bool | None:
    """Whether a node is disabled; None where that changes in time and every frame is meant."""
    knob = cast("nuke.Array_Knob | None", node.knob("disable"))  # asked for often, and `knobs` makes a whole table
    if knob is None:
        return False
    if frame is not None:
        return bool(knob.valueAt(frame))
    return None if knob.isAnimated() or knob.hasExpression() else bool(knob.value())


def _is_plain(read: nuke.Node, frame: int) -> bool:
    """Whether a Read shows at a frame the file of that number."""
    shifted = str(read["frame"].value()).strip() not in ("", "frame")
    return not shifted and int(read["first"].value()) <= frame <= int(read["last"].value())


def _knobs_of(node: nuke.Node) -> _Knobs:
    lasting, moving, files = [], [], []
    for name, knob in sorted(node.knobs().items()):
        if name in _FOR_THE_EYE or knob.Class() in _NO_PIXELS:
            continue
        if isinstance(knob, nuke.File_Knob):
            files.append(name)
        elif knob.isAnimated() or knob.hasExpression():
            if not isinstance(knob, nuke.Array_Knob):
                raise _UnknowableError
            moving.append(knob)
        else:
            lasting.append((name, _lasting(knob)))
    return _Knobs(repr(lasting).encode(), tuple(moving), tuple(files))


def _lasting(knob: nuke.Knob) -> str:
    """A knob that is the same at every frame, or that holds curves of its own, such as those of a Roto."""
    text = str(knob.toScript())
    if isinstance(knob, (nuke.Array_Knob, nuke.Channel_Knob, nuke.Format_Knob)):
        return text
    if "[" in text or (not isinstance(knob, nuke.String_Knob) and _DOTTED.search(text)):
        raise _UnknowableError
    return text


def _moving(node: nuke.Node, knob: nuke.Array_Knob, frame: int | None) -> str:
    """A knob that changes in time: its value at the frame, or all of it where other frames and views count too."""
    blurs = any(name in node.knobs() for name in ("motionblur", "shutter"))
    whole = frame is None or blurs or views.is_stereo()
    if whole and knob.hasExpression():
        raise _UnknowableError
    return f"{knob.name()} {knob.toScript() if whole else knob.valueAt(cast(int, frame))!r}"


def _file_name(node: nuke.Node, knob: str) -> FrameName | None:
    """The name in a file knob; None where it is empty."""
    text = str(node[knob].toScript(False))
    if not text:
        return None
    if not all(_is_lasting_tcl(node, _TCL_WORD.findall(tcl)) for tcl in _IN_BRACKETS.findall(text)):
        raise _UnknowableError
    name = frame_name(node, knob)
    if name is None and cast("nuke.File_Knob", node[knob]).evaluate():
        raise _UnknowableError
    return name


def _is_lasting_tcl(node: nuke.Node, words: list[str]) -> bool:
    """Whether Tcl gives the same at every frame: of the script's name, the environment, a text of the node's group."""
    if len(words) == 2 and words[0] == "value" and words[1].startswith("parent."):
        knob = node.parent().knobs().get(words[1].partition(".")[2])
        return isinstance(knob, nuke.String_Knob) and "[" not in knob.toScript()
    return (words[:1] == ["getenv"] and len(words) == 2) or _LASTING_TCL.issuperset(words)


def _dotted_words(node: nuke.Node) -> list[str]:
    """The knobs and channels with a dot in the texts of an Expression node, in order."""
    texts = [str(knob.value()) for name, knob in node.knobs().items() if re.match("(temp_)?expr", name)]
    return sorted({word for text in texts for word in _DOTTED.findall(text)})


def _of_group(node: nuke.Node, word: str, frame: int | None) -> str:
    """The value of parent.knob or parent.knob.x, or "" for a channel, which comes from an input."""
    steps = word.split(".")
    if ".".join(steps[:-1]) in nuke.layers():
        return ""
    group: nuke.Node = node
    while steps[0] == "parent" and len(steps) > 1:
        group = group.parent()
        steps.pop(0)
    knob = group.knobs().get(steps[0])
    if group is node or not isinstance(knob, nuke.Array_Knob):
        raise _UnknowableError
    return _moving(group, knob, frame)
