"""`stcolor ...`: the command line.

Exit codes: 0 done, 1 failed with one readable line, 2 bad request, 130 cancelled.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from stcolor_core import __version__
from stcolor_core.errors import BadRequest, Cancelled, OutputError, PlateError, StcolorError, one_line
from stcolor_core.farm import commands as farm
from stcolor_core.partials import partial_of
from stcolor_core.service import commands as service
from stcolor_core.shot import Shot
from stcolor_core.shot_options import add_shot_options, build_shot, check_max_span
from stcolor_core.terminal import Bar, JsonLines, StopOnSignal, end_at_second_signal, share_the_machine
from stcolor_core.training import commands as training

__all__ = ["main"]

_CANCELLED = 130
_NEGATIVE = re.compile(r"-[0-9]")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code.

    arguments: without the program's name; None takes the process's own, which ends with the command.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for stream in (sys.stdout, sys.stderr):  # what a path holds must not stop the line that names it
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if arguments is not None:
        return _run(arguments)
    code = _run(sys.argv[1:])
    if code == _CANCELLED:  # another Ctrl-C would find Python half taken down, and end in a traceback
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    return code


def _run(arguments: Sequence[str]) -> int:
    try:
        options = _parser().parse_args(_with_negative_values(arguments))
        run: Callable[[argparse.Namespace], int] = options.run
        if options.takes_signals:
            return _said(run, options)
        with end_at_second_signal():
            return _said(run, options)
    except BadRequest as error:  # of the parser
        return _failed(error, 2)


def _said(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """The exit code of a command, what ended it said in one line."""
    try:
        return run(options)
    except Cancelled as error:
        return _failed(error, _CANCELLED)
    except KeyboardInterrupt:
        return _failed("Cancelled.", _CANCELLED)
    except BadRequest as error:
        return _failed(error, 2)
    except StcolorError as error:
        return _failed(error, 1)
    except BrokenPipeError:
        return 1


def _failed(message: object, code: int) -> int:
    sys.stderr.write(f"stcolor: {one_line(str(message))}\n")
    return code


def _with_negative_values(arguments: Sequence[str]) -> list[str]:
    """`--reference -3=a.exr` as `--reference=-3=a.exr`: argparse takes -3=a.exr for an option, and none begins so."""
    joined: list[str] = []
    for argument in arguments:
        before = joined[-1] if joined else ""
        if _NEGATIVE.match(argument) and before.startswith("--") and before != "--" and "=" not in before:
            joined[-1] = f"{before}={argument}"
        else:
            joined.append(argument)
    return joined


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadRequest(f"{message[:1].upper()}{message[1:]}. See `{self.prog} --help`.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="stcolor", description="Reference-based video colourisation: a few coloured keyframes, the shot follows."
    )
    parser.add_argument("--version", action="version", version=f"stcolor {__version__}")
    parser.set_defaults(takes_signals=False)
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
    add_shot_options(parser)
    run = parser.add_argument_group("running")
    run.add_argument("--device", choices=("auto", "cpu", "cuda"), help="default: auto, a GPU where there is one")
    run.add_argument("--force", action="store_true", help="write frames again that are on disk and valid")
    run.add_argument("--json", action="store_true", help="progress as one JSON object a line on standard output")
    run.add_argument("--write-shot", type=Path, metavar="PATH", help="write the shot file of this call and stop")
    parser.set_defaults(run=_colorize)


def _colorize(options: argparse.Namespace) -> int:
    shot = build_shot(options)
    asked_for_spans = "output.max_span" in vars(options)
    if options.write_shot is not None:
        for name in ("device", "force", "json"):
            if getattr(options, name):
                raise BadRequest(f"--{name} is about a run, and --write-shot runs nothing. Leave one of them out.")
        if asked_for_spans:
            check_max_span(shot)
        _write_shot(options.write_shot, shot, read_from=options.shot)
        return 0
    if asked_for_spans:
        raise BadRequest("--max-span is for the tasks of a farm. Give it with --write-shot, or to stcolor farm.")
    with StopOnSignal() as stop:
        from stcolor_core.pipeline import colorize

        share_the_machine()
        with JsonLines() if options.json else Bar() as report:
            device = options.device or "auto"
            for _ in colorize(shot, device=device, force=options.force, report=report, cancelled=stop.asked):
                pass
    return 0


def _write_shot(path: Path, shot: Shot, *, read_from: Path | None) -> None:
    """Write a shot file, in place of another one at most: never of what the shot reads, or of anything else."""
    from stcolor_core.protection import refuse_to_write

    remedy = "Give another path to --write-shot."
    if not path.name:
        raise BadRequest(f"{path} is no file to write a shot to. {remedy}")
    refuse_to_write([path], shot, remedy=remedy, read_from=read_from)
    try:
        if path.is_file():
            Shot.load(path)
    except BadRequest:
        raise BadRequest(f"{path} is there and is no shot file. {remedy}") from None
    except (OSError, ValueError):  # what is wrong with the path is said when it is written
        pass
    try:
        with partial_of(path) as partial:
            partial.write_text(shot.to_json() + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise OutputError(
            f"The shot file {path} cannot be written ({why}). Check its folder, and its rights."
        ) from None


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
