"""Keyframes without colour: Colorize asks before it begins, and a version that came to nothing is not in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comp import Comp
from qt_dialogs import Dialogs
from serving import Client

from stcolor_core.images import frame_files

pytestmark = [pytest.mark.usefixtures("state"), pytest.mark.usefixtures("core")]


@pytest.fixture
def unpainted(comp: Comp) -> Comp:
    """A shot with two keys, at the second of which ref is black."""
    black = np.zeros((64, 96), np.float32)
    frame_files.write_frame(comp.folder / "ref.1004.exr", dict.fromkeys("RGB", (black, "half")))
    return comp


def last_flaws(comp: Comp) -> dict[int, str] | None:
    from refcolorize.jobs.reference_check import last_flaws

    found = last_flaws(comp.node.fullName())
    return None if found is None else dict(found)


def jobs(core: Client, comp: Comp) -> list[dict[str, Any]]:
    """The jobs that write into the node's folder."""
    return [job for job in core.get("/v1/jobs") if str(comp.results) in job["output"]]


def test_without_a_gui_an_unpainted_key_is_an_error_that_a_script_can_confirm(unpainted: Comp, render: Any) -> None:
    from refcolorize.errors import RefColorizeError

    comp = unpainted
    with pytest.raises(RefColorizeError, match=r"RefColorize1: Keyframe 1004 has no colour\. Paint ref there"):
        render.colorize(comp.node)
    assert not (comp.results / "v001").exists(), "nothing came of it"
    assert (comp.node["version"].value(), comp.node["version"].values()) == ("none", ["none"])
    assert not comp.node["use_result"].value()
    assert last_flaws(comp) == {1004: "no_color"}
    assert render.colorize(comp.node, confirmed=True).state == "done"
    assert comp.node["version"].value() == "v001"


def test_a_painted_key_is_no_longer_flagged(unpainted: Comp, render: Any) -> None:
    comp = unpainted
    render.colorize(comp.node, confirmed=True)
    (comp.folder / "ref.1004.exr").write_bytes((comp.folder / "ref.1001.exr").read_bytes())
    assert render.colorize(comp.node).state == "done"
    assert last_flaws(comp) == {}
    assert comp.node["version"].value() == "v002"


@pytest.mark.gui
def test_the_artist_is_asked_once_for_a_version(unpainted: Comp, pump: Callable[..., Any], core: Client) -> None:
    comp, artist = unpainted, Dialogs()
    comp.node["colorize"].execute()
    pump(until=artist.look)
    assert comp.status == "v001: waiting for an answer about keyframes without colour"
    artist.press("Colorize anyway")
    assert "RefColorize1: Keyframe 1004 has no colour" in artist.shown[0]
    assert "1004: ref has no colour there." in artist.shown[0]
    pump(until=lambda: "done" in comp.status)
    comp.node["status"].setValue("")
    comp.node["colorize"].execute()
    pump(until=lambda: "done" in comp.status)
    assert len(artist.shown) == 1
    assert len(jobs(core, comp)) == 1


@pytest.mark.gui
@pytest.mark.parametrize(("button", "frame"), [("Cancel", 1001), ("Go to 1004", 1004)])
def test_painting_first_leaves_the_node_as_it_was(
    unpainted: Comp, nuke_session: Any, pump: Callable[..., Any], core: Client, button: str, frame: int
) -> None:
    comp, artist = unpainted, Dialogs()
    comp.nuke.frame(1001)
    artist.answers.append(button)
    comp.node["colorize"].execute()
    pump(until=artist.look)
    pump(until=lambda: "Paint ref there" in comp.status)
    assert comp.nuke.frame() == frame
    assert jobs(core, comp) == []
    assert comp.node["version"].values() == ["none"]
    assert not (comp.results / "v001").exists()
    assert len(artist.shown) == 1, "the refusal needs no second dialog"
    assert nuke_session.artist.messages == []


@pytest.mark.gui
def test_cancel_on_the_node_closes_the_question(unpainted: Comp, pump: Callable[..., Any]) -> None:
    comp, artist = unpainted, Dialogs()
    comp.node["colorize"].execute()
    pump(until=artist.look)
    comp.node["cancel"].execute()
    pump(until=lambda: "Paint ref there" in comp.status or "was cancelled" in comp.status)
    assert comp.node["version"].value() == "none"


def test_a_version_that_failed_without_a_frame_is_not_in_use(comp: Comp, render: Any) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.panel.node_view import version_rows

    (comp.folder / "plate.1003.exr").rename(comp.folder / "away.exr")
    with pytest.raises(RefColorizeError, match="1003"):
        render.colorize(comp.node)
    assert comp.node["version"].value() == "none"
    assert not comp.node["use_result"].value()
    assert [(row.number, row.frames, row.used) for row in version_rows(comp.node)] == []
    (comp.folder / "away.exr").rename(comp.folder / "plate.1003.exr")
    render.colorize(comp.node)
    shown = comp.node["version"].value()
    (comp.folder / "plate.1003.exr").unlink()
    with pytest.raises(RefColorizeError, match="1003"):
        render.colorize(comp.node)
    assert comp.node["version"].value() == shown, "what was shown before is shown again"
    assert comp.node["use_result"].value()


def test_only_an_empty_version_is_removed(comp: Comp) -> None:
    from refcolorize.node import node_results
    from refcolorize.node.version import Version

    results = node_results.results(comp.node)
    version = Version(1, results.pattern("v001"), 0)
    version.shot_file.parent.mkdir(parents=True)
    for name in ("shot.json", "made_from.json", "notes.txt"):
        (version.shot_file.parent / name).write_text("{}")
    results.discard(version)
    assert [path.name for path in version.shot_file.parent.iterdir()] == ["notes.txt"], "somebody's file"
    (version.shot_file.parent / "notes.txt").unlink()
    results.discard(version)
    assert not version.shot_file.parent.exists()
