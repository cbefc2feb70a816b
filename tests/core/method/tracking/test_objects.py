"""Objects of mattes at working size: what belongs together, and flow that stays within it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stcolor_core.method.tracking.flow import FlowLink
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.objects import (
    BACKGROUND,
    UNKNOWN,
    Objects,
    agreement,
    blur_widely,
    fill_cells,
    find_objects,
    keep_within_objects,
)


def mattes(**masks: np.ndarray) -> Instances:
    stack = np.stack(list(masks.values())).astype(np.float32)
    return Instances(stack, np.zeros(len(stack), np.int32), np.ones(len(stack), np.float32), tuple(masks))


def box(left: int, right: int, *, height: int = 8, width: int = 24) -> np.ndarray:
    mask = np.zeros((height, width), np.float32)
    mask[:, left:right] = 1
    return mask


def shift(x: float, *, height: int = 8, width: int = 24) -> np.ndarray:
    return np.broadcast_to(np.array([x, 0], np.float32), (height, width, 2)).copy()


def objects(**masks: np.ndarray) -> Objects:
    found = find_objects(mattes(**masks))
    assert found is not None
    return found


def test_coverage_and_background_sum_to_one() -> None:
    found = objects(a=0.5 * box(2, 10), b=0.7 * box(8, 16))
    assert found.names == ("a", "b", BACKGROUND)
    np.testing.assert_allclose(found.coverage.sum(0), 1, atol=1e-6)
    np.testing.assert_array_equal(found.coverage[0][:, 3], np.float32(0.5))


def test_of_two_mattes_that_overlap_the_smaller_is_on_top() -> None:
    found = objects(person=box(2, 18), jacket=box(6, 10))
    assert (found.coverage[0][:, 6:10] == 0).all()
    assert (found.coverage[1][:, 6:10] == 1).all()


def test_detections_and_pictures_without_mattes_have_no_objects() -> None:
    detected = Instances(box(0, 4)[None], np.ones(1, np.int32), np.ones(1, np.float32))
    assert find_objects(detected) is None
    assert find_objects(None) is None


class TestAgreement:
    target = objects(a=box(4, 10), b=box(14, 20))

    def agrees(self, origin: Objects, x: float) -> np.ndarray:
        return agreement(self.target, origin, shift(x), known=("a", "b", BACKGROUND))[4]

    def test_is_full_where_the_flow_stays_in_the_object(self) -> None:
        np.testing.assert_array_equal(self.agrees(self.target, 0), 1)

    def test_is_none_where_the_flow_leads_into_another_object_or_the_background(self) -> None:
        row = self.agrees(self.target, 10)
        assert (row[4:10] == 0).all()  # a to b
        assert (row[10:14] == 1).all()  # background to background, beyond b
        assert (self.agrees(self.target, -4)[4:8] == 0).all()  # a to the background left of it

    def test_is_full_for_an_object_that_no_reference_knows(self) -> None:
        row = agreement(self.target, objects(b=box(14, 20)), shift(0), known=("b", BACKGROUND))[4]
        np.testing.assert_array_equal(row, 1)

    def test_is_none_if_another_reference_has_the_object_and_this_one_lacks_it(self) -> None:
        assert (self.agrees(objects(b=box(14, 20)), 0)[4:10] == 0).all()

    def test_counts_by_the_certainty_of_the_mattes(self) -> None:
        doubtful = Objects(self.target.names, self.target.coverage, np.full((8, 24), 0.1, np.float32))
        np.testing.assert_allclose(self.agrees(doubtful, 10)[4:10], 0.75)

    def test_is_full_on_a_soft_edge_that_moves_along(self) -> None:
        soft = objects(a=np.maximum(box(4, 10), 0.5 * box(3, 11)))
        agrees = agreement(soft, soft, shift(0), known=("a", BACKGROUND))
        np.testing.assert_array_equal(agrees, 1)


class TestCarriedMattes:
    """A carried matte: surely the object a, then surely the background, then neither for sure."""

    certainty = np.where(np.arange(24) < 16, 1, 0.5).astype(np.float32) * np.ones((8, 1), np.float32)
    carried = find_objects(
        Instances(box(4, 10)[None], np.zeros(1, np.int32), np.ones(1, np.float32), ("a",), certainty)
    )

    def test_what_is_left_free_is_background_where_the_matte_is_sure_and_else_unknown(self) -> None:
        assert self.carried is not None
        assert self.carried.names == ("a", BACKGROUND, UNKNOWN)
        np.testing.assert_array_equal(self.carried.coverage[0], box(4, 10))
        np.testing.assert_array_equal(self.carried.coverage[1], box(0, 4) + box(10, 16))
        np.testing.assert_array_equal(self.carried.coverage[2], box(16, 24))

    def test_the_background_beside_an_object_takes_no_colour_of_it(self) -> None:
        assert self.carried is not None
        row = agreement(self.carried, objects(a=box(4, 10)), shift(-4), known=("a", BACKGROUND))[4]
        assert (row[10:14] == 0).all()  # from beside the object into it
        assert (row[14:16] == 1).all()  # from the background to the background

    def test_what_is_unknown_may_come_from_anywhere(self) -> None:
        assert self.carried is not None
        row = agreement(self.carried, objects(a=box(4, 10)), shift(-10), known=("a", BACKGROUND))[4]
        assert (row[16:20] == 1).all()

    def test_what_is_unknown_of_an_origin_may_be_background(self) -> None:
        assert self.carried is not None
        origin = self.carried.as_origin()
        assert origin.names == ("a", BACKGROUND)
        np.testing.assert_array_equal(origin.coverage[1], 1 - box(4, 10))
        row = agreement(objects(a=box(4, 10)), self.carried, shift(10), known=("a", BACKGROUND))[4]
        assert (row[10:14] == 1).all()

    def test_an_artists_own_matte_leaves_nothing_unknown(self) -> None:
        own = objects(a=box(4, 10))
        assert own.as_origin() is own


def test_flow_that_leaves_the_object_takes_the_motion_of_the_rest_of_it() -> None:
    target, origin = objects(a=box(9, 17)), objects(a=box(1, 9))
    flow = shift(0)
    flow[:, 11:17] = (-8, 0)  # smooth flow leaves the left rim of the object with the still background
    link, agrees = keep_within_objects(
        FlowLink(flow, np.ones((8, 24), np.float32)), target, origin, known=("a", BACKGROUND)
    )
    np.testing.assert_allclose(link.displacement[:, 9:17, 0], -8, atol=0.01)
    assert (agrees[:, 9:17] == 1).all()
    assert (agrees[:, 2:8] == 0).all()  # what the object uncovered was hidden there: no flow leads to it


def test_flow_within_the_objects_stays_as_it_is() -> None:
    target = objects(a=box(8, 16))
    link = FlowLink(shift(0), np.full((8, 24), 0.5, np.float32))
    kept, _ = keep_within_objects(link, target, target, known=("a", BACKGROUND))
    assert kept is link


@pytest.mark.parametrize("cell", [(0, 0), (3, 5)])
def test_empty_cells_take_the_nearest_value(cell: tuple[int, int]) -> None:
    values, filled = np.zeros((2, 4, 6), np.float32), np.zeros((4, 6), bool)
    values[:, 0, 0], values[:, 3, 5] = (1, 2), (3, 4)
    filled[0, 0] = filled[3, 5] = True
    np.testing.assert_array_equal(fill_cells(values, filled)[:, cell[0], cell[1]], values[:, cell[0], cell[1]])
    np.testing.assert_array_equal(fill_cells(values, filled)[:, 1, 1], (1, 2))


@pytest.mark.parametrize("size", [(1, 1), (7, 50), (90, 61)])
@pytest.mark.parametrize("sigma", [0.8, 4.0, 12.0])
def test_a_wide_blur_is_that_of_the_full_picture(size: tuple[int, int], sigma: float) -> None:
    picture = np.zeros((*size, 2), np.float32)
    picture[: size[0] // 2 + 1, size[1] // 3 :, 0] = 1
    picture[..., 1] = 3
    blurred = blur_widely(picture, sigma)
    np.testing.assert_allclose(blurred[..., 0], cv2.GaussianBlur(picture[..., 0], (0, 0), sigma), atol=0.05)
    np.testing.assert_allclose(blurred[..., 1], 3, atol=1e-5)
