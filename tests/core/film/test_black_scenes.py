"""A black scene of a film asks for no keyframe, lends none, and is certain of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from films import HEIGHT, WIDTH, Film, write_painted_film

from stcolor_core.film.coloring import color_film
from stcolor_core.film.key_proposals import propose_keyframes
from stcolor_core.film.plan import FilmPlan, FilmScene, KeyName
from stcolor_core.film.report import make_report
from stcolor_core.film.scenes import look_at_scenes
from stcolor_core.film.shots import find_keys, make_shots
from stcolor_core.images.frame_files import write_frame

pytestmark = pytest.mark.slow

BLACK = range(27, 33)


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """The painted film with a black scene at its end, in a group of its own."""
    film = write_painted_film(tmp_path)
    for frame in BLACK:
        film.truth[frame] = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        write_frame(
            tmp_path / "plate" / f"film.{frame:04d}.exr", dict.fromkeys("RGB", (film.truth[frame][..., 0], "half"))
        )
    scenes = {**film.plan.scenes, "s004": FilmScene(plate="film", frames="27-32", group="c")}
    return replace(film, plan=replace(film.plan, scenes=scenes))


def with_group(plan: FilmPlan, group: str) -> FilmPlan:
    return replace(plan, scenes={**plan.scenes, "s004": replace(plan.scenes["s004"], group=group)})


@pytest.mark.parametrize("painted", [False, True])
def test_a_black_scene_is_coloured_without_a_word_and_certain(film: Film, painted: bool) -> None:
    if painted:
        film.paint(29)
    warned: list[str] = []
    lines: list[str] = []
    results = list(
        color_film(
            film.plan,
            device="cpu",
            only=["s004"],
            report=lambda _, event: lines.append(event.message) if event.kind == "warning" else None,
            warn=warned.append,
        )
    )
    assert [(each.name, each.written, each.confidence) for each in results] == [("s004", 6, pytest.approx(1))]
    assert not warned
    assert not [line for line in lines if "Paint it" in line or "add a reference" in line]


@pytest.mark.parametrize("group", ["a", "b"])
def test_a_keyframe_in_the_black_is_lent_to_no_scene(film: Film, group: str) -> None:
    film.paint(29)
    plan = with_group(film.plan, group)
    shots = {each.name: each for each in make_shots(plan, find_keys(plan))}
    assert shots["s003"].borrowed == (KeyName("film", 3),)
    assert shots["s004"].own == (KeyName("film", 29),)


def test_a_black_scene_takes_any_keyframe_where_scenes_borrow_none(film: Film) -> None:
    warned: list[str] = []
    shots = make_shots(replace(film.plan, stills=0), find_keys(film.plan), warn=warned.append)
    assert {each.name: bool(each.shot) for each in shots} == {"s001": True, "s002": True, "s003": False, "s004": True}
    assert not warned


@pytest.mark.parametrize("painted", [False, True])
def test_no_keyframe_is_asked_for_in_the_black(film: Film, painted: bool) -> None:
    if painted:
        film.paint(29)
    plan = with_group(film.plan, "a")
    proposals = propose_keyframes(plan, look_at_scenes(plan), find_keys(plan), share=1)
    assert not [each for each in proposals if each.scene == "s004"]
    report = make_report(film.plan)
    assert report.groups_without_key == ()
