"""Read and write the plan of a film as YAML that a person can edit.

A plan is written from data with comments that explain each part. A plan that is written again loses comments that were
added by hand: `stcolor film plan` therefore never writes over a plan unless it is told to.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stcolor_core.errors import BadRequest, OutputError
from stcolor_core.files.atomic import atomic_path
from stcolor_core.film.plan import FilmPlan
from stcolor_core.shots.shot import Method

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

__all__ = ["format_plan", "load_plan", "parse_plan", "save_plan"]

_MOST_BYTES = 32_000_000  # a plan of 100 000 scenes has 10 MB
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_HEADER = """\
# The plan of a film for `stcolor film color`. Edit it freely (docs/film.md); names and frames are checked when read.
"""
_COMMENTS = {
    "plates": "Sequences. Every frame of `keys` that exists is a keyframe: paint one, save it there, and colour again.",
    "groups": "Scenes that look alike share keyframes. pin: [PLATE:FRAME] colours the whole group first;\n"
    "# exclude: [PLATE:FRAME] keeps a keyframe to its own scene.",
    "scenes": "Merge two scenes: give one all the frames, delete the other. Split one: two entries with a part each.\n"
    "# Another group: another name. A scene may exclude: [PLATE:FRAME] as well.",
    "dissolves": "The frames between two scenes that mix both.",
}


def save_plan(plan: FilmPlan, path: Path, *, notes: Mapping[str, str] | None = None) -> None:
    """Write a plan to a file, completely or not at all.

    Args:
        plan: The plan.
        path: The file.
        notes: As for `format_plan`.

    Raises:
        OutputError: If the file cannot be written.
    """
    try:
        with atomic_path(path) as partial:
            partial.write_text(format_plan(plan, notes=notes), encoding="utf-8", newline="\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"The plan {path} cannot be written ({reason}). Check its folder and its rights.") from None


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
    for name in ("version", "output", "stills", "ocio", "method"):
        if data[name] not in (None, {}):
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
    return "".join(lines)


def load_plan(path: Path) -> FilmPlan:
    """Read a plan.

    Args:
        path: The file.

    Returns:
        The plan.

    Raises:
        BadRequest: If the file cannot be read or is not a plan; the message names the file, the line and the remedy.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadRequest(f"The plan {path} is larger than {_MOST_BYTES // 1_000_000} MB. Check the path.")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadRequest(f"The plan {path} cannot be read ({reason}). Check the path.") from None
    return parse_plan(text, label=str(path))


def parse_plan(text: str, *, label: str = "the plan") -> FilmPlan:
    """Return the plan that a YAML text holds.

    Args:
        text: The text.
        label: What an error calls it.

    Raises:
        BadRequest: If the text is not a plan; the message names the line and the remedy.
    """
    from pydantic import ValidationError

    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader)
        _refuse_aliases(root, label, text)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise BadRequest(f"{label}{line}: {problem}. Correct it, or make the plan anew.") from None
    if not isinstance(data, dict):
        raise BadRequest(f"{label} is not the plan of a film. Make one: stcolor film plan PLAN --plate ...")
    try:
        # tuples are lists and frames may be plain numbers in YAML; other types must be as the schema says
        return _adapter().validate_python(_normalize(data), extra="forbid")
    except ValidationError as error:
        raise BadRequest(_describe(error, root, label)) from None
    except BadRequest as error:
        place = str(error).rpartition("Correct ")[2].rstrip(".").split(".")
        number = _line_of(root, place) if len(place) > 1 else None
        raise BadRequest(f"{label}{'' if number is None else f', line {number}'}: {error}") from None


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
        if isinstance(entry, dict):
            for key in ("frames", "group"):
                if isinstance(entry.get(key), int) and not isinstance(entry.get(key), bool):
                    entry[key] = str(entry[key])
    return result


def _refuse_aliases(root: yaml.Node | None, label: str, text: str) -> None:
    """Refuse anchors, by which a small text can stand for gigabytes."""
    if root is None or ("&" not in text and "*" not in text):
        return
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1
            raise BadRequest(f"{label}, line {line}: a plan has no anchors and aliases. Write the value out.")


@cache
def _adapter() -> TypeAdapter[FilmPlan]:
    from pydantic import TypeAdapter

    return TypeAdapter(FilmPlan)


def _describe(error: ValidationError, root: yaml.Node | None, label: str) -> str:
    """Return one line about the first error: the line of the file, the setting, and what is expected."""
    errors = error.errors(include_url=False, include_context=False)
    first = next((each for each in errors if each["type"] in _UNKNOWN), errors[0])  # rather than what it leaves missing
    place = [str(part) for part in first["loc"]]
    name = ".".join(place)
    line = _line_of(root, place)
    where = f"{label}{'' if line is None else f', line {line}'}"
    if first["type"] in _UNKNOWN:
        return f"{where}: {name} is an unknown setting. Correct its name, or leave it out."
    if first["type"] in ("missing", "missing_keyword_only_argument", "missing_argument"):
        return f"{where}: {name} is missing. Give it."
    return f"{where}: {name} is {repr(first['input'])[:80]}. {first['msg'].replace('Input', 'It', 1)}."


def _line_of(node: yaml.Node | None, place: Sequence[str]) -> int | None:
    """Return the line of a setting, counted from 1, or that of the innermost part of its place that is there."""
    if node is None:
        return None
    line = None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
        else:
            return line
    return line
