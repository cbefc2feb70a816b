"""Keyframes painted over the lightness of HSL, HSV or HSI, made as editors make them, against the true colour."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
import pytest
from scenes import painted

from stcolor_core.images.color import lab_to_linear, lab_to_srgb, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.method.registration import find_patch_paint, find_registration
from stcolor_core.method.registration.painted import PaintedLightness, find_painted_lightness

HEIGHT, WIDTH = 108, 192
ALL = np.ones((HEIGHT, WIDTH), bool)
WEIGHTS = np.array([0.2126, 0.7152, 0.0722])


def lab_of(codes: np.ndarray) -> np.ndarray:
    return np.asarray(linear_to_lab(srgb_decode(np.clip(codes, 0, 1))), np.float32)


def pale(picture: np.ndarray) -> np.ndarray:
    """A picture whose keyframes stay within the code values, so that nothing of them is lost."""
    return 0.15 + 0.5 * picture


PICTURE = pale(cv2.GaussianBlur(painted(HEIGHT, WIDTH, seed=4), (0, 0), 1.2))
TRUE = lab_of(PICTURE)
LIGHTNESS = np.ascontiguousarray(TRUE[..., 0])
VIVID = pale(cv2.GaussianBlur(painted(HEIGHT, WIDTH, seed=4, chroma=60), (0, 0), 1.2))  # where luma differs
FINE = PICTURE + 0.05 * np.random.default_rng(2).normal(0, 1, (HEIGHT, WIDTH, 1))  # too fine for JPEG


def grey_of(picture: np.ndarray) -> np.ndarray:
    """Code values of the plate."""
    return np.asarray(srgb_encode(srgb_decode(picture) @ WEIGHTS))


def over_hsl(picture: np.ndarray) -> np.ndarray:
    """Hue and saturation of the picture, lightness of the plate, by Python's own HLS."""
    hls = [colorsys.rgb_to_hls(*map(float, pixel)) for pixel in picture.reshape(-1, 3)]
    greys = grey_of(picture).ravel()
    pixels = [colorsys.hls_to_rgb(h, float(g), s) for (h, _, s), g in zip(hls, greys, strict=True)]
    return np.array(pixels).reshape(picture.shape)


def over_hsv(picture: np.ndarray) -> np.ndarray:
    """Hue and saturation of the picture, value of the plate, by Python's own HSV."""
    hsv = [colorsys.rgb_to_hsv(*map(float, pixel)) for pixel in picture.reshape(-1, 3)]
    greys = grey_of(picture).ravel()
    pixels = [colorsys.hsv_to_rgb(h, s, float(g)) for (h, s, _), g in zip(hsv, greys, strict=True)]
    return np.array(pixels).reshape(picture.shape)


def over_hsi(picture: np.ndarray) -> np.ndarray:
    """The picture scaled to the mean of the plate: hue and HSI saturation depend on ratios of the channels alone."""
    return picture * (grey_of(picture) / picture.mean(-1))[..., None]


def over_luma(picture: np.ndarray) -> np.ndarray:
    """The blend mode "color" of W3C's Compositing and Blending, without its clipping, which nothing here needs."""
    return picture + (grey_of(picture) - picture @ (0.3, 0.59, 0.11))[..., None]


PAINT = {"luma": over_luma, "HSL": over_hsl, "HSV": over_hsv, "HSI": over_hsi}
PICTURES = {kept: VIVID if kept == "luma" else PICTURE for kept in PAINT}
PAINTED = {kept: paint(PICTURES[kept]) for kept, paint in PAINT.items()}
TRUTHS = {kept: lab_of(picture) for kept, picture in PICTURES.items()}
PLATES = {kept: np.ascontiguousarray(truth[..., 0]) for kept, truth in TRUTHS.items()}
MODELS = ("HSL", "HSV", "HSI")  # those that have a saturation


def as_jpeg(codes: np.ndarray, quality: int) -> np.ndarray:
    coded = cv2.imencode(".jpg", np.rint(255 * codes[..., ::-1]).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return lab_of(cv2.imdecode(coded[1], cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32) / 255)


def as_8_bits(codes: np.ndarray) -> np.ndarray:
    return lab_of(np.rint(codes * 255) / 255)


def color_error(lab: np.ndarray, true: np.ndarray) -> float:
    return float(np.linalg.norm(lab[..., 1:] - true[..., 1:], axis=-1).mean())


@pytest.mark.parametrize("kept", PAINTED)
def test_the_kept_lightness_is_told_and_the_true_colour_found(kept: str) -> None:
    lab, true, plate = lab_of(PAINTED[kept]), TRUTHS[kept], PLATES[kept]
    found = find_registration(lab, None, frame=5, others=[], lightness_of=lambda _: plate)
    assert found.describe(5, lines=HEIGHT) == PaintedLightness(kept).name
    registered, known = found.apply(lab, None, plate)
    assert known is None
    assert color_error(registered, true) < 0.15 * color_error(lab, true)
    assert np.abs(registered[..., 0] - plate).mean() < 0.3
    assert found.certainty is None or found.certainty.min() > 0.99


@pytest.mark.parametrize("kept", PAINTED)
def test_files_of_8_bits_tell_it_too(kept: str) -> None:
    assert find_painted_lightness(as_8_bits(PAINTED[kept]), PLATES[kept], ALL) == PaintedLightness(kept)


@pytest.mark.parametrize("quality", [75, 92])
@pytest.mark.parametrize("kept", MODELS)
def test_files_of_jpeg_tell_it_at_a_small_size(kept: str, quality: int) -> None:
    """Compression leaves more than a few L* at single pixels of such a picture, but not around them."""
    true = lab_of(FINE)
    lab = as_jpeg(PAINT[kept](FINE), quality)
    found = find_painted_lightness(lab, np.ascontiguousarray(true[..., 0]), ALL)
    assert found == PaintedLightness(kept)
    assert color_error(found.apply(lab), true) < 1.01 * color_error(lab, true)


def test_the_artist_is_told_in_the_words_of_the_editor() -> None:
    assert PaintedLightness("HSV").name == "painted over HSV lightness and put on the plate's own"
    assert '"Color"' in PaintedLightness("luma").name


@pytest.mark.parametrize("kept", MODELS)
def test_hue_and_saturation_are_kept_by_the_editors_own_model(kept: str) -> None:
    mended = PaintedLightness(kept).apply(lab_of(PAINTED[kept]))
    codes = lab_to_srgb(mended)
    to_model = colorsys.rgb_to_hls if kept == "HSL" else colorsys.rgb_to_hsv
    for y, x in ((10, 10), (50, 90), (100, 170)):
        before = to_model(*map(float, PAINTED[kept][y, x]))
        after = to_model(*map(float, codes[y, x]))
        assert after[0] == pytest.approx(before[0], abs=0.01)
        saturation = 2 if kept == "HSL" else 1
        assert after[saturation] == pytest.approx(before[saturation], abs=0.03)


def test_the_models_meet_at_every_size() -> None:
    """Rows are computed in bands; a picture of more rows than one band is the same picture."""
    lab = lab_of(PAINTED["HSL"])
    tall = np.concatenate([lab] * 4)
    mended = PaintedLightness("HSL").apply(tall)
    np.testing.assert_array_equal(mended, np.concatenate([PaintedLightness("HSL").apply(lab)] * 4))


def brighter_than_white() -> np.ndarray:
    lab = lab_of(PAINTED["HSL"])
    lab[:20] = linear_to_lab(np.full((20, WIDTH, 3), 4.0, np.float32))
    return lab


@pytest.mark.parametrize("kept", PAINTED)
def test_black_white_and_light_beyond_it_stay_finite_and_neutral(kept: str) -> None:
    lab = np.stack([linear_to_lab(np.full((8, 3), value, np.float32)) for value in (-0.1, 0.0, 1.0, 4.0)])
    mended = PaintedLightness(kept).apply(lab)
    assert np.isfinite(mended).all() and np.abs(mended[..., 1:]).max() < 0.1
    np.testing.assert_allclose(mended[1:, :, 0], lab[1:, :, 0], atol=0.3)
    assert np.isfinite(PaintedLightness(kept).apply(brighter_than_white())).all()


def test_a_pure_blue_keeps_its_hue_and_no_channel_leaves_the_gamut() -> None:
    blue = lab_of(np.tile(np.array([0.0, 0.0, 0.6]), (4, 4, 1)))
    mended = PaintedLightness("HSV").apply(blue)
    codes = srgb_encode(lab_to_linear(mended))
    assert codes.max() < 1.01 and codes.min() > -0.01
    assert codes[0, 0, 2] > 0.9 > 0.1 > codes[0, 0, 0]


def gamma(codes: np.ndarray) -> np.ndarray:
    return codes**1.8


def relit(codes: np.ndarray) -> np.ndarray:
    x = np.linspace(0.6, 1.1, WIDTH)[None, :, None]
    return srgb_encode(srgb_decode(codes) * x)


def sharpened(codes: np.ndarray) -> np.ndarray:
    return codes + 0.8 * (codes - cv2.GaussianBlur(codes, (0, 0), 1.5))


def grained(codes: np.ndarray) -> np.ndarray:
    return codes + np.random.default_rng(1).normal(0, 6 / 255, codes.shape)


def keeps_luma(codes: np.ndarray) -> np.ndarray:
    """So little that the colour is right as it is."""
    return over_luma(codes)


@pytest.mark.parametrize(
    "change",
    [
        gamma,
        relit,
        keeps_luma,
        sharpened,
        grained,
        lambda codes: codes,
        lambda codes: 1 - codes,
        lambda codes: codes + 0.02,
    ],
)
def test_other_changes_of_light_are_not_taken_for_it(change) -> None:
    assert find_painted_lightness(lab_of(change(PICTURE)), LIGHTNESS, ALL) is None
    assert find_painted_lightness(as_jpeg(np.clip(change(PICTURE), 0, 1), 75), LIGHTNESS, ALL) is None


def test_unknown_pixels_do_not_count() -> None:
    known = ALL.copy()
    known[:, :60] = False
    spoiled = np.where(known[..., None], as_8_bits(PAINTED["HSL"]), 0).astype(np.float32)
    assert find_painted_lightness(spoiled, LIGHTNESS, known) == PaintedLightness("HSL")


def box(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def patch(lab: np.ndarray, covered: np.ndarray) -> np.ndarray:
    return np.where(covered[..., None], lab, np.float32(np.nan))


@pytest.mark.parametrize(
    ("kept", "covered"),
    [*((kept, box(20, 60, 50, 70)) for kept in PAINTED), *((kept, box(40, 8, 16, 20)) for kept in ("HSL", "HSV"))],
)
def test_a_patch_tells_the_lightness_that_its_editor_kept(kept: str, covered: np.ndarray) -> None:
    found = find_patch_paint(patch(as_8_bits(PAINTED[kept]), covered), covered, PLATES[kept])
    assert found == PaintedLightness(kept)


def test_a_patch_of_one_paint_tells_it_by_the_surface_that_it_was_painted_on() -> None:
    blue = np.apply_along_axis(
        lambda grey: colorsys.hls_to_rgb(0.62, float(grey[0]), 0.7), 2, grey_of(PICTURE)[..., None]
    )
    covered = box(20, 60, 30, 40)
    assert find_patch_paint(patch(as_8_bits(blue), covered), covered, LIGHTNESS) == PaintedLightness("HSL")


@pytest.mark.parametrize(
    ("lab", "covered"),
    [
        (TRUE, box(20, 60, 50, 70)),  # painted over the plate's own lightness
        (lab_of(gamma(PICTURE)), box(20, 60, 50, 70)),  # relit as the artist wants it
        (lab_of(relit(PICTURE)), box(20, 60, 50, 70)),
        (lab_of(np.full_like(PICTURE, (0.1, 0.2, 0.7))), box(20, 60, 50, 70)),  # one flat colour
        (lab_of(1 - PICTURE), box(20, 60, 50, 70)),  # something else
        (lab_of(PAINTED["HSL"]), box(20, 60, 10, 12)),  # too small to tell
    ],
)
def test_a_patch_of_another_light_keeps_its_colour(lab: np.ndarray, covered: np.ndarray) -> None:
    assert find_patch_paint(patch(lab, covered), covered, LIGHTNESS) is None


def test_a_patch_of_one_tone_on_one_tone_is_not_taken_for_another_lightness() -> None:
    """By chance its HSL lightness is the plate's."""
    plate = np.full((HEIGHT, WIDTH), 45.0, np.float32) + np.random.default_rng(4).normal(0, 0.05, (HEIGHT, WIDTH))
    grey = float(srgb_encode(lab_to_linear(np.array([[[45.0, 0, 0]]], np.float32)))[0, 0, 0])
    blue = np.tile(np.array(colorsys.hls_to_rgb(0.62, grey, 0.7)), (HEIGHT, WIDTH, 1))
    covered = box(20, 60, 50, 70)
    assert find_patch_paint(patch(lab_of(blue), covered), covered, plate.astype(np.float32)) is None
