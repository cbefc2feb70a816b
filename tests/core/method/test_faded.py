"""A faded plate's colour is restored from sure colour, and decides where the keyframes are unsure."""

from __future__ import annotations

import numpy as np
import pytest

from stcolor_core.method.faded import keep_chroma, restore_fading

RNG = np.random.default_rng(3)
TRUE = RNG.normal(scale=20, size=(40, 60, 2)).astype(np.float32)
FADED = (TRUE @ np.array([[0.3, 0.05], [-0.1, 0.2]]) + np.array([4, -2])).astype(np.float32)
SURE = np.ones((40, 60), np.float32)


def test_an_affine_fading_is_undone() -> None:
    restored = restore_fading(TRUE, SURE, FADED)
    assert restored is not None
    np.testing.assert_allclose(restored, TRUE, atol=0.5)


def test_the_plates_colour_decides_where_the_keyframes_are_unsure() -> None:
    confidence = SURE.copy()
    confidence[:, 30:] = 0.02
    guess = TRUE.copy()
    guess[:, 30:] = 0
    mixed = keep_chroma(guess, confidence, FADED, weight=1)
    error = [np.abs(each[:, 30:] - TRUE[:, 30:]).mean() for each in (guess, mixed)]
    assert error[1] < 0.1 * error[0]


def test_weight_0_and_a_grey_plate_leave_the_colour_bit_for_bit() -> None:
    assert keep_chroma(TRUE, SURE, FADED, weight=0) is TRUE
    assert keep_chroma(TRUE, SURE, np.zeros_like(TRUE), weight=1) is TRUE
    assert restore_fading(TRUE, np.zeros_like(SURE), FADED) is None


def test_a_greater_weight_brings_the_plates_colour_nearer() -> None:
    unsure = 0.5 * SURE
    wrong = TRUE + RNG.normal(scale=8, size=TRUE.shape).astype(np.float32)
    errors = [np.square(keep_chroma(wrong, unsure, FADED, weight=w) - TRUE).mean() for w in (0, 0.3, 1)]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize(("shape", "weight"), [((3, 4, 2), 0.5), ((40, 60, 2), 1.5), ((40, 60, 2), -0.1)])
def test_wrong_input_is_refused(shape: tuple[int, ...], weight: float) -> None:
    with pytest.raises(ValueError):
        keep_chroma(TRUE, SURE, np.zeros(shape, np.float32), weight=weight)
