"""A script's files where this host has them: path mapping rules, by which init.py has Nuke open them. Text only.

The rules come with a job, in the file that $STCOLOR_PATH_MAPPING names; they are those of Open Job Description
(pathmapping-1.0). What they mean, stcolor_core/farm/paths.py decides, and a test holds `map_path` against it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from ..errors import RefColorizeError

__all__ = ["VARIABLE", "Rule", "map_path", "read_rules"]

VARIABLE = "STCOLOR_PATH_MAPPING"
_VERSION = "pathmapping-1.0"
_FORMATS: Mapping[str, type[PurePath]] = {"POSIX": PurePosixPath, "WINDOWS": PureWindowsPath}
_WINDOWS = re.compile(r"[A-Za-z]:|\\\\")


@dataclass(frozen=True)
class Rule:
    """What lies in source, as the job was written, lies in destination on this host."""

    source: PurePath
    destination: str


def read_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of a file, those of the most specific source first. Raises RefColorizeError where it is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rules = [_rule(rule) for rule in _listed(data)]
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise RefColorizeError(
            f"The path mapping rules {path}, which ${VARIABLE} names, cannot be read ({type(error).__name__}: {error})."
        ) from None
    return tuple(sorted(rules, key=lambda rule: -len(rule.source.parts)))


def map_path(path: str, rules: Iterable[Rule]) -> str:
    """A path by the first rule that applies, with Nuke's slashes; as it is where none does."""
    for rule in rules:
        try:
            rest = type(rule.source)(path).relative_to(rule.source)
        except ValueError:
            continue
        here = PureWindowsPath if _WINDOWS.match(rule.destination) else PurePosixPath
        return here(rule.destination, *rest.parts).as_posix()
    return path


def _listed(data: dict[str, Any]) -> list[Any]:
    """The rules as they stand in the file; a session without any has {} there."""
    if data.get("version", _VERSION) != _VERSION:
        raise ValueError(f"its version is {data['version']!r}; write {_VERSION}")
    rules = data["path_mapping_rules"] if data else []
    if not isinstance(rules, list):
        raise ValueError("path_mapping_rules is no list")
    return rules


def _rule(rule: Mapping[str, object]) -> Rule:
    """A rule of the file. What is misspelt is refused, where it would map nothing."""
    style, source, destination = (rule[name] for name in ("source_path_format", "source_path", "destination_path"))
    kind = _FORMATS.get(str(style).upper())
    if kind is None:
        raise ValueError(f"source_path_format is {style!r}; write {' or '.join(_FORMATS)}")
    for path in (source, destination):
        if not isinstance(path, str):
            raise ValueError(f"{path!r} is no path; write a text")
    return Rule(kind(str(source)), str(destination))
