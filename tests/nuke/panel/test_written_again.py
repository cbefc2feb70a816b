"""What the node says of a version follows from what its frames on disk were made from, whoever has written them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from comp import FIRST, Comp, make_comp
from qt_app import application, wait_until
from serving import Client

qapp = application()

pytestmark = pytest.mark.gui

_DONE = "v001 is done: 6 frames"


@pytest.fixture
def comp(nuke: Any, nuke_session: Any, core: Client, tmp_path: Path) -> Iterator[Comp]:
    """A script whose node has made v001; no panel is open."""
    comp = make_comp(nuke, tmp_path / "show")
    for path in comp.folder.glob("plate.*.exr"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    comp.node["colorize"].execute()
    wait_until(lambda: comp.status == _DONE and not has_task())
    assert not nuke_session.callbacks.errors
    yield comp
    wait_until(lambda: not has_task())


def has_task() -> bool:
    from refcolorize.jobs.running_tasks import live_tasks

    return bool(live_tasks)


def look(comp: Comp) -> str:
    """Return the status line after a look that is due, as if some time had passed."""
    from refcolorize.jobs import freshness

    freshness.follow_at_once(comp.node)
    return comp.status


def look_until(comp: Comp, holds: Callable[[str], bool]) -> str:
    """Look again and again, and ask the core each time, until the status line is as wanted."""
    from refcolorize.jobs import freshness

    def is_so() -> bool:
        freshness._asked.clear()
        return holds(look(comp))

    wait_until(is_so)
    return comp.status


def is_marked(status: str) -> bool:
    return "OUT OF DATE" in status


def brighten(path: Path, at: int = 1_700_000_500) -> None:
    """Write other pixels to a plate."""
    from stcolor_core.images import frame_files, plates

    pixels = plates.read(path).pixels
    frame_files.write_frame(path, {"Y": (pixels[..., 0] * 0.5, "half")})
    os.utime(path, (at, at))


def darken_plates(comp: Comp) -> Callable[[], None]:
    """Write other plates, and return what puts the former ones back, with their times."""
    backup = comp.folder.parent / "backup"
    backup.mkdir(exist_ok=True)
    plates = sorted(comp.folder.glob("plate.*.exr"))
    for path in plates:
        shutil.copy2(path, backup / path.name)
        brighten(path)

    def restore() -> None:
        for path in plates:
            shutil.copy2(backup / path.name, path)

    return restore


def job_of(comp: Comp) -> str:
    return str(comp.node["job"].value())


def write_again(core: Client, comp: Comp, state: str = "done", job: str = "") -> None:
    """Let the core write the frames of a job again, as its page does, and wait for the end; of the node's last job."""
    from serving import until

    job = job or job_of(comp)
    assert core.request("POST", f"/v1/jobs/{job}/resume?write_again=true")[0] == 200
    until(lambda: core.get(f"/v1/jobs/{job}")["state"] == state)


def frame(comp: Comp, number: int, version: str = "v001") -> Path:
    return comp.results / version / f"RefColorize1_{version}.{number}.exr"


def test_frames_that_the_page_has_written_again_are_believed_once_the_core_knows_them(
    core: Client, comp: Comp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.node import node_results

    reloads: list[str] = []
    reload_result = node_results.reload_result
    monkeypatch.setattr(node_results, "reload_result", lambda node: (reloads.append(""), reload_result(node)))
    look(comp)
    restore = darken_plates(comp)
    assert is_marked(look(comp))
    write_again(core, comp)
    look_until(comp, lambda status: not is_marked(status))
    assert len(reloads) == 1
    restore()
    assert "plate 1001-1006" in look(comp)


def test_without_a_core_frames_written_again_stay_marked_after_the_plates_are_back(
    core: Client, comp: Comp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.core import server

    monkeypatch.setattr(server, "find", lambda: None)
    restore = darken_plates(comp)
    write_again(core, comp)
    restore()
    status = look(comp)
    assert "OUT OF DATE: frames 1001-1006 of v001 were written since, and may come from other files." in status
    monkeypatch.undo()
    look(comp)
    assert is_marked(look_until(comp, is_marked)), "the core knows that they come from the other plates"


def test_an_opened_script_marks_frames_that_were_written_again_while_it_was_closed(
    nuke: Any, core: Client, comp: Comp
) -> None:
    restore = darken_plates(comp)
    name = str(nuke.root()["name"].value())
    nuke.scriptSave()
    nuke.scriptClear()
    write_again_job = core.get("/v1/queue")["jobs"][0]["id"]
    assert core.request("POST", f"/v1/jobs/{write_again_job}/resume?write_again=true")[0] == 200
    core.finish(write_again_job, after=core.get(f"/v1/jobs/{write_again_job}/events")["events"][-1]["number"])
    restore()
    nuke.scriptOpen(name)
    comp.node = nuke.toNode("RefColorize1")
    assert is_marked(comp.status)


def test_the_view_whose_job_is_not_the_nodes_last_one_is_believed_too(
    nuke: Any, nuke_session: Any, core: Client, comp: Comp
) -> None:
    from adversities import two_views

    two_views(nuke, comp)
    jobs = []
    for view in ("left", "right"):
        nuke_session.view = view
        comp.node["colorize"].execute()
        wait_until(lambda: not has_task())
        jobs.append(job_of(comp))
    assert jobs[0] != jobs[1]
    nuke_session.view = "left"
    assert not is_marked(look(comp))
    darken_plates(comp)
    assert is_marked(look(comp))
    write_again(core, comp, job=jobs[0])
    look_until(comp, lambda status: not is_marked(status))
    nuke_session.view = "right"
    assert is_marked(look(comp))


def test_a_frame_that_is_put_back_from_another_version_is_marked(core: Client, comp: Comp) -> None:
    darken_plates(comp)
    other = comp.folder / "1002.exr"
    shutil.copy2(frame(comp, 1002), other)
    write_again(core, comp)
    look_until(comp, lambda status: not is_marked(status))
    shutil.copy2(other, frame(comp, 1002))
    look_until(comp, lambda status: "frame 1002 of v001 was made from other files or settings" in status)


@pytest.mark.parametrize("is_followed", [True, False])
@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_rewrite_that_ends_half_way_leaves_the_mark_after_the_plates_are_back(
    core: Client, comp: Comp, monkeypatch: pytest.MonkeyPatch, end: str, is_followed: bool
) -> None:
    from refcolorize.jobs import render

    from stcolor_core.errors import OutputError
    from stcolor_core.pipeline.writing import FrameWriter

    restore = darken_plates(comp)
    before = {number: frame(comp, number).read_bytes() for number in range(FIRST, FIRST + 6)}
    write, job = FrameWriter.write, job_of(comp)

    def write_one(self: Any, rendered: Any, *args: Any) -> Any:
        if end == "cancelled":
            core.request("POST", f"/v1/jobs/{job}/cancel")
        elif frame(comp, FIRST).read_bytes() != before[FIRST]:
            raise OutputError("The disk is full.")
        return write(self, rendered, *args)

    monkeypatch.setattr(FrameWriter, "write", write_one)
    write_again(core, comp, end)
    if is_followed:
        render.follow(comp.node)
        wait_until(lambda: not has_task())
    written = [number for number in before if frame(comp, number).read_bytes() != before[number]]
    assert 0 < len(written) < 6
    details = core.get(f"/v1/jobs/{job}/details")
    assert details["out_of_date"]["frames"] == [number for number in before if number not in written]
    assert "Resume finishes it" in details["out_of_date"]["line"]
    status = look_until(comp, lambda status: "made from other files or settings" in status)
    assert f"frames {FIRST + len(written)}-{FIRST + 5} of v001 were made from other files" in status or len(written) > 1
    restore()
    assert is_marked(look(comp))
    assert core.get(f"/v1/jobs/{job}/details")["out_of_date"] is not None
    monkeypatch.setattr(FrameWriter, "write", write)
    write_again(core, comp)
    look_until(comp, lambda status: not is_marked(status))


def test_a_plate_that_changes_during_a_rewrite_leaves_the_mark_after_the_plates_are_back(
    core: Client, comp: Comp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.jobs import render

    restore = darken_plates(comp)
    brighten_later = [comp.folder / "plate.1003.exr"]

    def change_once(*_: Any) -> None:
        while brighten_later:
            brighten(brighten_later.pop(), 1_700_000_900)

    from stcolor_core.pipeline.writing import FrameWriter

    write = FrameWriter.write

    def write_and_change(self: Any, *args: Any) -> Any:
        change_once()
        return write(self, *args)

    monkeypatch.setattr(FrameWriter, "write", write_and_change)
    write_again(core, comp)
    render.follow(comp.node)
    wait_until(lambda: not has_task())
    assert not brighten_later
    assert "these have changed: plate 1003." in look(comp)
    restore()
    assert is_marked(look(comp))
    comp.node["colorize"].execute()
    wait_until(lambda: not has_task())
    assert comp.status.startswith("v002 is done"), "v001 is not overwritten"


def test_only_frames_that_have_changed_since_they_were_written_again_are_named(core: Client, comp: Comp) -> None:
    brighten(comp.folder / "plate.1003.exr", 1_700_000_500 + 10**9)
    assert "changed: plate 1003." in look(comp)
    write_again(core, comp)
    look_until(comp, lambda status: not is_marked(status))
    brighten(comp.folder / "plate.1005.exr", 1_700_000_600 + 10**9)
    assert "changed: plate 1005." in look(comp)


def test_a_frame_beyond_the_end_hides_no_change(comp: Comp) -> None:
    brighten(comp.folder / "plate.1003.exr", 1_600_000_000)
    shutil.copy(comp.folder / "plate.1006.exr", comp.folder / "plate.1007.exr")
    assert "changed: plate 1003." in look(comp)
    (comp.results / "v001" / "made_from.json").write_text("{}")  # as for a farm's version, nothing is known
    assert not is_marked(look(comp))


def test_a_locked_frame_stays_marked_and_a_painted_one_is_not_called_out_of_date(core: Client, comp: Comp) -> None:
    from stcolor_core.images import frame_files, plates

    locked, painted = frame(comp, 1006), frame(comp, 1003)
    locked.chmod(0o444)
    grey = plates.read(painted).pixels[..., 0]
    frame_files.write_frame(painted, dict.fromkeys("RGB", (grey, "half")))
    look_until(comp, lambda status: not is_marked(status))
    darken_plates(comp)
    write_again(core, comp)
    status = look_until(comp, lambda status: "made from other files" in status)
    assert "OUT OF DATE: frame 1006 of v001 was made from other files or settings. " in status


def test_a_version_that_the_page_has_made_is_out_of_date_like_any_other(core: Client, comp: Comp) -> None:
    from refcolorize.node import keyframes, node_results
    from serving import until

    details = core.get(f"/v1/jobs/{job_of(comp)}/details")
    reference = Path(details["references"]["1001"])
    shutil.copy(reference, reference.with_name(reference.name.replace("1001", "1006")))
    status, answer = core.request("POST", f"/v1/jobs/{job_of(comp)}/key", {"frame": 1006})
    assert status == 200, answer
    until(lambda: core.get(f"/v1/jobs/{answer['id']}")["state"] == "done")
    keyframes.add_key(comp.node, 1006)
    node_results.offer_versions_on_disk(comp.node)
    node_results.show(comp.node, "v002")
    first, second = node_results.Results(comp.results, "RefColorize1").versions()
    look_until(comp, lambda _: second.shot_file.is_file() and not has_question())
    status = look(comp)
    assert "changed: reference 1006." in status, "its picture is not the node's"
    keyframes.remove_key(comp.node, 1006)
    assert "changed: keyframes (1006 removed)." in look(comp)
    assert (first.keyframes(), second.keyframes()) == ((1001, 1004), (1001, 1004, 1006))
    brighten(comp.folder / "plate.1003.exr")
    assert "plate 1003" in look(comp) and is_marked(comp.status)


def has_question() -> bool:
    """Whether the core is being asked."""
    from refcolorize.jobs import freshness

    return bool(freshness._asking)


class SlowCore:
    """The core, which looks at the files some time after it was asked."""

    def __init__(self, core: Any, meanwhile: Callable[[], object]) -> None:
        self._core, self._meanwhile = core, meanwhile

    def details(self, job: str) -> Any:
        self._meanwhile()
        return self._core.details(job)


@pytest.mark.usefixtures("core")
def test_plates_that_are_put_back_while_the_core_looks_are_not_told_as_changed(comp: Comp) -> None:
    from refcolorize.core import server
    from refcolorize.jobs.origins import store_origin

    frames = (comp.results / "v001" / "RefColorize1_v001.####.exr").as_posix()
    restore = darken_plates(comp)
    assert not store_origin(SlowCore(server.find(), restore), frames, job_of(comp))
    assert not is_marked(look(comp))
    assert store_origin(SlowCore(server.find(), bool), frames, job_of(comp))
    assert not is_marked(look(comp))


def test_a_preview_says_what_has_changed_since_it_was_made(comp: Comp) -> None:
    from refcolorize.jobs import render
    from refcolorize.node import keyframes

    render.preview(comp.node, 1006)
    wait_until(lambda: "PREVIEW: frame 1006" in comp.status and not has_task())
    assert "these have changed" not in look(comp)
    restore = darken_plates(comp)
    assert "Since the preview of 1006 was made, these have changed: plate 1004-1006. Preview it again." in look(comp)
    restore()
    assert "these have changed" not in look(comp)
    keyframes.remove_key(comp.node, 1004)
    assert "the preview of 1006 was made, these have changed" in look(comp)
    assert comp.status.index("PREVIEW") < comp.status.index("preview of 1006") < comp.status.index("OUT OF DATE")
    comp.node["leave_preview"].execute()
    assert "preview of 1006" not in comp.status
