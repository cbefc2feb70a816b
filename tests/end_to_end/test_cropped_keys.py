"""A keyframe that shows a part of the frame, or the frame in another shape, without saying so in its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels
from scenes import pan

from stcolor_core.cli import main
from stcolor_core.images import plates
from stcolor_core.images.color import lab_to_linear
from stcolor_core.images.frame_files import write_frame
from stcolor_core.images.pictures import Header

MakeShot = Callable[..., ShotOnDisk]

COUNT, AT, HEIGHT, WIDTH = 4, 1, 128, 192
LEFT, TOP, SIDE = 45, 20, 90
OPTIONS = ("--cuts", "none", "--working-height", "128")


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    """Return a pan in which only the first frame is a keyframe."""
    return make_shot(pan(COUNT, height=HEIGHT, width=WIDTH, step=3), references=(FIRST,))


def painted(shot: ShotOnDisk) -> np.ndarray:
    """Return linear RGB of a frame, in which everything was given another colour than the keyframe's."""
    ab = np.full((HEIGHT, WIDTH, 2), (5.0, 45.0), np.float32)
    return np.asarray(lab_to_linear(np.dstack([shot.scene.lightnesses[AT], ab])), np.float32)


def write_exr(path: Path, rgb: np.ndarray, *, window: tuple[int, int, int, int] | None = None) -> None:
    """Write linear RGB; `window` is the data window in a format of the plate's size."""
    like = None
    if window is not None:
        plain = plates.read_header(path.parent / f"plate.{FIRST}.exr")
        like = Header(**{**plain.__dict__, "data_window": window})
    write_frame(path, {name: (np.ascontiguousarray(rgb[..., i]), "half") for i, name in enumerate("RGB")}, like=like)


def run(shot: ShotOnDisk, output: str, *given: str) -> int:
    keyed = ["--reference", str(shot.reference(FIRST)).replace(f"{FIRST}", "####")]
    pictures = ["--plate", str(shot.folder / "plate.####.exr"), "--output", str(shot.folder / output / "shot.####.exr")]
    options = OPTIONS[2:] if "--cuts" in given else OPTIONS
    return main(["colorize", *pictures, *keyed, *options, *given])


def results(shot: ShotOnDisk, output: str) -> list[dict[str, np.ndarray]]:
    return [channels(shot.folder / output / f"shot.{frame}.exr") for frame in shot.frames]


def test_a_crop_without_a_data_window_gives_what_one_with_it_gives(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    part = painted(shot)[TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    write_exr(shot.folder / "window.exr", part, window=(LEFT, TOP, SIDE, SIDE))
    write_exr(shot.folder / "crop.exr", part)
    assert run(shot, "told", "--reference", f"{FIRST + AT}={shot.folder / 'window.exr'}") == 0
    capsys.readouterr()
    assert run(shot, "found", "--reference", f"{FIRST + AT}={shot.folder / 'crop.exr'}") == 0
    text = capsys.readouterr().err
    assert f"Reference {FIRST + AT}" in text
    assert f"a part of {SIDE} x {SIDE}, {LEFT} pixels from the left and {TOP} pixels from the top" in text
    for told, found in zip(results(shot, "told"), results(shot, "found"), strict=True):
        assert told.keys() == found.keys()
        for name, plane in told.items():
            assert np.array_equal(plane, found[name]), name


def test_a_mask_of_the_crops_size_lies_where_the_crop_does(shot: ShotOnDisk) -> None:
    part = painted(shot)[TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    write_exr(shot.folder / "crop.exr", part)
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[10:50, 20:60] = 1
    write_frame(shot.folder / "mask.exr", {"Y": (mask, "half")})
    given = "--reference", f"{FIRST + AT}={shot.folder / 'crop.exr'}"
    assert run(shot, "plain") == 0
    assert run(shot, "masked", *given, "--reference-mask", f"{FIRST + AT}={shot.folder / 'mask.exr'}") == 0
    ab = [
        np.dstack([frame["rc_ab.u"], frame["rc_ab.v"]])
        for frame in (results(shot, out)[AT] for out in ("plain", "masked"))
    ]
    changed = np.abs(ab[0] - ab[1]).max(axis=-1) > 1
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[TOP + 10 : TOP + 50, LEFT + 20 : LEFT + 60] = True
    assert changed[inside].mean() > 0.9
    assert not changed[cv2.dilate(inside.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0].any()


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_bars_around_a_crop_lend_no_colour(shot: ShotOnDisk, level: float) -> None:
    part = painted(shot)[TOP + 20 : TOP + 70, LEFT + 10 : LEFT + 80]
    write_exr(shot.folder / "plain.exr", part)
    with_bars = cv2.copyMakeBorder(part, 20, 20, 10, 10, cv2.BORDER_CONSTANT, value=(level,) * 3)
    write_exr(shot.folder / "bars.exr", with_bars)
    for name in ("plain", "bars"):
        assert run(shot, name, "--reference", f"{FIRST + AT}={shot.folder / name}.exr") == 0
    plain, bars = (results(shot, name)[AT] for name in ("plain", "bars"))
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[TOP + 15 : TOP + 75, LEFT + 5 : LEFT + 85] = False
    for name in ("rc_ab.u", "rc_ab.v"):
        assert np.array_equal(plain[name][outside], bars[name][outside])
    inside = np.s_[TOP + 24 : TOP + 66, LEFT + 14 : LEFT + 76]
    assert np.abs(bars["rc_ab.v"][inside] - 45).max() < 2


def test_a_whole_frame_in_another_shape_is_a_whole_keyframe(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    squeezed = cv2.resize(painted(shot), (HEIGHT, HEIGHT), interpolation=cv2.INTER_AREA)
    write_exr(shot.folder / "square.exr", squeezed)
    assert run(shot, "out", "--reference", f"{FIRST + AT}={shot.folder / 'square.exr'}") == 0
    assert "the whole frame in another shape" in capsys.readouterr().err
    ab = np.dstack([results(shot, "out")[AT][name] for name in ("rc_ab.u", "rc_ab.v")])
    assert np.percentile(np.abs(ab - (5, 45)), 99) < 2


def test_a_crop_that_was_enlarged_to_the_plates_size_is_used_where_it_belongs(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    part = painted(shot)[30:94, 20:116]
    write_exr(shot.folder / "large.exr", cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))
    assert run(shot, "out", "--reference", f"{FIRST + AT}={shot.folder / 'large.exr'}") == 0
    assert "shows 25 % of the frame" in capsys.readouterr().err
    assert run(shot, "without") == 0
    ab, without = (
        np.dstack([frame["rc_ab.u"], frame["rc_ab.v"]])
        for frame in (results(shot, "out")[AT], results(shot, "without")[AT])
    )
    assert np.abs(ab[36:88, 26:110] - (5, 45)).max() < 3
    assert np.array_equal(ab[:, 130:], without[:, 130:])  # it takes nothing from the other keyframe


def test_the_rest_of_a_frame_between_bars_is_coloured_from_the_other_keyframe(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    key = 0.7 * painted(shot)  # of another light, which is mended as in any whole keyframe
    key[:16] = key[-16:] = 0
    write_exr(shot.folder / "bars.exr", key)
    assert run(shot, "out", "--reference", f"{FIRST + AT}={shot.folder / 'bars.exr'}") == 0
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("its bars are left out") == 1 and "relit to the plate's light" in told
    assert run(shot, "without") == 0
    frames, without = results(shot, "out"), results(shot, "without")
    under = np.r_[0:12, HEIGHT - 12 : HEIGHT]
    for name in ("rc_ab.u", "rc_ab.v", "rc_conf.warp"):
        assert np.array_equal(frames[AT][name][under], without[AT][name][under])
    assert np.abs(frames[AT]["rc_ab.v"][24:-24] - 45).mean() < 6
    assert np.median(frames[AT + 1]["rc_ab.v"][30:-30]) > 30  # carried on, as a patch is


def test_a_frame_between_bars_stays_a_keyframe_where_its_scene_has_no_other(shot: ShotOnDisk) -> None:
    key = painted(shot)
    key[:16] = key[-16:] = 0
    write_exr(shot.folder / "bars.exr", key)
    given = "--reference", f"{FIRST + AT}={shot.folder / 'bars.exr'}"
    assert run(shot, "out", *given, "--cuts", str(FIRST + AT)) == 0
    rest = results(shot, "out")[AT]["rc_ab.v"][:12]
    assert np.median(rest) > 20  # guessed from what lies between the bars, where a patch would leave it grey


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_what_surrounds_a_flattened_cut_out_is_coloured_from_the_other_keyframe(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], level: float
) -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot((x - 100) / 60, (y - 60) / 45)
    write_exr(shot.folder / "flat.exr", np.where((distance < 1)[..., None], painted(shot), np.float32(level)))
    assert run(shot, "out", "--reference", f"{FIRST + AT}={shot.folder / 'flat.exr'}") == 0
    told = " ".join(capsys.readouterr().err.split())
    assert told.count(f"what surrounds it is {'white' if level else 'black'} and is left out") == 1
    assert run(shot, "without") == 0
    frames, without = results(shot, "out"), results(shot, "without")
    for name in ("rc_ab.u", "rc_ab.v", "rc_conf.warp"):
        assert np.array_equal(frames[AT][name][distance > 1.1], without[AT][name][distance > 1.1])
    assert np.abs(frames[AT]["rc_ab.v"][distance < 0.85] - 45).max() < 3
    assert np.median(frames[AT + 1]["rc_ab.v"][distance < 0.6]) > 30  # carried on, as a patch is


def test_an_enlarged_part_whose_place_is_no_whole_pixel_is_told_in_one_line(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    matrix = np.array([[1.6, 0, -0.3 * WIDTH + 1.3], [0, 1.6, -0.3 * HEIGHT + 0.7]])
    write_exr(shot.folder / "large.exr", cv2.warpAffine(painted(shot), matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC))
    assert run(shot, "out", "--reference", f"{FIRST + AT}={shot.folder / 'large.exr'}") == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "large.exr): " in line]
    assert len(lines) == 1 and "shows 39 % of the frame, and is used there" in lines[0]


@pytest.mark.parametrize(("width", "height", "bars"), [(135, 135, 0), (160, 160, 0), (150, 150, 15)])
def test_a_crop_of_another_scale_is_used_where_it_belongs(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], width: int, height: int, bars: int
) -> None:
    """As a generative editor hands it back: a square, enlarged, with or without bars."""
    part = painted(shot)[TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    part = cv2.copyMakeBorder(part, bars, bars, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    write_exr(shot.folder / "scaled.exr", cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC))
    assert run(shot, "out", "--reference", f"{FIRST + AT}={shot.folder / 'scaled.exr'}") == 0
    assert f"Reference {FIRST + AT}" in capsys.readouterr().err
    ab = np.dstack([results(shot, "out")[AT][name] for name in ("rc_ab.u", "rc_ab.v")])
    inside = ab[TOP + 6 : TOP + SIDE - 6, LEFT + 6 : LEFT + SIDE - 6]
    assert np.percentile(np.abs(inside - (5, 45)), 99) < 4


@pytest.mark.parametrize("what", ["off", "another picture"])
def test_a_picture_of_another_aspect_that_has_no_place_is_refused(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    part = painted(shot)[TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    if what == "another picture":
        part = np.random.default_rng(0).random(part.shape).astype(np.float32)
    write_exr(shot.folder / "crop.exr", part)
    given = ["--reference", f"{FIRST + AT}={shot.folder / 'crop.exr'}"]
    assert run(shot, "out", *given, *(["--register", "off"] if what == "off" else [])) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"Reference {FIRST + AT}" in error
    assert "of another aspect than the plate's 192 x 128" in error
    assert ("leave out --register off to have its place sought" in error) == (what == "off")


def test_a_crop_without_a_known_pixel_is_refused_for_that(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    write_exr(shot.folder / "crop.exr", np.full((SIDE, SIDE, 3), np.nan, np.float32))
    assert run(shot, "out", "--reference", f"{FIRST + AT}={shot.folder / 'crop.exr'}") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"Reference {FIRST + AT}" in error and "NaN" in error and "aspect" not in error
