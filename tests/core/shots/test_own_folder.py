"""Relative paths in a shot file or a plan are from the file's folder, so that it works from every other one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from films import Film, write_film

from stcolor_core.cli import main
from stcolor_core.film.claims import film_state
from stcolor_core.film.plan import FilmPlate
from stcolor_core.film.plan_files import format_plan, load_plan, save_plan
from stcolor_core.film.report import make_report
from stcolor_core.film.shot_list import read_shot_list
from stcolor_core.shots.output import Output
from stcolor_core.shots.own_folder import is_relative
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.shot import Shot

PLATES = {"film": FilmPlate(path="plate/film.####.exr", keys="keys/film.####.exr")}


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """The film in project/, with a plan there whose paths are relative."""
    film = write_film(tmp_path / "project")
    film.paint(3)
    plan = replace(film.plan, output="out/{scene}.####.exr", plates=PLATES)
    (film.folder / "film.yaml").write_text(format_plan(plan), encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    return film


def test_a_plan_means_the_same_from_every_folder(film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(film.folder)
    here = load_plan(Path("film.yaml"))
    assert (here.output, here.plates) == ("out/{scene}.####.exr", PLATES)
    monkeypatch.chdir(tmp_path)
    above = load_plan(Path("project/film.yaml"))
    assert make_report(above).keys == 1
    state = film_state(above)
    monkeypatch.chdir(tmp_path / "elsewhere")
    far = load_plan(film.folder / "film.yaml")
    assert far.plates["film"].path == str(film.folder / "plate" / "film.####.exr")
    assert far.output == str(film.folder / "out" / "{scene}.####.exr")
    assert film_state(far) == state  # runs of one plan share the work
    monkeypatch.chdir(film.folder)
    assert film_state(here) == state


def test_a_plan_whose_paths_are_from_the_folder_of_its_command_still_works_there(
    film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(film.folder)
    Path("plans").mkdir()
    old = Path("plans/old.yaml")
    old.write_text(Path("film.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    assert load_plan(old).plates == PLATES
    keys_alone = format_plan(replace(film.plan, plates={"film": replace(PLATES["film"], path=str(tmp_path / "x.mov"))}))
    old.write_text(keys_alone, encoding="utf-8")
    assert load_plan(old).plates["film"].keys == PLATES["film"].keys


def test_a_plate_that_is_not_there_is_named_with_its_full_path(
    film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (film.folder / "plate").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    for command in ("report", "color"):
        assert main(["film", command, "project/film.yaml"]) == 1
        assert str(film.folder / "plate" / "film.####.exr") in capsys.readouterr().err


def test_a_plan_that_is_written_to_another_folder_finds_its_plate_from_there(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(film.folder)
    Path("plans").mkdir()
    save_plan(replace(film.plan, output="out/{scene}.####.exr", plates=PLATES), Path("plans/film.yaml"))
    text = Path("plans/film.yaml").read_text(encoding="utf-8")
    assert "../plate/film.####.exr" in text
    assert "../out/{scene}.####.exr" in text
    assert load_plan(Path("plans/film.yaml")).plates["film"].path == str(film.folder / "plate" / "film.####.exr")


def test_the_paths_of_a_list_of_shots_are_from_its_folder(
    film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (film.folder / "shots.yaml").write_text("- {plate: plate/film.####.exr}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert [shot.plate for shot in read_shot_list(Path("project/shots.yaml"))] == ["project/plate/film.####.exr"]


def test_a_shot_file_means_the_same_from_every_folder(
    film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = Shot(
        plate=Plate(path="plate/film.####.exr"),
        output=Output(path="out/a.####.exr"),
        references=(Reference(path="/keys/a.exr", frame=3),),
    )
    file = film.folder / "shot.json"
    file.write_text(shot.to_json(), encoding="utf-8")
    monkeypatch.chdir(film.folder)
    assert Shot.load(Path("shot.json")) == shot
    monkeypatch.chdir(tmp_path)
    loaded = Shot.load(file)
    assert loaded.plate.path == str(film.folder / "plate" / "film.####.exr")
    assert loaded.output.path == str(film.folder / "out" / "a.####.exr")
    assert loaded.references == shot.references
    options = ["--plate", "project/plate/film.####.exr", "--output", "out/b.####.exr", "--still", "project/keys/k.exr"]
    assert main(["colorize", *options, "--write-shot", "project/b.json"]) == 0
    monkeypatch.chdir(tmp_path / "elsewhere")
    written = Shot.load(film.folder / "b.json")
    assert written.plate.path == str(film.folder / "plate" / "film.####.exr")
    assert written.output.path == str(tmp_path / "out" / "b.####.exr")


@pytest.mark.parametrize("path", ["/a/b.exr", "C:/a.exr", "C:\\a.exr", "\\\\server\\a.exr", "ocio://default", ""])
def test_what_begins_at_a_root_of_any_system_is_not_relative(path: str) -> None:
    assert not is_relative(path)
    assert is_relative("a/b.exr")
    assert is_relative("../b.exr")
