"""A keyframe that shows no frame of the shot takes nothing from what the other keyframes give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels, write_reference
from scenes import pan, texture

from stcolor_core.cli import main
from stcolor_core.farm.pinning import pin, plan_tasks
from stcolor_core.pipeline.run import colorize, plan_run
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

MakeShot = Callable[..., ShotOnDisk]

COUNT, AT, HEIGHT, WIDTH = 6, 3, 72, 128
OPTIONS = ("--cuts", "none", "--working-height", "72")


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    return make_shot(pan(COUNT, height=HEIGHT, width=WIDTH, step=2), references=(FIRST,))


def write_stranger(shot: ShotOnDisk) -> str:
    """Write a picture of something else, and return its path."""
    ab = np.full((HEIGHT, WIDTH, 2), (50.0, -40.0), np.float32)
    write_reference(shot.folder / "other.exr", texture(HEIGHT, WIDTH, seed=77, mean=50, contrast=60), ab)
    return str(shot.folder / "other.exr")


def run(shot: ShotOnDisk, output: str, *given: str) -> None:
    pictures = ["--plate", str(shot.folder / "plate.####.exr"), "--output", str(shot.folder / output / "shot.####.exr")]
    assert main(["colorize", *pictures, *OPTIONS, *given]) == 0


def colours(shot: ShotOnDisk, output: str) -> np.ndarray:
    frames = [channels(shot.folder / output / f"shot.{frame}.exr") for frame in shot.frames]
    return np.stack([np.dstack([frame["rc_ab.u"], frame["rc_ab.v"]]) for frame in frames])


def test_it_is_used_as_a_still_where_there_are_other_keyframes(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    other, key = write_stranger(shot), f"{FIRST}={shot.reference(FIRST)}"
    run(shot, "still", "--reference", key, "--still", other)
    capsys.readouterr()
    run(shot, "out", "--reference", key, "--reference", f"{FIRST + AT}={other}")
    assert f"Reference {FIRST + AT} ({other}): shows no frame of the shot near its own and is used as a still" in (
        " ".join(capsys.readouterr().err.split())
    )
    assert np.array_equal(colours(shot, "out"), colours(shot, "still"))
    apart = np.abs(colours(shot, "out") - shot.scene.ab).mean(axis=(1, 2, 3))
    assert apart.max() < 4


def test_frames_are_written_again_when_it_comes_or_goes(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    other, key = write_stranger(shot), f"{FIRST}={shot.reference(FIRST)}"
    run(shot, "out", "--reference", key)
    capsys.readouterr()
    run(shot, "out", "--reference", key, "--reference", f"{FIRST + AT}={other}")
    assert f"{COUNT} written" in capsys.readouterr().out
    run(shot, "out", "--reference", key, "--reference", f"{FIRST + AT}={other}")
    assert f"0 written, {COUNT} kept" in capsys.readouterr().out


def write_part(shot: ShotOnDisk) -> str:
    """Write a keyframe between bars, which becomes the lowest patch of its frame, and return its path."""
    lightness, ab = (np.array(plane) for plane in (shot.scene.lightnesses[AT], shot.scene.ab[AT]))
    for bar in (np.s_[:12], np.s_[-12:]):
        lightness[bar], ab[bar] = 0, 0
    write_reference(shot.folder / "part.exr", lightness, ab)
    return str(shot.folder / "part.exr")


@pytest.mark.parametrize("write", [write_stranger, write_part])
def test_a_farm_gives_a_keyframe_the_role_that_it_has_here(shot: ShotOnDisk, write: Callable[..., str]) -> None:
    pictures = {FIRST: str(shot.reference(FIRST)), FIRST + AT: write(shot)}
    wish = Shot(
        plate=Plate(path=str(shot.folder / "plate.####.exr")),
        output=Output(path=str(shot.folder / "out" / "shot.####.exr")),
        references=tuple(Reference(frame=frame, path=path) for frame, path in pictures.items()),
        method=Method(cuts="none", working_height=HEIGHT),
    )
    plan = plan_run(wish)
    assert set(plan.references) == {FIRST}
    assert (FIRST + AT in plan.patches) == (write is write_part)
    pinned = pin(wish, plan)
    again = plan_run(pinned)
    assert (again.digests, set(again.references), set(again.patches)) == (
        plan.digests,
        set(plan.references),
        set(plan.patches),
    )
    assert sorted(frame for task in plan_tasks(pinned) for frame in task) == list(shot.frames)
    for output, given in (("here", wish), ("there", pinned)):
        for _ in colorize(replace(given, output=Output(path=str(shot.folder / output / "shot.####.exr")))):
            pass
    assert np.array_equal(colours(shot, "here"), colours(shot, "there"))


def test_alone_it_colours_its_own_frame_by_features(shot: ShotOnDisk) -> None:
    run(shot, "out", "--reference", f"{FIRST + AT}={write_stranger(shot)}")
    frame = channels(shot.folder / "out" / f"shot.{FIRST + AT}.exr")
    assert frame["rc_conf.warp"].mean() < 0.6
    assert np.hypot(frame["rc_ab.u"], frame["rc_ab.v"]).mean() > 5
