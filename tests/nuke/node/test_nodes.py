"""The node's keys, versions and knobs, in the strict fake of Nuke."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from refcolorize.node.spaces import SPACES


@pytest.fixture
def node(nuke: Any, tmp_path: Path) -> Any:
    nuke.pluginAddPath(str(Path(__file__).parents[3] / "gizmos"))
    made = nuke.createNode("RefColorize")
    made["output_folder"].setValue(tmp_path.as_posix())
    return made


@pytest.fixture
def nodes(nuke: Any) -> Any:
    import refcolorize.node.nodes

    return refcolorize.node.nodes


@pytest.fixture
def keyframes(nuke: Any) -> Any:
    import refcolorize.node.keyframes

    return refcolorize.node.keyframes


@pytest.fixture
def node_results(nuke: Any) -> Any:
    import refcolorize.node.node_results

    return refcolorize.node.node_results


def test_a_new_node_has_no_keys_and_is_recognised_by_its_mark(nuke: Any, nodes: Any, node: Any, keyframes: Any) -> None:
    assert keyframes.keys(node) == []
    assert nodes.is_refcolorize(node) and not nodes.is_refcolorize(nuke.createNode("NoOp"))
    assert nodes.all_nodes() == [node]


def test_keys_are_added_in_any_order_once_each_and_removed(node: Any, keyframes: Any) -> None:
    for frame in (1050, 1001, 1001, 1020):
        keyframes.add_key(node, frame)
    assert keyframes.keys(node) == [1001, 1020, 1050]
    keyframes.remove_key(node, 1020)
    assert keyframes.keys(node) == [1001, 1050]
    with pytest.raises(Exception, match="no key at frame 1020"):
        keyframes.remove_key(node, 1020)


def test_the_first_key_at_another_frame_than_the_current_one_is_the_only_one(
    nuke: Any, node: Any, keyframes: Any
) -> None:
    nuke.frame(5)
    keyframes.add_key(node, 20)
    assert [key.x for key in node["reference_keys"].animation(0).keys()] == [20]  # noqa: SIM118


def test_a_node_whose_last_key_is_removed_has_none(node: Any, keyframes: Any) -> None:
    keyframes.add_key(node, 7)
    keyframes.remove_key(node, 7)
    assert keyframes.keys(node) == []


def test_a_disabled_key_is_not_used(node: Any, keyframes: Any) -> None:
    keyframes.add_key(node, 1)
    keyframes.add_key(node, 9)
    node["reference_keys"].setValueAt(0, 9)
    assert keyframes.keys(node) == [1]


def test_set_key_of_nukes_own_menu_adds_a_key_that_is_used(nuke: Any, node: Any, keyframes: Any) -> None:
    nuke.frame(7)
    node["reference_keys"].setAnimated()
    assert keyframes.keys(node) == [7]


def test_the_playhead_jumps_from_key_to_key_and_stops_at_the_last(nuke: Any, node: Any, keyframes: Any) -> None:
    keyframes.add_key(node, 10)
    keyframes.add_key(node, 20)
    nuke.frame(12)
    assert keyframes.next_key(node) == 20 and nuke.frame() == 20
    assert keyframes.next_key(node) is None and nuke.frame() == 20
    assert keyframes.previous_key(node) == 10 and nuke.frame() == 10


def test_version_numbers_go_up_and_the_newest_version_is_shown(node: Any, tmp_path: Path, node_results: Any) -> None:
    assert node_results.versions(node) == []
    folder = tmp_path / node.name() / "v001"
    folder.mkdir(parents=True)
    for frame in (1001, 1002):
        (folder / f"{node.name()}_v001.{frame}.exr").touch()
    assert [(version.name, version.frames) for version in node_results.versions(node)] == [("v001", 2)]
    node_results.use_version(node, 1)
    assert node["version"].value() == "v001" and node["use_result"].value()
    assert node["result_file"].toScript() == node_results.versions(node)[0].path
    read = node.node("Result")
    assert (read["first"].value(), read["last"].value()) == (1001, 1002)
    with pytest.raises(Exception, match="no version v005"):
        node_results.use_version(node, 5)


def test_another_working_space_sets_its_coefficients(nuke: Any, nodes: Any, node: Any) -> None:
    nuke.addKnobChanged(nodes.knob_changed, nodeClass="Group")
    node["working_space"].setValue("ACEScg")
    assert list(node["luma"].value()) == pytest.approx(SPACES["ACEScg"].luma)


def test_a_new_node_is_one_undo_step_whatever_is_set_up_in_it(
    nuke: Any, nuke_session: Any, nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STCOLOR_OUTPUT_FOLDER", tmp_path.as_posix())
    nuke.pluginAddPath(str(Path(__file__).parents[3] / "gizmos"))
    before = len(nuke_session.undo.names)
    made = nodes.create()
    assert made["output_folder"].value() == tmp_path.as_posix()
    assert nuke_session.undo.names[before:] == ["Create RefColorize"]
    nuke.undo()
    assert nodes.all_nodes() == []


def test_each_button_sets_or_removes_keys_in_one_undo_step(
    nuke: Any, nuke_session: Any, nodes: Any, keyframes: Any
) -> None:
    nuke.pluginAddPath(str(Path(__file__).parents[3] / "nuke_plugin"))
    node = nodes.create()
    nuke.frame(12)
    before = len(nuke_session.undo.names)
    node["add_key"].execute()
    assert keyframes.keys(node) == [12]
    nuke.frame(20)
    node["add_key"].execute()
    node["previous_key"].execute()
    assert nuke.frame() == 12
    node["next_key"].execute()
    node["remove_key"].execute()
    assert keyframes.keys(node) == [12]
    assert nuke_session.undo.names[before:] == ["Add key", "Add key", "Remove key"]
    nuke.undo()
    assert keyframes.keys(node) == [12, 20]


def test_a_button_that_cannot_work_gives_the_reason(nuke: Any, nodes: Any) -> None:
    nuke.pluginAddPath(str(Path(__file__).parents[3] / "nuke_plugin"))
    node = nodes.create()
    with pytest.raises(Exception, match="no key at frame"):
        node["remove_key"].execute()
