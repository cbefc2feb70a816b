"""Read YAML that people edit, so that a mistake is told with its file and line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stcolor_core.errors import BadRequest
from stcolor_core.film.key_name import did_you_mean

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["describe_mistake", "name_line", "numbers_to_text", "parse_yaml", "read_text"]

_MOST_BYTES = 32_000_000  # a plan of 100 000 scenes has 10 MB
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, several times as fast, if PyYAML has it
_WANTED = {
    "bool_parsing": "It should be true or false",
    "bool_type": "It should be true or false",
    "dataclass_type": "It should be settings in braces, {} for none",
    "dict_type": "It should be settings in braces, {} for none",
    "float_parsing": "It should be a number",
    "float_type": "It should be a number",
    "int_parsing": "It should be a whole number",
    "int_type": "It should be a whole number",
    "list_type": "It should be a list in brackets, such as [reel1:21]",
    "tuple_type": "It should be a list in brackets, such as [reel1:21]",
    "string_type": "It should be a text",
}
"""What is expected, by pydantic's type of an error, where pydantic itself says it in Python's words."""
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")


def read_text(path: Path, *, kind: str) -> str:
    """Return the text of a file.

    Args:
        path: The file.
        kind: What an error calls it, such as "plan".

    Raises:
        BadRequest: If it cannot be read, or is too large to be such a file.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadRequest(f"The {kind} {path} is larger than {_MOST_BYTES // 1_000_000} MB. Check the path.")
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadRequest(f"The {kind} {path} cannot be read ({reason}). Check the path.") from None


def parse_yaml(text: str, *, label: str, remedy: str) -> tuple[yaml.Node | None, Any]:
    """Return the nodes of a YAML text, which know their lines, and its data.

    Args:
        text: The text.
        label: What an error calls it.
        remedy: What to do if it is not YAML.

    Raises:
        BadRequest: If the text is not YAML, has anchors, or gives a name twice.
    """
    try:
        root = yaml.compose(text, Loader=_LOADER)
        _refuse_aliases(root, label, text)
        _refuse_repeated_names(root, label)
        return root, yaml.load(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise BadRequest(f"{label}{line}: {problem}. {remedy}") from None


def numbers_to_text(entry: object, names: Iterable[str]) -> None:
    """Make texts of the settings of an entry that YAML reads as numbers, such as 12 for frames.

    Args:
        entry: The entry; anything but settings stays as it is.
        names: The settings that are texts.
    """
    if isinstance(entry, dict):
        for name in names:
            if isinstance(entry.get(name), int) and not isinstance(entry[name], bool):
                entry[name] = str(entry[name])


def describe_mistake(
    error: ValidationError,
    root: yaml.Node | None,
    *,
    label: str,
    known: Callable[[Sequence[str]], Iterable[str]] = lambda _: (),
) -> str:
    """Return one line about the first error: the line of the file, the setting, and what is expected.

    Args:
        error: What validation found.
        root: The nodes of the text.
        label: What the line calls the text.
        known: Returns the names of the settings at a place, for an unknown one.
    """
    errors = error.errors(include_url=False, include_context=False)
    first = next((each for each in errors if each["type"] in _UNKNOWN), errors[0])  # rather than what it leaves missing
    place = [str(part) for part in first["loc"]]
    name, where = ".".join(place), name_line(root, place, label=label)
    if first["type"] in _UNKNOWN:
        hint = did_you_mean(place[-1], known(place[:-1]))
        return f"{where}: {name} is an unknown setting. {hint} Correct its name, or leave it out."
    if first["type"] in ("missing", "missing_keyword_only_argument", "missing_argument"):
        return f"{where}: {name} is missing. Give it."
    if not all(isinstance(part, str) for part in first["loc"]) and first["msg"] == "Keys should be strings":
        return (
            f"{where}: {place[-1]} stands alone. Put a value that has a comma in quotes, such as '15-26,{place[-1]}'."
        )
    wanted = _WANTED.get(first["type"]) or first["msg"].replace("Input", "It", 1)
    return f"{where}: {name} is {repr(first['input'])[:80]}. {wanted}."


def name_line(root: yaml.Node | None, place: Sequence[str], *, label: str) -> str:
    """Return the label of a text, with the line of a setting if that is known.

    Args:
        root: The nodes of the text; None if it cannot be parsed.
        place: The names and numbers that lead to the setting.
        label: What the line calls the text.
    """
    line = _line_of(root, place)
    return label if line is None else f"{label}, line {line}"


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


def _refuse_aliases(root: yaml.Node | None, label: str, text: str) -> None:
    """Refuse anchors, by which a small text can stand for gigabytes."""
    if root is None or ("&" not in text and "*" not in text):
        return
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1
            raise BadRequest(f"{label}, line {line}: a plan has no anchors and aliases. Write the value out.")


def _refuse_repeated_names(root: yaml.Node | None, label: str) -> None:
    """Refuse a name that is given twice, of which YAML would keep the last: a scene that was copied would be lost."""
    waiting = [] if root is None else [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for name, value in node.value:
                line = int(name.start_mark.line) + 1
                if name.value in lines:
                    raise BadRequest(
                        f"{label}, line {line}: {name.value} is there already, in line {lines[name.value]}. "
                        "Rename one, or delete it."
                    )
                lines[name.value] = line
                waiting.append(value)
