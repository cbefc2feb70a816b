"""Inputs that a second Nuke renders: a real process over the strict fake, from the button to the picture."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comp import PLUGIN, Comp
from farming import goes

from stcolor_core.images import plates

__all__ = ["goes"]

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("core")]

HERE = Path(__file__).resolve().parents[1]


@pytest.fixture
def second(nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Second]:
    from second_program import make_second_nuke

    second = Second(make_second_nuke(tmp_path / "program"), tmp_path / "second.log", monkeypatch)
    monkeypatch.setattr(nuke, "EXE_PATH", second.program.as_posix())
    monkeypatch.setenv("SECOND_NUKE_LOG", str(second.log))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    yield second
    assert list((tmp_path / "temporary").iterdir()) == [], "the copy of the script is gone"


class Second:
    """The second Nuke of a test."""

    def __init__(self, program: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program, self.log, self._monkeypatch = program, log, monkeypatch

    def goes(self, how: str) -> None:
        self._monkeypatch.setenv("SECOND_NUKE_GOES", how)

    def starts(self) -> list[str]:
        """Return the arguments of each start."""
        return [line.partition(" ")[2] for line in self._lines()]

    def process(self) -> int:
        return int(self._lines()[-1].partition(" ")[0])

    def _lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []


@pytest.fixture
def graded(nuke: Any, comp: Comp) -> Comp:
    """One whose ref is no plain Read."""
    comp.node.setInput(1, nuke.nodes.Multiply(inputs=[comp.ref], value=2.0, name="Graded"))
    comp.nuke.scriptSave()
    return comp


def rendered_frames(nuke: Any) -> list[int]:
    """Return a list that gets the frames that this Nuke renders."""
    frames: list[int] = []
    nuke.addAfterFrameRender(lambda: frames.append(int(nuke.frame())))
    return frames


def colorized(comp: Comp, pump: Callable[..., Any]) -> Any:
    from refcolorize.jobs import render

    comp.node["colorize"].execute()
    (running,) = pump(until=lambda: list(render.live_tasks))
    pump(until=lambda: running.wait(0))
    return running


def test_the_inputs_are_rendered_elsewhere_and_the_shot_is_coloured(
    nuke: Any, graded: Comp, second: Second, pump: Callable[..., Any]
) -> None:
    here = rendered_frames(nuke)
    nodes = nuke.allNodes()
    running = colorized(graded, pump)
    assert (running.state, running.error) == ("done", None)
    assert graded.status.startswith("v001 is done: 6 frames")  # and ref has other light than the graded plate
    assert here == [], "the artist's Nuke renders nothing"
    assert [start.split()[0] for start in second.starts()] == ["-i"]
    (folder,) = (path for path in (graded.results / "inputs").iterdir())
    assert sorted(path.name for path in folder.iterdir()) == ["contents.json", "ref.1001.exr", "ref.1004.exr"]
    rendered, painted = plates.read(folder / "ref.1004.exr"), plates.read(graded.folder / "ref.1004.exr")
    np.testing.assert_allclose(plates.rgb(rendered), 2 * plates.rgb(painted), rtol=1e-3)
    assert not graded.leftovers()
    assert nuke.allNodes() == nodes


def test_the_progress_names_the_inputs(
    graded: Comp, second: Second, nuke_session: Any, pump: Callable[..., Any]
) -> None:
    second.goes("slow")
    colorized(graded, pump)
    (bar,) = nuke_session.artist.progress
    assert "inputs: starting a second Nuke for the inputs" in bar.messages
    assert any("rendering ref" in message and "of 2 frames" in message for message in bar.messages)
    assert bar.closed


def test_colorize_twice_renders_nothing_twice_and_a_changed_key_one_frame(
    nuke: Any, graded: Comp, second: Second, pump: Callable[..., Any]
) -> None:
    from refcolorize.node import keyframes, shots

    colorized(graded, pump)
    colorized(graded, pump)
    assert len(second.starts()) == 1, "nothing was left to render"
    shutil.copyfile(graded.folder / "ref.1004.exr", graded.folder / "ref.1006.exr")  # else it would be black
    keyframes.add_key(graded.node, 1006)
    known = {path.name: path.stat().st_mtime_ns for path in (graded.results / "inputs").rglob("*.exr")}
    (render,) = shots.plan(graded.node).missing
    assert render.missing == (1006,)
    colorized(graded, pump)
    assert len(second.starts()) == 2
    newest = max((graded.results / "inputs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert {name: (newest / name).stat().st_mtime_ns for name in known} == known


def test_pressing_colorize_again_meanwhile_starts_no_third_nuke(
    graded: Comp, second: Second, pump: Callable[..., Any]
) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.jobs import render
    from refcolorize.node import keyframes

    second.goes("hangs")
    running = render.colorize(graded.node)
    pump(until=second.starts)
    assert render.colorize(graded.node) is running
    keyframes.remove_key(graded.node, 1004)
    with pytest.raises(RefColorizeError, match="still rendering its inputs"):
        render.colorize(graded.node)
    running.cancel()
    pump(until=lambda: running.wait(0))
    assert len(second.starts()) == 1


def test_clean_up_waits_for_the_second_nuke(
    nuke_session: Any, graded: Comp, second: Second, pump: Callable[..., Any]
) -> None:
    from refcolorize.jobs import render

    second.goes("hangs")
    running = render.colorize(graded.node)
    graded.node["clean_up"].execute()
    (message,) = nuke_session.artist.messages
    assert "inputs are being rendered" in message and "Cancel" in message
    running.cancel()
    pump(until=lambda: running.wait(0))


@pytest.mark.parametrize("how", ["hangs", "deaf"])
def test_cancel_ends_the_second_nuke_and_leaves_nothing(
    graded: Comp, second: Second, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    from refcolorize.jobs import render, second_nuke

    monkeypatch.setattr(second_nuke, "_END_SECONDS", 1.0)
    second.goes(how)
    running = render.colorize(graded.node)
    pump(until=lambda: "rendering ref" in graded.status)
    graded.node["cancel"].execute()
    pump(until=lambda: running.wait(0))
    assert running.state == "cancelled"
    assert graded.status == "Rendering ref was cancelled. Nothing was changed."
    assert not is_alive(second.process())
    assert list((graded.results / "inputs").iterdir()) == []
    assert graded.node["version"].value() == "none"


def test_a_frame_that_cannot_be_rendered_is_named(graded: Comp, second: Second, pump: Callable[..., Any]) -> None:
    graded.ref["on_error"].setValue("error")
    graded.ref["file"].setValue((graded.folder / "gone.####.exr").as_posix())
    running = colorized(graded, pump)
    assert running.state == "failed"
    assert "Graded (ref) cannot be rendered at frame 1001: " in graded.status
    assert "gone.1001.exr" in graded.status
    assert list((graded.results / "inputs").iterdir()) == []
    assert len(second.starts()) == 1, "another licence would not help"


def test_a_second_nuke_that_dies_is_told_with_its_frame_and_nothing_half_is_taken(
    graded: Comp, second: Second, pump: Callable[..., Any]
) -> None:
    second.goes("dies")
    running = colorized(graded, pump)
    assert running.state == "failed"
    assert "Graded (ref): the second Nuke ended at frame 1004" in graded.status
    assert "Switch off" in graded.status
    assert list((graded.results / "inputs").iterdir()) == []
    second.goes("well")
    assert colorized(graded, pump).state == "done"


@pytest.mark.parametrize(
    ("how", "starts", "reason"),
    [("no licence", 2, "no licence"), ("no start", 1, "libGLU.so.1: cannot open shared object file")],
)
def test_without_a_second_nuke_this_one_renders_and_says_so(
    nuke: Any, graded: Comp, second: Second, pump: Callable[..., Any], how: str, starts: int, reason: str
) -> None:
    here = rendered_frames(nuke)
    second.goes(how)
    running = colorized(graded, pump)
    assert running.state == "done"
    assert here == [1001, 1004]
    assert "rendered in this Nuke" in graded.status and reason in graded.status
    assert "\n" not in graded.status
    graded.node["working_height"].setValue(68)
    nuke.toNode("Graded")["value"].setValue(3.0)
    colorized(graded, pump)
    assert len(second.starts()) == starts, "this session does not try again"
    assert reason in graded.status


def test_a_render_licence_is_used_if_there_is_no_interactive_one(
    graded: Comp, second: Second, pump: Callable[..., Any]
) -> None:
    second.goes("no interactive licence")
    assert colorized(graded, pump).state == "done"
    assert ["-i" in start.split() for start in second.starts()] == [True, False]
    assert graded.status.startswith("v001 is done: 6 frames")  # and ref has other light than the graded plate


def test_a_second_nuke_that_never_opens_the_script_is_given_up(
    nuke: Any, graded: Comp, second: Second, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.jobs import second_nuke

    monkeypatch.setattr(second_nuke, "_START_SECONDS", 1.0)
    monkeypatch.setattr(second_nuke, "_END_SECONDS", 0.5)
    here = rendered_frames(nuke)
    second.goes("never opens")
    assert colorized(graded, pump).state == "done"
    assert "did not open the script within 1 s" in graded.status
    assert here == [1001, 1004]
    assert not is_alive(second.process())


def test_a_program_that_is_gone_is_told(
    nuke: Any, graded: Comp, second: Second, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nuke, "EXE_PATH", "/no/such/Nuke")
    assert colorized(graded, pump).state == "done"
    assert "/no/such/Nuke cannot be started" in graded.status


@pytest.mark.parametrize("off", ["knob", "variable", "edition", "plain Read"])
def test_no_second_nuke_is_started_where_it_is_not_wanted(
    nuke: Any, graded: Comp, second: Second, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, off: str
) -> None:
    here = rendered_frames(nuke)
    if off == "knob":
        graded.node["in_background"].setValue(False)
    elif off == "variable":
        monkeypatch.setenv("STCOLOR_SECOND_NUKE", "off")
    elif off == "edition":
        nuke.env._values["nc"] = True
    else:
        graded.node.setInput(1, graded.ref)
    assert colorized(graded, pump).state == "done"
    assert (here, second.starts()) == ([1001, 1004], [])
    assert ("rendered in this Nuke" in graded.status) == (off in ("variable", "edition"))


def test_many_frames_of_a_read_that_the_core_cannot_read_are_rendered_elsewhere_too(
    nuke: Any, comp: Comp, second: Second, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.node import shot_plan

    here = rendered_frames(nuke)
    comp.plate["premultiplied"].setValue(True)
    monkeypatch.setattr(shot_plan, "_FEW_FRAMES", 5)
    assert colorized(comp, pump).state == "done"
    assert (here, len(second.starts())) == ([], 1)


@pytest.mark.parametrize(("value", "switches"), [("render", []), ("interactive", ["-i"])])
def test_the_facility_chooses_the_licence(
    graded: Comp,
    second: Second,
    pump: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    value: str,
    switches: list[str],
) -> None:
    monkeypatch.setenv("STCOLOR_SECOND_NUKE", value)
    assert colorized(graded, pump).state == "done"
    assert [[word for word in start.split() if word == "-i"] for start in second.starts()] == [switches]


def test_a_misspelt_choice_is_told_with_the_choices(
    graded: Comp, second: Second, pump: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STCOLOR_SECOND_NUKE", "intractive")
    assert colorized(graded, pump).state == "done"
    assert "interactive, render or off" in graded.status
    assert second.starts() == []


def test_the_second_nuke_is_of_the_same_product(
    nuke: Any, graded: Comp, second: Second, pump: Callable[..., Any]
) -> None:
    nuke.env._values["nukex"] = True
    assert colorized(graded, pump).state == "done"
    assert second.starts()[0].split()[:2] == ["--nukex", "-i"]


def test_the_plate_and_a_preview_come_from_the_second_nuke_too(
    nuke: Any, graded: Comp, second: Second, pump: Callable[..., Any]
) -> None:
    from refcolorize.jobs import render

    here = rendered_frames(nuke)
    graded.node.setInput(0, nuke.nodes.Multiply(inputs=[graded.plate], value=0.5, name="Darker"))
    running = render.preview(graded.node, 1002)
    pump(until=lambda: running.wait(0))
    assert running.state == "done"
    assert graded.frames("preview") == [1002]
    assert here == []
    names = sorted(path.name.partition("_")[0] for path in (graded.results / "inputs").iterdir())
    assert names == ["plate", "ref"]


@pytest.mark.skipif(os.name != "posix", reason="the core's Python is a shell script here")
@pytest.mark.parametrize("how", ["well", "no licence", "hangs"])
def test_a_farm_job_waits_for_its_inputs(
    nuke: Any,
    graded: Comp,
    second: Second,
    goes: Callable[[str], None],
    pump: Callable[..., Any],
    how: str,
) -> None:
    from refcolorize.jobs import submit

    second.goes(how)
    here = rendered_frames(nuke)
    sent = submit.submit(graded.node)
    assert not (graded.results / "v001").exists()
    if how == "hangs":
        pump(until=lambda: "rendering ref" in graded.status)
        sent.cancel()
    pump(until=lambda: sent.wait(0))
    if how == "hangs":
        assert graded.status == "Rendering ref was cancelled. Nothing was changed."
        assert not (graded.results / "v001").exists()
        return
    assert (sent.error, sent.submitted.tasks) == (None, 3)
    assert str(graded.results / "v001" / "shot.json") in sent.line
    assert here == ([] if how == "well" else [1001, 1004])
    assert ("rendered in this Nuke" in graded.status) == (how == "no licence")
    assert "v001" in (graded.folder / "comp.nk").read_text(encoding="utf-8"), "the farm reads the script"


@pytest.mark.skipif(os.name != "posix", reason="the core's Python is a shell script here")
def test_a_farm_job_is_made_of_the_script_as_it_is_called_when_its_inputs_are_there(
    nuke: Any, nuke_session: Any, graded: Comp, second: Second, goes: Callable[[str], None], pump: Callable[..., Any]
) -> None:
    """Its Write nodes are rendered from the script that shows the version, and not from the one of before."""
    from refcolorize.jobs import submit

    second.goes("well")
    write = nuke.nodes.Write(file="/out/main.####.exr", inputs=[graded.node], name="Main")
    sent = submit.submit(graded.node)
    graded.node["clean_up"].execute()
    (message,) = nuke_session.artist.messages
    assert "inputs are being rendered" in message, "no version names them yet"
    write.setName("Final")
    nuke.scriptSaveAs((graded.folder / "later.nk").as_posix(), 1)
    pump(until=lambda: sent.wait(0))
    assert sent.error is None
    assert "later.nk" in sent.line and "comp.nk" not in sent.line and "--write=Final" in sent.line
    assert "v001" in (graded.folder / "later.nk").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name != "posix", reason="the core's Python is a shell script here")
def test_a_farm_job_whose_node_is_deleted_while_its_inputs_are_rendered_ends_in_words(
    nuke: Any, graded: Comp, second: Second, goes: Callable[[str], None], pump: Callable[..., Any]
) -> None:
    from refcolorize.errors import Cancelled
    from refcolorize.jobs import submit

    second.goes("well")
    sent = submit.submit(graded.node)
    nuke.delete(graded.node)
    pump(until=lambda: sent.wait(0))
    assert isinstance(sent.error, Cancelled), "no unexpected error"
    assert not (graded.results / "v001").exists()


def test_paths_that_depend_on_the_scripts_name_are_the_same_in_the_copy(
    graded: Comp, second: Second, pump: Callable[..., Any]
) -> None:
    graded.ref["file"].setValue("[file dirname [value root.name]]/ref.####.exr")
    assert colorized(graded, pump).state == "done"


def test_a_deleted_node_ends_the_task_quietly(
    nuke: Any, nuke_session: Any, graded: Comp, second: Second, pump: Callable[..., Any]
) -> None:
    from refcolorize.jobs import render

    running = render.colorize(graded.node)
    nuke.delete(graded.node)
    pump(until=lambda: running.wait(0))
    assert running.state == "cancelled"
    assert nuke_session.artist.messages == []


def test_the_copy_can_be_read_by_its_owner_only(
    graded: Comp, second: Second, pump: Callable[..., Any], tmp_path: Path
) -> None:
    from refcolorize.jobs import render

    second.goes("hangs")
    running = render.colorize(graded.node)
    (folder,) = (tmp_path / "temporary").iterdir()
    if sys.platform != "win32":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert json.loads((folder / "request.json").read_text(encoding="utf-8"))["script"] == f"{folder.as_posix()}/copy.nk"
    running.cancel()
    pump(until=lambda: running.wait(0))


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_second_nuke_ends_when_the_first_is_killed(tmp_path: Path) -> None:
    """Its standard input closes then, which a process that hangs in a render notices too."""
    from second_program import make_second_nuke

    request = tmp_path / "request.json"
    request.write_text(json.dumps({"script": "", "name": "", "view": "main", "renders": []}), encoding="utf-8")
    program = make_second_nuke(tmp_path / "program")
    script = f"""
import subprocess, sys, time
second = subprocess.Popen([{str(program)!r}, "-t", {str(tmp_path / "hang.py")!r}, {str(request)!r}],
                          stdin=subprocess.PIPE)
time.sleep(600)
"""
    program_file = PLUGIN / "refcolorize" / "jobs" / "render_process.py"
    (tmp_path / "hang.py").write_text(
        f"""
import runpy, sys, time
from pathlib import Path
module = runpy.run_path({str(program_file)!r})
import threading
threading.Thread(target=module["_end_with_parent"], daemon=True).start()
Path({str(tmp_path / "ready")!r}).touch()
time.sleep(600)
""",
        encoding="utf-8",
    )
    log = tmp_path / "log"
    environment = {**os.environ, "SECOND_NUKE_LOG": str(log), "SECOND_NUKE_GOES": "well"}
    first = subprocess.Popen([sys.executable, "-c", script], env=environment)
    try:
        wait_for(lambda: (tmp_path / "ready").exists())
        pid = int(log.read_text(encoding="utf-8").split()[0])
        assert is_alive(pid)
        first.send_signal(signal.SIGKILL)
        first.wait()
        wait_for(lambda: not is_alive(pid))
    finally:
        first.kill()
        first.wait()


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    waiting = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        waiting.wait(0.05)
    raise TimeoutError


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
