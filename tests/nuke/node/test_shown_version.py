"""The version that a node shows: its weakest frame, a Read of it, and a Read that replaces the node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comp import Comp, make_comp

from stcolor_core.images import frame_files

FRAMES = range(1001, 1007)


@pytest.fixture
def comp(nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comp:
    """A node that shows v001, whose frames say in their headers how sure they are: 1005 least but for the key 1004."""
    monkeypatch.delenv("OCIO", raising=False)
    from refcolorize.node import node_results

    comp = make_comp(nuke, tmp_path)
    grey = np.full((64, 96), 0.25, np.float32)
    for frame, sure in zip(FRAMES, (0.9, 0.8, 0.7, 0.1, 0.4, 0.6), strict=True):
        path = comp.results / "v001" / f"RefColorize1_v001.{frame}.exr"
        path.parent.mkdir(parents=True, exist_ok=True)
        layers = dict.fromkeys(("R", "G", "B"), (grey, "half"))
        frame_files.write_frame(path, layers, metadata={"stcolor/confidence": f"{sure:.4f}"})
    node_results.use_version(comp.node, 1)
    return comp


@pytest.fixture
def below(nuke: Any, comp: Comp) -> list[Any]:
    """Two nodes below the node, one of them on its second input."""
    grade = nuke.nodes.Grade(inputs=[comp.node])
    merge = nuke.nodes.Merge2(inputs=[comp.plate, comp.node])
    return [grade, merge]


def press(comp: Comp, button: str) -> None:
    comp.node[button].execute()


def reads(nuke: Any, comp: Comp) -> list[Any]:
    return [node for node in nuke.allNodes("Read") if node not in (comp.plate, comp.ref)]


def test_the_viewer_goes_to_the_weakest_frame_that_is_not_a_keyframe(nuke: Any, comp: Comp) -> None:
    from refcolorize.node import keyframes, node_results

    press(comp, "weakest")
    assert nuke.frame() == 1005
    (version,) = node_results.versions(comp.node)
    assert version.confidence()[1005] == 0.4, "kept, so that the headers are read once"
    keyframes.add_key(comp.node, 1005)
    press(comp, "weakest")
    assert nuke.frame() == 1006


def test_a_missing_version_or_confidence_is_reported_to_the_artist(nuke: Any, comp: Comp) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.node.shown_version import weakest_frame

    for path in (comp.results / "v001").glob("*.exr"):
        frame_files.write_frame(path, {"R": (np.zeros((64, 96), np.float32), "half")}, metadata={})
    with pytest.raises(RefColorizeError, match=r"no frame of v001 has a confidence\. Colorize"):
        weakest_frame(comp.node)
    comp.node["version"].setValue("none")
    with pytest.raises(RefColorizeError, match="RefColorize1 shows no version"):
        weakest_frame(comp.node)


def test_create_read_makes_a_read_of_the_shown_version_in_one_undo_step(nuke: Any, comp: Comp) -> None:
    import fakenuke

    press(comp, "create_read")
    (read,) = reads(nuke, comp)
    assert read["file"].value() == comp.node["result_file"].value()
    assert (read["first"].value(), read["last"].value(), read["label"].value()) == (1001, 1006, "RefColorize1 v001")
    assert fakenuke.rendering.image(read, 1002)["rgba.red"] == pytest.approx(0.25)
    nuke.undo()
    assert reads(nuke, comp) == []


@pytest.mark.parametrize(
    ("plate", "raw", "space"),
    [
        pytest.param({"colorspace": "sRGB"}, True, None, id="a plate that Nuke rendered for the core"),
        pytest.param({"raw": True}, True, None, id="a raw plate"),
        pytest.param({"file": "/scan.####.png", "colorspace": "sRGB"}, False, "sRGB", id="named"),
        pytest.param({"file": "/scan.####.png"}, False, "sRGB", id="the default of another type of file"),
        pytest.param({}, False, "default", id="an EXR"),
    ],
)
def test_the_read_gets_the_colour_space_of_the_plate(
    nuke: Any, comp: Comp, plate: dict[str, Any], raw: bool, space: str | None
) -> None:
    for name, value in plate.items():
        comp.plate[name].setValue(value)
    press(comp, "create_read")
    (read,) = reads(nuke, comp)
    assert read["raw"].value() == raw
    assert space is None or read["colorspace"].value() == space


def test_bake_replaces_the_node_everywhere_in_one_undo_step(nuke: Any, comp: Comp, below: list[Any]) -> None:
    press(comp, "bake")
    (read,) = reads(nuke, comp)
    grade, merge = below
    assert (grade.input(0), merge.input(0), merge.input(1)) == (read, comp.plate, read)
    assert nuke.toNode("RefColorize1") is comp.node
    nuke.undo()
    assert (grade.input(0), merge.input(1)) == (comp.node, comp.node)
    assert reads(nuke, comp) == []


def test_bake_without_nodes_below_makes_nothing(nuke: Any, comp: Comp) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.node.baking import bake

    with pytest.raises(RefColorizeError, match=r"Nothing is connected to RefColorize1\. Press Create Read"):
        bake(comp.node)
    assert reads(nuke, comp) == []


@pytest.mark.parametrize("technical", [True, False], ids=["%04d", "####"])
def test_the_path_that_is_shown_finds_its_frames_however_nuke_writes_it(
    comp: Comp, nuke_session: Any, technical: bool
) -> None:
    from refcolorize.node import node_results
    from refcolorize.node.frames_on_disk import count_frames

    nuke_session.disputed.value_is_technical = technical
    assert count_frames(node_results.shown_path(comp.node)) == len(FRAMES)
