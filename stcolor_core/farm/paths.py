"""The paths of a shot for another machine, by path mapping rules. Text only: no file is looked at.

The rules are those of Open Job Description (pathmapping-1.0, as {{Session.PathMappingRulesFile}} holds them), which
maps the parameters of a job, but nothing inside the files that they name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from stcolor_core.errors import BadRequest

__all__ = ["VARIABLE", "Rule", "absolute", "map_path", "read_rules"]

VARIABLE = "STCOLOR_PATH_MAPPING"  # of the environment: a file of rules. The Nuke plug-in follows it too

_VERSION = "pathmapping-1.0"
_FORMATS: Mapping[str, type[PurePath]] = {"POSIX": PurePosixPath, "WINDOWS": PureWindowsPath}
_WINDOWS = re.compile(r"[A-Za-z]:|\\\\")


@dataclass(frozen=True)
class Rule:
    """What lies in source lies in destination here. source: as the job was written. destination: of this machine.

    Windows paths compare without regard to case and to the kind of slash.
    """

    source: PurePath
    destination: str


def read_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of a pathmapping-1.0 file, those of the most specific source first; none where it has none.

    Raises BadRequest where it is not readable as such.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rules = [_rule(rule) for rule in _listed(data)]
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise BadRequest(f"The path mapping rules {path} cannot be read ({type(error).__name__}: {error}).") from None
    return tuple(sorted(rules, key=lambda rule: -len(rule.source.parts)))


def map_path(path: str, rules: Iterable[Rule]) -> str:
    """A path of the job by the first rule that applies to it; as it is where none does. A #### stays in it."""
    for rule in rules:
        try:
            rest = type(rule.source)(path).relative_to(rule.source)
        except ValueError:
            continue
        here = PureWindowsPath if _WINDOWS.match(rule.destination) else PurePosixPath
        return str(here(rule.destination, *rest.parts))
    return path


def absolute(path: str) -> str:
    """The path from the root of this machine. A builtin OpenColorIO config is no path, and stays."""
    return path if "://" in path else os.path.abspath(path)  # noqa: PTH100  (Path.absolute leaves .. in it)


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
