"""The baselines on synthetic motion with known truth, and on DAVIS against docs/quality.md, "Quality"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import pytest
from real_footage import footage

from stcolor_core.evaluation.baselines import (
    References,
    blend_linear,
    blend_mean,
    leave_grey,
    propagate_color,
    warp_by_chained_flow,
    warp_by_realigned_flow,
)
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.evaluation.metrics import psnr
from stcolor_core.images.color import lab_to_linear, linear_to_lab, srgb_decode, srgb_encode

COUNT, HEIGHT, WIDTH, SPEED = 9, 72, 96, 3
Baseline = Callable[[Sequence[np.ndarray], References], Iterator[np.ndarray]]
tracking = pytest.mark.parametrize("baseline", [propagate_color, warp_by_chained_flow, warp_by_realigned_flow])


def moving() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """L* and ab of a landscape that slides by SPEED px a frame: the truth of every frame is known."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(HEIGHT, WIDTH + SPEED * COUNT, 3)).astype(np.float32)
    fine, coarse = cv2.GaussianBlur(noise, (0, 0), 1.5), cv2.GaussianBlur(noise, (0, 0), 6)
    lightness = np.clip(50 + 80 * fine[..., 0] + 200 * coarse[..., 0], 0, 100)
    ab = 500 * coarse[..., 1:]
    window = [slice(SPEED * i, SPEED * i + WIDTH) for i in range(COUNT)]
    return [lightness[:, w].copy() for w in window], [ab[:, w].copy() for w in window]


LIGHTNESS, AB = moving()


def references(*indices: int) -> References:
    return {index: (LIGHTNESS[index], AB[index]) for index in indices}


def test_grey_has_no_colour_on_any_frame() -> None:
    results = list(leave_grey(LIGHTNESS, references(4)))
    assert len(results) == COUNT
    assert not np.any(results)


@tracking
def test_colour_follows_the_motion_both_ways(baseline: Baseline) -> None:
    travelled = SPEED * 4
    for result, truth in zip(baseline(LIGHTNESS, references(4)), AB, strict=True):
        seen = slice(travelled + 4, -travelled - 4)  # what is in the picture on the reference frame too
        assert np.abs(result - truth)[4:-4, seen].mean() < 0.05 * np.abs(truth).mean()


@tracking
def test_a_reference_keeps_its_own_colour_and_a_still_plate_takes_it_unchanged(baseline: Baseline) -> None:
    np.testing.assert_array_equal(list(baseline(LIGHTNESS, references(2)))[2], AB[2])
    for result in baseline([LIGHTNESS[0]] * 4, {1: (LIGHTNESS[0], AB[0])}):
        np.testing.assert_allclose(result, AB[0], atol=1e-3)


@tracking
def test_a_frame_is_coloured_from_the_nearest_reference(baseline: Baseline) -> None:
    one, other = np.full_like(AB[0], 30), np.full_like(AB[0], -30)
    results = baseline(LIGHTNESS, {1: (LIGHTNESS[1], one), 5: (LIGHTNESS[5], other)})
    assert [float(result.mean()) for result in results] == pytest.approx([30] * 4 + [-30] * 5)


@tracking
@pytest.mark.parametrize("indices", [(), (COUNT,), (-1, 3)], ids=str)
def test_references_must_be_frames_of_the_sequence(baseline: Baseline, indices: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="need a reference among them"):
        list(baseline(LIGHTNESS, dict.fromkeys(indices, (LIGHTNESS[0], AB[0]))))


def test_colour_handed_on_is_resampled_each_time_and_chained_colour_once() -> None:
    """A checkerboard of colour on a plate that moves by half pixels: only the recurrent one smears it ever more."""
    fine = cv2.resize(LIGHTNESS[0], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    plates = [cv2.resize(fine[:, i : i + 160], (80, 72), interpolation=cv2.INTER_AREA) for i in range(9)]
    checks = (
        np.where(np.indices((72, 80)).sum(axis=0) // 2 % 2, 40, -40)[..., None].repeat(2, axis=2).astype(np.float32)
    )
    contrast = [
        list(baseline(plates, {0: (plates[0], checks)}))[-1].std()
        for baseline in (propagate_color, warp_by_chained_flow)
    ]
    assert contrast[0] < 0.5 * contrast[1]


def test_the_mean_of_two_results_counts_both_alike() -> None:
    assert [frame.tolist() for frame in blend_mean(np.zeros((3, 1, 1, 2)), np.ones((3, 1, 1, 2)))] == [
        [[[0.5, 0.5]]]
    ] * 3


def test_the_linear_blend_goes_from_one_reference_to_the_other() -> None:
    blend = blend_linear(np.zeros((7, 1, 1, 2)), np.ones((7, 1, 1, 2)), (1, 5))
    assert [float(frame[0, 0, 0]) for frame in blend] == [0, 0, 0.25, 0.5, 0.75, 1, 1]


def test_a_blend_of_results_that_do_not_go_together_is_refused() -> None:
    with pytest.raises(ValueError, match="must ascend"):
        list(blend_linear(AB, AB, (5, 5)))
    with pytest.raises(ValueError, match="shorter"):
        list(blend_mean(AB, AB[:-1]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("baseline", "expected"), [(leave_grey, 23.08), (warp_by_chained_flow, 31.50), (warp_by_realigned_flow, 32.29)]
)
def test_the_documented_figures_are_reached_on_davis(baseline: Baseline, expected: float) -> None:
    means = []
    for sequence in read_dataset(footage("davis")):
        truth = [sequence.rgb(index) for index in range(30)]
        lab = [linear_to_lab(srgb_decode(rgb)) for rgb in truth]
        plates = [np.ascontiguousarray(picture[..., 0]) for picture in lab]
        results = baseline(plates, {9: (plates[9], np.ascontiguousarray(lab[9][..., 1:]))})
        pictures = [
            srgb_encode(lab_to_linear(np.dstack(pair)).clip(0, 1)) for pair in zip(plates, results, strict=True)
        ]
        means.append(np.mean([psnr(truth[i], pictures[i]) for i in range(30) if i != 9]))
    assert np.mean(means) == pytest.approx(expected, abs=0.15)
