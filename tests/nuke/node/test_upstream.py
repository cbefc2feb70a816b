"""An input that is no plain Read is rendered again only if something upstream of it has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp

FRAMES = [1001, 1004]


@pytest.fixture
def comp(nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comp:
    monkeypatch.delenv("OCIO", raising=False)
    return make_comp(nuke, tmp_path)


@pytest.fixture
def render(comp: Comp, nuke_session: Any) -> Callable[..., list[int]]:
    """Asks for frames of a node; gives those that Nuke rendered for it."""
    from refcolorize.node import rendered_inputs

    frames: list[int] = []
    nuke_session.artist.cancels_render = lambda frame: frames.append(frame) is not None

    def rendered(source: Any, *, asked: list[int] | None = None) -> list[int]:
        frames.clear()
        rendered_inputs.render_input(source, asked or FRAMES, comp.folder / "inputs", name="ref")
        return list(frames)

    return rendered


def animated(node: Any, knob: str, values: dict[int, float]) -> None:
    node[knob].setAnimated()
    for frame, value in values.items():
        node[knob].setValueAt(value, frame)
    curve = node[knob].animation(0)
    curve.changeInterpolation(list(curve.keys()), 256)


def tree(nuke: Any, comp: Comp) -> Any:
    """Painted, black if it has no file, through a group, whose knob a node inside reads, a Grade and a Dot."""
    comp.ref["on_error"].setValue("black")
    group = nuke.nodes.Group(name="Look")
    group.addKnob(nuke.Double_Knob("gain"))
    group["gain"].setValue(2.0)
    with group:
        inner = nuke.nodes.Multiply(inputs=[nuke.nodes.Input(name="in")], name="Inner")
        inner["value"].setExpression("parent.gain")
        nuke.nodes.Output(inputs=[inner])
    group.setInput(0, comp.ref)
    grade = nuke.nodes.Grade(inputs=[group], name="Grade1")
    return nuke.nodes.Dot(inputs=[grade], name="End")


def test_pressing_colorize_twice_renders_nothing_twice(
    nuke: Any, comp: Comp, nuke_session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.node import shots

    comp.node.setInput(0, nuke.nodes.Grade(inputs=[comp.plate], multiply=0.5))
    comp.node.setInput(1, tree(nuke, comp))
    frames: list[int] = []
    nuke_session.artist.cancels_render = lambda frame: frames.append(frame) is not None
    first = shots.build(comp.node)
    assert frames == [1001, 1002, 1003, 1004, 1005, 1006, 1001, 1004]
    frames.clear()
    second = shots.build(comp.node)
    assert frames == []
    assert (second.shot, second.made_from) == (first.shot, first.made_from)


def test_a_new_key_renders_one_frame(nuke: Any, comp: Comp, render: Any) -> None:
    end = tree(nuke, comp)
    assert render(end) == FRAMES
    assert render(end, asked=[1001, 1002, 1004]) == [1002]


def test_a_changed_key_of_a_curve_renders_the_frames_that_it_changes(nuke: Any, comp: Comp, render: Any) -> None:
    end = tree(nuke, comp)
    grade = nuke.toNode("Grade1")
    animated(grade, "multiply", {1001: 1.0, 1004: 2.0})
    assert render(end) == FRAMES
    grade["multiply"].setValueAt(3.0, 1004)
    assert render(end) == [1004]


def test_a_movie_that_changes_is_rendered_again_in_all_frames(comp: Comp) -> None:
    from refcolorize.node.upstream import frame_digests

    movie = comp.folder / "plate.mov"
    movie.write_bytes(b"a movie")
    comp.plate["file"].setValue(movie.as_posix())
    before = frame_digests(comp.plate, FRAMES)
    assert before is not None
    assert frame_digests(comp.plate, FRAMES) == before
    os.utime(movie, ns=(10**18, 10**18))
    after = frame_digests(comp.plate, FRAMES)
    assert after is not None
    assert all(after[frame] != before[frame] for frame in FRAMES)


def touched(comp: Comp) -> None:
    os.utime(comp.folder / "ref.1004.exr", ns=(10**18, 10**18))


CHANGES: dict[str, tuple[Callable[[Comp], object], list[int]]] = {
    "a knob": (lambda comp: comp.nuke.toNode("Grade1")["multiply"].setValue(0.5), FRAMES),
    "a switched off node": (lambda comp: comp.nuke.toNode("Grade1")["disable"].setValue(True), FRAMES),
    "what an expression reads": (lambda comp: comp.nuke.toNode("Look")["gain"].setValue(3.0), FRAMES),
    "a node in a group": (lambda comp: comp.nuke.toNode("Look.Inner")["channels"].setValue("rgba.red"), FRAMES),
    "an input": (lambda comp: comp.nuke.toNode("Grade1").setInput(0, comp.plate), FRAMES),
    "a file that was painted over": (lambda comp: touched(comp), [1004]),
    "another file": (lambda comp: comp.ref["file"].setValue(comp.plate["file"].value()), FRAMES),
    "a shifted Read": (lambda comp: comp.ref["frame"].setValue("1") and comp.ref["frame_mode"].setValue(2), FRAMES),
    "the script's format": (lambda comp: comp.nuke.root()["format"].setValue("96 32 0 0 96 32 1 other"), FRAMES),
    "the script's colour": (lambda comp: comp.nuke.root()["floatLut"].setValue("sRGB"), FRAMES),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_the_picture_renders_it_again(nuke: Any, comp: Comp, render: Any, change: str) -> None:
    end = tree(nuke, comp)
    render(end)
    assert render(end) == []
    act, frames = CHANGES[change]
    act(comp)
    assert render(end) == frames


def test_a_change_of_display_only_renders_nothing(nuke: Any, comp: Comp, render: Any) -> None:
    end = tree(nuke, comp)
    render(end)
    grade = nuke.toNode("Grade1")
    grade.setXYpos(500, 500)
    grade["label"].setValue("[knob multiply]")
    grade.setName("Warmer")
    nuke.toNode("Look")["tile_color"].setValue(255)
    assert render(end) == []


def test_a_reverted_change_renders_nothing(nuke: Any, comp: Comp, render: Any) -> None:
    end = tree(nuke, comp)
    render(end)
    nuke.toNode("Grade1")["multiply"].setValue(0.5)
    assert render(end) == FRAMES
    nuke.toNode("Grade1")["multiply"].setValue(1.0)
    assert render(end) == []


def test_a_change_that_changes_no_pixel_is_rendered_once(nuke: Any, comp: Comp, render: Any) -> None:
    end = tree(nuke, comp)
    render(end)
    nuke.toNode("Grade1")["white_clamp"].setValue(False)
    nuke.toNode("Grade1")["mix"].setValue(0.0)
    assert render(end) == FRAMES
    assert render(end) == []


def test_a_node_that_reads_other_frames_has_them_in_its_digest(nuke: Any, comp: Comp, render: Any) -> None:
    shifted = nuke.nodes.TimeOffset(inputs=[comp.plate], time_offset=1)
    assert render(shifted, asked=[1004]) == [1004]
    assert render(shifted, asked=[1004]) == []
    os.utime(comp.folder / "plate.1003.exr", ns=(10**18, 10**18))
    assert render(shifted, asked=[1004]) == [1004]


def test_the_whole_curve_above_a_node_that_reads_other_frames_is_in_the_digest(
    nuke: Any, comp: Comp, render: Any
) -> None:
    grade = nuke.nodes.Grade(inputs=[comp.plate])
    animated(grade, "multiply", {1001: 1.0, 1003: 2.0, 1004: 3.0})
    shifted = nuke.nodes.TimeOffset(inputs=[grade], time_offset=1)
    render(shifted, asked=[1004])
    grade["multiply"].setValueAt(4.0, 1003)
    assert render(shifted, asked=[1004]) == [1004]


def test_a_picture_with_all_channels_is_a_different_picture(
    nuke: Any, comp: Comp, render: Any, nuke_session: Any
) -> None:
    from refcolorize.node import rendered_inputs

    end = tree(nuke, comp)
    render(end)
    frames: list[int] = []
    nuke_session.artist.cancels_render = lambda frame: frames.append(frame) is not None
    rendered_inputs.render_input(end, FRAMES, comp.folder / "inputs", name="ref", channels="all")
    assert frames == FRAMES


def test_only_a_deleted_picture_is_rendered_again(nuke: Any, comp: Comp, render: Any) -> None:
    end = tree(nuke, comp)
    render(end)
    next((comp.folder / "inputs").rglob("ref.1004.exr")).unlink()
    assert render(end) == [1004]
    assert render(end) == []


@pytest.mark.parametrize("contents", ["", "[]", '{"ref.1001.exr": "an older kind of note"}'])
def test_an_unreadable_record_of_the_digests_means_rendering(nuke: Any, comp: Comp, render: Any, contents: str) -> None:
    end = tree(nuke, comp)
    render(end)
    next((comp.folder / "inputs").rglob("contents.json")).write_text(contents)
    assert render(end) == FRAMES
    assert render(end) == []


UNKNOWABLE: dict[str, Callable[[Comp], object]] = {
    "Tcl in a text": lambda comp: comp.ref["frame"].setValue("[expr 1+1]"),
    "Tcl in a file": lambda comp: comp.ref["file"].setValue("/[lindex {ref x} 0].%04d.exr"),
    "a view": lambda comp: comp.ref["file"].setValue(f"{comp.folder}/%V/ref.%04d.exr"),
    "another node's knob in an Expression": lambda comp: expression(comp, "r*Grade1.mix"),
    "a knob of the group that is not there": lambda comp: expression(comp, "r*parent.nothing"),
    "an expression below a TimeOffset": lambda comp: comp.nuke.nodes.TimeOffset(
        inputs=[comp.nuke.toNode("End")], name="Last"
    ),
}


def expression(comp: Comp, text: str) -> None:
    node = comp.nuke.nodes.Expression(inputs=[comp.nuke.toNode("End")], name="Last")
    node["expr0"].setValue(text)


@pytest.mark.parametrize("what", UNKNOWABLE)
def test_an_input_that_cannot_be_known_has_no_digest(nuke: Any, comp: Comp, what: str) -> None:
    from refcolorize.node.upstream import frame_digests

    end = tree(nuke, comp)
    UNKNOWABLE[what](comp)
    assert frame_digests(nuke.toNode("Last") or end, FRAMES) is None


def test_an_edited_ocio_config_changes_the_digest(nuke: Any, comp: Comp, monkeypatch: pytest.MonkeyPatch) -> None:
    from refcolorize.node.upstream import frame_digests

    config = comp.folder / "config.ocio"
    config.write_text("ocio_profile_version: 2\n")
    monkeypatch.setenv("OCIO", config.as_posix())
    before = frame_digests(tree(nuke, comp), FRAMES)
    assert before is not None
    config.write_text("ocio_profile_version: 2.1\n")
    assert not set(before.values()) & set((frame_digests(nuke.toNode("End"), FRAMES) or {}).values())


def test_an_expression_node_with_channels_and_knobs_of_its_group_has_a_digest(nuke: Any, comp: Comp) -> None:
    from refcolorize.node.upstream import frame_digests

    before = frame_digests(comp.node, FRAMES)  # a RefColorize: its Expressions read parent.mix, rc_ab.u
    assert before is not None
    assert len(set(before.values())) == 2
    comp.node["mix"].setValue(0.5)
    after = frame_digests(comp.node, FRAMES)
    assert after is not None
    assert not set(after.values()) & set(before.values())


def test_a_script_of_thousands_of_nodes_has_a_digest(nuke: Any, comp: Comp) -> None:
    from refcolorize.node.upstream import frame_digests

    end = comp.ref
    for _ in range(1500):
        end = nuke.nodes.Dot(inputs=[end])
    assert frame_digests(end, FRAMES) is not None


@pytest.mark.parametrize("name", ["ContactSheet", "TimeOffset", "FrameHold", "FrameBlend", "Retime", "AppendClip"])
def test_a_class_whose_knobs_choose_other_frames_counts_as_reading_all_of_them(name: str, nuke: Any) -> None:
    from refcolorize.node import upstream

    assert name not in upstream._SAME_FRAME
