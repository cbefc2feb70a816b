"""The node on a host without the plug-in: its pulldown menus work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from refcolorize.node.spaces import SPACES

GIZMOS = Path(__file__).parents[2] / "gizmos"


@pytest.fixture
def node(nuke: Any, tmp_path: Path) -> Any:
    """A node that shows v001 of two versions; a parent folder named like a version must not be mistaken for one."""
    nuke.pluginAddPath(GIZMOS.as_posix())
    made = nuke.createNode("RefColorize")
    folder = tmp_path / "v001" / "RefColorize1"
    for name, frames in (("v001", (1001, 1006)), ("v002", (1010, 1020)), ("preview", (1003,))):
        (folder / name).mkdir(parents=True)
        for frame in frames:
            (folder / name / f"RefColorize1_{name}.{frame}.exr").touch()
    for knob in ("version", "compare"):
        made[knob].setValues(["none", "v001", "v002", "preview"])
    made["result_file"].setValue((folder / "v001" / "RefColorize1_v001.####.exr").as_posix())
    return made


def shown(node: Any) -> tuple[str, int, int]:
    read = node.node("Result")
    return Path(node["result_file"].evaluate()).parent.name, read["first"].value(), read["last"].value()


def test_a_version_shows_its_files_and_none_shows_the_plate(node: Any, tmp_path: Path) -> None:
    node["version"].setValue("v002")
    assert shown(node) == ("v002", 1010, 1020)
    assert node["use_result"].value()
    assert (
        node["result_file"].value()
        == (tmp_path / "v001" / "RefColorize1" / "v002" / "RefColorize1_v002.%04d.exr").as_posix()
    )
    node["version"].setValue("preview")
    assert shown(node) == ("preview", 1003, 1003)
    node["version"].setValue("none")
    assert not node["use_result"].value()
    node["version"].setValue("v001")
    assert shown(node) == ("v001", 1001, 1006)
    assert node["use_result"].value()


def test_a_version_missing_on_this_host_is_still_named(node: Any) -> None:
    node["version"].setValues(["none", "v007"])
    node["version"].setValue("v007")
    assert node["result_file"].value().endswith("/v007/RefColorize1_v007.%04d.exr")


def test_a_version_to_compare_with_sets_the_second_read_and_leaves_the_shown_one(node: Any) -> None:
    node["version"].setValue("v001")
    node["compare"].setValue("v002")
    read = node.node("Compared")
    assert read["file"].evaluate() == node["compare_file"].evaluate()
    assert node["compare_file"].value().endswith("/v001/RefColorize1/v002/RefColorize1_v002.%04d.exr")
    assert (read["first"].value(), read["last"].value()) == (1010, 1020)
    assert shown(node) == ("v001", 1001, 1006)
    node["compare"].setValue("preview")
    assert (read["first"].value(), read["last"].value()) == (1003, 1003)
    node["version"].setValue("v002")
    assert node["compare_file"].value().endswith("RefColorize1_preview.%04d.exr")
    node["compare"].setValue("none")
    assert node["use_result"].value() and shown(node) == ("v002", 1010, 1020)


def test_with_two_views_each_eye_compares_with_its_own_files(node: Any) -> None:
    own = Path(node["result_file"].evaluate()).parents[1]
    (own.parent / "main").symlink_to(own)
    node["result_file"].setValue((own.parent / "%V" / "v001" / "RefColorize1_v001.####.exr").as_posix())
    node["compare"].setValue("v002")
    assert node["compare_file"].value().endswith("/%V/v002/RefColorize1_v002.%04d.exr")
    assert (node.node("Compared")["first"].value(), node.node("Compared")["last"].value()) == (1010, 1020)


@pytest.mark.parametrize("name", SPACES)
def test_the_working_space_sets_its_coefficients(node: Any, name: str) -> None:
    node["working_space"].setValue("ACEScg" if name != "ACEScg" else "linear P3-D65")
    node["working_space"].setValue(name)
    for knob in ("luma", "x_light", "z_light"):
        assert list(node[knob].value()) == pytest.approx(list(getattr(SPACES[name], knob)))
