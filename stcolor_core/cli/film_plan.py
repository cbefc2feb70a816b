"""`stcolor film plan`: find the scenes of a film and their groups, write the plan, and draw a storyboard."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stcolor_core.errors import BadRequest, one_line
from stcolor_core.files.given_paths import describe_denial
from stcolor_core.plurals import count_of
from stcolor_core.terminal import ProgressBar, StopOnSignal, limit_threads, print_line

if TYPE_CHECKING:
    from stcolor_core.film.key_proposals import Proposal
    from stcolor_core.film.likeness import SceneLook
    from stcolor_core.film.plan import FilmPlan, FilmPlate
    from stcolor_core.film.scenes import Stretch

__all__ = ["add_options", "run", "warn"]

_OF_NEW_PLANS = ("frames", "first_frame", "missing", "edit", "rate", "media", "keys", "output", "colorspace", "force")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command.

    Args:
        parser: Its parser.
    """
    parser.add_argument("plan", type=Path, metavar="PLAN", help="the plan to write, like film.yaml; or one to draw")
    parser.add_argument(
        "--plate", action="append", metavar="PATTERN", help="a black-and-white sequence or movie of the film"
    )
    parser.add_argument(
        "--first-frame", type=int, metavar="N", help="number of a movie's first frame; default: its timecode's, or 1"
    )
    parser.add_argument(
        "--missing",
        choices=("error", "skip", "hold"),
        help="what to do for a frame of a plate that is missing or, once it was moved away, damaged (error)",
    )
    parser.add_argument(
        "--shots",
        type=Path,
        metavar="FILE",
        help="take scenes from several plates: a list in .yaml, or the media of an edit (.otio, .edl, .xml)",
    )
    parser.add_argument(
        "--media",
        action="append",
        metavar="DIR|OLD=NEW",
        help="where the media of --shots are: a folder to search by name, or a folder in place of that in the edit",
    )
    parser.add_argument("--frames", metavar="FRAMES", help="the plate frames of the film; default: all on disk")
    parser.add_argument(
        "--edit", type=Path, metavar="FILE", help="take the cuts of this edit of the plate: .otio, .edl or .xml"
    )
    parser.add_argument("--rate", type=float, metavar="FPS", help="frames per second of an EDL (24)")
    parser.add_argument(
        "--keys", metavar="PATTERN", help="where keyframes will lie; default: keys/{plate}.####.exr beside the plan"
    )
    parser.add_argument(
        "--output", metavar="PATTERN", help="the results; default: out/{scene}.####.exr beside the plan"
    )
    parser.add_argument("--colorspace", metavar="NAME", help="colour space of the plates")
    parser.add_argument(
        "--stills", type=int, default=3, metavar="N", help="keyframes that a scene borrows, at most (3)"
    )
    parser.add_argument("--force", action="store_true", help="write over a plan; what was edited in it is lost")
    parser.add_argument(
        "--coverage",
        type=float,
        default=0.95,
        metavar="SHARE",
        help="the storyboard names as few frames as should make this share of all pixels right (0.95)",
    )
    parser.add_argument(
        "--storyboard",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="write a storyboard: .html or .pdf; may be given twice",
    )


def run(options: argparse.Namespace) -> int:
    """Plan a film, or draw the storyboard of a plan.

    Args:
        options: The options of `add_options`.

    Returns:
        0.

    Raises:
        BadRequest: If an option is wrong.
        StcolorError: If a file cannot be read or written.
    """
    from stcolor_core.film.plan_files import load_plan, save_plan
    from stcolor_core.film.plate_changes import describe_changes, require_plates, thumbnails
    from stcolor_core.film.scenes import look_at_scenes, make_plan
    from stcolor_core.film.shot_list import DEFAULT_KEYS
    from stcolor_core.shots.own_folder import beside

    limit_threads()
    for path in options.storyboard:
        if path.suffix.lower() not in (".html", ".pdf"):
            raise BadRequest(f"The storyboard {path} must end in .html or .pdf.")
    if options.plate and options.shots:
        raise BadRequest("--shots names the plates of the film. Give --plate or --shots, not both.")
    if not options.plate and not options.shots:
        for name in _OF_NEW_PLANS:
            if getattr(options, name):
                option = "--" + name.replace("_", "-")
                raise BadRequest(f"{option} is about a new plan. Give --plate or --shots, or leave it out.")
        if not options.storyboard:
            raise BadRequest(
                "There is nothing to do. Give --plate or --shots to make a plan, or --storyboard to draw one."
            )
        plan = load_plan(options.plan)
        require_plates(plan)
        for line in describe_changes(plan):
            warn(line)
        looks = look_at_scenes(plan, warn=warn)
        _draw(options, plan, looks)
        return 0
    if denial := describe_denial(options.plan):
        raise BadRequest(f"The plan {options.plan} {denial}")
    if options.plan.exists() and not options.force:
        raise BadRequest(f"{options.plan} exists. Give --force to lose what was edited in it, or another name.")
    if options.force and options.plan.exists():
        load_plan(options.plan)  # refuses to write over anything but a plan
    options.keys = options.keys or beside(options.plan, DEFAULT_KEYS)
    plates, stretches = _listed(options) if options.shots else _found(options)
    output = options.output or beside(options.plan, "out/{scene}.####.exr")
    plan, looks = make_plan(plates, stretches, output=output, stills=options.stills, warn=warn)
    proposals = _draw(options, plan, looks)
    plan = replace(plan, made_from=thumbnails(plan))
    save_plan(plan, options.plan, notes=_notes(plan, proposals))
    first = _first_to_paint(proposals) if options.storyboard else "--storyboard shows which frames to paint first."
    counts = [(len(plan.scenes), "scene"), (len(plan.group_names), "group"), (len(plan.dissolves), "dissolve")]
    scenes, groups, dissolves = (count_of(number, noun) for number, noun in counts)
    print_line(f"{options.plan} is written: {scenes} in {groups}, {dissolves}. {first}")
    return 0


def _found(options: argparse.Namespace) -> tuple[Mapping[str, FilmPlate], list[Stretch]]:
    """Return the plates of --plate, and their scenes: those of the edit, or those that are found."""
    from stcolor_core.film.scenes import PlateReader, find_stretches, split_plate
    from stcolor_core.film.timelines import read_transitions

    if options.media:
        raise BadRequest("--media says where the media of --shots are. Give --shots, or leave it out.")
    _check_rate(options.rate, options.edit)
    plates = _plates(options)
    if options.edit is None:
        return plates, find_stretches(plates, frames=options.frames, looks=_show_looks, warn=warn)
    if len(plates) > 1:
        raise BadRequest("--edit is of one plate. Give one --plate, or the edit to --shots if it names its media.")
    (name, plate) = next(iter(plates.items()))
    frames = PlateReader(plate, frames=options.frames, warn=warn).frames
    return plates, split_plate(name, frames, read_transitions(options.edit, frames, rate=options.rate))


def _listed(options: argparse.Namespace) -> tuple[Mapping[str, FilmPlate], list[Stretch]]:
    """Return the plates and scenes of a list of shots."""
    from stcolor_core.farm.paths import map_path, parse_rule
    from stcolor_core.film.edit_shots import read_edit_shots
    from stcolor_core.film.media import MediaFinder
    from stcolor_core.film.shot_list import arrange_shots, read_shot_list

    for name in ("frames", "edit", "first_frame"):
        if getattr(options, name) is not None:
            option = "--" + name.replace("_", "-")
            raise BadRequest(f"{option} is about --plate. The list of shots says it for each shot: leave it out.")
    in_yaml = options.shots.suffix.lower() in (".yaml", ".yml")
    _check_rate(options.rate, options.shots)
    if in_yaml:
        if options.media:
            raise BadRequest("--media is for the media of an edit. The list of shots names its plates: leave it out.")
        shots = read_shot_list(options.shots)
    else:
        media = options.media or []
        rules = [parse_rule(text) for text in media if "=" in text]
        folders = [Path(text) for text in media if "=" not in text]
        finder = MediaFinder(folders, change=lambda path: map_path(path, rules))
        shots = read_edit_shots(options.shots, finder, rate=options.rate, warn=warn)
    if options.colorspace:
        shots = [replace(shot, colorspace=shot.colorspace or options.colorspace) for shot in shots]
    if options.missing:
        shots = [replace(shot, missing=options.missing) for shot in shots]
    _check_keys(options.keys, len({shot.plate for shot in shots}))
    return arrange_shots(shots, keys=options.keys, warn=warn)


def _check_rate(rate: float | None, edit: Path | None) -> None:
    if rate is not None and (edit is None or edit.suffix.lower() != ".edl" or rate <= 0):
        raise BadRequest("--rate is the frame rate of an EDL, above 0. Give a .edl file with it, or leave it out.")


def _check_keys(keys: str | None, plates: int) -> None:
    if plates > 1 and keys and "{plate}" not in keys:
        raise BadRequest("Several plates cannot share --keys. Write it with {plate}, like keys/{plate}.####.exr.")


def _draw(options: argparse.Namespace, plan: FilmPlan, looks: Mapping[str, SceneLook]) -> list[Proposal]:
    """Draw the storyboards that are asked for; return the frames to paint first, or none without a storyboard."""
    from stcolor_core.film.film_keys import find_keys
    from stcolor_core.film.key_proposals import propose_keyframes
    from stcolor_core.film.storyboard import make_sheets, write_html, write_pdf

    if not options.storyboard:
        return []
    keys = find_keys(plan)
    with StopOnSignal() as stop, ProgressBar() as report:
        proposals = propose_keyframes(
            plan, looks, keys, share=options.coverage, report=report, cancelled=stop.requested
        )
    sheets = make_sheets(plan, looks, proposals, painted=set(keys.scenes.values()), warn=warn)
    for path in options.storyboard:
        write = write_pdf if path.suffix.lower() == ".pdf" else write_html
        write(path, sheets, proposals, title=f"Storyboard: {', '.join(plan.plates)}")
        print_line(f"{path} is written.")
    return proposals


def _plates(options: argparse.Namespace) -> dict[str, FilmPlate]:
    """Return the plates of --plate, named after their files."""
    from stcolor_core.film.plan import FilmPlate
    from stcolor_core.film.shot_list import name_plates

    _check_keys(options.keys, len(options.plate))
    plates: dict[str, FilmPlate] = {}
    for name, path in zip(name_plates(options.plate), options.plate, strict=True):
        keys = options.keys.replace("{plate}", name)
        plates[name] = FilmPlate(
            path=path,
            keys=keys,
            colorspace=options.colorspace,
            first_frame=options.first_frame,
            missing=options.missing or "error",
        )
    return plates


def _notes(plan: FilmPlan, proposals: Iterable[Proposal]) -> dict[str, str]:
    """Return the remark beside each group: what to paint first in it."""
    notes: dict[str, str] = {}
    for number, each in enumerate(proposals, 1):
        group = plan.scenes[each.scene].group
        notes.setdefault(group, f"paint {each.key} first (no. {number}, covers {100 * each.gain:.0f} % of the film)")
    return notes


def _first_to_paint(proposals: list[Proposal]) -> str:
    if not proposals:
        return "No further keyframe is needed."
    first = proposals[0]
    return f"Paint frame {first.key.frame} of {first.key.plate} first: it covers {100 * first.gain:.0f} % of the film."


def _show_looks(frames: Iterable[int]) -> Iterable[int]:
    from stcolor_core.bars import tqdm

    shown: Iterable[int] = tqdm(list(frames), unit="frame", disable=None, desc="searching for scenes")
    return shown


def warn(message: str) -> None:
    """Print a warning on stderr.

    Args:
        message: One line for the artist.
    """
    sys.stderr.write(f"stcolor: {one_line(message)}\n")
