"""The probe that users run in their own Nuke, run in the fake: it passes there, and names any difference."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from comp import PLUGIN

INSTALL = PLUGIN.parent / "install.py"


@pytest.fixture
def probe(nuke: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("OCIO", raising=False)
    monkeypatch.setattr(nuke, "EXE_PATH", sys.executable)
    nuke.pluginAddPath(PLUGIN.as_posix())
    nuke.root()["format"].setValue("64 48 0 0 64 48 1 small")
    import refcolorize.node.probe

    return refcolorize.node.probe


def test_a_nuke_that_meets_the_assumptions_has_no_differences(nuke: Any, probe: Any) -> None:
    answers = probe.check_facts()
    assert answers["failed"] == [], answers["facts"]
    assert answers["nuke"] == nuke.NUKE_VERSION_STRING
    assert nuke.allNodes() == [], "it leaves nothing"


@pytest.mark.parametrize(
    ("name", "value", "failed"),
    [
        ("evaluated_has_frame", False, ["File_Knob.getEvaluatedValue"]),
        ("value_is_technical", False, ["File_Knob.value"]),
        ("knob_changed_in_terminal", False, ["knobChanged of the Group"]),
        ("saves_text_of_do_not_write", True, ["the status is saved"]),
        ("evaluate_has_variables", False, ["a variable in a path"]),
    ],
)
def test_a_difference_is_named(nuke_session: Any, probe: Any, name: str, value: bool, failed: list[str]) -> None:
    nuke_session.add_variables()
    setattr(nuke_session.disputed, name, value)
    assert probe.check_facts()["failed"] == failed


def test_an_exception_of_nuke_is_an_answer(nuke: Any, probe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(nuke, "FrameRanges")
    (fact,) = [fact for fact in probe.check_facts()["facts"] if fact["fact"] == "nuke.FrameRanges"]
    assert "AttributeError" in fact["found"]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="install.py runs in the core's Python")
def test_the_script_written_by_install_saves_the_answers_beside_it(nuke: Any, probe: Any, tmp_path: Path) -> None:
    del probe
    run = [sys.executable, str(INSTALL), "nuke-probe"]
    output = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert f"nuke -t {tmp_path / 'refcolorize_probe.py'}" in output
    script = tmp_path / "refcolorize_probe.py"
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), {})
    assert json.loads((tmp_path / "refcolorize_probe.json").read_text(encoding="utf-8"))["failed"] == []


def test_the_artist_gets_one_line_if_there_is_no_difference(nuke: Any, probe: Any) -> None:
    (line,) = probe.lines()
    assert nuke.NUKE_VERSION_STRING in line and line.endswith("Nothing to do.")


def test_the_artist_gets_a_line_and_a_remedy_for_each_difference(nuke_session: Any, probe: Any) -> None:
    nuke_session.disputed.value_is_technical = False
    first, second = probe.lines()
    assert "1 are different" in first and "nuke-probe" in first
    assert second.strip().startswith("File_Knob.value: '/no/plate.####.exr'") and "%04d" in second


@pytest.mark.gui
def test_with_a_gui_the_script_is_unchanged(nuke: Any, probe: Any, nuke_session: Any) -> None:
    nuke.root().setModified(False)
    chosen = nuke.nodes.Dot()
    chosen.setSelected(True)
    before = nuke_session.undo.names, nuke.root().modified(), int(nuke.frame())
    probe.check_facts()
    assert nuke.selectedNodes() == [chosen] and nuke.allNodes() == [chosen]
    assert (nuke_session.undo.names, nuke.root().modified(), int(nuke.frame())) == before
