"""Keyframes that were coloured elsewhere, through the command line: moved, of another frame, of another shot."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels, frame_bytes, write_reference
from scenes import Scene, crossing, pan, texture

from stcolor_core.images.color import lab_to_srgb, linear_to_lab, srgb_decode
from stcolor_core.images.flat_paint import put_flat_paint_on
from stcolor_core.images.frame_files import write_frame

MakeShot = Callable[..., ShotOnDisk]
OPTIONS = ("--cuts", "none", "--working-height", "112", "--json")


def shifted(picture: np.ndarray, x: float, y: float) -> np.ndarray:
    """Return a picture whose content is moved by -x, -y; its border is repeated."""
    matrix = np.array([[1, 0, x], [0, 1, y]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, picture.shape[1::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def color_error(shot: ShotOnDisk, frame: int) -> float:
    """Return the mean distance of a frame's ab to the truth."""
    layers = channels(shot.output(frame))
    ab = np.dstack([layers["rc_ab.u"], layers["rc_ab.v"]])
    return float(np.linalg.norm(ab - shot.scene.ab[frame - FIRST], axis=-1).mean())


def warnings(capsys: pytest.CaptureFixture[str]) -> list[str]:
    events = (json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{"))
    return [event["message"] for event in events if event["kind"] == "warning"]


def errors(shot: ShotOnDisk, *options: str) -> dict[int, float]:
    assert shot.colorize(*OPTIONS, "--force", *options) == 0
    return {frame: color_error(shot, frame) for frame in shot.frames}


@pytest.fixture
def scene() -> Scene:
    """Objects that cross, so that no two frames are alike."""
    return crossing(8)


def test_a_shifted_keyframe_is_moved_to_fit_and_the_artist_is_told(
    make_shot: MakeShot, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(scene, references=(FIRST + 3,))
    exact = errors(shot)
    assert not warnings(capsys)
    write_reference(shot.reference(FIRST + 3), *(shifted(p[3], 4.0, 2.0) for p in (scene.lightnesses, scene.ab)))
    as_it_is = errors(shot, "--register", "off")
    assert not warnings(capsys)
    registered = errors(shot)
    (line,) = warnings(capsys)
    assert f"Reference {FIRST + 3}" in line and "ref.1004.exr" in line and "moved by 4.5 px" in line
    assert "--register off" in line
    for frame in shot.frames:
        assert registered[frame] < exact[frame] + 0.5 * (as_it_is[frame] - exact[frame])
    assert registered[FIRST + 3] < 0.4 * as_it_is[FIRST + 3]  # the keyframe is written as it fits the plate


def test_a_keyframe_of_few_tones_is_told_so_and_not_taken_for_flat_paint(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    """Large areas of it are flat, and some of them far from the plate's lightness."""
    y, x = np.mgrid[:112, :192].astype(np.float32)
    lightness = np.float32(50) + 30 * np.sin(x / 40) + 15 * np.cos(y / 20 + x / 60)
    lab = np.dstack([lightness, 0.9 * (lightness - 40), 0.6 * (60 - lightness)]).astype(np.float32)
    scene = Scene([lightness] * 2, [lab[..., 1:]] * 2, masks=[])
    shot = make_shot(scene, references=(FIRST,))
    few = linear_to_lab(srgb_decode(np.rint(3 * np.clip(lab_to_srgb(lab), 0, 1)) / 3)).astype(np.float32)
    assert put_flat_paint_on(few, None, lightness) is not None
    write_reference(shot.reference(FIRST), few[..., 0], few[..., 1:])
    assert shot.colorize(*OPTIONS, "--only", str(FIRST)) == 0
    (line,) = warnings(capsys)
    assert "reduced to few colours" in line and "flat" not in line and "relit" not in line and "moved" not in line
    assert channels(shot.output(FIRST))["rc_conf.warp"].mean() < 0.9


@pytest.mark.parametrize("shown", [1, 2, -3])
def test_a_keyframe_of_a_neighbouring_frame_colours_from_that_frame(
    make_shot: MakeShot, scene: Scene, capsys: pytest.CaptureFixture[str], shown: int
) -> None:
    key = FIRST + 3
    shot = make_shot(scene, references=(key,))
    write_reference(shot.reference(key), scene.lightnesses[3 + shown], scene.ab[3 + shown])
    as_it_is = errors(shot, "--register", "off")
    capsys.readouterr()
    registered = errors(shot)
    (line,) = warnings(capsys)
    assert f"looks like frame {key + shown}" in line
    assert np.mean(list(registered.values())) < 0.7 * np.mean(list(as_it_is.values()))
    assert registered[key + shown] < 2
    assert channels(shot.output(key))["rc_conf.warp"].mean() < 1  # its own frame is coloured like any other


@pytest.fixture
def painted(scene: Scene) -> Scene:
    """The same objects, whose colours change where their lightness does."""
    colors = (np.dstack([0.8 * (part - 50), 25 * np.sin(part / 10)]) for part in scene.lightnesses)
    return replace(scene, ab=[np.asarray(ab, np.float32) for ab in colors])


def test_a_layer_of_colour_that_slipped_over_its_plate_is_put_back(
    make_shot: MakeShot, painted: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    key, scene = FIRST + 3, painted
    shot = make_shot(scene, references=(key,))
    exact = errors(shot)
    write_reference(shot.reference(key), scene.lightnesses[3], shifted(scene.ab[3], 4.0, 2.0))
    as_it_is = errors(shot, "--register", "off")
    assert not warnings(capsys)
    registered = errors(shot)
    (line,) = warnings(capsys)
    assert "colours lay beside the plate's edges: moved by 4." in line and "--register off" in line
    for frame in shot.frames:
        assert registered[frame] < exact[frame] + 0.5 * (as_it_is[frame] - exact[frame])


def test_colours_that_lie_far_beside_the_plate_are_told_and_used_as_they_are_but_count_less(
    make_shot: MakeShot, painted: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    key, scene = FIRST + 3, painted
    shot = make_shot(scene, references=(key,))
    height, width = scene.ab[3].shape[:2]
    far = np.roll(scene.ab[3], (height // 3, width // 3), axis=(0, 1))
    write_reference(shot.reference(key), scene.lightnesses[3], far)
    errors(shot, "--register", "off")
    assert not warnings(capsys)
    as_it_is = channels(shot.output(key))
    errors(shot)
    (line,) = warnings(capsys)
    assert "its colours do not follow the plate's edges, and count less" in line and "--register off" in line
    registered = channels(shot.output(key))
    for name in ("rc_ab.u", "rc_ab.v"):
        assert (registered[name] == as_it_is[name]).all()
    assert (as_it_is["rc_conf.warp"] == 1).all() and (registered["rc_conf.warp"] < 0.9).all()


def test_parts_of_a_shot_with_a_neighbours_keyframe_are_the_same_as_the_whole(
    make_shot: MakeShot, scene: Scene
) -> None:
    key, last = FIRST + 2, FIRST + 7
    shot = make_shot(scene, references=(key, last))
    write_reference(shot.reference(key), scene.lightnesses[4], scene.ab[4])
    errors(shot)
    whole = {frame: frame_bytes(shot.output(frame)) for frame in shot.frames}
    for frame in (FIRST, FIRST + 3, FIRST + 6):
        errors(shot, "--only", str(frame))
        assert frame_bytes(shot.output(frame)) == whole[frame]


def test_a_picture_of_another_shot_is_used_as_a_still(
    make_shot: MakeShot, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(scene, references=(FIRST,))
    stranger = texture(112, 192, seed=31, mean=50, contrast=40)
    write_reference(shot.reference(FIRST), stranger, np.full((112, 192, 2), (20, -40), np.float32))
    assert shot.colorize(*OPTIONS) == 0
    (line,) = warnings(capsys)
    assert "still" in line and f"Reference {FIRST}" in line
    assert channels(shot.output(FIRST))["rc_conf.warp"].mean() < 0.7


def test_an_exact_keyframe_gives_the_same_pixels_with_and_without_registration(make_shot: MakeShot) -> None:
    shot = make_shot(pan(4, height=64, width=96, step=2), references=(FIRST,))
    layers = []
    for register in ("off", "auto"):
        assert shot.colorize("--cuts", "none", "--force", "--register", register) == 0
        layers.append([channels(shot.output(frame)) for frame in shot.frames])
    for off, auto in zip(*layers, strict=True):
        assert off.keys() == auto.keys()
        for name in off:
            np.testing.assert_array_equal(off[name], auto[name])


def test_a_changed_neighbour_makes_a_keyframe_again(make_shot: MakeShot, scene: Scene) -> None:
    shot = make_shot(scene, references=(FIRST + 3,))
    assert shot.colorize(*OPTIONS) == 0
    before = shot.output(FIRST + 3).stat().st_mtime_ns
    assert shot.colorize(*OPTIONS) == 0
    assert shot.output(FIRST + 3).stat().st_mtime_ns == before
    darker = channels(shot.plate(FIRST + 5))["Y"] * np.float32(0.9)
    write_frame(shot.plate(FIRST + 5), {"Y": (darker, "half")})
    assert shot.colorize(*OPTIONS) == 0
    assert shot.output(FIRST + 3).stat().st_mtime_ns != before
