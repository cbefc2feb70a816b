"""The files that a Read's file knob names, for every behaviour of Nuke with frames, views and local copies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp

from stcolor_core.images.sequences import FramePattern

ANSWERS = [(frame, technical) for frame in (True, False) for technical in (True, False)]


@pytest.fixture
def comp(nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comp:
    monkeypatch.delenv("OCIO", raising=False)
    return make_comp(nuke, tmp_path)


@pytest.fixture
def find_files(comp: Comp) -> Callable[[Any], Any]:
    from refcolorize.node import inputs

    return inputs.find_files


@pytest.mark.parametrize(("has_frame", "technical"), ANSWERS)
def test_at_every_frame_the_plate_is_the_whole_sequence(
    nuke: Any, nuke_session: Any, comp: Comp, find_files: Any, has_frame: bool, technical: bool
) -> None:
    nuke_session.disputed.evaluated_has_frame = has_frame
    nuke_session.disputed.value_is_technical = technical
    nuke.frame(1003)
    found = find_files(comp.plate)
    assert (found.path, found.first, found.last) == ((comp.folder / "plate.####.exr").as_posix(), 1001, 1006)


@pytest.mark.parametrize("has_frame", [True, False])
def test_tcl_in_the_path_keeps_the_frame_variable(
    nuke: Any, nuke_session: Any, comp: Comp, find_files: Any, has_frame: bool
) -> None:
    nuke_session.disputed.evaluated_has_frame = has_frame
    nuke.frame(1002)
    comp.plate["file"].setValue("[file dirname [value root.name]]/plate.%04d.exr")
    assert find_files(comp.plate).path == (comp.folder / "plate.####.exr").as_posix()


@pytest.mark.parametrize(
    "name", ["plate.1003.exr", "plate.[frame].exr", "%V/plate.%04d.exr", "plate_%v.%04d.exr", "%{show}/p.%04d.exr"]
)
@pytest.mark.parametrize("has_frame", [True, False])
def test_a_name_that_is_not_a_frame_of_a_sequence_is_left_to_nuke(
    nuke: Any, nuke_session: Any, comp: Comp, find_files: Any, name: str, has_frame: bool
) -> None:
    nuke_session.disputed.evaluated_has_frame = has_frame
    nuke.frame(1003)
    comp.plate["file"].setValue((comp.folder / name).as_posix())
    assert find_files(comp.plate) is None


def test_one_picture_for_one_frame_is_accepted(comp: Comp, find_files: Any) -> None:
    comp.plate["file"].setValue((comp.folder / "plate.1003.exr").as_posix())
    comp.plate["first"].setValue(1003)
    comp.plate["last"].setValue(1003)
    assert find_files(comp.plate).path == (comp.folder / "plate.1003.exr").as_posix()


def test_the_files_are_those_of_the_server_when_nuke_has_local_copies(
    nuke_session: Any, comp: Comp, find_files: Any
) -> None:
    nuke_session.localized = "/local/cache"
    assert find_files(comp.plate).path == (comp.folder / "plate.####.exr").as_posix()


def test_the_matte_is_the_whole_sequence(nuke: Any, comp: Comp) -> None:
    from refcolorize.node import shots

    roto = nuke.nodes.Read(file=(comp.folder / "plate.####.exr").as_posix(), first=1001, last=1006)
    comp.node.setInput(2, roto)
    nuke.frame(1004)
    (matte,) = shots.build(comp.node).shot["mattes"]
    assert matte["path"] == (comp.folder / "plate.####.exr").as_posix()


@pytest.mark.parametrize("frame", [1001, 1004])
def test_a_still_is_one_picture_at_every_position_of_the_playhead(nuke: Any, comp: Comp, frame: int) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.node import shots

    nuke.frame(frame)
    comp.node["still1"].setValue((comp.folder / "ref.1001.exr").as_posix())
    assert shots.build(comp.node).shot["stills"] == [{"path": (comp.folder / "ref.1001.exr").as_posix()}]
    comp.node["still2"].setValue((comp.folder / "ref.####.exr").as_posix())
    with pytest.raises(RefColorizeError, match=r"RefColorize1: still2 is the sequence .*ref\.####\.exr\. Choose one"):
        shots.build(comp.node)


@pytest.mark.parametrize(
    "name",
    [
        "p.####.exr",
        "p.#.exr",
        "p#.exr",
        "p_%d.exr",
        "p.%04d.left.exr",
        "p.#.left.exr",
        "#.exr",
        "p##_left.exr",
        "p.exr",
    ],
)
def test_the_core_and_the_plug_in_read_a_file_name_alike(name: str, tmp_path: Path) -> None:
    from refcolorize.node.frame_names import FrameName

    here = FrameName.parse((tmp_path / name).as_posix())
    assert here is not None
    there = FramePattern.parse(str(here))
    assert (there.head, there.tail, there.digits) == (here.head, here.tail, here.digits)


@pytest.mark.parametrize("name", ["take#2.exr", "take%d_x.exr", "a#b.####.exr", "sh#1.left.exr"])
def test_a_frame_pattern_that_the_core_would_read_as_text_is_left_to_nuke(name: str) -> None:
    from refcolorize.node.frame_names import FrameName

    assert FrameName.parse(f"/plates/{name}") is None
