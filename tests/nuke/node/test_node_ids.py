"""The folder of a node's results, and how the node finds it again: renamed, grouped, copied, saved or moved."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp


@pytest.fixture
def comp(nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comp:
    monkeypatch.delenv("OCIO", raising=False)
    return make_comp(nuke, tmp_path / "show")


@pytest.fixture
def nodes(comp: Comp) -> Any:
    import refcolorize.node.nodes

    return refcolorize.node.nodes


@pytest.fixture
def node_results(comp: Comp) -> Any:
    import refcolorize.node.node_results

    return refcolorize.node.node_results


def with_result(node_results: Any, node: Any) -> Path:
    """Give the node a version of one frame, and have it shown."""
    file = Path(node_results.results(node).pattern("v001").replace("####", "1001"))
    file.parent.mkdir(parents=True)
    file.touch()
    node_results.use_version(node, 1)
    return file


def test_a_renamed_node_keeps_its_versions(comp: Comp, node_results: Any) -> None:
    with_result(node_results, comp.node)
    comp.node.setName("Sky")
    assert [version.name for version in node_results.versions(comp.node)] == ["v001"]


@pytest.mark.gui
def test_a_copy_has_its_own_folder_and_shows_the_version_of_its_original(
    nuke: Any, comp: Comp, node_results: Any
) -> None:
    with_result(node_results, comp.node)
    comp.node.selectOnly()
    nuke.nodeCopy("%clipboard%")
    copy = nuke.nodePaste("%clipboard%")
    assert node_results.results(copy).folder != node_results.results(comp.node).folder
    assert node_results.versions(copy) == []
    assert copy["result_file"].value() == comp.node["result_file"].value()
    assert copy["status"].value() == (
        "A copy. It shows the versions of its original until Colorize makes its own first one."
    )


@pytest.mark.gui
def test_a_copy_pasted_under_the_first_name_of_its_renamed_original_is_the_one_that_moves(
    nuke: Any, comp: Comp, node_results: Any
) -> None:
    with_result(node_results, comp.node)
    comp.node["job"].setValue("0a1b")
    comp.node.selectOnly()
    nuke.nodeCopy("%clipboard%")
    comp.node.setName("Hero")
    copy = nuke.nodePaste("%clipboard%")
    assert copy.name() == "RefColorize1"
    assert node_results.results(comp.node).folder == comp.results
    assert node_results.results(copy).folder == comp.results.with_name("RefColorize1_2")
    assert (comp.node["job"].value(), copy["job"].value()) == ("0a1b", ""), "Cancel on the copy is not for its job"
    nuke.scriptSave()
    nuke.scriptOpen((comp.folder / "comp.nk").as_posix())
    assert node_results.results(nuke.toNode("Hero")).folder == comp.results
    assert [version.name for version in node_results.versions(nuke.toNode("Hero"))] == ["v001"]


@pytest.mark.gui
def test_a_copy_makes_a_read_of_the_version_that_it_shows(nuke: Any, comp: Comp, node_results: Any) -> None:
    from refcolorize.node import shown_version

    with_result(node_results, comp.node)
    comp.node.selectOnly()
    nuke.nodeCopy("%clipboard%")
    copy = nuke.nodePaste("%clipboard%")
    assert shown_version.create_read(copy)["file"].value() == comp.node["result_file"].value()


def test_a_copy_made_without_the_callbacks_of_the_plug_in_gets_its_own_folder_when_it_is_used(
    nuke: Any, comp: Comp, nodes: Any, node_results: Any
) -> None:
    with_result(node_results, comp.node)
    comp.node.selectOnly()
    nuke.nodeCopy("%clipboard%")
    copy = nuke.nodePaste("%clipboard%")
    nodes.ensure_id(comp.node)
    nodes.ensure_id(copy)
    assert node_results.results(comp.node).folder == comp.results
    assert node_results.results(copy).folder == comp.results.with_name("RefColorize2")


def test_a_new_node_with_an_old_name_takes_nothing_from_the_renamed_node(
    comp: Comp, nodes: Any, node_results: Any
) -> None:
    comp.node.setName("Sky")
    other = nodes.create()
    other.setName("RefColorize1")
    nodes.ensure_id(other)
    assert node_results.results(comp.node).folder != node_results.results(other).folder


def test_two_scripts_in_one_folder_share_nothing_and_versions_of_one_script_share(
    nuke: Any, comp: Comp, node_results: Any
) -> None:
    folders = []
    for name in ("comp_v001.nk", "comp_v002.nk", "precomp.nk"):
        nuke.scriptSaveAs((comp.folder / name).as_posix(), 1)
        folders.append(node_results.results(comp.node).folder)
    assert folders == [comp.results, comp.results, comp.folder / "refcolorize" / "precomp" / "RefColorize1"]


def test_a_facility_chooses_the_folder_of_the_results(
    nuke: Any, comp: Comp, nodes: Any, monkeypatch: pytest.MonkeyPatch, node_results: Any
) -> None:
    monkeypatch.setenv("STCOLOR_OUTPUT_FOLDER", "[file dirname [value root.name]]/renders/colour")
    assert node_results.results(nodes.create()).folder == comp.folder / "renders" / "colour" / "RefColorize2"


@pytest.mark.gui
def test_after_a_move_of_the_show_the_node_reads_its_files_there(nuke: Any, comp: Comp, node_results: Any) -> None:
    with_result(node_results, comp.node)
    nuke.scriptSave()
    moved = comp.folder.with_name("moved")
    shutil.move(comp.folder, moved)
    nuke.scriptOpen((moved / "comp.nk").as_posix())
    again = nuke.toNode("RefColorize1")
    assert node_results.is_showing(again, node_results.results(again).pattern("v001"))
    assert Path(again["result_file"].evaluate()).parent == moved / "refcolorize" / "comp" / "RefColorize1" / "v001"


def test_a_node_of_the_first_version_keeps_its_folder_by_its_name(
    nuke: Any, comp: Comp, nodes: Any, node_results: Any
) -> None:
    node = comp.node
    node.removeKnob(node["node_id"])
    node["output_folder"].setValue("[file dirname [value root.name]]/refcolorize")
    nodes.ensure_id(node)
    assert node_results.results(node).folder == comp.folder / "refcolorize" / "RefColorize1"


def test_nodes_inside_groups_are_found(nuke: Any, comp: Comp, nodes: Any) -> None:
    group = nuke.nodes.Group(name="Sequence")
    with group:
        inner = nodes.create()
        assert nodes.all_nodes() == [comp.node, inner], "from wherever it is asked"
    assert nodes.all_nodes() == [comp.node, inner]


@pytest.mark.parametrize("enters", [True, False], ids=["the search enters LiveGroups", "it does not"])
def test_nodes_inside_live_groups_are_found_once_each(
    nuke: Any, nuke_session: Any, comp: Comp, nodes: Any, enters: bool
) -> None:
    nuke_session.disputed.recursion_enters_live_groups = enters
    with nuke.nodes.LiveGroup(name="Comp"):
        inner = nodes.create()
        with nuke.nodes.Group(name="Part"), nuke.nodes.LiveGroup(name="Inner"):
            innermost = nodes.create()
    assert nodes.all_nodes() == [innermost, inner, comp.node]
    assert len({node["node_id"].value() for node in nodes.all_nodes()}) == 3, "no two share a folder"


@pytest.mark.gui
@pytest.mark.parametrize("saves", [True, False], ids=["T is saved", "T is not saved"])
def test_messages_of_a_job_are_not_repeated_when_the_script_is_opened(
    nuke: Any, nuke_session: Any, comp: Comp, nodes: Any, saves: bool, node_results: Any
) -> None:
    nuke_session.disputed.saves_text_of_do_not_write = saves
    with_result(node_results, comp.node)
    nodes.set_status(comp.node, "v001: frame 12 of 50")
    nuke.root().setModified(True)
    nuke.scriptSave()
    assert ("frame 12 of 50" in (comp.folder / "comp.nk").read_text(encoding="utf-8")) == saves
    nuke.scriptOpen((comp.folder / "comp.nk").as_posix())
    again = nuke.toNode("RefColorize1")
    assert again["status"].value() == "Nothing has run since the script was opened."
    again["version"].setValue("none")
    nuke.undo()
    assert "is shown" not in again["status"].value(), "it would be stale by now"


@pytest.mark.gui
def test_repeated_views_of_the_node_make_nuke_search_the_tree_once(
    nuke: Any, comp: Comp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.panel import node_view

    asked: list[object] = []
    first = type(comp.plate).firstFrame
    monkeypatch.setattr(type(comp.plate), "firstFrame", lambda node: (asked.append(node), first(node))[1])
    monkeypatch.setattr(node_view, "_RANGE_SECONDS", 3600.0, raising=False)
    shots = [node_view.read_node(comp.node).shot for _ in range(20)]
    assert {(shot.first, shot.last) for shot in shots} == {(1001, 1006)}
    assert len(asked) == 1


def test_the_plug_in_shows_a_version_if_a_terminal_runs_no_knob_changed(
    nuke_session: Any, comp: Comp, node_results: Any
) -> None:
    nuke_session.disputed.knob_changed_in_terminal = False
    with_result(node_results, comp.node)
    assert node_results.is_showing(comp.node, node_results.results(comp.node).pattern("v001"))
    assert comp.node["use_result"].value()
    assert comp.node.node("Result")["first"].value() == 1001
