"""A run that comes to nothing: what the node shows, what is saved, and what is left on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comp import Comp
from nuke_fixtures import plugin_is_idle

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("core")]

NO_PICTURE = b"no picture"


@pytest.fixture
def done(comp: Comp, pump: Callable[..., Any]) -> Comp:
    """A node that shows v001, which is complete."""
    comp.node["colorize"].execute()
    pump(until=lambda: comp.status == "v001 is done: 6 frames")
    pump(until=plugin_is_idle)
    return comp


def fail(comp: Comp, pump: Callable[..., Any], meanwhile: Callable[[], object] = lambda: None) -> None:
    """Colorize a plate whose first frames cannot be read, and do something before the core is asked."""
    for frame in range(1001, 1007):
        (comp.folder / f"plate.{frame}.exr").write_bytes(NO_PICTURE)
    comp.node["colorize"].execute()
    meanwhile()
    pump(until=lambda: "failed" in comp.status)
    pump(until=plugin_is_idle)


def shown(node: Any) -> tuple[str, str, bool]:
    return str(node["version"].value()), str(node["result_file"].value()), bool(node["use_result"].value())


def offered(node: Any) -> list[str]:
    return [str(name) for name in node["version"].values()]


def listed(node: Any) -> list[str]:
    from refcolorize.panel.node_view import version_rows

    return [f"v{row.number:03d}" for row in version_rows(node)]


def test_after_a_failure_the_saved_script_shows_what_was_shown_before(
    nuke: Any, done: Comp, pump: Callable[..., Any]
) -> None:
    before = shown(done.node)
    fail(done, pump)
    assert shown(done.node) == before
    assert not nuke.root().modified(), "the plug-in had saved the failed version, so it saves again"
    nuke.scriptOpen((done.folder / "comp.nk").as_posix())
    assert shown(nuke.toNode("RefColorize1")) == before


def test_after_a_failure_changes_of_the_artist_are_left_to_be_saved(
    nuke: Any, done: Comp, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shown(done.node)
    saves: list[str] = []
    save = nuke.scriptSave
    monkeypatch.setattr(nuke, "scriptSave", lambda *names: (saves.append("saved"), save(*names)))
    from refcolorize.node import scripts

    saved = scripts.save

    def save_and_change() -> None:
        saved()
        nuke.nodes.Grade(name="Later")

    monkeypatch.setattr(scripts, "save", save_and_change)
    fail(done, pump)
    assert shown(done.node) == before
    assert nuke.root().modified() and saves == ["saved"], "the artist has not asked to save this"
    nuke.scriptOpen((done.folder / "comp.nk").as_posix())  # without saving
    from refcolorize.jobs import render

    render.reattach()
    assert shown(nuke.toNode("RefColorize1")) == before
    pump(until=plugin_is_idle)


def test_a_job_that_failed_while_nuke_was_closed_is_told_and_shows_what_was_shown_before(
    nuke: Any, done: Comp, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.jobs import render
    from refcolorize.jobs.render_task import RenderTask

    before = shown(done.node)
    with monkeypatch.context() as crash:
        crash.setattr(RenderTask, "_withdraw", lambda _: None)
        fail(done, pump)
    nuke.scriptOpen((done.folder / "comp.nk").as_posix())
    again = nuke.toNode("RefColorize1")
    assert again["version"].value() == "v002"
    render.reattach()
    pump(until=lambda: shown(again) == before)
    pump(until=plugin_is_idle)
    assert again["status"].value().startswith("v002 failed: ")
    assert not (done.results / "v002").exists()


def test_undo_after_a_failure_does_not_show_the_failed_version(nuke: Any, done: Comp, pump: Callable[..., Any]) -> None:
    before = shown(done.node)
    fail(done, pump)
    nuke.undo()
    assert shown(done.node) == before


def test_redo_after_a_failure_does_not_bring_the_failed_version_back(
    nuke: Any, done: Comp, pump: Callable[..., Any]
) -> None:
    before = shown(done.node)
    fail(done, pump)
    for _ in range(2):  # the way back leaves redo as it was
        nuke.undo()
        nuke.redo()
        assert done.node["version"].value() == "v002", "Nuke itself brings it back"
        pump(until=lambda: shown(done.node) == before)
        assert (offered(done.node), listed(done.node)) == (["none", "v001"], ["v001"])


def test_redo_after_a_failure_compares_nothing_with_the_failed_version(
    nuke: Any, done: Comp, pump: Callable[..., Any]
) -> None:
    fail(done, pump, meanwhile=lambda: done.node["compare"].setValue("v002"))
    while nuke.Undo.undoSize():
        nuke.undo()
    while nuke.Undo.redoSize():
        nuke.redo()
    assert done.node["compare"].value() == "v002", "Nuke itself brings it back"
    pump(until=lambda: (done.node["compare"].value(), done.node["compare_file"].value()) == ("none", ""))
    assert done.node["version"].value() == "v001"


def test_redo_shows_a_failed_version_whose_job_has_coloured_frames_since(
    nuke: Any, done: Comp, pump: Callable[..., Any]
) -> None:
    fail(done, pump)
    (done.results / "v002").mkdir()
    (done.results / "v002" / "RefColorize1_v002.1001.exr").write_bytes(b"a frame")  # resumed from the page
    nuke.undo()
    nuke.redo()
    idle = list[int]()
    pump(until=lambda: idle.append(1) or len(idle) > 10)
    assert done.node["version"].value() == "v002"


def test_a_run_after_redo_that_fails_shows_what_was_shown_before_both(
    nuke: Any, done: Comp, pump: Callable[..., Any]
) -> None:
    before = shown(done.node)
    fail(done, pump)
    nuke.undo()
    nuke.redo()
    done.node["colorize"].execute()  # before Nuke is idle
    pump(until=lambda: "v003 failed" in done.status)
    pump(until=plugin_is_idle)
    assert shown(done.node) == before


def test_a_version_that_begins_again_under_its_number_stays_shown(
    nuke: Any, done: Comp, pump: Callable[..., Any]
) -> None:
    """A run that was cancelled before the core had it leaves its number to the next one."""
    done.node["light"].setValue("off")
    done.node["colorize"].execute()
    done.node["cancel"].execute()
    pump(until=plugin_is_idle)
    assert done.node["version"].value() == "v001"
    done.node["colorize"].execute()
    from refcolorize.node import shown_version

    shown_version.leave_withdrawn(done.node)  # as the panel does at each look
    assert done.node["version"].value() == "v002"
    pump(until=lambda: done.status == "v002 is done: 6 frames")
    pump(until=plugin_is_idle)


def test_a_version_is_listed_as_being_worked_on_until_its_run_has_ended(done: Comp, pump: Callable[..., Any]) -> None:
    from refcolorize.panel.node_view import version_rows

    done.node["light"].setValue("off")
    done.node["colorize"].execute()
    assert [(row.number, row.working) for row in version_rows(done.node)] == [(2, True), (1, False)]
    pump(until=lambda: done.status == "v002 is done: 6 frames")
    pump(until=plugin_is_idle)
    assert [(row.number, row.working) for row in version_rows(done.node)] == [(2, False), (1, False)]


def test_a_failed_run_leaves_no_folder_and_no_entry(done: Comp, pump: Callable[..., Any]) -> None:
    fail(done, pump)
    assert not (done.results / "v002").exists()
    assert offered(done.node) == ["none", "v001"]
    assert listed(done.node) == ["v001"]


def test_a_failed_run_leaves_what_somebody_else_put_into_its_folder_but_no_entry(
    done: Comp, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.node.versions import Results

    discard = Results.discard

    def with_notes(self: Results, version: Any, *shown_before: Any, **options: Any) -> None:
        (Path(version.path).parent / "notes.txt").write_text("mine")
        discard(self, version, *shown_before, **options)

    monkeypatch.setattr(Results, "discard", with_notes)
    fail(done, pump)
    assert [path.name for path in (done.results / "v002").iterdir()] == ["notes.txt"]
    assert (offered(done.node), listed(done.node)) == (["none", "v001"], ["v001"])


def test_the_number_of_a_failed_version_is_not_used_again_because_its_job_can_be_resumed(
    done: Comp, pump: Callable[..., Any]
) -> None:
    good = {path: path.read_bytes() for path in done.folder.glob("plate.*.exr")}
    fail(done, pump)
    for path, data in good.items():
        path.write_bytes(data)
    done.node["light"].setValue("off")
    done.node["colorize"].execute()
    pump(until=lambda: "is done" in done.status)
    pump(until=plugin_is_idle)
    assert done.status == "v003 is done: 6 frames"
    assert offered(done.node) == ["none", "v001", "v003"]


@pytest.mark.parametrize("change", ["script", "folder"])
def test_a_failed_version_is_taken_back_where_it_is_though_the_script_is_elsewhere_now(
    nuke: Any, done: Comp, pump: Callable[..., Any], change: str
) -> None:
    from refcolorize.node import node_results, withdrawn

    before = shown(done.node)

    def move() -> None:
        if change == "script":
            nuke.scriptSaveAs((done.folder / "other.nk").as_posix(), 1)
        else:
            done.node["output_folder"].setValue((done.folder / "elsewhere").as_posix())

    fail(done, pump, meanwhile=move)
    assert node_results.results(done.node).folder != done.results
    assert not (done.results / "v002").exists()
    assert withdrawn.last_number(done.results) == 2, "its job can be resumed, so no other version has this number"
    assert shown(done.node) == before


def test_a_version_with_frames_is_not_taken_back_though_the_script_is_elsewhere_now(nuke: Any, done: Comp) -> None:
    from refcolorize.node import node_results, shown_version

    (version,) = node_results.versions(done.node)
    nuke.scriptSaveAs((done.folder / "other.nk").as_posix(), 1)
    before = shown(done.node)
    shown_version.withdraw(done.node, version, shown=None, discard=True, has_job=True)
    assert shown(done.node) == before and done.frames("v001") == list(range(1001, 1007))


def test_a_failed_version_stays_if_its_number_cannot_be_kept_from_others(
    done: Comp, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.node import withdrawn

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(withdrawn, "withdraw", refuse)
    before = shown(done.node)
    fail(done, pump)
    assert (done.results / "v002").is_dir()
    assert shown(done.node) == before


@pytest.mark.parametrize("end", ["deleted", "closed"])
def test_a_node_that_is_gone_before_the_core_has_the_job_leaves_no_version_and_no_other_script_is_saved(
    nuke: Any, done: Comp, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    from refcolorize.errors import Cancelled
    from refcolorize.jobs.running_tasks import live_tasks

    done.node["light"].setValue("off")
    done.node["colorize"].execute()
    (task,) = live_tasks
    pump(until=lambda: "looking at the keyframes" in done.status)
    assert (done.results / "v002").is_dir()
    if end == "deleted":
        nuke.delete(done.node)
    else:
        nuke.scriptOpen((done.folder / "comp.nk").as_posix())  # it has a node of the same name
    saves: list[object] = []
    monkeypatch.setattr(nuke, "scriptSave", lambda *names: saves.append(names))
    pump(until=plugin_is_idle)
    assert isinstance(task.error, Cancelled), "no unexpected error"
    assert not (done.results / "v002").exists()
    assert not saves


def test_a_version_that_was_taken_back_is_no_longer_compared_nor_offered_for_it(
    done: Comp, pump: Callable[..., Any]
) -> None:
    before = shown(done.node)

    def compare() -> None:
        done.node["compare"].setValue("v002")
        assert Path(done.node["compare_file"].value()).parent == done.results / "v002"

    fail(done, pump, meanwhile=compare)
    assert [str(name) for name in done.node["compare"].values()] == ["none", "v001"]
    assert (done.node["compare"].value(), done.node["compare_file"].value()) == ("none", "")
    assert shown(done.node) == before


def copy_of(nuke: Any, node: Any) -> Any:
    node.selectOnly()
    nuke.nodeCopy("%clipboard%")
    return nuke.nodePaste("%clipboard%")


def test_a_copy_made_during_a_run_that_fails_shows_what_was_shown_before(
    nuke: Any, done: Comp, pump: Callable[..., Any]
) -> None:
    before, copies = shown(done.node), list[Any]()
    fail(done, pump, meanwhile=lambda: copies.append(copy_of(nuke, done.node)))
    assert shown(done.node) == before
    assert shown(copies[0]) == before


def test_a_copy_of_a_node_that_was_deleted_during_a_run_that_fails_shows_what_was_shown_before(
    nuke: Any, done: Comp, pump: Callable[..., Any]
) -> None:
    before, copies = shown(done.node), list[Any]()

    def copy_and_delete() -> None:
        copies.append(copy_of(nuke, done.node))
        nuke.delete(done.node)

    for frame in range(1001, 1007):
        (done.folder / f"plate.{frame}.exr").write_bytes(NO_PICTURE)
    done.node["colorize"].execute()
    copy_and_delete()
    pump(until=plugin_is_idle)
    assert shown(copies[0]) == before
    assert not (done.results / "v002").exists()


def test_a_copy_that_was_saved_with_a_version_that_came_to_nothing_shows_what_was_shown_before(
    nuke: Any, done: Comp, pump: Callable[..., Any]
) -> None:
    before = shown(done.node)
    saved = done.folder / "saved.nk"

    def copy_and_save() -> None:
        copy_of(nuke, done.node).setName("Copy")
        nuke.scriptSaveToTemp(saved.as_posix())

    fail(done, pump, meanwhile=copy_and_save)
    assert "/v002/" in saved.read_text()
    nuke.scriptOpen(saved.as_posix())  # the plug-in looks for the results of the nodes
    assert shown(nuke.toNode("Copy")) == before


def test_use_result_that_was_off_is_off_after_a_failure(done: Comp, pump: Callable[..., Any]) -> None:
    done.node["use_result"].setValue(False)
    before = shown(done.node)
    fail(done, pump)
    assert shown(done.node) == before


@pytest.mark.parametrize(("knob", "value"), [("version", "none"), ("use_result", False)])
def test_the_artists_choice_of_the_plate_during_a_run_outlasts_its_failure(
    done: Comp, pump: Callable[..., Any], knob: str, value: Any
) -> None:
    before = shown(done.node)
    fail(done, pump, meanwhile=lambda: done.node[knob].setValue(value))
    assert done.node[knob].value() == value and not done.node["use_result"].value()
    assert done.node["result_file"].value() == before[1]
    assert offered(done.node) == ["none", "v001"]


def test_a_version_that_was_taken_back_is_not_offered_though_another_is_shown(
    done: Comp, pump: Callable[..., Any]
) -> None:
    fail(done, pump, meanwhile=lambda: done.node["version"].setValue("v001"))
    assert offered(done.node) == ["none", "v001"]
    assert done.node["version"].value() == "v001"


def test_a_farm_that_has_the_version_keeps_it(comp: Comp) -> None:
    from refcolorize.node import node_results, shots
    from refcolorize.node.versions import Results

    version = shots.claim(comp.node, shots.build(comp.node))
    (Path(version.path).parent / "openjd").mkdir()
    results: Results = node_results.results(comp.node)
    results.discard(version)
    assert version.shot_file.is_file()
    assert listed(comp.node) == ["v001"], "it waits for the farm's frames"


def test_after_undo_of_a_copys_run_no_version_of_its_own_is_in_use(
    nuke: Any, done: Comp, pump: Callable[..., Any]
) -> None:
    from refcolorize.node import shown_version
    from refcolorize.panel.node_view import version_rows

    done.node.selectOnly()
    nuke.nodeCopy("%clipboard%")
    copy = nuke.nodePaste("%clipboard%")
    copy.setInput(0, done.plate)
    copy.setInput(1, done.ref)
    original = shown(copy)
    copy["light"].setValue("off")
    copy["colorize"].execute()
    pump(until=lambda: copy["status"].value().startswith("v001 is done: 6 frames"))
    pump(until=plugin_is_idle)
    assert [row.used for row in version_rows(copy)] == [True]
    nuke.undo()
    assert shown(copy) == original
    assert [row.used for row in version_rows(copy)] == [False], "the original's v001 is shown"
    read = shown_version.create_read(copy)
    assert read["file"].value() == original[1]
    confidences = shown_version.find_shown(copy).path
    assert Path(confidences).parent == done.results / "v001"
