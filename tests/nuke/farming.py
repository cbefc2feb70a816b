"""A script to submit to the farm, and the stand-in for the core's program."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp

__all__ = ["asked", "comp", "goes"]


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    """A script of the small shot, with two Writes below the node."""
    made = make_comp(nuke, tmp_path / "show")
    graded = nuke.nodes.Grade(inputs=[made.node])
    nuke.nodes.Write(file="/out/main.####.exr", inputs=[graded], name="Main")
    nuke.nodes.Write(file="/out/check.####.png", inputs=[made.node], name="Check")
    nuke.scriptSave()
    return made


@pytest.fixture
def goes(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that chooses how the core's program ends; by default it succeeds."""
    python = tmp_path / "python"
    program = Path(__file__).with_name("farm_program.py")
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setenv("STCOLOR_PYTHON", str(python))
    monkeypatch.setenv("FARM_GOES", "well")
    return lambda how: monkeypatch.setenv("FARM_GOES", how)


def asked(comp: Comp, engine: str, version: str = "v001") -> dict[str, Any]:
    """Return the options that the core's program received."""
    found: dict[str, Any] = json.loads((comp.results / version / engine / "asked.json").read_text())
    return found
