"""What is for viewing only is in no render: not without a GUI, and in the GUI the render is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comp import Comp, make_comp

from stcolor_core.images import frame_files, plates

pytestmark = pytest.mark.usefixtures("state")


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    """A node that shows v002, green, whose confidence is 0.2; v001 and the preview are red."""
    made = make_comp(nuke, tmp_path / "show", frames=3, keys=(1001,))
    for name, a in (("v001", 60), ("v002", -60), ("preview", 60)):
        for frame in (1001, 1002, 1003):
            path = made.results / name / f"RefColorize1_{name}.{frame}.exr"
            path.parent.mkdir(parents=True, exist_ok=True)
            plane = np.ones((64, 96), np.float32)
            layers = {"rc_ab.u": plane * a, "rc_ab.v": plane * 0, "rc_conf.warp": plane * 0.2}
            frame_files.write_frame(path, {name: (values, "half") for name, values in layers.items()}, metadata={})
    from refcolorize.node import node_results

    node_results.use_version(made.node, 2)
    return made


def overlay(comp: Comp) -> None:
    comp.node["confidence_overlay"].setValue(True)


def compare(comp: Comp) -> None:
    comp.node["compare"].setValue("v001")


def preview(comp: Comp) -> None:
    from refcolorize.node import previews

    previews.show(comp.node, 1002)


AIDS = pytest.mark.parametrize("show", [overlay, compare, preview])


def make_write(comp: Comp, name: str) -> Any:
    grade = comp.nuke.nodes.Grade(inputs=[comp.node])
    file = (comp.folder / f"{name}.####.exr").as_posix()
    return comp.nuke.nodes.Write(inputs=[grade], file=file, file_type="exr", name=f"Write_{name}")


def written(comp: Comp, name: str) -> Any:
    return plates.rgb(plates.read(comp.folder / f"{name}.1002.exr"))


@AIDS
def test_a_render_without_a_gui_has_no_viewing_aid(nuke: Any, comp: Comp, show: Callable[[Comp], None]) -> None:
    nuke.execute(make_write(comp, "plain"), 1002, 1002)
    show(comp)
    nuke.execute(make_write(comp, "aided"), 1002, 1002)
    np.testing.assert_array_equal(written(comp, "aided"), written(comp, "plain"))


@pytest.mark.gui
@AIDS
def test_a_render_in_the_gui_is_refused_with_the_remedy(nuke: Any, comp: Comp, show: Callable[[Comp], None]) -> None:
    other = nuke.nodes.Write(inputs=[comp.plate], file=(comp.folder / "grey.####.exr").as_posix(), file_type="exr")
    write = make_write(comp, "final")
    nuke.execute(write, 1002, 1002)
    show(comp)
    words = {overlay: "confidence overlay", compare: "compare with", preview: "Leave preview"}[show]
    with pytest.raises(RuntimeError, match=f"Write_final would render .*RefColorize1.*{words}"):
        nuke.execute(write, 1002, 1002)
    nuke.execute(other, 1002, 1002)
    comp.node["disable"].setValue(True)
    nuke.execute(write, 1002, 1002)


@pytest.mark.gui
def test_an_aid_that_is_not_in_the_picture_refuses_nothing(nuke: Any, comp: Comp) -> None:
    overlay(comp)
    comp.node["output"].setValue("confidence")
    write = make_write(comp, "final")
    nuke.execute(write, 1002, 1002)
    comp.node["output"].setValue("colour")
    comp.node["use_result"].setValue(False)
    nuke.execute(write, 1002, 1002)
