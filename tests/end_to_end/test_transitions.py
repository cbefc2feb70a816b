"""Cuts, dissolves and scenes without a reference, from the command line to the frames."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels, frame_bytes, write_reference
from scenes import Scene, pan

from stcolor_core.cli import main
from stcolor_core.farm.pinning import pin, plan_tasks
from stcolor_core.images.color import lab_to_linear, linear_to_lab
from stcolor_core.images.frame_files import write_frame
from stcolor_core.pipeline.run import plan_run
from stcolor_core.shots.shot import Shot

MakeShot = Callable[..., ShotOnDisk]
PURE, MIXED = 4, 4  # frames of each scene alone, and of both
DISSOLVE = f"{FIRST + PURE}-{FIRST + PURE + MIXED - 1}"


def dissolving(pure: int = PURE, mixed: int = MIXED, *, steps: tuple[int, int] = (2, 1)) -> Scene:
    """Two pans, at these px a frame, with a dissolve between them in linear light."""
    count = pure + mixed
    one, other = (pan(count, height=64, width=96, step=step) for step in steps)
    a = [lab_to_linear(np.dstack(parts)) for parts in zip(one.lightnesses, one.ab, strict=True)]
    b = [lab_to_linear(np.dstack([100 - x[::-1], -y[::-1]])) for x, y in zip(other.lightnesses, other.ab, strict=True)]
    shares = np.float32((np.arange(mixed) + 1) / (mixed + 1))
    middle = [(1 - k) * x + k * y for x, y, k in zip(a[pure:], b[:mixed], shares, strict=True)]
    labs = [np.asarray(linear_to_lab(frame), np.float32) for frame in [*a[:pure], *middle, *b[mixed:]]]
    lightnesses, ab = ([np.ascontiguousarray(lab[..., part]) for lab in labs] for part in (0, slice(1, None)))
    return Scene(lightnesses, ab, [np.zeros((0, 64, 96), bool)] * len(labs), with_mattes=False)


@pytest.fixture
def dissolve(make_shot: MakeShot) -> ShotOnDisk:
    """A shot of 12 frames with references on the 2nd and the 11th; the 5th to the 8th mix two scenes."""
    return make_shot(dissolving(), references=(FIRST + 1, FIRST + 10))


def test_a_dissolve_given_by_hand_mixes_the_colours_of_both_scenes(dissolve: ShotOnDisk) -> None:
    assert dissolve.colorize("--cuts", DISSOLVE) == 0
    for place in range(PURE, PURE + MIXED):
        written = channels(dissolve.output(FIRST + place))
        ab = np.dstack([written["rc_ab.u"], written["rc_ab.v"]])
        assert np.abs(ab - dissolve.scene.ab[place])[8:-8, 16:-16].mean() < 6
        assert written["rc_conf.warp"].mean() > 0.5


def test_frames_of_a_dissolve_rendered_one_by_one_give_the_bytes_of_a_whole_render(dissolve: ShotOnDisk) -> None:
    assert dissolve.colorize("--cuts", DISSOLVE) == 0
    whole = {path.name: frame_bytes(path) for path in dissolve.written()}
    shutil.rmtree(dissolve.folder / "out")
    frames = list(dissolve.frames)
    random.Random(3).shuffle(frames)
    for frame in frames:
        assert dissolve.colorize("--cuts", DISSOLVE, "--only", str(frame)) == 0
    assert {path.name: frame_bytes(path) for path in dissolve.written()} == whole


@pytest.mark.parametrize("place", [2, 3, 5, 8, 9], ids="frame {}".format)
def test_a_dissolve_is_coloured_again_if_a_frame_that_it_reads_has_changed(dissolve: ShotOnDisk, place: int) -> None:
    assert dissolve.colorize("--cuts", DISSOLVE) == 0
    before = dissolve.output(FIRST + PURE).read_bytes()
    path = dissolve.plate(FIRST + place)
    write_frame(path, {"Y": (channels(path)["Y"] * 0.7, "half")})
    assert dissolve.colorize("--cuts", DISSOLVE) == 0
    assert dissolve.output(FIRST + PURE).read_bytes() != before


def test_a_farm_job_keeps_a_dissolve_and_writes_it_in_one_task(dissolve: ShotOnDisk) -> None:
    wish = dissolve.folder / "shot.json"
    assert dissolve.colorize("--cuts", f"{DISSOLVE},{FIRST + 10}", "--max-span", "2", "--write-shot", str(wish)) == 0
    shot = Shot.load(wish)
    plan = plan_run(shot)
    pinned = pin(shot, plan)
    assert pinned.method.cuts == f"{DISSOLVE},{FIRST + 10}"
    assert plan_run(pinned).digests == plan.digests
    assert tuple(range(FIRST + PURE, FIRST + PURE + MIXED)) in plan_tasks(pinned)


def two_scenes() -> Scene:
    """A pan, and the same wall again seen from further on."""
    one = pan(16, height=64, width=96, step=2)
    order = [*range(6), *range(8, 14)]
    return Scene(*([part[i] for i in order] for part in (one.lightnesses, one.ab, one.masks)), with_mattes=False)


@pytest.fixture
def unreferenced(make_shot: MakeShot) -> ShotOnDisk:
    """A shot of 12 frames with references on the first frame; a cut before the 7th is given by hand."""
    return make_shot(two_scenes(), references=(FIRST,))


CUT = ("--cuts", str(FIRST + 6))


def test_a_scene_without_a_reference_is_matched_and_says_so(
    unreferenced: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert unreferenced.colorize(*CUT, "--unreferenced", "match", "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (warning,) = (e["message"] for e in events if e["kind"] == "warning")
    for part in (f"{FIRST + 6}-{FIRST + 11}", str(FIRST), "confidence"):
        assert part in warning
    written = channels(unreferenced.output(FIRST + 8))
    assert np.abs(written["rc_ab.u"]).mean() > 5
    assert (written["rc_source.ref"] == FIRST).mean() > 0.9
    assert 0 < written["rc_conf.warp"].mean() < 1


def test_a_scene_without_a_reference_is_left_grey_if_asked_for(unreferenced: ShotOnDisk) -> None:
    assert unreferenced.colorize(*CUT, "--unreferenced", "grey") == 0
    written = channels(unreferenced.output(FIRST + 8))
    assert not written["rc_ab.u"].any() and not written["rc_conf.warp"].any()


@pytest.mark.parametrize(("choice", "again"), [("match", True), ("grey", False)])
def test_a_scene_without_a_reference_depends_on_the_references_that_it_reads(
    unreferenced: ShotOnDisk, choice: str, again: bool
) -> None:
    assert unreferenced.colorize(*CUT, "--unreferenced", choice) == 0
    before = unreferenced.output(FIRST + 8).read_bytes()
    write_reference(unreferenced.reference(FIRST), unreferenced.scene.lightnesses[0], -unreferenced.scene.ab[0])
    assert unreferenced.colorize(*CUT, "--unreferenced", choice) == 0
    assert (unreferenced.output(FIRST + 8).read_bytes() != before) == again


def test_the_choice_changes_no_scene_with_a_reference(unreferenced: ShotOnDisk) -> None:
    digests = []
    for choice in ("match", "grey"):
        wish = unreferenced.folder / f"{choice}.json"
        assert unreferenced.colorize(*CUT, "--unreferenced", choice, "--write-shot", str(wish)) == 0
        digests.append(plan_run(Shot.load(wish)).digests)
    same = {frame for frame in digests[0] if digests[0][frame] == digests[1][frame]}
    assert same == set(range(FIRST, FIRST + 6))


def test_each_cut_is_reported_with_its_certainty(make_shot: MakeShot, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = pan(12, height=64, width=96, step=2), dissolving()
    parts = [getattr(one, name) + getattr(other, name)[-4:] for name in ("lightnesses", "ab", "masks")]
    shot = make_shot(Scene(*parts, with_mattes=False), references=(FIRST, FIRST + 15))
    assert shot.colorize("--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (cut,) = (event for event in events if event["kind"] == "cut" and event["certainty"] >= 0.5)
    assert cut["frame"] == FIRST + 12
    assert any(f"certainty {cut['certainty']:.2f}" in e["message"] for e in events if e["kind"] == "warning")


def find_dissolves(shot: ShotOnDisk, *options: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the dissolves found in a shot, and those that hold a reference, by place."""
    wish = shot.folder / "shot.json"
    assert shot.colorize("--write-shot", str(wish), *options) == 0
    found = plan_run(Shot.load(wish)).transitions
    used, disregarded = (
        [(d.first - FIRST, d.last - FIRST) for d in part] for part in (found.dissolves, found.disregarded)
    )
    return used, disregarded


@pytest.mark.parametrize("places", [(2, 33), (11, 33), (2, 24), (11, 24), (10, 25), (0, 11, 24, 35)])
def test_a_dissolve_is_found_with_references_right_beside_it(make_shot: MakeShot, places: tuple[int, ...]) -> None:
    shot = make_shot(dissolving(12, 12, steps=(0, 0)), references=tuple(FIRST + place for place in places))
    ((first, last),), disregarded = find_dissolves(shot)
    assert abs(first - 12) <= 3 and abs(last - 23) <= 3
    assert not any(first <= place <= last for place in places)
    assert not disregarded


def test_a_dissolve_that_holds_a_reference_is_warned_of(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(dissolving(12, 12, steps=(0, 0)), references=(FIRST + 2, FIRST + 17, FIRST + 33))
    used, ((first, last),) = find_dissolves(shot)
    assert not used
    assert first <= 17 <= last
    capsys.readouterr()
    assert shot.colorize("--only", str(FIRST), "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    warning = " ".join(e["message"] for e in events if e["kind"] == "warning")
    assert f"{FIRST + first}-{FIRST + last}" in warning and "--cuts" in warning


def test_a_dissolve_at_an_end_of_the_plate_is_warned_of(
    dissolve: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dissolve.colorize("--cuts", f"{FIRST}-{FIRST + 3}", "--json") == 0
    messages = [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()]
    assert any(f"{FIRST}-{FIRST + 3}" in message and "--cuts" in message for message in messages)


def test_what_is_found_does_not_depend_on_the_frames_that_are_requested(make_shot: MakeShot) -> None:
    one, other = pan(12, height=64, width=96, step=2), dissolving()
    parts = [getattr(one, name) + getattr(other, name)[-4:] for name in ("lightnesses", "ab", "masks")]
    disk = make_shot(Scene(*parts, with_mattes=False), references=(FIRST + 2, FIRST + 7, FIRST + 14))
    wish = disk.folder / "shot.json"
    assert disk.colorize("--write-shot", str(wish)) == 0
    shot = Shot.load(wish)
    whole = plan_run(shot)
    assert whole.cuts == (FIRST + 12,)
    for frame in disk.frames:
        alone = plan_run(replace(shot, output=replace(shot.output, frames=str(frame))))
        assert alone.digests == {frame: whole.digests[frame]}


def blinking() -> Scene:
    """A pan that goes to black for a few frames, with ramps of two steps."""
    scene = pan(36, height=64, width=96, step=1)
    light = np.ones(36, np.float32)
    light[14:22] = (0.6, 0.25, 0, 0, 0, 0, 0.25, 0.6)
    return replace(scene, lightnesses=[part * gain for part, gain in zip(scene.lightnesses, light, strict=True)])


@pytest.mark.parametrize("references", [(0, 35), (11, 24), (0, 8, 12, 30)])
@pytest.mark.parametrize("scene", [blinking(), dissolving(12, 12, steps=(1, 1))], ids=["blink", "dissolve"])
def test_plan_and_colorize_find_the_same_wherever_the_references_are(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], scene: Scene, references: tuple[int, ...]
) -> None:
    """But for the ends of a dissolve, which yield to references right beside it."""
    shot = make_shot(scene, references=tuple(FIRST + place for place in references))
    assert main(["plan", "--plate", str(shot.folder / "plate.####.exr"), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out.splitlines()[-1])
    wish = shot.folder / "shot.json"
    assert shot.colorize("--write-shot", str(wish)) == 0
    found = plan_run(Shot.load(wish)).transitions
    assert list(found.cuts) == plan["cuts"]
    assert len(found.dissolves) == len(plan["dissolves"])
    for dissolve, (first, last) in zip(found.dissolves, plan["dissolves"], strict=True):
        inside = {FIRST + place for place in references}.intersection(range(first, last + 1))
        if inside:
            assert first <= dissolve.first <= dissolve.last <= last
        else:
            assert (dissolve.first, dissolve.last) == (first, last)
    ends = [(scene["first"], scene["last"]) for scene in plan["scenes"]]
    frames = {frame for first, last in ends for frame in range(first, last + 1)}
    mixed = {frame for first, last in plan["dissolves"] for frame in range(first, last + 1)}
    assert frames | mixed == set(shot.frames) and not frames & mixed
