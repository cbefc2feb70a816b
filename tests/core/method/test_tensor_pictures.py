"""Resizing, filters and sampling on tensors against OpenCV's on arrays."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from stcolor_core.images import resizing
from stcolor_core.method import tensor_pictures
from stcolor_core.method.tensor_pictures import (
    blur,
    box_blur,
    cell_means,
    close,
    enlarge,
    erode_and_dilate,
    median,
    resize,
    sample,
    separable,
)
from stcolor_core.method.tracking import flow

CLOSE = 3e-3  # of 100: float32 weights


@pytest.fixture
def picture() -> np.ndarray:
    """Noise, (H, W, C), 0..100."""
    return np.random.RandomState(0).uniform(0, 100, (87, 150, 3)).astype(np.float32)


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(picture, 2, 0) if picture.ndim == 3 else picture))


def array(planes: torch.Tensor) -> np.ndarray:
    return np.moveaxis(planes.numpy(), 0, 2) if planes.ndim == 3 else planes.numpy()


@pytest.mark.parametrize("size", [(40, 77), (29, 50), (140, 177), (40, 177), (87, 75), (87, 150)])
def test_resizing_is_that_of_arrays(picture: np.ndarray, size: tuple[int, int]) -> None:
    np.testing.assert_allclose(array(resize(tensor(picture), size)), resizing.resize(picture, size), atol=CLOSE)


@pytest.mark.parametrize(
    ("mode", "method"), [("bicubic", cv2.INTER_CUBIC), ("bilinear", cv2.INTER_LINEAR), ("nearest", cv2.INTER_NEAREST)]
)
def test_enlarging_is_opencvs(picture: np.ndarray, mode: str, method: int) -> None:
    expected = cv2.resize(picture, (377, 240), interpolation=method)
    np.testing.assert_allclose(array(enlarge(tensor(picture), (240, 377), mode=mode)), expected, atol=CLOSE)


def test_means_of_cells_repeat_the_border(picture: np.ndarray) -> None:
    expected = resizing.cell_means(picture, (22, 38), stride=4)
    np.testing.assert_allclose(array(cell_means(tensor(picture), (22, 38), stride=4)), expected, atol=CLOSE)


@pytest.mark.parametrize("sigma", [0.7, 1.5, 2.0, 3.2, 4.0])
def test_a_gaussian_blur_is_opencvs(picture: np.ndarray, sigma: float) -> None:
    expected = cv2.GaussianBlur(picture, (0, 0), sigma)
    np.testing.assert_allclose(array(blur(tensor(picture), sigma)), expected, atol=CLOSE)


def test_a_separable_filter_is_opencvs(picture: np.ndarray) -> None:
    kernel = np.array([1, 4, 1], np.float32) / 6
    expected = cv2.sepFilter2D(picture, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    filtered = separable(tensor(picture), torch.from_numpy(kernel), border="replicate")
    np.testing.assert_allclose(array(filtered), expected, atol=CLOSE)


@pytest.mark.parametrize(
    ("ours", "opencvs"),
    [
        (box_blur, lambda picture: cv2.blur(picture, (3, 3))),
        (lambda planes: median(planes, 5), lambda picture: cv2.medianBlur(picture, 5)),
        (lambda planes: erode_and_dilate(planes, 5)[0], lambda picture: cv2.erode(picture, np.ones((5, 5)))),
        (lambda planes: erode_and_dilate(planes, 5)[1], lambda picture: cv2.dilate(picture, np.ones((5, 5)))),
    ],
    ids=["box", "median", "erode", "dilate"],
)
def test_a_window_is_opencvs(
    picture: np.ndarray,
    ours: Callable[[torch.Tensor], torch.Tensor],
    opencvs: Callable[[np.ndarray], np.ndarray],
) -> None:
    planes = [np.ascontiguousarray(picture[..., index]) for index in range(3)]
    expected = np.stack([opencvs(plane) for plane in planes], -1)
    np.testing.assert_allclose(array(ours(tensor(picture))), expected, atol=CLOSE)


@pytest.mark.parametrize("width", [1, 3, 5, 9, 15, 17, 31])
def test_closing_by_a_disc_is_opencvs(picture: np.ndarray, width: int) -> None:
    plane = np.ascontiguousarray(picture[..., 0])
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    expected = cv2.morphologyEx(plane, cv2.MORPH_CLOSE, disc)
    np.testing.assert_array_equal(close(torch.from_numpy(plane), width).numpy(), expected)


def test_sampling_follows_the_displacement_and_repeats_the_border(picture: np.ndarray) -> None:
    smooth = cv2.GaussianBlur(picture, (0, 0), 3)
    displacement = (np.random.RandomState(1).standard_normal((87, 150, 2)) * 5).astype(np.float32)
    expected = np.stack([flow.sample(np.ascontiguousarray(smooth[..., i]), displacement) for i in range(3)], -1)
    np.testing.assert_allclose(array(sample(tensor(smooth), tensor(displacement))), expected, atol=0.02)


def test_constants_are_made_once_for_a_size() -> None:
    first = tensor_pictures.pixel_grid(4, 5, torch.device("cpu"))
    assert tensor_pictures.pixel_grid(4, 5, torch.device("cpu")) is first
