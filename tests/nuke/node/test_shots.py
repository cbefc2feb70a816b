"""The Shot JSON of a node, in the strict fake of Nuke; the core itself reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from adversities import two_views
from comp import Comp, make_comp

from stcolor_core.images import plates
from stcolor_core.images.coverage import read_alpha_share
from stcolor_core.images.frame_ranges import parse_frames
from stcolor_core.shots.reference_files import find_references
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_frames

WHOLE = (0.0, 0.0, 1.0, 1.0)


@pytest.fixture
def comp(nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comp:
    monkeypatch.delenv("OCIO", raising=False)
    return make_comp(nuke, tmp_path)


@pytest.fixture
def shots(comp: Comp) -> Any:
    import refcolorize.node.shots

    return refcolorize.node.shots


def read_by_the_core(asked: Any) -> Shot:
    shot = {**asked.shot, "output": {**asked.shot["output"], "path": "/out.####.exr"}}
    return Shot.from_json(json.dumps(shot))


def graded(comp: Comp, index: int, source: Any) -> None:
    """Put something between a Read and the node, so that the input must be rendered."""
    comp.node.setInput(index, comp.nuke.nodes.Multiply(inputs=[source], value=1.5))


def test_a_plain_plate_is_read_in_place_and_the_keys_are_rendered(comp: Comp, shots: Any) -> None:
    asked = shots.build(comp.node)
    shot = read_by_the_core(asked)
    frames = find_frames(shot.plate)
    assert list(frames) == list(asked.frames) == list(range(1001, 1007))
    assert frames[1003] == comp.folder / "plate.1003.exr"
    references = find_references(shot, frames)
    assert list(references) == [1001, 1004]
    pictures = [picture for each in references.values() for picture in each]
    assert all(picture.path.is_relative_to(comp.results / "inputs") for picture in pictures)
    assert (shot.stills, shot.mattes, shot.ocio, shot.method.tracking) == ((), (), None, None)


def test_the_knobs_become_the_settings_of_the_shot(comp: Comp, shots: Any) -> None:
    values = {"model": "exemplar", "tracking": "instance+dense", "working_height": 256, "exposure": -1.5}
    values |= {"register": "off", "light": "off", "unreferenced": "match", "keep_chroma": 0.25}
    for name, value in values.items():
        comp.node[name].setValue(value)
    comp.node["still2"].setValue((comp.folder / "look.png").as_posix())
    shot = read_by_the_core(shots.build(comp.node))
    method = shot.method
    assert (method.model, method.tracking, method.working_height) == ("exemplar", "instance+dense", 256)
    assert (method.register, method.light, method.unreferenced) == ("off", "off", "match")
    assert method.keep_chroma == 0.25
    assert shot.plate.exposure == -1.5
    assert [still.path for still in shot.stills] == [(comp.folder / "look.png").as_posix()]


def test_only_the_layers_of_colour_and_confidence_are_asked_for(comp: Comp, shots: Any) -> None:
    assert shots.build(comp.node).shot["output"].keys() == {"frames"}
    comp.node["few_layers"].setValue(True)
    assert read_by_the_core(shots.build(comp.node)).output.written_layers == {"rgb", "rc_ab", "rc_conf"}


def test_disabled_keys_are_not_used(comp: Comp, shots: Any) -> None:
    comp.node["reference_keys"].setValueAt(0, 1001)
    shot = read_by_the_core(shots.build(comp.node))
    assert list(find_references(shot, find_frames(shot.plate))) == [1004]


@pytest.mark.parametrize(
    ("text", "frames"), [("1002-1005", [1002, 1003, 1004, 1005]), ("1001-1006x2", [1001, 1003, 1005]), ("1003", [1003])]
)
def test_the_frame_range_limits_the_written_frames_but_not_the_keys(
    comp: Comp, shots: Any, text: str, frames: list[int]
) -> None:
    comp.node["frame_range"].setValue(text)
    asked = shots.build(comp.node)
    shot = read_by_the_core(asked)
    assert list(asked.frames) == list(parse_frames(shot.output.frames or "")) == frames
    assert list(find_references(shot, find_frames(shot.plate))) == [1001, 1004]


def test_a_plate_that_is_not_a_plain_read_is_rendered_as_far_as_needed(comp: Comp, shots: Any) -> None:
    graded(comp, 0, comp.plate)
    comp.node["frame_range"].setValue("1002-1003")
    shot = read_by_the_core(shots.build(comp.node))
    frames = find_frames(shot.plate)
    assert list(frames) == [1001, 1002, 1003, 1004], "from the key before to the key after"
    assert all(path.is_relative_to(comp.results / "inputs") for path in frames.values())


def patch(nuke: Any, comp: Comp) -> Any:
    """Return a node with the colour of ref, and an alpha that covers the left half."""
    return nuke.nodes.Expression(inputs=[comp.ref], channel0="alpha", expr0="x < 48", name="Patch")


def test_the_alpha_of_ref_reaches_the_core_and_says_where_a_keyframe_counts(nuke: Any, comp: Comp, shots: Any) -> None:
    comp.node.setInput(1, patch(nuke, comp))
    shot = read_by_the_core(shots.build(comp.node))
    (reference,) = shot.references
    assert reference.alpha == "auto"
    file = Path(reference.path.replace("####", "1001"))
    assert read_alpha_share(file, WHOLE, use_alpha=True) == pytest.approx(0.5, abs=0.02)


def test_a_read_without_an_alpha_counts_everywhere(comp: Comp, shots: Any) -> None:
    (reference,) = read_by_the_core(shots.build(comp.node)).references
    file = Path(reference.path.replace("####", "1001"))
    assert "A" in plates.read_header(file).channels
    assert read_alpha_share(file, WHOLE, use_alpha=True) == 1


def test_the_alpha_can_be_ignored_without_a_new_render(nuke: Any, comp: Comp, shots: Any) -> None:
    comp.node.setInput(1, patch(nuke, comp))
    before = shots.build(comp.node).shot["references"]
    comp.node["keyframe_alpha"].setValue("ignore")
    assert shots.plan(comp.node).missing == ()
    assert shots.build(comp.node).shot["references"] == [{**before[0], "alpha": "ignore"}]


def test_a_node_of_an_earlier_plug_in_has_whole_keyframes(comp: Comp, shots: Any) -> None:
    comp.node.removeKnob(comp.node["keyframe_alpha"])
    assert shots.build(comp.node).shot["references"][0]["alpha"] == "ignore"


def test_a_preview_reads_from_key_to_key(comp: Comp, shots: Any) -> None:
    asked = shots.build_frame_request(comp.node, 1005)
    shot = read_by_the_core(asked)
    assert asked.frames == (1005,)
    assert list(find_frames(shot.plate)) == [1004, 1005]
    assert list(find_references(shot, find_frames(shot.plate))) == [1004]
    preview = shots.preview_shot(comp.node, asked)
    assert preview["output"]["path"] == (comp.results / "preview" / "RefColorize1_preview.####.exr").as_posix()
    assert preview["output"]["reuse"] is None
    version = shots.claim(comp.node, shots.build(comp.node))
    assert shots.preview_shot(comp.node, asked)["output"]["reuse"] is None, "it has no frame"
    Path(version.path.replace("####", "1001")).touch()
    assert shots.preview_shot(comp.node, asked)["output"]["reuse"] == version.path


@pytest.mark.parametrize("between", [False, True], ids=["a file", "something roto"])
def test_a_matte_is_used_directly_or_rendered_for_every_frame(comp: Comp, shots: Any, between: bool) -> None:
    comp.node.setInput(2, comp.plate)
    if between:
        graded(comp, 2, comp.plate)
    asked = shots.build(comp.node)
    path = Path(asked.shot["mattes"][0]["path"])
    assert (path.parent == comp.folder) != between
    if between:
        assert sorted(found.name for found in path.parent.glob("*.exr")) == [
            f"matte.{f}.exr" for f in range(1001, 1007)
        ]
    comp.node["use_matte"].setValue(False)
    assert shots.build(comp.node).shot["mattes"] == []
    comp.node["use_matte"].setValue(True)
    comp.node["tracking"].setValue("dense")
    assert shots.build(comp.node).shot["mattes"] == [], "it would be rendered for nothing"


def test_rendered_inputs_have_the_colour_space_of_the_script_or_of_the_knob(comp: Comp, shots: Any) -> None:
    root = comp.nuke.root()
    root["colorManagement"].setValue("OCIO")
    root["OCIO_config"].setValue("fn-nuke_cg-config-v1.0.0_aces-v1.3_ocio-v2.1")
    root["workingSpaceLUT"].setValue("ACEScg")
    root["floatLut"].setValue("ACES2065-1")
    shot = read_by_the_core(shots.build(comp.node))
    assert (shot.plate.colorspace, shot.references[0].colorspace) == ("ACES2065-1", "ACEScg")
    comp.node["colorspace"].setValue("Linear Rec.709 (sRGB)")
    shot = read_by_the_core(shots.build(comp.node))
    assert {shot.plate.colorspace, shot.references[0].colorspace} == {"Linear Rec.709 (sRGB)"}
    assert Path(shot.plate.path).is_relative_to(comp.results), "the pixels that Nuke has are in that space"


WRONG: dict[str, tuple[Callable[[Comp], object], str]] = {
    "no plate": (lambda comp: comp.node.setInput(0, None), "no plate. Connect"),
    "no ref": (lambda comp: comp.node.setInput(1, None), "keys but no ref. Connect"),
    "no key": (lambda comp: comp.node["reference_keys"].clearAnimated(), "no key. Go to a frame"),
    "key outside": (lambda comp: comp.plate["last"].setValue(1003), r"key at frame 1004 is outside .*1001-1003"),
    "no range": (lambda comp: comp.node["frame_range"].setValue("all"), "'all' is not readable. Write it like"),
    "frames outside": (lambda comp: comp.node["frame_range"].setValue("1000-1002"), "Frame 1000 .* outside"),
    "never saved": (lambda comp: comp.nuke.root()["name"].setValue(""), "Save it first"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_missing_input_is_reported_in_one_line_and_nothing_is_rendered(comp: Comp, shots: Any, what: str) -> None:
    from refcolorize.errors import RefColorizeError

    change, words = WRONG[what]
    change(comp)
    with pytest.raises(RefColorizeError, match=words) as raised:
        shots.build(comp.node)
    assert "\n" not in str(raised.value)
    assert not comp.results.exists()


def test_a_frame_missing_from_the_plate_has_no_preview(comp: Comp, shots: Any) -> None:
    from refcolorize.errors import RefColorizeError

    with pytest.raises(RefColorizeError, match=r"Frame 7 is outside the plate \(1001-1006\)"):
        shots.build_frame_request(comp.node, 7)


def test_stills_alone_are_enough(comp: Comp, shots: Any) -> None:
    comp.node["reference_keys"].clearAnimated()
    comp.node["still1"].setValue((comp.folder / "ref.1001.exr").as_posix())
    shot = read_by_the_core(shots.build(comp.node))
    assert shot.references == () and len(shot.stills) == 1


def test_the_same_node_is_the_same_version_until_something_changes(comp: Comp, shots: Any) -> None:
    def version() -> str:
        return str(shots.claim(comp.node, shots.build(comp.node)).name)

    assert [version(), version()] == ["v001", "v001"]
    comp.node["frame_range"].setValue("1002-1003")
    assert [version(), version()] == ["v002", "v002"]
    (comp.folder / "plate.1002.exr").write_bytes((comp.folder / "plate.1003.exr").read_bytes())
    assert [version(), version()] == ["v003", "v003"]
    graded(comp, 1, comp.ref)
    assert [version(), version()] == ["v004", "v004"]


def test_a_node_inside_a_group_has_a_folder_of_its_own(nuke: Any, comp: Comp, shots: Any) -> None:
    from refcolorize.node import node_results, nodes

    group = nuke.nodes.Group(name="Sequence")
    with group:
        inner = nodes.create()
    assert node_results.results(inner).folder == comp.folder / "refcolorize" / "comp" / "Sequence_RefColorize1"


def test_a_version_is_of_the_view_that_was_asked_for_although_another_is_shown_by_now(
    nuke: Any, nuke_session: Any, comp: Comp
) -> None:
    """A second Nuke renders the inputs meanwhile, and the artist looks at the other eye."""
    from refcolorize.node import shots

    two_views(nuke, comp)
    nuke_session.view = "left"
    request = shots.build(comp.node)
    nuke_session.view = "right"
    assert "/left/" in shots.claim(comp.node, request).path
    assert "/left/" in shots.preview_shot(comp.node, request)["output"]["path"]


@pytest.mark.parametrize("folder", ["", "relative/colour", "~/colour"])
def test_an_output_folder_that_is_no_full_path_is_named(comp: Comp, folder: str) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.node import shots

    comp.node["output_folder"].setValue(folder)
    with pytest.raises(RefColorizeError, match=f"output folder '{folder}' is no full path. Give one from the root"):
        shots.build(comp.node)


@pytest.mark.parametrize("knob", ["exposure", "keep_chroma"])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_knob_that_is_no_number_is_named(comp: Comp, knob: str, value: float) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.node import shots

    comp.node[knob].setValue(value)
    with pytest.raises(RefColorizeError, match=rf"{knob.replace('_', ' ')} is (inf|nan)\. Set it to a number"):
        shots.build(comp.node)


@pytest.mark.parametrize("frame", [1, 1000, 1007])
def test_a_key_outside_the_plate_is_not_added(nuke: Any, comp: Comp, frame: int) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.node import keyframes

    before = keyframes.all_keys(comp.node)
    nuke.frame(frame)
    with pytest.raises(RefColorizeError, match=rf"Frame {frame} is outside the plate \(1001-1006\)"):
        comp.node["add_key"].execute()
    assert keyframes.all_keys(comp.node) == before
    nuke.frame(1006)
    comp.node["add_key"].execute()
    assert 1006 in keyframes.all_keys(comp.node)
