"""A plate that is delivered again with other cuts is told; one that is copied, touched or graded is not."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from films import Film, write_film

from stcolor_core.cli import main
from stcolor_core.errors import PlateError
from stcolor_core.film.coloring import film_shots
from stcolor_core.film.plan import FilmPlan
from stcolor_core.film.plan_files import load_plan, parse_plan, save_plan
from stcolor_core.film.plate_changes import describe_changes, find_changed, thumbnails
from stcolor_core.film.report import make_report
from stcolor_core.images.frame_files import write_frame


@pytest.fixture
def film(tmp_path: Path) -> Film:
    film = write_film(tmp_path)
    return replace(film, plan=replace(film.plan, made_from=thumbnails(film.plan)))


def deliver(film: Film, shown: dict[int, int], *, gain: float = 1.0) -> None:
    """Write the plate again: frame -> the frame of the first delivery that it shows now."""
    for frame, other in shown.items():
        grey = gain * (film.truth[other] @ np.array([0.2126, 0.7152, 0.0722], np.float32))
        path = film.folder / "plate" / f"film.{frame:04d}.exr"
        write_frame(path, {name: (grey.astype(np.float32), "half") for name in "RGB"})


def test_a_plate_that_is_touched_moved_or_graded_is_the_same(film: Film, tmp_path: Path) -> None:
    assert find_changed(film.plan) == {}
    for path in (film.folder / "plate").iterdir():
        os.utime(path, (1, 1))
    assert find_changed(film.plan) == {}
    shutil.copytree(film.folder / "plate", tmp_path / "disk2")
    moved = replace(film.plan.plates["film"], path=str(tmp_path / "disk2" / "film.####.exr"))
    assert find_changed(replace(film.plan, plates={"film": moved})) == {}
    deliver(film, {frame: frame for frame in film.truth}, gain=0.5)
    assert find_changed(film.plan) == {}


def test_the_scenes_of_shifted_cuts_are_named_with_the_cuts_inside_them(film: Film) -> None:
    deliver(film, {frame: max(1, frame - 2) for frame in film.truth})
    assert find_changed(film.plan) == {"film": ("s002",)}  # the others show their own sets still
    (line,) = describe_changes(film.plan)
    assert "s002" in line
    assert "s002 at 9" in line
    assert "film plan" in line
    assert find_changed(film.plan, only=["s003"]) == {}


def test_every_command_on_the_plan_says_it(film: Film, capsys: pytest.CaptureFixture[str]) -> None:
    film.paint(3)
    save_plan(film.plan, film.folder / "film.yaml")
    deliver(film, {frame: max(1, frame - 2) for frame in film.truth})
    told: list[str] = []
    film_shots(load_plan(film.folder / "film.yaml"), warn=told.append)
    assert any("not the one that the plan was made from" in line for line in told)
    assert main(["film", "report", str(film.folder / "film.yaml")]) == 0
    assert "not the one that the plan was made from" in capsys.readouterr().err
    (film.folder / "keys" / "film.0003.exr").unlink()
    told.clear()
    make_report(film.plan, warn=told.append)
    assert any("not the one that the plan was made from" in line for line in told)


def test_a_plan_without_thumbnails_or_with_edited_ones_is_silent(film: Film) -> None:
    deliver(film, {frame: max(1, frame - 2) for frame in film.truth})
    assert find_changed(replace(film.plan, made_from={})) == {}
    edited = {name: dict.fromkeys(frames, "?") for name, frames in film.plan.made_from.items()}
    assert find_changed(replace(film.plan, made_from={**edited, "gone": {1: "?"}})) == {}


def test_the_command_keeps_what_the_plate_showed(film: Film, tmp_path: Path) -> None:
    plate = str(film.folder / "plate" / "film.####.exr")
    assert main(["film", "plan", str(tmp_path / "new.yaml"), "--plate", plate]) == 0
    plan = load_plan(tmp_path / "new.yaml")
    ends = {frame for name in plan.scenes for frame in (plan.frames(name)[0], plan.frames(name)[-1])}
    assert set(plan.made_from["film"]) == ends
    assert isinstance(parse_plan((tmp_path / "new.yaml").read_text(encoding="utf-8")), FilmPlan)


def test_a_film_without_any_plate_is_an_error_with_the_full_path(
    film: Film, capsys: pytest.CaptureFixture[str]
) -> None:
    film.paint(3)
    save_plan(film.plan, film.folder / "film.yaml")
    shutil.rmtree(film.folder / "plate")
    with pytest.raises(PlateError, match="no frame of"):
        make_report(film.plan)
    for command in ("color", "report"):
        assert main(["film", command, str(film.folder / "film.yaml")]) == 1
        assert str(film.folder / "plate" / "film.####.exr") in capsys.readouterr().err
