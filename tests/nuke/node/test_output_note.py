"""An output that is empty because the version lacks its layer says so below the knob, and names what to change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comp import Comp, make_comp

from stcolor_core.images import frame_files

FULL = ("rc_ab.u", "rc_ab.v", "rc_conf.warp", "rc_st.u", "rc_st.v", "rc_id00.red")
FEW = ("rc_ab.u", "rc_ab.v", "rc_conf.warp")


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    made = make_comp(nuke, tmp_path / "show")
    from refcolorize.node import nodes, output_note

    nuke.addKnobChanged(output_note.knob_changed, nodeClass="Group")
    nuke.addKnobChanged(nodes.knob_changed, nodeClass="Group")
    return made


def write_version(comp: Comp, name: str, channels: tuple[str, ...], *, layers: list[str] | None = None) -> None:
    """Write a version of one frame with these channels, and show it."""
    folder = comp.results / name
    folder.mkdir(parents=True)
    plane = np.zeros((64, 96), np.float32)
    frame_files.write_frame(folder / f"RefColorize1_{name}.1001.exr", dict.fromkeys(channels, (plane, "half")))
    output = {"frames": "1001", **({"layers": layers} if layers else {})}
    (folder / "shot.json").write_text(json.dumps({"output": output}), encoding="utf-8")
    from refcolorize.node import node_results

    node_results.show(comp.node, name)


def note(comp: Comp) -> str:
    return str(comp.node["output_note"].value()).strip()


def test_a_version_with_few_layers_names_the_knob(comp: Comp) -> None:
    write_version(comp, "v001", FEW, layers=["rgb", "rc_ab", "rc_conf"])
    assert note(comp) == ""
    for output in ("matte", "STMap"):
        comp.node["output"].setValue(output)
        assert note(comp).startswith(f"v001 has no layer for {output}: ")
        assert '"only colour and confidence"' in note(comp) and "\n" not in note(comp)
    comp.node["output"].setValue("confidence")
    assert note(comp) == ""


def test_a_version_without_objects_names_what_makes_them(comp: Comp) -> None:
    write_version(comp, "v001", FULL[:-1])
    comp.node["output"].setValue("STMap")
    assert note(comp) == ""
    comp.node["output"].setValue("matte")
    assert "Connect a matte, or set tracking to instance" in note(comp)


def test_the_line_follows_the_shown_version_and_leaves_the_script_as_it_was(comp: Comp) -> None:
    write_version(comp, "v001", FEW, layers=["rgb", "rc_ab", "rc_conf"])
    write_version(comp, "v002", FULL)
    comp.node["output"].setValue("STMap")
    assert note(comp) == ""
    comp.nuke.root().setModified(False)
    from refcolorize.node import output_note

    comp.node["version"].setValue("v001")
    assert note(comp).startswith("v001 has no layer for STMap")
    comp.nuke.root().setModified(False)
    output_note.show_note(comp.node)
    assert not comp.nuke.root().modified()
    comp.node["version"].setValue("none")
    assert note(comp) == ""


def test_a_version_without_a_frame_says_nothing(comp: Comp) -> None:
    write_version(comp, "v001", FEW)
    next((comp.results / "v001").glob("*.exr")).unlink()
    comp.node["output"].setValue("matte")
    assert note(comp) == ""


def test_a_node_of_an_earlier_plug_in_has_no_line(comp: Comp) -> None:
    from refcolorize.node import output_note

    comp.node.removeKnob(comp.node["output_note"])
    output_note.show_note(comp.node)


def test_after_undo_the_panel_brings_the_line_up_to_date(nuke: Any, comp: Comp) -> None:
    from refcolorize.node import output_note

    write_version(comp, "v001", FULL)
    comp.node["output"].setValue("STMap")
    with nuke.Undo():
        write_version(comp, "v002", FEW, layers=["rgb", "rc_ab", "rc_conf"])
    output_note.follow(comp.node)
    assert note(comp).startswith("v002 has no layer for STMap")
    nuke.undo()
    assert (comp.node["version"].value(), comp.node["output"].value()) == ("v001", "STMap")
    output_note.follow(comp.node)
    assert note(comp) == ""


def test_a_copy_that_shows_a_version_of_its_original_tells_of_that_one(nuke: Any, comp: Comp) -> None:
    from refcolorize.node import node_results, nodes

    write_version(comp, "v001", FEW, layers=["rgb", "rc_ab", "rc_conf"])
    copy = nodes.create()
    own = node_results.results(copy).folder / "v001"
    own.mkdir(parents=True)
    plane = np.zeros((64, 96), np.float32)
    stem = node_results.results(copy).stem
    frame_files.write_frame(own / f"{stem}_v001.1001.exr", dict.fromkeys(FULL, (plane, "half")))
    copy["version"].setValues(["none", "v001"])
    copy["version"].setValue("v001")
    copy["result_file"].setValue(comp.node["result_file"].value())
    copy["output"].setValue("STMap")
    assert str(copy["output_note"].value()).startswith("v001 has no layer for STMap")
