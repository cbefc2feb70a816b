"""The frames and references of a shot, from the names of its files alone."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stcolor_core.errors import BadRequest, PlateError, StcolorError
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Matte, Plate, Reference
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import check_mattes, find_frames, find_references, split_references


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


def test_keyframes_of_a_sequence_that_are_not_plate_frames_are_named(tmp_path: Path) -> None:
    path = touch(tmp_path, "ref", 3, 5, 6, 900)
    warnings: list[str] = []
    found = find_references(a_shot(tmp_path, Reference(path=path)), range(1, 6), warn=warnings.append)
    assert list(found) == [3, 5]
    assert len(warnings) == 1
    assert "6, 900" in warnings[0] and path in warnings[0]


def test_keyframes_that_are_all_plate_frames_give_no_warning(tmp_path: Path) -> None:
    path = touch(tmp_path, "ref", 3, 5)
    warnings: list[str] = []
    shot = a_shot(tmp_path, Reference(path=path), Reference(path=path.replace("####", "0003"), frame=3))
    assert list(find_references(shot, range(1, 6), warn=warnings.append)) == [3, 5]
    assert not warnings


def test_a_keyframe_that_is_in_two_sequences_is_named(tmp_path: Path) -> None:
    one, other = touch(tmp_path, "one", 2, 3), touch(tmp_path, "other", 3, 4)
    warnings: list[str] = []
    found = find_references(a_shot(tmp_path, Reference(path=one), Reference(path=other)), range(1, 6))
    keyframes, patches = split_references(found, lambda _: False, warn=warnings.append)
    assert not patches
    assert {frame: picture.path.name for frame, picture in keyframes.items()} == {
        2: "one.0002.exr",
        3: "one.0003.exr",
        4: "other.0004.exr",
    }
    assert len(warnings) == 1 and warnings[0].startswith("Frame 3 ") and other in warnings[0]


def test_a_picture_given_for_its_frame_takes_the_place_of_a_sequences_and_patches_lie_over_it(tmp_path: Path) -> None:
    path = touch(tmp_path, "ref", 2, 3, 4)
    given = (("whole.exr", 3), ("patch.a.exr", 3), ("patch.b.exr", 2), ("patch.c.exr", 2))
    references = [Reference(path=path), *(Reference(path=str(tmp_path / name), frame=f) for name, f in given)]
    found = find_references(a_shot(tmp_path, *references), range(1, 6))
    keyframes, patches = split_references(found, lambda picture: "patch" in picture.path.name)
    assert {f: picture.path.name for f, picture in keyframes.items()} == {
        2: "ref.0002.exr",
        3: "whole.exr",
        4: "ref.0004.exr",
    }
    names = {f: [picture.path.name for picture in pictures] for f, pictures in patches.items()}
    assert names == {2: ["patch.b.exr", "patch.c.exr"], 3: ["patch.a.exr"]}


def test_patches_of_a_sequence_lie_over_the_keyframe_of_another_one_but_not_over_one_given_for_the_frame(
    tmp_path: Path,
) -> None:
    whole, part = touch(tmp_path, "whole", 2), touch(tmp_path, "part", 2, 3)
    references = (Reference(path=whole), Reference(path=part), Reference(path=str(tmp_path / "own.exr"), frame=3))
    found = find_references(a_shot(tmp_path, *references), range(1, 6))
    keyframes, patches = split_references(found, lambda picture: "part" in picture.path.name)
    assert {f: picture.path.name for f, picture in keyframes.items()} == {2: "whole.0002.exr", 3: "own.exr"}
    assert {f: [p.path.name for p in pictures] for f, pictures in patches.items()} == {2: ["part.0002.exr"]}


def test_two_whole_keyframes_of_one_frame_are_refused_and_both_are_named(tmp_path: Path) -> None:
    references = [Reference(path=str(tmp_path / name), frame=3) for name in ("a.exr", "b.exr")]
    found = find_references(a_shot(tmp_path, *references), range(1, 6))
    with pytest.raises(BadRequest, match=r"^Frame 3 has two references.*a\.exr and .*b\.exr.*Keep one"):
        split_references(found, lambda _: False)


def test_a_mask_pattern_gives_each_frame_of_a_sequence_its_mask(tmp_path: Path) -> None:
    path = touch(tmp_path, "ref", 2, 3)
    shot = a_shot(tmp_path, Reference(path=path, mask=str(tmp_path / "mask.####.png"), alpha="ignore"))
    found = find_references(shot, range(1, 6))
    assert [picture.mask for pictures in found.values() for picture in pictures] == [
        tmp_path / "mask.0002.png",
        tmp_path / "mask.0003.png",
    ]
    assert {picture.alpha for pictures in found.values() for picture in pictures} == {"ignore"}


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


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("no/ref.####.exr", "The folder {folder}/no of the references"),
        ("nothing.####.exr", "There is no file of the references {folder}/nothing.####.exr"),
        ("ref.exr", "ref.exr has no frame number"),
        ("gone.exr", "gone.exr is missing"),
        ("far.####.exr", "No frame of the references"),
    ],
)
def test_references_that_are_not_there_are_told_from_those_of_other_frames(
    path: str, named: str, tmp_path: Path
) -> None:
    for name in ("ref.exr", "far.0099.exr", "nothing.txt"):
        (tmp_path / name).touch()
    text = str(tmp_path / path)
    shot = Shot(
        plate=Plate(path="p.####.exr"), output=Output(path="o.####.exr"), references=(Reference(path=text, frame=None),)
    )
    with pytest.raises(StcolorError, match=re.escape(named.format(folder=tmp_path))):
        find_references(shot, [1, 2])


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


def test_keyframes_of_negative_frames_that_are_padded_without_their_sign_are_named(tmp_path: Path) -> None:
    path = touch(tmp_path, "ref", 3)
    (tmp_path / "ref.-0002.exr").touch()
    with pytest.raises(PlateError, match=re.escape("ref.-002.exr")):
        find_references(a_shot(tmp_path, Reference(path=path)), range(-5, 6), warn=lambda _: None)
    assert list(find_references(a_shot(tmp_path, Reference(path=path)), range(1, 6), warn=lambda _: None)) == [3]
