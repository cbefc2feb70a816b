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
        freshness._asked.update({path: 0.0 for path, at in freshness._asked.items() if at < float("inf")})
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


def write_again(core: Client, comp: Comp, state: str = "done") -> None:
    """Let the core write the frames again, as its page does, and wait for the end."""
    from serving import until

    job = job_of(comp)
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


@pytest.mark.parametrize("is_followed", [True, False])
def test_a_rewrite_that_fails_half_way_leaves_the_mark_after_the_plates_are_back(
    core: Client, comp: Comp, is_followed: bool
) -> None:
    from refcolorize.jobs import render

    restore = darken_plates(comp)
    before = {number: frame(comp, number).read_bytes() for number in range(FIRST, FIRST + 6)}
    if is_followed:
        last = comp.folder / f"plate.{FIRST + 5}.exr"
        data, status = last.read_bytes(), last.stat()
        last.write_bytes(data[: len(data) // 2])
        os.utime(last, ns=(status.st_atime_ns, status.st_mtime_ns))
    else:
        lock_out(comp)
    core.request("POST", f"/v1/jobs/{job_of(comp)}/resume?write_again=true")
    if is_followed:
        render.follow(comp.node)
    wait_until(lambda: core.get(f"/v1/jobs/{job_of(comp)}")["state"] == "failed" and not has_task())
    after = {number: frame(comp, number).read_bytes() for number in before if frame(comp, number).is_file()}
    assert any(after[number] != before[number] for number in after), "some were written again"
    restore()
    assert is_marked(look(comp))
    look_until(comp, is_marked)
