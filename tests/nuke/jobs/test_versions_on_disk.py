"""The versions on disk are offered and reused: after undo, after a colleague's run, and back at earlier settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comp import Comp
from nuke_fixtures import plugin_is_idle

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("core")]

HINT = "Choose v001 in the knob version to show it"


def colorize(comp: Comp, pump: Callable[..., Any], name: str) -> None:
    comp.node["colorize"].execute()
    pump(until=lambda: comp.status.startswith(f"{name} is done"))
    pump(until=plugin_is_idle)


def offered(node: Any) -> list[str]:
    return [str(name) for name in node["version"].values()]


def test_undo_after_a_run_leaves_its_version_offered(nuke: Any, comp: Comp, pump: Callable[..., Any]) -> None:
    colorize(comp, pump, "v001")
    nuke.undo()
    assert comp.node["version"].value() == "none"
    pump(until=lambda: offered(comp.node) == ["none", "v001"])
    assert comp.status == f"v001 is done: 6 frames. {HINT}."
    nuke.redo()
    assert comp.node["version"].value() == "v001", "offering it has left redo as it was"


def test_undo_while_a_job_runs_leaves_its_version_offered(nuke: Any, long_comp: Comp, pump: Callable[..., Any]) -> None:
    long_comp.node["colorize"].execute()
    pump(until=lambda: long_comp.frames("v001"))
    nuke.undo()
    pump(until=lambda: offered(long_comp.node) == ["none", "v001"])
    pump(until=lambda: long_comp.status.startswith("v001 is done: 60 frames"))
    pump(until=plugin_is_idle)
    assert long_comp.status.endswith(f". {HINT}")
    long_comp.node["version"].setValue("v001")
    from refcolorize.node import node_results

    assert long_comp.node["use_result"].value()
    assert node_results.is_showing(long_comp.node, node_results.results(long_comp.node).pattern("v001"))


def test_undo_of_a_later_version_offers_both(nuke: Any, comp: Comp, pump: Callable[..., Any]) -> None:
    colorize(comp, pump, "v001")
    comp.node["working_height"].setValue(80)
    colorize(comp, pump, "v002")
    nuke.undo()
    assert comp.node["version"].value() == "v001"
    pump(until=lambda: offered(comp.node) == ["none", "v001", "v002"])
    assert comp.node["version"].value() == "v001"


def test_earlier_settings_show_their_version_again(nuke: Any, comp: Comp, pump: Callable[..., Any]) -> None:
    colorize(comp, pump, "v001")
    first = {path: path.stat().st_mtime_ns for path in (comp.results / "v001").glob("*.exr")}
    comp.node["working_height"].setValue(80)
    colorize(comp, pump, "v002")
    comp.node["working_height"].setValue(432)
    colorize(comp, pump, "v001")
    assert comp.node["version"].value() == "v001"
    assert {path: path.stat().st_mtime_ns for path in (comp.results / "v001").glob("*.exr")} == first
    assert sorted(path.name for path in comp.results.glob("v*")) == ["v001", "v002"]


def test_a_version_of_a_colleague_is_offered_when_the_script_is_opened(
    nuke: Any, comp: Comp, pump: Callable[..., Any]
) -> None:
    colorize(comp, pump, "v001")
    nuke.scriptSave()
    nuke.scriptSaveAs((comp.folder / "comp_v002.nk").as_posix(), 1)
    comp.node["working_height"].setValue(80)
    colorize(comp, pump, "v002")
    nuke.scriptOpen((comp.folder / "comp.nk").as_posix())
    node = nuke.toNode("RefColorize1")
    pump(until=lambda: offered(node) == ["none", "v001", "v002"])
    assert not nuke.root().modified()
    comp.node = node
    colorize(comp, pump, "v001")
    assert sorted(path.name for path in Path(comp.results).glob("v*")) == ["v001", "v002"]


def touch_plates(comp: Comp) -> None:
    """Give the plates another time, as a backup does that restores them."""
    for path in comp.folder.glob("plate.*.exr"):
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 10**9))


def test_plates_that_were_only_touched_are_not_out_of_date_once_the_core_has_compared_them(
    comp: Comp, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.jobs import freshness, origins

    colorize(comp, pump, "v001")
    touch_plates(comp)
    freshness.follow_at_once(comp.node)
    assert "OUT OF DATE" in comp.status
    pump(until=lambda: "OUT OF DATE" not in comp.status)
    height = comp.node["working_height"].value()
    comp.node["working_height"].setValue(80)
    freshness.follow_at_once(comp.node)
    assert "OUT OF DATE: since v001 was made, these have changed: working height" in comp.status
    comp.node["working_height"].setValue(height)
    freshness.follow_at_once(comp.node)
    pump(until=lambda: not freshness._asking)
    changed = bytearray((comp.folder / "plate.1003.exr").read_bytes())
    changed[-1] ^= 1
    (comp.folder / "plate.1003.exr").write_bytes(changed)
    answers: list[bool | None] = []
    find = origins.find_origin
    monkeypatch.setattr(origins, "find_origin", lambda *given: answers.append(find(*given)) or answers[-1])
    freshness._asked.clear()
    freshness.follow_at_once(comp.node)
    pump(until=lambda: answers)
    freshness.follow_at_once(comp.node)
    assert answers == [True]
    assert "OUT OF DATE: since v001 was made, these have changed: plate" in comp.status


def test_colorize_copies_the_frames_of_plates_that_were_only_touched(
    comp: Comp, pump: Callable[..., Any], core: Any
) -> None:
    colorize(comp, pump, "v001")
    touch_plates(comp)
    colorize(comp, pump, "v002")
    events = core.get(f"/v1/jobs/{comp.node['job'].value()}/events?wait=0")["events"]
    assert all(event["kept"] for event in events if event["kind"] == "frame")


def test_frames_count_as_changed_once_they_are_painted_over(comp: Comp, pump: Callable[..., Any]) -> None:
    from refcolorize.node import node_results
    from refcolorize.node.others_work import changed_frames

    colorize(comp, pump, "v001")
    comp.node["working_height"].setValue(80)
    colorize(comp, pump, "v002")
    first, second = node_results.versions(comp.node)
    assert changed_frames(first.path) == changed_frames(second.path) == ()
    frame = comp.results / "v001" / "RefColorize1_v001.1003.exr"
    frame.write_bytes((comp.folder / "ref.1004.exr").read_bytes())
    assert changed_frames(first.path) == (1003,)
