"""Instances: eq. 12 against an explicit greedy matching, and eq. 13 against its definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stcolor_core.method.tracking.instance import (
    Instances,
    InstanceState,
    advance_instances,
    average_on_grid,
    instance_positions,
    label_positions,
    match_instances,
    resample,
    restrict,
)

SIZE = (24, 32)


def box(top: int, left: int, height: int = 8, width: int = 8) -> NDArray[np.float32]:
    mask = np.zeros(SIZE, np.float32)
    mask[max(top, 0) : top + height, max(left, 0) : left + width] = 1
    return mask


def seen(
    *masks: NDArray[np.float32], labels: list[int] | None = None, names: tuple[str, ...] | None = None
) -> Instances:
    stack = np.stack(masks) if masks else np.empty((0, *SIZE), np.float32)
    return Instances(stack, np.array(labels or [1] * len(masks), np.int64), np.ones(len(masks), np.float32), names)


def walk(*frames: Instances, **settings: float) -> list[list[int]]:
    state, found = InstanceState(), []
    for frame in frames:
        state, ids = advance_instances(state, frame, **settings)  # type: ignore[arg-type]
        found.append(ids.tolist())
    return found


@pytest.mark.parametrize(
    ("masks", "labels", "scores", "names"),
    [
        pytest.param(np.zeros((4, 4), np.float32), [1], [1.0], None, id="masks without K"),
        pytest.param(np.zeros((1, 4, 4)), [1], [1.0], None, id="masks in float64"),
        pytest.param(np.zeros((1, 4, 4), np.float32), [1, 2], [1.0], None, id="a label too many"),
        pytest.param(np.zeros((1, 4, 4), np.float32), [1.5], [1.0], None, id="a label that is not an integer"),
        pytest.param(np.zeros((1, 4, 4), np.float32), [1], [], None, id="a score too few"),
        pytest.param(np.zeros((1, 4, 4), np.float32), [1], [1.5], None, id="a score above 1"),
        pytest.param(np.full((1, 4, 4), -0.1, np.float32), [1], [1.0], None, id="a mask below 0"),
        pytest.param(np.full((1, 4, 4), np.nan, np.float32), [1], [1.0], None, id="a mask of NaN"),
        pytest.param(np.zeros((1, 4, 4), np.float32), [1], [1.0], (), id="a name too few"),
        pytest.param(np.zeros((2, 4, 4), np.float32), [1, 1], [1.0, 1.0], ("car", "car"), id="a name twice"),
    ],
)
def test_instances_of_wrong_shape_or_range_are_refused(masks, labels, scores, names):
    with pytest.raises(ValueError):
        Instances(masks, np.array(labels), np.array(scores, np.float32), names)


def test_a_frame_may_have_no_instances():
    assert seen().masks.shape == (0, *SIZE)
    assert (
        match_instances(seen(), seen(box(0, 0)))
        == match_instances(seen(box(0, 0)), seen())
        == match_instances(seen(), seen())
        == []
    )


def greedy_by_the_book(previous: Instances, current: Instances, threshold: float) -> set[tuple[int, int]]:
    def pixels(mask):
        return {tuple(at) for at in np.argwhere(mask >= 0.5)}

    scored = []
    for (i, a), (j, b) in itertools.product(
        enumerate(map(pixels, previous.masks)), enumerate(map(pixels, current.masks))
    ):
        iou = len(a & b) / len(a | b) if a | b else 0.0
        if iou >= threshold and previous.labels[i] == current.labels[j]:
            scored.append((-iou, i, j))
    pairs: set[tuple[int, int]] = set()
    for _, i, j in sorted(scored):
        if not any(i == taken or j == gone for taken, gone in pairs):
            pairs.add((i, j))
    return pairs


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), threshold=st.sampled_from([0.05, 0.3, 0.6]))
def test_matching_agrees_with_a_plain_greedy_iou(seed, threshold):
    random = np.random.default_rng(seed)

    def frame():
        count = random.integers(0, 5)
        boxes = [
            box(*random.integers(0, 14, 2), *random.integers(1, 16, 2)) * random.uniform(0.4, 1) for _ in range(count)
        ]
        return seen(*(mask.astype(np.float32) for mask in boxes), labels=random.integers(1, 3, count).tolist())

    previous, current = frame(), frame()
    assert set(match_instances(previous, current, iou_threshold=threshold)) == greedy_by_the_book(
        previous, current, threshold
    )


def test_instances_of_different_classes_never_match():
    assert match_instances(seen(box(0, 0), labels=[1]), seen(box(0, 0), labels=[2])) == []


def test_if_overlaps_are_equal_the_lower_index_matches():
    twice = seen(box(0, 0), box(0, 0))
    assert match_instances(twice, twice) == [(0, 0), (1, 1)]


def test_names_decide_if_both_frames_have_them():
    previous = seen(box(0, 0), box(10, 10), names=("car", "man"))
    current = seen(box(0, 0), box(10, 10), names=("man", "dog"))
    assert match_instances(previous, current) == [(1, 0)]


def test_masks_of_another_size_are_refused():
    other = Instances(np.ones((1, 5, 5), np.float32), np.ones(1, np.int64), np.ones(1, np.float32))
    with pytest.raises(ValueError, match="cannot be matched"):
        match_instances(seen(box(0, 0)), other)


def test_ids_follow_moving_instances_whatever_their_order():
    ids = walk(*(seen(*(box(2, 1 + t), box(14, 22 - t))[:: 1 - 2 * (t % 2)]) for t in range(6)))
    assert ids == [[0, 1], [1, 0]] * 3


@pytest.mark.parametrize(("gap", "same"), [(0, True), (1, True), (5, True), (6, False)])
def test_an_instance_lost_for_up_to_five_frames_keeps_its_id(gap, same):
    ids = walk(seen(box(4, 4)), *[seen()] * gap, seen(box(4, 5)))
    assert (ids[-1] == [0]) is same
    assert ids[-1] == ([0] if same else [1])


def test_patience_is_a_setting():
    frames = [seen(box(4, 4)), seen(), seen(), seen(box(4, 4))]
    assert walk(*frames, patience=1)[-1] == [1]
    assert walk(*frames, patience=2)[-1] == [0]


def test_instances_of_the_neighbouring_frame_take_precedence_over_lost_ones():
    # the first is lost when the second arrives a frame later, at a larger overlap with the lost one
    lost, near = box(4, 4), box(4, 7)
    ids = walk(seen(lost, box(4, 9)), seen(near), seen(box(4, 5)))
    assert ids == [[0, 1], [1], [1]]


def test_an_id_is_never_assigned_twice():
    ids = walk(
        seen(box(0, 0)), seen(box(12, 12)), seen(box(0, 20)), seen(box(0, 0), box(12, 12), box(0, 20), box(16, 0))
    )
    assert ids == [[0], [1], [2], [0, 1, 2, 3]]


def test_a_name_keeps_its_id_however_long_it_was_absent():
    car, man = box(0, 0), box(12, 12)
    frames = [seen(car, man, names=("car", "man")), *[seen(names=())] * 9, seen(car, man, names=("man", "dog"))]
    assert walk(*frames)[0] == [0, 1]
    assert walk(*frames)[-1] == [1, 2]


def test_an_update_does_not_change_the_previous_state():
    state, _ = advance_instances(InstanceState(), seen(box(0, 0)))
    again = [advance_instances(state, seen(box(1, 1), box(12, 12)))[1].tolist() for _ in range(3)]
    assert again == [[0, 1]] * 3


@pytest.mark.parametrize("size", [(24, 32), (23, 30), (12, 16), (5, 3), (1, 1)])
def test_the_grid_holds_the_average_of_each_cell(size):
    masks = np.random.default_rng(1).random((2, *size), dtype=np.float32)
    grid = average_on_grid(masks, size, stride=4)
    assert grid.shape == (2, -(-size[0] // 4), -(-size[1] // 4))
    rows, columns = (
        np.minimum(np.arange(4 * cells), length - 1) for cells, length in zip(grid.shape[1:], size, strict=True)
    )
    held = masks[:, rows][:, :, columns]  # its border repeated where the last cells reach outside, as for the features
    for k, i, j in np.ndindex(grid.shape):
        assert grid[k, i, j] == pytest.approx(held[k, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4].mean(), abs=1e-6)


def test_no_mask_gives_no_grid():
    assert average_on_grid(np.empty((0, 24, 32), np.float32), (24, 32), stride=4).shape == (0, 6, 8)


def test_shrinking_a_mask_keeps_its_area():
    mask = np.random.default_rng(2).random((48, 60), dtype=np.float32)
    assert resample(mask, (16, 20)) == pytest.approx(mask.reshape(16, 3, 20, 3).mean(axis=(1, 3)), abs=1e-6)
    assert resample(mask, (17, 23)).mean() == pytest.approx(mask.mean(), abs=1e-5)


def test_growing_a_mask_stays_within_its_range():
    grown = resample(box(0, 0), (50, 90))
    assert grown.shape == (50, 90)
    assert (grown.min(), grown.max()) == (0, 1)


def test_the_largest_mask_at_or_above_the_threshold_owns_a_pixel():
    masks = np.array([[[0.5, 0.9, 0.49, 0.6]], [[0.2, 0.95, 0.3, 0.6]]], np.float32)
    assert label_positions(masks).tolist() == [0, 1, -1, 0]
    assert label_positions(masks, threshold=0.7).tolist() == [-1, 1, -1, -1]
    assert label_positions(masks[:0]).tolist() == [-1, -1, -1, -1]


def test_a_reference_position_is_allowed_at_the_threshold_and_above():
    assert instance_positions(np.array([[[0.5, 0.49], [0.51, 0]]], np.float32)).tolist() == [[True, False, True, False]]


def test_the_restriction_is_equation_13():
    random = np.random.default_rng(3)
    target, reference = random.random((3, 4, 5), np.float32), random.random((2, 3, 6), np.float32)
    target_ids, reference_ids = np.array([7, 4, 9], np.int32), np.array([9, 7], np.int32)
    restriction = restrict(target, target_ids, reference, reference_ids, threshold=0.6)

    for i, values in enumerate(target.reshape(3, -1).T):
        label = int(restriction.target_label[i])
        phi = target_ids[values.argmax()] if values.max() >= 0.6 else None
        if phi is None:
            assert label == -1
            continue
        for j in range(18):
            tracked = reference.reshape(2, -1)[reference_ids.tolist().index(phi), j] if phi in reference_ids else 0
            assert bool(restriction.reference_allowed[label, j]) == (tracked >= 0.6)


def test_an_instance_missing_from_the_reference_keeps_its_label_with_an_empty_row():
    mask = np.ones((1, 2, 2), np.float32)
    restriction = restrict(mask, np.array([3], np.int32), mask, np.array([5], np.int32))
    assert restriction.target_label.tolist() == [0, 0, 0, 0]
    assert restriction.reference_allowed.tolist() == [[False] * 4]


def test_a_frame_without_instances_restricts_nothing():
    empty, none = np.empty((0, 2, 3), np.float32), np.empty(0, np.int32)
    restriction = restrict(empty, none, np.ones((1, 2, 2), np.float32), np.array([0], np.int32))
    assert restriction.target_label.tolist() == [-1] * 6
    assert restriction.reference_allowed.shape == (0, 4)


def test_labels_agree_across_references():
    target, ids = np.random.default_rng(4).random((3, 2, 4), np.float32), np.arange(3, dtype=np.int32)
    first = restrict(target, ids, target[:1], ids[:1])
    second = restrict(target, ids, target[1:], ids[1:])
    assert first.target_label.equal(second.target_label)
    assert first.reference_allowed.shape == second.reference_allowed.shape == (3, 8)
