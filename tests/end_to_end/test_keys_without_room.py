"""A keyframe on a frame that can hold no colour does not stand before the others, and none is proposed there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels, write_reference
from scenes import Scene, pan

from stcolor_core.cli import main
from stcolor_core.images import plates

MakeShot = Callable[..., ShotOnDisk]
COUNT, DARK = 12, range(7, 10)  # of the frames of a shot, those of a fade through black, or white


def fade(level: float) -> Scene:
    """A pan of which some frames are of one grey."""
    scene = pan(COUNT, height=64, width=96, step=1)
    lightnesses = [
        np.full_like(lightness, level) if index in DARK else lightness
        for index, lightness in enumerate(scene.lightnesses)
    ]
    return replace(scene, lightnesses=lightnesses)


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("level", [0.0, 100.0])
def test_a_grey_keyframe_on_a_black_or_white_frame_is_left_out(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], level: float
) -> None:
    key, last = FIRST + DARK[1], FIRST + COUNT - 1
    shot = make_shot(fade(level), references=(FIRST,))
    assert shot.colorize("--cuts", "none") == 0
    alone = channels(shot.output(last))
    capsys.readouterr()
    write_reference(shot.reference(key), shot.scene.lightnesses[DARK[1]], 0 * shot.scene.ab[0])
    assert shot.colorize("--cuts", "none", "--force", "--json") == 0
    (warning,) = [event for event in events(capsys.readouterr().out) if event["kind"] == "warning" and event["flaw"]]
    assert warning["frame"] == key and "can hold none" in warning["message"]
    result = channels(shot.output(last))
    for name in ("R", "G", "B", "rc_conf.warp"):
        np.testing.assert_array_equal(result[name], alone[name])
    assert channels(shot.output(last - 1))["rc_source.ref"].max() == FIRST


def test_a_grey_keyframe_alone_is_still_reported_as_one(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(fade(0.0), references=())
    write_reference(shot.reference(FIRST + DARK[0]), shot.scene.lightnesses[DARK[0]], 0 * shot.scene.ab[0])
    assert shot.colorize("--cuts", "none", "--json") == 0
    found = events(capsys.readouterr().out)
    (warning,) = [event for event in found if event["kind"] == "warning" and event["flaw"]]
    assert "Paint it" not in warning["message"] and "paint such a frame" in warning["message"]
    confidence = {event["frame"] - FIRST: event["confidence"] for event in found if event["kind"] == "frame"}
    assert all(confidence[index] == pytest.approx(float(index in DARK), abs=0.01) for index in confidence)


def test_a_wholly_black_shot_with_a_grey_keyframe_is_certain(make_shot: MakeShot) -> None:
    black = pan(4, height=64, width=96, step=1)
    black = replace(black, lightnesses=[np.zeros_like(lightness) for lightness in black.lightnesses])
    shot = make_shot(black, references=())
    write_reference(shot.reference(FIRST), black.lightnesses[0], 0 * black.ab[0])
    assert shot.colorize("--cuts", "none") == 0
    for frame in shot.frames:
        written = channels(shot.output(frame))
        assert written["rc_conf.warp"].min() == pytest.approx(1)
        assert not any(written[name].any() for name in "RGB")


@pytest.mark.parametrize("choice", ["grey", "match"])
def test_a_black_scene_of_a_shot_is_not_said_to_lack_a_keyframe(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], choice: str
) -> None:
    shot = make_shot(fade(0.0), references=(FIRST, FIRST + COUNT - 1))
    cuts = f"{FIRST + DARK[0]},{FIRST + DARK[-1] + 1}"
    assert shot.colorize("--cuts", cuts, "--unreferenced", choice, "--json") == 0
    found = events(capsys.readouterr().out)
    assert not [event["message"] for event in found if event["kind"] == "warning"]
    confidence = {event["frame"]: event["confidence"] for event in found if event["kind"] == "frame"}
    assert all(confidence[FIRST + index] == pytest.approx(1, abs=1e-3) for index in DARK)


def test_no_program_proposes_a_frame_that_can_hold_no_colour(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(fade(0.0), references=(FIRST,))
    assert shot.colorize("--cuts", "none", "--json") == 0
    frames = {event["frame"]: event for event in events(capsys.readouterr().out) if event["kind"] == "frame"}
    dark = {FIRST + index for index in DARK}
    assert {frame for frame, event in frames.items() if event["room"] < 0.05} == dark
    for frame in shot.frames:
        assert float(str(plates.read_header(shot.output(frame)).metadata["stcolor/room"])) == pytest.approx(
            frames[frame]["room"], abs=0.01
        )
    assert shot.colorize("--cuts", "none", "--json") == 0  # every frame is kept
    kept = [event for event in events(capsys.readouterr().out) if event["kind"] == "frame"]
    assert all(event["kept"] and event["room"] is not None for event in kept)
    plate = ["--plate", str(shot.folder / "plate.####.exr"), "--cuts", "none"]
    assert main(["plan", *plate, "--count", "12", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out.splitlines()[-1])
    planned = {key["frame"] for scene in plan["scenes"] for key in scene["keys"]}
    assert planned and not planned & dark
