"""The whole way from the button to the picture, under every adverse behaviour of Nuke."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from adversities import ADVERSITIES
from comp import Comp, make_comp
from serving import Client

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("state")]


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Iterator[Comp]:
    yield make_comp(nuke, tmp_path / "show")
    gc.enable()


def test_every_disputed_fact_has_an_adversity_with_the_other_answer() -> None:
    from fakenuke.disputed import Disputed

    other = set()
    for change in ADVERSITIES.values():
        session = SimpleNamespace(disputed=Disputed(), main_thread=SimpleNamespace())
        if change.__name__ == "<lambda>" and change.__qualname__.startswith("_answer"):
            change(session, None)  # type: ignore[arg-type]
        other |= {name for name, value in vars(session.disputed).items() if value != getattr(Disputed(), name)}
    assert other == vars(Disputed()).keys()


@pytest.mark.parametrize("adversity", ADVERSITIES)
@pytest.mark.usefixtures("core")
def test_the_shot_comes_back_in_colour(
    nuke: Any, nuke_session: Any, comp: Comp, pump: Callable[..., Any], adversity: str
) -> None:
    import fakenuke
    from refcolorize.jobs import render
    from refcolorize.node import node_results

    ADVERSITIES[adversity](nuke_session, comp)
    comp.node["colorize"].execute()
    (running,) = pump(until=lambda: list(render.live_tasks))
    pump(until=lambda: running.wait(0))
    assert (running.state, running.error) == ("done", None)
    assert comp.status.startswith("v001 is done: 6 frames")
    assert nuke_session.artist.messages == []
    assert [bar.closed for bar in nuke_session.artist.progress] == [True]
    assert [version.frames for version in node_results.versions(comp.node)] == [6]
    reference = fakenuke.rendering.image(comp.ref, 1001)
    for frame in (1001, 1003, 1006):
        shown = fakenuke.rendering.image(comp.node, frame)
        colour = np.stack([shown[f"rgba.{name}"] for name in ("red", "green", "blue")])
        assert colour.std(axis=0).mean() > 0.02, f"frame {frame} is in colour"
        if frame == 1001:
            expected = np.stack([reference[f"rgba.{name}"] for name in ("red", "green", "blue")])
            assert np.abs(colour - expected).mean() < 0.02, "the keyframe is the artist's own picture"
    nuke.scriptOpen((comp.folder / "comp.nk").as_posix())
    again = nuke.toNode("RefColorize1")
    assert (again["version"].value(), again["job"].value()) == ("v001", running.job)
    assert again["status"].value() == "Nothing has run since the script was opened."


@pytest.mark.usefixtures("core")
def test_a_long_render_in_nuke_is_reported_and_the_next_press_works(
    nuke_session: Any, comp: Comp, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.host import main_thread

    monkeypatch.setattr(main_thread, "_BUSY_SECONDS", 0.001)
    nuke_session.executing = 1_000_000
    comp.node["colorize"].execute()
    (message,) = pump(until=lambda: nuke_session.artist.messages)
    assert "Painted (ref)" in message and "frame 1001" in message and "Wait" in message
    assert not comp.leftovers()
    nuke_session.executing = 0
    comp.node["colorize"].execute()
    pump(until=lambda: "is done" in comp.status)


@pytest.mark.usefixtures("core")
@pytest.mark.parametrize("end", ["it is done", "it fails", "it is cancelled"])
def test_no_node_is_touched_while_nuke_renders_and_the_result_is_shown_afterwards(
    nuke_session: Any, comp: Comp, pump: Callable[..., Any], end: str
) -> None:
    from refcolorize.jobs import render

    if end == "it fails":
        (comp.folder / "plate.1003.exr").unlink()
    running = render.colorize(comp.node)
    if end == "it is cancelled":
        comp.node["cancel"].execute()
    nuke_session.other_render = 12
    pump(until=lambda: running.wait(0))
    assert nuke_session.other_render == 0, "it was asked"
    assert {"it is done": "is done", "it fails": "1003", "it is cancelled": "cancelled"}[end] in comp.status


@pytest.mark.usefixtures("core")
def test_cancel_works_while_nuke_renders(nuke_session: Any, comp: Comp, pump: Callable[..., Any]) -> None:
    from refcolorize.jobs import render

    running = render.colorize(comp.node)
    nuke_session.other_render = 1_000_000
    comp.node["cancel"].execute()
    assert running._is_cancelled()
    nuke_session.other_render = 0
    pump(until=lambda: running.wait(0))


def test_a_node_deleted_while_its_button_waits_is_dropped(
    nuke: Any, nuke_session: Any, comp: Comp, pump: Callable[..., Any]
) -> None:
    nuke_session.executing = 1
    comp.node["colorize"].execute()
    nuke.delete(comp.node)
    pump(until=_after(5))
    assert nuke_session.artist.messages == []


def _after(turns: int) -> Callable[[], bool]:
    """Return True at the call with that number."""
    left = iter(range(turns))
    return lambda: next(left, None) is None


def test_a_main_thread_that_is_busy_until_the_end_shows_the_result_then(
    core: Client, comp: Comp, pump: Callable[..., Any]
) -> None:
    comp.node["colorize"].execute()
    pump(until=lambda: comp.node["job"].value())
    job = comp.node["job"].value()
    after = 0
    while (answer := core.get(f"/v1/jobs/{job}/events?after={after}&wait=5"))["job"]["state"] != "done":
        after = max([after, *(event["number"] for event in answer["events"])])
    pump(until=lambda: "is done" in comp.status)
    assert comp.frames("v001") == list(range(1001, 1007))
