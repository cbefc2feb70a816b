"""Which frames and references a shot has, from the names of its files alone."""

from __future__ import annotations

from pathlib import Path

from stcolor_core.shot import Output, Plate, Reference, Shot
from stcolor_core.shot_files import find_references


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


def test_keys_of_a_sequence_that_are_no_plate_frames_are_named(tmp_path: Path) -> None:
    path = touch(tmp_path, "ref", 3, 5, 6, 900)
    told: list[str] = []
    found = find_references(a_shot(tmp_path, Reference(path=path)), range(1, 6), warn=told.append)
    assert list(found) == [3, 5]
    assert len(told) == 1
    assert "6,900" in told[0] and path in told[0]


def test_keys_that_are_all_plate_frames_are_nothing_to_tell(tmp_path: Path) -> None:
    path = touch(tmp_path, "ref", 3, 5)
    told: list[str] = []
    shot = a_shot(tmp_path, Reference(path=path), Reference(path=path.replace("####", "0003"), frame=3))
    assert list(find_references(shot, range(1, 6), warn=told.append)) == [3, 5]
    assert not told
