"""A keyframe that shows a frame behind a cut, such as one whose number is off by one, counts in the scene it shows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels, frame_bytes, write_reference
from scenes import Scene, pan, texture

from stcolor_core.cli import main
from stcolor_core.farm.pinning import pin
from stcolor_core.pipeline.input_record import InputChange, InputRecord
from stcolor_core.pipeline.key_planning import plan_keys
from stcolor_core.pipeline.run import colorize, plan_run
from stcolor_core.shots.shot import Shot

MakeShot = Callable[..., ShotOnDisk]
COUNT, HEIGHT, WIDTH = 4, 64, 96  # frames of each scene, and their size
LAST, NEXT, END = FIRST + COUNT - 1, FIRST + COUNT, FIRST + 2 * COUNT - 1  # the cut is between the first two
LOOKS = ": looks like frame {} and is used as its colour. "


def joined() -> Scene:
    """Two pans with a cut between them."""
    one, other = (pan(COUNT, height=HEIGHT, width=WIDTH, step=step) for step in (2, 1))
    lightnesses = [*one.lightnesses, *(100 - lightness[::-1] for lightness in other.lightnesses)]
    ab = [*one.ab, *(-ab[::-1] for ab in other.ab)]
    return Scene(lightnesses, ab, [np.zeros((0, HEIGHT, WIDTH), bool)] * (2 * COUNT), with_mattes=False)


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    """The shot, with a folder "keys" of the coloured pictures of all its frames."""
    shot = make_shot(joined(), references=())
    (shot.folder / "keys").mkdir()
    for frame, lightness, ab in zip(shot.frames, shot.scene.lightnesses, shot.scene.ab, strict=True):
        write_reference(key(shot, frame), lightness, ab)
    return shot


def key(shot: ShotOnDisk, frame: int) -> Path:
    return shot.folder / "keys" / f"key.{frame}.exr"


def run(shot: ShotOnDisk, given: Mapping[int, int], *options: str, output: str = "out") -> int:
    """Colour the shot; given: number of a keyframe -> the frame that it shows."""
    pictures = ["--plate", str(shot.folder / "plate.####.exr"), "--output", str(shot.folder / output / "shot.####.exr")]
    keyed = [f"--reference={number}={key(shot, shown)}" for number, shown in given.items()]
    return main(["colorize", *pictures, *keyed, "--working-height", str(HEIGHT), *options])


def saved(shot: ShotOnDisk, given: Mapping[int, int], *options: str) -> Shot:
    assert run(shot, given, *options, "--write-shot", str(shot.folder / "shot.json")) == 0
    return Shot.load(shot.folder / "shot.json")


def layers(shot: ShotOnDisk, output: str = "out") -> list[dict[str, np.ndarray]]:
    return [channels(shot.folder / output / f"shot.{frame}.exr") for frame in shot.frames]


def assert_same(some: list[dict[str, np.ndarray]], others: list[dict[str, np.ndarray]]) -> None:
    for one, other in zip(some, others, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def told(capsys: pytest.CaptureFixture[str]) -> list[tuple[int, str]]:
    """Return the lines about references, each with its frame."""
    events = (json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{"))
    return [(event["frame"], event["message"]) for event in events if event.get("registered")]


@pytest.mark.parametrize(("number", "shown"), [(LAST, NEXT), (NEXT, LAST), (LAST - 1, NEXT + 1)])
def test_it_becomes_the_keyframe_of_the_frame_that_it_shows(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], number: int, shown: int
) -> None:
    assert run(shot, {shown: shown}, "--json", output="right") == 0
    assert not told(capsys)
    assert run(shot, {number: shown}, "--json") == 0
    ((frame, line),) = told(capsys)
    assert frame == number
    assert line.startswith(f"Reference {number} ({key(shot, shown)}){LOOKS.format(shown)}")
    assert_same(layers(shot), layers(shot, "right"))
    own, other = layers(shot)[shown - FIRST], layers(shot)[number - FIRST]
    assert own["rc_conf.warp"].mean() == 1 and not other["rc_conf.warp"].any()


def test_two_that_are_exchanged_across_a_cut_are_put_right(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(shot, {LAST: LAST, NEXT: NEXT}, output="right") == 0
    capsys.readouterr()
    assert run(shot, {LAST: NEXT, NEXT: LAST}, "--json") == 0
    (first, one), (second, other) = told(capsys)
    assert (first, second) == (LAST, NEXT)
    assert LOOKS.format(NEXT) in one and LOOKS.format(LAST) in other
    assert_same(layers(shot), layers(shot, "right"))


def test_one_whose_frame_has_a_keyframe_of_its_own_is_left_out_and_that_is_told(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(shot, {NEXT: NEXT}, output="right") == 0
    capsys.readouterr()
    for _ in range(2):  # the second time the verdict is known
        assert run(shot, {LAST: NEXT, NEXT: NEXT}, "--force", "--json") == 0
        ((frame, line),) = told(capsys)
        assert frame == LAST and f"looks like frame {NEXT} of another scene" in line and "is not used" in line
    assert_same(layers(shot), layers(shot, "right"))


def test_it_takes_the_place_of_a_picture_of_something_else(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    other = shot.folder / "other.exr"
    ab = np.full((HEIGHT, WIDTH, 2), (50.0, -40.0), np.float32)
    write_reference(other, texture(HEIGHT, WIDTH, seed=77, mean=50, contrast=60), ab)
    assert run(shot, {FIRST: FIRST, NEXT: NEXT}, f"--still={other}", output="right") == 0
    capsys.readouterr()
    assert run(shot, {FIRST: FIRST, LAST: NEXT}, f"--reference={NEXT}={other}", "--json") == 0
    lines = dict(told(capsys))
    assert "used as a still" in lines[NEXT] and LOOKS.format(NEXT) in lines[LAST]
    assert_same(layers(shot), layers(shot, "right"))


def test_one_of_its_own_scene_stays_where_it_was_given(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(shot, {LAST: LAST - 1}, "--json") == 0
    ((frame, line),) = told(capsys)
    assert frame == LAST and LOOKS.format(LAST - 1) in line
    assert plan_run(saved(shot, {LAST: LAST - 1})).references.keys() == {LAST}


@pytest.mark.parametrize("options", [("--cuts", "none"), ("--cuts", f"{LAST}-{NEXT}"), ("--register", "off")])
def test_nothing_is_put_elsewhere_without_a_cut_or_without_registration(
    shot: ShotOnDisk, options: tuple[str, ...]
) -> None:
    given = {FIRST: FIRST, LAST: NEXT}
    assert plan_run(saved(shot, given, *options)).references.keys() == given.keys()
    assert plan_run(saved(shot, given)).references.keys() == {FIRST, NEXT}


@pytest.mark.parametrize("given", [{LAST: NEXT}, {LAST: NEXT, NEXT: LAST}, {LAST: NEXT, END: END}])
def test_frames_rendered_one_by_one_give_the_bytes_of_a_whole_render(shot: ShotOnDisk, given: dict[int, int]) -> None:
    assert run(shot, given) == 0
    whole = {path.name: frame_bytes(path) for path in (shot.folder / "out").iterdir()}
    shutil.rmtree(shot.folder / "out")
    for frame in (NEXT + 1, FIRST, LAST, END, NEXT, FIRST + 1, FIRST + 2, NEXT + 2):
        assert run(shot, given, "--only", str(frame)) == 0
    assert {path.name: frame_bytes(path) for path in (shot.folder / "out").iterdir()} == whole


def test_a_further_run_keeps_the_frames_also_once_the_number_is_right(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(shot, {LAST: NEXT}) == 0
    for number in (LAST, NEXT):
        capsys.readouterr()
        assert run(shot, {number: NEXT}) == 0
        assert f"0 written, {2 * COUNT} kept" in capsys.readouterr().out


def test_a_farm_job_names_the_frame_that_it_shows_and_carries_the_same_digests(shot: ShotOnDisk) -> None:
    wish = saved(shot, {FIRST: FIRST, LAST: NEXT})
    plan = plan_run(wish)
    pinned = pin(wish, plan)
    assert [reference.frame for reference in pinned.references] == [FIRST, NEXT]
    assert plan_run(pinned).digests == plan.digests


def test_a_changed_keyframe_concerns_the_frames_that_it_colours(shot: ShotOnDisk) -> None:
    records: list[InputRecord] = []
    for _ in colorize(saved(shot, {FIRST: FIRST, LAST: NEXT}), on_inputs=records.append):
        pass
    change = InputChange("reference", "changed", (LAST,), key(shot, NEXT))
    assert records[0].affected([change]) == set(range(NEXT, END + 1))


def test_planning_counts_it_in_the_scene_that_it_shows(shot: ShotOnDisk) -> None:
    plan = plan_keys(saved(shot, {LAST: NEXT}))
    found = [[key.frame for key in scene.keys if key.exists] for scene in plan.scenes]
    assert found == [[], [NEXT]]
