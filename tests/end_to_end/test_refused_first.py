"""What refuses a shot is told first: no warning speaks of frames that are then not coloured."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, write_reference
from scenes import crossing, texture

from stcolor_core.images import plates
from stcolor_core.images.frame_files import write_frame
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.claims import Claim

MakeShot = Callable[..., ShotOnDisk]
COUNT = 8
UNREFERENCED = ("--cuts", "1005", "--unreferenced", "grey")  # frames 1005 to 1008 have no reference in their scene


def unknown_object(shot: ShotOnDisk) -> list[str]:
    mask = shot.scene.masks[0][0].astype(np.float32)
    write_frame(shot.folder / "roto.exr", {"mask.A": (mask, "half"), "other.A": (1 - mask, "half")})
    return ["--matte", f"{FIRST}={shot.folder / 'roto.exr'}", "--swatch", f"{FIRST}:nobody=#aa3322"]


def mask_of_another_aspect(shot: ShotOnDisk) -> list[str]:
    mask = shot.folder / "mask.png"
    cv2.imwrite(str(mask), np.full((96, 96), 255, np.uint8))
    return ["--reference-mask", f"{FIRST}={mask}"]


def reference_of_another_aspect(shot: ShotOnDisk) -> list[str]:
    """Give a reference that shows nothing of the plate, or its place would be found."""
    ab = shot.scene.ab[0][:, :64]
    write_reference(shot.reference(FIRST), texture(*ab.shape[:2], seed=99, mean=50, contrast=60), ab)
    return []


def matte_of_another_aspect(shot: ShotOnDisk) -> list[str]:
    write_frame(shot.folder / "roto.exr", {"A": (np.ones((64, 64), np.float32), "half")})
    return ["--matte", f"{FIRST + 3}={shot.folder / 'roto.exr'}"]


def patch_beside_the_plate(shot: ShotOnDisk) -> list[str]:
    patch = shot.folder / "patch.exr"
    write_reference(patch, shot.scene.lightnesses[0], shot.scene.ab[0])
    header = replace(plates.read_header(patch), data_window=(-40, 0, 20, 20))
    write_frame(patch, {name: (np.ones((20, 20), np.float32), "half") for name in "RGB"}, like=header)
    return ["--reference", f"{FIRST + 1}={patch}"]


def keyframe_of_nan(shot: ShotOnDisk) -> list[str]:
    nan = np.full(shot.scene.lightnesses[0].shape, np.nan, np.float32)
    write_frame(shot.reference(FIRST), dict.fromkeys("RGB", (nan, "half")))
    return []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (unknown_object, "has no object 'nobody'"),
        (mask_of_another_aspect, "of another aspect"),
        (reference_of_another_aspect, "of another aspect"),
        (matte_of_another_aspect, "of another aspect"),
        (patch_beside_the_plate, "has no pixel of known colour"),
        (keyframe_of_nan, "has no pixel of known colour"),
    ],
)
def test_a_shot_that_is_refused_gives_no_warning_of_its_colour(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], spoil: Callable[[ShotOnDisk], list[str]], words: str
) -> None:
    shot = make_shot(crossing(COUNT), references=(FIRST,))
    options = [*shot.pictures(), "--reference", f"{FIRST}={shot.reference(FIRST)}", *spoil(shot), *UNREFERENCED]
    assert shot.colorize(*options, "--json", references=False) == 2
    printed = capsys.readouterr()
    events = [json.loads(line) for line in printed.out.splitlines() if line.startswith("{")]
    assert not [event["message"] for event in events if event["kind"] == "warning"]
    assert words in printed.err
    assert len(printed.err.splitlines()) == 1
    assert not shot.written()


def test_a_folder_that_another_run_writes_to_gives_no_warning_of_the_colour(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(crossing(COUNT), references=(FIRST,))
    with Claim(FramePattern.parse(str(shot.folder / "out/shot.####.exr")), state="another"):
        assert shot.colorize(*UNREFERENCED) != 0
    lines = capsys.readouterr().err.splitlines()
    assert not [line for line in lines if "no reference" in line]
    assert "is being written" in lines[-1]


def test_the_warning_comes_where_nothing_refuses_the_shot(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(crossing(COUNT), references=(FIRST,))
    assert shot.colorize(*UNREFERENCED) == 0
    assert "Frames 1005-1008 have no reference" in capsys.readouterr().err
