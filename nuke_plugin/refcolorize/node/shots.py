"""Build the Shot that the core colours from a node's knobs and the files of its inputs. Main thread only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import nuke

from ..errors import RefColorizeError
from . import colors, inputs, keyframes, node_results, nodes, own_folder, variables, views
from .frame_texts import frames_text
from .inputs import InputFiles
from .knob_paths import frame_name
from .matte_input import find_matte, plan_matte, require_matte, tracks_instances
from .rendered_inputs import plan_input, render_planned
from .shot_frames import requested_frames, require_inside, span_of_keys, swatched_frames, used_keys
from .shot_plan import ShotPlan, ShotRequest
from .swatches import read_swatches
from .version import Version
from .versions import PREVIEW, Results, with_output

__all__ = [
    "METHOD_KNOBS",
    "build",
    "build_frame_request",
    "build_matte_request",
    "claim",
    "frames_and_keys",
    "plan",
    "plan_frame",
    "preview_shot",
]

_PLATE, _REF = 0, 1  # the node's inputs
_FEW_LAYERS = ("rgb", "rc_ab", "rc_conf")  # what the node needs for its colour, fade and overlay
_INPUTS = "inputs"  # the folder of rendered inputs, next to the versions
METHOD_KNOBS: dict[str, Callable[[Any], object]] = {
    "model": str,
    "tracking": lambda value: None if value == "auto" else str(value),
    "working_height": int,
    "register": str,
    "light": str,
    "keep_chroma": float,
    "unreferenced": str,
}
"""The knobs for the settings of the method, and how each knob's value becomes the setting of the same name."""


def build(node: nuke.Node) -> ShotRequest:
    """Return the request for the node's whole shot. Inputs that are not files yet are rendered in this Nuke.

    Args:
        node: A RefColorize node.

    Raises:
        RefColorizeError: As `plan`, and if an input cannot be rendered (`Cancelled` if the artist cancels).
    """
    return plan(node).render()


def plan(node: nuke.Node) -> ShotPlan:
    """Check the node's whole shot, and find out what must be rendered for it.

    Args:
        node: A RefColorize node.

    Returns:
        The plan, which does not follow later changes of the node.

    Raises:
        RefColorizeError: If an input or a key is missing or a knob is wrong.
    """
    plate = _plate_files(node)
    first, last = _plate_range(node, plate)
    frames = requested_frames(node, first, last)
    span = span_of_keys(used_keys(node, first, last), swatched_frames(node, first, last), frames)
    return _make_plan(node, plate, plate_range=(first, last) if plate else span, frames=frames)


def frames_and_keys(node: nuke.Node) -> tuple[list[int], list[int], tuple[int, int]]:
    """Return the frames to colour, the keys that are switched on, and the plate's first and last frame.

    Nothing is rendered.

    Args:
        node: A RefColorize node.

    Raises:
        RefColorizeError: If the node has no plate, or its frame range or a key is outside of it.
    """
    first, last = _plate_range(node, _plate_files(node))
    return requested_frames(node, first, last), used_keys(node, first, last), (first, last)


def build_frame_request(node: nuke.Node, frame: int) -> ShotRequest:
    """Return the request for one frame. Inputs that are not files yet are rendered in this Nuke.

    Args:
        node: A RefColorize node.
        frame: A frame of the plate.

    Raises:
        RefColorizeError: As `build`, and if the frame is outside the plate.
    """
    return plan_frame(node, frame).render()


def plan_frame(node: nuke.Node, frame: int) -> ShotPlan:
    """Plan the colour of one frame. It reads the plate from the key before the frame to the key after it.

    Args:
        node: A RefColorize node.
        frame: A frame of the plate.

    Returns:
        The plan.

    Raises:
        RefColorizeError: As `plan`, and if the frame is outside the plate.
    """
    plate = _plate_files(node)
    first, last = _plate_range(node, plate)
    require_inside(frame, first, last)
    span = span_of_keys(used_keys(node, first, last), swatched_frames(node, first, last), [frame])
    return _make_plan(node, plate, plate_range=span, frames=[frame])


def build_matte_request(node: nuke.Node, frame: int) -> dict[str, Any]:
    """Return the Shot with which the core lists the objects of the matte. Inputs that are not files yet are rendered.

    Args:
        node: A RefColorize node.
        frame: A frame of the plate; no other one is rendered, and this Nuke renders it.

    Raises:
        RefColorizeError: As `build`, and if the frame is outside the plate or the node has no matte.
    """
    plate = _plate_files(node)
    require_inside(frame, *_plate_range(node, plate))
    matte, results, view = require_matte(node), _results(node), _view(node)
    folder, files = results.folder / _INPUTS, inputs.find_files(matte)
    if plate is None:
        render = plan_input(_plate(node), [frame], folder, name="plate", view=view)
        plate = InputFiles(render_planned(render), frame, frame, _space(node))
    path = files.path if files else render_planned(plan_matte(matte, [frame], folder, view=view))
    shot = {"plate": _plate_setting(node, plate, frame, frame), "output": {}, "mattes": [{"path": path}]}
    return with_output(shot, results.pattern(PREVIEW), reuse=None)


def claim(node: nuke.Node, request: ShotRequest) -> Version:
    """Return the version on disk for a request: a new one if anything changed. RefColorizeError if it fails.

    Args:
        node: A RefColorize node.
        request: From `build`.
    """
    first, last = request.frames[0], request.frames[-1]
    results = _own_results(node, request.view)
    return results.claim(request.shot, first=first, last=last, made_from=request.made_from)


def preview_shot(node: nuke.Node, request: ShotRequest) -> dict[str, Any]:
    """Return the Shot that writes into the node's preview folder and reuses the frames of the last version with any.

    Args:
        node: A RefColorize node.
        request: From `build_frame_request`.

    Raises:
        RefColorizeError: If the folder cannot be written.
    """
    results = _own_results(node, request.view)
    last = next((version for version in reversed(results.versions()) if version.frames), None)
    return with_output(request.shot, results.pattern(PREVIEW), reuse=last.path if last else None)


def _make_plan(
    node: nuke.Node, plate: InputFiles | None, *, plate_range: tuple[int, int], frames: Sequence[int]
) -> ShotPlan:
    """Return the plan that reads this range of the plate. The request is made of the knobs as they are now."""
    first, last = plate_range
    keys = [key for key in keyframes.keys(node) if first <= key <= last]
    reference, stills = node.input(_REF), _stills(node)
    if keys and reference is None:
        raise RefColorizeError(f"{node.name()} has keys but no ref. Connect the coloured picture to its input ref.")
    swatched = [swatch for swatch in read_swatches(node) if first <= swatch.frame <= last]
    if not keys and not stills and not swatched:
        raise RefColorizeError(
            f"{node.name()} has no key. Go to a frame that ref has in colour, and press Add key; or add a swatch."
        )
    if swatched:
        require_matte(node)
    folder = _results(node).folder / _INPUTS
    space, alpha, view = _space(node), _alpha(node), _view(node)
    renders = []
    if plate is None:
        renders.append(plan_input(_plate(node), range(first, last + 1), folder, name="plate", view=view))
        plate = InputFiles("", first, last, space)
    if reference is not None and keys:
        renders.append(plan_input(reference, keys, folder, name="ref", channels="rgba", view=view))
    matte_frames = range(first, last + 1) if tracks_instances(node) else sorted({each.frame for each in swatched})
    matte, matte_files = find_matte(node) if matte_frames else (None, None)
    if matte is not None and matte_files is None:
        renders.append(plan_matte(matte, matte_frames, folder, view=view))
    shot: dict[str, Any] = {
        "plate": _plate_setting(node, plate, first, last),
        "output": {"frames": frames_text(frames), **_layers(node)},
        "references": [],
        "stills": stills,
        "mattes": [{"path": matte_files}] if matte_files else [],
        "method": _method(node),
        "ocio": colors.config(),
    }

    if swatched:  # without any, the shot is that of an earlier plug-in, and so is its version
        shot["swatches"] = [swatch.setting() for swatch in swatched]

    def finish(paths: Mapping[str, str]) -> ShotRequest:
        rendered: dict[str, Any] = {}
        if "plate" in paths:
            rendered["plate"] = {**shot["plate"], "path": paths["plate"]}
        if "ref" in paths:
            rendered["references"] = [{"path": paths["ref"], "colorspace": space, "alpha": alpha}]
        if "matte" in paths:
            rendered["mattes"] = [{"path": paths["matte"]}]
        return ShotRequest({**shot, **rendered}, tuple(frames), view)

    return ShotPlan(tuple(renders), view, _wants_background(node), finish)


def _wants_background(node: nuke.Node) -> bool:
    """Return the knob in_background; nodes of earlier plug-ins lack it."""
    return "in_background" not in node.knobs() or bool(node["in_background"].value())


# ---- the plate and its frames


def _plate(node: nuke.Node) -> nuke.Node:
    plate = node.input(_PLATE)
    if plate is None:
        raise RefColorizeError(f"{node.name()} has no plate. Connect the grey shot to its input plate.")
    return plate


def _plate_setting(node: nuke.Node, plate: InputFiles, first: int, last: int) -> dict[str, Any]:
    """Return the plate of the Shot, with these frames."""
    _require_numbers(node)
    return {
        "path": plate.path,
        "frames": f"{first}-{last}",
        "colorspace": plate.colorspace,
        "exposure": float(node["exposure"].value()),
        "missing": plate.missing,
    }


def _require_numbers(node: nuke.Node) -> None:
    for name in ("exposure", "keep_chroma"):
        if name in node.knobs() and not math.isfinite(float(node[name].value())):
            label = name.replace("_", " ")
            raise RefColorizeError(f"{node.name()}: {label} is {node[name].value():g}. Set it to a number.")


def _plate_files(node: nuke.Node) -> InputFiles | None:
    return inputs.find_files(_plate(node), space=_colorspace(node))


def _plate_range(node: nuke.Node, files: InputFiles | None) -> tuple[int, int]:
    if files is not None:
        return files.first, files.last
    plate = _plate(node)
    return int(plate.firstFrame()), int(plate.lastFrame())


# ---- the rest of the knobs


def _colorspace(node: nuke.Node) -> str:
    return str(node["colorspace"].value()).strip()


def _space(node: nuke.Node) -> str | None:
    """Return the colour space of the inputs that Nuke renders."""
    return _colorspace(node) or colors.working_space()


def _view(node: nuke.Node) -> str:
    """Return the view to colour; RefColorizeError if the knob names one that the script lacks."""
    wanted = str(node["view"].value()).strip() if "view" in node.knobs() else ""
    if wanted and wanted not in nuke.views():
        raise RefColorizeError(
            f"{node.name()} asks for the view {wanted}, but the script has {', '.join(nuke.views())}. Correct the knob."
        )
    return views.of(node)


def _alpha(node: nuke.Node) -> str:
    """Return what the alpha of ref means, in the core's words; nodes of earlier plug-ins ignore it."""
    uses_alpha = "keyframe_alpha" in node.knobs() and node["keyframe_alpha"].value() != "ignore"
    return "auto" if uses_alpha else "ignore"


def _stills(node: nuke.Node) -> list[dict[str, str]]:
    paths = [_still(node, f"still{number}") for number in (1, 2, 3)]
    return [{"path": inputs.absolute_path(path)} for path in paths if path]


def _still(node: nuke.Node, knob: str) -> str:
    """Return the picture that a knob names, "" for none. A sequence is an error: its picture changes with the frame."""
    name = frame_name(node, knob)
    if name is not None and name.is_sequence:
        raise RefColorizeError(f"{node.name()}: {knob} is the sequence {name}. Choose one picture, such as its first.")
    return cast("nuke.File_Knob", node[knob]).evaluate() or ""


def _method(node: nuke.Node) -> dict[str, Any]:
    """Return the settings of the method. For a knob that an older node lacks, the core uses its default."""
    return {name: convert(node[name].value()) for name, convert in METHOD_KNOBS.items() if name in node.knobs()}


def _layers(node: nuke.Node) -> dict[str, Any]:
    """Return the layers to write; nothing for all of them, so that the shot is that of an earlier plug-in."""
    few = "few_layers" in node.knobs() and bool(node["few_layers"].value())
    return {"layers": list(_FEW_LAYERS)} if few else {}


def _results(node: nuke.Node, view: str | None = None) -> Results:
    nodes.ensure_id(node)
    results = node_results.results(node, view)
    if variables.has_variables(str(results.folder)):
        raise RefColorizeError(
            f"The output folder {results.folder} names a variable that has no value. Set the variable, or the folder."
        )
    if not results.folder.is_absolute():
        if not nuke.root()["name"].value():
            raise RefColorizeError("The results lie beside the script. Save it first, or give a full output folder.")
        raise RefColorizeError(
            f"{node.name()}: the output folder {node['output_folder'].value()!r} is no full path. Give one from the "
            "root of a disk, or set the knob to its default, which is beside the script."
        )
    return results


def _own_results(node: nuke.Node, view: str) -> Results:
    """Return the results of a node that owns their folder from now on."""
    results = _results(node, view)
    own_folder.take(node)
    return results
