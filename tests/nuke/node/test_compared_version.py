"""The version that a node compares with the one it shows: its pulldown, its files and what keeps them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comp import PLUGIN, Comp, make_comp

from stcolor_core.images import frame_files

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("state")]  # no render without a GUI has a comparison


@pytest.fixture
def comp(nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comp:
    """A node that shows v003 of three versions. CIE a* of version N is 10 * N; v002 lacks the frame 1002."""
    monkeypatch.delenv("OCIO", raising=False)
    from refcolorize.node import node_results

    comp = make_comp(nuke, tmp_path / "show", frames=3, keys=(1001,))
    for number in (1, 2, 3):
        for frame in (1001, 1003) if number == 2 else (1001, 1002, 1003):
            write_frame(comp, number, frame)
    node_results.use_version(comp.node, 3)
    return comp


def write_frame(comp: Comp, number: int, frame: int, *, a: float | None = None) -> None:
    name = f"v{number:03d}"
    path = comp.results / name / f"RefColorize1_{name}.{frame}.exr"
    path.parent.mkdir(parents=True, exist_ok=True)
    chroma = np.full((64, 96), 10.0 * number if a is None else a, np.float32)
    layers = {"rc_ab.u": (chroma, "half"), "rc_ab.v": (0 * chroma, "half"), "rc_conf.warp": (0 * chroma + 1, "half")}
    frame_files.write_frame(path, layers, metadata={})


def seen(comp: Comp, frame: int) -> tuple[float, float]:
    """Return CIE a* at the left and the right edge of the node's picture."""
    import fakenuke

    a = fakenuke.rendering.image(comp.node, frame)["rc_ab.u"]
    return float(a[0, 0]), float(a[-1, -1])


@pytest.mark.parametrize("chosen", ["by the plug-in", "in the knob"])
def test_the_frame_range_of_the_node_is_that_of_the_shown_version(comp: Comp, chosen: str) -> None:
    if chosen == "in the knob":
        for read in ("Result", "Compared"):
            comp.node.node(read)["first"].setValue(1)
        comp.node["version"].setValue("v002")
    assert (comp.node.firstFrame(), comp.node.lastFrame()) == (1001, 1003)


def test_the_pulldown_offers_the_versions_and_the_node_shows_both(comp: Comp) -> None:
    assert comp.node["compare"].values() == ["none", "v001", "v002", "v003"]
    assert seen(comp, 1002) == (30, 30)
    comp.node["compare"].setValue("v001")
    assert seen(comp, 1002) == (30, 10)
    comp.node["wipe"].setValue(1)
    assert seen(comp, 1002) == (30, 30)
    comp.node["wipe"].setValue(0)
    assert seen(comp, 1002) == (10, 10)
    comp.node["compare"].setValue("none")
    assert seen(comp, 1002) == (30, 30)


def test_a_frame_missing_from_the_other_version_shows_the_plate(comp: Comp) -> None:
    import fakenuke

    comp.node["compare"].setValue("v002")
    assert seen(comp, 1001) == (30, 20)
    assert seen(comp, 1002) == (30, 0)
    found, plate = (fakenuke.rendering.image(node, 1002)["rgba.red"] for node in (comp.node, comp.plate))
    np.testing.assert_array_equal(found[:, 48:], plate[:, 48:])
    assert not np.array_equal(found[:, :48], plate[:, :48])


def test_a_new_version_is_offered_and_the_comparison_stays(comp: Comp) -> None:
    from refcolorize.node import node_results

    comp.node["compare"].setValue("v001")
    write_frame(comp, 4, 1002)
    node_results.use_version(comp.node, 4)
    assert comp.node["compare"].values() == ["none", "v001", "v002", "v003", "v004"]
    assert comp.node["compare"].value() == "v001" and seen(comp, 1002) == (40, 10)


def test_a_deleted_version_is_no_longer_compared(comp: Comp) -> None:
    from refcolorize.node import node_results

    comp.node["compare"].setValue("v001")
    shutil.rmtree(comp.results / "v001")
    node_results.use_version(comp.node, 3)
    assert comp.node["compare"].value() == "none" and seen(comp, 1002) == (30, 30)


def test_frames_that_a_job_writes_into_the_compared_version_are_read_again(comp: Comp, nuke_session: Any) -> None:
    from refcolorize.node import node_results

    comp.node["compare"].setValue("v001")
    pattern = node_results.results(comp.node).pattern("v001")
    assert node_results.is_showing(comp.node, pattern)
    reloads: list[Any] = []
    nuke_session.run_button = reloads.append
    node_results.reload_result(comp.node)
    assert [knob.node().name() for knob in reloads] == ["Result", "Compared"]
    comp.node["compare"].setValue("none")
    assert not node_results.is_showing(comp.node, pattern)
    reloads.clear()
    node_results.reload_result(comp.node)
    assert [knob.node().name() for knob in reloads] == ["Result"]


def test_the_compared_version_is_found_after_the_show_was_moved(nuke: Any, comp: Comp, tmp_path: Path) -> None:
    from refcolorize.node import node_results

    comp.node["compare"].setValue("v001")
    nuke.scriptSave()
    moved = tmp_path / "moved"
    shutil.move(comp.folder, moved)
    nuke.scriptOpen((moved / "comp.nk").as_posix())
    node = nuke.toNode("RefColorize1")
    node_results.relink(node)
    for knob, name in (("result_file", "v003"), ("compare_file", "v001")):
        assert Path(node[knob].evaluate()).parent == moved / "refcolorize" / "comp" / "RefColorize1" / name


def test_clean_up_keeps_the_compared_version(comp: Comp) -> None:
    from refcolorize.node import cleaning

    (comp.results / "owner.json").write_text(json.dumps({"node": comp.node["unique_id"].value()}))
    comp.node["compare"].setValue("v001")
    assert [path.name for path in cleaning.plan(comp.node).versions] == ["v002"]
    comp.node["compare"].setValue("none")
    assert [path.name for path in cleaning.plan(comp.node).versions] == ["v001", "v002"]


def test_a_node_of_an_earlier_plug_in_works_without_the_comparison(nuke: Any, comp: Comp) -> None:
    from refcolorize.node import cleaning, node_results, nodes

    text = (PLUGIN.parent / "gizmos" / "RefColorize.gizmo").read_text(encoding="utf-8")
    # its callback was another
    knobs = r"^ ((addUserKnob \{\d+ )?(compare|wipe|compare_file|unique_id)|knobChanged)\b.*\n"
    text = re.sub(knobs, "", text, flags=re.MULTILINE).replace("{{$gui*(parent.compare>0)}}", "0")
    script = comp.folder / "old.nk"
    script.write_text(text.replace("\\[value parent.compare_file]", "nothing"), encoding="utf-8")
    nuke.scriptOpen(script.as_posix())
    (node,) = nodes.all_nodes()
    node["output_folder"].setValue(comp.results.parent.as_posix())
    node["node_id"].setValue(comp.results.name)
    assert "compare" not in node.knobs()
    node_results.use_version(node, 2)
    node_results.relink(node)
    nodes.hide_viewing_aids(node)
    assert node_results.is_showing(node, node_results.results(node).pattern("v002"))
    assert [path.name for path in cleaning.plan(node, agreed=(1, 2, 3)).versions] == ["v001"]
