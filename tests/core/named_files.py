"""Shots of empty files, for what is found by their names alone."""

from __future__ import annotations

from pathlib import Path

from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.shot import Shot

__all__ = ["a_shot", "touch"]


def a_shot(folder: Path, *references: Reference) -> Shot:
    return Shot(
        plate=Plate(path=str(folder / "plate.####.exr")),
        output=Output(path=str(folder / "out.####.exr")),
        references=references,
    )


def touch(folder: Path, name: str, *frames: int) -> str:
    """Empty files of a sequence; its pattern."""
    for frame in frames:
        (folder / f"{name}.{frame:04d}.exr").touch()
    return str(folder / f"{name}.####.exr")
