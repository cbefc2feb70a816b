"""Colorize, Preview and Cancel from the node, over the strict fake of Nuke, with a real core on a real socket."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comp import Comp
from qt_dialogs import Dialogs
from serving import Client, running_core

from stcolor_core.images import plates
from stcolor_core.images.frame_files import pixel_hash

pytestmark = pytest.mark.usefixtures("state")


# Without a GUI: nuke -t


@pytest.mark.usefixtures("core")
def test_in_a_terminal_colorize_returns_with_the_whole_shot(comp: Comp, render: Any) -> None:
    running = render.colorize(comp.node)
    assert running.state == "done"
    assert comp.status == "v001 is done: 6 frames"
    assert comp.frames("v001") == list(range(1001, 1007))
    assert comp.node["version"].value() == "v001"
    expected = (comp.results / "v001" / "RefColorize1_v001.####.exr").as_posix()
    assert comp.node["result_file"].toScript() == expected
    assert comp.node["use_result"].value()
    assert comp.node["job"].value() == running.job
    assert not comp.leftovers()


@pytest.mark.usefixtures("core")
def test_the_confidence_of_each_frame_is_kept_with_the_version(comp: Comp, render: Any) -> None:
    from refcolorize.node import node_results
    from refcolorize.node.frame_curve import read_confidence
    from refcolorize.panel.node_view import version_rows

    render.colorize(comp.node)
    (version,) = node_results.versions(comp.node)
    assert sorted(version.confidence()) == list(range(1001, 1007))
    assert read_confidence(version.path) == pytest.approx(version.confidence(), abs=1e-3)
    node_results.comment_version(comp.node, 1, "for dailies")
    (line,) = version_rows(comp.node)
    assert (line.keys, line.comment) == ((1001, 1004), "for dailies")
    assert line.confidence == pytest.approx(np.mean(list(version.confidence().values())))


@pytest.mark.usefixtures("core")
def test_the_node_shows_the_pixels_that_the_core_wrote(nuke_session: Any, comp: Comp, render: Any) -> None:
    import fakenuke

    render.colorize(comp.node)
    shown = fakenuke.rendering.image(comp.node, 1003)
    written = plates.read(comp.results / "v001" / "RefColorize1_v001.1003.exr")
    found = np.stack([shown[f"rgba.{name}"] for name in ("red", "green", "blue")], axis=-1)
    np.testing.assert_allclose(found, plates.rgb(written), atol=4e-3)
    assert found.std(axis=-1).mean() > 0.02, "it is in colour"
    for name in ("rc_ab.u", "rc_conf.warp", "rc_st.u"):
        np.testing.assert_array_equal(shown[name], written.pixels[..., written.channels.index(name)])


def test_a_job_is_named_after_its_script_node_and_version(comp: Comp, render: Any, core: Client) -> None:
    import nuke

    nuke.root()["name"].setValue((comp.folder / "sh010_comp.nk").as_posix())
    render.colorize(comp.node)
    render.preview(comp.node, 1002)
    names = {job["name"] for job in core.get("/v1/jobs")}
    assert names == {"sh010_comp · RefColorize1 · v001", "sh010_comp · RefColorize1 · preview"}


@pytest.mark.usefixtures("core")
def test_an_invalid_shot_raises_the_message_of_the_core(comp: Comp, render: Any) -> None:
    from refcolorize.errors import RefColorizeError

    (comp.folder / "plate.1003.exr").unlink()
    with pytest.raises(RefColorizeError, match=r"RefColorize1: .*1003.*missing"):
        render.colorize(comp.node)
    assert "failed" in comp.status


def test_without_a_core_the_attempts_are_reported(comp: Comp, render: Any) -> None:
    from refcolorize.errors import CoreUnreachable

    with pytest.raises(CoreUnreachable, match="STCOLOR_PYTHON") as raised:
        render.colorize(comp.node)
    assert any("connection.json" in line for line in raised.value.tried)
    assert "/no/core/can/be/started" in raised.value.tried[-1]
    assert "failed" in comp.status


@pytest.mark.usefixtures("core")
def test_an_unchanged_shot_computes_nothing_and_a_change_makes_a_version(comp: Comp, render: Any) -> None:
    render.colorize(comp.node)
    before = {path: path.stat().st_mtime_ns for path in (comp.results / "v001").iterdir()}
    render.colorize(comp.node)
    assert {path: path.stat().st_mtime_ns for path in (comp.results / "v001").iterdir()} == before
    comp.node["working_height"].setValue(68)
    render.colorize(comp.node)
    assert comp.node["version"].values() == ["none", "v001", "v002"]
    assert comp.frames("v002") == comp.frames("v001")
    assert {path: path.stat().st_mtime_ns for path in (comp.results / "v001").iterdir()} == before


def contents(comp: Comp) -> dict[Path, bytes]:
    """The frames of v001."""
    return {path: path.read_bytes() for path in (comp.results / "v001").glob("*.exr")}


def test_no_frame_is_overwritten_with_a_keyframe_that_the_page_was_given(comp: Comp, render: Any, core: Client) -> None:
    before = render.colorize(comp.node).job
    gone = comp.results / "v001" / "RefColorize1_v001.1005.exr"
    frames, expected = contents(comp), pixel_hash(gone)
    references = core.get(f"/v1/jobs/{before}/details")["references"]
    shutil.copy(references["1004"], Path(references["1004"]).with_name("ref.1006.exr"))
    status, made = core.request("POST", f"/v1/jobs/{before}/key", {"frame": 1006})
    assert status == 200
    core.finish(made["id"])
    gone.unlink()
    render.colorize(comp.node)
    assert {**contents(comp), gone: b""} == {**frames, gone: b""}
    assert pixel_hash(gone) == expected
    assert core.get(f"/v1/jobs/{before}/frames")["keyframes"] == [1001, 1004]


def test_a_version_that_would_come_out_different_stays_and_the_run_makes_the_next_one(
    comp: Comp, render: Any, core: Client
) -> None:
    render.colorize(comp.node)
    frames = contents(comp)
    shot = json.loads((comp.results / "v001" / "shot.json").read_text())
    method = {**shot["method"], "working_height": 68}
    other = core.request("POST", "/v1/jobs", {**shot, "method": method})[1]  # as of another version of the core
    core.finish(other["id"])
    changed = contents(comp)
    assert changed != frames
    stays = "v001 stays as it is, as its frames would come out different now"
    assert render.colorize(comp.node).path.endswith("RefColorize1_v002.####.exr")
    assert comp.status.startswith("v002 is done: 6 frames.") and comp.status.endswith(stays)
    assert comp.node["version"].value() == "v002"
    assert comp.frames("v002") == comp.frames("v001")
    assert core.get(f"/v1/jobs/{comp.node['job'].value()}")["output"].endswith("v002.####.exr")
    render.colorize(comp.node)
    assert comp.status == "v002 is done: 6 frames"
    assert contents(comp) == changed


@pytest.mark.usefixtures("core")
def test_a_script_saved_under_another_name_is_told_once_where_its_versions_go(
    nuke: Any, comp: Comp, render: Any
) -> None:
    render.colorize(comp.node)
    nuke.scriptSaveAs((comp.folder / "comp_v002.nk").as_posix(), 1)
    comp.node["working_height"].setValue(68)
    render.colorize(comp.node)
    assert "stay in" not in comp.status, "all versions of a script have one folder"
    nuke.scriptSaveAs((comp.folder / "precomp.nk").as_posix(), 1)
    own = comp.folder / "refcolorize" / "precomp" / "RefColorize1"
    render.colorize(comp.node)
    assert comp.status.endswith(
        f"The versions go to {own.as_posix()} from now on, the earlier ones stay in {comp.results.as_posix()}"
    )
    assert comp.node["result_file"].value().startswith(own.as_posix())
    comp.node["working_height"].setValue(72)
    render.colorize(comp.node)
    assert "stay in" not in comp.status


@pytest.mark.usefixtures("core")
def test_a_new_key_recomputes_only_the_frames_that_it_affects(comp: Comp, render: Any, core: Client) -> None:
    from refcolorize.node import keyframes

    keyframes.remove_key(comp.node, 1004)
    keyframes.add_key(comp.node, 1003)
    comp.ref["on_error"].setValue("nearest frame")
    comp.ref["file"].setValue((comp.folder / "ref.1001.exr").as_posix())
    render.colorize(comp.node)
    keyframes.add_key(comp.node, 1006)
    running = render.colorize(comp.node)
    events = core.get(f"/v1/jobs/{running.job}/events?wait=0")["events"]
    kept = {event["frame"]: event["kept"] for event in events if event["kind"] == "frame"}
    assert kept == {1001: True, 1002: True, 1003: True, 1004: False, 1005: False, 1006: False}


@pytest.mark.usefixtures("core")
def test_a_preview_shows_one_frame_and_keeps_the_versions(comp: Comp, render: Any) -> None:
    render.colorize(comp.node)
    comp.nuke.frame(1005)
    render.preview(comp.node)
    assert comp.frames("preview") == [1005]
    assert comp.node["version"].value() == "v001"
    assert comp.node["version"].values() == ["none", "v001"]
    assert comp.status == "preview is done: 1 frame. PREVIEW: frame 1005 over v001. Leave preview goes back to v001"
    read = comp.node.node("Previewed")
    assert (read["first"].value(), read["last"].value()) == (1005, 1005)
    from refcolorize.node import previews

    previews.leave(comp.node)
    assert (read["first"].value(), read["last"].value()) == (1001, 1006)


# With a GUI


@pytest.mark.gui
@pytest.mark.usefixtures("core")
def test_nuke_stays_usable_and_progress_shows_frames_and_time(
    nuke_session: Any, long_comp: Comp, pump: Callable[..., Any]
) -> None:
    comp = long_comp
    undone = len(nuke_session.undo.names)
    comp.node["colorize"].execute()
    assert comp.frames("v001") != list(range(1001, 1061)), "it has come back before the shot was done"
    read = comp.node.node("Result")
    assert (read["first"].value(), read["last"].value()) == (1001, 1060)
    pump(until=lambda: " frame" in comp.status)
    pump(until=lambda: "done" in comp.status)
    assert nuke_session.undo.names[undone:] == ["Colorize v001"], "progress reports are not undo steps"
    (bar,) = nuke_session.artist.progress
    assert bar.percents == sorted(bar.percents) and bar.percents[-1] == 100
    assert any("left" in words for words in bar.messages)
    pump(until=lambda: bar.closed)
    assert nuke_session.artist.messages == []


@pytest.mark.gui
@pytest.mark.usefixtures("core")
def test_results_appear_while_they_are_being_made(nuke_session: Any, long_comp: Comp, pump: Callable[..., Any]) -> None:
    reloads: list[int] = []
    read = long_comp.node.node("Result")
    long_comp.node["colorize"].execute()
    shown = nuke_session.run_button
    nuke_session.run_button = lambda knob: (reloads.append(1) if knob is read["reload"] else None, shown(knob))[1]
    pump(until=lambda: "done" in long_comp.status)
    assert len(reloads) >= 2


@pytest.mark.gui
def test_undo_reverts_a_version(core: Client, comp: Comp, nuke_session: Any, pump: Callable[..., Any]) -> None:
    comp.node["colorize"].execute()
    pump(until=lambda: "done" in comp.status)
    comp.nuke.undo()
    assert comp.node["version"].value() == "none"
    assert comp.node["result_file"].value() == ""
    comp.nuke.redo()
    assert comp.node["version"].value() == "v001"


@pytest.mark.gui
@pytest.mark.parametrize("how", ["the button", "the progress bar"])
def test_cancel_stops_the_core_and_keeps_the_finished_frames(
    core: Client, nuke_session: Any, endless_comp: Comp, pump: Callable[..., Any], how: str
) -> None:
    comp = endless_comp
    comp.node["colorize"].execute()
    pump(until=lambda: comp.frames("v001"))
    if how == "the button":
        comp.node["cancel"].execute()
    else:
        nuke_session.artist.cancels = lambda _: True
    pump(until=lambda: "was cancelled" in comp.status)
    job = core.get(f"/v1/jobs/{comp.node['job'].value()}")
    assert job["state"] == "cancelled"
    assert 0 < len(comp.frames("v001")) < 300
    assert nuke_session.artist.messages == [], "an artist who cancels needs no message"
    nuke_session.artist.cancels = lambda _: False
    comp.node["colorize"].execute()
    kept = len(comp.frames("v001"))
    pump(until=lambda: len(comp.frames("v001")) > kept)
    assert comp.node["version"].value() == "v001", "the stopped version continues"


@pytest.mark.gui
def test_cancel_stops_every_waiting_preview(
    core: Client, comp: Comp, render: Any, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.jobs.core_link import CoreLink

    cancelled = threading.Event()
    reach = CoreLink.reach
    monkeypatch.setattr(CoreLink, "reach", lambda self: cancelled.wait(60) and reach(self))
    previews = [render.preview(comp.node, frame) for frame in (1002, 1003, 1005)]
    comp.node["cancel"].execute()
    cancelled.set()
    pump(until=lambda: all(each.wait(0) for each in previews))
    assert [each.state for each in previews] == ["cancelled"] * 3
    assert core.get("/v1/jobs") == []


@pytest.mark.gui
@pytest.mark.usefixtures("core")
def test_cancel_without_a_job_is_reported(nuke_session: Any, comp: Comp) -> None:
    comp.node["cancel"].execute()
    assert nuke_session.artist.messages == ["RefColorize1 has no running job. Press Colorize to start one."]


@pytest.mark.gui
@pytest.mark.usefixtures("core")
def test_colorize_pressed_twice_is_one_job(
    nuke_session: Any, long_comp: Comp, pump: Callable[..., Any], core: Client
) -> None:
    long_comp.node["colorize"].execute()
    long_comp.node["colorize"].execute()
    pump(until=lambda: "done" in long_comp.status)
    assert len(nuke_session.artist.progress) == 1
    assert len(core.get("/v1/jobs")) == 1


@pytest.mark.gui
@pytest.mark.usefixtures("core")
def test_a_failed_job_is_reported_with_its_frame(nuke_session: Any, comp: Comp, pump: Callable[..., Any]) -> None:
    (comp.folder / "plate.1003.exr").write_bytes(b"no picture")
    comp.node["colorize"].execute()
    dialogs = Dialogs()
    pump(until=dialogs.look)
    assert "1003" in dialogs.shown[0]
    assert nuke_session.artist.messages == []
    assert "failed" in comp.status


@pytest.mark.gui
@pytest.mark.usefixtures("core")
def test_a_node_deleted_during_its_job_causes_no_error(
    nuke_session: Any, long_comp: Comp, render: Any, pump: Callable[..., Any], core: Client
) -> None:
    long_comp.node["colorize"].execute()
    pump(until=lambda: " frame" in long_comp.status)
    running = next(iter(render.live_tasks))
    long_comp.nuke.delete(long_comp.node)
    pump(until=lambda: running.wait(0))
    assert running.state == "done"
    assert len(long_comp.frames("v001")) == 60


@pytest.mark.gui
def test_without_a_core_the_artist_sees_the_attempts_and_can_choose_a_remedy(
    nuke_session: Any, comp: Comp, pump: Callable[..., Any], state: Path
) -> None:
    dialogs = Dialogs()
    dialogs.answers += ["Show log", "Close", "Troubleshoot", "Close", "Cancel"]
    comp.node["colorize"].execute()
    pump(until=lambda: dialogs.look() and "failed" in comp.status)
    first, log, again, looked, _ = dialogs.shown
    assert "What was tried" in first and "/no/core/can/be/started" in first
    assert str(state) in log
    assert again == first
    assert "STCOLOR_PYTHON" in looked and "All are as expected. Nothing to do." in looked and looked.count("\n") >= 2
    assert not dialogs.answers and nuke_session.artist.messages == nuke_session.artist.panels == []


@pytest.mark.gui
def test_start_core_tries_again_and_the_job_runs(
    nuke_session: Any, comp: Comp, pump: Callable[..., Any], state: Path
) -> None:
    dialogs = Dialogs()
    with running_core(state, device="cpu") as client:
        connection = state / "connection.json"
        words = connection.read_bytes()
        connection.unlink()  # as if it were not there yet

        comp.node["colorize"].execute()
        pump(until=dialogs.look)
        connection.write_bytes(words)
        dialogs.press("Start core")
        pump(until=lambda: "done" in comp.status)
        assert len(client.get("/v1/jobs")) == 1


@pytest.mark.gui
def test_a_stopped_core_is_reported_and_the_job_continues_on_the_next_core(
    nuke_session: Any, long_comp: Comp, state: Path, pump: Callable[..., Any], render: Any
) -> None:
    with running_core(state, device="cpu"):
        long_comp.node["colorize"].execute()
        pump(until=lambda: " frame" in long_comp.status)
    pump(until=lambda: "was stopped" in long_comp.status)
    assert "failed" not in long_comp.status, "it goes on when the core runs again"
    with running_core(state, device="cpu") as client:
        job = long_comp.node["job"].value()
        render.reattach()
        pump(until=lambda: "done" in long_comp.status, seconds=120)
        assert client.get(f"/v1/jobs/{job}")["state"] == "done"
    assert len(long_comp.frames("v001")) == 60


@pytest.mark.gui
@pytest.mark.usefixtures("core")
def test_a_reopened_script_follows_its_job(
    nuke: Any, nuke_session: Any, long_comp: Comp, render: Any, pump: Callable[..., Any]
) -> None:
    long_comp.node["colorize"].execute()
    pump(until=lambda: long_comp.node["job"].value())
    nuke.scriptSave()
    (first,) = render.live_tasks
    render.live_tasks.clear()  # as another Nuke has it
    nuke.scriptOpen((long_comp.folder / "comp.nk").as_posix())
    node = nuke.toNode("RefColorize1")
    pump(until=lambda: "done" in str(node["status"].value()))
    pump(until=lambda: first.wait(0))
    assert len(long_comp.frames("v001")) == 60
    assert len(nuke_session.artist.progress) == 2


@pytest.mark.gui
def test_a_node_that_cannot_be_edited_does_not_keep_the_others_from_being_relinked(
    nuke: Any, comp: Comp, render: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.node import node_results, nodes

    with nuke.nodes.LiveGroup(name="Published"):
        locked = nodes.create()
    relinked: list[Any] = []

    def relink(node: Any) -> None:
        if node == locked:
            raise RuntimeError("the group is locked")
        relinked.append(node)

    monkeypatch.setattr(node_results, "relink", relink)
    render.reattach()
    assert relinked == [comp.node]


@pytest.mark.gui
def test_reattaching_starts_no_core_and_tolerates_a_missing_one(comp: Comp, render: Any) -> None:
    comp.node["job"].setValue("0123456789abcdef")
    render.reattach()
    thread = next((each for each in threading.enumerate() if each.name == "refcolorize reattach"), None)
    if thread is not None:
        thread.join(30)
    assert comp.status == "No result yet."


@pytest.mark.gui
@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_folder_without_rights_is_named(nuke_session: Any, comp: Comp, core: Client) -> None:
    (comp.folder / "refcolorize").mkdir(mode=0o500)
    comp.node["colorize"].execute()
    assert "Choose another output folder" in nuke_session.artist.messages[0]
