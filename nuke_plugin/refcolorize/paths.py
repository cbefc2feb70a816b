"""A script's files where this host has them: path mapping rules, by which init.py has Nuke open them. Text only.

The rules come with a job, in the file that $STCOLOR_PATH_MAPPING names; they are those of Open Job Description
(pathmapping-1.0). What they mean, stcolor_core/farm/paths.py decides, and a test holds `map_path` against it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from .errors import RefColorizeError

__all__ = ["VARIABLE", "Rule", "map_path", "read_rules"]

VARIABLE = "STCOLOR_PATH_MAPPING"
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
        rules = [
            Rule(_pure(rule["source_path"], rule["source_path_format"]), str(rule["destination_path"]))
            for rule in data.get("path_mapping_rules", ())
        ]
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


def _pure(path: str, style: str) -> PurePath:
    return PureWindowsPath(path) if style.upper() == "WINDOWS" else PurePosixPath(path)
