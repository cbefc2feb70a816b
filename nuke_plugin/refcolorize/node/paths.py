"""Map the paths of a script to this farm host by path mapping rules. init.py registers `map_path` with Nuke.

The rules come with a job: in the file named by $STCOLOR_PATH_MAPPING, in the format of Open Job Description
(pathmapping-1.0), and as the artist's own Path Substitutions of Nuke in $STCOLOR_PATH_SUBSTITUTIONS.
stcolor_core/farm/paths.py defines their meaning; a test checks that this module agrees with it. Works on text only and
does not look at the disk, except to read the rules.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from ..errors import RefColorizeError

__all__ = ["SUBSTITUTIONS", "VARIABLE", "PathMappingRule", "map_path", "parse_substitutions", "read_rules"]

VARIABLE = "STCOLOR_PATH_MAPPING"
SUBSTITUTIONS = "STCOLOR_PATH_SUBSTITUTIONS"
_VERSION = "pathmapping-1.0"
_FORMATS: Mapping[str, type[PurePath]] = {"POSIX": PurePosixPath, "WINDOWS": PureWindowsPath}
_WINDOWS = re.compile(r"[A-Za-z]:|\\\\")


@dataclass(frozen=True)
class PathMappingRule:
    """A path mapping rule.

    Attributes:
        source: A folder on the machine that wrote the job.
        destination: The same folder on this host.
    """

    source: PurePath
    destination: str


def read_rules(path: Path) -> tuple[PathMappingRule, ...]:
    """Return the rules of a file, the most specific source first.

    Args:
        path: A JSON file of Open Job Description's path mapping rules.

    Raises:
        RefColorizeError: If the file cannot be read or holds no such rules.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rules = [_parse_rule(rule) for rule in _rules_in(data)]
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise RefColorizeError(
            f"The path mapping rules {path}, which ${VARIABLE} names, cannot be read ({type(error).__name__}: {error})."
        ) from None
    return tuple(sorted(rules, key=lambda rule: -len(rule.source.parts)))


def parse_substitutions(text: str, *, platform: str = sys.platform) -> tuple[PathMappingRule, ...]:
    """Return the rules of Nuke's Path Substitutions for this host's operating system, the most specific source first.

    Args:
        text: Folders on Windows, macOS and Linux with semicolons between them, three for each row; "" for none.
        platform: As `sys.platform`.

    Raises:
        RefColorizeError: If the text does not hold three folders for each row.
    """
    cells = [cell.strip().replace("\\", "/") for cell in text.split(";")]
    if cells[-1] == "":
        cells.pop()
    if len(cells) % 3:
        raise RefColorizeError(
            f"${SUBSTITUTIONS} holds {len(cells)} folders, not three for each row (Windows, macOS, Linux)."
        )
    own = {"win32": 0, "darwin": 1}.get(platform, 2)
    kinds = (PureWindowsPath, PurePosixPath, PurePosixPath)
    rules = [
        PathMappingRule(kinds[column](row[column]), row[own])
        for row in (cells[start : start + 3] for start in range(0, len(cells), 3))
        for column in range(3)
        if column != own and row[own] not in ("", "-") and row[column] not in ("", "-")
    ]
    return tuple(sorted(rules, key=lambda rule: -len(rule.source.parts)))


def map_path(path: str, rules: Iterable[PathMappingRule]) -> str:
    """Return a path mapped by the first rule that applies, with forward slashes; the same path if none applies.

    Args:
        path: A path as the script has it.
        rules: From `read_rules`.
    """
    for rule in rules:
        try:
            rest = type(rule.source)(path).relative_to(rule.source)
        except ValueError:
            continue
        here = PureWindowsPath if _WINDOWS.match(rule.destination) else PurePosixPath
        return here(rule.destination, *rest.parts).as_posix()
    return path


def _rules_in(data: dict[str, Any]) -> list[Any]:
    """Return the unparsed rules of a file; the file of a session without rules holds {}."""
    if data.get("version", _VERSION) != _VERSION:
        raise ValueError(f"its version is {data['version']!r}; write {_VERSION}")
    rules = data["path_mapping_rules"] if data else []
    if not isinstance(rules, list):
        raise ValueError("path_mapping_rules is not a list")
    return rules


def _parse_rule(rule: Mapping[str, object]) -> PathMappingRule:
    """Return a rule of the file. A misspelt field is an error, because the rule would map nothing."""
    style, source, destination = (rule[name] for name in ("source_path_format", "source_path", "destination_path"))
    kind = _FORMATS.get(str(style).upper())
    if kind is None:
        raise ValueError(f"source_path_format is {style!r}; write {' or '.join(_FORMATS)}")
    for path in (source, destination):
        if not isinstance(path, str):
            raise ValueError(f"{path!r} is not a path; write a string")
    return PathMappingRule(kind(str(source)), str(destination))
