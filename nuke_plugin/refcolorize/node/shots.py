"""A node's shot, as the core takes it: its knobs, and its inputs as files. Main thread only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import nuke

from ..errors import RefColorizeError
from . import colors, inputs, nodes
from .inputs import Files
from .knob_paths import frame_name
from .versions import Results, Version, stamp, written_to

__all__ = ["METHOD_KNOBS", "ShotRequest", "build", "build_around", "claim", "preview_of"]

_PLATE, _REF, _MATTE = 0, 1, 2  # the node's inputs
_INPUTS = "inputs"  # what is rendered of them, beside the versions
# Knob, and setting of the shot's method by the same name -> how the knob's value becomes the setting.
METHOD_KNOBS: dict[str, Callable[[Any], object]] = {
    "model": str,
    "tracking": lambda value: None if value == "auto" else str(value),
    "working_height": int,
}


@dataclass(frozen=True)
class ShotRequest:
    """What is asked of the core. shot: a Shot whose output has no path yet. frames: to be coloured, in order."""

    shot: dict[str, Any]
    frames: tuple[int, ...]

    @property
    def made_from(self) -> str:
        """Changes when a file that is read does."""
        pictures = (self.shot["plate"], *self.shot["stills"], *self.shot["mattes"])
        return stamp(picture["path"] for picture in pictures)


def build(node: nuke.Node) -> ShotRequest:
    """The node's whole shot. What of its inputs is no file yet is rendered.

    Raises RefColorizeError for what is missing or cannot be, and Cancelled where the artist stops the rendering.
    """
    plate = _plate_files(node)
    first, last = _plate_range(node, plate)
    wanted = _wanted(node, first, last)
    between = _between_keys(_keys(node, first, last), wanted)
    return _asked(node, plate, reads=(first, last) if plate else between, wanted=wanted)


def build_around(node: nuke.Node, frame: int) -> ShotRequest:
    """What colours one frame of the shot: from the key before it to the key after it. Raises as `build`."""
    plate = _plate_files(node)
    first, last = _plate_range(node, plate)
    if not first <= frame <= last:
        raise RefColorizeError(f"Frame {frame} is outside of the plate ({first}-{last}). Go to a frame of it.")
    return _asked(node, plate, reads=_between_keys(_keys(node, first, last), [frame]), wanted=[frame])


def claim(node: nuke.Node, asked: ShotRequest) -> Version:
    """The version on disk that a shot belongs to: a new one where anything has changed. Raises RefColorizeError."""
    first, last = asked.frames[0], asked.frames[-1]
    return _results(node).claim(asked.shot, first=first, last=last, made_from=asked.made_from)


def preview_of(node: nuke.Node, asked: ShotRequest) -> dict[str, Any]:
    """The shot with its frames where previews lie; a frame that the last version has is taken from there."""
    results = _results(node)
    last = next(reversed(results.versions()), None)
    return written_to(asked.shot, results.pattern(nodes.PREVIEW), reuse=last.path if last else None)


def _asked(node: nuke.Node, plate: Files | None, *, reads: tuple[int, int], wanted: Sequence[int]) -> ShotRequest:
    """The shot that reads these frames of the plate. Everything that can be wrong is looked at before it renders."""
    first, last = reads
    keys = [key for key in nodes.keys(node) if first <= key <= last]
    reference, stills = node.input(_REF), _stills(node)
    if keys and reference is None:
        raise RefColorizeError(f"{node.name()} has keys, and no ref. Connect the coloured picture to its input ref.")
    if not keys and not stills:
        raise RefColorizeError(f"{node.name()} has no key. Go to a frame that ref has in colour, and press Add key.")
    folder = _results(node).folder / _INPUTS
    space = _space(node)
    if plate is None:
        path = inputs.rendered(_plate(node), range(first, last + 1), folder, name="plate")
        plate = Files(path, first, last, space)
    references = []
    if reference is not None and keys:
        path = inputs.rendered(reference, keys, folder, name="ref")
        references.append({"path": path, "colorspace": space})
    shot = {
        "plate": {
            "path": plate.path,
            "frames": f"{first}-{last}",
            "colorspace": plate.colorspace,
            "exposure": float(node["exposure"].value()),
            "missing": plate.missing,
        },
        "output": {"frames": _as_text(wanted)},
        "references": references,
        "stills": stills,
        "mattes": _mattes(node, range(first, last + 1)),
        "method": _method(node),
        "ocio": colors.config(),
    }
    return ShotRequest(shot, tuple(wanted))


# ---- the plate and its frames


def _plate(node: nuke.Node) -> nuke.Node:
    plate = node.input(_PLATE)
    if plate is None:
        raise RefColorizeError(f"{node.name()} has no plate. Connect the grey shot to its input plate.")
    return plate


def _plate_files(node: nuke.Node) -> Files | None:
    return inputs.own_files(_plate(node), space=_colorspace(node))


def _plate_range(node: nuke.Node, files: Files | None) -> tuple[int, int]:
    if files is not None:
        return files.first, files.last
    plate = _plate(node)
    return int(plate.firstFrame()), int(plate.lastFrame())


def _wanted(node: nuke.Node, first: int, last: int) -> list[int]:
    """The frames that the knob names, else all of the plate."""
    text = str(node["frame_range"].value()).strip()
    if not text:
        return list(range(first, last + 1))
    try:
        frames = sorted({frame for part in nuke.FrameRanges(_parts(text)) for frame in part})
    except (RuntimeError, ValueError):
        frames = []
    if not frames:
        raise RefColorizeError(f"The frame range {text!r} is not readable. Write it like 1001-1050 or 1001-1100x2.")
    outside = [frame for frame in frames if not first <= frame <= last]
    if outside:
        raise RefColorizeError(
            f"Frame {outside[0]} of the frame range {text} is outside of the plate ({first}-{last}). Correct it."
        )
    return frames


def _parts(text: str) -> list[str]:
    """The ranges of a text, as Foundry's own code hands them over."""
    return text.replace(",", " ").split()


def _keys(node: nuke.Node, first: int, last: int) -> list[int]:
    keys = nodes.keys(node)
    outside = [key for key in keys if not first <= key <= last]
    if outside:
        raise RefColorizeError(
            f"The key at frame {outside[0]} is outside of the plate ({first}-{last}). Remove it, or switch it off."
        )
    return keys


def _between_keys(keys: Sequence[int], wanted: Sequence[int]) -> tuple[int, int]:
    """First and last of the frames that colour comes by on its way from the keys around them to those wanted."""
    first = max((key for key in keys if key <= wanted[0]), default=wanted[0])
    last = min((key for key in keys if key >= wanted[-1]), default=wanted[-1])
    return first, last


def _as_text(frames: Sequence[int]) -> str:
    """1001-1010,1020"""
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in inputs.runs(frames))


# ---- the rest of the knobs


def _colorspace(node: nuke.Node) -> str:
    return str(node["colorspace"].value()).strip()


def _space(node: nuke.Node) -> str | None:
    """The space of what Nuke renders."""
    return _colorspace(node) or colors.working_space()


def _stills(node: nuke.Node) -> list[dict[str, str]]:
    paths = [_still(node, f"still{number}") for number in (1, 2, 3)]
    return [{"path": inputs.absolute(path)} for path in paths if path]


def _still(node: nuke.Node, knob: str) -> str:
    """The one picture that a knob names; "" for none. A sequence would be another picture at each frame."""
    name = frame_name(node, knob)
    if name is not None and name.is_sequence:
        raise RefColorizeError(f"{node.name()}: {knob} is the sequence {name}. Choose one picture, such as its first.")
    return cast("nuke.File_Knob", node[knob]).evaluate() or ""


def _mattes(node: nuke.Node, frames: Sequence[int]) -> list[dict[str, str]]:
    """The matte input as its own files, which may hold Cryptomatte, else with all its channels as they are now."""
    matte = node.input(_MATTE)
    tells_apart = str(node["tracking"].value()) in ("auto", "instance", "instance+dense")
    if matte is None or not tells_apart or not node["use_matte"].value():
        return []
    files = inputs.own_files(matte)
    folder = _results(node).folder / _INPUTS
    path = files.path if files else inputs.rendered(matte, frames, folder, name="matte", with_metadata=True)
    return [{"path": path}]


def _method(node: nuke.Node) -> dict[str, Any]:
    """The method's settings. A node of an earlier plug-in may lack a knob: then the core's default counts."""
    return {name: take(node[name].value()) for name, take in METHOD_KNOBS.items() if name in node.knobs()}


def _results(node: nuke.Node) -> Results:
    nodes.own_id(node)
    results = nodes.results(node)
    if not results.folder.is_absolute():
        raise RefColorizeError("The results lie beside the script. Save it first, or give a full output folder.")
    return results
