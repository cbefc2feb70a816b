"""The farm job that the options of `stcolor farm` describe: of a shot, or of a film.

Heavy imports wait until a command runs.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stcolor_core.cli.plan_terms import in_plan_terms, warn_of_plan
from stcolor_core.errors import BadRequest
from stcolor_core.farm.paths import SUBSTITUTIONS, VARIABLE, parse_substitutions
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import check_files
from stcolor_core.terminal import ProgressBar, limit_threads

if TYPE_CHECKING:
    from stcolor_core.farm.film_job import FilmJob
    from stcolor_core.farm.job import Job, NukeRender

__all__ = ["NUKE", "make_film_job", "make_job"]

NUKE = "nuke"
"""Nuke's program on the hosts, if the options name none."""
_JOB_VARIABLES = ("STCOLOR_MODELS_DIR", VARIABLE, "NUKE_PATH", "OCIO")  # environment variables that the hosts need


def make_film_job(options: argparse.Namespace) -> FilmJob:
    """Return the job of the film that the options name.

    Args:
        options: The options of `add_job_options`, with a film.

    Raises:
        BadRequest: If an option or the plan is invalid.
    """
    from stcolor_core.film.plan_files import load_plan

    _require_plain_texts(options)
    if options.nuke_script is not None:
        raise BadRequest("--nuke-script renders one shot's comp, and a film has many. Leave it out.")
    _nuke(options)  # refuses the options that are about a script
    plan = load_plan(options.film)
    if options.max_span is not None and options.max_span < 1:
        raise BadRequest("The longest span must have at least 1 frame. Correct --max-span.")
    limit_threads()
    from stcolor_core.farm.film_job import FILM_FILE, FilmJob, plan_film
    from stcolor_core.farm.paths import make_absolute
    from stcolor_core.film.claims import claimed_output, film_state
    from stcolor_core.pipeline.protection import refuse_to_write

    with in_plan_terms(options.film):
        shots, steps, inputs = plan_film(plan, max_span=options.max_span, warn=warn_of_plan)
    for shot in shots.values():
        refuse_to_write([options.output / FILM_FILE], shot, remedy="Give another --output.", read_from=options.film)
    return FilmJob(
        name=options.name if options.name is not None else f"RefColorize {options.film.stem}",
        inputs=inputs,
        shots=shots,
        steps=steps,
        claim=(make_absolute(claimed_output(plan)), film_state(plan)),
        **_settings(options),
    )


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields that the jobs of shots and films have in common, but for their names and inputs."""
    return {
        "stcolor": options.stcolor,
        "chunk": options.chunk,
        "priority": options.priority,
        "gpus": options.gpus,
        "comment": options.comment or None,
        "timeout": options.timeout,
        "environment": _job_environment(options),
    }


def make_job(options: argparse.Namespace) -> Job:
    """Return the job that the options describe: the pinned shot, cut into tasks.

    Args:
        options: The options of `add_job_options`; `gpus`, `handles` and `nuke` must be set too.

    Raises:
        BadRequest: If an option or the shot is invalid.
    """
    from stcolor_core.cli.shot_options import check_max_span

    _require_plain_texts(options)
    shot = Shot.load(options.shot)
    if options.max_span is not None:
        check_max_span(shot)
        shot = replace(shot, output=replace(shot.output, max_span=options.max_span))
    nuke = _nuke(options)
    check_files(shot)
    with ProgressBar() as report:
        from stcolor_core.farm.engine import SHOT_FILE  # these take seconds with torch: the bar is there meanwhile
        from stcolor_core.farm.job import Job, split_tasks
        from stcolor_core.farm.pinning import list_inputs, pin
        from stcolor_core.images.sequences import FramePattern
        from stcolor_core.pipeline.planning import split_spans
        from stcolor_core.pipeline.protection import refuse_to_write
        from stcolor_core.pipeline.run import plan_run

        refuse_to_write([options.output / SHOT_FILE], shot, remedy="Give another --output.", read_from=options.shot)
        plan = plan_run(shot, report=report)
    pinned = pin(shot, plan)
    stem = FramePattern.parse(pinned.output.path).head.rstrip("._-")
    inputs = list_inputs(pinned, plan)
    return Job(
        name=options.name if options.name is not None else f"RefColorize {stem}".strip(),
        shot=pinned,
        tasks=split_tasks(split_spans(pinned, plan.spans), plan.digests),
        inputs=inputs if nuke is None else (*inputs, nuke.script),
        nuke=nuke,
        **_settings(options),
    )


def _job_environment(options: argparse.Namespace) -> dict[str, str]:
    """Return the environment variables that the hosts need."""
    environment = {name: value for name in _JOB_VARIABLES if (value := os.environ.get(name))}
    if options.path_substitutions:
        parse_substitutions(options.path_substitutions)  # refuses what the hosts could not read
        environment[SUBSTITUTIONS] = options.path_substitutions
    return environment


def _require_plain_texts(options: argparse.Namespace) -> None:
    """Raise BadRequest for line ends and other control characters: the engines store a job as lines or XML."""
    for name, value in vars(options).items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, (str, Path)) and not str(text).isprintable():
                option = "--" + name.replace("_", "-")
                raise BadRequest(
                    f"{option} {str(text)[:80]!a} holds a character that a job cannot store. Write a plain line."
                )


def _nuke(options: argparse.Namespace) -> NukeRender | None:
    from stcolor_core.farm.job import NukeRender
    from stcolor_core.farm.nuke_script import read_version

    if options.nuke_script is None:
        for name in ("write", "nuke", "handles", "views", "proxy", "continue_on_error"):
            if getattr(options, name, None):
                option = "--" + name.replace("_", "-")
                raise BadRequest(
                    f"{option} is about a script's Write nodes, but no script is given. Give --nuke-script too."
                )
        return None
    if not options.write:
        raise BadRequest(f"No Write node of {options.nuke_script} is named. Give --write NAME.")
    script = options.nuke_script.absolute()
    return NukeRender(
        script=script,
        writes=tuple(options.write),
        version=read_version(script),
        executable=options.nuke or NUKE,
        handles=options.handles or 0,
        views=options.views or None,
        proxy=options.proxy,
        continue_on_error=options.continue_on_error,
    )
