"""Models of light, against pictures whose light the test itself changed."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from scenes import painted

from stcolor_core.images.color import linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.method.registration import CLEANED, Registration
from stcolor_core.method.registration.tone import difference, fit_tone

HEIGHT, WIDTH = 108, 192
PICTURE = cv2.GaussianBlur(painted(HEIGHT, WIDTH, seed=4), (0, 0), 1.2)
PICTURE[20:70, 40:100] = PICTURE[20:70, 40:100, ::-1]  # edges between colours, which sharpness changes
ALL = np.ones((HEIGHT, WIDTH), bool)


def lab_of(encoded: np.ndarray) -> np.ndarray:
    return np.asarray(linear_to_lab(srgb_decode(np.clip(encoded, 0, 1))), np.float32)


TRUE = lab_of(PICTURE)
LIGHTNESS = np.ascontiguousarray(TRUE[..., 0])


def gamma(picture: np.ndarray) -> np.ndarray:
    return picture ** np.float32(1.8)


def lifted(picture: np.ndarray) -> np.ndarray:
    return np.float32(0.06) + np.float32(0.8) * picture


def faded(picture: np.ndarray) -> np.ndarray:
    return np.float32(0.25) + np.float32(0.7) * picture


def decoded_twice(picture: np.ndarray) -> np.ndarray:
    return srgb_decode(picture)


def logarithmic(picture: np.ndarray) -> np.ndarray:
    return (np.log2(srgb_decode(picture) / 0.18 + 1e-3) + 9) / 13


def relit(picture: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) / WIDTH
    return srgb_encode(srgb_decode(picture) * (0.6 + 0.5 * x + 0.2 * y)[..., None])


def sharpened(picture: np.ndarray) -> np.ndarray:
    return picture + picture - cv2.GaussianBlur(picture, (0, 0), 1.5)


def softened(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), 1.0)


def relit_and_sharpened(picture: np.ndarray) -> np.ndarray:
    return relit(sharpened(picture))


CHANGES = {
    gamma: ["its tone curve matched"],
    lifted: ["its tone curve matched"],
    faded: ["its tone curve matched"],
    decoded_twice: ["its tone curve matched"],
    logarithmic: ["its tone curve matched"],
    relit: ["relit to the plate's light"],
    sharpened: ["its sharpening undone"],
    softened: ["its softness undone"],
    relit_and_sharpened: ["relit to the plate's light", "its sharpening undone"],
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_right_model_is_chosen_and_mends_the_colour(change: Callable[[np.ndarray], np.ndarray]) -> None:
    lab = lab_of(change(PICTURE))
    tones = fit_tone(lab, LIGHTNESS, ALL)
    assert [tone.name for tone in tones][: len(CHANGES[change])] == CHANGES[change]
    mended = lab
    for tone in tones:
        mended = tone.apply(mended)
    before, after = (np.linalg.norm(p[..., 1:] - TRUE[..., 1:], axis=-1).mean() for p in (lab, mended))
    assert after < 0.8 * before
    assert difference(mended, LIGHTNESS, ALL) < 0.5 * difference(lab, LIGHTNESS, ALL)


def test_grain_is_not_told_as_sharpening() -> None:
    soft = lab_of(cv2.GaussianBlur(PICTURE, (0, 0), 2.0))  # the softer the plate, the more a blur explains
    lightness = np.ascontiguousarray(soft[..., 0])
    grain = np.random.default_rng(6).normal(0, 5, lightness.shape).astype(np.float32)
    grained = np.dstack([lightness + grain, soft[..., 1:]])
    assert [tone.name for tone in fit_tone(grained, lightness, ALL)] == ["its grain smoothed"]
    told = Registration(5, tones=fit_tone(grained, lightness, ALL), clean=True).describe(5, lines=HEIGHT)
    assert told == CLEANED  # once is enough


def test_hue_is_kept_when_light_is_matched() -> None:
    lab = lab_of(relit(PICTURE))
    (tone,) = fit_tone(lab, LIGHTNESS, ALL)
    turned = np.arctan2(*np.moveaxis(tone.apply(lab)[..., 1:], -1, 0)) - np.arctan2(*np.moveaxis(lab[..., 1:], -1, 0))
    assert np.abs(np.angle(np.exp(1j * turned)))[np.hypot(lab[..., 1], lab[..., 2]) > 3].max() < 1e-3


def test_a_picture_in_the_plates_light_is_left_alone() -> None:
    assert fit_tone(TRUE, LIGHTNESS, ALL) == ()


def test_an_object_of_other_lightness_is_not_explained_away() -> None:
    lab = TRUE.copy()
    lab[30:60, 40:70, 0] -= 12
    assert fit_tone(lab, LIGHTNESS, ALL) == ()


def test_unknown_pixels_do_not_count() -> None:
    lab, known = lab_of(gamma(PICTURE)), ALL.copy()
    known[:, :90] = False
    spoiled = np.where(known[..., None], lab, 0).astype(np.float32)
    (tone, *_) = fit_tone(spoiled, LIGHTNESS, known)
    mended = tone.apply(spoiled)
    assert np.abs(mended - TRUE)[known].mean() < 0.5
    assert difference(spoiled, LIGHTNESS, np.zeros_like(known)) == 0
    assert fit_tone(lab, LIGHTNESS, np.zeros_like(known)) == ()


def test_models_found_at_one_size_apply_at_another() -> None:
    big = cv2.resize(PICTURE, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[: 2 * HEIGHT, : 2 * WIDTH].astype(np.float32) / (2 * WIDTH)
    light = (0.6 + 0.5 * x + 0.2 * y)[..., None]
    lab = lab_of(srgb_encode(srgb_decode(big) * light))
    for tone in fit_tone(lab_of(relit(PICTURE)), LIGHTNESS, ALL):
        lab = tone.apply(lab)
    assert np.abs(lab - lab_of(big)).mean() < 0.4
