"""`stcolor film plan | color | shots | report`: plan a film, colour it scene by scene, and report on it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stcolor_core.cli import film_plan
from stcolor_core.cli.device_option import add_device_option
from stcolor_core.cli.plan_terms import in_plan_terms, warn_of_plan, worded
from stcolor_core.errors import StcolorError
from stcolor_core.plurals import count_of
from stcolor_core.repeated_warnings import RepeatedWarnings
from stcolor_core.terminal import StopOnSignal, limit_threads, print_line

if TYPE_CHECKING:
    from stcolor_core.film.coloring import SceneResult
    from stcolor_core.film.troubles import SceneTrouble
    from stcolor_core.pipeline.events import Event

__all__ = ["add_commands"]


def add_commands(commands: Any) -> None:
    """Add `film` with its commands to the subparsers of `stcolor`.

    Args:
        commands: The subparsers, as `add_subparsers` returns them.
    """
    film = commands.add_parser("film", help="colour a film: scenes that share keyframes")
    kinds = film.add_subparsers(required=True, metavar="COMMAND", parser_class=type(film))
    parser = kinds.add_parser("plan", help="find scenes and groups, write the plan and a storyboard")
    film_plan.add_options(parser)
    parser.set_defaults(run=_name_lines(film_plan.run))
    _add_color(kinds.add_parser("color", help="colour the scenes of a plan"))
    _add_shots(kinds.add_parser("shots", help="write each scene as a shot file, for the farm"))
    _add_report(kinds.add_parser("report", help="report what is done, how groups agree, and the weakest scenes"))


def _add_color(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", type=Path, metavar="PLAN", help="the plan")
    parser.add_argument("--scene", action="append", default=[], metavar="NAME", help="colour only this scene")
    parser.add_argument("--force", action="store_true", help="write frames again even if they are on disk and valid")
    parser.add_argument("--json", action="store_true", help="print one JSON object per finished scene")
    add_device_option(parser)
    parser.set_defaults(run=_in_terms_of_the_plan(_color))


def _add_shots(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", type=Path, metavar="PLAN", help="the plan")
    parser.add_argument("--scene", action="append", default=[], metavar="NAME", help="write only this scene")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the shot files")
    parser.set_defaults(run=_in_terms_of_the_plan(_shots))


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", type=Path, metavar="PLAN", help="the plan")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.set_defaults(run=_in_terms_of_the_plan(_report))


def _in_terms_of_the_plan(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Return the command with mistakes of its plan told by file and line, and remedies in the words of its settings."""

    @wraps(run)
    def located(options: argparse.Namespace) -> int:
        with in_plan_terms(options.plan):
            return run(options)

    return located


def _name_lines(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Return the command with mistakes of its plan told by file and line; remedies are its own options."""

    @wraps(run)
    def located(options: argparse.Namespace) -> int:
        from stcolor_core.film.plan_files import naming_lines

        with naming_lines(options.plan):
            return run(options)

    return located


def _color(options: argparse.Namespace) -> int:
    from stcolor_core.film.coloring import color_film
    from stcolor_core.film.left_over import describe_left_over
    from stcolor_core.film.plan_files import load_plan

    limit_threads()
    plan = load_plan(options.plan)
    finished: list[SceneResult] = []
    troubles: list[SceneTrouble] = []
    repeated: dict[str, RepeatedWarnings] = {}
    with StopOnSignal() as stop, ExitStack() as at_end:

        def warnings_of(name: str) -> RepeatedWarnings:
            if name not in repeated:
                repeated[name] = RepeatedWarnings(lambda message: warn_of_plan(f"{name}: {message}"))
                at_end.callback(repeated[name].close)
            return repeated[name]

        def report(name: str, event: Event) -> None:
            warnings_of(name).take(event)

        results = color_film(
            plan,
            device=options.device,
            only=options.scene,
            force=options.force,
            report=report,
            warn=warn_of_plan,
            cancelled=stop.requested,
        )
        for result in results:
            finished.append(result)
            warnings_of(result.name).close()
            if result.trouble is not None:
                told = {each.problem for each in troubles}
                if result.trouble.problem not in told and result.trouble.waits_for not in plan.scenes:
                    warn_of_plan(f"{result.name}: {result.trouble.message}")
                troubles.append(result.trouble)
            print_line(json.dumps(_in_words(result)) if options.json else _describe(result))
            sys.stdout.flush()
    for line in describe_left_over(plan):
        warn_of_plan(line)
    if not options.json:
        print_line(f"{_counts(sum(each.written for each in finished), sum(each.kept for each in finished))}.")
    if troubles:
        raise _unfinished(finished, troubles)
    return 0


def _describe(result: SceneResult) -> str:
    counts = _counts(result.written, result.kept)
    confidence = "" if result.confidence is None else f", confidence {result.confidence:.2f}"
    if result.trouble is None:
        return f"{result.name}: {counts}{confidence}"
    cause = f"; it waits for {result.trouble.waits_for}" if result.trouble.waits_for else ""
    return f"{result.name}: not finished, {counts}{confidence}{cause}"


def _in_words(result: SceneResult) -> dict[str, Any]:
    data = asdict(result)
    if result.trouble is not None:
        data["trouble"]["message"] = worded(result.trouble.message)
    return data


def _counts(written: int, kept: int) -> str:
    return f"{count_of(written, 'frame')} coloured, {kept} kept"


def _unfinished(results: Sequence[SceneResult], troubles: Sequence[SceneTrouble]) -> StcolorError:
    """Return the error at the end of a run in which something was damaged or missing: what each scene waits for."""
    for each in troubles:
        print_line(f"{each.name} waits for {each.waits_for or 'what is told above'}.")
    verb = "is" if len(troubles) == 1 else "are"
    parts = count_of(len(results), "scene or dissolve", "scenes and dissolves")
    return StcolorError(
        f"{len(troubles)} of {parts} {verb} not finished. Mend what the lines above name, and run again: what is done "
        "is kept."
    )


def _shots(options: argparse.Namespace) -> int:
    from stcolor_core.farm.engine import write_all
    from stcolor_core.farm.paths import make_absolute
    from stcolor_core.film.coloring import film_shots
    from stcolor_core.film.plan_files import load_plan
    from stcolor_core.film.troubles import describe_troubles
    from stcolor_core.shots.shot import map_paths

    limit_threads()
    scenes, dissolves = film_shots(load_plan(options.plan), only=options.scene, warn=warn_of_plan)
    for line in describe_troubles(each.trouble for each in scenes if each.trouble is not None):
        warn_of_plan(line)
    shots = {each.name: each.shot for each in (*scenes, *dissolves) if each.shot is not None}
    texts = {f"{name}.json": map_paths(shot, make_absolute).to_json() + "\n" for name, shot in shots.items()}
    write_all(options.output, texts)
    print_line(
        f"{options.output} holds {count_of(len(shots), 'shot')}: {count_of(len(dissolves), 'dissolve')}, to be "
        "coloured after their scenes. Submit each with: stcolor farm openjd --shot FILE --output DIR"
    )
    return 0


def _report(options: argparse.Namespace) -> int:
    from stcolor_core.film.plan_files import load_plan
    from stcolor_core.film.report import make_report

    limit_threads()
    report = make_report(load_plan(options.plan), warn=warn_of_plan)
    if options.json:
        data = asdict(report)
        for each in data["troubles"]:
            each["message"] = worded(each["message"])
        print_line(json.dumps(data))
        return 0
    for line in report.lines():
        print_line(line[: len(line) - len(line.lstrip())] + worded(line))  # regions are indented
    return 0
