"""Alignment of patches with the plate, against moves that the test itself made."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import texture

from stcolor_core.images.color import lab_to_srgb, linear_to_lab, srgb_decode
from stcolor_core.method.registration import (
    PatchPlace,
    find_patch_curve,
    find_patch_damage,
    find_patch_place,
    match_tone,
)

HEIGHT, WIDTH = 108, 192
PLATE = cv2.GaussianBlur(texture(HEIGHT, WIDTH, seed=3, mean=50, contrast=60), (0, 0), 1.0)


def box(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def shifted(plane: np.ndarray, x: float, y: float) -> np.ndarray:
    """Return a picture whose content lies x to the right and y below."""
    return cv2.warpAffine(plane.astype(np.float32), np.array([[1.0, 0, x], [0, 1, y]]), (WIDTH, HEIGHT))


def patch(covered: np.ndarray, light: np.ndarray = PLATE) -> np.ndarray:
    return np.where(covered, light, np.float32(0))


@pytest.mark.parametrize("covered", [box(20, 60, 50, 70), box(40, 8, 30, 40), box(0, 96, 108, 96)])
@pytest.mark.parametrize(("x", "y"), [(3.0, -2.0), (-1.4, 0.8)])
def test_a_displaced_patch_is_moved_back(covered: np.ndarray, x: float, y: float) -> None:
    moved, mask = shifted(PLATE, x, y), shifted(covered, x, y) > 0.98
    found = find_patch_place(patch(mask, moved), mask, PLATE).alignment
    assert found is not None
    apart = np.linalg.norm(found.displacement() - np.float32([x, y]), axis=-1)[covered]
    assert apart.mean() < 0.3
    assert np.abs(found.sample(moved) - PLATE)[cv2.erode(covered.astype(np.uint8), np.ones((9, 9))) > 0].mean() < 1


@pytest.mark.parametrize("seed", [3, 4, 5])
@pytest.mark.parametrize("covered", [box(40, 8, 28, 32), box(60, 120, 24, 40), box(10, 80, 36, 30)])
def test_a_small_patch_that_is_only_displaced_is_neither_scaled_nor_turned(covered: np.ndarray, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 2, PLATE.shape).astype(np.float32)
    moved, mask = shifted(PLATE + noise, 3.0, -2.0), shifted(covered, 3.0, -2.0) > 0.98
    found = find_patch_place(patch(mask, moved), mask, PLATE).alignment
    assert found is not None
    assert np.array_equal(found.matrix[:, :2], np.eye(2))
    assert np.abs(found.matrix[:, 2] - (3.0, -2.0)).max() < 0.15


@pytest.mark.parametrize(("scale", "turn"), [(1.04, 0.0), (1.0, 2.0), (1.03, 1.5)])
def test_a_patch_that_is_scaled_or_turned_is_so_mended_without_shear(scale: float, turn: float) -> None:
    covered = box(20, 50, 60, 80)
    matrix = cv2.getRotationMatrix2D((89.5, 49.5), turn, scale)
    moved = cv2.warpAffine(PLATE, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
    mask = cv2.warpAffine(covered.astype(np.float32), matrix, (WIDTH, HEIGHT)) > 0.98
    found = find_patch_place(patch(mask, moved), mask, PLATE).alignment
    assert found is not None
    corners = np.array([[x, y, 1.0] for x in (50, 129) for y in (20, 79)])
    assert np.linalg.norm(corners @ (found.matrix - matrix).T, axis=1).max() < 0.4
    (a, b), (c, d) = found.matrix[:, :2]
    assert (a, b) == (pytest.approx(d), pytest.approx(-c))


@pytest.mark.parametrize(
    ("light", "covered"),
    [
        (PLATE, box(20, 60, 50, 70)),  # painted on the plate
        (PLATE**1.15, box(20, 60, 50, 70)),  # relit: as the artist wants it
        (texture(HEIGHT, WIDTH, seed=9, mean=50, contrast=60), box(20, 60, 50, 70)),  # something else
        (np.full_like(PLATE, 40), box(20, 60, 50, 70)),  # a flat colour
        (shifted(PLATE, 3, 2), box(20, 60, 10, 12)),  # too small to tell
        (shifted(PLATE, 30, 0), box(20, 60, 50, 70)),  # too far
    ],
)
def test_a_patch_stays_that_fits_or_shows_too_little(light: np.ndarray, covered: np.ndarray) -> None:
    assert find_patch_place(patch(covered, light), covered, PLATE) == PatchPlace()


def grained(light: np.ndarray) -> np.ndarray:
    return light + np.random.default_rng(8).normal(0, 3, light.shape).astype(np.float32)


def test_a_patch_with_grain_that_its_plate_lacks_is_damaged() -> None:
    covered = box(20, 60, 50, 70)
    assert find_patch_damage(patch(covered, grained(PLATE)), covered, PLATE) is not None
    relit = find_patch_damage(patch(covered, grained(PLATE**1.15)), covered, PLATE)
    assert relit is not None
    assert np.abs(match_tone(PLATE**1.15, relit) - PLATE)[covered].mean() < 1.5  # by how it was relit


@pytest.mark.parametrize(
    ("light", "covered"),
    [
        (PLATE, box(20, 60, 50, 70)),  # painted on the plate
        (PLATE**1.15, box(20, 60, 50, 70)),  # relit: as the artist wants it
        (grained(texture(HEIGHT, WIDTH, seed=9, mean=50, contrast=60)), box(20, 60, 50, 70)),  # something else
        (grained(np.full_like(PLATE, 40)), box(20, 60, 50, 70)),  # painted by hand with a rough brush
        (grained(PLATE), box(20, 60, 10, 12)),  # too small to tell
        (cv2.GaussianBlur(PLATE, (0, 0), 1.2), box(20, 60, 50, 70)),  # softer
    ],
)
def test_a_patch_that_needs_no_cleaning_is_told(light: np.ndarray, covered: np.ndarray) -> None:
    assert find_patch_damage(patch(covered, light), covered, PLATE) is None


def colored(light: np.ndarray = PLATE) -> np.ndarray:
    """Return a picture whose colour changes from left to right."""
    across = np.linspace(-1, 1, WIDTH, dtype=np.float32) * np.ones((HEIGHT, 1), np.float32)
    return np.dstack([light, 25 * across, 20 + 15 * across])


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("offset", [(0.3, 0.2), (-0.25, 0.3)])
def test_an_exact_patch_of_film_that_was_moved_is_not_taken_for_one_with_grain(
    seed: int, offset: tuple[float, float]
) -> None:
    noise = np.random.default_rng(seed).normal(size=(2, HEIGHT, WIDTH)).astype(np.float32)
    film, covered = PLATE + 3 * cv2.GaussianBlur(noise[0], (0, 0), 0.8), box(20, 50, 70, 90)
    size = WIDTH, HEIGHT
    place = np.array([[1.0, 0, offset[0]], [0, 1, offset[1]]])
    # as after a move that is a part of a pixel off
    found = cv2.warpAffine(film, place, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    assert find_patch_damage(patch(covered, found), covered, film) is not None
    assert find_patch_damage(patch(covered, found), covered, film, moved=True) is None
    grainy = found + 1.5 * noise[1]
    assert find_patch_damage(patch(covered, grainy), covered, film, moved=True) is not None


@pytest.mark.parametrize(("gain", "gamma"), [(1.0, 1.6), (1.0, 0.7), (0.75, 1.0)])
def test_a_tone_curve_of_a_patch_is_undone(gain: float, gamma: float) -> None:
    covered, whole = box(20, 40, 60, 90), colored()
    changed = gain * np.clip(lab_to_srgb(whole), 0, 1) ** gamma
    lab = np.where(covered[..., None], linear_to_lab(srgb_decode(changed)), np.nan).astype(np.float32)
    curve = find_patch_curve(lab, covered, PLATE)
    assert curve is not None and curve.name == "its tone curve matched"
    before, after = (np.abs(each - whole)[covered][..., 1:].mean() for each in (lab, curve.apply(lab)))
    assert before > 1.5 and after < 0.4


@pytest.mark.parametrize(
    "light",
    [
        PLATE,
        PLATE + np.random.default_rng(0).normal(0, 4, PLATE.shape).astype(np.float32),
        np.where(np.arange(WIDTH) // 12 % 2, PLATE * 0.6, PLATE).astype(
            np.float32
        ),  # each stripe was painted for itself
        np.full_like(PLATE, 40),
    ],
    ids=["exact", "grain", "painted by hand", "flat"],
)
def test_a_patch_whose_luminance_no_tone_curve_explains_stays(light: np.ndarray) -> None:
    assert find_patch_curve(colored(light), box(20, 40, 60, 90), PLATE) is None
    assert find_patch_curve(colored(PLATE * 0.8), box(20, 40, 8, 8), PLATE) is None  # too small
