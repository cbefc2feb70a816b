"""A shot from the first keyframe to two compared versions, all from the panel: real core, real files, real Qt loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp
from qt_app import application, qt_test, wait_until

qapp = application()

from refcolorize.host.qt import QtCore, QtWidgets  # noqa: E402  (skipped above if there is none)

QtTest = qt_test()

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("core")]


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    """A fast pan, painted throughout, with a keyframe at its first frame only."""
    painted = make_comp(nuke, tmp_path / "show", frames=12, keys=range(1001, 1013), step=6)
    from refcolorize.node import keyframes

    for frame in range(1002, 1013):
        keyframes.remove_key(painted.node, frame)
    nuke.frame(1001)
    return painted


@pytest.fixture
def open_panel(nuke_session: Any, comp: Comp) -> Iterator[Callable[[int], Any]]:
    """The registered panel at a width, as Nuke opens it; closed at the end."""
    opened: list[Any] = []

    def open_panel(width: int) -> Any:
        opened.append(nuke_session.open_panel("refcolorize.panel"))
        opened[-1].resize(width, 760)
        opened[-1].show()
        return opened[-1]

    yield open_panel
    for panel in opened:
        panel.close()
        panel.deleteLater()


def click(button: Any) -> None:
    assert button.isVisible() and button.isEnabled(), button.text()
    QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)


def said(panel: Any) -> str:
    return str(panel.status.text())


@pytest.mark.parametrize("width", [420, 1200])
def test_a_shot_is_coloured_given_a_suggested_keyframe_coloured_again_and_both_versions_compared(
    open_panel: Any, comp: Comp, nuke_session: Any, nuke: Any, width: int, tmp_path: Path
) -> None:
    panel = open_panel(width)
    click(panel.colorize)
    wait_until(lambda: said(panel) == "v001 is done: 12 frames")
    (suggested, *_) = wait_until(panel.references.suggestions)
    frame = int(suggested.text().removeprefix("Go to "))
    click(suggested)
    wait_until(lambda: panel.references.add.text() == f"Add keyframe at {frame}")
    click(panel.references.add)
    assert nuke_session.undo.names[-1] == f"Add keyframe {frame}"
    wait_until(lambda: panel.colorize.text() == "Colorize")  # its task writes a summary after the last frame
    click(panel.colorize)
    wait_until(lambda: panel.colorize.text() == "Cancel")
    wait_until(lambda: said(panel) == "v002 is done: 12 frames")
    wait_until(lambda: panel.versions.swap.isVisible() and panel.versions.swap.text() == "Swap with v001")
    wait_until(lambda: panel.references.line.tooltip_at(panel.references.line.point_of_frame(1011)).count("confidence"))
    wait_until(lambda: len(panel.queue.findChildren(QtWidgets.QProgressBar)) == 2)
    wait_until(lambda: panel.colorize.text() == "Colorize")
    assert not panel.versions.list.topLevelItem(0).icon(0).isNull(), "it has a thumbnail"
    click(panel.references.heat)
    assert comp.node["confidence_overlay"].value()
    nuke.undo()
    assert not comp.node["confidence_overlay"].value()
    assert panel.grab().save(str(tmp_path / f"panel_{width}.png"))

    click(panel.versions.swap)
    assert shown(comp) == ("v001", "RefColorize1_v001.####.exr")
    assert nuke_session.undo.names[-1] == "Use v001"
    wait_until(lambda: panel.versions.swap.text() == "Swap with v002")
    nuke.undo()
    assert shown(comp) == ("v002", "RefColorize1_v002.####.exr")
    wait_until(lambda: panel.versions.swap.text() == "Swap with v001")


def shown(comp: Comp) -> tuple[str, str]:
    return str(comp.node["version"].value()), Path(comp.node["result_file"].toScript()).name


def test_the_suggestions_are_those_of_the_version_shown_after_a_later_run_has_failed(
    open_panel: Any, comp: Comp, nuke: Any
) -> None:
    panel = open_panel(420)
    click(panel.colorize)
    wait_until(lambda: said(panel) == "v001 is done: 12 frames")
    wait_until(panel.references.suggestions)
    wait_until(lambda: panel.colorize.text() == "Colorize")
    named, curve = suggested(panel), panel.references.line.tooltip_at(panel.references.line.point_of_frame(1011))
    assert named and "confidence" in curve
    good = {path: path.read_bytes() for path in comp.folder.glob("plate.*.exr")}
    for path in good:
        path.write_bytes(b"no picture")
    click(panel.colorize)
    wait_until(lambda: "v002 failed" in said(panel))
    wait_until(lambda: panel.colorize.text() == "Colorize")
    for _ in range(3):  # looks of the panel at the failed job
        (before,) = [panel._snapshot]
        wait_until(lambda before=before: panel._snapshot is not before)
    assert shown(comp)[0] == "v001"
    assert suggested(panel) == named
    assert panel.references.line.tooltip_at(panel.references.line.point_of_frame(1011)) == curve
    nuke.undo()
    nuke.redo()  # the panel looks, whether Nuke says so or not
    wait_until(lambda: shown(comp)[0] == "v001")


def suggested(panel: Any) -> list[str]:
    return [button.text() for button in panel.references.suggestions()]


def test_the_pictures_of_the_keyframes_are_rendered_on_demand_and_leave_no_trace(
    open_panel: Any, comp: Comp, nuke_session: Any, nuke: Any
) -> None:
    panel = open_panel(420)
    nodes, steps = len(nuke.allNodes(recurseGroups=True)), nuke_session.undo.names
    nuke.root().setModified(False)
    before = panel.references.line.grab().toImage()
    click(panel.references.pictures)
    wait_until(lambda: panel.references.line.grab().toImage() != before)
    assert (len(nuke.allNodes(recurseGroups=True)), nuke_session.undo.names) == (nodes, steps)
    assert not nuke.root().modified()
    assert not panel.note.isVisible()
