"""`stcolor farm openjd | deadline | opencue | choices | references`: write and submit farm jobs.

Heavy imports wait until a command runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stcolor_core.cli import farm_host
from stcolor_core.cli.farm_jobs import NUKE, make_film_job, make_job
from stcolor_core.farm.job import FRAMES_PER_TASK
from stcolor_core.farm.paths import SUBSTITUTIONS
from stcolor_core.images.frame_ranges import name_frames, parse_frames
from stcolor_core.plurals import count_of
from stcolor_core.shots.shot import Shot
from stcolor_core.terminal import print_line

if TYPE_CHECKING:
    from stcolor_core.farm.engine import Submission
    from stcolor_core.farm.film_job import FilmJob
    from stcolor_core.farm.job import Job

__all__ = ["ENGINES", "Engine", "add_commands", "add_job_options", "make_job", "report_written"]


@dataclass(frozen=True)
class Engine:
    """A farm engine on the command line.

    Attributes:
        help: One line for `stcolor farm --help`.
        add_options: Adds the command's options: those of `add_job_options` and the engine's own.
        make: Writes the job that the options describe, and submits it if --submit is given.
    """

    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    make: Callable[[argparse.Namespace], Submission]


def add_commands(commands: Any) -> None:
    """Add `farm` with the engines' commands and those of `farm_host` to the subparsers of `stcolor`.

    Args:
        commands: The subparsers, as `add_subparsers` returns them.
    """
    farm = commands.add_parser("farm", help="colour a shot on a render farm")
    kinds = farm.add_subparsers(required=True, metavar="COMMAND", parser_class=type(farm))
    for name, engine in ENGINES.items():
        parser = kinds.add_parser(name, help=engine.help)
        engine.add_options(parser)
        parser.set_defaults(run=_make, engine=engine, engine_name=name)
    choices = kinds.add_parser("choices", help="list the names that an engine has for a job's options")
    choices.add_argument("engine", choices=("opencue",), help="the engine to ask: OpenCue has shows and facilities")
    choices.add_argument("--json", action="store_true", help="print one JSON object: option, its names")
    choices.set_defaults(run=_list_choices)
    references = kinds.add_parser("references", help="list the keyframes whose reference gives no colour")
    references.add_argument("--shot", type=Path, required=True, help="the shot file to look at before it is submitted")
    references.add_argument("--json", action="store_true", help="print one JSON object: colorless, by keyframe")
    references.set_defaults(run=_list_colorless)
    farm_host.add_commands(kinds)


def _add_openjd(parser: argparse.ArgumentParser) -> None:
    add_job_options(parser, output="folder of the bundle", takes_films=True)
    _add_host_options(parser)
    parser.set_defaults(handles=None)  # no handles: its Nuke step waits for every frame


def _add_deadline(parser: argparse.ArgumentParser) -> None:
    add_job_options(
        parser,
        output="folder of the info files",
        max_span=f"frames that one task writes ({FRAMES_PER_TASK}; of a film, whole spans)",
        takes_films=True,
    )
    parser.add_argument(
        "--handles", type=int, metavar="N", help="frames before and after its own that a Write node reads (0)"
    )
    parser.add_argument("--pool", metavar="P", help="pool of the jobs")
    parser.add_argument("--secondary-pool", metavar="P", help="secondary pool of the jobs")
    parser.add_argument("--group", metavar="G", help="group of the hosts that have stcolor and a GPU")
    parser.set_defaults(gpus=0, nuke=None)  # set by Deadline's groups and its Nuke plug-in


def _add_opencue(parser: argparse.ArgumentParser) -> None:
    add_job_options(parser, output="folder of the job", takes_films=True)
    _add_host_options(parser)
    parser.add_argument("--show", metavar="S", help="default: $SHOW")
    parser.add_argument("--facility", metavar="F", help="facility whose hosts run the job; default: OpenCue's own")
    parser.set_defaults(handles=None)  # no handles, as for OpenJD


def add_job_options(
    parser: argparse.ArgumentParser,
    *,
    output: str,
    max_span: str = "largest number of frames that one task writes",
    takes_films: bool = False,
) -> None:
    """Add the options that every engine has.

    Args:
        parser: The parser of an engine's command.
        output: The help text of --output: how the engine uses the folder.
        max_span: The help text of --max-span.
        takes_films: Whether the engine has steps that wait for several others, as a film needs.
    """
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--shot", type=Path, help="a shot file, as `stcolor colorize --write-shot` writes it")
    if takes_films:
        source.add_argument(
            "--film", type=Path, metavar="PLAN", help="the plan of a film: what is to be coloured of it"
        )
    else:
        parser.set_defaults(film=None)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help=f"{output}; the hosts must see it")
    parser.add_argument("--max-span", type=int, metavar="N", help=max_span)
    parser.add_argument("--chunk", type=int, default=1, metavar="N", help="tasks that a host may take at once (1)")
    parser.add_argument(
        "--nuke-script", type=Path, metavar="S.nk", help="render this script's Write nodes once the shot is coloured"
    )
    parser.add_argument(
        "--write", action="append", default=[], metavar="NAME", help="the full name of a Write node to render"
    )
    parser.add_argument("--views", metavar="A,B", help="views to render; default: those of each Write node")
    parser.add_argument("--proxy", action="store_true", help="render the Write nodes at proxy size")
    parser.add_argument(
        "--continue-on-error", action="store_true", help="go on to a Write node's next frame after one that fails"
    )
    parser.add_argument(
        "--stcolor", default=_this_program(), metavar="EXE", help="stcolor on the hosts; default: this one"
    )
    parser.add_argument("--name", metavar="TEXT", help="name of the job; default: RefColorize and the output's name")
    parser.add_argument("--priority", type=int, metavar="N", help="0 to 100; default: the engine's own")
    parser.add_argument("--comment", metavar="TEXT", help="a remark that the engine shows with the job")
    parser.add_argument("--timeout", type=int, metavar="MINUTES", help="time after which a task fails; default: none")
    parser.add_argument(
        "--path-substitutions",
        metavar="W;M;L",
        default=os.environ.get(SUBSTITUTIONS),
        help=f"Nuke's Path Substitutions for hosts of another system: folders on Windows, macOS and Linux; three for "
        f"each row, - for none; default: ${SUBSTITUTIONS}",
    )
    parser.add_argument("--submit", action="store_true", help="submit the job to the engine")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")


def _add_host_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--nuke", metavar="EXE", help=f"Nuke on the hosts ({NUKE})")
    parser.add_argument(
        "--gpus", type=int, default=1, metavar="N", help="GPUs that a host must have to colour; 0: any host (1)"
    )


def _make_job(options: argparse.Namespace) -> Job | FilmJob:
    """Return the job of the shot or the film that the options name."""
    job: Job | FilmJob = make_job(options) if options.film is None else options.film_job
    return job


def _openjd(options: argparse.Namespace) -> Submission:
    job, folder = _make_job(options), options.output.absolute()  # checks the paths, before torch is imported
    from stcolor_core.farm import openjd

    openjd.write(job, folder)
    return openjd.submit(job, folder) if options.submit else report_written("openjd", job, folder)


def _deadline(options: argparse.Namespace) -> Submission:
    job, folder = _make_job(options), options.output.absolute()
    from stcolor_core.farm import deadline
    from stcolor_core.farm.job import Job

    queue = deadline.QueueOptions(
        pool=options.pool,
        secondary_pool=options.secondary_pool,
        group=options.group,
    )
    if isinstance(job, Job):
        job = deadline.with_even_tasks(job)
        parts = deadline.make_jobs(job, folder, queue)
    else:
        parts = deadline.make_film_jobs(job, folder, queue)
    deadline.write(job, folder, parts)
    return deadline.submit(job, folder, parts) if options.submit else report_written("deadline", job, folder)


def _opencue(options: argparse.Namespace) -> Submission:
    job, folder = _make_job(options), options.output.absolute()
    from stcolor_core.farm import opencue

    launcher = opencue.make_launcher(job, folder, show=options.show, facility=options.facility)
    opencue.write(job, folder, launcher)
    return opencue.submit(job, folder, launcher) if options.submit else report_written("opencue", job, folder)


def _this_program() -> str:
    """Return the path of this installation's program; its bare name if it is not beside Python."""
    program = Path(sys.executable).with_name("stcolor.exe" if sys.platform == "win32" else "stcolor")
    return str(program) if program.exists() else "stcolor"


def report_written(engine: str, job: Job | FilmJob, folder: Path) -> Submission:
    """Return the result of a job that was written but not submitted.

    Args:
        engine: The name of the engine's command.
        job: The job.
        folder: The folder of its files.
    """
    from stcolor_core.farm.engine import Submission
    from stcolor_core.farm.job import Job

    tasks = count_of(len(job.tasks), "task")
    frames = f"the {name_frames(parse_frames(job.frames))}" if isinstance(job, Job) else job.summary
    message = f"{folder} holds the job: {tasks} for {frames}."
    return Submission(engine=engine, path=str(folder), tasks=len(job.tasks), submitted=False, job="", message=message)


def _list_choices(options: argparse.Namespace) -> int:
    from stcolor_core.farm import opencue

    choices = opencue.list_choices()
    lines = [f"--{option}: {', '.join(names) or 'none'}" for option, names in choices.items()]
    print_line(json.dumps(choices) if options.json else "\n".join(lines))
    return 0


def _list_colorless(options: argparse.Namespace) -> int:
    from stcolor_core.pipeline.reference_flaws import REASONS, inspect_references

    colorless = inspect_references(Shot.load(options.shot))
    lines = [f"Keyframe {frame} {REASONS[flaw]}." for frame, flaw in colorless.items()]
    lines = lines or ["Every keyframe has colour."]
    print_line(json.dumps({"colorless": colorless}) if options.json else "\n".join(lines))
    return 0


def _make(options: argparse.Namespace) -> int:
    if options.film is not None:
        options.film_job = make_film_job(options)
    has_work = options.film is None or options.film_job.steps
    submission = options.engine.make(options) if has_work else _nothing_to_do(options)
    print_line(json.dumps(asdict(submission)) if options.json else submission.message)
    return 0


def _nothing_to_do(options: argparse.Namespace) -> Submission:
    from stcolor_core.farm.engine import Submission

    message = f"Every frame of {options.film} that a keyframe reaches is up to date: no job is written."
    return Submission(engine=options.engine_name, path="", tasks=0, submitted=False, job="", message=message)


ENGINES: dict[str, Engine] = {
    "openjd": Engine("write a job bundle for OpenJD and AWS Deadline Cloud", _add_openjd, _openjd),
    "deadline": Engine("write jobs for Deadline 10", _add_deadline, _deadline),
    "opencue": Engine("write a job for OpenCue", _add_opencue, _opencue),
}
"""The engines by the names of their commands. A new engine is a new row (docs/develop/recipes.md)."""
