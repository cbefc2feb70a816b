"""A folder of results belongs to one node of one script, and nobody else lists or removes what is in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from comp import make_comp
from refcolorize.node import owners
from refcolorize.node.owners import Owner

pytestmark = pytest.mark.usefixtures("state")


def script(folder: Path, name: str = "comp.nk") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
    return (folder / name).as_posix()


def test_the_first_node_owns_a_folder_and_another_node_or_script_does_not_get_it(tmp_path: Path) -> None:
    folder = tmp_path / "colour" / "RefColorize1"
    first = Owner.of("a", script(tmp_path / "sh010"))
    others = Owner.of("b", script(tmp_path / "sh010")), Owner.of("a", script(tmp_path / "sh020"))
    assert not owners.is_of_another(folder, first), "nobody's yet"
    assert owners.take(folder, first) and owners.take(folder, first)
    for other in others:
        assert owners.is_of_another(folder, other)
        assert not owners.take(folder, other)
    assert not owners.is_of_another(folder, first)
    assert owners.describe(folder) == (tmp_path / "sh010" / "comp").as_posix()


def test_all_versions_of_a_script_own_the_same_folder(tmp_path: Path) -> None:
    folder = tmp_path / "colour" / "RefColorize1"
    for name in ("comp_v001_jd.nk", "comp_v002_jd.nk"):
        assert owners.take(folder, Owner.of("a", script(tmp_path, name)))
    assert not owners.take(folder, Owner.of("a", script(tmp_path, "comp_v003_ab.nk")))


def test_the_owner_is_known_after_a_move_of_the_show_and_after_one_of_its_script(tmp_path: Path) -> None:
    folder = Path("refcolorize", "comp", "RefColorize1")
    assert owners.take(tmp_path / "a" / folder, Owner.of("a", script(tmp_path / "a")))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert not owners.is_of_another(tmp_path / "b" / folder, Owner.of("a", script(tmp_path / "b")))
    (tmp_path / "b" / "comp.nk").rename(tmp_path / "b" / "final.nk")
    moved = Owner.of("a", (tmp_path / "b" / "final.nk").as_posix())
    assert owners.take(tmp_path / "b" / folder, moved), "there is no comp.nk any more"
    assert owners.is_of_another(tmp_path / "b" / folder, Owner.of("a", script(tmp_path / "b")))


def test_a_script_that_was_not_saved_yet_keeps_its_folder_when_it_is(tmp_path: Path) -> None:
    assert owners.take(tmp_path / "colour", Owner.of("a", ""))
    assert owners.take(tmp_path / "colour", Owner.of("a", script(tmp_path)))
    assert owners.describe(tmp_path / "colour") == (tmp_path / "comp").as_posix()


def test_versions_from_before_are_noted_as_such_in_every_view(tmp_path: Path) -> None:
    for name in ("v001", "left/v002", "v1007", "vfx", "preview"):
        (tmp_path / name).mkdir(parents=True)
    assert owners.unowned_versions(tmp_path) == {1, 2, 1007}
    assert owners.take(tmp_path, Owner.of("a", ""))
    (tmp_path / "v1008").mkdir()
    assert owners.unowned_versions(tmp_path) == {1, 2, 1007}


@pytest.mark.parametrize("text", ["", "[1]", "{broken"])
def test_a_folder_whose_owner_cannot_be_read_is_nobodys_and_gets_no_new_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "owner.json").write_text(text)
    assert not owners.is_of_another(tmp_path, Owner.of("a", ""))
    assert not owners.take(tmp_path, Owner.of("a", ""))
    assert (tmp_path / "owner.json").read_text() == text


# ---- in scripts


def claim(node: Any) -> Path:
    """Begin a version as Colorize does, with a frame on disk."""
    from refcolorize.node import node_results, shots

    request = shots.build(node)
    version = shots.claim(node, request)
    Path(version.path.replace("####", "1001")).touch()
    node_results.show(node, version.name, request.frames)
    return version.shot_file.parent


def names(node: Any) -> list[str]:
    from refcolorize.node import node_results

    return [version.name for version in node_results.versions(node)]


def removable(node: Any) -> list[Path]:
    from refcolorize.node import cleaning

    return list(cleaning.plan(node).versions)


def another_setting(node: Any) -> None:
    node["working_height"].setValue(node["working_height"].value() + 16)


def test_scripts_with_one_output_folder_share_neither_versions_nor_preview(
    nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STCOLOR_OUTPUT_FOLDER", (tmp_path / "colour").as_posix())
    from_first = claim(make_comp(nuke, tmp_path / "sh010").node)
    nuke.scriptSave()
    nuke.scriptClear()
    second = make_comp(nuke, tmp_path / "sh020").node
    assert names(second) == [] and removable(second) == []
    made = []
    for _ in range(3):
        made.append(claim(second))
        another_setting(second)
    assert from_first.parent.parent == made[0].parent.parent == tmp_path / "colour"
    assert from_first.parent not in {path.parent for path in made}
    assert removable(second) == made[:2]
    from refcolorize.node import shots

    preview = shots.preview_shot(second, shots.build_frame_request(second, 1003))["output"]["path"]
    assert Path(preview).parent.parent == made[0].parent


def test_a_copy_of_a_script_for_another_shot_leaves_the_versions_of_the_first_alone(nuke: Any, tmp_path: Path) -> None:
    comp = make_comp(nuke, tmp_path / "sh010")
    comp.node["output_folder"].setValue((tmp_path / "colour").as_posix())
    for _ in range(3):
        claim(comp.node)
        another_setting(comp.node)
    nuke.scriptSave()
    shutil.copytree(tmp_path / "sh010", tmp_path / "sh020")
    nuke.scriptOpen((tmp_path / "sh020" / "comp.nk").as_posix())
    copy = nuke.toNode("RefColorize1")
    assert names(copy) == [] and removable(copy) == []
    assert claim(copy).parent == tmp_path / "colour" / "RefColorize1_2"
    assert copy["job"].value() == ""
    nuke.scriptOpen((tmp_path / "sh010" / "comp.nk").as_posix())
    assert names(nuke.toNode("RefColorize1")) == ["v001", "v002", "v003"]


@pytest.mark.gui
def test_a_node_that_is_cut_and_pasted_back_keeps_its_versions_although_a_new_one_was_made_meanwhile(
    nuke: Any, tmp_path: Path
) -> None:
    from refcolorize.node import keyframes, nodes

    comp = make_comp(nuke, tmp_path / "show")
    made = [claim(comp.node)]
    another_setting(comp.node)
    made.append(claim(comp.node))
    comp.node.selectOnly()
    nuke.nodeCopy("%clipboard%")
    nuke.delete(comp.node)
    new = nodes.create()
    new.setInput(0, comp.plate)
    new.setInput(1, comp.ref)
    keyframes.add_key(new, 1001)
    assert new.name() == "RefColorize1" and names(new) == []
    for _ in range(2):
        claim(new)
        another_setting(new)
    back = nuke.nodePaste("%clipboard%")
    assert names(back) == ["v001", "v002"]
    assert all(path.parent not in {each.parent for each in made} for path in removable(new))
    assert all(path.is_dir() for path in made)
    assert back["unique_id"].value() != new["unique_id"].value() != ""


@pytest.mark.gui
def test_a_copy_owns_nothing_of_its_original(nuke: Any, tmp_path: Path) -> None:
    comp = make_comp(nuke, tmp_path / "show")
    claim(comp.node)
    comp.node.selectOnly()
    nuke.nodeCopy("%clipboard%")
    copy = nuke.nodePaste("%clipboard%")
    assert copy["unique_id"].value() not in ("", comp.node["unique_id"].value())
    assert names(copy) == []


def test_a_folder_that_cannot_be_left_is_refused_in_one_line(nuke: Any, tmp_path: Path) -> None:
    """A node of the first plug-in has its folder by its name, and cannot have another."""
    from refcolorize.errors import RefColorizeError

    comp = make_comp(nuke, tmp_path / "show")
    comp.node.removeKnob(comp.node["node_id"])
    comp.results.mkdir(parents=True)
    (comp.results / "owner.json").write_text(json.dumps({"node": "b", "script": "../../../comp"}))
    with pytest.raises(RefColorizeError, match=r"belongs to a node of .*show/comp\. Press again, or choose another"):
        claim(comp.node)


def test_a_node_of_an_earlier_plug_in_keeps_its_versions_and_owns_those_that_it_makes(
    nuke: Any, tmp_path: Path
) -> None:
    comp = make_comp(nuke, tmp_path / "show")
    comp.node.removeKnob(comp.node["unique_id"])
    (comp.results / "v001").mkdir(parents=True)
    (comp.results / "v001" / "RefColorize1_v001.1001.exr").touch()
    assert names(comp.node) == ["v001"]
    made = []
    for _ in range(3):
        made.append(claim(comp.node))
        another_setting(comp.node)
    assert [path.name for path in made] == ["v002", "v003", "v004"]
    assert removable(comp.node) == made[:2]
