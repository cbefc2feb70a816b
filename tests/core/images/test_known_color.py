"""The mask of known colour of a reference."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stcolor_core.images import plates
from stcolor_core.images.frame_files import write_frame
from stcolor_core.images.known_color import KnownColor
from stcolor_core.images.pictures import Header, Window


def header(path: Path, data: Window, display: Window) -> Header:
    from dataclasses import replace

    write_frame(path, {"Y": (np.ones((data[3], data[2]), np.float32), "half")})
    return replace(plates.read_header(path), data_window=data, display_window=display)


def ramp(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y], -1).astype(np.float32)


def test_every_pixel_is_known_if_the_windows_agree(tmp_path: Path) -> None:
    color = KnownColor(ramp(20, 30), None)
    laid = color.aligned_to(
        header(tmp_path / "a.exr", (0, 0, 30, 20), (0, 0, 30, 20)), display=(0, 0, 30, 20), canvas=(0, 0, 30, 20)
    )
    assert laid.known is None
    np.testing.assert_array_equal(laid.ab, color.ab)


def test_overscan_missing_from_the_picture_is_unknown(tmp_path: Path) -> None:
    picture = header(tmp_path / "a.exr", (0, 0, 30, 20), (0, 0, 30, 20))
    laid = KnownColor(ramp(20, 30), None).aligned_to(picture, display=(0, 0, 30, 20), canvas=(-4, -3, 40, 26))
    assert laid.known is not None
    expected = np.zeros((26, 40), bool)
    expected[3:23, 4:34] = True
    np.testing.assert_array_equal(laid.known, expected)
    np.testing.assert_array_equal(laid.ab[3:23, 4:34], ramp(20, 30))


def test_only_a_cropped_data_window_is_known(tmp_path: Path) -> None:
    picture = header(tmp_path / "a.exr", (10, 5, 8, 6), (0, 0, 30, 20))
    laid = KnownColor(ramp(6, 8), None).aligned_to(picture, display=(0, 0, 30, 20), canvas=(0, 0, 30, 20))
    assert laid.known is not None
    assert laid.known.sum() == 48 and laid.known[5:11, 10:18].all()


@pytest.mark.parametrize("factor", [0.5, 2, 3])
def test_rounding_at_another_size_leaves_no_unknown_border(tmp_path: Path, factor: float) -> None:
    size = round(30 * factor), round(20 * factor)
    picture = header(tmp_path / "a.exr", (0, 0, *size), (0, 0, *size))
    laid = KnownColor(ramp(size[1], size[0]), None).aligned_to(picture, display=(0, 0, 31, 20), canvas=(0, 0, 31, 20))
    assert laid.known is None or laid.known.all()


def test_a_reduced_picture_is_the_mean_of_the_known_pixels() -> None:
    ab, known = np.full((4, 4, 2), 10, np.float32), np.ones((4, 4), bool)
    ab[0, 0], known[0, 0] = 1e9, False
    ab[2:, 2:], known[2:, 2:] = np.inf, False
    small, still_known = KnownColor(ab, known).at((2, 2))
    assert still_known is not None
    np.testing.assert_array_equal(still_known, [[True, True], [True, False]])
    np.testing.assert_allclose(small[still_known], 10)
    assert np.isfinite(small).all()


def test_a_smaller_picture_is_enlarged_smoothly() -> None:
    """Half size keeps a wave of 12 pixels to a twentieth of its height; bilinear interpolation loses a tenth."""
    x = np.arange(96, dtype=np.float32) + 0.5
    wave = 40 * np.sin(2 * np.pi * x / 12)
    true = np.broadcast_to(wave[:, None], (48, 96, 2)).copy()
    half = true.reshape(24, 2, 48, 2, 2).mean((1, 3))
    ab, known = KnownColor(half, None).at((48, 96))
    assert known is None
    assert np.abs(ab - true)[:, 8:-8].max() < 0.07 * 40
    linear = cv2.resize(half, (96, 48), interpolation=cv2.INTER_LINEAR)
    assert np.abs(linear - true)[:, 8:-8].max() > 0.12 * 40
