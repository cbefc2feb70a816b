"""A message calls one frame a frame and several frames: no source puts a fixed noun before a list of frames."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LISTS = {"describe_frames", "describe_runs", "frames_text"}
"""Functions that write one frame or several into a message. `format_frames` writes ranges for files and records."""
FIXED = re.compile(r"\b(frame|reference|keyframe|matte|mask)s?(\(s\))? $", re.IGNORECASE)


def fixed_nouns(source: str) -> Iterator[int]:
    """Yield the line of each f-string that has a fixed noun right before a list of frames."""
    for text in ast.walk(ast.parse(source)):
        if isinstance(text, ast.JoinedStr):
            for before, value in zip(text.values, text.values[1:], strict=False):
                is_fixed = isinstance(before, ast.Constant) and FIXED.search(str(before.value))
                called = value.value if isinstance(value, ast.FormattedValue) else None
                name = called.func if isinstance(called, ast.Call) else None
                if is_fixed and getattr(name, "id", getattr(name, "attr", None)) in LISTS:
                    yield text.lineno


def test_no_source_has_a_fixed_noun_before_a_list_of_frames() -> None:
    files = [
        path for folder in ("stcolor_core", "nuke_plugin", "benchmarks") for path in (PROJECT / folder).rglob("*.py")
    ]
    found = [(path.name, line) for path in files for line in fixed_nouns(path.read_text(encoding="utf-8"))]
    assert len(files) > 300 and found == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('f"Frame {describe_frames(missing)} of {plate} is missing."', [1]),
        ('f"{path} lacks the frames {frame_ranges.describe_runs(gaps)}."', [1]),
        ('x = 1\nf"Reference {describe_frames(group)}"', [2]),
        ('f"Frame {frame} is missing: {describe_frames(missing)}."', []),
        ("""f"{name_frames(missing, 'Frame')} of {plate} are missing." """, []),
    ],
)
def test_a_fixed_noun_is_found(source: str, lines: list[int]) -> None:
    assert list(fixed_nouns(source.strip())) == lines
