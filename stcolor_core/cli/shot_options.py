"""The options of `stcolor colorize` that make a shot, or override what a shot file says."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stcolor_core.errors import BadRequest
from stcolor_core.models import registry
from stcolor_core.shots.shot import TRACKINGS, Matte, Method, Output, Plate, Reference, Shot, Still

__all__ = ["add_shot_options", "build_shot", "check_max_span"]

_KEYED = "FRAME=PATH"
_OPTIONS = {  # of the settings that not every shot has a use for
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
    """Add them. Each is stored under the setting's own name, like "plate.exposure", and only where it is given."""
    _add_pictures(parser.add_argument_group("pictures"))
    color = parser.add_argument_group("colour")
    space = "of the plate, and of references of its file type: a name in the OpenColorIO config"
    _add(color, "--colorspace", "plate.colorspace", space)
    _add(color, "--ocio", "ocio", "OpenColorIO config file or builtin name; default: $OCIO, then a builtin one")
    _add(color, "--exposure", "plate.exposure", "stops, for plates whose diffuse white is not at 1.0", type=float)
    _add(color, "--chroma", "method.chroma", "factor on the result's colourfulness", type=float)
    _add_method(parser.add_argument_group("method"))


def _add(group: argparse._ArgumentGroup, option: str, setting: str, help: str, **more: Any) -> None:
    more.setdefault("default", argparse.SUPPRESS)
    if "choices" not in more and "action" not in more:
        more.setdefault("metavar", option.lstrip("-").replace("-", "_").upper())
    group.add_argument(option, dest=setting, help=help, **more)


def _add_pictures(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--shot",
        type=Path,
        help="a shot file, as --write-shot writes it. What is given beside it overrides it: all of --reference "
        "together take the place of its references, and so do --still and --matte",
    )
    switch = argparse.BooleanOptionalAction
    several: dict[str, Any] = {"action": "append"}
    _add(group, "--plate", "plate.path", "the black-and-white sequence, like plates/sh010.####.exr")
    _add(group, "--plate-layer", "plate.layer", "the layer of the plate's EXRs that holds the picture", metavar="NAME")
    _add(group, "--frames", "plate.frames", "which of its frames make the shot, like 1001-1100; default: all on disk")
    keyed = "a coloured frame; or a pattern, every existing frame of which is one"
    _add(group, "--reference", "references", keyed, metavar=_KEYED, **several)
    _add(group, "--still", "stills", "a coloured picture that is no frame of the plate", metavar="PATH", **several)
    roto = "roto, id picture or Cryptomatte of a frame; or a pattern"
    _add(group, "--matte", "mattes", roto, metavar=_KEYED, **several)
    _add(group, "--output", "output.path", "the EXR sequence to write, like out/sh010.####.exr")
    reuse = "an earlier version: frames that would come out the same are copied"
    _add(group, "--reuse", "output.reuse", reuse, metavar="PATTERN")
    _add(group, "--link-reused", "output.link", "link reused frames instead of copying them", action=switch)
    _add(group, "--beauty", "output.beauty", "R, G, B in the output; they are, unless left out here", action=switch)
    missing = "what to do about missing plate frames (error)"
    _add(group, "--missing", "plate.missing", missing, choices=("error", "skip", "hold"))
    only = "write these frames only; everything around them still counts"
    _add(group, "--only", "output.frames", only, metavar="FRAMES")
    span = "frames of a span that one task of a farm writes, for --write-shot"
    _add(group, "--max-span", "output.max_span", span, type=int, metavar="N")


def _add_method(group: argparse._ArgumentGroup) -> None:
    default, switch = Method(), argparse.BooleanOptionalAction
    _add(group, "--model", "method.model", "standard, the default, or exemplar; see `stcolor models list`")
    tracking = "default: dense, with instances where there are mattes or a detector"
    _add(group, "--tracking", "method.tracking", tracking, choices=TRACKINGS)
    for option, what in (
        ("working-height", "lines at which colour is found"),
        ("matching-height", "lines that features see"),
        ("references", "how many references colour a frame"),
    ):
        name = option.replace("-", "_")
        _add(group, f"--{option}", f"method.{name}", f"{what} ({getattr(default, name)})", type=int)
    own = "default: the model's own"
    _add(group, "--temperature", "method.temperature", f"softmax temperature; {own}", type=float)
    _add(group, "--radius", "method.radius", f"R of dense tracking; {own}", type=int)
    exact = "the exact forms of tracking and attention, for comparison; slow"
    _add(group, "--exact", "method.exact", exact, action=switch)
    _add(group, "--flow", "method.flow", "colour along the flow; --no-flow is the attention part alone", action=switch)
    _add(group, "--cuts", "method.cuts", f"auto, none, or the first frames of new scenes ({default.cuts})")
    _add(
        group,
        "--detector",
        "method.detector",
        "of instances, which are tracked then",
        choices=("torchvision", "detectron2"),
    )
    _add(group, "--detector-weights", "method.detector_weights", "of detectron2")
    _add(group, "--detector-config", "method.detector_config", "of detectron2")


def build_shot(options: argparse.Namespace) -> Shot:
    """The shot that was asked for: that of the shot file, if any, with what was given beside it.

    Raises BadRequest where something is missing, makes no sense, or would have no effect.
    """
    given = vars(options)
    parts: dict[str, dict[str, Any]] = {"plate": {}, "output": {}, "method": {}}
    for name, value in given.items():
        part, dot, setting = name.partition(".")
        if dot:
            parts[part][setting] = value
    shot = _empty(given, parts) if options.shot is None else Shot.load(options.shot)
    lists: dict[str, Any] = {}
    if "references" in given:
        lists["references"] = tuple(Reference(frame=f, path=path) for f, path in map(_keyed, given["references"]))
    if "mattes" in given:
        lists["mattes"] = tuple(Matte(frame=f, path=path) for f, path in map(_keyed, given["mattes"]))
    if "stills" in given:
        lists["stills"] = tuple(Still(path=path) for path in given["stills"])
    if "ocio" in given:
        lists["ocio"] = given["ocio"]
    shot = replace(
        shot,
        plate=replace(shot.plate, **parts["plate"]),
        output=replace(shot.output, **parts["output"]),
        method=replace(shot.method, **parts["method"]),
        **lists,
    )
    if "method.detector" in given and shot.method.tracking is None and not shot.mattes:
        shot = replace(shot, method=replace(shot.method, tracking="instance+dense"))  # what a detector is named for
    _refuse_what_has_no_effect(shot, given)
    return shot


def _empty(given: Mapping[str, object], parts: Mapping[str, Mapping[str, Any]]) -> Shot:
    for part in ("plate", "output"):
        if f"{part}.path" not in given:
            raise BadRequest(f"--{part} is missing. Give it, or a --shot file.")
    return Shot(plate=Plate(path=parts["plate"]["path"]), output=Output(path=parts["output"]["path"]))


def _keyed(text: str) -> tuple[int | None, str]:
    """FRAME=PATH, or a pattern alone."""
    frame, equals, path = text.partition("=")
    number = _FRAME.fullmatch(frame)
    return (int(number[1]), path) if equals and number is not None else (None, text)


def _refuse_what_has_no_effect(shot: Shot, given: Mapping[str, object]) -> None:
    """Raise BadRequest for an option that was given and would change nothing in that shot."""
    own, dense = shot.method.model == "standard", shot.method.uses_dense
    detects = shot.method.uses_instances and not shot.mattes
    instances = "it is for instance tracking. Give --tracking instance or instance+dense"
    detectron = f"{instances}, no mattes, and --detector detectron2"
    needs = {
        "output.link": (shot.output.reuse is not None, "it is about an earlier version. Give --reuse"),
        "mattes": (shot.method.tracking is None or shot.method.uses_instances, instances),
        "method.radius": (dense, "it is for dense tracking. Give --tracking dense or instance+dense"),
        "method.matching_height": (own, "it is for the standard model. Give --model standard"),
        "method.flow": (own, "it is for the standard model. Give --model standard"),
        "method.exact": (own or dense, "it is for the standard model or dense tracking. Give --model standard"),
        "method.detector": (detects, f"{instances} and no mattes"),
        "method.detector_weights": (detects and shot.method.detector == "detectron2", detectron),
        "method.detector_config": (detects and shot.method.detector == "detectron2", detectron),
    }
    for setting, (has_effect, why) in needs.items():
        if setting in given and not has_effect:
            option = _OPTIONS[setting].replace("--", "--no-" if given[setting] is False else "--")
            raise BadRequest(f"{option} would have no effect here: {why}, or leave it out.")


def check_max_span(shot: Shot) -> None:
    """Raise BadRequest where the model colours spans in one go, so that --max-span would have no effect."""
    if registry.recurrent(shot.method.model):
        raise BadRequest(
            f"--max-span would have no effect here: the model {shot.method.model} hands colour from frame to frame, so "
            "that no span is cut. Leave it out."
        )
