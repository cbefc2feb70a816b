"""Whether a reference has colour to give."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from stcolor_core.images.color import lab_to_linear
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.images.color_presence import block_means, find_flaw, lacks_color

Rgb = NDArray[np.float32]
PIPE = ColorPipe.open(None, file_format="openexr", pixel_type="half")
SIZE = (270, 480)
RNG = np.random.default_rng(5)


def picture(ab: NDArray[np.floating] | tuple[float, float] = (0, 0)) -> Rgb:
    """Return a picture with shapes of all lightnesses and this colour, linear RGB."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    lightness = 50 + 35 * np.sin(columns / 37.0) * np.cos(rows / 23.0)
    return np.asarray(lab_to_linear(np.dstack([lightness, np.broadcast_to(np.asarray(ab, float), (*SIZE, 2))])), "f4")


def painted(share: float) -> Rgb:
    """Return a grey picture with a red square that covers this share of it."""
    ab, side = np.zeros((*SIZE, 2)), round((share * SIZE[0] * SIZE[1]) ** 0.5)
    ab[20 : 20 + side, 30 : 30 + side] = (40, 20)
    return picture(ab)


def flaw(reference: Rgb, plate: Rgb | None = None) -> str | None:
    return find_flaw(block_means(PIPE, reference), lambda: None if plate is None else block_means(PIPE, plate))


@pytest.mark.parametrize("share", [0.03, 0.01])
def test_a_small_painted_part_is_colour(share: float) -> None:
    assert flaw(painted(share), picture()) is None
    assert PIPE.is_grey(painted(share)), "the 95th percentile, which judges plates, does not see it"


def test_grey_with_the_grain_of_a_scan_has_no_colour_at_any_size() -> None:
    grain = np.asarray(np.clip(picture() * RNG.normal(1, 0.08, (*SIZE, 3)), 0, None), np.float32)
    assert flaw(grain, None) == "no_color"
    assert flaw(grain[:40, :60], None) == "no_color"


@pytest.mark.parametrize("level", [0.4, 1.0], ids=["grey fog", "nearly white"])
@pytest.mark.parametrize("left", [0.1, 0.15, 0.3])
def test_what_is_painted_in_fog_is_colour(left: float, level: float) -> None:
    def fog(clear: Rgb) -> Rgb:
        return np.asarray(np.round(255 * (left * clear + (1 - left) * level)) / 255, np.float32)

    rng = np.random.default_rng(3)
    grain = np.asarray(np.clip(fog(picture()) * rng.normal(1, 0.02, (*SIZE, 3)), 0, None), np.float32)
    assert flaw(fog(painted(0.1)), fog(picture())) is None
    assert flaw(fog(picture()), None) == "no_color"
    assert flaw(grain, None) == "no_color"
    assert flaw(fog(picture()) * np.float32([1.01, 1, 0.99]), None) == "no_color", "the cast of a scan"


@pytest.mark.parametrize("value", [0, 0.18, 1])
def test_a_picture_of_one_value_was_never_painted(value: float) -> None:
    flat = np.full((*SIZE, 3), value, np.float32)
    assert flaw(flat, flat) == "no_color"


def test_the_plate_itself_is_named_also_in_eight_bits_and_in_one_channel() -> None:
    plate = picture()
    assert flaw(plate, plate) == "plate"
    assert flaw(np.asarray(np.round(plate * 255) / 255, np.float32), plate) in ("plate", "no_color")
    assert flaw(plate, plate[..., 1:2]) == "plate"
    assert flaw(plate * np.float32(0.5), plate) == "no_color", "somebody has graded it"


def test_a_toned_plate_is_no_reference_of_itself_but_a_colour_plate_is() -> None:
    sepia, colorful = picture((8, 22)), picture(RNG.normal(0, 25, (*SIZE, 1)).repeat(2, -1))
    assert flaw(sepia, sepia) == "plate"
    assert flaw(sepia, picture()) is None, "a toned reference of a grey plate is a look"
    colorful[:, :240] = picture((30, 10))[:, :240]
    colorful[:, 240:] = picture((-20, -30))[:, 240:]
    assert flaw(colorful, colorful) is None


def test_only_pixels_that_count_are_judged() -> None:
    reference, known = picture(), np.ones(SIZE, np.float32)
    reference[:100, :100], known[:100, :100] = (9, 0, 0), 0
    assert lacks_color(block_means(PIPE, reference, known))
    assert not lacks_color(block_means(PIPE, reference))


def test_a_broken_pixel_is_no_colour() -> None:
    reference = picture()
    reference[7, 9], reference[80, 90] = (np.inf, 0, 0), (np.nan, 1, 1)
    assert flaw(reference, None) == "no_color"
