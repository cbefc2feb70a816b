"""`nuke` for tests of the plug-in, and a core for it to talk to."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nuke_fixtures import nuke, nuke_session

__all__ = ["core", "nuke", "nuke_session", "state"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in CI how much of what is assumed of Nuke is unproven."""
    if importlib.util.find_spec("yaml") is None:
        return
    from nuke_facts import summary  # needs PyYAML, which is not inside Nuke

    terminalreporter.write_line(summary())


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of this test's cores; the plug-in can start none by itself."""
    monkeypatch.delenv("OCIO", raising=False)
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("STCOLOR_PYTHON", "/no/core/can/be/started")
    return tmp_path / "state"


@pytest.fixture
def core(state: Path) -> Iterator[Any]:
    """A real core on a real socket, in a thread of this process; a `serving.Client` of it."""
    from serving import running_core  # needs stcolor_core, which is not inside Nuke

    with running_core(state, device="cpu") as client:
        yield client
