"""Objects that carried mattes lose or take for each other are told, and others are not."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import Scene, crossing, texture, view

from stcolor_core.files.scratch import Scratch
from stcolor_core.method.carried_mattes import carry_mattes
from stcolor_core.method.features.standard import TEMPERATURE
from stcolor_core.method.tracking.carrying import CarriedObjects, combine_carried, find_disputed
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.lost_mattes import LossWatch, LostMatte
from stcolor_core.shots.spans import plan

HEIGHT, WIDTH, SIDE = 96, 160, 32


def squares(places: list[list[tuple[int, int] | None]]) -> Scene:
    """Return a clip of like squares, with their upper left corners (x, y) on each frame; None is out of sight."""
    ground, thing = texture(HEIGHT, WIDTH, seed=1, mean=40, contrast=20), texture(SIDE, SIDE, seed=2, mean=65)
    scene = Scene([], [], [])
    for corners in places:
        lightness, masks = ground.copy(), np.zeros((len(corners), HEIGHT, WIDTH), bool)
        for index, corner in enumerate(corners):
            if corner is not None:
                part = slice(corner[1], corner[1] + SIDE), slice(corner[0], corner[0] + SIDE)
                lightness[part] = thing
                masks[(slice(None), *part)] = False
                masks[(index, *part)] = True
        scene.lightnesses.append(lightness)
        scene.masks.append(masks)
        scene.ab.append(np.zeros((HEIGHT, WIDTH, 2), np.float32))
    return scene


def losses(scene: Scene, given: tuple[int, ...]) -> list[LostMatte]:
    """Carry the mattes of some frames to the others; return what is told."""

    class Given(Scene):
        def instances(self, frame: int) -> Instances | None:
            return super().instances(frame) if frame in given else None

    footage, told = Given(scene.lightnesses, scene.ab, scene.masks), []
    count = len(scene.masks)
    (span,) = plan(range(count), [0, count - 1], [])
    with Scratch() as scratch:
        carry_mattes(
            span,
            footage,
            scratch,
            view=view,
            temperature=TEMPERATURE,
            needed=span.frames,
            on_read=lambda _: None,
            on_lost=told.append,
        )
    return told


def test_an_object_that_cannot_be_found_is_told_once_for_each_stretch() -> None:
    seen: list[list[tuple[int, int] | None]] = [[(30 + 3 * t, 30)] for t in range(4)]
    (told,) = losses(squares([*seen, *[[None]] * 4]), (0,))
    assert told == LostMatte("object0", (4, 5, 6, 7), "missing", (0,))


def test_like_objects_that_the_two_sides_tell_apart_differently_are_told() -> None:
    xs = [20, 30, 40, 50, 60, 64, 60, 50, 40, 30, 20]  # they meet and turn back, which looks like passing
    told = losses(squares([[(x, 30), (WIDTH - SIDE - x, 30)] for x in xs]), (0, len(xs) - 1))
    assert {each.name for each in told if each.kind == "disputed"} == {"object0", "object1"}
    assert all(each.ends == (0, len(xs) - 1) for each in told)


@pytest.mark.parametrize("given", [(0,), (0, 6), (3,)])
def test_objects_that_are_followed_well_are_not_told(given: tuple[int, ...]) -> None:
    assert losses(crossing(7), given) == []


def test_an_object_that_one_of_two_mattes_lacks_may_be_missing() -> None:
    seen: list[list[tuple[int, int] | None]] = [[(30 + 3 * t, 30)] for t in range(3)]
    assert losses(squares([*seen, *[[None]] * 3]), (0, 5)) == []


def one_object(left: int, right: int) -> CarriedObjects:
    coverage = np.zeros((20, 60), np.float32)
    coverage[:, left:right] = 1
    return CarriedObjects(np.stack([coverage, 1 - coverage]), np.ones((20, 60), np.float32))


def test_what_one_side_alone_says_of_a_disputed_object_counts_less() -> None:
    near, away = one_object(5, 20), one_object(40, 55)
    names = ("a", "")
    assert find_disputed([(names, near), (names, away)]) == {"a"}
    disputed = combine_carried([(names, near, 0.5), (names, away, 0.5)]).certainty
    assert disputed is not None
    assert disputed[:, 8:17].max() < 0.3  # too little to count
    assert disputed[:, 25:35].min() == 1  # both call it background
    assert not find_disputed([(names, near), (names, one_object(8, 24))])
    assert not find_disputed([(names, near), (names, one_object(0, 0))])  # one side has not found it
    assert not find_disputed([(names, near)])


def test_stretches_end_where_the_object_is_found_or_lost_otherwise() -> None:
    whole = np.ones((1, 4, 8), np.float32)
    matte = Instances(whole, np.zeros(1, np.int32), np.ones(1, np.float32), ("a",))
    watch = LossWatch({0: matte})
    for frame, share in ((1, 1.0), (2, 0.0), (3, 0.0), (5, 1.0), (7, 0.0)):
        found = Instances(share * whole, matte.labels, matte.scores, ("a",), np.ones((4, 8), np.float32))
        watch.look_at(frame, found, [(("a", ""), CarriedObjects(np.concatenate([whole, whole]), whole[0]))])
    assert [(each.frames, each.kind) for each in watch.losses()] == [((2, 3), "missing"), ((7,), "missing")]
