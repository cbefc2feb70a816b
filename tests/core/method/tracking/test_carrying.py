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


def test_an_object_does_not_shrink_though_features_see_the_background_beside_it() -> None:
    ground, thing = (texture(HEIGHT, WIDTH, seed=seed, mean=50, contrast=15) for seed in (1, 2))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    masks = [np.hypot(y - HEIGHT / 2, x - 40 - 5 * t) < 24 for t in range(12)]
    matte = Instances(masks[0][None].astype(np.float32), np.zeros(1, np.int32), np.ones(1, np.float32), ("disc",))
    carrier = MatteCarrier(np.where(masks[0], thing, ground), matte)
    for t, mask in list(enumerate(masks))[1:]:
        near = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 6)
        looks = 0.43 * near / (0.43 * near + 0.57 * (1 - near))  # at the outline the background is the likelier one
        likeness = Likeness(carrier.names, np.stack([looks, 1 - looks]), np.ones_like(looks))
        carried = carrier.advance(np.where(mask, np.roll(thing, 5 * t, 1), ground), likeness)
    inside, outside = (
        cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) for part in (masks[-1], ~masks[-1])
    )
    assert carried.coverage[0][(inside >= 2) & (inside < 4)].mean() > 0.78
    assert carried.coverage[0][(outside >= 2) & (outside < 4)].mean() < 0.1


def test_a_gap_in_an_object_stays_open_though_features_reach_across_it() -> None:
    ground, thing = (texture(HEIGHT, WIDTH, seed=seed, mean=50, contrast=25) for seed in (1, 2))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    across = [abs(x - 50 - 4 * t) for t in range(12)]
    legs = [(y >= 20) & (y < 76) & (each < 22) & ((each >= 7) | (y < 36)) for each in across]
    matte = Instances(legs[0][None].astype(np.float32), np.zeros(1, np.int32), np.ones(1, np.float32), ("figure",))
    carrier = MatteCarrier(np.where(legs[0], thing, ground), matte)
    for t, mask in list(enumerate(legs))[1:]:
        looks = np.clip(1.4 * cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 6), 0.02, 0.98)  # so does the gap
        likeness = Likeness(carrier.names, np.stack([looks, 1 - looks]), np.ones_like(looks))
        carried = carrier.advance(np.where(mask, np.roll(thing, 4 * t, 1), ground), likeness)
    assert carried.coverage[0][(y >= 40) & (y < 76) & (across[-1] < 6)].mean() < 0.3
    assert carried.coverage[0][legs[-1]].mean() > 0.9


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


def test_an_outline_between_two_sure_places_is_as_sure_as_they_are() -> None:
    coverage = np.broadcast_to(np.clip((np.arange(40, dtype=np.float32) - 18) / 4, 0, 1), (20, 40))
    carried = CarriedObjects(np.stack([coverage, 1 - coverage]), np.ones((20, 40), np.float32))
    certainty = combine_carried([(("a", ""), carried, 1.0)]).certainty
    assert certainty is not None
    np.testing.assert_allclose(certainty, 1)


def test_a_thin_doubtful_place_within_one_object_stays_doubtful() -> None:
    certainty = np.ones((20, 40), np.float32)
    certainty[:, 20:24] = 0.2  # perhaps an arm that was lost
    nothing = np.zeros((20, 40), np.float32)
    carried = CarriedObjects(np.stack([nothing, 1 - nothing]), certainty)
    combined = combine_carried([(("a", ""), carried, 1.0)]).certainty
    assert combined is not None
    np.testing.assert_allclose(combined, certainty)


def test_a_wide_place_where_two_mattes_disagree_stays_unsure() -> None:
    ones = np.ones((20, 40), np.float32)
    left = np.broadcast_to((np.arange(40) < 10).astype(np.float32), (20, 40))
    right = np.broadcast_to((np.arange(40) < 30).astype(np.float32), (20, 40))
    parts = [CarriedObjects(np.stack([part, 1 - part]), ones) for part in (left, right)]
    certainty = combine_carried([(("a", ""), part, 0.5) for part in parts]).certainty
    assert certainty is not None
    np.testing.assert_allclose(certainty[:, 15:25], 0.5, atol=0.01)


def test_what_looks_like_no_object_at_all_stays_surely_background_though_motion_loses_it() -> None:
    mask = np.zeros((1, HEIGHT, WIDTH), np.float32)
    mask[0, 30:60, 30:60] = 1
    matte = Instances(mask, np.zeros(1, np.int32), np.ones(1, np.float32), ("box",))
    carrier = MatteCarrier(texture(HEIGHT, WIDTH, seed=1, mean=50), matte)
    looks = 0.01 + 0.9 * mask[0]
    looks[:, 150:] = 0.3
    for seed in range(2, 10):  # nothing of one frame is found on the next
        likeness = Likeness(carrier.names, np.stack([looks, 1 - looks]), np.ones_like(looks))
        carried = carrier.advance(texture(HEIGHT, WIDTH, seed=seed, mean=50), likeness)
    assert carried.certainty[:, 100:140].min() > 0.94
    assert carried.certainty[:, 160:].mean() < 0.9
