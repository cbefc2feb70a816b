"""Keyframes whose channels are in another order or beside each other, with a picture that the test knows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import painted

from stcolor_core.images.color import linear_to_lab, luminance_of, srgb_decode, srgb_encode
from stcolor_core.method.registration import Registration, find_registration
from stcolor_core.method.registration.channels import find_channel_order, find_slipped_channels

HEIGHT, WIDTH = 108, 192
ALL = np.ones((HEIGHT, WIDTH), bool)
PICTURE = 0.15 + 0.6 * cv2.GaussianBlur(painted(HEIGHT, WIDTH, seed=4, chroma=60), (0, 0), 1.0)


def lab_of(codes: np.ndarray) -> np.ndarray:
    return np.asarray(linear_to_lab(srgb_decode(np.clip(codes, 0, 1)).astype(np.float32)), np.float32)


TRUE = lab_of(PICTURE)
LIGHTNESS = np.ascontiguousarray(TRUE[..., 0])


def find(codes: np.ndarray) -> Registration:
    return find_registration(lab_of(codes), None, frame=5, others=(), lightness_of=lambda _: LIGHTNESS)


def error(found: Registration, codes: np.ndarray) -> float:
    """Return the mean error of a* and b* of a keyframe as it is used."""
    used, _ = found.apply(lab_of(codes), None, LIGHTNESS)
    return float(np.abs(used[..., 1:] - TRUE[..., 1:]).mean())


def slipped(channel: int, x: float, y: float) -> np.ndarray:
    moved = PICTURE.copy()
    matrix = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    moved[..., channel] = cv2.warpAffine(
        PICTURE[..., channel], matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return moved


@pytest.mark.parametrize(("order", "name"), [((2, 1, 0), "BGR"), ((1, 2, 0), "GBR"), ((0, 2, 1), "RBG")])
def test_channels_in_another_order_are_put_right(order: tuple[int, int, int], name: str) -> None:
    given = PICTURE[..., order]
    found = find(given)
    assert f"in the order {name}" in found.describe(5, lines=HEIGHT)
    assert error(found, given) < 0.01
    assert found.certainty is not None and found.certainty.min() > 0.99


@pytest.mark.parametrize("gain", [0.8, 1.1, 1.25])
@pytest.mark.parametrize("tint", [(0.75, 0.6, 0.42), (0.5, 0.55, 0.7)], ids=["sepia", "blue"])
def test_a_picture_of_one_hue_that_is_lighter_or_darker_keeps_the_order_of_its_channels(
    tint: tuple[float, float, float], gain: float
) -> None:
    light = srgb_decode(PICTURE @ np.float32([0.3, 0.5, 0.2]))[..., None] * srgb_decode(np.array(tint))
    luminance = light @ np.array([0.2126, 0.7152, 0.0722])
    scaled = light * ((luminance_of(LIGHTNESS) / luminance)[..., None])  # as light as the plate
    given = srgb_encode(np.clip(gain * scaled, 0, 1))
    assert find_channel_order(lab_of(given), LIGHTNESS, ALL) is None


@pytest.mark.parametrize(("channel", "x", "y"), [(0, 3, 0), (1, -2, 1.5), (0, -1.3, 2.2)])
def test_a_channel_beside_the_others_is_put_on_them(channel: int, x: float, y: float) -> None:
    given = slipped(channel, x, y)
    found = find(given)
    assert "lay beside each other" in found.describe(5, lines=HEIGHT)
    assert error(found, given) < 0.2 * error(Registration(5), given)


@pytest.mark.parametrize(
    "change",
    [lambda p: p, lambda p: p**1.5, lambda p: 0.8 * p, lambda p: np.roll(p, 3, axis=1)],
    ids=["as it is", "gamma", "darker", "moved"],
)
def test_channels_in_order_and_on_each_other_are_left(change: object) -> None:
    lab = lab_of(change(PICTURE))  # type: ignore[operator]
    assert find_channel_order(lab, LIGHTNESS, ALL) is None
    assert find_slipped_channels(lab, LIGHTNESS, ALL) is None


@pytest.mark.parametrize("levels", [4, 6])
def test_a_picture_of_few_levels_is_in_no_other_light_or_place(levels: int) -> None:
    few = find(np.rint((levels - 1) * PICTURE) / (levels - 1))
    assert few.few_levels and not few.tones and few.alignment is None
    assert few.certainty is not None and np.ptp(few.certainty) < 0.1 and 0.3 < few.certainty.mean() < 0.9


def test_a_picture_of_few_levels_says_so_and_is_less_certain() -> None:
    few = np.rint(3 * PICTURE) / 3
    found = find(few)
    assert found.few_levels and "reduced to few colours" in found.describe(5, lines=HEIGHT)
    assert found.certainty is not None and found.certainty.mean() < 0.75
    many = find(np.rint(63 * PICTURE) / 63)
    assert not many.few_levels
