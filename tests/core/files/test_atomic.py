"""Atomic writes, and the files that killed writers leave behind."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from stcolor_core.errors import OutputError
from stcolor_core.files import atomic
from stcolor_core.files.atomic import atomic_path, named_path

HOUR = 3600.0


@pytest.fixture(autouse=True)
def _nothing_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_swept", {})


def write(path: Path) -> None:
    with atomic_path(path) as partial:
        partial.write_text("whole")


def abandoned(folder: Path, name: str) -> Path:
    """A partial file last written to two hours ago."""
    left = folder / f".{name}.0123abcd.partial"
    left.write_text("half")
    now = left.stat().st_mtime
    os.utime(left, (now - 2 * HOUR, now - 2 * HOUR))
    return left


def test_a_folder_is_cleaned_up_once_and_again_after_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr(atomic, "time", SimpleNamespace(monotonic=lambda: clock))
    monkeypatch.setattr(atomic, "_last_change", lambda path: path.stat().st_mtime)  # the other time cannot be set
    first = abandoned(tmp_path, "first.exr")
    write(tmp_path / "a.exr")
    assert not first.exists()
    second = abandoned(tmp_path, "second.exr")
    clock = HOUR / 2
    write(tmp_path / "b.exr")
    assert second.exists(), "to list it for every frame would cost"
    clock = 2 * HOUR
    write(tmp_path / "c.exr")
    assert not second.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.exr", "b.exr", "c.exr"]


def test_folders_without_recent_writes_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr(atomic, "time", SimpleNamespace(monotonic=lambda: clock))
    for number in range(20):
        clock += HOUR / 2
        (tmp_path / str(number)).mkdir()
        write(tmp_path / str(number) / "a.exr")
    assert len(atomic._swept) <= 3


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file"), ValueError("embedded null byte")])
def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path: Path, error: Exception) -> None:
    with (
        pytest.raises(
            OutputError, match=r"The plan .*film\.yaml cannot be written \((No such file|embedded null byte)\)"
        ),
        named_path(tmp_path / "film.yaml", "plan") as partial,
    ):
        partial.write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("letter", ["x", "\u00e4", "\u6771"])
def test_a_name_as_long_as_the_disk_takes_can_be_written(tmp_path: Path, letter: str) -> None:
    path = tmp_path / f"{letter * (250 // len(letter.encode()))}.exr"
    write(path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
