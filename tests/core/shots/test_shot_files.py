"""The frames and mattes of a shot, from the names of its files alone."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from named_files import a_shot, touch

from stcolor_core.errors import PlateError, StcolorError
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Matte, Plate
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import check_mattes, find_frames


def test_mattes_that_belong_to_no_frame_are_named(tmp_path: Path) -> None:
    path = touch(tmp_path, "roto", 3, 9)
    warnings: list[str] = []
    mattes = (Matte(path=path), Matte(path="/a.exr", frame=3), Matte(path="/b.exr", frame=7))
    check_mattes(replace(a_shot(tmp_path), mattes=mattes), range(1, 6), warn=warnings.append)
    assert len(warnings) == 1 and "/b.exr" in warnings[0] and "frame 7" in warnings[0]
    with pytest.raises(PlateError, match=r"rotto\.####\.exr"):
        check_mattes(replace(a_shot(tmp_path), mattes=(Matte(path="rotto.####.exr"),)), [1], warn=warnings.append)


def test_a_stray_file_is_named_with_the_gap_and_the_gap_is_not_expanded(tmp_path: Path) -> None:
    path = touch(tmp_path, "plate", 1001, 1002, 1700000000)
    for missing in ("error", "hold"):
        with pytest.raises(PlateError, match=r"1700000000 .*plate\.####\.exr .*1699998997 frames.*--frames") as refused:
            find_frames(Plate(path=path, missing=missing))
        assert len(str(refused.value)) < 300 + len(str(tmp_path))
    assert list(find_frames(Plate(path=path, missing="skip"))) == [1001, 1002, 1700000000]
    assert list(find_frames(Plate(path=path, frames="1001-1002"))) == [1001, 1002]
    assert list(find_frames(Plate(path=path, frames="1001-1003", missing="hold"))) == [1001, 1002, 1003]


def test_a_stray_file_before_the_shot_is_named_too(tmp_path: Path) -> None:
    path = touch(tmp_path, "plate", 1, 100001, 100002)
    with pytest.raises(PlateError, match=r"Frame 1 of"):
        find_frames(Plate(path=path))


@pytest.mark.skipif(sys.platform == "win32", reason="needs the module resource")
def test_a_gap_of_a_billion_frames_takes_no_memory(tmp_path: Path) -> None:
    import subprocess

    path = touch(tmp_path, "plate", 1, 1700000000)
    code = (
        "import resource, sys; from stcolor_core.shots.shot_files import find_frames\n"
        "from stcolor_core.shots.shot import Plate\n"
        "from stcolor_core.errors import PlateError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for missing in ('error', 'hold', 'skip'):\n"
        "    try:\n        find_frames(Plate(path=sys.argv[1], missing=missing))\n"
        "    except PlateError:\n        pass\n"
        "unit = 1 if sys.platform == 'darwin' else 1024\n"
        "sys.exit((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit > 50e6)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, path], check=False, timeout=300).returncode == 0


@pytest.mark.parametrize(
    ("on_disk", "told"),
    [
        ((1, 3), r"^Frame 2 of .* is missing\. Render it, or "),
        ((1, 4), r"^Frames 2-3 of .* are missing\. Render them, or "),
    ],
)
def test_one_missing_frame_is_singular_and_several_are_plural(
    on_disk: tuple[int, ...], told: str, tmp_path: Path
) -> None:
    with pytest.raises(PlateError, match=told):
        find_frames(Plate(path=touch(tmp_path, "plate", *on_disk)))


def test_missing_frames_are_named_briefly_whatever_their_number(tmp_path: Path) -> None:
    path = touch(tmp_path, "plate", *range(1, 2000, 2))
    with pytest.raises(PlateError, match=r"Frames 2, 4, 6, 8 and 995 more of .* --missing hold"):
        find_frames(Plate(path=path))
    held = find_frames(Plate(path=path, missing="hold", frames="0-4"))
    assert {frame: file.name for frame, file in held.items()} == {
        0: "plate.0001.exr",
        1: "plate.0001.exr",
        2: "plate.0001.exr",
        3: "plate.0003.exr",
        4: "plate.0003.exr",
    }


def test_mattes_whose_folder_is_missing_are_named(tmp_path: Path) -> None:
    shot = Shot(
        plate=Plate(path="p.####.exr"),
        output=Output(path="o.####.exr"),
        mattes=(Matte(path=str(tmp_path / "no" / "roto.####.exr")),),
    )
    with pytest.raises(StcolorError, match=r"The folder .*no of the mattes .*roto.####.exr is missing"):
        check_mattes(shot, [1, 2], warn=lambda _: None)


@pytest.mark.parametrize("frames", [None, "-5--2", "-5-4"])
def test_negative_frames_that_are_padded_without_their_sign_are_named(tmp_path: Path, frames: str | None) -> None:
    path = touch(tmp_path, "plate", 0, 1, 2, 3, 4)
    for frame in range(1, 6):
        (tmp_path / f"plate.-{frame:04d}.exr").touch()
    with pytest.raises(PlateError, match=re.escape("plate.-0005.exr and 4 more")) as error:
        find_frames(Plate(path=path, frames=frames))
    assert "plate.-005.exr" in str(error.value)
    assert list(find_frames(Plate(path=path, frames="1-4"))) == [1, 2, 3, 4]
