"""Differences between plate and ref are reported before the job is sent, and never in a dialog."""

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


def mismatch_text(comp: Comp) -> str:
    from refcolorize.node.mismatches import mismatches

    return mismatches(comp.node)


CHANGES: dict[str, tuple[Callable[[Comp], object], list[str]]] = {
    "size": (
        lambda comp: comp.ref["format"].setValue("48 32 0 0 48 32 1 half"),
        ["48 x 32", "96 x 64", "reformat"],
    ),
    "pixel aspect": (
        lambda comp: comp.ref["format"].setValue("96 64 0 0 96 64 2 anamorphic"),
        ["pixel aspect", "ref is 2", "plate 1"],
    ),
    "frames": (lambda comp: comp.ref["last"].setValue(1003), ["1001-1003", "1004", "move the key"]),
    "one frame": (lambda comp: comp.ref["last"].setValue(1001), ["one frame (1001)", "2 keys", "keep only"]),
    "colour space": (lambda comp: comp.ref["colorspace"].setValue("Cineon"), ["Cineon", "default", "Painted"]),
    "raw": (lambda comp: comp.plate["raw"].setValue(True), ["raw", "default", "Painted"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_mismatch_is_reported_in_one_line_with_a_remedy(comp: Comp, change: str) -> None:
    assert mismatch_text(comp) == ""
    act, words = CHANGES[change]
    act(comp)
    line = mismatch_text(comp)
    assert "\n" not in line
    assert [word for word in words if word not in line] == []


def test_one_painted_frame_with_its_one_key_gives_no_warning(comp: Comp) -> None:
    from refcolorize.node import keyframes

    keyframes.remove_key(comp.node, 1004)
    comp.ref["last"].setValue(1001)
    assert mismatch_text(comp) == ""


def test_a_log_plate_and_a_painted_exr_give_no_warning(comp: Comp) -> None:
    comp.plate["file"].setValue("/scan.####.dpx")
    comp.plate["format"].setValue("96 64 0 0 96 64 1 scan")
    comp.plate["colorspace"].setValue("Cineon")
    assert mismatch_text(comp) == ""


@pytest.mark.parametrize("missing", ["plate", "ref", "keys"])
def test_a_missing_input_is_not_a_mismatch(comp: Comp, missing: str) -> None:
    comp.ref["colorspace"].setValue("Cineon")
    if missing == "keys":
        comp.node["reference_keys"].clearAnimated()
    else:
        comp.node.setInput(int(missing == "ref"), None)
    assert mismatch_text(comp) == ""


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("button", ["colorize", "preview"])
def test_a_mismatch_is_reported_before_the_core_is_asked(
    comp: Comp, capsys: pytest.CaptureFixture[str], button: str
) -> None:
    from refcolorize.errors import CoreUnreachable
    from refcolorize.jobs import render

    comp.nuke.frame(1002)
    comp.ref["colorspace"].setValue("sRGB")
    with pytest.raises(CoreUnreachable):
        getattr(render, button)(comp.node)
    first = capsys.readouterr().out.splitlines()[0]
    assert "looking for the core" in first
    assert "ref is read as sRGB" in first


@pytest.mark.gui
@pytest.mark.usefixtures("core")
def test_a_mismatch_stays_on_the_node_and_opens_no_dialog(comp: Comp, nuke_session: Any) -> None:
    from refcolorize.jobs import render

    comp.ref["colorspace"].setValue("sRGB")
    running = render.colorize(comp.node)
    nuke_session.main_thread.pump(until=lambda: running.wait(0))
    assert running.state == "done"
    status = comp.node["status"].value()
    assert status.startswith("v001 is done: 6 frames.") and "ref is read as sRGB" in status
    assert nuke_session.artist.messages == nuke_session.artist.panels == []
