"""A keyframe that was saved under another type, padding or name is not silently ignored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from films import Film, write_film

from stcolor_core.cli import main
from stcolor_core.errors import BadRequest
from stcolor_core.film.coloring import film_shots
from stcolor_core.film.plan import FilmPlan, FilmPlate, FilmScene
from stcolor_core.film.plan_files import save_plan
from stcolor_core.film.stray_keys import describe_stray_keys


def plan(folder: Path, *plates: str) -> FilmPlan:
    return FilmPlan(
        output=str(folder / "out/{scene}.####.exr"),
        plates={
            name: FilmPlate(path=str(folder / f"{name}.####.exr"), keys=str(folder / f"keys/{name}.####.exr"))
            for name in plates
        },
        scenes={"s001": FilmScene(plate=plates[0], frames="1-9", group="a")},
    )


@pytest.mark.parametrize(
    "name", ["reel1.0007.png", "reel1.0007.TIFF", "reel1.7.exr", "reel1.00007.exr", "reel1_0007.exr", "Reel1-0007.jpg"]
)
def test_a_picture_like_a_keyframe_is_named_with_the_pattern_and_the_remedy(name: str, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    for each in ("reel1.0003.exr", name):
        (tmp_path / "keys" / each).touch()
    (line,) = describe_stray_keys(plan(tmp_path, "reel1"))
    assert name in line and "reel1.####.exr" in line and "Save them like reel1.0007.exr" in line
    assert "plates.reel1.keys" in line and "0003" not in line


def test_a_folder_of_keys_that_is_not_there_is_named_if_another_plate_has_keys(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/reel1.0003.exr").touch()
    two = plan(tmp_path, "reel1", "reel2")
    slipped = replace(two.plates["reel2"], keys=str(tmp_path / "kyes/reel2.####.exr"))
    (line,) = describe_stray_keys(replace(two, plates={**two.plates, "reel2": slipped}))
    assert f"There is no folder {tmp_path / 'kyes'} for the keyframes of plate reel2" in line
    assert "plates.reel2.keys" in line


def test_what_is_no_keyframe_is_not_named(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    for name in ("reel1.0003.exr", "notes.txt", "reel1.exr", ".reel1.0007.png", "reel10.0007.exr", "reel2.0004.exr"):
        (tmp_path / "keys" / name).touch()
    assert describe_stray_keys(plan(tmp_path, "reel1", "reel2")) == []
    (tmp_path / "keys/reel2.0004.exr").unlink()
    (tmp_path / "keys/reel2.0004.png").touch()
    (line,) = describe_stray_keys(plan(tmp_path, "reel1", "reel2", "reel10"))
    assert "plate reel2" in line and "reel2.0004.png" in line


def test_where_no_keyframe_is_found_any_numbered_picture_is_named_but_not_the_plate(tmp_path: Path) -> None:
    film = plan(tmp_path, "reel1")
    (tmp_path / "reel1.0001.exr").touch()
    film.plates["reel1"].as_plate(None)
    (tmp_path / "painted 07.png").touch()
    beside = FilmPlan(
        output=film.output,
        plates={"reel1": FilmPlate(path=film.plates["reel1"].path, keys=str(tmp_path / "key.####.exr"))},
        scenes=film.scenes,
    )
    (line,) = describe_stray_keys(beside)
    assert line.startswith("painted 07.png in ")
    with pytest.raises(BadRequest, match=r"painted 07\.png"):
        film_shots(beside)


@pytest.mark.slow
@pytest.mark.parametrize("command", [["color", "--device", "cpu"], ["report"], ["shots", "--output", "shots"]])
def test_the_commands_of_a_film_tell_it(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    film: Film = write_film(tmp_path)
    film.paint(3)
    film.paint(9)
    (tmp_path / "keys/film.0024.png").write_bytes(b"")
    save_plan(film.plan, tmp_path / "film.yaml")
    assert main(["film", command[0], "film.yaml", *command[1:]]) == 0
    assert capsys.readouterr().err.count("film.0024.png") == 1
