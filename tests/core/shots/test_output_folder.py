"""The check of the output before a run, by names and rights alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from stcolor_core.errors import BadRequest, OutputError
from stcolor_core.shots import output_folder
from stcolor_core.shots.output import Output
from stcolor_core.shots.output_folder import check_output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.shot import Shot

FRAMES = [1, 2, 3]


def shot(folder: Path, name: str = "sh.####.exr", frames: str | None = None) -> Shot:
    output = Output(path=str(folder / name), frames=frames)
    return Shot(plate=Plate(path="p.####.exr"), output=output, references=(Reference(path="r.exr", frame=1),))


def test_a_folder_that_is_made_with_the_first_frame_passes_and_is_not_made_yet(tmp_path: Path) -> None:
    check_output(shot(tmp_path / "new" / "v001"), FRAMES)
    assert list(tmp_path.iterdir()) == []


def test_one_path_for_several_frames_is_refused_and_for_one_it_is_not(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no frame number"):
        check_output(shot(tmp_path, "sh.exr"), FRAMES)
    check_output(shot(tmp_path, "sh.exr"), [7])


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "v001").write_text("")
    with pytest.raises(OutputError, match="v001 is not a folder"):
        check_output(shot(tmp_path / "v001" / "deeper"), FRAMES)


def test_a_read_only_folder_is_refused_unless_all_frames_that_are_asked_for_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_folder, "_may_write", lambda _: False)
    for frame in (1, 2):
        (tmp_path / f"sh.{frame:04d}.exr").write_text("")
    with pytest.raises(OutputError, match=r"read-only .*another output folder"):
        check_output(shot(tmp_path), FRAMES)
    check_output(shot(tmp_path, frames="1-2"), FRAMES)
    with pytest.raises(OutputError, match="read-only"):
        check_output(shot(tmp_path, frames="2-3"), FRAMES)
