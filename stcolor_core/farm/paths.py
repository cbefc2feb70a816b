"""Map the paths of a shot to another machine by path mapping rules. Works on text alone and opens no pictures.

The rules are those of Open Job Description: pathmapping-1.0, the format of {{Session.PathMappingRulesFile}}. OpenJD
itself maps the parameters of a job, but no paths inside the files that they name.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from stcolor_core.errors import BadRequest

__all__ = [
    "SUBSTITUTIONS",
    "VARIABLE",
    "PathMappingRule",
    "make_absolute",
    "map_path",
    "parse_rule",
    "parse_substitutions",
    "read_rules",
]

VARIABLE = "STCOLOR_PATH_MAPPING"  # environment variable: the file of the rules. The Nuke plug-in reads it too

SUBSTITUTIONS = "STCOLOR_PATH_SUBSTITUTIONS"  # environment variable: Nuke's Path Substitutions, for both as well

_VERSION = "pathmapping-1.0"
_FORMATS: Mapping[str, type[PurePath]] = {"POSIX": PurePosixPath, "WINDOWS": PureWindowsPath}
_WINDOWS = re.compile(r"[A-Za-z]:|\\\\")


@dataclass(frozen=True)
class PathMappingRule:
    """A rule that replaces the start of a path. Windows paths are compared without regard to case and kind of slash.

    Attributes:
        source: The folder on the machine that wrote the job.
        destination: The same folder on this machine.
    """

    source: PurePath
    destination: str


def read_rules(path: Path) -> tuple[PathMappingRule, ...]:
    """Read a pathmapping-1.0 file.

    Args:
        path: The file.

    Returns:
        The rules, those with the longest source first; empty if the file holds none.

    Raises:
        BadRequest: If the file cannot be read or is not in that format.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rules = [_rule(rule) for rule in _rules_of(data)]
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise BadRequest(f"The path mapping rules {path} cannot be read ({reason}). Check that file.") from None
    return tuple(sorted(rules, key=lambda rule: -len(rule.source.parts)))


def parse_substitutions(text: str, *, platform: str = sys.platform) -> tuple[PathMappingRule, ...]:
    """Return the rules of Nuke's Path Substitutions for this machine's operating system.

    Nuke stores them in the knob platformPathRemaps of its preferences, as one line of folders with semicolons between
    them: three for each row, on Windows, macOS and Linux; "-" or nothing if there is none.

    Args:
        text: The line; "" for none.
        platform: As `sys.platform`.

    Returns:
        The rules that lead from the other systems' folders to this one's, those with the longest source first.

    Raises:
        BadRequest: If the line does not hold three folders for each row.
    """
    cells = [cell.strip().replace("\\", "/") for cell in text.split(";")]
    if cells[-1] == "":
        cells.pop()
    if len(cells) % 3:
        raise BadRequest(
            f"The path substitutions {text[:80]!r} hold {len(cells)} folders, not three for each row (Windows, macOS, "
            "Linux). Correct them in Nuke's preferences."
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


def parse_rule(text: str) -> PathMappingRule:
    """Return the rule that a text like "/Volumes/edit=/mnt/edit" stands for.

    Args:
        text: The folder as it is written elsewhere, and the same folder on this machine.

    Raises:
        BadRequest: If one of them is missing.
    """
    source, _, destination = text.partition("=")
    if not source or not destination:
        raise BadRequest(f"{text[:80]!r} does not name two folders. Write it as OLD=NEW.")
    return PathMappingRule((PureWindowsPath if _WINDOWS.match(source) else PurePosixPath)(source), destination)


def map_path(path: str, rules: Iterable[PathMappingRule]) -> str:
    """Map a path by the first rule that applies to it. A frame pattern such as #### stays in it.

    Args:
        path: A path as the job was written.
        rules: The rules, in order of precedence.

    Returns:
        The path on this machine; unchanged if no rule applies.
    """
    for rule in rules:
        try:
            rest = type(rule.source)(path).relative_to(rule.source)
        except ValueError:
            continue
        kind = PureWindowsPath if _WINDOWS.match(rule.destination) else PurePosixPath
        return str(kind(rule.destination, *rest.parts))
    return path


def make_absolute(path: str) -> str:
    """Return a path from the root of this machine; the name of a builtin OpenColorIO config is returned unchanged.

    Args:
        path: A path or pattern, or a name such as "ocio://default".
    """
    return path if "://" in path else os.path.abspath(path)  # noqa: PTH100  (Path.absolute leaves .. in it)


def _rules_of(data: dict[str, Any]) -> list[Any]:
    """Return the rules as the file holds them; a session without rules writes {}."""
    if data.get("version", _VERSION) != _VERSION:
        raise ValueError(f"its version is {data['version']!r}; write {_VERSION}")
    rules = data["path_mapping_rules"] if data else []
    if not isinstance(rules, list):
        raise ValueError("path_mapping_rules is not a list")
    return rules


def _rule(rule: Mapping[str, object]) -> PathMappingRule:
    """Return a rule of the file. A misspelt one is refused, since it would silently map nothing."""
    style, source, destination = (rule[name] for name in ("source_path_format", "source_path", "destination_path"))
    kind = _FORMATS.get(str(style).upper())
    if kind is None:
        raise ValueError(f"source_path_format is {style!r}; write {' or '.join(_FORMATS)}")
    for path in (source, destination):
        if not isinstance(path, str):
            raise ValueError(f"{path!r} is not a path; write a string")
    return PathMappingRule(kind(str(source)), str(destination))
