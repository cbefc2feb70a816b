"""The versions on disk are offered and reused: after undo, after a colleague's run, and back at earlier settings."""

from __future__ import annotations

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
