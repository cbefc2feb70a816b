"""`stcolor film plan | color | shots | report`: plan a film, colour it scene by scene, and report on it."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stcolor_core.cli.device_option import add_device_option
from stcolor_core.errors import BadRequest, one_line
from stcolor_core.images.frame_ranges import describe_frames
from stcolor_core.terminal import StopOnSignal, limit_threads, print_line

if TYPE_CHECKING:
    from stcolor_core.film.likeness import Proposal, SceneLook
    from stcolor_core.film.plan import FilmPlan, FilmPlate
    from stcolor_core.film.scenes import Stretch
    from stcolor_core.pipeline.events import Event

__all__ = ["add_commands"]


def add_commands(commands: Any) -> None:
    """Add `film` with its commands to the subparsers of `stcolor`.

    Args:
        commands: The subparsers, as `add_subparsers` returns them.
    """
    film = commands.add_parser("film", help="colour a film: scenes that share keyframes")
    kinds = film.add_subparsers(required=True, metavar="COMMAND", parser_class=type(film))
    _add_plan(kinds.add_parser("plan", help="find scenes and groups, write the plan and a storyboard"))
    _add_color(kinds.add_parser("color", help="colour the scenes of a plan"))
    _add_shots(kinds.add_parser("shots", help="write each scene as a shot file, for the farm"))
    _add_report(kinds.add_parser("report", help="report what is done, how groups agree, and the weakest scenes"))


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", type=Path, metavar="PLAN", help="the plan to write, like film.yaml; or one to draw")
    parser.add_argument("--plate", action="append", metavar="PATTERN", help="a black-and-white sequence of the film")
    parser.add_argument("--frames", metavar="FRAMES", help="the plate frames of the film; default: all on disk")
    parser.add_argument(
        "--edit", type=Path, metavar="FILE", help="take the cuts of this edit of the plate: .otio, .edl or .xml"
    )
    parser.add_argument("--rate", type=float, metavar="FPS", help="frames per second of an EDL (24)")
    parser.add_argument(
        "--keys", metavar="PATTERN", help="where keyframes will lie, like keys/{plate}.####.exr; default: that"
    )
    parser.add_argument("--output", metavar="PATTERN", help="the results, like out/{scene}.####.exr; default: that")
    parser.add_argument("--colorspace", metavar="NAME", help="colour space of the plates")
    parser.add_argument(
        "--stills", type=int, default=3, metavar="N", help="keyframes that a scene borrows, at most (3)"
    )
    parser.add_argument("--force", action="store_true", help="write over a plan; what was edited in it is lost")
    parser.add_argument(
        "--storyboard",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="write a storyboard: .html or .pdf; may be given twice",
    )
    parser.set_defaults(run=_plan)


def _add_color(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", type=Path, metavar="PLAN", help="the plan")
    parser.add_argument("--scene", action="append", default=[], metavar="NAME", help="colour only this scene")
    parser.add_argument("--force", action="store_true", help="write frames again even if they are on disk and valid")
    parser.add_argument("--json", action="store_true", help="print one JSON object per finished scene")
    add_device_option(parser)
    parser.set_defaults(run=_color)


def _add_shots(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", type=Path, metavar="PLAN", help="the plan")
    parser.add_argument("--scene", action="append", default=[], metavar="NAME", help="write only this scene")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the shot files")
    parser.set_defaults(run=_shots)


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", type=Path, metavar="PLAN", help="the plan")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.set_defaults(run=_report)


def _plan(options: argparse.Namespace) -> int:
    from stcolor_core.film.plan_files import load_plan, save_plan
    from stcolor_core.film.scenes import look_at_scenes, make_plan, propose

    limit_threads()
    for path in options.storyboard:
        if path.suffix.lower() not in (".html", ".pdf"):
            raise BadRequest(f"The storyboard {path} must end in .html or .pdf.")
    if not options.plate:
        for name in ("frames", "edit", "rate", "keys", "output", "colorspace", "force"):
            if getattr(options, name):
                raise BadRequest(f"--{name} is about a new plan, which needs a plate. Give --plate, or leave it out.")
        if not options.storyboard:
            raise BadRequest("There is nothing to do. Give --plate to make a plan, or --storyboard to draw one.")
        plan = load_plan(options.plan)
        looks = look_at_scenes(plan, warn=_warn)
        proposals = propose(plan, looks)
    else:
        if options.plan.exists() and not options.force:
            raise BadRequest(f"{options.plan} exists. Give --force to lose what was edited in it, or another name.")
        plates = _plates(options)
        stretches = _stretches(options, plates)
        output = options.output or "out/{scene}.####.exr"
        plan, looks = make_plan(plates, stretches, output=output, stills=options.stills, warn=_warn)
        proposals = propose(plan, looks)
        if options.force and options.plan.exists():
            load_plan(options.plan)  # refuses to write over anything but a plan
        save_plan(plan, options.plan, notes=_notes(plan, proposals))
        print_line(
            f"{options.plan} is written: {len(plan.scenes)} scenes in {len(plan.group_names)} groups, "
            f"{len(plan.dissolves)} dissolves. {_first_to_paint(plan, proposals)}"
        )
    _draw(options.storyboard, plan, looks, proposals)
    return 0


def _stretches(options: argparse.Namespace, plates: Mapping[str, FilmPlate]) -> list[Stretch]:
    """Return the scenes of the plates: those of the edit, or those that are found."""
    from stcolor_core.film.scenes import PlateReader, find_stretches, split_plate
    from stcolor_core.film.timelines import read_transitions

    if options.rate is not None and (
        options.edit is None or options.edit.suffix.lower() != ".edl" or options.rate <= 0
    ):
        raise BadRequest("--rate is the frame rate of an EDL, above 0. Give --edit FILE.edl, or leave it out.")
    if options.edit is None:
        return find_stretches(plates, frames=options.frames, looks=_show_looks, warn=_warn)
    if len(plates) > 1:
        raise BadRequest("An edit is of one plate. Give one --plate with --edit.")
    (name, plate) = next(iter(plates.items()))
    frames = PlateReader(plate, frames=options.frames, warn=_warn).frames
    return split_plate(name, frames, read_transitions(options.edit, frames, rate=options.rate))


def _draw(paths: Iterable[Path], plan: FilmPlan, looks: Mapping[str, SceneLook], proposals: list[Proposal]) -> None:
    from stcolor_core.film.shots import find_keys
    from stcolor_core.film.storyboard import make_sheets, write_html, write_pdf

    paths = list(paths)
    if not paths:
        return
    sheets = make_sheets(plan, looks, proposals, painted=set(find_keys(plan).scenes.values()), warn=_warn)
    for path in paths:
        write = write_pdf if path.suffix.lower() == ".pdf" else write_html
        write(path, sheets, proposals, title=f"Storyboard: {', '.join(plan.plates)}")
        print_line(f"{path} is written.")


def _color(options: argparse.Namespace) -> int:
    from stcolor_core.film.coloring import color_film
    from stcolor_core.film.plan_files import load_plan

    limit_threads()
    plan = load_plan(options.plan)
    written = kept = 0
    with StopOnSignal() as stop:

        def report(name: str, event: Event) -> None:
            if event.kind == "warning":
                _warn(f"{name}: {event.message}")

        results = color_film(
            plan,
            device=options.device,
            only=options.scene,
            force=options.force,
            report=report,
            warn=_warn,
            cancelled=stop.requested,
        )
        for result in results:
            written, kept = written + result.written, kept + result.kept
            confidence = "" if result.confidence is None else f", confidence {result.confidence:.2f}"
            line = f"{result.name}: {result.written} frames coloured, {result.kept} kept{confidence}"
            print_line(json.dumps(asdict(result)) if options.json else line)
            sys.stdout.flush()
    if not options.json:
        print_line(f"{written} frames coloured, {kept} kept.")
    return 0


def _shots(options: argparse.Namespace) -> int:
    from stcolor_core.farm.engine import write_all
    from stcolor_core.farm.paths import make_absolute
    from stcolor_core.film.coloring import film_shots
    from stcolor_core.film.plan_files import load_plan
    from stcolor_core.shots.shot import map_paths

    limit_threads()
    scenes, dissolves = film_shots(load_plan(options.plan), only=options.scene, warn=_warn)
    shots = {each.name: each.shot for each in (*scenes, *dissolves) if each.shot is not None}
    texts = {f"{name}.json": map_paths(shot, make_absolute).to_json() + "\n" for name, shot in shots.items()}
    write_all(options.output, texts)
    print_line(
        f"{options.output} holds {len(shots)} shots: {len(dissolves)} dissolves, to be coloured after their scenes. "
        "Submit each with: stcolor farm openjd --shot FILE --output DIR"
    )
    return 0


def _report(options: argparse.Namespace) -> int:
    from stcolor_core.film.plan_files import load_plan
    from stcolor_core.film.report import make_report

    limit_threads()
    report = make_report(load_plan(options.plan), warn=_warn)
    for line in [json.dumps(asdict(report))] if options.json else report.lines():
        print_line(line)
    return 0


def _plates(options: argparse.Namespace) -> dict[str, FilmPlate]:
    """Return the plates of --plate, named after their files."""
    from stcolor_core.film.plan import FilmPlate
    from stcolor_core.images.sequences import FramePattern

    plates: dict[str, FilmPlate] = {}
    for text in options.plate:
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", FramePattern.parse(text).head).strip("_-") or "plate"
        name, number = stem[:60], 2
        while name in plates:
            name, number = f"{stem[:56]}_{number}", number + 1
        keys = (options.keys or "keys/{plate}.####.exr").replace("{plate}", name)
        plates[name] = FilmPlate(path=text, keys=keys, colorspace=options.colorspace)
    if len(plates) > 1 and options.keys and "{plate}" not in options.keys:
        raise BadRequest("Several plates cannot share --keys. Write it with {plate}, like keys/{plate}.####.exr.")
    return plates


def _notes(plan: FilmPlan, proposals: Iterable[Proposal]) -> dict[str, str]:
    """Return the remark beside each group: what to paint first in it."""
    notes: dict[str, str] = {}
    for number, each in enumerate(proposals, 1):
        scene = plan.scenes[each.scene]
        notes.setdefault(
            scene.group,
            f"paint {scene.plate}:{each.frame} first (no. {number}, covers {100 * each.gain:.0f} % of the film)",
        )
    return notes


def _first_to_paint(plan: FilmPlan, proposals: list[Proposal]) -> str:
    first = proposals[0]
    return (
        f"Paint frame {describe_frames([first.frame])} of {plan.scenes[first.scene].plate} first: it covers "
        f"{100 * first.gain:.0f} % of the film."
    )


def _show_looks(frames: Iterable[int]) -> Iterable[int]:
    from tqdm import tqdm

    shown: Iterable[int] = tqdm(list(frames), unit="frame", disable=None, desc="searching for scenes")
    return shown


def _warn(message: str) -> None:
    sys.stderr.write(f"stcolor: {one_line(message)}\n")
