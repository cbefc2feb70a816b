"""The paths of a shot for another machine, by path mapping rules. Text only: no file is looked at.

The rules are those of Open Job Description (pathmapping-1.0, as {{Session.PathMappingRulesFile}} holds them), which
maps the parameters of a job, but nothing inside the files that they name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from stcolor_core.errors import BadRequest
from stcolor_core.shot import Shot

__all__ = ["VARIABLE", "Rule", "absolute", "map_path", "read_rules", "with_paths"]

VARIABLE = "STCOLOR_PATH_MAPPING"  # of the environment: a file of rules. The Nuke plug-in follows it too

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
        rules = [
            Rule(_pure(rule["source_path"], rule["source_path_format"]), str(rule["destination_path"]))
            for rule in data.get("path_mapping_rules", ())
        ]
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


def with_paths(shot: Shot, change: Callable[[str], str]) -> Shot:
    """The shot with every path in it changed."""

    def maybe(path: str | None) -> str | None:
        return None if path is None else change(path)

    return replace(
        shot,
        plate=replace(shot.plate, path=change(shot.plate.path)),
        output=replace(shot.output, path=change(shot.output.path), reuse=maybe(shot.output.reuse)),
        references=tuple(replace(each, path=change(each.path)) for each in shot.references),
        stills=tuple(replace(each, path=change(each.path)) for each in shot.stills),
        mattes=tuple(replace(each, path=change(each.path)) for each in shot.mattes),
        method=replace(
            shot.method,
            detector_weights=maybe(shot.method.detector_weights),
            detector_config=maybe(shot.method.detector_config),
        ),
        ocio=maybe(shot.ocio),
    )


def _pure(path: str, style: str) -> PurePath:
    return PureWindowsPath(path) if style.upper() == "WINDOWS" else PurePosixPath(path)
