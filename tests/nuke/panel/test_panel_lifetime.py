"""The end of the panel: Nuke survives every way of closing it, and every thread that collects its objects.

Cases that could crash the process run in a separate process.
"""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from qt_app import application, wait_until

qapp = application()

from refcolorize.host.qt import QtCore, QtGui, QtWidgets  # noqa: E402  (skipped above if there is none)
from refcolorize.panel.core_box import CoreBox  # noqa: E402
from refcolorize.panel.panel_face import PanelFace  # noqa: E402
from refcolorize.panel.queue_list import QueueList  # noqa: E402
from refcolorize.panel.references_box import ReferencesBox  # noqa: E402
from refcolorize.panel.state import CoreStatus, JobRow, Keyframe, NodeState, ShotState, VersionRow  # noqa: E402
from refcolorize.panel.timeline import TimeLine  # noqa: E402
from refcolorize.panel.version_box import VersionBox  # noqa: E402

HERE = Path(__file__).resolve().parent
PLUGIN = HERE.parents[2] / "nuke_plugin"
SHOT = ShotState(1001, 1100, 1033, (Keyframe(1001), Keyframe(1060, used=False)))


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Only reference counting ends what is not used any more."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def registered(nuke_session: Any, nuke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The session in which Nuke's GUI has run the plug-in's init.py and menu.py. No core runs."""
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "state"))
    nuke.pluginAddPath(PLUGIN.as_posix())
    return nuke_session


def open_menu(line: TimeLine, frame: int) -> None:
    """Right click on the time line, and away again."""
    where = line.point_of_frame(frame)
    event = QtGui.QContextMenuEvent(QtGui.QContextMenuEvent.Reason.Mouse, where, line.mapToGlobal(where))
    QtWidgets.QApplication.sendEvent(line, event)
    menu = QtWidgets.QApplication.activePopupWidget()
    assert menu is not None
    menu.close()


def used_line() -> TimeLine:
    line = TimeLine()
    line.show_shot(SHOT)
    line.show()
    for frame in (1033, 1060):
        open_menu(line, frame)
    return line


def used_references() -> ReferencesBox:
    box = ReferencesBox()
    box.show_node(NodeState("R", SHOT))
    for suggested in ((1083, 1029), (1029,)):
        box.show_confidence([(1001, 0.5)], suggested)
        box.suggestions()[0].click()
    for button in (box.add, box.remove, box.toggle, box.before, box.after, box.pictures):
        button.click()
    return box


def used_queue() -> QueueList:
    queue = QueueList()
    queue.show_rows([JobRow(job, "sh010", "1 of 4", 0.25, live=True) for job in "ab"])
    queue.cancel_button("a").click()
    queue.show_rows([JobRow("b", "sh010", "2 of 4", 0.5, live=True)])
    return queue


def used_versions() -> VersionBox:
    box = VersionBox()
    box.show_versions([VersionRow(number, 5, "", used=number == 2) for number in (3, 2, 1)])
    box.choose(3)
    box.use.click()
    box.swap.click()
    return box


def used_core_box() -> CoreBox:
    box = CoreBox()
    box.show_core(CoreStatus(running=True, title="On", detail="CPU"))
    for button in (box.stop, box.page, box.log):
        button.click()
    return box


def used_face() -> PanelFace:
    face = PanelFace()
    face.show()
    face.nodes.showPopup()
    face.nodes.hidePopup()
    return face


def used_panel() -> Any:
    from refcolorize.panel.panel import Panel

    panel = Panel()
    panel.show()
    wait_until(lambda: panel.core.start.isVisible() and panel.core.start.isEnabled())
    panel.create_node.click()
    panel.references.line.key_added.emit(5)
    open_menu(panel.references.line, 5)
    panel.queue.cancelled.emit("0123456789abcdef")
    wait_until(panel.note.isVisible)
    return panel


@pytest.mark.gui
@pytest.mark.usefixtures("registered", "no_collector")
@pytest.mark.parametrize(
    "used",
    [used_line, used_references, used_queue, used_versions, used_core_box, used_face, used_panel],
    ids=lambda used: used.__name__,
)
def test_a_released_widget_ends_at_once_without_the_garbage_collector(used: Callable[[], Any]) -> None:
    before = set(QtWidgets.QApplication.allWidgets())
    widget = used()
    ended = weakref.ref(widget)
    widget.close()
    del widget
    assert ended() is None
    assert set(QtWidgets.QApplication.allWidgets()) <= before


def _connected(path: Path) -> Iterator[ast.expr]:
    """What a module's signals are connected to."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "connect":
            yield from (*node.args, *(keyword.value for keyword in node.keywords))


def test_signals_connect_to_signals_and_methods_only_and_keep_no_widget_alive() -> None:
    connected = [(path.name, to) for path in (PLUGIN / "refcolorize").rglob("*.py") for to in _connected(path)]
    assert len(connected) > 20
    others = [(name, ast.unparse(to)) for name, to in connected if not isinstance(to, ast.Attribute)]
    assert others == []


def run_apart(script: str, tmp_path: Path) -> str:
    """What a script prints in a process of its own, over the fake and an offscreen Qt; fails if that crashes."""
    before = (
        f"import sys; sys.path[:0] = {[str(HERE), str(HERE.parent), str(PLUGIN)]}\n"
        "import gc, threading, fakenuke\n"
        "session = fakenuke.install(gui=True); import nuke\n"
        "from test_panel_lifetime import *\n"
        f"nuke.pluginAddPath({PLUGIN.as_posix()!r}); gc.disable()\n"
        "def events():\n"
        "    for _ in range(10): qapp.processEvents()\n"
    )
    environment = {"STCOLOR_STATE_DIR": str(tmp_path / "state"), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-X", "faulthandler", "-c", before + script]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_deleting_a_menu_does_not_delete_the_time_line(tmp_path: Path) -> None:
    said = run_apart(
        "def scene():\n"
        "    line = used_line()\n"
        "    line.destroyed.connect(lambda: print('line'))\n"
        "    line.close()\n"
        "scene(); print('let go'); events(); gc.collect(); events(); print('alive')\n",
        tmp_path,
    )
    assert said.split("\n")[:-1] == ["line", "let go", "alive"]


def test_a_panel_that_another_thread_collects_ends_in_the_main_thread(tmp_path: Path) -> None:
    said = run_apart(
        "def leave():\n"
        "    panel = used_panel(); panel.close()\n"
        "    panel.destroyed.connect(lambda: print('ended in', threading.current_thread().name))\n"
        "    garbage = [panel]; garbage.append(garbage)\n"
        "leave()\n"
        "collector = threading.Thread(target=gc.collect, name='collector'); collector.start(); collector.join()\n"
        "print('collected'); events()\n"
        "collector = threading.Thread(target=gc.collect); collector.start(); collector.join()\n"
        "events(); print('alive with', len(qapp.allWidgets()))\n",
        tmp_path,
    )
    assert said.split("\n")[:-1] == ["collected", "ended in MainThread", "alive with 0"]


def own_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("refcolorize")]


@pytest.mark.gui
def test_a_panel_that_nuke_deletes_without_closing_it_leaves_no_thread(registered: Any) -> None:
    window = QtWidgets.QWidget()
    panel = registered.open_panel("refcolorize.panel")
    panel.setParent(window)
    window.show()
    panel.show()
    wait_until(own_threads)
    window.deleteLater()
    wait_until(lambda: not own_threads())
    with pytest.raises(RuntimeError, match="already deleted"):
        panel.isVisible()


@pytest.mark.gui
def test_opening_and_closing_the_registered_panel_ten_times_leaves_nothing(registered: Any) -> None:
    before = set(QtWidgets.QApplication.allWidgets())
    closed = []
    for _ in range(10):
        panel = registered.open_panel("refcolorize.panel")
        panel.show()
        wait_until(lambda panel=panel: panel.core.start.isVisible())
        panel.close()
        timers = panel.findChildren(QtCore.QTimer)
        assert len(timers) >= 2
        assert not any(timer.isActive() for timer in timers)
        closed.append(weakref.ref(panel))
        panel.deleteLater()
        del panel, timers
    wait_until(lambda: not own_threads())
    assert [panel() for panel in closed] == [None] * 10
    assert set(QtWidgets.QApplication.allWidgets()) <= before


@pytest.mark.gui
def test_the_registered_panel_is_in_the_pane_menu_and_opens_by_its_id(registered: Any) -> None:
    assert registered.panels["refcolorize.panel"][1] == "RefColorize"
    panel = registered.open_panel("refcolorize.panel")
    assert type(panel).__name__ == "Panel"
    assert isinstance(panel, QtWidgets.QWidget)
