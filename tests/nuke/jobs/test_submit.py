"""Render on farm from the node, over the strict fake of Nuke. The core's program is a stand-in, farm_program.py."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from comp import Comp
from farming import asked, comp, goes
from qt_dialogs import Dialogs

__all__ = ["comp", "goes"]

pytestmark = [
    pytest.mark.usefixtures("state"),
    pytest.mark.skipif(os.name != "posix", reason="the core's Python is a shell script here"),
]


@pytest.fixture
def submit(goes: Any, nuke: Any) -> Any:
    import refcolorize.jobs.submit

    return refcolorize.jobs.submit


# Without a GUI: nuke -t


def test_a_script_saved_under_another_name_is_told_where_its_versions_go(
    comp: Comp, nuke: Any, submit: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    submit.submit(comp.node, engine="openjd")
    nuke.scriptSaveAs((comp.folder / "precomp.nk").as_posix(), 1)
    capsys.readouterr()
    submit.submit(comp.node, engine="openjd")
    own = comp.folder / "refcolorize" / "precomp" / "RefColorize1"
    assert f"The versions go to {own.as_posix()} from now on" in comp.node["status"].value()


@pytest.mark.parametrize("version", [None, 1], ids=["as it is now", "the version"])
def test_no_farm_overwrites_frames_with_a_keyframe_that_the_page_was_given(
    comp: Comp, submit: Any, version: int | None
) -> None:
    from refcolorize.errors import RefColorizeError

    submit.submit(comp.node, engine="deadline")
    shot = json.loads((comp.results / "v001" / "shot.json").read_text())
    painted = Path(shot["references"][0]["path"]).with_name("ref.1006.exr")
    painted.write_bytes(b"painted")
    submit.submit(comp.node, engine="deadline")  # there is no frame yet
    (comp.results / "v001" / "RefColorize1_v001.1001.exr").write_bytes(b"a frame")
    with pytest.raises(
        RefColorizeError, match=r"v001 has frames.*a picture of frame 1006 beside its keyframes.*Move it"
    ):
        submit.submit(comp.node, engine="deadline", version=version)
    painted.unlink()
    submit.submit(comp.node, engine="deadline", version=version)


def test_in_a_terminal_submit_returns_the_job_and_prints_its_path(
    comp: Comp, submit: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = {"pool": "film", "group": "gpu", "priority": 70}
    nuke = {"views": "left,right", "proxy": True, "continue_on_error": True}
    queue |= {"comment": "for dailies", "timeout": 90}
    done = submit.submit(comp.node, engine="deadline", **queue, **nuke, max_span=40, chunk=2, handles=3)
    folder = comp.results / "v001"
    assert asked(comp, "deadline") == {
        "engine": "deadline",
        "shot": str(folder / "shot.json"),
        "output": str(folder / "deadline"),
        "name": "comp RefColorize1 v001",
        "nuke_script": str(comp.folder / "comp.nk"),
        "write": ["Check", "Main"],
        "pool": "film",
        "secondary_pool": None,
        "group": "gpu",
        "priority": 70,
        "max_span": 40,
        "chunk": 2,
        "handles": "3",
        "gpus": None,
        "nuke": None,
        "comment": "for dailies",
        "timeout": "90",
        "views": "left,right",
        "proxy": True,
        "continue_on_error": True,
        "path_substitutions": None,
        "submit": True,
        "json": True,
    }
    assert done.ended and done.error is None
    assert (done.submitted.job, done.submitted.path) == ("job-0123456789abcdef", str(folder / "deadline"))
    assert comp.status == f"v001: Deadline 10: 3 tasks submitted. Job job-0123456789abcdef, {folder / 'deadline'}"
    assert f"RefColorize1: {comp.status}\n" in capsys.readouterr().out


@pytest.mark.parametrize("engine", ["openjd", "deadline-cloud", "opencue"])
def test_every_engine_takes_comment_timeout_views_proxy_and_continue(comp: Comp, submit: Any, engine: str) -> None:
    submit.submit(
        comp.node, engine=engine, comment="for dailies", timeout=90, views="left", proxy=True, continue_on_error=True
    )
    found = asked(comp, {"deadline-cloud": "openjd"}.get(engine, engine))
    told = [found[name] for name in ("comment", "timeout", "views", "proxy", "continue_on_error")]
    assert told == ["for dailies", "90", "left", True, True]


@pytest.mark.parametrize(
    ("knob", "told"),
    [
        ("z:/show;-;/mnt/show;", "z:/show;-;/mnt/show;"),
        ("{z:/a b;-;/mnt/a b;}", "z:/a b;-;/mnt/a b;"),
        ("", None),
        ("-;-;-;", None),
        ("z:/show;/mnt/show", None),
    ],
)
def test_the_path_substitutions_of_the_artists_preferences_go_with_the_job(
    nuke: Any, comp: Comp, submit: Any, knob: str, told: str | None
) -> None:
    nuke.toNode("preferences")["platformPathRemaps"].fromScript(knob)
    submit.submit(comp.node)
    assert asked(comp, "openjd")["path_substitutions"] == told


def test_the_script_is_saved_as_the_farm_will_render_it(nuke: Any, comp: Comp, submit: Any) -> None:
    submit.submit(comp.node)
    assert not nuke.root().modified()
    nuke.scriptOpen((comp.folder / "comp.nk").as_posix())
    node = nuke.toNode("RefColorize1")
    assert (node["version"].value(), node["use_result"].value()) == ("v001", True)
    result = node.node("Result")
    assert (result["first"].value(), result["last"].value()) == (1001, 1006)


def test_a_script_that_was_opened_by_a_short_name_is_named_in_full(
    nuke: Any, comp: Comp, submit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(comp.folder)
    nuke.scriptOpen("comp.nk")
    node = nuke.toNode("RefColorize1")
    node["output_folder"].setValue(comp.results.parent.as_posix())
    submit.submit(node)
    assert asked(comp, "openjd")["nuke_script"] == str(comp.folder / "comp.nk")


def test_a_bundle_is_written_and_not_submitted_whatever_the_checkbox(comp: Comp, submit: Any) -> None:
    done = submit.submit(comp.node, engine="openjd", submit=True, writes=())
    found = asked(comp, "openjd")
    assert (found["submit"], found["write"], found["nuke_script"]) == (False, [], None)
    assert "OpenJD bundle: 3 tasks written, not submitted" in comp.status
    assert done.submitted.message.startswith("Run it with")
    submit.submit(comp.node, engine="deadline-cloud")
    assert asked(comp, "openjd")["submit"]


def test_the_printed_command_line_gives_the_same_job(comp: Comp, submit: Any) -> None:
    done = submit.submit(comp.node, engine="opencue", show="it's $HOME; rm", gpus=0, submit=False)
    first = asked(comp, "opencue")
    (comp.results / "v001" / "opencue" / "asked.json").unlink()
    assert shlex.split(done.line)[0] == os.environ["STCOLOR_PYTHON"]
    subprocess.run(done.line, shell=True, check=True, capture_output=True)
    assert asked(comp, "opencue") == {**first, "json": False}
    assert (first["show"], first["gpus"]) == ("it's $HOME; rm", 0)


def test_an_earlier_version_is_sent_again_unchanged(comp: Comp, submit: Any) -> None:
    submit.submit(comp.node)
    before = (comp.results / "v001" / "shot.json").read_bytes()
    comp.node["working_height"].setValue(68)
    submit.submit(comp.node)
    assert comp.node["version"].value() == "v002"
    submit.submit(comp.node, version=1, engine="deadline")
    assert asked(comp, "deadline")["shot"] == str(comp.results / "v001" / "shot.json")
    assert (comp.results / "v001" / "shot.json").read_bytes() == before
    assert comp.node["version"].value() == "v001"
    assert comp.node["version"].values() == ["none", "v001", "v002"]


def test_the_shot_is_accepted_by_the_command_of_the_core(comp: Comp, submit: Any) -> None:
    from stcolor_core.cli import main

    file = submit.write_shot(comp.node)
    assert file == comp.results / "v001" / "shot.json"
    assert main(["colorize", "--shot", str(file), "--device", "cpu"]) == 0
    assert comp.frames("v001") == list(range(1001, 1007))


# Which Writes


def names(node: Any) -> list[str]:
    from refcolorize.node.write_nodes import writes_below

    found: list[str] = writes_below(node)
    return found


def test_only_enabled_writes_below_the_node_are_offered(nuke: Any, comp: Comp) -> None:
    nuke.nodes.Write(file="/out/plate.####.exr", inputs=[comp.plate], name="PlateOnly")
    nuke.nodes.Write(file="/out/off.####.exr", inputs=[comp.node], name="Off", disable=True)
    after = nuke.nodes.Write(file="/out/after.####.exr", inputs=[nuke.toNode("Main")], name="After")
    hidden = nuke.nodes.Dot(inputs=[comp.node], hide_input=True)
    nuke.nodes.Write(file="/out/hidden.####.exr", inputs=[hidden], name="Hidden")
    assert names(comp.node) == ["After", "Check", "Hidden", "Main"]
    assert names(after) == []


def test_a_node_in_a_group_reaches_what_is_below_the_group(nuke: Any, comp: Comp) -> None:
    group = nuke.nodes.Group(name="Shots")
    with group:
        inner = nuke.nodes.NoOp(name="Inner")
        nuke.nodes.Write(file="/out/inside.####.exr", inputs=[inner], name="Inside")
        nuke.nodes.Output(inputs=[inner])
    nuke.nodes.Write(file="/out/outside.####.exr", inputs=[group], name="Outside")
    assert names(inner) == ["Outside"], "a farm looks for Writes at the top only"


def test_a_write_that_is_not_below_is_refused_before_anything_is_written(comp: Comp, submit: Any) -> None:
    with refused(r"PlateOnly is not an enabled Write node below RefColorize1"):
        submit.submit(comp.node, writes=("Main", "PlateOnly"))
    assert not comp.results.exists()


# What goes wrong


def refused(match: str) -> Any:
    from refcolorize.errors import RefColorizeError

    return pytest.raises(RefColorizeError, match=match)


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        pytest.param({"engine": "qube"}, "no farm engine 'qube'.*openjd, deadline-cloud", id="no such engine"),
        pytest.param({"pool": "film"}, "OpenJD bundle .*pool", id="not of this engine"),
        pytest.param({"engine": "deadline", "show": "x"}, "Deadline 10 .*show", id="of another engine"),
        pytest.param({"max_span": 0}, "max_span is 0", id="no span"),
        pytest.param({"chunk": -1}, "chunk is -1", id="no chunk"),
        pytest.param({"gpus": -1}, "gpus is -1", id="no gpus"),
        pytest.param({"engine": "deadline", "handles": -1}, "handles is -1", id="no handles"),
        pytest.param({"handles": 1}, "OpenJD bundle .*handles", id="an engine that waits for all"),
        pytest.param({"engine": "deadline", "gpus": 1}, "Deadline 10 .*gpus", id="groups are for that"),
        pytest.param({"priority": 101}, "priority is 101", id="priority"),
        pytest.param({"version": 7}, "no .*v007/shot.json", id="no such version"),
    ],
)
def test_an_invalid_request_gives_one_line_and_leaves_nothing(
    comp: Comp, submit: Any, wanted: dict[str, Any], match: str
) -> None:
    with refused(match):
        submit.submit(comp.node, **wanted)
    assert not comp.results.exists()


def test_a_script_without_a_name_gives_one_line(nuke: Any, comp: Comp, submit: Any) -> None:
    nuke.root()["name"].setValue("")
    with refused(r"^The script has no name yet\. Save it, then render on the farm\.$"):
        submit.submit(comp.node)


def test_a_script_that_cannot_be_saved_gives_one_line(comp: Comp, submit: Any) -> None:
    (comp.folder / "comp.nk").unlink()
    (comp.folder / "comp.nk").mkdir()
    with refused(r"The script .*comp\.nk cannot be saved \(.*\)\. Save it under another name"):
        submit.submit(comp.node)


def test_without_the_core_nothing_is_written(comp: Comp, submit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCOLOR_PYTHON", "/no/core/here")
    with refused(r"\$STCOLOR_PYTHON names /no/core/here: no such file"):
        submit.submit(comp.node)
    assert not comp.results.exists()


@pytest.mark.parametrize(
    ("how", "match"),
    [
        pytest.param("refused", r"^Deadline 10: No pool is named lighting\. Name one of film, night\.$", id="refused"),
        pytest.param("crash", r"^Deadline 10: .*\(ValueError: a bug\)\. Try again\..*Troubleshoot", id="crash"),
        pytest.param("garbage", "answer .*'all is well'.*install.py nuke", id="another version"),
    ],
)
def test_the_message_of_the_core_is_the_reported_line(comp: Comp, submit: Any, goes: Any, how: str, match: str) -> None:
    goes(how)
    with refused(match) as raised:
        submit.submit(comp.node, engine="deadline")
    assert comp.status == str(raised.value)
    assert "\n" not in comp.status


@pytest.mark.parametrize("how", ["refused", "crash", "garbage"])
def test_after_a_failure_the_saved_script_shows_what_was_shown_before(
    nuke: Any, comp: Comp, submit: Any, goes: Any, how: str
) -> None:
    def shown(node: Any) -> tuple[Any, ...]:
        return tuple(node[name].value() for name in ("version", "result_file", "use_result"))

    submit.submit(comp.node)
    (comp.results / "v001" / "RefColorize1_v001.1001.exr").write_bytes(b"a frame")
    before = shown(comp.node)
    assert before[0] == "v001"
    comp.node["light"].setValue("off")
    goes(how)
    with refused("OpenJD"):
        submit.submit(comp.node)
    assert shown(comp.node) == before
    assert not (comp.results / "v002").exists()
    assert not nuke.root().modified()
    nuke.scriptOpen((comp.folder / "comp.nk").as_posix())
    assert shown(nuke.toNode("RefColorize1")) == before


def test_a_version_that_is_sent_again_stays_shown_after_a_failure(comp: Comp, submit: Any, goes: Any) -> None:
    submit.submit(comp.node)
    goes("crash")
    with refused("OpenJD"):
        submit.submit(comp.node, version=1)
    assert (comp.node["version"].value(), comp.node["use_result"].value()) == ("v001", True)
    assert (comp.results / "v001" / "shot.json").is_file()


# Keyframes without colour


@pytest.fixture
def unpainted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core's program finds no colour at 1004."""
    monkeypatch.setenv("FARM_COLORLESS", '{"1004": "no_color"}')


@pytest.mark.usefixtures("unpainted")
def test_an_unpainted_key_is_an_error_that_a_script_can_confirm(comp: Comp, submit: Any) -> None:
    from refcolorize.jobs.reference_check import last_flaws

    with refused(r"RefColorize1: Keyframe 1004 has no colour\. Paint ref there.*submit\(node, confirmed=True\)"):
        submit.submit(comp.node)
    assert not (comp.results / "v001").exists(), "nothing came of it"
    assert (comp.node["version"].value(), comp.node["use_result"].value()) == ("none", False)
    assert last_flaws("RefColorize1") == {1004: "no_color"}
    assert submit.submit(comp.node, confirmed=True).submitted.tasks == 3
    assert comp.node["version"].value() == "v001"


def test_a_version_that_is_sent_again_is_looked_at_again_and_stays(
    comp: Comp, submit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit.submit(comp.node)
    monkeypatch.setenv("FARM_COLORLESS", '{"1004": "plate"}')
    with refused("Keyframe 1004 has no colour"):
        submit.submit(comp.node, version=1)
    assert (comp.results / "v001" / "shot.json").is_file()


@pytest.mark.gui
@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize(("button", "frame"), [("Cancel", 1001), ("Go to 1004", 1004)])
def test_the_artist_can_paint_first(
    comp: Comp, submit: Any, nuke_session: Any, pump: Any, button: str, frame: int
) -> None:
    comp.nuke.frame(1001)
    artist = Dialogs()
    artist.answers.append(button)
    sent = submit.submit(comp.node)
    pump(until=artist.look)
    pump(until=lambda: sent.ended)
    assert "Keyframe 1004 has no colour" in artist.shown[0]
    assert "Paint ref there" in str(sent.error) and sent.submitted is None
    assert comp.nuke.frame() == frame
    assert not (comp.results / "v001").exists()
    assert comp.node["version"].value() == "none"
    assert (len(artist.shown), nuke_session.artist.messages) == (1, [])


@pytest.mark.gui
@pytest.mark.usefixtures("unpainted")
def test_the_artist_is_asked_once_for_a_version(comp: Comp, submit: Any, pump: Any) -> None:
    artist = Dialogs()
    sent = submit.submit(comp.node)
    pump(until=artist.look)
    assert sent.is_asking and "waiting for an answer" in comp.status
    artist.press("Write anyway")
    pump(until=lambda: sent.ended)
    assert sent.submitted.tasks == 3
    again = submit.submit(comp.node)
    pump(until=lambda: again.ended)
    assert again.submitted.tasks == 3
    assert len(artist.shown) == 1


# With a GUI


@pytest.mark.gui
def test_nuke_stays_usable_and_cancel_ends_the_program(nuke_session: Any, comp: Comp, submit: Any, goes: Any) -> None:
    goes("on")
    sent = submit.submit(comp.node)
    begun = comp.results / "v001" / "openjd" / "begun"
    nuke_session.main_thread.pump(until=begun.exists)
    assert not sent.ended and "writing the job for OpenJD bundle" in comp.status
    nuke_session.artist.cancels = lambda _: True
    nuke_session.main_thread.pump(until=lambda: sent.ended)
    assert "cancelled" in str(sent.error) and comp.status == str(sent.error)
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)
    assert nuke_session.artist.messages == []
    (bar,) = nuke_session.artist.progress
    nuke_session.main_thread.pump(until=lambda: bar.closed)


@pytest.mark.gui
def test_a_node_deleted_during_the_submission_causes_no_error(
    nuke: Any, nuke_session: Any, comp: Comp, submit: Any
) -> None:
    sent = submit.submit(comp.node)
    nuke.delete(comp.node)
    nuke_session.main_thread.pump(until=lambda: sent.ended)
    assert sent.submitted.tasks == 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("refcolorize farm")]


def test_a_mismatch_of_plate_and_reference_is_reported_before_the_farm_has_the_job(
    comp: Comp, submit: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    comp.ref["colorspace"].setValue("sRGB")
    submit.submit(comp.node)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "writing the job" in line and "ref is read as sRGB" in line]
    assert "ref is read as sRGB" in comp.status


def test_settings_for_viewing_only_do_not_go_to_the_farm(nuke: Any, comp: Comp, submit: Any) -> None:
    comp.node["confidence_overlay"].setValue(True)
    comp.node["compare"].setValues(["none", "v001"])
    comp.node["compare"].setValue("v001")
    submit.submit(comp.node)
    nuke.scriptOpen((comp.folder / "comp.nk").as_posix())
    node = nuke.toNode("RefColorize1")
    assert (node["confidence_overlay"].value(), node["compare"].value()) == (False, "none")


def test_a_warning_about_write_nodes_is_not_reported_if_none_is_rendered(comp: Comp, submit: Any) -> None:
    of_writes = {"handles": 2, "views": "left", "proxy": True, "continue_on_error": True}
    submit.submit(comp.node, engine="deadline", writes=(), timeout=90, **of_writes)
    found = asked(comp, "deadline")
    assert [found[name] for name in (*of_writes, "timeout")] == [None, None, False, False, "90"]
