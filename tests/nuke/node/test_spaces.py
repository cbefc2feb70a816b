"""The plug-in's colour spaces against the core's colour science and OpenColorIO."""

import numpy as np
import pytest
from refcolorize.node.spaces import SPACES, find_space

from stcolor_core.images.color import lab_to_linear
from stcolor_core.images.ocio import BUILTIN_CONFIG, open_config, open_space

CONFIG_NAMES = {
    "linear Rec.709": "Linear Rec.709 (sRGB)",
    "ACEScg": "ACEScg",
    "ACES2065-1": "ACES2065-1",
    "linear P3-D65": "Linear P3-D65",
    "linear Rec.2020": "Linear Rec.2020",
}


def matrix_to_rec709(name: str) -> np.ndarray:
    return open_space(CONFIG_NAMES[name], config=BUILTIN_CONFIG).decode(np.eye(3, dtype=np.float64)).T


def luminance_of_rec709() -> np.ndarray:
    """BT.709-6 with more digits, as the core has them."""
    return np.array([0.21263900587151027, 0.715168678767756, 0.07219231536073371])


def white_light(x: float, z: float) -> np.ndarray:
    """Linear Rec.709 of X/Xn = x, Y/Yn = 1, Z/Zn = z, by way of the core's CIE L*a*b*."""
    return lab_to_linear(np.array([100.0, 500 * (np.cbrt(x) - 1), 200 * (1 - np.cbrt(z))]))


@pytest.mark.parametrize("name", SPACES)
def test_luma_is_the_luminance_that_opencolorio_gives(name):
    np.testing.assert_allclose(SPACES[name].luma, luminance_of_rec709() @ matrix_to_rec709(name), atol=1e-5)


@pytest.mark.parametrize("name", SPACES)
def test_x_and_z_light_are_the_values_that_the_core_adds(name):
    to_own = np.linalg.inv(matrix_to_rec709(name))
    np.testing.assert_allclose(SPACES[name].x_light, to_own @ (white_light(2, 1) - white_light(1, 1)), atol=1e-5)
    np.testing.assert_allclose(SPACES[name].z_light, to_own @ (white_light(1, 2) - white_light(1, 1)), atol=1e-5)


@pytest.mark.parametrize("space", SPACES.values(), ids=lambda space: space.name)
def test_chroma_light_has_no_luminance(space):
    assert sum(space.luma) == pytest.approx(1, abs=2e-8)
    assert np.dot(space.luma, space.x_light) == pytest.approx(0, abs=2e-8)
    assert np.dot(space.luma, space.z_light) == pytest.approx(0, abs=2e-8)


@pytest.mark.parametrize("name", SPACES)
def test_every_name_and_alias_of_the_builtin_config_is_known(name):
    config, _ = open_config(BUILTIN_CONFIG)
    for spelling in (name, CONFIG_NAMES[name], *config.getColorSpace(CONFIG_NAMES[name]).getAliases()):
        assert find_space(spelling) is SPACES[name], spelling


def test_no_other_space_of_the_builtin_config_is_mistaken_for_a_known_one():
    config, _ = open_config(BUILTIN_CONFIG)
    known = [name for name in config.getColorSpaceNames() if find_space(name)]
    assert sorted(known) == sorted(CONFIG_NAMES.values())


@pytest.mark.parametrize("name", ["scene_linear", "", "sRGB", "ACEScct", "linear-ish", "default"])
def test_an_uncertain_colour_space_is_none(name):
    assert find_space(name) is None


def test_case_and_blanks_around_a_name_do_not_matter():
    assert find_space(" ACES - acescg ") is SPACES["ACEScg"]
    assert find_space("linear") is SPACES["linear Rec.709"]
