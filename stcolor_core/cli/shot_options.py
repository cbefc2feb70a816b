"""The options of `stcolor colorize` that describe a shot or override the settings of a shot file."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from stcolor_core.errors import BadRequest
from stcolor_core.files.given_paths import is_file
from stcolor_core.images.compression import COMPRESSIONS
from stcolor_core.models import registry
from stcolor_core.movies.names import is_movie
from stcolor_core.shots.output import LAYERS, Output
from stcolor_core.shots.pictures import Alpha, Matte, Plate, Reference, Still, Swatch
from stcolor_core.shots.settings import TRACKINGS, UNREFERENCED, Light, Method, OpticalFlow, Register
from stcolor_core.shots.shot import Shot

__all__ = ["add_plate_options", "add_shot_options", "build_shot", "check_max_span"]

_KEYED = "FRAME=PATH"
_OPTIONS = {  # of the settings that have no effect on some shots
    "output.link": "--link-reused",
    "mattes": "--matte",
    "method.radius": "--radius",
    "method.matching_height": "--matching-height",
    "method.flow": "--flow",
    "method.exact": "--exact",
    "method.detector": "--detector",
    "method.detector_weights": "--detector-weights",
    "method.detector_config": "--detector-config",
}
_FRAME = re.compile(r"\s*(-?[0-9]{1,10})\s*")


def add_shot_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser. Each is stored under its setting's name, like "plate.exposure", and only if given.

    Args:
        parser: The parser of `stcolor colorize`.
    """
    _add_pictures(parser.add_argument_group("pictures"))
    color = parser.add_argument_group("colour")
    _add_colorspace(color)
    _add(color, "--chroma", "method.chroma", "factor for the chroma of the result (1)", type=float)
    keep = "weight of the colour that a faded plate still has, 0 to 1, beside that of the keyframes (0)"
    _add(color, "--keep-chroma", "method.keep_chroma", keep, type=float, metavar="W")
    _add_method(parser.add_argument_group("method"))


def add_plate_options(parser: argparse.ArgumentParser) -> None:
    """Add those of the options that say how the plate is read, and into which scenes it is cut.

    Args:
        parser: The parser of `stcolor plan`.
    """
    group = parser.add_argument_group("plate")
    group.add_argument("--shot", type=Path, help="a shot file; the keyframes that it has are kept")
    _add_plate(group)
    _add_colorspace(group)
    _add_cuts(group)


def _add(group: argparse._ArgumentGroup, option: str, setting: str, help: str, **more: Any) -> None:
    more.setdefault("default", argparse.SUPPRESS)
    if "choices" not in more and "action" not in more:
        more.setdefault("metavar", option.lstrip("-").replace("-", "_").upper())
    group.add_argument(option, dest=setting, help=help, **more)


def _add_plate(group: argparse._ArgumentGroup) -> None:
    _add(group, "--plate", "plate.path", "the black-and-white sequence, like plates/sh010.####.exr, or a movie")
    _add(group, "--plate-layer", "plate.layer", "the layer of the plate's EXRs that holds the picture", metavar="NAME")
    _add(group, "--frames", "plate.frames", "the plate frames of the shot, like 1001-1100; default: all on disk")
    first = "the number of a movie's first frame; default: that of its timecode, or 1 if it has none"
    _add(group, "--first-frame", "plate.first_frame", first, type=int, metavar="FRAME")
    missing = "what to do if a plate frame is missing (error)"
    _add(group, "--missing", "plate.missing", missing, choices=("error", "skip", "hold"))


def _add_colorspace(group: argparse._ArgumentGroup) -> None:
    space = "colour space of the plate, and of references of its file type: a name in the OpenColorIO config"
    _add(group, "--colorspace", "plate.colorspace", space)
    _add(group, "--ocio", "ocio", "OpenColorIO config file or builtin name; default: $OCIO, then a builtin one")
    _add(
        group,
        "--exposure",
        "plate.exposure",
        "stops to add to a plate whose diffuse white is not at 1.0, and to its keyframes, of whatever file type",
        type=float,
    )


def _add_cuts(group: argparse._ArgumentGroup) -> None:
    cuts = f"auto, none, or the first frames of new scenes and dissolves, like 1020,1050-1062 ({Method().cuts})"
    _add(group, "--cuts", "method.cuts", cuts)


def _add_pictures(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--shot",
        type=Path,
        help="a shot file, as --write-shot writes it. Other options override its settings: all --reference options "
        "together replace its references; --still and --matte work in the same way",
    )
    switch = argparse.BooleanOptionalAction
    several: dict[str, Any] = {"action": "append"}
    _add_plate(group)
    keyframe = "a coloured frame; or a pattern whose existing frames are all coloured frames. If its alpha, its data "
    keyframe += "window or its mask leaves a part of the frame out, it is a patch over the other keyframes' colour. "
    keyframe += "FRAME=MOVIE@N takes the frame N by the movie's own numbers"
    _add(group, "--reference", "references", keyframe, metavar=_KEYED, **several)
    mask = "where the reference of that frame counts, or where each frame of a reference pattern does: white counts"
    _add(group, "--reference-mask", "reference_masks", mask, metavar=_KEYED, **several)
    alpha = "auto: the references' alpha says where they count, unless it is 0 or 1 everywhere (the default); or ignore"
    _add(group, "--reference-alpha", "reference_alpha", alpha, choices=get_args(Alpha))
    _add(group, "--still", "stills", "a coloured picture that is not a frame of the plate", metavar="PATH", **several)
    roto = "roto, id picture or Cryptomatte of a frame; or a pattern"
    _add(group, "--matte", "mattes", roto, metavar=_KEYED, **several)
    swatch = "the colour of an object of that frame's matte, from its shadow to its light if there are several"
    _add(group, "--swatch", "swatches", swatch, metavar="FRAME:OBJECT=#RRGGBB[,#RRGGBB]", **several)
    _add(group, "--output", "output.path", "the EXR sequence to write, like out/sh010.####.exr")
    reuse = "an earlier version; its frames are copied if they would come out the same"
    _add(group, "--reuse", "output.reuse", reuse, metavar="PATTERN")
    _add(group, "--link-reused", "output.link", "link reused frames instead of copying them", action=switch)
    _add(group, "--beauty", "output.beauty", "write R, G, B to the output (the default)", action=switch)
    layers = f"the layers to write: {','.join(LAYERS)} (all); a frame that has more is kept as it is"
    _add(group, "--layers", "output.layers", layers, metavar="NAME[,NAME]", type=_parse_layers)
    compression = (
        "compression of the EXRs (zips); dwaa and dwab are lossy for R, G and B, and need --layers without rc_id"
    )
    _add(group, "--compression", "output.compression", compression, choices=COMPRESSIONS)
    provenance = "write into the metadata that the frames were coloured, by what and from which keyframes (the default)"
    _add(group, "--provenance", "output.provenance", provenance, action=switch)
    only = "write only these frames; the result is the same as in the whole shot"
    _add(group, "--only", "output.frames", only, metavar="FRAMES")
    span = "largest number of frames that one farm task writes, for --write-shot"
    _add(group, "--max-span", "output.max_span", span, type=int, metavar="N")


def _add_method(group: argparse._ArgumentGroup) -> None:
    default, switch = Method(), argparse.BooleanOptionalAction
    _add(group, "--model", "method.model", "standard (the default) or exemplar; see `stcolor models list`")
    tracking = "default: dense, with instances if there are mattes or a detector"
    _add(group, "--tracking", "method.tracking", tracking, choices=TRACKINGS)
    for option, description in (
        ("working-height", "lines at which colour is computed"),
        ("matching-height", "lines at which features are computed"),
        ("references", "number of references that colour a frame"),
    ):
        name = option.replace("-", "_")
        _add(group, f"--{option}", f"method.{name}", f"{description} ({getattr(default, name)})", type=int)
    own = "default: the model's own"
    _add(group, "--temperature", "method.temperature", f"softmax temperature; {own}", type=float)
    _add(group, "--radius", "method.radius", f"search radius R of dense tracking; {own}", type=int)
    exact = "use the exact forms of tracking and attention, for comparison; slow"
    _add(group, "--exact", "method.exact", exact, action=switch)
    flow = "carry colour along the optical flow; --no-flow uses attention alone"
    _add(group, "--flow", "method.flow", flow, action=switch)
    optical = (
        "optical flow that tracks frames: dis (the default), or RAFT, whose weights you add (`stcolor models list`)"
    )
    _add(group, "--optical-flow", "method.optical_flow", optical, choices=get_args(OpticalFlow))
    _add_cuts(group)
    register = "fit keyframes that were coloured elsewhere to the plate (auto), or use them as they are (off)"
    _add(group, "--register", "method.register", register, choices=get_args(Register))
    unreferenced = (
        "a scene without a reference: match the references of other scenes by their looks, or leave it grey "
        f"({default.unreferenced})"
    )
    _add(group, "--unreferenced", "method.unreferenced", unreferenced, choices=UNREFERENCED)
    light = "auto (the default) follows fades, flicker, flashes and shadows; off carries colour unchanged"
    _add(group, "--light", "method.light", light, choices=get_args(Light))
    detector = "detect instances with this detector, and track them"
    _add(group, "--detector", "method.detector", detector, choices=("torchvision", "detectron2"))
    _add(group, "--detector-weights", "method.detector_weights", "weights of detectron2")
    _add(group, "--detector-config", "method.detector_config", "config of detectron2")


def build_shot(options: argparse.Namespace) -> Shot:
    """Return the shot of the options: that of --shot, if given, with the other options' settings.

    Args:
        options: The parsed options.

    Raises:
        BadRequest: If an option is missing, invalid, or would have no effect.
    """
    given = vars(options)
    parts: dict[str, dict[str, Any]] = {"plate": {}, "output": {}, "method": {}}
    for name, value in given.items():
        part, dot, setting = name.partition(".")
        if dot:
            parts[part][setting] = value
    shot = _minimal_shot(given, parts) if options.shot is None else Shot.load(options.shot)
    others: dict[str, Any] = {}
    if "references" in given:
        others["references"] = tuple(_reference(frame, path) for frame, path in map(_parse_keyed, given["references"]))
    if "reference_masks" in given:
        references = others.get("references", shot.references)
        others["references"] = _with_masks(references, map(_parse_keyed, given["reference_masks"]))
    if "reference_alpha" in given:
        references = others.get("references", shot.references)
        others["references"] = tuple(replace(each, alpha=given["reference_alpha"]) for each in references)
    if "mattes" in given:
        others["mattes"] = tuple(Matte(frame=f, path=path) for f, path in map(_parse_keyed, given["mattes"]))
    if "stills" in given:
        others["stills"] = tuple(Still(path=path) for path in given["stills"])
    if "swatches" in given:
        others["swatches"] = tuple(map(_parse_swatch, given["swatches"]))
    if "ocio" in given:
        others["ocio"] = given["ocio"]
    shot = replace(
        shot,
        plate=replace(shot.plate, **parts["plate"]),
        output=replace(shot.output, **parts["output"]),
        method=replace(shot.method, **parts["method"]),
        **others,
    )
    if "method.detector" in given and shot.method.tracking is None and not shot.mattes:
        shot = replace(shot, method=replace(shot.method, tracking="instance+dense"))  # the point of a detector
    _refuse_without_effect(shot, given)
    return shot


def _minimal_shot(given: Mapping[str, object], parts: Mapping[str, Mapping[str, Any]]) -> Shot:
    for part in ("plate", "output"):
        if f"{part}.path" not in given:
            raise BadRequest(f"--{part} is missing. Give it, or a --shot file.")
    return Shot(plate=Plate(path=parts["plate"]["path"]), output=Output(path=parts["output"]["path"]))


def _parse_keyed(text: str) -> tuple[int | None, str]:
    """Return the frame and path of FRAME=PATH; None and the text of a pattern alone."""
    frame, equals, path = text.partition("=")
    number = _FRAME.fullmatch(frame)
    if equals and number is not None:
        return int(number[1]), path
    if equals and is_file(path) and not is_file(text):  # a name may hold = too
        raise BadRequest(f"{text!r}: {frame!r} is no frame number. Write FRAME=PATH, like 1050={path}.")
    return None, text


def _reference(frame: int | None, path: str) -> Reference:
    """Return the reference of a path, or of MOVIE@N: the frame of a movie by its own numbers."""
    movie, at, number = path.rpartition("@")
    if at and is_movie(movie) and _FRAME.fullmatch(number):
        return Reference(frame=frame, path=movie, movie_frame=int(number))
    return Reference(frame=frame, path=path)


def _parse_layers(text: str) -> tuple[str, ...]:
    """Return the names of NAME,NAME; the shot says which of them exist."""
    return tuple(name.strip() for name in text.split(","))


def _parse_swatch(text: str) -> Swatch:
    """Return the swatch of FRAME:OBJECT=#RRGGBB,..., in which the object's name may have any character."""
    frame, colon, rest = text.partition(":")
    name, equals, colors = rest.rpartition("=")
    number = _FRAME.fullmatch(frame)
    if not (colon and equals and number):
        raise BadRequest(
            f"The swatch {text!r} cannot be read. Write it as FRAME:OBJECT=#rrggbb, like 1050:coat=#8a3324."
        )
    return Swatch(frame=int(number[1]), object=name, colors=tuple(color.strip() for color in colors.split(",")))


def _with_masks(references: Sequence[Reference], masks: Iterable[tuple[int | None, str]]) -> tuple[Reference, ...]:
    """Return the references with masks: each of a frame goes to that frame's reference, each pattern to a pattern."""
    result = list(references)
    given: dict[int | None, str] = {}
    for frame, path in masks:
        places = [index for index, reference in enumerate(result) if reference.frame == frame]
        kind = "a pattern" if frame is None else f"frame {frame}"
        if frame in given:
            raise BadRequest(f"Two masks are given for {kind}: {given[frame]} and {path}. Keep one.")
        given[frame] = path
        if not places:
            raise BadRequest(f"The mask {path} has no reference: no --reference is given for {kind}. Give one.")
        if len(places) > 1:
            raise BadRequest(
                f"The mask {path} fits {len(places)} references of {kind}. Give it in the shot file (--write-shot)."
            )
        result[places[0]] = replace(result[places[0]], mask=path)
    return tuple(result)


def _refuse_without_effect(shot: Shot, given: Mapping[str, object]) -> None:
    """Raise BadRequest for an option that would change nothing in this shot."""
    standard, dense = shot.method.model == "standard", shot.method.uses_dense
    detects = shot.method.uses_instances and not shot.mattes
    instances = "it is for instance tracking. Give --tracking instance or instance+dense"
    detectron = f"{instances}, no mattes, and --detector detectron2"
    needs = {
        "output.link": (shot.output.reuse is not None, "it is about an earlier version. Give --reuse"),
        "mattes": (shot.method.tracking is None or shot.method.uses_instances or bool(shot.swatches), instances),
        "method.radius": (dense, "it is for dense tracking. Give --tracking dense or instance+dense"),
        "method.matching_height": (standard, "it is for the standard model. Give --model standard"),
        "method.flow": (standard, "it is for the standard model. Give --model standard"),
        "method.exact": (standard or dense, "it is for the standard model or dense tracking. Give --model standard"),
        "method.detector": (detects, f"{instances} and no mattes"),
        "method.detector_weights": (detects and shot.method.detector == "detectron2", detectron),
        "method.detector_config": (detects and shot.method.detector == "detectron2", detectron),
    }
    for setting, (has_effect, reason) in needs.items():
        if setting in given and not has_effect:
            option = _OPTIONS[setting].replace("--", "--no-" if given[setting] is False else "--")
            raise BadRequest(f"{option} would have no effect here: {reason}, or leave it out.")


def check_max_span(shot: Shot) -> None:
    """Refuse --max-span if the model is recurrent, so that its spans cannot be cut.

    Args:
        shot: The shot.

    Raises:
        BadRequest: If the model is recurrent.
    """
    if registry.is_recurrent(shot.method.model):
        raise BadRequest(
            f"--max-span would have no effect here: the model {shot.method.model} passes colour from frame to frame, "
            "so its spans are not cut. Leave it out."
        )
