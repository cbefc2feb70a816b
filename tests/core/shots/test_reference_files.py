"""The references of a shot, from the names of its files alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from named_files import a_shot, touch

from stcolor_core.errors import BadRequest, PlateError, StcolorError
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.reference_files import find_references, split_references
from stcolor_core.shots.shot import Shot


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


def test_keyframes_of_negative_frames_that_are_padded_without_their_sign_are_named(tmp_path: Path) -> None:
    path = touch(tmp_path, "ref", 3)
    (tmp_path / "ref.-0002.exr").touch()
    with pytest.raises(PlateError, match=re.escape("ref.-002.exr")):
        find_references(a_shot(tmp_path, Reference(path=path)), range(-5, 6), warn=lambda _: None)
    assert list(find_references(a_shot(tmp_path, Reference(path=path)), range(1, 6), warn=lambda _: None)) == [3]


def test_a_keyframe_of_a_frame_that_is_there_but_left_out_is_told_from_one_of_no_frame(tmp_path: Path) -> None:
    plate = Plate(path=touch(tmp_path, "plate", 1, 2, 3, 4, 6), frames="2,4-6")
    for number, told in (
        (
            1,
            r"frame 1 of .* the shot has frames 2, 4, 6 only\. Add it to --frames, or give it as --still",
        ),
        (3, r"frame 3 of .* is there, but the shot has"),
        (5, r"has no plate frame: frame 5"),
        (7, r"is not a frame of the plate \(2-6\)"),
    ):
        shot = replace(a_shot(tmp_path, Reference(path=touch(tmp_path, "ref", number), frame=number)), plate=plate)
        with pytest.raises(BadRequest, match=told):
            find_references(shot, (2, 4, 6))
