"""`stcolor ...`: the command line.

Exit codes: 0 done, 1 failed with one readable line, 2 bad request, 130 cancelled.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NoReturn

from stcolor_core import __version__
from stcolor_core.errors import BadRequest, Cancelled, PlateError, StcolorError
from stcolor_core.farm import commands as farm
from stcolor_core.service import commands as service
from stcolor_core.shot import TRACKINGS, Matte, Method, Output, Plate, Reference, Shot, Still
from stcolor_core.terminal import Bar, JsonLines, StopOnSignal, share_the_machine
from stcolor_core.training import commands as training

__all__ = ["main"]

_KEYED = "FRAME=PATH"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        options = _parser().parse_args(arguments)
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except Cancelled as error:
        return _failed(error, 130)
    except KeyboardInterrupt:
        return _failed("Cancelled.", 130)
    except BadRequest as error:
        return _failed(error, 2)
    except StcolorError as error:
        return _failed(error, 1)
    except BrokenPipeError:
        return 1


def _failed(message: object, code: int) -> int:
    sys.stderr.write(f"stcolor: {message}\n")
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadRequest(f"{message[:1].upper()}{message[1:]}. See `{self.prog} --help`.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="stcolor", description="Reference-based video colourisation: a few coloured keyframes, the shot follows."
    )
    parser.add_argument("--version", action="version", version=f"stcolor {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    _add_colorize(commands.add_parser("colorize", help="colour a shot from keyframes"))
    _add_suggest(commands.add_parser("suggest", help="say where one more keyframe would help most"))
    _add_evaluate(commands.add_parser("evaluate", help="measure quality on a folder of clips by the paper's protocols"))
    _add_models(commands.add_parser("models", help="list, add or verify weights"))
    service.add_commands(commands, prepare=share_the_machine)
    training.add_commands(commands)
    farm.add_commands(commands)
    doctor = commands.add_parser("doctor", help="check this installation and say what to do")
    doctor.set_defaults(run=_doctor)
    return parser


# colorize


def _add_colorize(parser: argparse.ArgumentParser) -> None:
    paths = parser.add_argument_group("pictures")
    paths.add_argument("--shot", type=Path, help="a shot file in place of the options below, as --write-shot writes it")
    paths.add_argument("--plate", help="the black-and-white sequence, like plates/sh010.####.exr")
    paths.add_argument("--plate-layer", metavar="NAME", help="the layer of the plate's EXRs that holds the picture")
    paths.add_argument("--frames", help="which of its frames make the shot, like 1001-1100; default: all on disk")
    paths.add_argument(
        "--reference",
        action="append",
        default=[],
        metavar=_KEYED,
        help="a coloured frame; or a pattern, every existing frame of which is one",
    )
    paths.add_argument(
        "--still", action="append", default=[], metavar="PATH", help="a coloured picture that is no frame of the plate"
    )
    paths.add_argument(
        "--matte",
        action="append",
        default=[],
        metavar=_KEYED,
        help="roto, id picture or Cryptomatte of a frame; or a pattern",
    )
    paths.add_argument("--output", help="the EXR sequence to write, like out/sh010.####.exr")
    paths.add_argument(
        "--reuse",
        metavar="PATTERN",
        help="an earlier version: frames that would come out the same are linked, or copied",
    )
    paths.add_argument("--link-reused", action="store_true", help="link reused frames instead of copying them")
    paths.add_argument("--no-beauty", action="store_true", help="leave R, G, B out of the output")
    paths.add_argument(
        "--missing", choices=("error", "skip", "hold"), default="error", help="what to do about missing plate frames"
    )
    color = parser.add_argument_group("colour")
    color.add_argument(
        "--colorspace", help="of the plate, and of references of its file type: a name in the OpenColorIO config"
    )
    color.add_argument("--ocio", help="OpenColorIO config file or builtin name; default: $OCIO, then a builtin one")
    color.add_argument(
        "--exposure", type=float, default=0.0, help="stops, for plates whose diffuse white is not at 1.0"
    )
    color.add_argument("--chroma", type=float, default=Method.chroma, help="factor on the result's colourfulness")
    _add_method(parser.add_argument_group("method"))
    run = parser.add_argument_group("running")
    run.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    run.add_argument("--only", metavar="FRAMES", help="write these frames only; everything around them still counts")
    run.add_argument(
        "--max-span", type=int, metavar="N", help="frames of a span that one task of a farm writes, for --write-shot"
    )
    run.add_argument("--force", action="store_true", help="write frames again that are on disk and valid")
    run.add_argument("--json", action="store_true", help="progress as one JSON object a line on standard output")
    run.add_argument("--write-shot", type=Path, metavar="PATH", help="write the shot file of this call and stop")
    parser.set_defaults(run=_colorize)


def _add_method(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--model", default=Method.model, help="standard or exemplar; see `stcolor models list`")
    group.add_argument(
        "--tracking", choices=TRACKINGS, help="default: dense, with instances where there are mattes or a detector"
    )
    group.add_argument(
        "--working-height", type=int, default=Method.working_height, help="lines at which colour is found (%(default)s)"
    )
    group.add_argument(
        "--matching-height", type=int, default=Method.matching_height, help="lines that features see (%(default)s)"
    )
    group.add_argument(
        "--references", type=int, default=Method.references, help="how many references colour a frame (%(default)s)"
    )
    group.add_argument("--temperature", type=float, help="softmax temperature; default: the model's own")
    group.add_argument("--radius", type=int, help="R of dense tracking; default: the model's own")
    group.add_argument(
        "--exact", action="store_true", help="the exact forms of tracking and attention, for comparison; slow"
    )
    group.add_argument("--no-flow", action="store_true", help="the attention part alone")
    group.add_argument(
        "--cuts", default=Method.cuts, help="auto, none, or the first frames of new scenes (%(default)s)"
    )
    group.add_argument("--detector", choices=("torchvision", "detectron2"), default=Method.detector)
    group.add_argument("--detector-weights", help="of detectron2")
    group.add_argument("--detector-config", help="of detectron2")


def _shot(options: argparse.Namespace) -> Shot:
    if options.shot is not None:
        if options.plate or options.reference or options.still or options.matte or options.output:
            raise BadRequest("--shot holds plate, references and output already. Give either --shot or these.")
        return Shot.load(options.shot)
    for name in ("plate", "output"):
        if getattr(options, name) is None:
            raise BadRequest(f"--{name} is missing. Give it, or a --shot file.")
    references = [Reference(frame=frame, path=path) for frame, path in map(_keyed, options.reference)]
    mattes = [Matte(frame=frame, path=path) for frame, path in map(_keyed, options.matte)]
    plate = Plate(
        path=options.plate,
        frames=options.frames,
        colorspace=options.colorspace,
        exposure=options.exposure,
        missing=options.missing,
        layer=options.plate_layer,
    )
    return Shot(
        plate=plate,
        output=Output(
            path=options.output,
            beauty=not options.no_beauty,
            max_span=options.max_span,
            reuse=options.reuse,
            link=options.link_reused,
        ),
        references=tuple(references),
        stills=tuple(Still(path=path) for path in options.still),
        mattes=tuple(mattes),
        method=_method(options),
        ocio=options.ocio,
    )


def _method(options: argparse.Namespace) -> Method:
    direct = (
        *(
            "model",
            "tracking",
            "working_height",
            "matching_height",
            "references",
            "temperature",
            "radius",
            "exact",
            "chroma",
        ),
        *("cuts", "detector", "detector_weights", "detector_config"),
    )
    return replace(Method(**{name: getattr(options, name) for name in direct}), flow=not options.no_flow)


def _keyed(text: str) -> tuple[int | None, str]:
    """FRAME=PATH, or a pattern alone."""
    frame, equals, path = text.partition("=")
    if equals and frame.strip().lstrip("-").isdigit():
        return int(frame), path
    return None, text


def _colorize(options: argparse.Namespace) -> int:
    shot = _shot(options)
    if options.write_shot is not None:
        options.write_shot.write_text(shot.to_json() + "\n", encoding="utf-8")
        return 0
    from stcolor_core.pipeline import colorize

    share_the_machine()
    stop = StopOnSignal()
    with JsonLines() if options.json else Bar() as report:
        frames = colorize(
            shot, device=options.device, only=options.only, force=options.force, report=report, cancelled=stop.asked
        )
        for _ in frames:
            pass
    return 0


# suggest


def _add_suggest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--shot", type=Path, required=True, help="a shot file; its output must be there")
    parser.add_argument("--json", action="store_true", help="as one JSON object a line: frame, gain")
    parser.set_defaults(run=_suggest)


def _suggest(options: argparse.Namespace) -> int:
    from stcolor_core import plates
    from stcolor_core.sequences import FramePattern
    from stcolor_core.shot_files import find_frames, find_references
    from stcolor_core.suggestion import suggest

    shot = Shot.load(options.shot)
    frames = find_frames(shot.plate)
    output = FramePattern.parse(shot.output.path)
    confidence = {
        frame: float(said)
        for frame in sorted(set(output.frames()).intersection(frames))
        if (said := plates.read_header(output.path(frame), frame=frame).metadata.get("stcolor/confidence")) is not None
    }
    if not confidence:
        raise PlateError(f"No frame of {shot.output.path} says how sure it is. Run stcolor colorize --shot first.")
    found = suggest(confidence, find_references(shot, frames))
    for each in found:
        percent = f"{100 * each.gain:.1f} % of the shot's pixels"
        _say(json.dumps(asdict(each)) if options.json else f"Frame {each.frame} would put about {percent} right.")
    if not found and not options.json:
        _say("No further keyframe would help much.")
    return 0


# models, evaluate, doctor


def _add_models(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="list|add|verify", parser_class=_Parser)
    commands.add_parser("list", help="what there is and what is installed").set_defaults(run=_models_list)
    commands.add_parser("verify", help="recompute the checksums").set_defaults(run=_models_verify)
    add = commands.add_parser("add", help="convert published weights to safetensors and install them")
    add.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    add.set_defaults(run=_models_add)


def _models_list(options: argparse.Namespace) -> int:  # noqa: ARG001
    from stcolor_core import models

    for info in models.registered():
        _say(f"{info.name:28}{'installed' if info.present else 'not installed':15}{info.licence:14}{info.summary}")
    _say(f"Weights are kept in {models.folder()}.")
    return 0


def _models_add(options: argparse.Namespace) -> int:
    from stcolor_core import models

    for added in models.add(options.paths):
        _say(f"{added.name}: {added.path} (sha256 {added.sha256[:16]}...)")
    return 0


def _models_verify(options: argparse.Namespace) -> int:  # noqa: ARG001
    from stcolor_core import models

    problems = models.verify()
    for problem in problems:
        sys.stderr.write(f"stcolor: {problem}\n")
    if not problems:
        _say("All installed weights are as they were added.")
    return 1 if problems else 0


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dataset", type=Path, required=True, metavar="DIR", help="a folder of clips, as DAVIS has them"
    )
    parser.add_argument(
        "--protocol",
        action="append",
        metavar="NAME",
        help="where the keyframes are: first, tenth, last, first+last, first-whole (all frames), ...; default: tenth",
    )
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="default: the standard model and every baseline")
    parser.add_argument("--lines", type=int, default=216, help="height of the pictures (%(default)s)")
    parser.add_argument("--old-film", action="store_true", help="with grain, flicker, gate weave and scratches on them")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for the tables")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from stcolor_core.evaluation.protocol import evaluate
    from stcolor_core.planning import resolve_device

    share_the_machine()
    evaluate(
        options.dataset,
        protocols=options.protocol or ["tenth"],
        variants=options.variants,
        output=options.output,
        device=resolve_device(options.device),
        lines=options.lines,
        old_film=options.old_film,
    )
    return 0


def _doctor(options: argparse.Namespace) -> int:  # noqa: ARG001
    from stcolor_core.doctor import main as doctor

    return doctor()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
