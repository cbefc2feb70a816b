"""Colour spaces of OCIO configs: which config is used, unusual configs, and messages on unknown names."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import numpy as np
import PyOpenColorIO as ocio
import pytest

from stcolor_core.errors import ColorError
from stcolor_core.images.ocio import BUILTIN_CONFIG, open_space

OLD = """ocio_profile_version: 1
search_path: luts
luma: [0.2126, 0.7152, 0.0722]
roles:
  default: raw
{role}
displays:
  default:
    - !<View> {{name: None, colorspace: raw}}
colorspaces:
  - !<ColorSpace>
    name: linear
  - !<ColorSpace>
    name: raw
    isdata: true
  - !<ColorSpace>
    name: house gamma
    to_reference: !<ExponentTransform> {{value: [2.2, 2.2, 2.2, 1]}}
"""
CODES = np.array([[0.1, 0.4, 0.7], [0.5, 0.5, 0.5]], np.float32)


@pytest.fixture(autouse=True)
def no_config_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


def old_config(folder: Path, *, role: str = "  scene_linear: linear") -> Path:
    """A config older than the interchange roles, like nuke-default of Nuke."""
    path = folder / "old.ocio"
    path.write_text(OLD.format(role=role), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "name", ["ARRI LogC4", "ACEScct", "Log3G10 REDWideGamutRGB", "V-Log V-Gamut", "ACEScg", "Linear ARRI Wide Gamut 4"]
)
def test_a_space_converts_as_opencolorio_does_within_one_config(name: str) -> None:
    config = ocio.Config.CreateFromFile(BUILTIN_CONFIG)
    linear = CODES.copy()
    config.getProcessor(name, "lin_rec709").getDefaultCPUProcessor().applyRGB(linear)
    space = open_space(name, config=None)
    np.testing.assert_allclose(space.decode(CODES), linear, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(space.encode(linear), CODES, atol=1e-5)
    assert space.is_linear == (config.getColorSpace(name).getEncoding() == "scene-linear")


def test_aliases_roles_and_another_case_name_the_same_space() -> None:
    names = ["ACEScg", "lin_ap1", "scene_linear", "acescg"]
    spaces = [open_space(name, config=None) for name in names]
    assert {space.name for space in spaces} == {"ACEScg"}
    assert len({space.identity for space in spaces}) == 1
    assert open_space("ACEScct", config=None).identity != spaces[0].identity


def test_a_config_without_interchange_roles_means_rec709_by_scene_linear(tmp_path: Path) -> None:
    space = open_space("house gamma", config=str(old_config(tmp_path)))
    np.testing.assert_allclose(space.decode(CODES), CODES**2.2, rtol=1e-4)
    np.testing.assert_allclose(space.encode(CODES**2.2), CODES, rtol=1e-4)
    assert not space.is_linear


def test_the_error_for_a_config_with_no_known_space_names_the_role_it_needs(tmp_path: Path) -> None:
    with pytest.raises(ColorError, match="role aces_interchange or scene_linear"):
        open_space("house gamma", config=str(old_config(tmp_path, role="")))


def test_a_requested_config_takes_precedence_over_that_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCIO", str(old_config(tmp_path)))
    assert open_space("house gamma", config=None).name == "house gamma"
    with pytest.raises(ColorError, match=r"old\.ocio \(from \$OCIO\)"):
        open_space("ACEScg", config=None)
    assert open_space("ACEScg", config=BUILTIN_CONFIG).name == "ACEScg"
    monkeypatch.setenv("OCIO", "")
    assert open_space("ACEScg", config=None).name == "ACEScg"


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        pytest.param("logc4", "ARRI LogC4", id="part of a name"),
        pytest.param("ACEScgg", "ACEScg", id="misspelt"),
        pytest.param("slog3 sgamut3", "S-Log3 S-Gamut3", id="other punctuation"),
        pytest.param("Input - ARRI - V3 LogC", "ARRI LogC3 (EI800)", id="part of an alias"),
    ],
)
def test_the_error_for_an_unknown_space_gives_similar_names_and_the_config(asked: str, near: str) -> None:
    with pytest.raises(ColorError) as refused:
        open_space(asked, config=None)
    assert near in str(refused.value) and "studio-config" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "first"), [("sRGB", "sRGB - Texture"), ("ACES", "ACEScc"), ("linear rec709", "Linear Rec.709 (sRGB)")]
)
def test_the_nearest_name_comes_first_and_a_texture_before_a_display(asked: str, first: str) -> None:
    with pytest.raises(ColorError, match=re.escape(f"Similar names are '{first}'")):
        open_space(asked, config=None)


def test_the_error_for_a_name_like_no_other_suggests_nothing() -> None:
    with pytest.raises(ColorError, match="Look its names up"):
        open_space("東京", config=None)


def test_broken_and_missing_configs_are_reported_in_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ocio"
    broken.write_text("roles: [", encoding="utf-8")
    for config in (str(broken), str(tmp_path / "none.ocio"), "ocio://no-such-config"):
        with pytest.raises(ColorError) as refused:
            open_space("ACEScg", config=config)
        assert config in str(refused.value) and "\n" not in str(refused.value)


def test_a_lut_that_is_missing_is_named_with_the_remedy(tmp_path: Path) -> None:
    config = copy.deepcopy(ocio.Config.CreateFromFile(BUILTIN_CONFIG))
    graded = ocio.ColorSpace(name="graded")
    graded.setTransform(ocio.FileTransform(src="gone.cube"), ocio.COLORSPACE_DIR_TO_REFERENCE)
    config.addColorSpace(graded)
    path = tmp_path / "config.ocio"
    path.write_text(config.serialize(), encoding="utf-8")
    with pytest.raises(ColorError, match=r"gone\.cube.*search_path") as error:
        open_space("graded", config=str(path))
    assert "aces_interchange" not in str(error.value)
