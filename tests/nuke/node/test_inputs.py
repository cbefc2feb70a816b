"""The files that the core gets for a node's inputs: a Read's own, in the strict fake of Nuke."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp


@pytest.fixture
def comp(nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comp:
    monkeypatch.delenv("OCIO", raising=False)
    return make_comp(nuke, tmp_path)


@pytest.fixture
def inputs(comp: Comp) -> Any:
    import refcolorize.node.inputs

    return refcolorize.node.inputs


def test_the_files_of_a_plain_read_are_used_directly(comp: Comp, inputs: Any) -> None:
    found = inputs.find_files(comp.plate)
    assert found.path == (comp.folder / "plate.####.exr").as_posix()
    assert (found.first, found.last, found.colorspace, found.missing) == (1001, 1006, None, "error")


@pytest.mark.parametrize("kind", ["Dot", "NoOp", "Grade"])
def test_nodes_without_effect_may_come_between_the_read_and_the_input(
    nuke: Any, comp: Comp, inputs: Any, kind: str
) -> None:
    between = getattr(nuke.nodes, kind)(inputs=[comp.plate])
    if kind == "Grade":
        assert inputs.find_files(between) is None
        between["disable"].setValue(True)
    assert inputs.find_files(between) == inputs.find_files(comp.plate)


CHANGES: dict[str, Callable[[Any], object]] = {
    "a frame that is shifted": lambda read: (read["frame_mode"].setValue("offset"), read["frame"].setValue("10")),
    "an expression for the frame": lambda read: read["frame"].setValue("frame*2"),
    "colour that is divided by alpha": lambda read: read["premultiplied"].setValue(True),
    "another curve": lambda read: read["colorspace"].setValue("sRGB"),
    "a film": lambda read: read["file"].setValue("/some/film.mov"),
    "views": lambda read: read["file"].setValue("/some/%V/plate.####.exr"),
    "no file": lambda read: read["file"].setValue(""),
    "switched off": lambda read: read["disable"].setValue(True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_other_node_means_rendering(comp: Comp, inputs: Any, change: str) -> None:
    CHANGES[change](comp.plate)
    assert inputs.find_files(comp.plate) is None


def test_an_input_without_a_read_is_rendered(nuke: Any, inputs: Any) -> None:
    assert inputs.find_files(nuke.nodes.CheckerBoard2()) is None
    assert inputs.find_files(nuke.nodes.Dot()) is None


@pytest.mark.parametrize(
    ("on_error", "expected"),
    [("error", "error"), ("nearest frame", "hold"), ("black", "skip"), ("checkerboard", "skip")],
)
def test_the_core_treats_a_missing_frame_as_the_read_does(
    comp: Comp, inputs: Any, on_error: str, expected: str
) -> None:
    comp.plate["on_error"].setValue(on_error)
    assert inputs.find_files(comp.plate).missing == expected


def test_a_raw_read_has_the_colour_space_of_the_node_or_else_of_the_script(comp: Comp, inputs: Any) -> None:
    comp.plate["raw"].setValue(True)
    assert inputs.find_files(comp.plate).colorspace is None
    assert inputs.find_files(comp.plate, space="ARRI LogC4").colorspace == "ARRI LogC4"
    comp.plate["file"].setValue("/scan.####.dpx")
    assert inputs.find_files(comp.plate) is None
    assert inputs.find_files(comp.plate, space="ARRI LogC4").path == "/scan.####.dpx"


def test_a_different_colour_space_on_the_node_applies_to_the_decoded_pixels(comp: Comp, inputs: Any) -> None:
    assert inputs.find_files(comp.plate, space="ACEScg") is None


def test_tcl_and_relative_paths_are_resolved(nuke: Any, comp: Comp, inputs: Any) -> None:
    nuke.root()["project_directory"].setValue(comp.folder.as_posix())
    comp.plate["file"].setValue("[join {plate}].####.exr")
    assert inputs.find_files(comp.plate).path == (comp.folder / "plate.####.exr").as_posix()
