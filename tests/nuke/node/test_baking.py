"""Bake says what will look different before it does anything, and does it only if that is accepted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comp import Comp, make_comp

from stcolor_core.images import frame_files

pytestmark = pytest.mark.usefixtures("state")


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    """A node that shows v001 of six frames, with a Grade below it."""
    from_node = make_comp(nuke, tmp_path / "show")
    for frame in range(1001, 1007):
        path = from_node.results / "v001" / f"RefColorize1_v001.{frame}.exr"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame_files.write_frame(path, dict.fromkeys(("R", "G", "B"), (np.ones((64, 96), np.float32), "half")))
    from refcolorize.node import node_results

    node_results.use_version(from_node.node, 1)
    nuke.nodes.Grade(inputs=[from_node.node], name="Below")
    return from_node


def set_knob(name: str, value: object) -> Callable[[Comp], None]:
    return lambda comp: comp.node[name].setValue(value)


def remove_frame(comp: Comp) -> None:
    (comp.results / "v001" / "RefColorize1_v001.1003.exr").unlink()


def give_alpha(comp: Comp) -> None:
    plane = np.ones((64, 96), np.float32)
    channels = dict.fromkeys(("R", "G", "B", "A"), (plane, "half"))
    for frame in range(1001, 1007):
        frame_files.write_frame(comp.folder / f"plate.{frame}.exr", channels)


CHANGES = pytest.mark.parametrize(
    ("change", "words"),
    [
        (remove_frame, "frame 1003, missing in v001: black instead of the grey plate"),
        (lambda comp: comp.plate["last"].setValue(1008), "frames 1007-1008, outside of v001: its end frame"),
        (set_knob("saturation", 0.0), "saturation: none instead of 0"),
        (set_knob("mix", 0.5), "mix: none instead of 0.5"),
        (set_knob("confidence_fade", 0.4), "confidence fade: none instead of 0.4"),
        (set_knob("output", "ab"), "output: colour instead of ab"),
        (set_knob("use_result", False), "use result is off"),
        (set_knob("confidence_overlay", True), "confidence overlay: none"),
        (give_alpha, "without what the plate has besides colour: alpha"),
    ],
)


@CHANGES
def test_without_a_gui_a_read_that_looks_different_is_refused(
    nuke: Any, comp: Comp, change: Callable[[Comp], None], words: str
) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.node import baking

    assert baking.differences(comp.node) == []
    change(comp)
    with pytest.raises(RefColorizeError) as told:
        baking.bake(comp.node)
    assert f"- {words}" in str(told.value)
    assert nuke.toNode("Below").input(0) == comp.node
    read = baking.bake(comp.node, confirmed=True)
    assert nuke.toNode("Below").input(0) == read != comp.node


@pytest.mark.gui
@pytest.mark.parametrize("answer", ["yes", "no"])
def test_the_artist_is_asked_and_may_decline(nuke: Any, comp: Comp, nuke_session: Any, answer: str) -> None:
    comp.node["saturation"].setValue(0.5)
    nuke_session.artist.answers.append(answer)
    comp.node["bake"].execute()
    (question,) = nuke_session.artist.questions
    assert "saturation: none instead of 0.5" in question
    assert (nuke.toNode("Below").input(0) == comp.node) == (answer == "no")
    assert len([read for read in nuke.allNodes("Read") if "v001" in str(read["file"].value())]) == (answer == "yes")


@pytest.mark.gui
def test_nothing_is_asked_if_nothing_looks_different(nuke: Any, comp: Comp, nuke_session: Any) -> None:
    comp.node["bake"].execute()
    assert nuke_session.artist.questions == [] and nuke.toNode("Below").input(0) != comp.node
