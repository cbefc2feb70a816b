"""Spans and pieces of spans, rendered separately in any order, give the same bytes as a whole render."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, frame_bytes
from real_footage import footage
from scenes import Scene, pan

from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.images.frame_ranges import format_frames
from stcolor_core.pipeline.planning import split_spans
from stcolor_core.pipeline.run import plan_run
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.spans import plan

MakeShot = Callable[..., ShotOnDisk]


def joined(*scenes: Scene) -> Scene:
    """Two scenes, one after the other, with a cut between them."""
    parts = [[value for scene in scenes for value in getattr(scene, name)] for name in ("lightnesses", "ab", "masks")]
    return Scene(*parts, with_mattes=False)


def made() -> Scene:
    one, other = pan(11, height=64, width=96, step=2), pan(6, height=64, width=96, step=3)
    other.lightnesses[:] = [np.ascontiguousarray(100 - lightness[::-1, ::-1]) for lightness in other.lightnesses]
    return joined(one, other)


def filmed() -> Scene:
    davis = footage("davis")
    scenes = []
    for clip, count in zip(read_dataset(davis, width=128, height=72, names=("dog", "parkour")), (11, 6), strict=True):
        labs = [cv2.cvtColor(clip.rgb(frame), cv2.COLOR_RGB2Lab) for frame in range(count)]
        shape = (0, *labs[0].shape[:2])
        scenes.append(
            Scene(
                [np.ascontiguousarray(lab[..., 0]) for lab in labs],
                [np.ascontiguousarray(lab[..., 1:]) for lab in labs],
                [np.zeros(shape, bool)] * count,
            )
        )
    return joined(*scenes)


@pytest.fixture(params=[made, filmed], ids=["made", "filmed"])
def shot(request: pytest.FixtureRequest, make_shot: MakeShot) -> ShotOnDisk:
    """A shot of 17 frames with a cut before the 12th and references on the 2nd, 9th and 15th."""
    return make_shot(request.param(), references=(FIRST + 1, FIRST + 8, FIRST + 14))


def whole(shot: ShotOnDisk) -> dict[str, bytes]:
    """Return the bytes of a whole render, and remove its files."""
    assert shot.colorize() == 0
    found = {path.name: frame_bytes(path) for path in shot.written()}
    assert len(found) == len(shot.frames)
    shutil.rmtree(shot.folder / "out")
    return found


def tasks(shot: ShotOnDisk, *options: str) -> list[str]:
    """Return frame ranges that can be rendered separately: pieces of the spans, and the references, shuffled."""
    wish = shot.folder / "shot.json"
    assert shot.colorize(*options, "--write-shot", str(wish)) == 0
    asked = Shot.load(wish)
    found = plan_run(asked)
    assert found.cuts == (FIRST + 11,)
    ranges = [format_frames(frames) for frames in (*split_spans(asked, found.spans), found.references)]
    random.Random(4).shuffle(ranges)
    return ranges


@pytest.mark.slow
def test_pieces_of_spans_rendered_by_separate_processes_give_the_bytes_of_a_whole_render(shot: ShotOnDisk) -> None:
    expected = whole(shot)
    ranges = tasks(shot, "--max-span", "4")
    assert len(ranges) == 7  # 1st, 3rd to 5th, 6th to 8th, 10th to 11th, 12th to 14th, 16th to 17th, and the references
    command = [sys.executable, "-m", "stcolor_core.cli", "colorize", "--shot", str(shot.folder / "shot.json"), "--json"]
    for some in ranges:
        done = subprocess.run([*command, "--only", some], check=True, capture_output=True, text=True)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert format_frames(event["frame"] for event in events if event["kind"] == "frame") == some
    assert {path.name: frame_bytes(path) for path in shot.written()} == expected


def test_frames_rendered_one_by_one_give_the_bytes_of_a_whole_render(shot: ShotOnDisk) -> None:
    expected = whole(shot)
    frames = list(shot.frames)
    random.Random(9).shuffle(frames)
    for frame in frames:
        assert shot.colorize("--only", str(frame)) == 0
    assert {path.name: frame_bytes(path) for path in shot.written()} == expected


def test_the_spans_of_a_recurrent_model_are_not_cut() -> None:
    shot = Shot(
        plate=Plate(path="plate.####.exr"),
        output=Output(path="out.####.exr", max_span=2),
        method=Method(model="exemplar"),
    )
    spans = plan(range(1, 10), [1, 5], [])
    assert split_spans(shot, spans) == [(2, 3, 4), (6, 7, 8, 9)]
    standard = replace(shot, method=Method())
    assert split_spans(standard, spans) == [(2,), (3, 4), (6, 7), (8, 9)]
