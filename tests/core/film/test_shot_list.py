"""A list of shots in YAML becomes plates and scenes; each scene keeps its own plate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stcolor_core.cli import main
from stcolor_core.errors import BadRequest
from stcolor_core.film.film_keys import find_keys
from stcolor_core.film.plan import FilmPlate, PlanMistake
from stcolor_core.film.plan_files import load_plan
from stcolor_core.film.scenes import make_plan
from stcolor_core.film.shot_list import ListedShot, arrange_shots, name_plates, read_shot_list
from stcolor_core.film.shots import make_shots
from stcolor_core.images.frame_files import write_frame


@pytest.fixture
def plates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two plates of the frames 1001-1010 and 1-6, the second with a gap after frame 3."""
    monkeypatch.chdir(tmp_path)
    for name, frames in (("sh010", range(1001, 1011)), ("sh020", (1, 2, 3, 6, 7, 8))):
        for frame in frames:
            _write(tmp_path / "plates" / f"{name}.{frame:04d}.exr", seed=frame % 5)
    return tmp_path


def _write(path: Path, *, seed: int) -> None:
    plane = np.random.default_rng(seed).uniform(0.1, 0.9, (64, 96)).astype(np.float32)
    write_frame(path, dict.fromkeys("RGB", (plane, "half")))


def listed(text: str, folder: Path) -> list[ListedShot]:
    (folder / "shots.yaml").write_text(text, encoding="utf-8")
    return read_shot_list(folder / "shots.yaml")


def test_each_shot_becomes_a_scene_of_its_own_plate(plates: Path) -> None:
    shots = listed(
        "- {name: 10, plate: plates/sh010.####.exr, frames: 1001-1004}\n"
        "- {plate: plates/sh020.####.exr, frames: 1-3, colorspace: ACEScg, keys: painted/b.####.exr}\n"
        "- {name: sh010 b, plate: plates/sh010.####.exr, frames: 1006}\n",
        plates,
    )
    found, stretches = arrange_shots(shots)
    assert found == {
        "sh010": FilmPlate(path="plates/sh010.####.exr", keys="keys/sh010.####.exr"),
        "sh020": FilmPlate(path="plates/sh020.####.exr", keys="painted/b.####.exr", colorspace="ACEScg"),
    }
    assert [(each.plate, each.frames, each.name) for each in stretches] == [
        ("sh010", (1001, 1002, 1003, 1004), "10"),
        ("sh020", (1, 2, 3), None),
        ("sh010", (1006,), "sh010_b"),
    ]


def test_shots_that_share_frames_are_one_scene(plates: Path) -> None:
    del plates
    warnings: list[str] = []
    shots = [
        ListedShot(plate="plates/sh010.####.exr", name="a", frames="1001-1004"),
        ListedShot(plate="plates/sh010.####.exr", name="b", frames="1008-1010"),
        ListedShot(plate="plates/sh010.####.exr", name="c", frames="1003-1009"),
    ]
    _, stretches = arrange_shots(shots, warn=warnings.append)
    assert [each.frames for each in stretches] == [tuple(range(1001, 1008)), (1008, 1009, 1010)]
    assert "Shot c" in warnings[0] and "one scene" in warnings[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {name: a, plat: x.exr}", "line 2: 0.plat is an unknown"),
        ("- {name: a}", "plate is missing"),
        ("a: 1", "not a list of shots"),
        ("- {", "line"),
    ],
)
def test_a_mistake_in_a_list_is_told_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest) as caught:
        listed(f"# shots\n{text}\n", tmp_path)
    assert "shots.yaml" in str(caught.value) and words in str(caught.value)


def test_a_frame_that_is_not_on_disk_is_told_with_its_shot(plates: Path) -> None:
    with pytest.raises(BadRequest, match=r"Shot b: .*4-5.*sh020"):
        arrange_shots(listed("- {name: b, plate: plates/sh020.####.exr, frames: 1-6}", plates))


def test_clips_of_one_name_get_numbers_and_are_told(plates: Path) -> None:
    del plates
    names = enumerate(("r1", "R1", "r2", None), 1001)
    shots = [ListedShot(plate="plates/sh010.####.exr", name=name, frames=str(frame)) for frame, name in names]
    told: list[str] = []
    found, stretches = arrange_shots(shots, warn=told.append)
    (line,) = told
    assert "r1, R1" in line and "r2" not in line
    plan, _ = make_plan(found, stretches, output="out/{scene}.####.exr")
    assert list(plan.scenes) == ["s001", "s002", "r2", "s004"]


def test_plates_of_one_name_get_numbers(tmp_path: Path) -> None:
    del tmp_path
    paths = ["a/reel.####.exr", "b/reel.####.exr", "c/reel 1.mov", "####.exr"]
    assert name_plates(paths) == ["reel", "reel_2", "reel_1", "plate"]


@pytest.mark.slow
def test_a_film_of_several_plates_is_planned_and_its_groups_span_them(
    plates: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "- {plate: plates/sh010.####.exr, frames: 1001-1003}\n- {plate: plates/sh020.####.exr, frames: 6-8}\n"
    (plates / "shots.yaml").write_text(text, encoding="utf-8")
    assert main(["film", "plan", "film.yaml", "--shots", "shots.yaml"]) == 0, capsys.readouterr().err
    plan = load_plan(plates / "film.yaml")
    assert [(scene.plate, scene.frames, scene.group) for scene in plan.scenes.values()] == [
        ("sh010", "1001-1003", "a"),
        ("sh020", "6-8", "a"),
    ]
    _write(plates / "keys" / "sh010.1002.exr", seed=1)
    first, second = make_shots(plan, find_keys(plan))
    assert first.shot is not None and second.shot is not None
    assert [reference.frame for reference in first.shot.references] == [1002]
    assert [still.path for still in second.shot.stills] == [str(Path("keys/sh010.1002.exr"))]


@pytest.mark.slow
def test_a_borrowed_keyframe_is_read_in_the_colour_space_of_its_own_plate(plates: Path) -> None:
    _, plan = plates, None
    text = "- {plate: plates/sh010.####.exr, frames: 1001-1003}\n- {plate: plates/sh020.####.exr, frames: 6-8}\n"
    (plates / "shots.yaml").write_text(text, encoding="utf-8")
    assert main(["film", "plan", "film.yaml", "--shots", "shots.yaml"]) == 0
    plan = load_plan(plates / "film.yaml")
    _write(plates / "keys" / "sh010.1002.exr", seed=1)

    def with_spaces(first: str | None, second: str | None) -> list[str | None]:
        spaces = {"sh010": first, "sh020": second}
        changed = {name: replace(plate, colorspace=spaces[name]) for name, plate in plan.plates.items()}
        other = replace(plan, plates=changed)
        shot = make_shots(other, find_keys(other))[1].shot
        assert shot is not None
        return [still.colorspace for still in shot.stills]

    assert with_spaces(None, None) == [None]
    assert with_spaces("ACEScg", None) == ["ACEScg"]
    with pytest.raises(PlanMistake, match=r"sh010:1002.*plates\.sh010\.colorspace"):
        with_spaces(None, "ACEScg")


def test_options_of_other_sources_are_refused(plates: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (plates / "shots.yaml").write_text("- {plate: plates/sh010.####.exr}\n", encoding="utf-8")
    for arguments, words in (
        (["--shots", "shots.yaml", "--plate", "plates/sh010.####.exr"], "--plate or --shots"),
        (["--shots", "shots.yaml", "--frames", "1001"], "--frames"),
        (["--shots", "shots.yaml", "--media", "media"], "--media"),
        (["--plate", "plates/sh010.####.exr", "--media", "media"], "--media"),
        (["--shots", "shots.yaml", "--rate", "24"], "--rate"),
        (["--media", "media"], "--media"),
    ):
        assert main(["film", "plan", "film.yaml", *arguments]) == 2
        assert words in capsys.readouterr().err
    assert not (plates / "film.yaml").exists()
