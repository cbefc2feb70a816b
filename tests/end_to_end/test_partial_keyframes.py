"""Keyframes with NaN and infinity, and plates with overscan: unknown colour is never smeared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels, write_reference
from scenes import crossing, pan

from stcolor_core.images import plates
from stcolor_core.images.frame_files import write_frame

MakeShot = Callable[..., ShotOnDisk]


def window(shot: ShotOnDisk, frame: int, *, data: tuple[int, int, int, int], keep: tuple[slice, slice]) -> None:
    """Write the reference again with another data window of the same format."""
    pixels = channels(shot.reference(frame))
    header = replace(plates.read_header(shot.reference(frame)), data_window=data)
    write_frame(shot.reference(frame), {name: (pixels[name][keep].copy(), "half") for name in "RGB"}, like=header)


def spoil(shot: ShotOnDisk, frame: int, value: float, *, channel: str = "R") -> tuple[slice, slice]:
    """Put a value into a patch of one channel of a reference."""
    pixels = {name: values.copy() for name, values in channels(shot.reference(frame)).items()}
    patch = (slice(20, 40), slice(30, 60))
    pixels[channel][patch] = value
    write_frame(shot.reference(frame), {name: (pixels[name], "float") for name in "RGB"})
    return patch


def ab(shot: ShotOnDisk, frame: int) -> np.ndarray:
    layers = channels(shot.output(frame))
    return np.dstack([layers["rc_ab.u"], layers["rc_ab.v"]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_pixels_of_a_keyframe_give_no_colour(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], value: float
) -> None:
    shot = make_shot(pan(4, height=64, width=96, step=2), references=(FIRST,))
    patch = spoil(shot, FIRST, value)
    assert shot.colorize("--cuts", "none", "--json") == 0
    warnings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (warning,) = (event["message"] for event in warnings if event["kind"] == "warning")
    assert "600 pixels" in warning and f"ref.{FIRST}.exr" in warning
    for frame in shot.frames:
        assert np.abs(ab(shot, frame)).max() < 60  # the chroma of the scene stays below 40
        assert np.isfinite(channels(shot.output(frame))["R"]).all()
        assert channels(shot.output(frame))["R"].max() < 2
    certain = channels(shot.output(FIRST))["rc_conf.warp"]
    assert certain[patch].mean() < 1 and (np.delete(certain, range(20, 40), axis=0) == 1).all()


@pytest.mark.parametrize("value", [65504.0, -1000.0, 1e30])
def test_impossible_light_values_of_a_keyframe_give_no_colour(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], value: float
) -> None:
    shot = make_shot(pan(4, height=64, width=96, step=2), references=(FIRST,))
    spoil(shot, FIRST, value)
    assert shot.colorize("--cuts", "none", "--json") == 0
    assert "600 pixels" in capsys.readouterr().out
    assert max(np.abs(ab(shot, frame)).max() for frame in shot.frames) < 60


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_pixels_of_a_still_give_no_colour(make_shot: MakeShot, value: float) -> None:
    shot = make_shot(references=(FIRST,))
    spoil(shot, FIRST, value)
    assert shot.colorize("--still", str(shot.reference(FIRST)), references=False) == 0
    assert max(np.abs(ab(shot, frame)).max() for frame in shot.frames) < 60


@pytest.mark.parametrize("what", ["all of it is NaN", "elsewhere"])
def test_a_keyframe_without_any_pixel_of_the_plate_is_refused(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    shot = make_shot(references=(FIRST,))
    if what == "elsewhere":
        window(shot, FIRST, data=(200, 100, 96, 64), keep=(slice(None), slice(None)))
    else:
        nothing = np.full((64, 96), np.nan, np.float32)
        write_frame(shot.reference(FIRST), dict.fromkeys("RGB", (nothing, "float")))
    assert shot.colorize() == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert str(FIRST) in line and "ref.1001.exr" in line and "Render it again" in line


def test_overscan_missing_from_the_keyframe_does_not_repeat_its_border(make_shot: MakeShot) -> None:
    shot = make_shot(crossing(4), references=(FIRST,))
    keep = (slice(8, 104), slice(50, 180))
    for frame in shot.frames:
        header = replace(
            plates.read_header(shot.plate(frame)), data_window=(-50, -8, 192, 112), display_window=(0, 0, 130, 96)
        )
        write_frame(shot.plate(frame), {"Y": (channels(shot.plate(frame))["Y"], "half")}, like=header)
    write_reference(shot.reference(FIRST), shot.scene.lightnesses[0][keep], shot.scene.ab[0][keep])
    assert shot.colorize("--cuts", "none", "--working-height", "112") == 0
    for frame in shot.frames:
        ground = ab(shot, frame)[14:50, :32]
        assert np.linalg.norm(ground - (-30, 20), axis=-1).mean() < 12
