"""A black scene of a film asks for no keyframe, lends none, and is certain of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from films import HEIGHT, WIDTH, Film, write_painted_film

from stcolor_core.film.coloring import color_film, film_shots
from stcolor_core.film.film_keys import find_keys
from stcolor_core.film.key_proposals import propose_keyframes
from stcolor_core.film.likeness import sample_frames
from stcolor_core.film.plan import FilmGroup, FilmPlan, FilmScene, KeyName
from stcolor_core.film.report import make_report
from stcolor_core.film.scenes import look_at_scenes
from stcolor_core.film.shots import make_shots
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


def test_a_black_scene_takes_no_keyframe_that_it_excludes(film: Film) -> None:
    excluding = replace(film.plan.scenes["s004"], exclude=("film:3",))
    plan = replace(film.plan, stills=0, scenes={**film.plan.scenes, "s004": excluding})
    assert make_shots(plan, find_keys(plan))[3].borrowed == (KeyName("film", 9),)
    excluding = replace(excluding, exclude=("film:3", "film:9"))
    plan = replace(plan, scenes={**film.plan.scenes, "s004": excluding})
    assert make_shots(plan, find_keys(plan))[3].shot is None


def only_key_in_the_black(film: Film) -> Film:
    """Return the film with its black scene in group a, which has the only keyframe of this group."""
    for path in (film.folder / "keys").iterdir():
        path.unlink()
    film.paint(29)
    return replace(film, plan=with_group(film.plan, "a"))


def test_where_the_only_keyframe_is_in_the_black_no_colour_is_promised(film: Film) -> None:
    plan = only_key_in_the_black(film).plan
    warned: list[str] = []
    scenes, _ = film_shots(plan, warn=warned.append)
    assert [each.name for each in scenes if each.shot is None] == ["s001", "s002", "s003"]
    assert len(warned) == 3
    assert all(line.startswith("Scene s00") and "stays uncoloured" in line for line in warned)


def test_run_and_report_agree_on_a_group_whose_keyframe_is_in_the_black(film: Film) -> None:
    film = only_key_in_the_black(film)
    film.paint(9)
    warned: list[str] = []
    shots = make_shots(film.plan, find_keys(film.plan), warn=warned.append)
    assert shots[0].borrowed == shots[2].borrowed == (KeyName("film", 9),)
    assert [line.split(":")[0] for line in warned] == [
        f"Group a of scene {name} has no keyframe but on black or white frames, which lend no colour"
        for name in ("s001", "s003")
    ]
    report = make_report(film.plan)
    assert report.groups_without_key == ("a",)
    assert (
        "Groups without a keyframe that lends colour: a. Paint one in each; one on a black or white frame lends none."
        in report.lines()
    )
    film.paint(3)
    assert make_report(film.plan).groups_without_key == ()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("frame", range(21, 27))
def test_a_scene_whose_colour_is_pinned_borrows_though_a_frame_is_damaged(film: Film, frame: int) -> None:
    truncate(film.folder / f"plate/film.{frame:04d}.exr")
    plan = replace(film.plan, stills=1, groups={"a": FilmGroup(pin=("film:9",))})
    shots = make_shots(plan, find_keys(plan), only=["s003"])
    assert shots[0].borrowed == (KeyName("film", 9),)


def test_a_damaged_frame_that_ranking_does_not_look_at_stops_no_scene(film: Film) -> None:
    frames = film.plan.frames("s003")
    (film.folder / "keys/film.0003.exr").unlink()  # so that it is asked whether the scene holds colour
    for frame in set(frames).difference(sample_frames(frames)):
        truncate(film.folder / f"plate/film.{frame:04d}.exr")
    shots = make_shots(film.plan, find_keys(film.plan), only=["s003"])
    assert (shots[0].trouble, shots[0].borrowed) == (None, (KeyName("film", 9),))


@pytest.mark.parametrize("painted", [False, True])
def test_no_keyframe_is_asked_for_in_the_black(film: Film, painted: bool) -> None:
    if painted:
        film.paint(29)
    plan = with_group(film.plan, "a")
    proposals = propose_keyframes(plan, look_at_scenes(plan), find_keys(plan), share=1)
    assert not [each for each in proposals if each.scene == "s004"]
    report = make_report(film.plan)
    assert report.groups_without_key == ()
