"""The colour settings of a script, in the strict fake of Nuke."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from comp import PLUGIN


@pytest.fixture
def colors(nuke: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("OCIO", raising=False)
    nuke.pluginAddPath(PLUGIN.as_posix())
    import refcolorize.node.colors

    return refcolorize.node.colors


@pytest.fixture
def ocio(nuke: Any, colors: Any) -> Any:
    """The script's root, managed by OpenColorIO with ACEScg as working space."""
    root = nuke.root()
    root["colorManagement"].setValue("OCIO")
    root["OCIO_config"].setValue("fn-nuke_cg-config-v1.0.0_aces-v1.3_ocio-v2.1")
    root["workingSpaceLUT"].setValue("scene_linear")
    root["floatLut"].setValue("scene_linear (ACES - ACEScg)")
    return root


def read(nuke: Any, file: str, **knobs: Any) -> Any:
    return nuke.nodes.Read(file=file, **knobs)


@pytest.mark.parametrize(
    ("file", "colorspace", "expected"),
    [
        ("a.####.exr", "default", ""),
        ("a.####.exr", "linear", ""),
        ("a.####.exr", "sRGB", None),
        ("a.####.png", "default", ""),
        ("a.####.TIF", "sRGB", ""),
        ("a.####.jpg", "rec709", None),
        ("a.####.dpx", "default", None),
        ("a.####.dpx", "Cineon", None),
    ],
)
def test_without_ocio_a_file_is_used_directly_only_if_the_core_reads_it_alike(
    nuke: Any, colors: Any, file: str, colorspace: str, expected: str | None
) -> None:
    assert colors.working_space() is None
    assert colors.config() is None
    assert colors.file_space(read(nuke, file, colorspace=colorspace)) == expected


def test_a_script_with_another_default_for_8_bit_pictures_is_respected(nuke: Any, colors: Any) -> None:
    nuke.root()["int8Lut"].setValue("rec709")
    assert colors.file_space(read(nuke, "a.####.png")) is None
    assert colors.file_space(read(nuke, "a.####.png", colorspace="sRGB")) == ""


@pytest.mark.usefixtures("ocio")
def test_with_ocio_colour_spaces_have_the_names_of_the_config(nuke: Any, colors: Any) -> None:
    assert colors.working_space() == "scene_linear"
    assert colors.file_space(read(nuke, "a.####.exr")) == "ACES - ACEScg"
    assert colors.file_space(read(nuke, "a.####.png")) is None, "what OCIO's rules say of it only Nuke knows"
    named = read(nuke, "a.####.dpx", colorspace="ACES2065-1")
    assert colors.file_space(named) == "ACES2065-1"


def test_the_config_of_the_environment_overrides_that_of_the_script(ocio: Any, colors: Any, monkeypatch: Any) -> None:
    ocio["OCIO_config"].setValue("custom")
    ocio["customOCIOConfigPath"].setValue("/show/config.ocio")
    assert colors.config() == "/show/config.ocio"
    monkeypatch.setenv("OCIO", "/facility/config.ocio")
    assert colors.config() == "/facility/config.ocio"


@pytest.mark.parametrize("place", ["{}/config.ocio", "{}.ocio"])
def test_a_stock_config_is_searched_for_beside_nuke(
    nuke: Any, ocio: Any, colors: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(nuke, "EXE_PATH", str(tmp_path / "Nuke15.1"))
    assert colors.config() is None
    stock = tmp_path / "plugins" / "OCIOConfigs" / "configs" / place.format(ocio["OCIO_config"].value())
    stock.parent.mkdir(parents=True)
    stock.touch()
    assert colors.config() == stock.as_posix()


def test_without_ocio_the_script_works_in_linear_rec709(colors: Any) -> None:
    assert colors.script_space().name == "linear Rec.709"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("scene_linear", "ACEScg"),
        ("scene_linear (ACES - ACEScg)", "ACEScg"),
        ("Linear Rec.709 (sRGB)", "linear Rec.709"),
        ("lin_rec2020", "linear Rec.2020"),
        ("rendering", None),
        ("Camera - unknown", None),
    ],
)
def test_the_working_space_of_a_builtin_config_is_known_by_its_name(
    ocio: Any, colors: Any, shown: str, expected: str | None
) -> None:
    ocio["workingSpaceLUT"].setValue(shown)
    found = colors.script_space()
    assert (found and found.name) == expected


def test_a_role_is_resolved_by_the_config(ocio: Any, colors: Any, tmp_path: Path) -> None:
    config = tmp_path / "config.ocio"
    config.write_text(
        "ocio_profile_version: 2\n\nroles:\n  default: raw\n  rendering: 'lin_p3d65'\n  scene_linear: ACES2065-1  \n\n"
        "displays:\n  rendering: none\n"
    )
    ocio["OCIO_config"].setValue("custom")
    ocio["customOCIOConfigPath"].setValue(config.as_posix())
    assert colors.script_space().name == "ACES2065-1"
    ocio["workingSpaceLUT"].setValue("rendering")
    assert colors.script_space().name == "linear P3-D65"
    ocio["workingSpaceLUT"].setValue("default")
    assert colors.script_space() is None


def test_a_new_node_takes_the_working_space_of_the_script(nuke: Any, ocio: Any) -> None:
    from refcolorize.node import nodes
    from refcolorize.node.spaces import SPACES

    node = nodes.create()
    assert node["working_space"].value() == "ACEScg"
    for name in ("luma", "x_light", "z_light"):
        assert list(node[name].value()) == pytest.approx(getattr(SPACES["ACEScg"], name))
    ocio["workingSpaceLUT"].setValue("something of our own")
    nodes.match_working_space(node)
    assert node["working_space"].value() == "ACEScg", "what is not certain changes nothing"
