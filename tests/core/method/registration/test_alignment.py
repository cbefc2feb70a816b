"""Alignment of two pictures, against moves that the test itself made."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import texture

from stcolor_core.method.registration.alignment import (
    Alignment,
    add_flow,
    affine_misfit,
    find_alignment,
    local_contrast,
)

HEIGHT, WIDTH, MARGIN = 108, 192, 40
WALL = cv2.GaussianBlur(texture(HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN, seed=3, mean=50, contrast=60), (0, 0), 1.0)
TARGET = WALL[MARGIN:-MARGIN, MARGIN:-MARGIN].copy()

MOVES = {  # 2 x 3, from the target's pixels to the source's, about the picture's centre
    "shift": [[1, 0, 3.6], [0, 1, -1.7]],
    "large shift": [[1, 0, -11.3], [0, 1, 6.2]],
    "scale": [[1.03, 0, 0], [0, 1.03, 0]],
    "turn": [[np.cos(0.02), -np.sin(0.02), 1], [np.sin(0.02), np.cos(0.02), 0]],
    "shear": [[1, 0.02, 0], [0.01, 0.99, 2]],
}


def about_the_centre(matrix: list[list[float]]) -> np.ndarray:
    full = np.array(matrix, np.float64)
    centre = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    full[:, 2] += centre - full[:, :2] @ centre
    return full


def moved(matrix: np.ndarray) -> np.ndarray:
    """Return the source whose place matrix @ (x, y, 1) shows what the target shows at (x, y)."""
    on_wall = matrix.copy()
    on_wall[:, 2] += MARGIN - matrix[:, :2] @ (MARGIN, MARGIN)
    place = np.vstack([on_wall, (0, 0, 1)]) @ np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    whole = cv2.warpAffine(WALL, place[:2], WALL.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return whole[MARGIN:-MARGIN, MARGIN:-MARGIN].copy()


def error(found: Alignment, matrix: np.ndarray) -> float:
    """Return how far the found map is from the true one in the corners, px."""
    corners = np.array([[x, y, 1] for x in (0, WIDTH - 1) for y in (0, HEIGHT - 1)])
    return float(np.linalg.norm(corners @ (found.matrix - matrix).T, axis=1).max())


@pytest.mark.parametrize("name", MOVES)
def test_an_affine_move_is_found_to_a_tenth_of_a_pixel(name: str) -> None:
    matrix = about_the_centre(MOVES[name])
    found = find_alignment(TARGET, moved(matrix))
    assert found.moves
    assert error(found, matrix) < 0.15
    assert found.misfit < 0.02


@pytest.mark.parametrize("name", ["shift", "scale"])
def test_light_and_tone_do_not_hide_a_move(name: str) -> None:
    matrix = about_the_centre(MOVES[name])
    lit = 100 * (moved(matrix) / 100) ** 1.6 * np.linspace(0.7, 1.1, WIDTH)
    assert error(find_alignment(TARGET, lit.astype(np.float32)), matrix) < 0.3


def test_equal_pictures_are_not_moved() -> None:
    found = find_alignment(TARGET, TARGET)
    assert not found.moves and found.misfit < 1e-5
    np.testing.assert_array_equal(found.matrix, np.eye(2, 3))


def test_another_light_alone_moves_nothing() -> None:
    lit = (100 * (TARGET / 100) ** 1.8).astype(np.float32)
    assert not find_alignment(TARGET, lit).moves


@pytest.mark.parametrize("flat", [0.0, 50.0])
def test_a_picture_without_texture_is_not_moved(flat: float) -> None:
    nothing = np.full_like(TARGET, flat)
    assert not find_alignment(TARGET, nothing).moves
    assert not find_alignment(nothing, TARGET).moves
    assert affine_misfit(TARGET, nothing) == 1


@pytest.mark.parametrize("shape", [(8, 8), (1, 40), (20, 3)])
def test_tiny_pictures_are_taken(shape: tuple[int, int]) -> None:
    tiny = TARGET[: shape[0], : shape[1]].copy()
    found = find_alignment(tiny, tiny)
    assert add_flow(found, tiny, tiny).flow is None
    assert found.sample(tiny).shape == shape


def test_only_the_known_part_counts() -> None:
    matrix = about_the_centre(MOVES["shift"])
    source, known = moved(matrix), np.zeros(TARGET.shape, bool)
    known[20:90, 30:150] = True
    spoiled = np.where(known, source, 3).astype(np.float32)
    assert error(find_alignment(TARGET, spoiled, known), matrix) < 0.5


def test_a_lens_is_followed_by_flow() -> None:
    y, x = np.mgrid[: WALL.shape[0], : WALL.shape[1]].astype(np.float32)
    dx, dy = x - WALL.shape[1] / 2, y - WALL.shape[0] / 2
    bend = 1 + 4e-6 * (dx * dx + dy * dy)
    source = cv2.remap(WALL, dx * bend + WALL.shape[1] / 2, dy * bend + WALL.shape[0] / 2, cv2.INTER_CUBIC)
    source = source[MARGIN:-MARGIN, MARGIN:-MARGIN].copy()
    affine = find_alignment(TARGET, source)
    whole = add_flow(affine, TARGET, source)
    inside = (slice(8, -8), slice(8, -8))
    before = np.abs(affine.sample(source) - TARGET)[inside].mean()
    assert whole.flow is not None
    assert np.abs(whole.sample(source) - TARGET)[inside].mean() < 0.7 * before


def test_a_bend_below_half_a_pixel_of_a_smaller_picture_is_none() -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    across = x + 0.8 * np.sin(y / 18)
    source = cv2.remap(TARGET, across, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    still = Alignment(np.eye(2, 3), TARGET.shape)
    assert 0.5 < add_flow(still, TARGET, source).bend < 1.5
    assert add_flow(still, TARGET, source, pixel=3.0) == still


def test_flow_is_left_out_where_nothing_is_bent() -> None:
    matrix = about_the_centre(MOVES["shift"])
    source = moved(matrix)
    assert add_flow(find_alignment(TARGET, source), TARGET, source).flow is None


@pytest.mark.parametrize("factor", [0.5, 2, 5])
def test_an_alignment_holds_at_another_size(factor: float) -> None:
    matrix = about_the_centre(MOVES["turn"])
    size = (round(HEIGHT * factor), round(WIDTH * factor))
    scaled = Alignment(matrix, (HEIGHT, WIDTH)).at(size)
    point = np.array([17.0, 88.0])
    there = matrix[:, :2] @ point + matrix[:, 2]
    at_size = scaled.matrix[:, :2] @ (factor * (point + 0.5) - 0.5) + scaled.matrix[:, 2]
    np.testing.assert_allclose(at_size, factor * (there + 0.5) - 0.5, atol=1e-9)
    back = scaled.at((HEIGHT, WIDTH))
    np.testing.assert_allclose(back.matrix, matrix, atol=1e-9)


def test_pixels_from_beyond_the_picture_are_not_known() -> None:
    alignment = Alignment(np.array([[1, 0, 5.0], [0, 1, 0]]), (HEIGHT, WIDTH))
    covered = alignment.sample_mask(np.ones((HEIGHT, WIDTH), bool))
    assert covered[:, : WIDTH - 6].all() and not covered[:, WIDTH - 5 :].any()


def test_the_numbers_of_an_alignment_are_those_of_its_move() -> None:
    angle, factor = 0.03, 1.04
    c, s = np.cos(angle) / factor, np.sin(angle) / factor
    found = Alignment(about_the_centre([[c, -s, 3], [s, c, 4]]), (HEIGHT, WIDTH))
    assert found.shift == pytest.approx(5)
    assert found.scale == pytest.approx(factor)
    assert found.turn == pytest.approx(np.degrees(angle))
    assert found.bend == 0


def test_local_contrast_ignores_soft_light_and_what_is_unknown() -> None:
    soft = np.linspace(-8, 8, WIDTH, dtype=np.float32)
    assert np.abs(local_contrast(TARGET + soft) - local_contrast(TARGET))[10:-10, 10:-10].mean() < 0.1
    known = np.zeros(TARGET.shape, bool)
    known[:, 60:] = True
    spoiled = np.where(known, TARGET, 90).astype(np.float32)
    contrast = local_contrast(spoiled, known)
    assert not contrast[:, :60].any()
    np.testing.assert_allclose(contrast[:, 100:], local_contrast(TARGET)[:, 100:], atol=0.2)


@pytest.mark.parametrize("name", MOVES)
def test_pixels_of_the_inner_mask_take_nothing_from_beside_it(name: str) -> None:
    alignment = Alignment(about_the_centre(MOVES[name]), (HEIGHT, WIDTH))
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[30:70, 50:110] = True
    inner = alignment.sample_inner_mask(mask)
    one, other = (alignment.sample(np.where(mask, TARGET, np.float32(beside))) for beside in (0, 100))
    assert np.array_equal(one[inner], other[inner])
    assert inner.sum() > 0.8 * mask.sum()
