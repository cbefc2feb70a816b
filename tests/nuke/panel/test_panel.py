"""The panel over the strict fake of Nuke and a real core, in a real Qt event loop."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qt_app import application, qt_test, wait_until

qapp = application()

from refcolorize.host.qt import QtCore, QtWidgets  # noqa: E402  (skipped above if there is none)

QtTest = qt_test()

PLUGIN = Path(__file__).resolve().parents[3] / "nuke_plugin"
pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("state")]


@pytest.fixture
def nuke(nuke: Any) -> Any:
    """Nuke with the plug-in, and a script of 1001-1020."""
    nuke.pluginAddPath(PLUGIN.as_posix())
    nuke.root()["first_frame"].setValue(1001)
    nuke.root()["last_frame"].setValue(1020)
    return nuke


@pytest.fixture
def make_panel(nuke: Any) -> Iterator[Any]:
    """Panels, shown as Nuke does; closed at the end."""
    made: list[QtWidgets.QWidget] = []

    def make() -> Any:
        from refcolorize.panel.panel import Panel

        made.append(Panel())
        made[-1].resize(420, 700)
        made[-1].show()
        return made[-1]

    yield make
    for panel in made:
        panel.close()
        panel.deleteLater()


@pytest.fixture
def node(nuke: Any) -> Any:
    """A RefColorize node without inputs."""
    from refcolorize.node import nodes

    return nodes.create()


def keys(node: Any) -> dict[int, float]:
    knob = node["reference_keys"]
    return {round(key.x): key.y for key in knob.animation(0).keys()} if knob.isAnimated() else {}  # noqa: SIM118


def test_importing_the_panel_makes_no_widget_and_no_thread() -> None:
    """In a fresh process: a Qt application must not be there yet."""
    script = (
        "import sys, threading, types; sys.modules['nuke'] = types.ModuleType('nuke'); sys.modules['nuke'].GUI = True\n"
        "import refcolorize.panel.panel\n"
        "from refcolorize.host.qt import QtCore; assert QtCore.QCoreApplication.instance() is None\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=PLUGIN, check=True)


def test_without_a_node_and_without_a_core_the_panel_shows_what_to_do(make_panel: Any, nuke: Any) -> None:
    panel = make_panel()
    assert "no RefColorize node" in panel.empty.text()
    assert not panel.references.isVisible()
    wait_until(lambda: panel.core.start.isVisible() and panel.core.start.isEnabled())
    panel.create_node.click()
    assert panel.references.isVisible()
    assert panel.nodes.currentText() == "RefColorize1"
    nuke.undo()
    wait_until(lambda: not panel.references.isVisible())


def test_a_keyframe_that_the_panel_adds_is_on_the_knob_and_can_be_undone(make_panel: Any, node: Any, nuke: Any) -> None:
    panel = make_panel()
    nuke.frame(1005)
    wait_until(lambda: panel.references.add.text() == "Add keyframe at 1005")
    panel.references.add.click()
    assert keys(node) == {1005: 1}
    assert panel.references.remove.isEnabled()
    nuke.undo()
    assert keys(node) == {}
    wait_until(lambda: not panel.references.remove.isEnabled())


def test_a_keyframe_is_switched_off_and_on_and_removed(make_panel: Any, node: Any, nuke: Any) -> None:
    panel = make_panel()
    panel.references.line.key_added.emit(1010)
    assert nuke.frame() == 1010
    panel.references.toggle.click()
    assert keys(node) == {1010: 0}
    nuke.undo()
    assert keys(node) == {1010: 1}
    wait_until(lambda: panel.references.toggle.text() == "Switch off")
    panel.references.remove.click()
    assert keys(node) == {}


def test_a_click_on_the_time_line_moves_nukes_frame(make_panel: Any, node: Any, nuke: Any) -> None:
    panel = make_panel()
    line = panel.references.line
    QtTest.QTest.mouseClick(line, QtCore.Qt.MouseButton.LeftButton, pos=line.point_of_frame(1013))
    assert nuke.frame() == 1013


def test_a_script_without_a_node_is_not_searched_at_every_update(
    nuke: Any, make_panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refcolorize.panel import panel as panels

    searched: list[str] = []
    monkeypatch.setattr(panels, "_SEARCH_SECONDS", 3600.0, raising=False)
    monkeypatch.setattr(nuke, "allNodes", lambda name, *_: searched.append(name) or [])
    panel = make_panel()
    for _ in range(20):
        panel._refresh()
    assert searched.count("Group") == 1


def test_the_panel_keeps_a_comment_and_goes_to_the_weakest_frame(
    make_panel: Any, node: Any, nuke: Any, tmp_path: Path
) -> None:
    import json

    from refcolorize.node import node_results

    node["output_folder"].setValue(tmp_path.as_posix())
    for name in ("v001", "v002"):
        folder = tmp_path / "RefColorize1" / name
        folder.mkdir(parents=True)
        (folder / f"RefColorize1_{name}.1004.exr").touch()
        (folder / "about.json").write_text(json.dumps({"confidence": {"1003": 0.9, "1004": 0.2}}))
    node_results.use_version(node, 2)
    panel = make_panel()
    wait_until(lambda: panel.references.weakest.isEnabled() and panel.versions.comment.isVisible())
    panel.references.weakest.click()
    assert nuke.frame() == 1004
    panel.versions.comment.setText("for dailies")
    panel.versions.comment.editingFinished.emit()
    assert node_results.versions(node)[1].comment() == "for dailies"
    assert panel.versions.list.topLevelItem(0).text(4) == "for dailies"


def test_the_panel_reports_what_it_cannot_clean_up(make_panel: Any, node: Any, tmp_path: Path) -> None:
    node["output_folder"].setValue(tmp_path.as_posix())
    panel = make_panel()
    panel.versions.clean_up_requested.emit()
    wait_until(panel.note.isVisible)
    assert "nothing to clean up" in panel.note.text()


def test_a_click_while_nuke_renders_takes_effect_afterwards(
    nuke_session: Any, make_panel: Any, node: Any, nuke: Any
) -> None:
    panel = make_panel()
    nuke_session.other_render = 4
    panel.references.line.key_added.emit(1010)
    assert keys(node) == {}
    wait_until(lambda: keys(node) == {1010: 1})


def test_pictures_that_nuke_refuses_to_render_are_rendered_afterwards(
    nuke_session: Any, make_panel: Any, node: Any, nuke: Any
) -> None:
    pytest.importorskip("cv2", reason="the fake needs it for a Reformat")
    nuke.root()["format"].setValue("64 48 0 0 64 48 1 small")
    node.setInput(1, nuke.nodes.CheckerBoard2())
    panel = make_panel()
    panel.references.line.key_added.emit(1010)
    nuke_session.executing = 2
    panel.references.pictures_requested.emit()
    wait_until(lambda: panel._pictures)
    assert list(panel._pictures["RefColorize1"]) == [1010]


def test_a_panel_deleted_before_nuke_has_rendered_causes_no_error(nuke_session: Any, node: Any, nuke: Any) -> None:
    from refcolorize.host import main_thread
    from refcolorize.panel.panel import Panel

    panel = Panel()
    panel.show()
    nuke_session.other_render = 1_000_000
    panel.references.line.key_added.emit(1010)
    gone: list[int] = []
    panel.destroyed.connect(lambda: gone.append(1))
    panel.deleteLater()
    wait_until(lambda: gone)
    done: list[int] = []
    main_thread.when_idle(lambda: done.append(1))  # comes after the keyframe
    nuke_session.other_render = 0
    wait_until(lambda: done)
    assert keys(node) == {}


def test_an_update_asks_nothing_of_nuke_while_it_renders(
    nuke_session: Any, make_panel: Any, node: Any, nuke: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = make_panel()
    looked: list[int] = []
    monkeypatch.setattr(panel, "_show_node", lambda _: looked.append(1))
    nuke_session.other_render = 1
    panel._refresh()
    assert looked == []
    panel._refresh()
    assert looked


def test_nothing_of_a_closed_script_is_shown_for_a_node_of_the_same_name(make_panel: Any, node: Any, nuke: Any) -> None:
    from refcolorize.jobs import reference_check
    from refcolorize.node import nodes

    panel = make_panel()
    name = node.fullName()
    bytes_of_a_picture = QtCore.QByteArray()
    buffer = QtCore.QBuffer(bytes_of_a_picture)
    assert panel.grab().save(buffer, "PNG")
    panel._add_pictures(name, {1001: bytes_of_a_picture.data()})
    reference_check.keep_flaws(name, {1001: "no_color"})
    nuke.scriptClear()
    assert nodes.create().fullName() == name
    assert reference_check.last_flaws(name) is None
    assert panel._pictures == {}


def test_a_preview_is_told_loudly_and_left_with_one_click(
    make_panel: Any, node: Any, nuke: Any, tmp_path: Path
) -> None:
    from refcolorize.node import node_results, previews

    node["output_folder"].setValue(tmp_path.as_posix())
    for name in ("v001", "preview"):
        folder = tmp_path / "RefColorize1" / name
        folder.mkdir(parents=True)
        (folder / f"RefColorize1_{name}.1004.exr").touch()
    node_results.use_version(node, 1)
    panel = make_panel()
    assert not panel.leave_preview.isVisible()
    previews.show(node, 1004)
    wait_until(lambda: panel.leave_preview.isVisible())
    assert panel.note.text() == "PREVIEW: frame 1004 over v001. Leave preview goes back to v001."
    panel.leave_preview.click()
    wait_until(lambda: not panel.leave_preview.isVisible())
    assert previews.frames(node) == [] and panel.note.text() == ""
