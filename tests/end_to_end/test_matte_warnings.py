"""A matte that is lost on the way is told, in the words of the front end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from conftest import ShotOnDisk
from scenes import Scene, texture

from stcolor_core.images import frame_files

MakeShot = Callable[..., ShotOnDisk]

SIDE, COUNT, SEEN = 24, 7, 3


def vanishing() -> Scene:
    """Return a clip of a square that moves by 3 px a frame and is gone from the fourth frame on."""
    ground, thing = texture(64, 96, seed=1, mean=40, contrast=20), texture(SIDE, SIDE, seed=2, mean=65)
    scene = Scene([], [], [])
    for t in range(COUNT):
        lightness, mask = ground.copy(), np.zeros((1, 64, 96), bool)
        if t < SEEN:
            part = slice(20, 20 + SIDE), slice(20 + 3 * t, 20 + 3 * t + SIDE)
            lightness[part], mask[(0, *part)] = thing, True
        scene.lightnesses.append(lightness)
        scene.ab.append(np.full((64, 96, 2), (30, 20), np.float32) * mask[0][..., None])
        scene.masks.append(mask)
    return scene


def test_a_matte_that_is_lost_is_told_with_the_frames_and_what_to_do(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = vanishing()
    shot = make_shot(scene, references=(1001,))
    matte = shot.folder / "square.1001.exr"
    frame_files.write_frame(matte, {"A": (scene.masks[0][0].astype(np.float32), "half")})
    assert shot.colorize("--matte", f"1001={matte}") == 0
    printed = capsys.readouterr()
    line = (
        "The object square of the mattes is not found in frames 1004-1007. "
        "If it is to be seen there, give --matte 1006=PATH."
    )
    assert (printed.out + printed.err).count(line) == 1


def test_a_matte_that_is_followed_is_not_told(make_shot: MakeShot, capsys: pytest.CaptureFixture[str]) -> None:
    scene = vanishing()
    shot = make_shot(Scene(scene.lightnesses[:SEEN], scene.ab[:SEEN], scene.masks[:SEEN]), references=(1001,))
    matte = shot.folder / "square.1001.exr"
    frame_files.write_frame(matte, {"A": (scene.masks[0][0].astype(np.float32), "half")})
    assert shot.colorize("--matte", f"1001={matte}") == 0
    printed = capsys.readouterr()
    assert "not found" not in printed.out + printed.err


def test_mattes_of_one_sequence_that_are_of_two_kinds_are_told_once(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = vanishing()
    shot = make_shot(Scene(scene.lightnesses[:SEEN], scene.ab[:SEEN], scene.masks[:SEEN]), references=(1001,))
    for frame, mask in zip(shot.frames, scene.masks, strict=False):
        plane = mask[0].astype(np.float32)
        names = ("A",) if frame == 1001 else ("R", "G", "B")
        planes = {name: (plane * (name in "AR"), "half") for name in names}
        frame_files.write_frame(shot.folder / f"square.{frame}.exr", planes)
    assert shot.colorize("--matte", str(shot.folder / "square.####.exr")) == 0
    printed = capsys.readouterr()
    lines = [line for line in (printed.out + printed.err).splitlines() if "Write all mattes of a sequence" in line]
    assert len(lines) == 1 and "an id picture" in lines[0] and "a roto of one object" in lines[0]
    assert "square.1001.exr" in lines[0]


def test_a_colour_picture_in_place_of_a_matte_is_told_once(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = vanishing()
    shot = make_shot(Scene(scene.lightnesses[:SEEN], scene.ab[:SEEN], scene.masks[:SEEN]), references=(1001,))
    picture = shot.folder / "picture.1001.exr"
    planes = {name: texture(64, 96, seed=seed, mean=50, contrast=30) / 100 for seed, name in enumerate("RGB")}
    frame_files.write_frame(picture, {name: (plane.astype(np.float32), "half") for name, plane in planes.items()})
    assert shot.colorize("--matte", f"1001={picture}") == 0
    printed = capsys.readouterr()
    lines = [line for line in (printed.out + printed.err).splitlines() if "looks like a colour picture" in line]
    assert len(lines) == 1 and str(picture) in lines[0] and "Give a matte in its place" in lines[0]
