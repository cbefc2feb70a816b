"""The lightness and the composite of plates in their own colour spaces; a grey picture never changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from real_footage import footage
from skimage import color as skcolor

from stcolor_core.errors import ColorError
from stcolor_core.images import color
from stcolor_core.images.color_pipe import ColorPipe

SPACES = [
    pytest.param(None, "openexr", id="linear Rec.709"),
    pytest.param(None, "png", id="sRGB"),
    pytest.param("ACEScg", "openexr", id="ACEScg"),
    pytest.param("ACES2065-1", "openexr", id="ACES2065-1"),
    pytest.param("ARRI LogC4", "dpx", id="LogC4"),
    pytest.param("ARRI LogC3 (EI800)", "dpx", id="LogC3"),
    pytest.param("ADX10", "dpx", id="ADX10"),
    pytest.param("S-Log3 S-Gamut3", "openexr", id="S-Log3"),
]
EVERY_HALF = np.arange(2**16, dtype=np.uint16).view(np.float16)
EVERY_HALF = EVERY_HALF[np.isfinite(EVERY_HALF)]  # 248 x 256 of them
LINEAR_SPACES = SPACES[0], SPACES[2], SPACES[3]


@pytest.fixture(autouse=True)
def no_config_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


def random_rgb(*shape: int, low: float = 0, high: float = 1) -> NDArray[np.float32]:
    return np.random.default_rng(5).uniform(low, high, (*shape, 3)).astype(np.float32)


def ab_like(pixels: NDArray[Any], scale: float = 30) -> NDArray[np.float32]:
    return np.random.default_rng(6).normal(0, scale, (*pixels.shape[:2], 2)).astype(np.float32)


def _adapted_luma(primaries: NDArray[Any], *, white: tuple[float, float]) -> NDArray[Any]:
    """Y row of RGB -> XYZ for primaries and white given as xy, adapted to D65 by Bradford, from the definitions."""

    def xyz(xy: Any) -> NDArray[Any]:
        return np.array([xy[0] / xy[1], 1, (1 - xy[0] - xy[1]) / xy[1]])

    columns = np.stack([xyz(xy) for xy in primaries], axis=1)
    matrix = columns * np.linalg.solve(columns, xyz(white))
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    gain = (bradford @ xyz((0.3127, 0.3290))) / (bradford @ xyz(white))
    row: NDArray[Any] = (np.linalg.inv(bradford) @ np.diag(gain) @ bradford @ matrix)[1]
    return row


@pytest.mark.parametrize(("space", "file_format"), SPACES)
def test_every_grey_in_half_precision_without_chroma_is_kept_bit_for_bit(space: str | None, file_format: str) -> None:
    grey = EVERY_HALF.reshape(248, 256, 1)
    pipe = ColorPipe.open(space, file_format=file_format, exposure=1.7)
    ab = np.zeros((248, 256, 2), np.float32)
    for channels in (1, 3):
        pixels = np.repeat(grey, channels, axis=-1).astype(np.float32)
        back = pipe.composite(pixels, ab)
        assert back.astype(np.float16).tobytes() == np.repeat(grey, 3, axis=-1).tobytes()
        assert np.isfinite(pipe.lightness(pixels)).all() and np.isfinite(pipe.lab(pixels)).all()
        assert np.isfinite(pipe.composite(pixels, ab_like(pixels))).all()


@pytest.mark.parametrize(("space", "file_format"), LINEAR_SPACES)
@pytest.mark.parametrize("exposure", [0, 3.5, -2])
def test_a_linear_composite_keeps_luminance_below_black_and_above_white(
    space: str | None, file_format: str, exposure: float
) -> None:
    pipe = ColorPipe.open(space, file_format=file_format, exposure=exposure)
    for low, high in ((-0.5, 0.5), (0, 1), (1, 60), (1000, 60000)):
        plate = random_rgb(31, 33, low=low, high=high)[..., :1]
        colored = pipe.composite(plate, ab_like(plate))
        assert colored.dtype == np.float32
        assert np.abs(colored - plate).max() > 0.01
        spread = np.abs(colored).max(axis=-1)
        assert np.all(np.abs(pipe.luminance(colored) - plate[..., 0]) <= 2e-6 * np.maximum(spread, 0.01))


def test_an_encoded_composite_keeps_luminance_if_the_encoding_can_hold_the_color() -> None:
    for space, file_format in ((None, "png"), ("ARRI LogC4", "dpx"), ("ADX10", "dpx")):
        pipe = ColorPipe.open(space, file_format=file_format)
        plate = random_rgb(31, 33, low=0.35, high=0.6)[..., :1]
        colored = pipe.composite(plate, ab_like(plate, scale=8))
        np.testing.assert_allclose(pipe.luminance(colored), pipe.luminance(plate), rtol=2e-4)


@pytest.mark.parametrize(("space", "file_format"), SPACES)
def test_the_chroma_of_a_picture_on_its_own_luminance_gives_the_picture(space: str | None, file_format: str) -> None:
    for exposure in (0, 2):
        pipe = ColorPipe.open(space, file_format=file_format, exposure=exposure)
        picture = random_rgb(20, 21, low=0.4, high=0.6)
        np.testing.assert_allclose(pipe.composite(picture, pipe.lab(picture)[..., 1:]), picture, atol=2e-4)


@pytest.mark.parametrize(("space", "file_format"), SPACES)
def test_a_color_plate_without_chroma_becomes_its_own_luminance(space: str | None, file_format: str) -> None:
    pipe = ColorPipe.open(space, file_format=file_format)
    plate = random_rgb(9, 9, low=0.4, high=0.6)
    grey = pipe.composite(plate, np.zeros((9, 9, 2), np.float32))
    np.testing.assert_allclose(np.ptp(grey, axis=-1), 0, atol=1e-5)
    np.testing.assert_allclose(pipe.luminance(grey), pipe.luminance(plate), rtol=1e-4)


def test_luminance_uses_the_weights_of_the_working_space() -> None:
    def weights(space: str | None) -> NDArray[Any]:
        pure = np.eye(3, dtype=np.float32)[None]
        return ColorPipe.open(space, file_format="openexr").luminance(pure)[0]

    np.testing.assert_allclose(weights(None), [0.212639, 0.715169, 0.072192], atol=1e-6)
    np.testing.assert_allclose(weights("Linear Rec.2020"), [0.262700, 0.677998, 0.059302], atol=1e-6)
    np.testing.assert_allclose(weights("Linear P3-D65"), [0.228975, 0.691739, 0.079287], atol=1e-6)
    # ACES has its own white: the row of AP1 -> XYZ (0.2722, 0.6741, 0.0537) after Bradford adaptation from D60 to D65.
    ap1 = np.array([[0.713, 0.293], [0.165, 0.830], [0.128, 0.044]])
    np.testing.assert_allclose(weights("ACEScg"), _adapted_luma(ap1, white=(0.32168, 0.33767)), atol=2e-6)


def test_a_log_plate_is_decoded_before_lightness_is_taken() -> None:
    # ARRI LogC4 specification: 18 % grey is code 0.2784, and 1.0 is 0.4275.
    pipe = ColorPipe.open("ARRI LogC4", file_format="dpx")
    luminance = pipe.luminance(np.array([[[0.278396], [0.427519]]], np.float32))
    np.testing.assert_allclose(luminance, [[0.18, 1.0]], rtol=1e-4)
    np.testing.assert_allclose(pipe.lightness(np.full((1, 1, 3), 0.278396, np.float32)), 49.496, atol=0.01)


def test_exposure_changes_the_analysed_picture_and_not_the_result() -> None:
    plate = random_rgb(8, 8, high=0.1)[..., :1]
    dark, lifted = (ColorPipe.open(None, file_format="openexr", exposure=stops) for stops in (0, 3))
    np.testing.assert_array_equal(lifted.luminance(plate), dark.luminance(plate))
    np.testing.assert_allclose(lifted.lightness(plate), dark.lightness(plate * 8), rtol=1e-6)
    ab = ab_like(plate, scale=20)
    np.testing.assert_allclose(lifted.composite(plate, ab), dark.composite(plate * 8, ab) / 8, atol=1e-6)


def test_only_a_picture_with_color_counts_as_colorful() -> None:
    pipe = ColorPipe.open(None, file_format="jpeg")
    grey = np.round(np.random.default_rng(1).random((64, 65, 1)) * 255).astype(np.float32) / 255
    noise = np.random.default_rng(2).normal(0, 0.5 / 255, (64, 65, 3)).astype(np.float32)
    assert pipe.is_grey(grey) and pipe.is_grey(np.repeat(grey, 3, axis=-1)) and pipe.is_grey(grey + noise)
    assert not pipe.is_grey(random_rgb(64, 65))
    assert not pipe.is_grey(grey * np.array([1, 0.9, 0.7], np.float32))


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (701, 3), (3, 70001)], ids=str)
def test_pictures_of_every_size_are_converted_completely(size: tuple[int, int]) -> None:
    pixels = random_rgb(*size)
    pipe = ColorPipe.open(None, file_format="openexr")
    np.testing.assert_allclose(pipe.lab(pixels), color.linear_to_lab(pixels), atol=1e-4)
    assert pipe.composite(pixels, ab_like(pixels)).shape == (*size, 3)
    assert pipe.luminance(pixels).shape == pipe.lightness(pixels).shape == size


def test_the_input_pixels_are_not_changed() -> None:
    for space, file_format in ((None, "openexr"), (None, "png"), ("ACEScg", "openexr"), ("ARRI LogC4", "dpx")):
        pipe = ColorPipe.open(space, file_format=file_format)
        pixels = random_rgb(6, 6)
        before = pixels.copy()
        pipe.lab(pixels), pipe.luminance(pixels), pipe.composite(pixels, ab_like(pixels))
        np.testing.assert_array_equal(pixels, before)


def test_wrong_shapes_are_refused() -> None:
    pipe = ColorPipe.open(None, file_format="openexr")
    with pytest.raises(ValueError, match="does not fit"):
        pipe.composite(random_rgb(4, 4), np.zeros((4, 5, 2), np.float32))
    with pytest.raises(ValueError, match="expected"):
        pipe.luminance(np.zeros((4, 4, 2), np.float32))


@pytest.mark.parametrize(
    ("file_format", "pixel_type", "linear"),
    [
        pytest.param("openexr", "half", True, id="EXR"),
        pytest.param(".exr", "float", True, id="EXR by suffix"),
        pytest.param("tiff", "float", True, id="float TIFF"),
        pytest.param("tiff", "uint16", False, id="integer TIFF"),
        pytest.param("png", "uint8", False, id="PNG"),
        pytest.param("jpeg", "uint8", False, id="JPEG"),
    ],
)
def test_a_file_type_has_its_own_space(file_format: str, pixel_type: str, linear: bool) -> None:
    pipe = ColorPipe.open(None, file_format=file_format, pixel_type=pixel_type)
    middle = pipe.luminance(np.full((1, 1, 1), 0.5, np.float32))[0, 0]
    assert middle == pytest.approx(0.5 if linear else 0.21404, abs=1e-4)


def test_dpx_needs_a_stated_space() -> None:
    with pytest.raises(ColorError, match="--colorspace") as refused:
        ColorPipe.open(None, file_format="dpx")
    assert "\n" not in str(refused.value)


def test_the_space_of_a_file_type_needs_no_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", "/nowhere/config.ocio")
    assert ColorPipe.open(None, file_format="openexr").space.is_linear
    with pytest.raises(ColorError, match=r"missing\.ocio"):
        ColorPipe.open(None, file_format="openexr", ocio="missing.ocio")


def test_a_jpeg_from_a_camera_is_converted_as_by_scikit_image() -> None:
    picture = footage("davis", "dog", "00000.jpg")
    from stcolor_core.images import plates

    read = plates.read(picture)
    pipe = ColorPipe.open(None, file_format=read.file_format, pixel_type=read.pixel_type)
    np.testing.assert_allclose(pipe.lab(plates.rgb(read)), skcolor.rgb2lab(read.pixels), atol=0.03)
