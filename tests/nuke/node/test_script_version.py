"""The version in a script's name, wherever it stands: all versions of a script have one folder of results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp
from refcolorize.node.script_version import EARLIER_FOLDERS, without_version

NAMES = {
    "sh010_comp_v001": "sh010_comp",
    "sh010_comp_v001_jd": "sh010_comp_jd",
    "sh010_v001_comp": "sh010_comp",
    "sh010.comp.v001": "sh010.comp",
    "sh010-comp-v001.final": "sh010-comp.final",
    "sh010 comp v12": "sh010 comp",
    "sh010_comp_V01": "sh010_comp",
    "compv001": "comp",
    "lens_v2_comp_v003": "lens_v2_comp",
    "lens_v2_comp_v003_jd": "lens_v2_comp_jd",
    "sh010_v001_rev2": "sh010_rev2",
    "sh010_v1b_comp": "sh010_v1b_comp",
    "sh010_comp.0001": "sh010_comp",
    "comp.012": "comp",
    "comp.v003.0001": "comp.0001",
    "comp.2": "comp.2",
    "sq_0010": "sq_0010",
    "0001": "0001",
    "v001": "",
    "comp": "comp",
}


@pytest.fixture
def comp(nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comp:
    monkeypatch.delenv("OCIO", raising=False)
    return make_comp(nuke, tmp_path / "show")


def save_as(comp: Comp, name: str) -> None:
    comp.nuke.scriptSaveAs((comp.folder / f"{name}.nk").as_posix(), 1)


@pytest.mark.parametrize("name", NAMES)
def test_the_name_without_its_version(name: str) -> None:
    assert without_version(name) == NAMES[name]


def test_the_knob_of_the_node_says_the_same(comp: Comp) -> None:
    for name, bare in NAMES.items():
        save_as(comp, name)
        assert Path(comp.node["output_folder"].evaluate()) == comp.folder / "refcolorize" / bare, name


def test_a_node_of_an_earlier_plug_in_keeps_its_folder_if_it_is_there_and_shares_the_next_one(comp: Comp) -> None:
    from refcolorize.node import node_results

    comp.node["output_folder"].setValue(EARLIER_FOLDERS[0])
    save_as(comp, "sh010_comp_v001_jd")
    earlier = comp.folder / "refcolorize" / "sh010_comp_v001_jd" / "RefColorize1"
    (earlier / "v001").mkdir(parents=True)
    assert node_results.results(comp.node).folder == earlier
    assert [version.name for version in node_results.versions(comp.node)] == ["v001"]
    for name in ("sh010_comp_v002_jd", "sh010_comp_v003_jd"):
        save_as(comp, name)
        assert node_results.results(comp.node).folder == comp.folder / "refcolorize" / "sh010_comp_jd" / "RefColorize1"
    save_as(comp, "sh010_comp_v001")
    assert node_results.results(comp.node).folder == comp.folder / "refcolorize" / "sh010_comp" / "RefColorize1"


def test_scripts_that_are_numbered_after_a_dot_share_their_versions(comp: Comp) -> None:
    from refcolorize.node import node_results

    save_as(comp, "comp.0001")
    shared = comp.folder / "refcolorize" / "comp" / "RefColorize1"
    (shared / "v001").mkdir(parents=True)
    save_as(comp, "comp.0002")
    assert [version.name for version in node_results.versions(comp.node)] == ["v001"]


@pytest.mark.parametrize("is_saved_in_the_node", [False, True])
def test_such_a_script_keeps_the_folder_that_an_earlier_plug_in_made(comp: Comp, is_saved_in_the_node: bool) -> None:
    from refcolorize.node import node_results

    if is_saved_in_the_node:
        comp.node["output_folder"].setValue(EARLIER_FOLDERS[1])
    save_as(comp, "comp.0001")
    earlier = comp.folder / "refcolorize" / "comp.0001" / "RefColorize1"
    (earlier / "v001").mkdir(parents=True)
    assert [version.name for version in node_results.versions(comp.node)] == ["v001"]
    save_as(comp, "comp.0002")
    assert node_results.results(comp.node).folder == comp.folder / "refcolorize" / "comp" / "RefColorize1"
