"""The colour space that a file names: ICC profiles against LittleCMS, EXR headers against OpenColorIO's own spaces."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import PyOpenColorIO as ocio
import pytest
from icc_profiles import ADOBE_RGB, PROPHOTO, make_profile
from picture_files import picture, save
from PIL import Image, ImageCms

from stcolor_core.images import plates
from stcolor_core.images.color import srgb_encode
from stcolor_core.images.color_pipe import LINEAR_REC709, SRGB
from stcolor_core.images.ocio import BUILTIN_CONFIG, Space, open_space
from stcolor_core.images.tagged_spaces import find_tagged_space

NEEDS_IDS = pytest.mark.skipif(not hasattr(ocio.ColorSpace, "getInteropID"), reason="needs OpenColorIO 2.5")
AP1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)
LIGHT = np.random.RandomState(0).uniform(-0.2, 4, (64, 3)).astype(np.float32)


def codes() -> np.ndarray:
    """Return 8-bit colours near grey: within sRGB in every space."""
    random = np.random.RandomState(0)
    return (random.randint(60, 200, (16, 16, 1)) + random.randint(-8, 9, (16, 16, 3))).astype(np.uint8)


def tagged(path: Path, profile: bytes, pixels: np.ndarray | None = None) -> tuple[Space | None, str]:
    Image.fromarray(codes() if pixels is None else pixels).save(path, icc_profile=profile)
    return find_tagged_space(plates.read_header(path).color_tag, path)


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
@pytest.mark.parametrize(("name", "space"), [("Adobe RGB (1998)", ADOBE_RGB), ("ProPhoto RGB", PROPHOTO)])
def test_a_profile_gives_the_light_that_little_cms_finds(tmp_path: Path, suffix: str, name: str, space: Any) -> None:
    profile = make_profile(name, space)
    found, reason = tagged(tmp_path / f"key.{suffix}", profile)
    assert found is not None
    assert (found.name, reason) == (name, "its ICC profile")
    levels = (codes() / 255).astype(np.float32)
    own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    expected = ImageCms.profileToProfile(Image.fromarray(codes()), own, ImageCms.createProfile("sRGB"))
    assert np.abs(srgb_encode(found.decode(levels)) * 255 - np.asarray(expected)).max() < 0.75  # it rounds to 8 bits
    assert np.abs(found.decode(levels) - SRGB.decode(levels)).max() > 0.01
    assert np.abs(found.encode(found.decode(levels)) - levels).max() < 1e-3


def test_a_profile_for_srgb_is_srgb_to_the_last_bit(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert tagged(tmp_path / "key.png", profile) == (SRGB, "its ICC profile")


def test_a_profile_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    profile = make_profile("Dot Gain 20%", ADOBE_RGB, kind=b"GRAY")
    found, reason = tagged(tmp_path / "grey.tif", profile, codes()[..., 0])
    assert found is None
    assert reason == "its ICC profile Dot Gain 20% is not one of RGB by curves and a matrix"


def test_pictures_with_profiles_of_one_name_keep_their_own(tmp_path: Path) -> None:
    first, second = (tagged(tmp_path / f"{i}.png", make_profile("RGB", space))[0] for i, space in enumerate(SPACES))
    assert first is not None and second is not None
    assert first.identity != second.identity
    assert not np.allclose(first.decode(LIGHT), second.decode(LIGHT), atol=0.01)


SPACES = (ADOBE_RGB, PROPHOTO)


@pytest.mark.parametrize(
    ("attributes", "words", "space"),
    [
        pytest.param(
            {"colorInteropID": "lin_ap1_scene"}, "colorInteropID lin_ap1_scene", "ACEScg", marks=NEEDS_IDS, id="ID"
        ),
        pytest.param({"chromaticities": ("float[8]", AP1)}, "chromaticities", "ACEScg", id="primaries"),
        pytest.param({"chromaticities": ("float[8]", AP0)}, "chromaticities", "ACES2065-1", id="below 0"),
    ],
)
def test_the_header_of_an_exr_gives_the_light_of_that_space(
    tmp_path: Path, attributes: dict[str, Any], words: str, space: str
) -> None:
    path = save(tmp_path / "key.exr", picture(), **attributes)
    found, reason = find_tagged_space(plates.read_header(path).color_tag, path)
    assert found is not None
    assert reason == f"its header, {words}"
    expected = open_space(space, config=BUILTIN_CONFIG).decode(LIGHT)
    np.testing.assert_allclose(found.decode(LIGHT), expected, atol=4e-3)
    np.testing.assert_allclose(found.encode(expected), LIGHT, atol=4e-3)
    assert found.is_linear


@NEEDS_IDS
def test_the_id_of_an_exr_comes_before_its_primaries(tmp_path: Path) -> None:
    path = save(tmp_path / "key.exr", picture(), colorInteropID="srgb_rec709_scene", chromaticities=("float[8]", AP1))
    assert find_tagged_space(plates.read_header(path).color_tag, path)[0] is SRGB


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"colorInteropID": "lin_rec709_scene"}, "its header, colorInteropID lin_rec709_scene"),
        ({"chromaticities": ("float[8]", REC709)}, "its header, chromaticities"),
    ],
)
def test_a_header_that_says_rec709_is_the_default_to_the_last_bit(
    tmp_path: Path, attributes: dict[str, Any], reason: str
) -> None:
    path = save(tmp_path / "key.exr", picture(), **attributes)
    assert find_tagged_space(plates.read_header(path).color_tag, path) == (LINEAR_REC709, reason)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({}, ""),
        ({"colorInteropID": "data"}, ""),
        ({"chromaticities": ("float[8]", (float("nan"),) * 8)}, ""),
        ({"chromaticities": ("float[8]", (0.0,) * 8)}, "its chromaticities are no colours"),
        ({"chromaticities": ("float[8]", (0.3, 0.3) * 4)}, "its chromaticities are no colours"),
        ({"colorInteropID": "acme:log_acme_scene"}, "its colorInteropID acme:log_acme_scene is not known"),
    ],
)
def test_a_header_that_says_nothing_or_nonsense_leaves_the_default(
    tmp_path: Path, attributes: dict[str, Any], reason: str
) -> None:
    path = save(tmp_path / "key.exr", picture(), **attributes)
    assert find_tagged_space(plates.read_header(path).color_tag, path) == (None, reason)
