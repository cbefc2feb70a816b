"""Previews lie over the version that a node shows, beside one another, in a GUI only, and go with one click."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comp import PLUGIN, Comp, make_comp

from stcolor_core.images import frame_files

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("state")]


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    """A node that shows v001 on six frames; its CIE a* is 10, that of a preview the frame's last digit + 50."""
    made = make_comp(nuke, tmp_path / "show")
    for frame in range(1001, 1007):
        write_frame(made, "v001", frame, 10)
    from refcolorize.node import node_results

    node_results.use_version(made.node, 1)
    return made


def write_frame(comp: Comp, name: str, frame: int, a: float) -> None:
    path = comp.results / name / f"RefColorize1_{name}.{frame}.exr"
    path.parent.mkdir(parents=True, exist_ok=True)
    chroma = np.full((64, 96), a, np.float32)
    layers = {"rc_ab.u": (chroma, "half"), "rc_ab.v": (0 * chroma, "half"), "rc_conf.warp": (0 * chroma + 1, "half")}
    frame_files.write_frame(path, layers, metadata={})


def preview(comp: Comp, frame: int) -> None:
    from refcolorize.node import previews

    write_frame(comp, "preview", frame, frame - 950)
    previews.show(comp.node, frame)


def seen(comp: Comp) -> list[int]:
    """Return CIE a* of the node's picture at each frame; -1 where it is the plate."""
    import fakenuke

    pictures = [fakenuke.rendering.image(comp.node, frame) for frame in range(1001, 1007)]
    return [int(picture["rc_ab.u"][0, 0]) if "rc_ab.u" in picture else -1 for picture in pictures]


@pytest.mark.parametrize("at", [1001, 1003, 1004, 1020])
def test_a_preview_lies_over_the_version_and_others_beside_it(nuke: Any, comp: Comp, at: int) -> None:
    from refcolorize.node import previews

    nuke.frame(at)
    preview(comp, 1003)
    assert seen(comp) == [10, 10, 53, 10, 10, 10]
    preview(comp, 1005)
    preview(comp, 1004)
    assert seen(comp) == [10, 10, 53, 54, 55, 10]
    assert previews.frames(comp.node) == [1003, 1004, 1005]
    assert comp.node["version"].value() == "v001" and comp.node["version"].values() == ["none", "v001"]
    previews.leave(comp.node)
    assert seen(comp) == [10] * 6 and previews.frames(comp.node) == []
    assert (comp.node.firstFrame(), comp.node.lastFrame()) == (1001, 1006)


def test_a_preview_without_a_version_lies_over_the_plate(comp: Comp) -> None:
    from refcolorize.node import previews

    comp.node["version"].setValue("none")
    comp.node["use_result"].setValue(False)
    preview(comp, 1002)
    assert seen(comp) == [-1, 52, -1, -1, -1, -1]
    previews.leave(comp.node)
    assert seen(comp) == [-1] * 6


def test_a_render_without_a_gui_has_the_version(nuke: Any, comp: Comp, nuke_session: Any) -> None:
    preview(comp, 1003)
    nuke.scriptSave()
    nuke_session.gui = False
    assert seen(comp) == [10] * 6


def test_the_status_says_loudly_where_a_preview_is_seen(comp: Comp) -> None:
    from refcolorize.jobs import freshness
    from refcolorize.node import nodes

    nodes.set_status(comp.node, "preview is done: 1 frame")
    preview(comp, 1003)
    preview(comp, 1005)
    freshness.follow_at_once(comp.node)
    assert comp.status == (
        "preview is done: 1 frame. PREVIEW: frames 1003, 1005 over v001. Leave preview goes back to v001."
    )
    comp.node["leave_preview"].execute()
    assert comp.status == "preview is done: 1 frame."
    assert seen(comp) == [10] * 6


def test_one_undo_takes_leaving_back(nuke: Any, comp: Comp) -> None:
    preview(comp, 1003)
    comp.node["leave_preview"].execute()
    nuke.undo()
    assert seen(comp) == [10, 10, 53, 10, 10, 10]


def test_a_saved_script_keeps_its_previews(nuke: Any, comp: Comp) -> None:
    preview(comp, 1003)
    nuke.scriptSave()
    nuke.scriptOpen((comp.folder / "comp.nk").as_posix())
    comp.node = nuke.toNode("RefColorize1")
    assert seen(comp) == [10, 10, 53, 10, 10, 10]


def test_another_version_keeps_the_previews_in_sight(comp: Comp) -> None:
    for frame in (1001, 1002):
        write_frame(comp, "v002", frame, 20)
    preview(comp, 1005)
    from refcolorize.node import node_results

    node_results.use_version(comp.node, 2)
    assert seen(comp) == [20, 20, 0, 0, 55, 0]
    comp.node["version"].setValue("v001")
    assert seen(comp) == [10, 10, 10, 10, 55, 10]


def test_a_node_of_an_earlier_plug_in_shows_the_preview_as_a_version(nuke: Any, comp: Comp) -> None:
    from refcolorize.node import nodes, previews

    text = (PLUGIN.parent / "gizmos" / "RefColorize.gizmo").read_text(encoding="utf-8")
    knobs = r"^ ((addUserKnob \{\d+ )?(preview_file|preview_frames)|knobChanged)\b.*\n"  # its callback was another
    text = re.sub(knobs, "", text, flags=re.MULTILINE).replace("{{$gui*parent.preview_frames}}", "0")
    text = text.replace("{{parent.use_result+$gui*parent.preview_frames>0}}", "{{parent.use_result}}")
    script = comp.folder / "old.nk"
    script.write_text(text.replace(r"\[value parent.preview_file]", "nothing"), encoding="utf-8")
    nuke.scriptOpen(script.as_posix())
    (comp.node,) = nodes.all_nodes()
    comp.node["output_folder"].setValue(comp.results.parent.as_posix())
    comp.node["node_id"].setValue(comp.results.name)
    preview(comp, 1003)
    assert comp.node["version"].value() == "preview"
    assert previews.describe(comp.node).startswith("PREVIEW: it is shown in place of a version.")
    assert previews.frames(comp.node) == []
    previews.leave(comp.node)
