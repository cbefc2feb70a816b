"""The panel starts the core before Colorize needs it: a real core, started as a process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qt_app import application, wait_until

qapp = application()

PLUGIN = Path(__file__).resolve().parents[3] / "nuke_plugin"
pytestmark = pytest.mark.gui


@pytest.fixture
def server(nuke: Any, state: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The plug-in's `server` in a Nuke that has not looked for a core yet, with the user's own setting."""
    monkeypatch.delenv("STCOLOR_WARM_UP")
    nuke.pluginAddPath(PLUGIN.as_posix())
    from refcolorize.core import server

    return server


@pytest.fixture
def python(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Python that can run the core; no core is left behind."""
    pytest.importorskip("stcolor_core")
    program = tmp_path / "python"
    checkout = Path(__file__).resolve().parents[3]
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{checkout}" OMP_NUM_THREADS=1 exec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("STCOLOR_PYTHON", str(program))
    yield
    wait_until(lambda: not server.is_starting())
    server.stop()


@pytest.fixture
def panel(server: Any) -> Iterator[Any]:
    """The panel, shown as Nuke does, with a node without a keyframe."""
    from refcolorize.node import nodes
    from refcolorize.panel.panel import Panel

    nodes.create()
    panel = Panel()
    panel.show()
    yield panel
    panel.close()
    panel.deleteLater()


def add_key() -> None:
    from refcolorize.node import keyframes, nodes

    keyframes.add_key(nodes.all_nodes()[0], 1)


@pytest.mark.skipif(os.name != "posix", reason="writes a shell script")
@pytest.mark.usefixtures("python")
def test_the_core_starts_once_a_node_with_a_keyframe_is_shown_and_stays_stopped_after_that(
    panel: Any, server: Any
) -> None:
    wait_until(lambda: panel.core.text().startswith("The core is not running"))
    assert not server.is_starting(), "nothing can be coloured yet"
    add_key()
    wait_until(panel.core.page.isEnabled)
    assert panel.core.text().startswith("The core is running")
    assert not panel.note.isVisible()
    server.stop()
    wait_until(lambda: panel.core.text().startswith("The core is not running"))
    server.warm_up()
    assert server.find() is None and not server.is_starting()


def test_a_core_that_cannot_start_is_not_told_before_it_is_needed(panel: Any, server: Any) -> None:
    add_key()
    wait_until(lambda: server._starts.warmed_up and not server.is_starting())
    wait_until(lambda: panel.core.text().startswith("The core is not running"))
    assert not server.has_failed_to_start()
    assert not panel.note.isVisible()
    assert "The first Colorize starts it" in panel.core.text()


def test_a_facility_can_leave_the_start_to_colorize(panel: Any, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCOLOR_WARM_UP", "0")
    add_key()
    wait_until(lambda: panel._has_warmed_up)
    assert not server._starts.warmed_up and not server.is_starting()
