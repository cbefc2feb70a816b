"""The inputs that Nuke renders, and what is kept of them, in the strict fake of Nuke."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comp import PLUGIN, Comp, make_comp

from stcolor_core.images import frame_files, plates


@pytest.fixture
def comp(nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comp:
    monkeypatch.delenv("OCIO", raising=False)
    return make_comp(nuke, tmp_path)


@pytest.fixture
def inputs(comp: Comp) -> Any:
    import refcolorize.node.rendered_inputs

    return refcolorize.node.rendered_inputs


def test_frames_are_rendered_as_nuke_displays_them(nuke: Any, comp: Comp, inputs: Any) -> None:
    graded = nuke.nodes.Multiply(inputs=[comp.ref], value=2.0)
    pattern = inputs.render_input(graded, [1001, 1004], comp.folder / "inputs", name="ref")
    folder = Path(pattern).parent
    assert sorted(path.name for path in folder.iterdir()) == ["contents.json", "ref.1001.exr", "ref.1004.exr"]
    rendered, painted = (
        plates.read(folder / "ref.1004.exr"),
        plates.read(comp.folder / "ref.1004.exr"),
    )
    assert set(rendered.channels) == {"R", "G", "B"}
    np.testing.assert_allclose(plates.rgb(rendered), 2 * plates.rgb(painted), rtol=1e-3)
    assert not comp.leftovers()


def test_identical_pictures_are_stored_once_and_keep_their_modification_time(comp: Comp, inputs: Any) -> None:
    folder = comp.folder / "inputs"
    first = Path(inputs.render_input(comp.ref, [1001], folder, name="ref"))
    before = (first.parent / "ref.1001.exr").stat()
    assert Path(inputs.render_input(comp.ref, [1001], folder, name="ref")) == first
    assert (first.parent / "ref.1001.exr").stat() == before
    other = Path(inputs.render_input(comp.ref, [1004], folder, name="ref"))
    assert len({first.parent, other.parent}) == len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("links", [True, False], ids=["linked", "copied"])
def test_identical_frames_share_one_file_across_folders(
    comp: Comp, inputs: Any, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    if not links:
        monkeypatch.setattr("os.link", refuse)
    first = Path(inputs.render_input(comp.ref, [1001], comp.folder / "inputs", name="ref")).parent
    os.utime(first / "ref.1001.exr", ns=(10**18, 10**18))
    both = Path(inputs.render_input(comp.ref, [1001, 1004], comp.folder / "inputs", name="ref")).parent
    assert both != first
    assert (both / "ref.1001.exr").stat().st_mtime_ns == 10**18
    assert (both / "ref.1001.exr").read_bytes() == (first / "ref.1001.exr").read_bytes()
    assert (both / "ref.1001.exr").samefile(first / "ref.1001.exr") == links
    assert (both / "ref.1004.exr").stat().st_mtime_ns != 10**18


def test_a_picture_that_was_deleted_by_hand_is_rendered_again(comp: Comp, inputs: Any) -> None:
    folder = comp.folder / "inputs"
    pattern = inputs.render_input(comp.ref, [1001, 1004], folder, name="ref")
    (Path(pattern).parent / "ref.1004.exr").unlink()
    assert inputs.render_input(comp.ref, [1001, 1004], folder, name="ref") == pattern
    assert len(list(Path(pattern).parent.glob("*.exr"))) == 2


def test_finished_files_of_a_faster_nuke_are_reused(comp: Comp, inputs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, others = comp.folder / "inputs", {}

    def files(folder: Path) -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}

    link_unchanged = inputs._link_unchanged

    def meanwhile(*arguments: Any) -> None:
        monkeypatch.setattr(inputs, "_link_unchanged", link_unchanged)
        pattern = Path(inputs.render_input(comp.ref, [1001, 1004], folder, name="ref"))
        others.update(files(pattern.parent))
        link_unchanged(*arguments)

    monkeypatch.setattr(inputs, "_link_unchanged", meanwhile)
    pattern = Path(inputs.render_input(comp.ref, [1001, 1004], folder, name="ref"))
    assert files(pattern.parent) == others
    assert list(folder.iterdir()) == [pattern.parent]
    assert not comp.leftovers()


def test_two_nukes_that_render_the_same_pictures_at_once_both_get_them(comp: Comp, tmp_path: Path) -> None:
    here = Path(__file__).parents[1]
    script = f"""
import sys
from pathlib import Path
sys.path[:0] = [{str(here)!r}, {str(here.parent / "core")!r}, {str(PLUGIN)!r}]
import fakenuke
fakenuke.install(gui=False)
import nuke
from refcolorize.node import rendered_inputs as inputs
nuke.scriptOpen({(comp.folder / "comp.nk").as_posix()!r})
print("ready", flush=True)
for line in sys.stdin:
    print(inputs.render_input(nuke.toNode("Painted"), [1001, 1004], Path(line.strip()), name="ref"), flush=True)
"""
    pipe = subprocess.PIPE
    nukes = [subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    try:
        assert [each.stdout.readline() for each in nukes] == ["ready\n"] * 2
        for number in range(20):
            for each in nukes:
                each.stdin.write(f"{tmp_path / str(number)}\n")
                each.stdin.flush()
            first, second = (each.stdout.readline().strip() for each in nukes)
            assert first == second != ""
            found = sorted(path.name for path in Path(first).parent.iterdir())
            assert found == ["contents.json", "ref.1001.exr", "ref.1004.exr"]
            assert list((tmp_path / str(number)).iterdir()) == [Path(first).parent]
    finally:
        for each in nukes:
            each.communicate()


def test_a_nuke_removes_only_its_own_partial_folder(comp: Comp, inputs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, move = comp.folder / "inputs", inputs._move_into_place
    other = inputs.plan_input(comp.ref, [1004], folder, name="ref")
    begun: list[Path] = []

    def move_and_begin(partial: Path, final: Path) -> None:
        move(partial, final)
        begun.append(other.new_folder())  # another Nuke, which takes a name that is free
        other.render(begun[0])

    monkeypatch.setattr(inputs, "_move_into_place", move_and_begin)
    inputs.render_input(comp.ref, [1001], folder, name="ref")
    monkeypatch.undo()
    assert (begun[0] / "ref.1004.exr").is_file()
    assert Path(other.finish(begun[0])).with_name("ref.1004.exr").is_file()
    assert not comp.leftovers()


def test_rendering_leaves_no_trace_in_the_script(nuke: Any, comp: Comp, inputs: Any, nuke_session: Any) -> None:
    nodes, undone = nuke.allNodes(), nuke_session.undo.names
    comp.nuke.root()["proxy"].setValue(True)
    nuke.root().setModified(False)
    inputs.render_input(comp.ref, [1001], comp.folder / "inputs", name="ref")
    assert nuke.allNodes() == nodes
    assert nuke_session.undo.names == [*undone, ""]  # the proxy switch of this test
    assert not nuke.root().modified()
    assert nuke.root()["proxy"].value()


@pytest.mark.gui
def test_a_cancelled_rendering_leaves_no_files(comp: Comp, inputs: Any, nuke_session: Any) -> None:
    from refcolorize.errors import Cancelled

    nuke_session.artist.cancels_render = lambda frame: frame == 1004
    with pytest.raises(Cancelled, match="cancelled"):
        inputs.render_input(comp.ref, [1001, 1004], comp.folder / "inputs", name="ref")
    assert list((comp.folder / "inputs").iterdir()) == []


def test_a_frame_that_cannot_be_rendered_is_named_with_its_node(comp: Comp, inputs: Any) -> None:
    from refcolorize.errors import RefColorizeError

    comp.ref["on_error"].setValue("error")
    with pytest.raises(RefColorizeError, match=r"Painted \(ref\) cannot be rendered at frames 1003-1004: .*1003"):
        inputs.render_input(comp.ref, [1003, 1004], comp.folder / "inputs", name="ref")
    assert list((comp.folder / "inputs").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(comp: Comp, inputs: Any) -> None:
    from refcolorize.errors import RefColorizeError

    (comp.folder / "file").touch()
    with pytest.raises(RefColorizeError, match="Choose another output folder"):
        inputs.render_input(comp.ref, [1001], comp.folder / "file" / "inputs", name="ref")


def test_with_metadata_every_channel_is_written_as_float(nuke: Any, comp: Comp, inputs: Any) -> None:
    from stcolor_core.pipeline.matte_layers import cryptomatte_layers

    masks = np.zeros((2, 64, 96), np.float32)
    masks[0, :, :40] = masks[1, :, 50:] = 1
    layers, metadata = cryptomatte_layers(masks, ("coat", "sky"), size=(64, 96))
    path = comp.folder / "ids.1001.exr"
    frame_files.write_frame(path, {name: (values, "float") for name, values in layers.items()}, metadata=metadata)
    ids = nuke.nodes.Read(file=path.as_posix(), first=1001, last=1001, raw=True)
    pattern = inputs.render_input(
        nuke.nodes.Dot(inputs=[ids]), [1001], comp.folder / "inputs", name="matte", channels="all"
    )
    found = plates.read_matte_file(Path(pattern.replace("####", "1001")))
    assert found.pixel_type == "float"
    assert set(metadata) <= set(found.metadata)
    from stcolor_core.method.tracking.mattes import read_matte

    assert read_matte(found, plate=found, size=(64, 96)).names == ("coat", "sky")
