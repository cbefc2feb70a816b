"""`stcolor farm check | span | verify | session`: the commands that run on a farm's hosts.

Heavy imports wait until a command runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stcolor_core.cli.device_option import add_device_option
from stcolor_core.errors import BadRequest, Cancelled, StcolorError
from stcolor_core.farm.paths import SUBSTITUTIONS, VARIABLE, map_path, parse_substitutions, read_rules
from stcolor_core.farm.progress import STYLES, Style, format_event, format_failure
from stcolor_core.images.frame_ranges import format_frames, parse_frames
from stcolor_core.plurals import count_of
from stcolor_core.shots.shot import Shot, map_paths
from stcolor_core.terminal import StopOnSignal, limit_threads

if TYPE_CHECKING:
    from stcolor_core.farm.film_job import FilmFile
    from stcolor_core.farm.report import Report
    from stcolor_core.pipeline.events import Event

__all__ = ["add_commands"]


def add_commands(commands: Any) -> None:
    """Add the commands to the subparsers of `stcolor farm`.

    Args:
        commands: The subparsers, as `add_subparsers` returns them.
    """
    _add_check(commands.add_parser("check", help="on a host: check that the shot can be coloured"))
    _add_span(commands.add_parser("span", help="on a host: colour the frames of a task"))
    _add_verify(commands.add_parser("verify", help="on a host: check that every frame is there, and write a report"))
    _add_session(commands.add_parser("session", help="on a host: set the path mapping rules of an OpenJD session"))


def _add_host_options(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--shot", type=Path, help="the shot file of the job")
    source.add_argument("--film", type=Path, help="the film file of the job")
    parser.add_argument(
        "--progress", choices=STYLES, default="plain", help="print progress in the form of this engine (%(default)s)"
    )
    parser.add_argument(
        "--path-mapping",
        type=Path,
        metavar="FILE",
        help=f"pathmapping-1.0 rules for the shot's paths; default: ${VARIABLE}",
    )


def _add_check(parser: argparse.ArgumentParser) -> None:
    _add_host_options(parser)
    parser.set_defaults(run=_check)


def _add_span(parser: argparse.ArgumentParser) -> None:
    _add_host_options(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--span", metavar="K", help="the number of a task, from 0, or of several, like 3-5")
    which.add_argument("--frames", metavar="A-B", help="all frames of every task that writes one of these")
    which.add_argument("--only", metavar="A-B", help="only those of these frames that the shot writes")
    add_device_option(parser)
    parser.set_defaults(run=_span)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    _add_host_options(parser)
    parser.add_argument("--report", type=Path, metavar="PATH", help="default: beside the frames, as NAME.report.json")
    parser.set_defaults(run=_verify)


def _add_session(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path-mapping", type=Path, required=True, metavar="FILE", help="pathmapping-1.0 rules")
    parser.set_defaults(run=_session)


def _check(options: argparse.Namespace) -> int:
    from stcolor_core.farm.checks import check_film, check_pictures, check_writable
    from stcolor_core.pipeline.run import plan_run

    with _report_failure(options.progress):
        if options.film is not None:
            film = _load_film(options)
            check_film(film)
            tasks = count_of(len(film.tasks), "task")
            _print(f"The film can be coloured: {_parts(len(film.names))}, {tasks}.")
            return 0
        shot = _load_mapped(options)
        plan = plan_run(shot)
        check_pictures(shot)
        check_writable(shot)
        references = count_of(len(plan.references), "reference")
        _print(f"The shot can be coloured: {count_of(len(plan.digests), 'frame')}, {references}.")
    return 0


def _span(options: argparse.Namespace) -> int:
    from stcolor_core.pipeline.run import colorize

    limit_threads()
    with StopOnSignal() as stop, _report_failure(options.progress):
        for shot, frames, claim in _tasks(options):
            run = colorize(
                shot,
                device=options.device,
                only=format_frames(frames),
                report=lambda event: _print_event(event, options.progress),
                cancelled=stop.requested,
            )
            with claim:
                for _ in run:
                    pass
    return 0


def _tasks(options: argparse.Namespace) -> Iterator[tuple[Shot, Iterable[int], AbstractContextManager[object]]]:
    """Yield the shot and the frames of each task that the options name, and the claim to hold meanwhile.

    Those of a shot are coloured in one run.
    """
    from stcolor_core.farm.job import select_frames
    from stcolor_core.farm.pinning import plan_tasks

    if options.film is None:
        shot = _load_mapped(options)
        frames = select_frames(
            plan_tasks(shot),
            numbers=None if options.span is None else parse_frames(options.span),
            frames=None if options.frames is None else parse_frames(options.frames),
            only=None if options.only is None else parse_frames(options.only),
        )
        yield shot, frames, nullcontext()
        return
    if options.span is None:
        raise BadRequest("The tasks of a film are named by their numbers. Give --span.")
    film = _load_film(options)
    for number in sorted(parse_frames(options.span)):
        task = film.task(number)
        yield film.shot(task.shot), task.frames, film.claim()


def _verify(options: argparse.Namespace) -> int:
    with _report_failure(options.progress):
        if options.film is None:
            report, path = _report_shot(_load_mapped(options), options.report, read_from=options.shot)
            if report.problem:
                raise StcolorError(f"{report.problem} {path} has the list.")
            _print(f"{_all_there(len(report.frames))} {path} holds the confidence.")
            return 0
        if options.report is not None:
            raise BadRequest("--report is for one shot, and a film has a report beside the frames of each scene.")
        film = _load_film(options)
        reports = [_report_shot(film.shot(name), None, read_from=options.film) for name in film.names]
        problems = [(report.problem, path) for report, path in reports if report.problem]
        if problems:
            problem, path = problems[0]
            more = len(problems) - 1
            others = f" {more} more of the film {'is' if more == 1 else 'are'} not complete." if more else ""
            raise StcolorError(f"{problem} {path} has the list.{others}")
        frames = sum(len(report.frames) for report, _ in reports)
        _print(_all_there(frames, of=f" of {_parts(len(reports))}"))
    return 0


def _parts(number: int) -> str:
    return count_of(number, "scene or dissolve", "scenes and dissolves")


def _all_there(frames: int, *, of: str = "") -> str:
    if frames == 1:
        return f"The only frame{of} is there and up to date."
    return f"All {frames} frames{of} are there and up to date."


def _report_shot(shot: Shot, path: Path | None, *, read_from: Path) -> tuple[Report, Path]:
    """Write the report of a shot, by default beside its frames; return it and its path."""
    from stcolor_core.farm.engine import write_all
    from stcolor_core.farm.report import default_report_path, make_report
    from stcolor_core.pipeline.protection import refuse_to_write
    from stcolor_core.pipeline.run import plan_run

    report = make_report(shot, plan_run(shot))
    path = path or default_report_path(shot)
    refuse_to_write([path], shot, remedy="Give another --report.", read_from=read_from)
    write_all(path.parent, {path.name: report.to_json() + "\n"})
    return report, path


def _session(options: argparse.Namespace) -> int:
    _print(f"openjd_env: {VARIABLE}={options.path_mapping.absolute()}")
    return 0


def _load_mapped(options: argparse.Namespace) -> Shot:
    return map_paths(Shot.load(options.shot), _mapping(options))


def _load_film(options: argparse.Namespace) -> FilmFile:
    from stcolor_core.farm.film_job import FilmFile

    return FilmFile(options.film, change=_mapping(options))


def _mapping(options: argparse.Namespace) -> Callable[[str], str]:
    """Return what maps the paths of the job to this host."""
    file = options.path_mapping or os.environ.get(VARIABLE)
    rules = read_rules(Path(file)) if file else ()
    rules = (*rules, *parse_substitutions(os.environ.get(SUBSTITUTIONS, "")))
    return lambda path: map_path(path, rules)


@contextmanager
def _report_failure(style: Style) -> Iterator[None]:
    """Print the line that tells the engine why the task fails."""
    try:
        yield
    except Cancelled:
        raise
    except StcolorError as error:
        if (line := format_failure(str(error), style)) is not None:
            _print(line)
        raise


def _print_event(event: Event, style: Style) -> None:
    for line in format_event(event, style):
        _print(line)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
