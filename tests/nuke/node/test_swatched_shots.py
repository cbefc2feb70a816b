"""The Shot JSON of a node with swatches, and that for the list of its matte's objects; the core itself reads both."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp

from stcolor_core.shots.pictures import Swatch
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_frames, find_mattes

SWATCH = Swatch(frame=1003, object="plate", colors=("#8a3324",))


@pytest.fixture
def comp(nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comp:
    """A shot with keys at 1001 and 1004, its plate as its matte, and a swatch at 1003."""
    monkeypatch.delenv("OCIO", raising=False)
    comp = make_comp(nuke, tmp_path)
    comp.node.setInput(2, comp.plate)
    comp.node["swatches"].setValue("1003:plate=#8a3324")
    return comp


@pytest.fixture
def shots(comp: Comp) -> Any:
    import refcolorize.node.shots

    return refcolorize.node.shots


def without_keys(comp: Comp) -> None:
    comp.node["reference_keys"].clearAnimated()
    comp.node.setInput(1, None)


def render_matte(comp: Comp) -> None:
    """Put something between the Read and the input matte, so that Nuke must render it."""
    comp.node.setInput(2, comp.nuke.nodes.Multiply(inputs=[comp.plate], value=1.5))


def read_by_the_core(asked: Any) -> Shot:
    return Shot.from_json(json.dumps({**asked.shot, "output": {**asked.shot["output"], "path": "/out.####.exr"}}))


def rendered_mattes(comp: Comp) -> set[str]:
    return {path.name for path in comp.results.glob("inputs/matte_*/*.exr")}


def test_the_swatches_are_in_the_shot_with_the_matte(comp: Comp, shots: Any) -> None:
    shot = read_by_the_core(shots.build(comp.node))
    assert shot.swatches == (SWATCH,)
    assert find_mattes(shot, 1003) == [comp.folder / "plate.1003.exr"]


def test_a_shot_without_swatches_is_that_of_an_earlier_plug_in(comp: Comp, shots: Any) -> None:
    comp.node["swatches"].setValue(" \n")
    assert "swatches" not in shots.build(comp.node).shot


def test_swatches_alone_are_enough(comp: Comp, shots: Any) -> None:
    without_keys(comp)
    shot = read_by_the_core(shots.build(comp.node))
    assert (shot.references, shot.stills, shot.swatches) == ((), (), (SWATCH,))


def test_a_changed_swatch_makes_a_new_version_whose_record_names_its_frame(comp: Comp, shots: Any) -> None:
    def claim() -> Any:
        return shots.claim(comp.node, shots.build(comp.node))

    first = claim()
    assert claim().name == first.name == "v001"
    assert first.keyframes() == (1001, 1003, 1004)
    assert first.shot()["swatches"] == [{"frame": 1003, "object": "plate", "colors": ["#8a3324"]}]
    comp.node["swatches"].setValue("1003:plate=#8a3325")
    assert claim().name == "v002"
    comp.node["swatches"].setValue("")
    assert claim().name == "v003"


@pytest.mark.parametrize(("tracking", "frames"), [("auto", range(1001, 1007)), ("dense", [1003])])
def test_a_matte_that_only_swatches_use_is_rendered_at_their_frames(
    comp: Comp, shots: Any, tracking: str, frames: list[int]
) -> None:
    render_matte(comp)
    comp.node["tracking"].setValue(tracking)
    shot = read_by_the_core(shots.build(comp.node))
    assert rendered_mattes(comp) == {f"matte.{frame}.exr" for frame in frames}
    assert all(path.is_file() for path in find_mattes(shot, 1003)) and find_mattes(shot, 1003)


def test_a_preview_has_the_swatches_between_its_keys(comp: Comp, shots: Any) -> None:
    assert read_by_the_core(shots.build_frame_request(comp.node, 1002)).swatches == (SWATCH,)
    assert read_by_the_core(shots.build_frame_request(comp.node, 1005)).swatches == ()


def test_a_preview_beyond_all_keys_reaches_to_the_swatches(comp: Comp, shots: Any) -> None:
    without_keys(comp)
    for frame, span in ((1001, [1001, 1002, 1003]), (1006, [1003, 1004, 1005, 1006]), (1003, [1003])):
        shot = read_by_the_core(shots.build_frame_request(comp.node, frame))
        assert list(find_frames(shot.plate)) == span and shot.swatches == (SWATCH,)


WRONG: dict[str, tuple[Callable[[Comp], object], str]] = {
    "no matte": (lambda comp: comp.node.setInput(2, None), "no matte, .* Connect a matte or Cryptomatte"),
    "matte not used": (lambda comp: comp.node["use_matte"].setValue(False), "Switch use matte on"),
    "frame outside": (
        lambda comp: comp.node["swatches"].setValue("900:plate=#8a3324"),
        r"the swatch 900:plate=#8a3324 is outside the plate \(1001-1006\)",
    ),
    "no swatch": (lambda comp: comp.node["swatches"].setValue("plate"), "'plate' is not readable"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_swatch_that_cannot_be_used_is_reported_in_one_line_and_nothing_is_rendered(
    comp: Comp, shots: Any, what: str
) -> None:
    from refcolorize.errors import RefColorizeError

    change, words = WRONG[what]
    change(comp)
    with pytest.raises(RefColorizeError, match=words) as raised:
        shots.build(comp.node)
    assert "\n" not in str(raised.value) and "RefColorize1" in str(raised.value)
    assert not comp.results.exists()


# ---- the list of objects


def test_the_objects_of_plain_reads_need_no_render(comp: Comp, shots: Any) -> None:
    comp.node["swatches"].setValue("")
    shot = Shot.from_json(json.dumps(shots.build_matte_request(comp.node, 1003)))
    assert list(find_frames(shot.plate)) == [1003]
    assert find_mattes(shot, 1003) == [comp.folder / "plate.1003.exr"]
    assert not (comp.results / "inputs").exists()


def test_other_inputs_are_rendered_at_this_frame_alone(comp: Comp, shots: Any) -> None:
    render_matte(comp)
    comp.node.setInput(0, comp.nuke.nodes.Multiply(inputs=[comp.plate], value=1.5))
    comp.node["tracking"].setValue("none")
    shot = Shot.from_json(json.dumps(shots.build_matte_request(comp.node, 1002)))
    assert {path.name for path in comp.results.rglob("*.exr")} == {"matte.1002.exr", "plate.1002.exr"}
    assert find_frames(shot.plate)[1002].is_file() and find_mattes(shot, 1002)[0].is_file()


@pytest.mark.parametrize("what", ["no matte", "matte not used"])
def test_the_objects_of_no_matte_are_refused(comp: Comp, shots: Any, what: str) -> None:
    from refcolorize.errors import RefColorizeError

    change, words = WRONG[what]
    change(comp)
    with pytest.raises(RefColorizeError, match=words):
        shots.build_matte_request(comp.node, 1003)


def test_the_objects_of_a_frame_outside_the_plate_are_refused(comp: Comp, shots: Any) -> None:
    from refcolorize.errors import RefColorizeError

    with pytest.raises(RefColorizeError, match=r"Frame 7 is outside the plate \(1001-1006\)"):
        shots.build_matte_request(comp.node, 7)
