"""Read and write the plan of a film as YAML that a person can edit.

A plan is written from data with comments that explain each part. A plan that is written again loses comments that were
added by hand: `stcolor film plan` therefore never writes over a plan unless it is told to.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stcolor_core.errors import BadRequest
from stcolor_core.files.atomic import named_path
from stcolor_core.film.plan import (
    FilmDissolve,
    FilmGroup,
    FilmPlan,
    FilmPlate,
    FilmScene,
    PlanMistake,
    map_plan_paths,
)
from stcolor_core.film.yaml_files import describe_mistake, name_line, numbers_to_text, parse_yaml, read_text
from stcolor_core.shots.own_folder import from_folder_of, to_folder_of
from stcolor_core.shots.settings import Method

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["format_plan", "load_plan", "naming_lines", "parse_plan", "save_plan"]

_HEADER = """\
# The plan of a film for `stcolor film color`. Edit it freely (docs/film.md); names and frames are checked when read.
"""
_COMMENTS = {
    "plates": "Sequences. Every frame of `keys` that exists is a keyframe: paint one, save it there, and colour again.",
    "groups": "Scenes that look alike share keyframes. pin: [PLATE:FRAME] colours the whole group first;\n"
    "# exclude: [PLATE:FRAME] keeps a keyframe to its own scene.",
    "scenes": "Merge two scenes: give one all the frames, delete the other. Split one: two entries with a part each.\n"
    "# Another group: another name. A scene may exclude: [PLATE:FRAME] as well; grey: true keeps it grey.",
    "dissolves": "The frames between two scenes that mix both.",
    "made_from": "What the first and last frame of each scene showed when the plan was made, to tell a plate that is\n"
    "# delivered again with other cuts. Leave it as it is.",
}


def save_plan(plan: FilmPlan, path: Path, *, notes: Mapping[str, str] | None = None) -> None:
    """Write a plan to a file, completely or not at all. Paths from the current folder become ones from the file's.

    Args:
        plan: The plan.
        path: The file.
        notes: As for `format_plan`.

    Raises:
        OutputError: If the file cannot be written.
    """
    with named_path(path, "plan") as partial:
        partial.write_text(
            format_plan(map_plan_paths(plan, to_folder_of(path)), notes=notes), encoding="utf-8", newline="\n"
        )


def format_plan(plan: FilmPlan, *, notes: Mapping[str, str] | None = None) -> str:
    """Return a plan as YAML with comments. `parse_plan` restores it.

    Args:
        plan: The plan.
        notes: Group -> a remark that is written as a comment beside it.
    """
    notes = notes or {}
    data = dataclasses.asdict(plan)
    default = dataclasses.asdict(Method())
    data["method"] = {name: value for name, value in data["method"].items() if value != default[name]}
    data["groups"] = {name: data["groups"].get(name, {}) for name in dict.fromkeys((*plan.group_names, *plan.groups))}
    lines = [_HEADER]
    for name in ("version", "output", "stills", "provenance", "ocio", "method"):
        if data[name] not in (None, {}) and (name, data[name]) != ("provenance", True):
            lines.append(yaml.safe_dump({name: data[name]}, sort_keys=False, allow_unicode=True))
    for part in ("plates", "groups", "scenes", "dissolves"):
        if not data[part]:
            continue
        lines.append(f"\n# {_COMMENTS[part]}\n{part}:\n")
        for name, entry in data[part].items():
            kept = {key: _plain(value) for key, value in entry.items() if value not in (None, (), 0.0)}
            text = yaml.safe_dump(kept, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
            note = f"  # {notes[name]}" if part == "groups" and name in notes else ""
            key = yaml.safe_dump(name, default_flow_style=True).split("\n")[0]
            lines.append(f"  {key}: {text.strip()}{note}\n")
    if plan.made_from:
        shown = {name: dict(frames) for name, frames in plan.made_from.items()}
        text = yaml.safe_dump({"made_from": shown}, sort_keys=False, allow_unicode=True, default_flow_style=False)
        lines.append(f"\n# {_COMMENTS['made_from']}\n{text}")
    return "".join(lines)


def load_plan(path: Path) -> FilmPlan:
    """Read a plan. Its relative paths are made paths for the current folder (`own_folder`).

    Args:
        path: The file.

    Returns:
        The plan.

    Raises:
        BadRequest: If the file cannot be read or is not a plan; the message names the file, the line and the remedy.
    """
    plan = parse_plan(read_text(path, kind="plan"), label=str(path))
    inputs = [path for plate in plan.plates.values() for path in (plate.path, plate.keys) if path is not None]
    return map_plan_paths(plan, from_folder_of(path, inputs))


def parse_plan(text: str, *, label: str = "the plan") -> FilmPlan:
    """Return the plan that a YAML text holds.

    Args:
        text: The text.
        label: What an error calls it.

    Raises:
        BadRequest: If the text is not a plan; the message names the line and the remedy.
    """
    from pydantic import ValidationError

    root, data = parse_yaml(text, label=label, remedy="Correct it, or make the plan anew.")
    if not isinstance(data, dict):
        raise BadRequest(f"{label} is not the plan of a film. Make one: stcolor film plan PLAN --plate ...")
    try:
        # tuples are lists and frames may be plain numbers in YAML; other types must be as the schema says
        return _adapter().validate_python(_normalize(data), extra="forbid")
    except ValidationError as error:
        raise BadRequest(describe_mistake(error, root, label=label, known=_settings_at)) from None
    except BadRequest as error:
        raise BadRequest(f"{name_line(root, getattr(error, 'place', ()), label=label)}: {error}") from None


@contextmanager
def naming_lines(path: Path) -> Iterator[None]:
    """Add the plan's file and the line of the setting to a mistake that shows only when the plan is used.

    Args:
        path: The file that the plan was read from.

    Yields:
        Nothing.

    Raises:
        BadRequest: In place of a `PlanMistake`.
    """
    try:
        yield
    except PlanMistake as error:
        try:
            root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except (OSError, ValueError, yaml.YAMLError):  # it has changed since it was read
            root = None
        raise BadRequest(f"{name_line(root, error.place, label=str(path))}: {error}") from None


def _settings_at(place: Sequence[str]) -> list[str]:
    """Return the names of the settings of the plan, or of a part of it, such as ("scenes", "s001")."""
    parts: dict[str, type[Any]] = {
        "plates": FilmPlate,
        "scenes": FilmScene,
        "groups": FilmGroup,
        "dissolves": FilmDissolve,
        "method": Method,
    }
    kind = parts.get(place[0], FilmPlan) if place else FilmPlan
    return [each.name for each in dataclasses.fields(kind)]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _normalize(data: dict[Any, Any]) -> dict[Any, Any]:
    """Return YAML data with what YAML reads differently made what the schema has: 12 as frames, an empty group."""

    def named(part: object) -> object:
        if not isinstance(part, dict):
            return part
        return {
            str(name) if isinstance(name, int) and not isinstance(name, bool) else name: {} if entry is None else entry
            for name, entry in part.items()
        }

    result = {name: {} if value is None and name != "ocio" else value for name, value in data.items()}
    for part in ("plates", "scenes", "groups", "dissolves"):
        if part in result:
            result[part] = named(result[part])
    for entry in (result.get("scenes") or {}).values() if isinstance(result.get("scenes"), dict) else ():
        numbers_to_text(entry, ("frames", "group"))
    return result


@cache
def _adapter() -> TypeAdapter[FilmPlan]:
    from pydantic import TypeAdapter

    return TypeAdapter(FilmPlan)
