"""The trained cleaning of keyframes, on pictures that it was not trained on, and the network as such."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scenes import texture

from stcolor_core.errors import ModelError
from stcolor_core.images.color import lab_to_linear, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.method.registration import cleaning, find_registration
from stcolor_core.method.registration.cleaning import WEIGHTS, CleaningNet, clean_chroma, load_cleaning_net
from stcolor_core.method.registration.exactness import is_damaged

HEIGHT, WIDTH = 108, 192
LIGHTNESS = texture(HEIGHT, WIDTH, seed=3, mean=50, contrast=30)
ALL = np.ones((HEIGHT, WIDTH), bool)


def picture() -> np.ndarray:
    """A textured picture with four colours, within the gamut."""
    ab = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    for rows, columns, color in (
        (slice(0, 50), slice(0, 90), (18, 10)),
        (slice(0, 50), slice(90, WIDTH), (-15, 20)),
        (slice(50, HEIGHT), slice(0, 110), (5, -22)),
        (slice(50, HEIGHT), slice(110, WIDTH), (-8, -6)),
    ):
        ab[rows, columns] = color
    ab = cv2.GaussianBlur(ab, (0, 0), 1.0)
    return np.dstack([np.clip(LIGHTNESS, 20, 80), ab]).astype(np.float32)


def codes_of(lab: np.ndarray) -> np.ndarray:
    return np.clip(srgb_encode(np.maximum(lab_to_linear(lab), 0)), 0, 1).astype(np.float32)


TRUE = np.asarray(linear_to_lab(srgb_decode(codes_of(picture()))), np.float32)
PLATE = np.ascontiguousarray(TRUE[..., 0])


def lab_of(codes: np.ndarray) -> np.ndarray:
    return np.asarray(linear_to_lab(srgb_decode(np.clip(codes, 0, 1))), np.float32)


def as_jpeg(quality: int) -> np.ndarray:
    data = np.rint(255 * codes_of(TRUE)[..., ::-1]).astype(np.uint8)
    coded = cv2.imencode(".jpg", data, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return lab_of(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32) / 255)


def with_grain() -> np.ndarray:
    noise = np.random.default_rng(5).normal(0, 6 / 255, TRUE.shape)
    return lab_of(codes_of(TRUE) + noise.astype(np.float32))


def error(ab: np.ndarray) -> float:
    return float(np.square(ab - TRUE[..., 1:]).mean())


DAMAGED = {"jpeg 40": (as_jpeg(40), 0.93), "jpeg 60": (as_jpeg(60), 0.95), "grain": (with_grain(), 0.3)}


@pytest.mark.parametrize("key, most", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_keyframe_is_told_and_its_colour_is_nearer_to_the_truth(key: np.ndarray, most: float) -> None:
    found = find_registration(key, None, frame=5, others=[], lightness_of=lambda _: PLATE)
    assert found.describe(5, lines=HEIGHT).endswith("its compression or grain cleaned")
    cleaned, known = found.apply(key, None, PLATE)
    assert known is None
    assert error(cleaned[..., 1:]) < most * error(key[..., 1:])


def test_colour_of_a_keyframe_without_damage_is_hardly_changed_even_by_the_network_itself() -> None:
    rounded = lab_of(np.rint(255 * codes_of(TRUE)) / 255)
    assert np.abs(clean_chroma(rounded, PLATE) - rounded[..., 1:]).mean() < 0.15
    np.testing.assert_allclose(clean_chroma(TRUE, PLATE), TRUE[..., 1:], atol=1e-3)


def lightness_of(lab: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(lab[..., 0])


def relit(light: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) / WIDTH
    return light + 8 * x - 3 * y


def at_half_size(light: np.ndarray) -> np.ndarray:
    small = cv2.resize(light, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))


def softened(light: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(light, (0, 0), 1.2))


def resampled(light: np.ndarray) -> np.ndarray:
    matrices = (np.array([[1, 0, sign * 0.4], [0, 1, sign * 0.3]], np.float32) for sign in (1, -1))
    for matrix in matrices:
        light = np.asarray(cv2.warpAffine(light, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=2))
    return light


@pytest.mark.parametrize("change", [relit, at_half_size, softened, resampled], ids=lambda change: change.__name__)
def test_what_leaves_the_colour_right_is_no_damage(change: Callable[[np.ndarray], np.ndarray]) -> None:
    plate = np.asarray(cv2.GaussianBlur(PLATE, (0, 0), 1.0))  # about as sharp as a lens
    assert not is_damaged(change(plate), plate, ALL)


def test_the_grain_of_a_plate_is_no_damage_of_the_clean_picture_that_was_painted() -> None:
    clean = np.asarray(cv2.GaussianBlur(PLATE, (0, 0), 1.0))
    grain = np.random.default_rng(3).normal(0, 4, PLATE.shape).astype(np.float32)
    assert not is_damaged(clean, clean + grain, ALL)


def test_grain_and_compression_are_damage_where_they_are_known() -> None:
    for key in (with_grain(), as_jpeg(60)):
        assert is_damaged(lightness_of(key), PLATE, ALL)
        assert not is_damaged(lightness_of(key), PLATE, ~ALL)


def test_where_colour_is_unknown_nothing_is_spread() -> None:
    known = ALL.copy()
    known[:, 150:] = False
    key = np.where(known[..., None], as_jpeg(60), np.nan).astype(np.float32)
    found = find_registration(np.nan_to_num(key), known, frame=5, others=[], lightness_of=lambda _: PLATE)
    cleaned, covered = found.apply(key, known, PLATE)
    assert covered is not None and np.isfinite(cleaned[covered]).all()
    inner = np.s_[:, :140, 1:]
    np.testing.assert_array_less(
        np.square(cleaned[inner] - TRUE[inner]).mean(), np.square(key[inner] - TRUE[inner]).mean()
    )


def test_unknown_colour_is_held_out_of_the_known() -> None:
    """What a picture holds where its colour is unknown changes nothing beside it, and stays."""
    known = ALL.copy()
    known[30:70, 100:150] = False
    key = as_jpeg(60)
    black = np.where(known[..., None], key, np.float32(0))
    cleaned, other = (clean_chroma(lab, PLATE, known=known) for lab in (key, black))
    np.testing.assert_array_equal(cleaned[known], other[known])
    assert not other[~known].any()
    near = cv2.dilate((~known).astype(np.uint8), np.ones((9, 9), np.uint8)) - (~known) > 0
    assert (
        np.square(other - TRUE[..., 1:])[near].mean()
        < 1.05 * np.square(clean_chroma(key, PLATE) - TRUE[..., 1:])[near].mean()
    )
    assert clean_chroma(black, PLATE, known=~ALL).shape == (HEIGHT, WIDTH, 2)


def random_network() -> CleaningNet:
    torch.manual_seed(0)
    network = CleaningNet().eval().requires_grad_(False)
    torch.nn.init.normal_(network.leave.weight, std=0.05)
    return network


@pytest.mark.parametrize("size", [(20, 32), (21, 35), (7, 9)])
def test_any_size_keeps_its_shape(size: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    lab = random.normal(0, 10, (*size, 3)).astype(np.float32)
    cleaned = clean_chroma(lab, lab[..., 0] + random.normal(0, 2, size).astype(np.float32), random_network())
    assert cleaned.shape == (*size, 2) and np.isfinite(cleaned).all()
    assert np.abs(cleaned - lab[..., 1:]).max() > 0.01


def test_a_tall_picture_in_bands_is_the_same_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    lab = random.normal(0, 10, (300, 24, 3)).astype(np.float32)
    light = lab[..., 0] + random.normal(0, 2, lab.shape[:2]).astype(np.float32)
    whole = clean_chroma(lab, light, random_network())
    monkeypatch.setattr(cleaning, "_ROWS", 100)
    np.testing.assert_allclose(clean_chroma(lab, light, random_network()), whole, atol=1e-4)


def test_the_shipped_weights_fit_this_network_and_are_small() -> None:
    assert WEIGHTS.stat().st_size <= 250 * 1024
    tensors = load_file(WEIGHTS)
    assert all(value.dtype == torch.float16 for value in tensors.values())
    network = load_cleaning_net()
    assert set(tensors) == set(network.state_dict()) and not network.training


def test_missing_weights_are_named_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "WEIGHTS", tmp_path / "gone.safetensors")
    load_cleaning_net.cache_clear()
    try:
        with pytest.raises(ModelError, match=r"gone\.safetensors are missing or damaged .*Reinstall stcolor\.$"):
            load_cleaning_net()
    finally:
        load_cleaning_net.cache_clear()
