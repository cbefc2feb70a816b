"""A keyframe that was never painted is reported, and nothing that it colours counts as certain."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels, write_reference

from stcolor_core.images import plates
from stcolor_core.images.frame_files import write_frame

MakeShot = Callable[..., ShotOnDisk]
LAST = FIRST + 4


def plate_as_reference(shot: ShotOnDisk, frame: int) -> None:
    write_reference(shot.reference(frame), shot.scene.lightnesses[frame - FIRST], 0 * shot.scene.ab[0])


def black_reference(shot: ShotOnDisk, frame: int) -> None:
    write_reference(shot.reference(frame), 0 * shot.scene.lightnesses[0], 0 * shot.scene.ab[0])


def warnings(output: str) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [event for event in events if event["kind"] == "warning"]


def confidence(path: Path) -> np.ndarray:
    return channels(path)["rc_conf.warp"]


@pytest.mark.parametrize(("spoil", "flaw"), [(plate_as_reference, "plate"), (black_reference, "no_color")])
def test_an_unpainted_keyframe_is_named_and_its_frames_have_no_confidence(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], spoil: Callable[[ShotOnDisk, int], None], flaw: str
) -> None:
    shot = make_shot()
    spoil(shot, FIRST)
    assert shot.colorize("--json") == 0
    (warning,) = [each for each in warnings(capsys.readouterr().out) if each["flaw"]]
    assert (warning["frame"], warning["flaw"]) == (FIRST, flaw)
    assert str(shot.reference(FIRST)) in warning["message"]
    assert confidence(shot.output(FIRST)).max() == 0
    assert float(str(plates.read_header(shot.output(FIRST)).metadata["stcolor/confidence"])) == 0
    assert confidence(shot.output(LAST)).min() == 1, "the other keyframe is as certain as before"
    for frame in range(FIRST + 1, LAST):
        source = channels(shot.output(frame))["rc_source.ref"]
        from_it = confidence(shot.output(frame))[source == FIRST]
        assert from_it.mean() < 0.2, f"{frame}: smoothed to plate size, but next to nothing"


@pytest.mark.parametrize("lightness", [0, 40, 100])
def test_a_keyframe_of_one_grey_all_over_gets_one_line_that_is_true(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], lightness: float
) -> None:
    shot = make_shot()
    write_reference(shot.reference(FIRST), 0 * shot.scene.lightnesses[0] + lightness, 0 * shot.scene.ab[0])
    assert shot.colorize("--json") == 0
    lines = [each["message"] for each in warnings(capsys.readouterr().out)]
    (line,) = (line for line in lines if str(shot.reference(FIRST)) in line)
    assert "has no colour: what it colours stays grey, at confidence 0. Paint it, or leave it out." in line


def test_a_shot_with_only_an_unpainted_keyframe_has_no_confidence_anywhere(make_shot: MakeShot) -> None:
    shot = make_shot(references=(FIRST,))
    plate_as_reference(shot, FIRST)
    assert shot.colorize() == 0
    assert all(confidence(shot.output(frame)).max() == 0 for frame in shot.frames)


def test_a_keyframe_with_three_percent_painted_is_no_unpainted_one(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(references=(FIRST,))
    ab = 0 * shot.scene.ab[0]
    ab[10:23, 10:24] = (35, 25)  # 182 of 6144 pixels
    write_reference(shot.reference(FIRST), shot.scene.lightnesses[0], ab)
    assert shot.colorize("--json") == 0
    assert not [each for each in warnings(capsys.readouterr().out) if each["flaw"] or "colour" in each["message"]]
    assert confidence(shot.output(FIRST)).min() == 1


def test_painting_the_keyframe_colours_its_frames_again(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    plate_as_reference(shot, FIRST)
    assert shot.colorize() == 0
    write_reference(shot.reference(FIRST), shot.scene.lightnesses[0], shot.scene.ab[0])
    capsys.readouterr()
    assert shot.colorize("--json") == 0
    assert not [each for each in warnings(capsys.readouterr().out) if each["flaw"]]
    assert confidence(shot.output(FIRST)).min() == 1


def test_an_unpainted_keyframe_is_named_before_its_damaged_plate_frame_stops_the_run(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(references=(FIRST,))
    black_reference(shot, FIRST)
    plate = shot.plate(FIRST)
    plate.write_bytes(plate.read_bytes()[:-200])
    assert shot.colorize("--json", "--cuts", "none") == 1
    output = capsys.readouterr()
    (warning,) = [each for each in warnings(output.out) if each["flaw"]]
    assert (warning["frame"], warning["flaw"]) == (FIRST, "no_color")
    assert "Paint it, or leave it out" in warning["message"]
    assert plate.name in output.err


def test_the_command_line_names_all_unpainted_keyframes_in_one_line(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(references=(FIRST, FIRST + 1, FIRST + 2, LAST))
    for frame in shot.references[:3]:
        black_reference(shot, frame)
    assert shot.colorize() == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "has no colour" in line]
    assert line.startswith(f"stcolor: Each of the references {FIRST}-{FIRST + 2} (")
    assert "####.exr) has no colour: what it colours stays grey" in line


def test_a_run_that_colours_nothing_ends_with_that_and_asks_for_the_keyframe_to_be_painted(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(references=(FIRST + 2,))
    plate_as_reference(shot, FIRST + 2)
    assert shot.colorize() == 0, "every frame is on disk, as grey as the artist gave it"
    printed = capsys.readouterr()
    last = [line for line in printed.err.splitlines() if line.startswith("stcolor: ")][-1]
    assert last.startswith("stcolor: Nothing has got colour: 5 frames stay as grey as the plate")
    assert f"Paint {FIRST + 2}, and run it again." in last
    assert f"Next: a keyframe at {FIRST + 2} would correct" in printed.out
    assert shot.colorize() == 0
    assert "Nothing has got colour" in capsys.readouterr().err, "also if every frame is kept"


@pytest.mark.parametrize("keyframes", [(FIRST, LAST), (LAST,)])
def test_a_run_in_which_one_keyframe_has_colour_does_not_say_so(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], keyframes: tuple[int, ...]
) -> None:
    shot = make_shot(references=keyframes)
    if FIRST in keyframes:
        black_reference(shot, FIRST)
    assert shot.colorize() == 0
    assert "Nothing has got colour" not in capsys.readouterr().err


def test_a_black_shot_needs_no_colour(make_shot: MakeShot, capsys: pytest.CaptureFixture[str]) -> None:
    shot = make_shot(references=(FIRST,))
    for frame in shot.frames:
        write_frame(shot.plate(frame), {"Y": (0 * shot.scene.lightnesses[0], "half")})
    black_reference(shot, FIRST)
    assert shot.colorize() == 0
    assert "Nothing has got colour" not in capsys.readouterr().err
