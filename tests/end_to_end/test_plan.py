"""`stcolor plan` on real files: the frames to paint first, from the grey plate alone."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import FIRST, ShotOnDisk
from scenes import pan

from stcolor_core.cli import main
from stcolor_core.errors import Cancelled
from stcolor_core.pipeline.events import Event
from stcolor_core.pipeline.key_planning import plan_keys
from stcolor_core.pipeline.plate_scenes import split_scenes
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.transitions import Boundary, Dissolve, Transitions

MakeShot = Callable[..., ShotOnDisk]


@pytest.fixture
def shot(make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ShotOnDisk:
    monkeypatch.setenv("STCOLOR_CACHE_DIR", str(tmp_path / "cache"))
    return make_shot(pan(8, height=64, width=96, step=5), references=())


def plate(shot: ShotOnDisk) -> list[str]:
    return ["--plate", str(shot.folder / "plate.####.exr")]


def test_every_scene_gets_its_own_keyframe(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *plate(shot), "--cuts", str(FIRST + 5), "-n", "2", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    plan = json.loads(line)
    first, second = plan["scenes"]
    assert (first["first"], first["last"], second["first"], second["last"]) == (1001, 1005, 1006, 1008)
    assert [len(scene["keys"]) for scene in plan["scenes"]] == [1, 1]
    assert sorted(key["order"] for scene in plan["scenes"] for key in scene["keys"]) == [1, 2]
    assert 0 < plan["share"] <= 1


def test_a_table_names_the_frames_and_what_stays_grey(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *plate(shot), "--cuts", str(FIRST + 5), "-n", "1"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"1\.\s+100[1-5]\s+[0-9]+ %\s+1001-1005", out)
    assert "grey: 1006-1008" in out


def test_the_contact_sheet_needs_no_other_file(shot: ShotOnDisk) -> None:
    sheet = shot.folder / "sheet <1>.html"
    assert main(["plan", *plate(shot), "--cuts", "none", "-n", "2", "--sheet", str(sheet)]) == 0
    text = sheet.read_text(encoding="utf-8")
    assert text.count("data:image/jpeg;base64,") == 2
    assert not re.search(r"""(?:src|href)=["'](?!data:)|url\(|<script""", text)
    assert not list(shot.folder.glob(".*partial"))


def test_keyframes_of_a_shot_file_are_kept(make_shot: MakeShot, capsys: pytest.CaptureFixture[str]) -> None:
    shot = make_shot(pan(8, height=64, width=96, step=5), references=(FIRST,))
    wish = shot.folder / "shot.json"
    assert shot.colorize("--write-shot", str(wish)) == 0
    capsys.readouterr()
    assert main(["plan", "--shot", str(wish), "-n", "1", "--json"]) == 0
    (scene,) = json.loads(capsys.readouterr().out)["scenes"]
    assert [(key["frame"], key["order"]) for key in scene["keys"] if key["exists"]] == [(FIRST, None)]
    assert [key["order"] for key in scene["keys"] if not key["exists"]] == [1]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["-n", "0"], 2, "-n"),
        (["--coverage", "1.5"], 2, "--coverage"),
        (["--coverage", "nan"], 2, "--coverage"),
        (["--sheet", "sheet.exr"], 2, "--sheet"),
        (["--sheet", "none/such/sheet.html"], 1, "none"),
    ],
)
def test_what_cannot_be_planned_is_said_in_one_line(
    shot: ShotOnDisk,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    expected: str,
) -> None:
    monkeypatch.chdir(shot.folder)
    (shot.folder / "none").write_text("a file, not a folder")
    assert main(["plan", *plate(shot), "--cuts", "none", *arguments]) == code
    (line,) = [each for each in capsys.readouterr().err.splitlines() if each.startswith("stcolor:")]
    assert expected in line
    assert not list(shot.folder.glob("*.html"))


def test_a_plate_that_was_planned_is_not_read_again(shot: ShotOnDisk) -> None:
    for path in shot.folder.glob("plate.*"):  # files that have just changed are not cached
        os.utime(path, (1_000_000_000, 1_000_000_000))
    wanted = Shot(plate=Plate(path=str(shot.folder / "plate.####.exr")), output=Output(path="none.####.exr"))
    looks: list[list[Event]] = [[], []]
    plans = [
        plan_keys(wanted, count=count, report=lambda event, seen=seen: seen.append(event))  # type: ignore[misc]
        for count, seen in zip((1, 2), looks, strict=True)
    ]
    assert [len(plan.order) for plan in plans] == [1, 2]
    assert [any(event.kind == "look" for event in seen) for seen in looks] == [True, False]


def test_a_plan_can_be_cancelled(shot: ShotOnDisk) -> None:
    wanted = Shot(plate=Plate(path=str(shot.folder / "plate.####.exr")), output=Output(path="none.####.exr"))
    seen: list[Event] = []
    with pytest.raises(Cancelled):
        plan_keys(wanted, report=seen.append, cancelled=lambda: len(seen) > 10)
    assert len(seen) <= 12


def test_a_keyframe_stays_away_from_a_dissolve() -> None:
    transitions = Transitions((Boundary(30, 0.9),), (Dissolve(10, 14),))
    scenes = split_scenes(range(40), transitions)
    assert [scene.clear for scene in scenes] == [tuple(range(7)), tuple(range(18, 30)), tuple(range(30, 40))]
    assert [scene.frames for scene in scenes] == [tuple(range(10)), tuple(range(15, 30)), tuple(range(30, 40))]
    assert scenes[1].looked_at({2, 16, 20, 30}) == [16, *range(18, 30)], "a keyframe that is there counts"
    short = split_scenes(range(20), Transitions((), (Dissolve(4, 9), Dissolve(12, 14))))
    assert [scene.clear for scene in short] == [(0,), (11,), (18, 19)]
