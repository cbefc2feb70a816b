"""One damaged or missing file costs the scenes that it reaches: the others are coloured, and all is told at the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from films import Film, write_painted_film

from stcolor_core.cli import main
from stcolor_core.errors import Cancelled, OutputError
from stcolor_core.film.coloring import SceneResult, color_film, film_shots
from stcolor_core.film.key_name import KeyName
from stcolor_core.film.likeness import sample_frames
from stcolor_core.film.report import make_report
from stcolor_core.film.scenes import look_at_scenes
from stcolor_core.images import plates
from stcolor_core.images.frame_files import write_frame
from stcolor_core.pipeline.writing import FrameWriter
from stcolor_core.shots.pictures import Missing

pytestmark = pytest.mark.slow
COUNTS = {"s001": 6, "s002": 6, "s003": 6, "s002-s003": 8}


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """The made film: s001 has a key and lends it to s003, s002 has one, and s002-s003 is a dissolve."""
    return write_painted_film(tmp_path)


def truncate(path: Path) -> Callable[[], object]:
    """Cut a file in half; return what repairs it."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return lambda: path.write_bytes(whole)


def remove(path: Path) -> Callable[[], object]:
    """Take a file or folder away; return what brings it back."""
    away = path.with_name(f"{path.name}.away")
    path.rename(away)
    return lambda: away.rename(path)


def results(film: Film) -> dict[str, SceneResult]:
    return {result.name: result for result in color_film(film.plan, device="cpu")}


def pixels(folder: Path) -> dict[str, bytes]:
    return {path.name: plates.read_colored(path).pixels.tobytes() for path in folder.glob("*.exr")}


@pytest.mark.parametrize(
    ("damage", "file", "waiting"),
    [
        (truncate, "keys/film.0009.exr", {"s002", "s002-s003"}),
        (truncate, "keys/film.0003.exr", {"s001", "s003", "s002-s003"}),
        (truncate, "plate/film.0010.exr", {"s002", "s002-s003"}),
        (remove, "plate/film.0010.exr", {"s002", "s002-s003"}),
        (truncate, "plate/film.0003.exr", {"s001"}),  # of the keyframe that s003 borrows
        (truncate, "plate/film.0024.exr", {"s003", "s002-s003"}),
        (truncate, "plate/film.0016.exr", {"s002-s003"}),
    ],
)
def test_a_damaged_file_costs_what_it_reaches_and_the_next_run_does_the_rest(
    damage: Callable[[Path], Callable[[], object]], file: str, waiting: set[str], film: Film, tmp_path: Path
) -> None:
    repair = damage(film.folder / file)
    found = results(film)
    assert {name for name, result in found.items() if result.trouble is not None} == waiting
    for name, result in found.items():
        if name not in waiting:
            assert result.written == COUNTS[name]
    first = next(result.trouble for result in found.values() if result.trouble is not None)
    frame = str(int(Path(file).suffixes[0][1:]))
    assert Path(file).name in first.message or f"Frame {frame} " in first.message
    assert first.waits_for in (str(film.folder / file), str(film.folder / "plate/film.####.exr"))
    repair()
    found = results(film)
    assert not [result for result in found.values() if result.trouble is not None]
    assert all(result.written + result.kept == COUNTS[name] for name, result in found.items())
    whole = replace(film.plan, output=str(tmp_path / "whole" / "{scene}.####.exr"))
    list(color_film(whole, device="cpu"))
    assert pixels(film.folder / "out") == pixels(tmp_path / "whole")
    assert not [path for path in (film.folder / "out").iterdir() if path.suffix != ".exr"]


def test_the_run_names_the_file_once_and_at_the_end_each_scene_that_waits(
    film: Film, capsys: pytest.CaptureFixture[str]
) -> None:
    repair = truncate(film.folder / "keys/film.0003.exr")
    plan = str(film.folder / "film.yaml")
    assert main(["film", "color", plan, "--device", "cpu"]) == 1
    output = capsys.readouterr()
    assert output.err.count("film.0003.exr) is truncated") == 1 and output.err.count("Write it again") == 1
    key = film.folder / "keys/film.0003.exr"
    ends = output.out.splitlines()[-3:]
    assert ends == [f"s001 waits for {key}.", f"s003 waits for {key}.", "s002-s003 waits for s003."]
    assert "3 of 4 scenes and dissolves are not finished" in output.err.splitlines()[-1]
    assert "s002: 6 frames coloured" in output.out
    repair()
    assert main(["film", "color", plan, "--device", "cpu"]) == 0
    assert "20 frames coloured, 6 kept." in capsys.readouterr().out


def test_json_tells_the_trouble_of_each_scene(film: Film, capsys: pytest.CaptureFixture[str]) -> None:
    remove(film.folder / "plate/film.0010.exr")
    assert main(["film", "color", str(film.folder / "film.yaml"), "--device", "cpu", "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    troubles = {line["name"]: line["trouble"] for line in lines}
    assert troubles["s001"] is None and troubles["s002-s003"]["waits_for"] == "s002"
    assert 'set "missing" of the plate' in troubles["s002"]["message"]


@pytest.mark.parametrize(
    ("file", "waiting"),
    [
        ("keys/film.0009.exr", ["s002", "s002-s003"]),
        ("plate/film.0010.exr", ["s002", "s002-s003"]),  # the report does not read it: the run left a note
    ],
)
def test_the_report_tells_what_waits_until_it_is_done(
    file: str, waiting: list[str], film: Film, capsys: pytest.CaptureFixture[str]
) -> None:
    repair = truncate(film.folder / file)
    results(film)
    report = make_report(film.plan)
    assert [each.name for each in report.troubles] == waiting
    assert report.done >= 12
    assert main(["film", "report", str(film.folder / "film.yaml")]) == 0
    text = capsys.readouterr().out
    assert text.count(f"{Path(file).name}") == 1 and "⟦" not in text
    repair()
    results(film)
    assert make_report(film.plan).troubles == ()


def test_a_plate_that_vanished_stops_only_its_own_scenes(film: Film) -> None:
    other = film.folder / "other"
    other.mkdir()
    for frame in range(7, 27):
        (film.folder / f"plate/film.{frame:04d}.exr").rename(other / f"film.{frame:04d}.exr")
    moved = replace(film.plan.plates["film"], path=str(other / "film.####.exr"))
    scenes = {name: replace(scene, plate="film" if name == "s001" else "b") for name, scene in film.plan.scenes.items()}
    plan = replace(film.plan, plates={**film.plan.plates, "b": moved}, scenes=scenes)
    (film.folder / "plate").rename(film.folder / "gone")
    found = {result.name: result for result in color_film(plan, device="cpu")}
    assert found["s001"].trouble is not None and "no frame of" in found["s001"].trouble.message
    assert {name for name, result in found.items() if result.trouble is not None} == {"s001"}
    assert found["s002"].written == 6 and found["s003"].written == 6


@pytest.mark.parametrize("missing", ["error", "skip", "hold"])
@pytest.mark.parametrize("which", ["of the scene", "of the keyframe"])
def test_a_missing_frame_that_ranking_looks_at_is_no_surprise(which: str, missing: Missing, film: Film) -> None:
    looked_at = sample_frames(film.plan.frames("s003"))[0] if which == "of the scene" else 3
    remove(film.folder / f"plate/film.{looked_at:04d}.exr")
    plan = replace(film.plan, plates={"film": replace(film.plan.plates["film"], missing=missing)})
    told: list[str] = []
    scenes, _ = film_shots(plan, warn=told.append)
    s003 = scenes[2]
    if which == "of the keyframe":
        assert s003.borrowed == (KeyName("film", 3),) and "film:3 is borrowed after all others" in told[0]
    elif missing == "error":
        assert s003.trouble is not None and f"Frame {looked_at} of " in s003.trouble.message
    else:
        assert s003.shot is not None and told == []
        assert looked_at not in look_at_scenes(plan)["s003"].frames


def test_the_shot_files_of_scenes_that_can_be_written_are(film: Film, capsys: pytest.CaptureFixture[str]) -> None:
    looked_at = sample_frames(film.plan.frames("s003"))[0]  # to rank the keyframes that it borrows
    truncate(film.folder / f"plate/film.{looked_at:04d}.exr")
    shots = film.folder / "shots"
    assert main(["film", "shots", str(film.folder / "film.yaml"), "--output", str(shots)]) == 0
    assert {path.stem for path in shots.iterdir()} == {"s001", "s002", "s002-s003"}
    told = capsys.readouterr().err
    assert told.count(f"film.{looked_at:04d}.exr") == 1 and "s003 is not finished" in told


def test_a_full_disk_stops_the_film_and_names_the_scene(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OutputError("The disk is full.")

    monkeypatch.setattr(FrameWriter, "write", full)
    tried: list[str] = []
    with pytest.raises(OutputError, match="s001: The disk is full"):
        for result in color_film(film.plan, device="cpu", report=lambda name, _: tried.append(name)):
            pytest.fail(str(result))
    assert set(tried) == {"s001"}


def test_a_scene_that_needs_more_scratch_space_than_there_may_be_is_named_with_a_frame(
    film: Film, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    film.paint(1)
    film.paint(6)
    film.paint(3)
    monkeypatch.setenv("STCOLOR_SCRATCH_LIMIT", "0.00001")
    assert main(["film", "color", str(film.folder / "film.yaml"), "--device", "cpu"]) == 1
    lines = capsys.readouterr().err.splitlines()
    told = [line for line in lines if "scratch folder" in line.lower()]
    assert told and "stcolor: s001: " in told[0] and " frame " in told[0] and "STCOLOR_SCRATCH_LIMIT" in told[0]


def test_a_film_is_cancelled_while_keyframes_are_ranked(film: Film) -> None:
    with pytest.raises(Cancelled, match=r"^s001: Cancelled before anything"):
        list(color_film(film.plan, device="cpu", cancelled=lambda: True))
    assert not (film.folder / "out").exists()


def test_a_cancelled_film_names_its_scene_and_frame(film: Film) -> None:
    left = iter(range(9))
    with pytest.raises(Cancelled, match=r"^s00[12], at frame [0-9]+: Cancelled after") as caught:
        list(color_film(film.plan, device="cpu", cancelled=lambda: next(left, None) is None))
    assert "run again to continue" in str(caught.value)


def test_warnings_name_the_settings_of_the_plan(film: Film, capsys: pytest.CaptureFixture[str]) -> None:
    plan = str(film.folder / "film.yaml")
    assert main(["film", "color", plan, "--device", "cpu", "--scene", "s001"]) == 0
    painted = film.folder / "out/s001.0002.exr"
    picture = plates.read_colored(painted)
    write_frame(painted, {name: (np.ones(picture.pixels.shape[:2], np.float32), "half") for name in "RGB"})
    capsys.readouterr()
    assert main(["film", "color", plan, "--device", "cpu", "--scene", "s001"]) == 0
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith("stcolor: s001: Frame 2 ") and "--" not in warning
