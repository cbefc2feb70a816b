"""Patches cover what they reach, in the right order, and change nothing else."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.patches import (
    PatchColor,
    cover,
    cut_to_reach,
    find_gaps,
    find_reach,
    remove_overruled,
    yield_to,
)

SIZE = (12, 20)
RED, BLUE = (50.0, 30.0), (10.0, -50.0)


def plane(value: float) -> np.ndarray:
    return np.full(SIZE, value, np.float32)


def base(frame: int, *, confidence: float = 0.9) -> ColoredFrame:
    noise = np.random.default_rng(0).normal(size=(*SIZE, 2)).astype(np.float32)
    return ColoredFrame(frame, plane(50), noise, plane(confidence), plane(0.5), plane(1), None, None, 0.0)


def patch(
    number: int,
    frame: int,
    color: tuple[float, float],
    *,
    columns: slice = slice(5, 10),
    reach: float = 1.0,
    confidence: float = 0.9,
    yielding: float = 0.0,
) -> PatchColor:
    covered = plane(0)
    covered[3:8, columns] = reach
    ab = np.broadcast_to(np.float32(color), (*SIZE, 2))
    return cut_to_reach(number, frame, ab, plane(confidence), covered, 0 * covered, yielding=yielding)


def test_what_no_patch_reaches_stays_as_it_is_to_the_bit() -> None:
    under = base(5)
    result = cover(under, [patch(9, 5, RED), patch(1, 5, BLUE, columns=slice(7, 12), reach=0.3)])
    outside = np.ones(SIZE, bool)
    outside[3:8, 5:12] = False
    for name in ("ab", "confidence", "tracked", "source"):
        np.testing.assert_array_equal(getattr(result, name)[outside], getattr(under, name)[outside])
    assert np.abs(result.ab[3:8, 5:7] - RED).max() < 1e-3
    assert (result.source[3:8, 5:7] == 9).all()


def test_a_frame_without_patches_is_returned_itself() -> None:
    under = base(5)
    assert cover(under, [patch(9, 5, RED, reach=0.001)]) is under


def test_the_nearer_of_two_patches_on_one_side_lies_above() -> None:
    near, far = patch(7, 5, RED), patch(9, 5, BLUE)
    for parts in ([near, far], [far, near]):
        result = cover(base(5), parts)
        assert np.abs(result.ab[3:8, 5:10] - RED).max() < 1e-3
        assert (result.source[3:8, 5:10] == 7).all()


def test_between_two_patches_their_colours_are_blended_by_distance() -> None:
    ab = cover(base(4), [patch(1, 4, RED), patch(5, 4, BLUE)]).ab[3:8, 5:10]
    np.testing.assert_allclose(ab, np.broadcast_to(0.25 * np.array(RED) + 0.75 * np.array(BLUE), ab.shape), atol=1e-3)


def test_a_patch_of_its_own_frame_covers_one_of_another_frame() -> None:
    own = patch(4, 4, BLUE, confidence=1)
    for other in (patch(1, 4, RED), patch(6, 4, RED)):
        assert np.abs(cover(base(4), [other, own]).ab[3:8, 5:10] - BLUE).max() < 1e-3


def test_near_a_whole_keyframe_the_more_certain_colour_prevails() -> None:
    assert [yield_to(10, frame, 0) for frame in (9, 5, 1)] == [0, 0, pytest.approx(0.84, abs=0.01)]
    assert yield_to(10, 1, None) == 0
    sure, unsure = (cover(base(5, confidence=c), [patch(9, 5, RED, yielding=0.84)]) for c in (0.98, 0.3))
    shares = [float((result.ab[3:8, 5:10] @ np.float32(RED)).mean() / np.dot(RED, RED)) for result in (sure, unsure)]
    assert shares[0] < 0.2
    assert shares[1] > 0.9


def test_a_patch_that_contradicts_a_keyframe_fades_to_it_without_a_jump_though_both_are_certain() -> None:
    shares = []
    for frame in (4, 3, 2, 1):  # towards the keyframe at 0
        part = patch(10, frame, RED, confidence=0.99, yielding=yield_to(10, frame, 0))
        ab = cover(base(frame, confidence=0.99), [part]).ab[3:8, 5:10]
        shares.append(float((ab @ np.float32(RED)).mean() / np.dot(RED, RED)))
    assert shares[0] == pytest.approx(1, abs=0.05)
    assert np.abs(np.diff([*shares, 0])).max() < 0.5
    assert shares[-1] < 0.25


@pytest.mark.parametrize(("difference", "share"), [(2.0, 0.13), (60.0, 1.0)])
def test_far_from_a_patch_a_colour_like_it_is_that_of_the_nearer_keyframe(difference: float, share: float) -> None:
    covered, under = plane(1), base(5)
    color = np.broadcast_to(np.float32((difference, 0)), (*SIZE, 2))
    far = cut_to_reach(50, 5, color, plane(0.9), covered, covered, share=0.9)  # nine tenths of the way to a keyframe
    shares = (cover(under, [far]).ab[..., 0] - under.ab[..., 0]) / (difference - under.ab[..., 0])
    assert np.median(shares) == pytest.approx(share, abs=0.05)


def test_a_doubtful_track_still_counts_where_nothing_else_is_certain() -> None:
    covered, zero = plane(1), plane(0)
    claimed = cut_to_reach(9, 5, np.broadcast_to(np.float32(RED), (*SIZE, 2)), plane(0.6), zero, covered)
    assert np.abs(cover(base(5, confidence=0.1), [claimed]).ab - RED).max() < 1
    assert np.abs(cover(base(5, confidence=0.98), [claimed]).ab).max() < 5


def test_a_trusted_flow_to_an_uncovered_place_leaves_nothing_to_the_next_flow() -> None:
    weight = plane(0)
    weight[:, 10:] = 1
    stay, jump = np.zeros((*SIZE, 2), np.float32), np.full((*SIZE, 2), (10, 0), np.float32)
    reach, claim = find_reach(weight, [(plane(1), stay), (plane(1), jump)])
    np.testing.assert_array_equal(reach, weight)
    np.testing.assert_array_equal(claim, weight)
    reach, claim = find_reach(weight, [(plane(0.1), stay), (plane(1), jump)])
    np.testing.assert_allclose(reach[:, :10], 0.9)
    np.testing.assert_allclose(claim[:, 10:], 0.9)


def test_a_patch_ends_where_a_later_one_covers_the_same_surface() -> None:
    weight, other = plane(0), np.zeros(SIZE, bool)
    weight[2:10, 4:16] = 1
    other[2:10, 10:18] = True  # on its frame the surface lies 6 px to the right
    displacement = np.full((*SIZE, 2), (-6, 0), np.float32)
    left = remove_overruled(weight, other, displacement, plane(1))
    assert not left[2:10, 4:12].any() and (left[3:9, 13:16] == 1).all()
    np.testing.assert_array_equal(remove_overruled(weight, other, displacement, plane(0.2)), weight)


def square(top: int, left: int, side: int, *, size: tuple[int, int] = (216, 384)) -> np.ndarray:
    """Return the weight of a square with a soft edge."""
    weight = np.zeros(size, np.float32)
    weight[top : top + side, left : left + side] = 1
    return cv2.blur(weight, (3, 3))


def remainder(weight: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return what is left of a patch beyond another one, of a surface that rests and is seen well."""
    still = np.zeros((*weight.shape, 2), np.float32)
    return remove_overruled(weight, other > 0.5, still, np.ones_like(weight))


@pytest.mark.parametrize("side", [8, 20, 80])
def test_of_an_object_painted_twice_nothing_is_left_along_its_outline(side: int) -> None:
    first = square(60, 100, side)
    inner = min(3, round(side * 0.05))
    for second in (first, square(60 + inner, 100 + inner, side - 2 * inner), square(61, 99, side)):
        assert not remainder(first, second).any()


@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_what_the_other_patch_does_not_cover_is_left(strength: float) -> None:
    button, strap = square(80, 120, 8), np.zeros((216, 384), np.float32)
    strap[100:103, 180:240] = 1
    shirt = square(60, 100, 80)
    first = strength * np.maximum(shirt, strap)
    left = remainder(first, np.where(button > 0, 0, shirt))  # without the button, which lies on the shirt
    np.testing.assert_array_equal(left[82:86, 122:126], first[82:86, 122:126])
    np.testing.assert_array_equal(left[100:103, 190:240], first[100:103, 190:240])
    half = square(60, 100, 80)
    half[:, 140:] = 0
    assert (remainder(first, half)[66:134, 145:174] == strength).all()
    apart = strength * square(60, 250, 12)
    left, seen = remainder(np.maximum(first, apart), shirt)[:, 245:270], apart[:, 245:270]
    np.testing.assert_array_equal(left, np.where(seen < 0.05, 0, seen))  # less would be no reach


def tracked(weight: np.ndarray, other: np.ndarray, *, lost: np.ndarray) -> np.ndarray:
    """Return what is left of a patch beyond another one, if the track of a surface at rest slips from a part."""
    still = np.zeros((*weight.shape, 2), np.float32)
    return remove_overruled(weight, other > 0.5, still, np.where(lost, 0, 1).astype(np.float32))


def test_of_an_object_painted_twice_no_part_that_the_track_lost_is_carried_on() -> None:
    dog, shadow = square(60, 100, 80), np.zeros((216, 384), np.float32)
    dog[90:100, 180:220] = 1  # its tail
    shadow[150:160, 110:170] = 1
    lost = np.zeros(dog.shape, bool)
    lost[85:105, 178:225] = True
    assert not tracked(dog, dog, lost=lost).any()
    both = np.where(np.roll(shadow, -12, 0) > dog, np.roll(shadow, -12, 0), dog)  # its shadow lies against it
    left = tracked(both, dog, lost=lost)
    assert not left[85:105, 178:225].any()
    seen = (dog < 0.05) & (np.roll(shadow, -12, 0) == 1)
    seen = cv2.erode(seen.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert seen.any() and (left[seen] == 1).all()  # the other patch leaves it uncovered: it is meant
    half = dog.copy()
    half[:, 130:] = 0
    hidden = np.zeros(dog.shape, bool)
    hidden[:, 130:] = True
    assert tracked(dog, half, lost=hidden)[70:130, 140:170].all()  # half of an object may only be hidden


def reached(trust: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Return where patches on objects at rest reach a frame, along a track of such trust."""
    still = np.zeros((*objects.shape, 2), np.float32)
    return np.maximum(*find_reach(objects, [(trust, still)])) > 0


def test_a_doubtful_island_is_not_reached_unless_it_is_an_object_of_its_own() -> None:
    shirt, button = square(60, 100, 80), square(60, 250, 12)
    trust = np.where(np.arange(384) < 200, 0.9, 0.15).astype(np.float32) * np.ones_like(shirt)
    assert reached(trust, shirt + button)[62:70, 252:260].all()
    # the same place on this frame, led to the shirt by a flow that is little trusted
    jump = np.zeros((216, 384, 2), np.float32)
    jump[55:77, 245:267, 0] = -130
    seen = np.maximum(*find_reach(shirt, [(trust, jump)])) > 0
    assert seen[62:138, 102:178].all() and not seen[:, 200:].any()
    sure = np.maximum(*find_reach(shirt, [(np.maximum(trust, 0.6), jump)])) > 0
    assert sure[62:70, 252:260].all()  # a part of the shirt behind something that hides the rest


def test_a_gap_at_a_fast_edge_between_patches_is_coloured_where_nothing_else_is_certain() -> None:
    whole, still = np.ones((216, 384), np.float32), np.zeros((216, 384, 2), np.float32)
    reached = whole.copy()
    reached[60:140, 180:200] = 0  # an edge that no track follows
    gaps = find_gaps(whole, [still, still], reached)
    assert gaps[60:140, 180:200].all()
    away = still.copy()
    away[..., 0] = 400 - np.arange(384)  # one of the flows leads to where the patch has nothing
    assert not find_gaps(np.where(np.arange(384) < 300, whole, 0), [still, away], reached).any()
    alone = square(60, 170, 10)  # beside a small patch nothing is a gap
    assert not find_gaps(alone, [still], alone)[:, 185:].any()
    under = replace(base(5), confidence=plane(0.0), ab=np.zeros((*SIZE, 2), np.float32))
    nothing, here = plane(0), plane(0) > -1
    color = np.broadcast_to(np.float32(RED), (*SIZE, 2))
    part = cut_to_reach(9, 5, color, plane(0.15), nothing, nothing, gaps=here)
    result = cover(under, [part])
    assert np.abs(result.ab - RED).max() < 1 and result.confidence.max() < 0.2  # and it says so
    for confidence in (0.15, 0.95):  # a whole keyframe knows better, though it is no surer
        assert np.abs(cover(replace(under, confidence=plane(confidence)), [part]).ab).max() == 0


def test_a_frame_says_where_its_patches_are_to_stay_in_the_gamut() -> None:
    covered = plane(0)
    covered[3:8, 5:10] = 1
    color = np.broadcast_to(np.float32(RED), (*SIZE, 2))
    wide = np.zeros(SIZE, bool)
    wide[:, 8:] = True
    part = cut_to_reach(9, 5, color, plane(0.9), covered, 0 * covered, in_gamut=~wide)
    held = cover(base(5), [part]).in_gamut
    assert held is not None
    np.testing.assert_array_equal(held, (covered > 0) & ~wide)
