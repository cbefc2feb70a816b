"""The place of a cut-out without texture, against moves that the test itself made."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import texture

from stcolor_core.method.registration import PatchPlace, find_patch_place

HEIGHT, WIDTH = 144, 240
NOISE = np.random.default_rng(1).normal(0, 0.3, (HEIGHT, WIDTH)).astype(np.float32)
ACROSS = np.linspace(0, 6, WIDTH, dtype=np.float32)
GROUND = texture(HEIGHT, WIDTH, seed=4, mean=35, contrast=4)


def ellipse(x: int = 110, y: int = 70, *, wide: int = 32, high: int = 22) -> np.ndarray:
    return cv2.ellipse(np.zeros((HEIGHT, WIDTH), np.uint8), (x, y), (wide, high), 20, 0, 360, 1, -1) > 0


def plate_of(mask: np.ndarray, *, light: float = 60.0) -> np.ndarray:
    """Return a plate with an object that is even but for a soft shade and a trace of noise."""
    return np.asarray(cv2.GaussianBlur(np.where(mask, light + ACROSS, GROUND), (0, 0), 0.7) + NOISE, np.float32)


OBJECT = ellipse()
PLATE = plate_of(OBJECT)


def moved(plane: np.ndarray, x: float, y: float) -> np.ndarray:
    """Return a picture whose content lies x to the right and y below."""
    move, size = np.array([[1.0, 0, x], [0, 1, y]]), plane.shape[::-1]
    return cv2.warpAffine(plane.astype(np.float32), move, size, borderMode=cv2.BORDER_REPLICATE)


def grained(light: np.ndarray) -> np.ndarray:
    return np.asarray(light + np.random.default_rng(8).normal(0, 1.2, light.shape), np.float32)


def cut_out(light: np.ndarray, covered: np.ndarray) -> np.ndarray:
    return np.where(covered, light, np.float32(0)).astype(np.float32)


@pytest.mark.parametrize("spoil", [np.asarray, grained, lambda light: light**0.97, lambda light: light + 4])
@pytest.mark.parametrize(("x", "y"), [(3.0, -2.0), (-4.4, 2.3), (0.0, 5.0)])
def test_a_cut_out_without_texture_is_moved_onto_its_object(spoil, x: float, y: float) -> None:
    covered = moved(OBJECT, x, y) > 0.5
    found = find_patch_place(cut_out(spoil(moved(PLATE, x, y)), covered), covered, PLATE)
    assert found.alignment is not None and found.certainty is None
    assert np.array_equal(found.alignment.matrix[:, :2], np.eye(2))
    assert np.abs(found.alignment.matrix[:, 2] - (x, y)).max() < 0.5


@pytest.mark.parametrize("factor", [2, 3])
def test_it_is_moved_by_a_part_of_a_pixel_of_the_search_on_a_large_plate(factor: int) -> None:
    size = (factor * WIDTH, factor * HEIGHT)
    plate, mask = cv2.resize(PLATE, size, interpolation=cv2.INTER_CUBIC), cv2.resize(OBJECT.astype(np.uint8), size) > 0
    covered = moved(mask, 3, 4) > 0.5
    found = find_patch_place(cut_out(moved(plate, 3, 4), covered), covered, plate).alignment
    assert found is not None
    assert np.abs(found.matrix[:, 2] - (3, 4)).max() < 0.4


def test_along_a_straight_outline_it_is_moved_no_farther_than_must_be() -> None:
    band = np.zeros((HEIGHT, WIDTH), bool)
    band[60:90] = True
    plate = plate_of(band) - np.where(band, ACROSS, 0)
    covered = np.zeros_like(band)
    covered[64:94, 60:180] = True
    found = find_patch_place(cut_out(moved(plate, 0, 4), covered), covered, plate.astype(np.float32)).alignment
    assert found is not None
    assert abs(found.matrix[1, 2] - 4) < 0.5 and abs(found.matrix[0, 2]) < 3


HALF = OBJECT & (np.arange(WIDTH) > 110)
BOX = np.zeros_like(OBJECT)
BOX[40:100, 70:150] = True
SHADE = 55 + 6 * np.sin(np.arange(WIDTH) / 9) * np.ones((HEIGHT, 1))


@pytest.mark.parametrize(
    ("light", "covered"),
    [
        (PLATE, OBJECT),
        (grained(PLATE), OBJECT),
        (PLATE**0.95, OBJECT),  # in another light
        (cv2.GaussianBlur(PLATE, (0, 0), 1.2), OBJECT),  # softer
        (grained(PLATE), HALF),  # a part of the object on purpose
        (grained(PLATE), ellipse(wide=26, high=16)),  # within its outline
        (grained(PLATE), BOX),  # a garbage matte
        (np.full_like(PLATE, 63), OBJECT),  # one tone, as of a brush
        (np.full_like(PLATE, 63), ellipse(wide=26, high=16)),
        (SHADE, OBJECT),  # its own shading
        (texture(HEIGHT, WIDTH, seed=9, mean=50, contrast=60), OBJECT),  # of something else
        (moved(grained(PLATE), 2, 0), ellipse(wide=9, high=7)),  # small
        (moved(PLATE, 0.4, 0.3), moved(OBJECT, 0.4, 0.3) > 0.5),  # as good as in place
    ],
    ids=str,
)
def test_a_patch_stays_that_lies_right_or_of_which_nothing_tells_where_it_belongs(
    light: np.ndarray, covered: np.ndarray
) -> None:
    assert find_patch_place(cut_out(light, covered), covered, PLATE) == PatchPlace()


def test_an_object_as_light_as_what_is_beside_it_claims_no_place() -> None:
    plate = (np.full_like(PLATE, 60) + NOISE).astype(np.float32)
    covered = moved(OBJECT, 4, 0) > 0.5
    light = 60 + np.random.default_rng(5).normal(0, 0.6, plate.shape)
    assert find_patch_place(cut_out(light, covered), covered, plate) == PatchPlace()


def test_paint_of_one_tone_is_moved_if_its_outline_is_the_objects_own() -> None:
    covered = moved(OBJECT, 5, 0) > 0.5
    found = find_patch_place(cut_out(np.full_like(PLATE, 63), covered), covered, PLATE).alignment
    assert found is not None
    assert np.abs(found.matrix[:, 2] - (5, 0)).max() < 0.6


def test_a_stroke_that_hangs_over_its_object_stays_and_counts_less_there() -> None:
    covered = ellipse(x=124, wide=26, high=16)
    found = find_patch_place(cut_out(np.full_like(PLATE, 63), covered), covered, PLATE)
    assert found.alignment is None and found.certainty is not None
    doubted = found.certainty < 1
    beside, middle = covered & ~OBJECT, cv2.erode((covered & OBJECT).astype(np.uint8), np.ones((7, 7))) > 0
    assert doubted[beside].mean() > 0.9
    assert not doubted[middle].any() and not doubted[~covered].any()
