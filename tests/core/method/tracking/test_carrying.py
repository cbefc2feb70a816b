"""Mattes carried to other frames, against clips whose true mattes are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import texture, view

from stcolor_core.method.features.standard import TEMPERATURE
from stcolor_core.method.tracking.appearance import AppearanceMemory, Likeness
from stcolor_core.method.tracking.carrying import CarriedObjects, MatteCarrier, combine_carried
from stcolor_core.method.tracking.instance import Instances

HEIGHT, WIDTH, SIDE = 96, 200, 40


def crossing(count: int, *, step: int = 3) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return L* and masks (2, H, W) of two squares of one texture on one line; the second passes in front."""
    ground, thing = texture(HEIGHT, WIDTH, seed=1, mean=45, contrast=20), texture(SIDE, SIDE, seed=2, mean=60)
    lightnesses, masks = [], []
    for t in range(count):
        lightness, mask = ground.copy(), np.zeros((2, HEIGHT, WIDTH), bool)
        for index, x in enumerate((30 + step * t, 130 - step * t)):
            lightness[28 : 28 + SIDE, x : x + SIDE] = thing
            mask[:, 28 : 28 + SIDE, x : x + SIDE] = False
            mask[index, 28 : 28 + SIDE, x : x + SIDE] = True
        lightnesses.append(lightness)
        masks.append(mask)
    return lightnesses, masks


def named(masks: np.ndarray) -> Instances:
    stack = masks.astype(np.float32)
    return Instances(stack, np.zeros(2, np.int32), np.ones(2, np.float32), ("first", "second"))


def carry(lightnesses: list[np.ndarray], mattes: Instances) -> list[CarriedObjects]:
    """Carry the first frame's mattes to the others."""
    memory = AppearanceMemory([(view(lightnesses[0]), mattes)], temperature=TEMPERATURE)
    carrier = MatteCarrier(lightnesses[0], mattes)
    return [carrier.advance(lightness, memory.compare(view(lightness))) for lightness in lightnesses[1:]]


def without_looks(lightness: np.ndarray, names: tuple[str, ...]) -> Likeness:
    """Say that every place looks like every object."""
    return Likeness(
        names, np.full((len(names), *lightness.shape), 1 / len(names), np.float32), np.zeros_like(lightness)
    )


def overlap(coverage: np.ndarray, truth: np.ndarray) -> float:
    own = coverage > 0.5
    return float((own & truth).sum() / (own | truth).sum())


def test_two_objects_of_one_texture_keep_their_names_through_a_crossing() -> None:
    lightnesses, masks = crossing(32)
    assert not masks[17][0].sum() > 0.2 * SIDE**2  # the first one is hidden meanwhile
    carried = carry(lightnesses, named(masks[0]))[-1]
    assert all(overlap(carried.coverage[index], masks[-1][index]) > 0.8 for index in range(2))


def test_what_an_object_uncovers_belongs_to_the_background() -> None:
    lightnesses, masks = crossing(8)
    carried = carry(lightnesses, named(masks[0]))[-1]
    uncovered = masks[0].any(0) & ~masks[7].any(0)
    assert carried.coverage[-1][uncovered].mean() > 0.8


def turning(count: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return L* and masks of a striped figure that turns by 20 degrees a frame and moves by 8 px."""
    ground = texture(HEIGHT, 240, seed=1, mean=45, contrast=20)
    figure = np.tile(np.float32([[20], [80]]).repeat(4, 0), (6, 16))[:44]
    lightnesses, masks = [], []
    for t in range(count):
        turn = cv2.getRotationMatrix2D((8, 22), 20 * t, 1) + np.array([[0, 0, 32 + 8 * t], [0, 0, HEIGHT // 2 - 22]])
        mask = cv2.warpAffine(np.ones_like(figure), turn, (240, HEIGHT)) > 0.5
        lightnesses.append(np.where(mask, cv2.warpAffine(figure, turn, (240, HEIGHT)), ground))
        masks.append(mask)
    return lightnesses, masks


def test_an_object_that_turns_and_moves_faster_than_flow_can_follow_is_known_by_its_looks() -> None:
    lightnesses, masks = turning(10)
    matte = Instances(masks[0][None].astype(np.float32), np.zeros(1, np.int32), np.ones(1, np.float32), ("figure",))
    carried = carry(lightnesses, matte)
    assert np.mean([overlap(c.coverage[0], m) for c, m in zip(carried, masks[1:], strict=True)]) > 0.7


def test_an_object_that_leaves_the_picture_is_found_when_it_comes_back_elsewhere() -> None:
    ground = texture(HEIGHT, WIDTH, seed=1, mean=45, contrast=20)
    figure = np.tile(np.float32([[20], [80]]).repeat(4, 0), (6, 32))
    lightnesses, masks = [], []
    for y, x in [(24, 120), (24, 135), (24, 150), (24, 165), (24, 180), *[(24, WIDTH)] * 3, (24, 20), (24, 30)]:
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[y : y + 48, x : x + 32] = True
        lightness = ground.copy()
        lightness[y : y + 48, x : x + 32] = figure[:, : max(0, min(32, WIDTH - x))]
        lightnesses.append(lightness)
        masks.append(mask)
    matte = Instances(masks[0][None].astype(np.float32), np.zeros(1, np.int32), np.ones(1, np.float32), ("figure",))
    carried = carry(lightnesses, matte)
    assert all((c.coverage[0] > 0.5).mean() < 0.01 for c in carried[4:7])  # while it is away
    assert all(overlap(c.coverage[0], mask) > 0.7 for c, mask in zip(carried[7:], masks[8:], strict=True))


def test_coverage_sums_to_one_and_certainty_is_a_probability() -> None:
    lightnesses, masks = crossing(3)
    carried = carry(lightnesses, named(masks[0]))[0]
    np.testing.assert_allclose(carried.coverage.sum(0), 1, atol=1e-5)
    assert carried.certainty.min() >= 0 and carried.certainty.max() <= 1
    inner = masks[1][1] & np.pad(masks[1][1], 6)[:HEIGHT, :WIDTH]
    assert carried.certainty[inner].mean() > 0.8


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (17, 33)])
def test_any_size_is_carried(size: tuple[int, int]) -> None:
    light = np.random.default_rng(1).uniform(0, 100, size).astype(np.float32)
    mask = np.zeros((1, *size), np.float32)
    mask[0, :, : size[1] // 2] = 1
    carrier = MatteCarrier(light, Instances(mask, np.zeros(1, np.int32), np.ones(1, np.float32), ("left",)))
    assert carrier.names == ("left", "")
    for _ in range(2):
        carried = carrier.advance(light, without_looks(light, carrier.names))
    assert np.isfinite(carried.coverage).all() and np.isfinite(carried.certainty).all()


def test_an_empty_matte_is_carried_as_empty() -> None:
    light = texture(40, 40, seed=1, mean=50)
    empty = Instances(np.zeros((0, 40, 40), np.float32), np.zeros(0, np.int32), np.zeros(0, np.float32), ())
    (carried,) = carry([light, light], empty)
    np.testing.assert_allclose(carried.coverage, 1)


def test_where_two_carried_mattes_disagree_the_surer_one_decides() -> None:
    ones, zeros = np.ones((4, 4), np.float32), np.zeros((4, 4), np.float32)
    sure = CarriedObjects(np.stack([ones, zeros]), 0.9 * ones)
    unsure = CarriedObjects(np.stack([zeros, ones]), 0.1 * ones)
    mattes = combine_carried([(("a", ""), sure, 0.5), (("a", ""), unsure, 0.5)])
    assert mattes.names == ("a",)
    assert (mattes.masks[0] > 0.9).all()


def test_names_of_both_sides_are_kept() -> None:
    ones = np.ones((4, 4), np.float32)
    left, right = ones.copy(), ones.copy()
    left[:, 2:], right[:, :2] = 0, 0
    first = CarriedObjects(np.stack([left, 1 - left]), left)
    second = CarriedObjects(np.stack([right, 1 - right]), right)
    mattes = combine_carried([(("b", ""), first, 0.5), (("a", ""), second, 0.5)])
    assert mattes.names == ("a", "b")
    np.testing.assert_allclose(mattes.masks[0], right, atol=0.01)
    np.testing.assert_allclose(mattes.masks[1], left, atol=0.01)
