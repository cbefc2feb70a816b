"""A run of one eye that comes to nothing, while the other eye has a version of the same number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from adversities import two_views
from comp import Comp, make_comp
from nuke_fixtures import plugin_is_idle

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("core")]


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    made = make_comp(nuke, tmp_path / "show")
    two_views(nuke, made)
    return made


@pytest.fixture
def run(nuke_session: Any, comp: Comp, pump: Callable[..., Any]) -> Callable[..., None]:
    """Colorize a view, which the viewer shows, until the status line ends the run."""

    def run(view: str, *, light: str, end: str = "is done") -> None:
        nuke_session.view = view
        comp.node["light"].setValue(light)
        comp.node["colorize"].execute()
        pump(until=lambda: end in comp.status)
        pump(until=plugin_is_idle)

    return run


def run_without_plate(comp: Comp, run: Callable[..., None], view: str, *, light: str) -> None:
    """Colorize a view while the plate cannot be read."""
    good = {path: path.read_bytes() for path in comp.folder.glob("plate.*.exr")}
    for path in good:
        path.write_bytes(b"no picture")
    run(view, light=light, end="failed")
    for path, data in good.items():
        path.write_bytes(data)


def look(comp: Comp, nuke_session: Any, pump: Callable[..., Any]) -> None:
    """Do what the panel does at each look, and what Nuke does after a change of the node."""
    from refcolorize.node import shown_version

    shown_version.leave_withdrawn(comp.node)
    comp.node["label"].setValue("changed")
    pump(until=plugin_is_idle)


def shown(comp: Comp) -> tuple[str, bool]:
    return str(comp.node["version"].value()), bool(comp.node["use_result"].value())


def test_a_version_of_one_eye_can_be_shown_though_that_of_the_other_failed(
    nuke_session: Any, comp: Comp, run: Callable[..., None], pump: Callable[..., Any]
) -> None:
    from refcolorize.node import node_results

    run("right", light="auto")
    run("right", light="off")
    run("left", light="auto")
    run_without_plate(comp, run, "left", light="off")
    assert shown(comp) == ("v001", True)
    nuke_session.view = "right"
    node_results.use_version(comp.node, 2)
    for view in ("right", "left", "right"):
        nuke_session.view = view
        look(comp, nuke_session, pump)
        assert shown(comp) == ("v002", True)


def test_a_version_that_one_eye_showed_is_shown_again_after_that_of_the_other_failed(
    comp: Comp, run: Callable[..., None], nuke: Any
) -> None:
    from refcolorize.jobs import render

    run("right", light="auto")
    run_without_plate(comp, run, "left", light="auto")
    assert shown(comp) == ("v001", True), "as before, for the right eye"
    nuke.scriptSave()
    nuke.scriptOpen((comp.folder / "comp.nk").as_posix())
    comp.node = nuke.toNode("RefColorize1")
    render.reattach()
    assert shown(comp) == ("v001", True)


def test_a_version_of_one_eye_stays_shown_while_it_is_made_though_that_of_the_other_failed(
    nuke_session: Any, comp: Comp, run: Callable[..., None], pump: Callable[..., Any]
) -> None:
    from refcolorize.node import shown_version

    run_without_plate(comp, run, "left", light="auto")
    assert comp.node["version"].value() == "none"
    nuke_session.view = "right"
    comp.node["colorize"].execute()
    shown_version.leave_withdrawn(comp.node)
    assert shown(comp) == ("v001", True)
    pump(until=lambda: "is done" in comp.status)
    pump(until=plugin_is_idle)


def test_a_version_that_begins_again_stays_shown_while_the_viewer_shows_the_other_eye(
    nuke_session: Any, comp: Comp
) -> None:
    from refcolorize.jobs import render
    from refcolorize.node import node_results, shots, shown_version

    nuke_session.view = "left"
    request = shots.build(comp.node)
    before = node_results.remember(comp.node)
    version = shots.claim(comp.node, request)
    shown_version.withdraw(comp.node, version, shown=before, discard=True, has_job=False)
    nuke_session.view = "right"  # while a second Nuke renders the inputs
    render._version_job(comp.node, request)
    shown_version.leave_withdrawn(comp.node)
    assert shown(comp) == (version.name, True)


@pytest.mark.parametrize("view", ["left", "right"])
def test_a_version_that_no_eye_has_is_left_in_any_view(
    nuke: Any, nuke_session: Any, comp: Comp, run: Callable[..., None], pump: Callable[..., Any], view: str
) -> None:
    run_without_plate(comp, run, "left", light="auto")
    nuke.undo()
    nuke.redo()
    assert comp.node["version"].value() == "v001", "Nuke itself brings it back"
    nuke_session.view = view
    pump(until=lambda: comp.node["version"].value() == "none")
