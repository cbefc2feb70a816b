"""The files that the plug-in's own Writes render, with a facility's defaults and in scripts with two views."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adversities import STUDIO, two_views
from comp import Comp, make_comp

from stcolor_core.images import plates


@pytest.fixture
def comp(nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comp:
    monkeypatch.delenv("OCIO", raising=False)
    return make_comp(nuke, tmp_path)


def test_the_defaults_of_a_facility_change_no_pixel(nuke: Any, comp: Comp) -> None:
    from refcolorize.node import rendered_inputs

    plain = Path(rendered_inputs.render_input(comp.ref, [1001, 1004], comp.folder / "plain", name="ref"))
    for name, value in STUDIO.items():
        nuke.knobDefault(name, value)
    studio = Path(rendered_inputs.render_input(comp.ref, [1001, 1004], comp.folder / "studio", name="ref"))
    assert studio.parent.name == plain.parent.name, "the folder is named by what its pictures show"
    for frame in (1001, 1004):
        a, b = (plates.read(path.with_name(f"ref.{frame}.exr")) for path in (plain, studio))
        assert (a.channels, a.pixel_type) == (b.channels, b.pixel_type)
        np.testing.assert_array_equal(a.pixels, b.pixels)


def test_a_write_sets_every_knob_that_decides_its_pixels(nuke: Any, comp: Comp) -> None:
    """By its knobs too, for what the fake does not do to pixels, as cropping."""
    from refcolorize.node import rendered_inputs

    seen: list[dict[str, Any]] = []
    ours = {"name", "xpos", "ypos", "selected", "file"}

    def look() -> None:
        knobs = nuke.thisNode().knobs().items()
        seen.append({name: knob.toScript() for name, knob in knobs if name not in ours})

    nuke.addBeforeRender(look)
    for defaults in ({}, STUDIO):
        for name, value in defaults.items():
            nuke.knobDefault(name, value)
        rendered_inputs.render_input(comp.ref, [1001], comp.folder / f"inputs{len(seen)}", name="ref")
    before, after = seen
    assert {name for name in before if before[name] != after[name]} <= {"colorspace"}, "which raw leaves unused"


def test_thumbnails_have_the_same_width_in_every_facility(nuke: Any, comp: Comp) -> None:
    from refcolorize.node import thumbnails

    plain = thumbnails.render(comp.node, [1001])
    for name, value in STUDIO.items():
        nuke.knobDefault(name, value)
    assert thumbnails.render(comp.node, [1001]) == plain


@pytest.mark.gui
@pytest.mark.parametrize(("view", "frame"), [("left", 1001), ("right", 1004)])
def test_of_two_views_the_current_one_is_rendered(
    nuke: Any, nuke_session: Any, comp: Comp, view: str, frame: int
) -> None:
    from refcolorize.node import rendered_inputs, thumbnails

    two_views(nuke, comp)
    nuke_session.view = view
    frames: list[str] = []
    nuke.addAfterFrameRender(lambda: frames.append(nuke.thisView()))
    pattern = Path(rendered_inputs.render_input(comp.ref, [1001], comp.folder / "inputs", name="ref"))
    assert frames == [view]
    found, expected = plates.read(pattern.with_name("ref.1001.exr")), plates.read(comp.folder / f"ref.{frame}.exr")
    np.testing.assert_allclose(plates.rgb(found), plates.rgb(expected), rtol=1e-3)
    left = nuke_session.view
    nuke_session.view = "right" if view == "left" else "left"
    other = thumbnails.render(comp.node, [1001])
    nuke_session.view = left
    assert thumbnails.render(comp.node, [1001]) != other


@pytest.mark.usefixtures("core")
def test_the_result_of_one_eye_is_not_shown_on_the_other(nuke: Any, nuke_session: Any, comp: Comp) -> None:
    import fakenuke
    from refcolorize.jobs import render
    from refcolorize.node import node_results

    two_views(nuke, comp)
    nuke_session.view = "left"
    render.colorize(comp.node)
    assert node_results.results(comp.node).folder.name == "left"
    assert len(list(node_results.results(comp.node).folder.glob("v001/*.exr"))) == 6

    def colour() -> float:
        shown = fakenuke.rendering.image(comp.node, 1003)
        return float(np.std([shown[f"rgba.{name}"] for name in ("red", "green", "blue")], axis=0).mean())

    assert colour() > 0.02
    nuke_session.view = "right"
    assert colour() == 0, "the plate, in grey"


@pytest.mark.usefixtures("core")
@pytest.mark.gui
def test_the_artist_chooses_the_view_on_the_node(
    nuke: Any, nuke_session: Any, comp: Comp, pump: Callable[..., Any]
) -> None:
    from refcolorize.jobs import render
    from refcolorize.node import node_results, rendered_inputs, shots

    two_views(nuke, comp)
    nuke_session.view = "left"
    comp.node["view"].setValue("right")
    (planned,) = shots.plan(comp.node).missing
    pattern = Path(rendered_inputs.render_planned(planned))
    found, expected = plates.read(pattern.with_name("ref.1001.exr")), plates.read(comp.folder / "ref.1004.exr")
    np.testing.assert_allclose(plates.rgb(found), plates.rgb(expected), rtol=1e-3)
    running = render.colorize(comp.node)
    pump(until=lambda: running.wait(0))
    assert node_results.results(comp.node).folder.name == "right"
    assert len(list(node_results.results(comp.node).folder.glob("v001/*.exr"))) == 6
    comp.node["view"].setValue("")
    assert node_results.results(comp.node).folder.name == "left"


def test_a_view_that_the_script_lacks_is_told(nuke: Any, comp: Comp) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.node import shots

    two_views(nuke, comp)
    comp.node["view"].setValue("middle")
    with pytest.raises(RefColorizeError, match=r"asks for the view middle, but the script has left, right"):
        shots.plan(comp.node)
