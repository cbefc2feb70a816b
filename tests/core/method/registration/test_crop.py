"""The place of a picture that shows a part of a frame, against crops that the test itself cut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import texture

from stcolor_core.method.registration.crop import Place, find_bars, find_place

HEIGHT, WIDTH = 216, 384
FRAME = cv2.GaussianBlur(texture(HEIGHT, WIDTH, seed=3, mean=50, contrast=60), (0, 0), 1.5)
OTHER = cv2.GaussianBlur(texture(HEIGHT, WIDTH, seed=4, mean=50, contrast=60), (0, 0), 1.5)


def cut(left: int, top: int, width: int, height: int, *, frame: np.ndarray = FRAME) -> np.ndarray:
    return frame[top : top + height, left : left + width].copy()


def error(found: Place | None, left: float, top: float, width: float, height: float) -> float:
    """Return how far the found edges are from the true ones, px."""
    assert found is not None
    edges = np.array([found.left, found.top, found.left + found.width, found.top + found.height])
    return float(np.abs(edges * [WIDTH, HEIGHT, WIDTH, HEIGHT] - [left, top, left + width, top + height]).max())


@pytest.mark.parametrize(
    "box", [(84, 0, 216, 216), (200, 100, 90, 110), (10, 120, 330, 90), (150, 60, 60, 50)], ids=str
)
def test_a_crop_is_found_within_a_pixel(box: tuple[int, int, int, int]) -> None:
    assert error(find_place(FRAME, cut(*box)), *box) < 1.0


def test_the_place_of_a_soft_crop_of_the_frames_own_pixels_is_exact() -> None:
    soft = cv2.GaussianBlur(FRAME, (0, 0), 6)
    for box in [(30, 20, 60, 90), (301, 8, 52, 86), (200, 90, 110, 70)]:
        assert error(find_place(soft, cut(*box, frame=soft)), *box) < 0.01


def test_even_edges_are_bars_unless_the_frame_shows_the_same() -> None:
    shown = cut(50, 40, 120, 100)
    shown[:20] = 80.0  # a clear sky
    grey = np.zeros_like(shown)
    assert find_bars(shown, shown.copy(), grey) is None
    bars = shown.copy()
    bars[:12], bars[-9:] = 0, 0
    found = find_bars(bars, shown, grey)
    assert found is not None
    assert found[:12].all() and found[-9:].all() and not found[14:-11].any()
    assert find_bars(bars, shown, grey + 20) is None  # painted
    outside = shown.copy()
    outside[:12], outside[-9:] = np.nan, np.nan  # bars beside the frame take nothing from it
    assert find_bars(bars, outside, grey) is None


def test_an_even_edge_that_fades_or_goes_on_is_no_bar() -> None:
    shown = cut(50, 40, 120, 100)
    shown[:30] = 70.0  # a clear sky
    darkened = shown.copy()
    darkened[:30] = np.interp(np.arange(30), (0, 12, 30), (50, 50.8, 65))[:, None]  # in a vignette
    relit = shown.copy()
    relit[:30] = 50
    relit[10:30, ::9] += 4  # what is seen in it in another light
    for picture in (darkened, relit):
        assert find_bars(picture, shown, np.zeros_like(shown)) is None


def test_a_crop_in_another_light_that_was_enlarged_is_found() -> None:
    box = (120, 40, 150, 150)
    larger = cv2.resize(100 * (cut(*box) / 100) ** 1.5, (420, 420), interpolation=cv2.INTER_CUBIC)
    assert error(find_place(FRAME, larger), *box) < 1.0


def test_a_whole_frame_is_found_in_another_shape_and_within_margins() -> None:
    squeezed = cv2.resize(FRAME, (200, 200), interpolation=cv2.INTER_AREA)
    assert error(find_place(FRAME, squeezed), 0, 0, WIDTH, HEIGHT) < 0.5
    letterbox = cv2.copyMakeBorder(FRAME, 84, 84, 0, 0, cv2.BORDER_CONSTANT, value=0)
    assert error(find_place(FRAME, letterbox), 0, -84, WIDTH, HEIGHT + 168) < 1.0


def test_only_known_pixels_decide() -> None:
    box = (100, 30, 200, 160)
    spoiled, known = cut(*box), np.ones((160, 200), bool)
    known[:, 90:] = False
    spoiled[:, 90:] = cut(*box, frame=OTHER)[:, 90:]
    assert error(find_place(FRAME, spoiled, known), *box) < 1.5


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(cut(84, 0, 216, 216, frame=OTHER), id="another texture"),
        pytest.param(np.full((120, 120), 50, np.float32), id="one grey"),
        pytest.param(cut(40, 40, 6, 6), id="six pixels"),
    ],
)
def test_a_picture_that_shows_nothing_of_the_frame_has_no_place(picture: np.ndarray) -> None:
    assert find_place(FRAME, picture) is None


def test_a_texture_that_repeats_does_not_tell_a_place() -> None:
    tile = cv2.GaussianBlur(texture(54, 48, seed=5, mean=50, contrast=60), (0, 0), 1.0)
    assert find_place(np.tile(tile, (4, 8)), np.tile(tile, (2, 2))) is None


def test_a_picture_is_put_where_its_place_says() -> None:
    box = (40, 20, 96, 54)
    place = Place(box[0] / WIDTH, box[1] / HEIGHT, box[2] / WIDTH, box[3] / HEIGHT)
    put, covered = place.put(np.dstack([cut(*box)] * 3), np.ones((box[3], box[2]), bool), (HEIGHT, WIDTH))
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[box[1] : box[1] + box[3], box[0] : box[0] + box[2]] = True
    assert np.array_equal(covered, inside)
    assert np.abs(put[inside] - FRAME[inside][:, None]).max() < 1e-3
    assert place.share == pytest.approx(1 / 16)
