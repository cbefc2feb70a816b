"""The button Troubleshoot: the same checks as in the dialog for no core, without a core and without holding up Nuke."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comp import PLUGIN
from qt_dialogs import Dialogs

pytestmark = pytest.mark.usefixtures("state")  # no core is installed


@pytest.fixture
def node(nuke: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("OCIO", raising=False)
    nuke.pluginAddPath(PLUGIN.as_posix())
    nuke.root()["format"].setValue("64 48 0 0 64 48 1 small")
    from refcolorize.node import nodes

    return nodes.create()


@pytest.mark.gui
def test_without_a_core_the_self_test_opens_a_dialog_that_does_not_block_nuke(
    nuke: Any, nuke_session: Any, node: Any, pump: Callable[..., Any]
) -> None:
    dialogs = Dialogs()
    nuke.root().setModified(False)
    before = node["status"].value()
    node["troubleshoot"].execute()
    assert not dialogs.look(), "the button returns before anything was checked"
    assert "Troubleshooting" in node["status"].value()
    pump(until=dialogs.look)
    (shown,) = dialogs.shown
    assert "STCOLOR_PYTHON" in shown and "/no/core/can/be/started" in shown
    assert "All are as expected. Nothing to do." in shown
    assert (node["status"].value(), nuke.allNodes(), nuke.root().modified()) == (before, [node], False)
    assert nuke_session.artist.messages == nuke_session.artist.panels == []


@pytest.mark.gui
def test_a_self_test_pressed_twice_runs_once(node: Any, pump: Callable[..., Any]) -> None:
    dialogs = Dialogs()
    for _ in range(2):
        node["troubleshoot"].execute()
    pump(until=dialogs.look)
    pump(until=lambda: not [each for each in threading.enumerate() if each.name.startswith("refcolorize troubleshoot")])
    assert dialogs.look() and len(dialogs.shown) == 1
    node["troubleshoot"].execute()
    pump(until=lambda: dialogs.look() and len(dialogs.shown) == 2)


@pytest.mark.gui
def test_the_findings_are_shown_even_if_the_node_is_deleted_during_the_test(
    nuke: Any, node: Any, pump: Callable[..., Any]
) -> None:
    dialogs = Dialogs()
    node["troubleshoot"].execute()
    nuke.delete(node)
    pump(until=dialogs.look)
    assert "STCOLOR_PYTHON" in dialogs.shown[0]


@pytest.mark.gui
def test_the_self_test_leaves_the_nodes_alone_while_nuke_renders(
    nuke_session: Any, node: Any, pump: Callable[..., Any]
) -> None:
    dialogs = Dialogs()
    node["troubleshoot"].execute()
    nuke_session.other_render = 3
    pump(until=dialogs.look)
    assert nuke_session.other_render == 0
    assert "All are as expected" in dialogs.shown[0]


def test_without_a_gui_the_self_test_prints_its_findings(
    nuke: Any, node: Any, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node["troubleshoot"].execute()
    printed = capsys.readouterr().out
    assert "STCOLOR_PYTHON" in printed and str(state) in printed and "All are as expected" in printed
    assert nuke.allNodes() == [node]
