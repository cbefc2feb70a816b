"""The frames to paint first: each where it makes most of the film right, by hand-made shares with known answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from films import write_film

from stcolor_core.errors import BadRequest, Cancelled
from stcolor_core.film.film_keys import find_keys
from stcolor_core.film.key_proposals import borrowed_shares, choose_proposals, propose_keyframes
from stcolor_core.film.plan import FilmPlan, FilmPlate, FilmScene
from stcolor_core.film.scenes import look_at_scenes
from stcolor_core.method.key_plan import PlannedKey, SceneOptions

PLAN = FilmPlan(
    output="out/{scene}.####.exr",
    plates={"p": FilmPlate(path="p.####.exr")},
    scenes={
        "s1": FilmScene(plate="p", frames="1-60", group="a"),
        "s2": FilmScene(plate="p", frames="61-90", group="a"),
        "s3": FilmScene(plate="p", frames="91-100", group="b"),
    },
)
NONE: dict[str, dict[str, float]] = {"s1": {}, "s2": {}, "s3": {}}


def options(first: int, length: int, *sets: tuple[float, ...], painted: int = 0) -> list[SceneOptions]:
    """Return options of which each set is given by the share that each of its keyframes colours."""
    keys = [
        tuple(
            PlannedKey(first + 10 * len(shares) + place, share, exists=place < painted)
            for place, share in enumerate(shares)
        )
        for shares in sets
    ]
    return [SceneOptions(first, first + length - 1, length, tuple(keys), tuple(map(sum, sets)))]


def test_the_next_keyframe_goes_where_it_gains_most_frames_of_the_film() -> None:
    found = {"s1": options(1, 60, (0.6,), (0.5, 0.4)), "s2": options(61, 30, (0.9,)), "s3": options(91, 10, (1.0,))}
    proposals = choose_proposals(PLAN, found, NONE, share=1)
    assert [(each.scene, round(each.gain, 3)) for each in proposals] == [
        ("s1", 0.36),
        ("s2", 0.27),
        ("s1", 0.18),
        ("s3", 0.1),
    ]
    assert [each.key.frame for each in proposals] == [21, 71, 22, 101]  # both frames are of the best pair of scene s1
    assert proposals[-1].covered == pytest.approx(0.91)


def test_a_keyframe_counts_for_the_scenes_that_borrow_it() -> None:
    found = {"s1": options(1, 60, (0.3,)), "s2": options(61, 30, (1.0,)), "s3": options(91, 10, (1.0,))}
    lent = {"s1": {"s2": 0.8}, "s2": {"s1": 0.8}, "s3": {}}
    proposals = choose_proposals(PLAN, found, lent, share=0.75)
    assert [(each.scene, round(each.gain, 3)) for each in proposals] == [("s2", 0.78)]  # 30 frames, and 0.8 of 60


def test_painting_stops_at_the_share_that_is_asked_for_and_when_nothing_is_gained() -> None:
    found = {name: options(1, 10, (1.0,)) for name in PLAN.scenes}
    assert [each.scene for each in choose_proposals(PLAN, found, NONE, share=0.6)] == ["s1"]
    poor = {name: options(1, 10, (0.2,), (0.1, 0.1)) for name in PLAN.scenes}
    assert len(choose_proposals(PLAN, poor, NONE, share=1)) == 3


def test_painted_keyframes_are_kept_and_not_proposed_again() -> None:
    found = {
        "s1": options(1, 60, (0.5,), (0.5, 0.3), painted=1),
        "s2": options(61, 30, (1.0,), painted=1),
        "s3": options(91, 10, (1.0,)),
    }
    proposals = choose_proposals(PLAN, found, NONE, share=1)
    assert [(each.scene, each.key.frame, round(each.gain, 3)) for each in proposals] == [
        ("s1", 22, 0.18),
        ("s3", 101, 0.1),
    ]


@pytest.mark.slow
def test_a_film_is_planned_from_its_plate_and_its_painted_keyframes(tmp_path: Path) -> None:
    film = write_film(tmp_path)
    looks = look_at_scenes(film.plan)
    lent = borrowed_shares(film.plan, looks)
    assert lent["s002"] == {} and 0.5 <= lent["s001"]["s003"] == lent["s003"]["s001"] <= 1
    first = propose_keyframes(film.plan, looks, find_keys(film.plan), share=0.9)
    assert {each.scene for each in first} >= {"s002"} and first[0].gain > 0.3
    assert [each.covered for each in first] == sorted(each.covered for each in first)
    film.paint(first[0].key.frame)
    again = propose_keyframes(film.plan, looks, find_keys(film.plan), share=0.9)
    assert [each.key for each in again] == [each.key for each in first[1:]]
    with pytest.raises(BadRequest, match="--coverage"):
        propose_keyframes(film.plan, looks, find_keys(film.plan), share=1.5)
    with pytest.raises(Cancelled):
        propose_keyframes(film.plan, looks, find_keys(film.plan), cancelled=lambda: True)


def test_a_scene_that_can_hold_no_colour_gets_no_keyframe_and_lacks_none() -> None:
    black = [SceneOptions(91, 100, 10, (), ())]
    found = {"s1": options(1, 60, (0.6,)), "s2": options(61, 30, (0.9,)), "s3": black}
    proposals = choose_proposals(PLAN, found, NONE, share=1)
    assert [each.scene for each in proposals] == ["s1", "s2"]
    assert proposals[-1].covered == pytest.approx(0.36 + 0.27 + 0.1)
