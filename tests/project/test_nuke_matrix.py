"""The plug-in's tests in the Python versions of real Nukes: the output if a version is missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "nuke_matrix.py"


@pytest.fixture
def matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script with a project of one file, on a machine without other Python versions."""
    spec = importlib.util.spec_from_file_location("nuke_matrix", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "nuke_plugin").mkdir()
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    monkeypatch.setattr(module, "interpreter", lambda _: None)
    return module


@pytest.mark.parametrize(("code", "status"), [("x = 1\n", 0), ("match 1:\n    case 1:\n        pass\n", 1)])
def test_without_the_python_version_the_script_reports_that_it_only_compiled(
    matrix: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], code: str, status: int
) -> None:
    (tmp_path / "nuke_plugin" / "some.py").write_text(code, encoding="utf-8")
    assert matrix.row("3.9", "PySide2", "Nuke 14") == status
    printed = capsys.readouterr().out
    assert "ONLY COMPILED, and no test ran" in printed
    assert ("some.py: line" in printed) == bool(status)
