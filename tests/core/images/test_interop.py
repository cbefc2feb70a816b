"""The colour space recorded in a file: a name of the Color Interop Forum, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PyOpenColorIO as ocio
import pytest
from icc_profiles import ADOBE_RGB, PROPHOTO, make_profile
from picture_files import cineon, picture, save
from PIL import Image

from stcolor_core.errors import ColorError
from stcolor_core.images import pictures, plates
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.images.interop import interop_id
from stcolor_core.images.ocio import BUILTIN_CONFIG

pytestmark = pytest.mark.skipif(not hasattr(ocio.ColorSpace, "getInteropID"), reason="needs OpenColorIO 2.5")


@pytest.fixture
def plate(tmp_path: Path) -> pictures.Header:
    return plates.read_header(save(tmp_path / "plate.exr", picture()))


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ("ACEScg", "lin_ap1_scene"),
        ("scene_linear", "lin_ap1_scene"),
        ("ACES2065-1", "lin_ap0_scene"),
        ("Linear Rec.709 (sRGB)", "lin_rec709_scene"),
        ("sRGB - Texture", "srgb_rec709_scene"),
        ("ADX10", "ocio:adx10_apd_scene"),
        ("ARRI LogC3 (EI800)", "ocio:arrilogc3_awg3_scene"),
        ("Raw", None),
    ],
)
def test_a_space_of_the_builtin_config_has_its_id(plate: pictures.Header, space: str, expected: str | None) -> None:
    assert interop_id(space, plate=plate, ocio=BUILTIN_CONFIG) == expected


@pytest.mark.parametrize(
    ("name", "pixel_type", "expected"),
    [
        ("p.exr", "half", "lin_rec709_scene"),
        ("p.tif", "float", "lin_rec709_scene"),
        ("p.tif", "uint16", "srgb_rec709_scene"),
        ("p.png", "uint8", "srgb_rec709_scene"),
        ("p.jpg", "uint8", "srgb_rec709_scene"),
        ("p.jp2", "uint8", "srgb_rec709_scene"),
    ],
)
def test_without_a_space_the_id_is_that_of_the_assumed_space(
    tmp_path: Path, name: str, pixel_type: str, expected: str
) -> None:
    header = plates.read_header(save(tmp_path / name, picture(64, 64), pixel_type))
    assert interop_id(None, plate=header) == expected
    pipe = ColorPipe.open(None, file_format=header.file_format, pixel_type=header.pixel_type)
    assert pipe.space.is_linear == expected.startswith("lin_")


def test_a_scan_without_a_space_has_no_id(tmp_path: Path) -> None:
    for path in (save(tmp_path / "p.dpx", picture(), "uint16"), cineon(tmp_path / "p.cin", np.zeros((4, 4, 3), int))):
        assert interop_id(None, plate=plates.read_header(path)) is None


def test_the_space_stated_by_the_plate_is_used_unless_the_artist_overrides_it(tmp_path: Path) -> None:
    header = plates.read_header(save(tmp_path / "p.exr", picture(), colorInteropID="lin_ap1_scene"))
    assert interop_id(None, plate=header) == "lin_ap1_scene"
    assert interop_id("ACES2065-1", plate=header, ocio=BUILTIN_CONFIG) == "lin_ap0_scene"
    for nonsense in ("data", "unknown", "Two Words", "a:b:c"):
        header = plates.read_header(save(tmp_path / "p.exr", picture(), colorInteropID=nonsense))
        assert interop_id(None, plate=header) == "lin_rec709_scene"


def config(path: Path, name: str, slope: float, identifier: str = "") -> str:
    """A facility's config of a linear reference space and one more."""
    made = ocio.Config.CreateRaw()
    made.setVersion(2, 5) if identifier else None
    reference = ocio.ColorSpace(name="reference", aliases=["lin_rec709"])
    space = ocio.ColorSpace(name=name)
    space.setTransform(ocio.MatrixTransform.Scale([slope] * 3 + [1]), ocio.COLORSPACE_DIR_TO_REFERENCE)
    if identifier:
        space.addAlias(identifier)
        space.setInteropID(identifier)
    for each in (reference, space):
        made.addColorSpace(each)
    made.setRole("scene_linear", "reference")
    path.write_text(made.serialize())
    return str(path)


def test_a_space_of_a_facility_has_the_id_that_its_config_states(plate: pictures.Header, tmp_path: Path) -> None:
    own = config(tmp_path / "config.ocio", "show_log", 2.0, "my-studio:show_log")
    assert interop_id("show_log", plate=plate, ocio=own) == "my-studio:show_log"


def test_a_known_name_for_another_space_gets_no_id(plate: pictures.Header, tmp_path: Path) -> None:
    same = config(tmp_path / "same.ocio", "lin_srgb", 1.0)
    assert interop_id("lin_srgb", plate=plate, ocio=same) == "lin_rec709_scene"
    other = config(tmp_path / "other.ocio", "lin_srgb", 2.0)
    assert interop_id("lin_srgb", plate=plate, ocio=other) is None
    assert interop_id("show", plate=plate, ocio=config(tmp_path / "own.ocio", "show", 1.0)) is None


def test_an_unknown_space_is_refused_with_similar_names(plate: pictures.Header) -> None:
    with pytest.raises(ColorError, match="ACEScg"):
        interop_id("ACEScgg", plate=plate, ocio=BUILTIN_CONFIG)


@pytest.mark.parametrize(
    ("profile", "expected"),
    [(("Adobe RGB (1998)", ADOBE_RGB), "g22_adobergb_scene"), (("ProPhoto RGB", PROPHOTO), None)],
)
def test_a_profile_has_the_id_of_an_equal_space(tmp_path: Path, profile: Any, expected: str | None) -> None:
    path = tmp_path / "plate.png"
    Image.new("RGB", (8, 8)).save(path, icc_profile=make_profile(*profile))
    assert interop_id(None, plate=plates.read_header(path)) == expected


@pytest.mark.parametrize(
    ("chromaticities", "expected"),
    [
        ((0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767), "lin_ap1_scene"),
        ((0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767), "lin_ap0_scene"),
        ((0.7, 0.29, 0.2, 0.7, 0.14, 0.05, 0.3127, 0.3290), None),
    ],
)
def test_primaries_have_the_id_of_an_equal_space(
    tmp_path: Path, chromaticities: tuple[float, ...], expected: str | None
) -> None:
    path = save(tmp_path / "plate.exr", picture(), chromaticities=("float[8]", chromaticities))
    assert interop_id(None, plate=plates.read_header(path)) == expected
