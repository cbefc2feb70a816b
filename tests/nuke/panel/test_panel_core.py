"""The panel in a real Qt event loop: the strict fake of Nuke, a real core on a real socket, real jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qt_app import application, qt_test, wait_until
from serving import Client
from small_shot import write_shot

from stcolor_core.images import frame_files

qapp = application()

from refcolorize.host.qt import QtCore, QtGui, QtWidgets  # noqa: E402  (skipped above if there is none)

QtTest = qt_test()

PLUGIN = Path(__file__).resolve().parents[3] / "nuke_plugin"
SURE, WEAK = QtGui.QColor("#74b87a"), QtGui.QColor("#e8623a")  # ends of the curve's colours
pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("core")]


@pytest.fixture
def node(nuke: Any) -> Any:
    """A RefColorize node in a script of 1001-1012, its one keyframe at 1001."""
    nuke.pluginAddPath(PLUGIN.as_posix())
    nuke.root()["first_frame"].setValue(1001)
    nuke.root()["last_frame"].setValue(1012)
    nuke.frame(1001)
    from refcolorize.node import keyframes, nodes

    node = nodes.create()
    keyframes.add_key(node, 1001)
    return node


@pytest.fixture
def panel(node: Any, core: Client) -> Iterator[Any]:
    """The panel, shown as Nuke does."""
    from refcolorize.panel.panel import Panel

    panel = Panel()
    panel.resize(420, 760)
    panel.show()
    yield panel
    panel.close()
    panel.deleteLater()


@pytest.fixture
def job(core: Client, node: Any, tmp_path: Path) -> str:
    """The node's job, of a fast pan with a cut before 1008, whose end no reference colours; keyframe at 1001."""
    shot = write_shot(tmp_path, frames=12, keys=(1001,), step=6)
    id = core.submit(replace(shot, method=replace(shot.method, cuts="1008")))
    node["job"].setValue(id)
    return id


def keys(node: Any) -> list[int]:
    from refcolorize.node import keyframes

    return keyframes.keys(node)


def share_like(picture: QtGui.QImage, where: QtCore.QRect, color: QtGui.QColor) -> float:
    """The share of a picture's columns that have a pixel close to a colour."""
    ratio = picture.devicePixelRatio()
    columns = range(round(where.left() * ratio), round(where.right() * ratio))
    rows = range(round(where.top() * ratio), round(where.bottom() * ratio))

    def close(x: int, y: int) -> bool:
        pixel = picture.pixelColor(x, y)
        return max(abs(a - b) for a, b in zip(pixel.getRgb()[:3], color.getRgb()[:3], strict=True)) < 24

    return sum(any(close(x, y) for y in rows) for x in columns) / len(columns)


@pytest.mark.parametrize("width", [420, 1200])
def test_the_panel_of_a_coloured_shot_paints_the_confidence_curve_and_the_picture_of_the_keyframe(
    panel: Any, core: Client, job: str, width: int, tmp_path: Path
) -> None:
    panel.resize(width, 760)
    line = panel.references.line
    wait_until(lambda: _suggested(panel) and _suggested(panel) == _weakest(core, job))
    wait_until(lambda: "Done, 12 frames" in [bar.text() for bar in _bars(panel)])
    wait_until(lambda: share_like(line.grab().toImage(), line.thumb_boxes()[0][1], QtGui.QColor("#4a4a4a")) < 0.5)
    file = tmp_path / f"panel_{width}.png"
    assert panel.grab().save(str(file))
    picture = QtGui.QImage(str(file))
    assert picture.width() == width * picture.devicePixelRatio()
    top = line.mapTo(panel, line.point_of_frame(1001))
    curve = QtCore.QRect(top.x(), top.y() - 29, line.point_of_frame(1012).x() - line.point_of_frame(1001).x(), 58)
    assert share_like(picture, curve, SURE) > 0.1
    assert share_like(picture, curve, WEAK) > 0.05
    confidence = [
        re.findall(r"confidence (\S+)", line.tooltip_at(line.point_of_frame(frame)))[0] for frame in range(1002, 1013)
    ]
    assert float(confidence[0]) > 0.9 > 0.6 > float(confidence[-1])


def _bars(panel: Any) -> list[Any]:
    return panel.queue.findChildren(QtWidgets.QProgressBar)


def _suggested(panel: Any) -> list[int]:
    return [int(button.text().removeprefix("Go to ")) for button in panel.references.suggestions()]


def _weakest(core: Client, job: str) -> list[int]:
    """What the core says of a job that is done."""
    frames = core.get(f"/v1/jobs/{job}/frames")
    return list(frames["weakest"]) if frames["job"]["state"] == "done" else []


def test_a_suggestion_is_visited_then_keyed_and_undo_in_nuke_removes_it(
    panel: Any, node: Any, nuke: Any, core: Client, job: str
) -> None:
    first, *others = wait_until(lambda: _suggested(panel) == _weakest(core, job) and _suggested(panel))
    QtTest.QTest.mouseClick(panel.references.suggestions()[0], QtCore.Qt.MouseButton.LeftButton)
    assert (keys(node), nuke.frame()) == ([1001], first), "nothing is painted there yet"
    wait_until(lambda: panel.references.add.text() == f"Add keyframe at {first}")
    QtTest.QTest.mouseClick(panel.references.add, QtCore.Qt.MouseButton.LeftButton)
    assert keys(node) == [1001, first]
    wait_until(lambda: _suggested(panel) == others)
    assert panel.references.remove.isEnabled()
    nuke.undo()
    assert keys(node) == [1001]
    wait_until(lambda: _suggested(panel) == [first, *others])
    nuke.redo()
    assert keys(node) == [1001, first]


def test_the_row_of_the_nodes_job_goes_from_waiting_to_done(
    panel: Any, node: Any, core: Client, tmp_path: Path
) -> None:
    wait_until(panel.core.page.isEnabled)
    id = core.submit(write_shot(tmp_path, frames=40))
    node["job"].setValue(id)
    wait_until(lambda: _bars(panel))
    bar, seen = panel.queue.bar(id), []
    bar.valueChanged.connect(seen.append)
    wait_until(lambda: bar.text() == "Done, 40 frames")
    assert len(set(seen)) >= 2
    assert seen[-1] == bar.value() == 0, "done is said in words, and the bar is empty again"
    assert panel.queue.cancel_button(id).isHidden()


def test_cancel_in_the_queue_cancels_the_job_at_the_core(panel: Any, node: Any, core: Client, tmp_path: Path) -> None:
    id = core.submit(write_shot(tmp_path, frames=80))
    node["job"].setValue(id)
    wait_until(lambda: _bars(panel) and panel.queue.cancel_button(id).isVisible())
    QtTest.QTest.mouseClick(panel.queue.cancel_button(id), QtCore.Qt.MouseButton.LeftButton)
    wait_until(lambda: panel.queue.bar(id).text() == "Cancelled")
    assert core.get(f"/v1/jobs/{id}")["state"] == "cancelled"
    assert core.get(f"/v1/jobs/{id}")["done"] < 80
    assert not panel.note.isVisible()


def test_a_job_that_ended_while_the_panel_was_closed_is_shown_when_it_reopens(
    panel: Any, node: Any, core: Client, job: str
) -> None:
    panel.close()
    core.finish(job)
    panel.show()
    wait_until(lambda: panel.queue.bar(job).text() == "Done, 12 frames" if _bars(panel) else False)


def test_the_core_shows_its_address_and_device_and_stops_on_request(panel: Any, core: Client) -> None:
    wait_until(panel.core.page.isEnabled)
    title, detail = panel.core.text().split("\n")
    assert core.connection.url in title
    assert detail.startswith("CPU  ·  ")
    assert "standard" in detail
    QtTest.QTest.mouseClick(panel.core.stop, QtCore.Qt.MouseButton.LeftButton)
    wait_until(panel.core.stop_now.isVisible)
    assert "Stop the core?" in panel.core.question.text()
    QtTest.QTest.mouseClick(panel.core.stop_now, QtCore.Qt.MouseButton.LeftButton)
    assert panel.core.text().startswith("Stopping the core")
    assert not panel.core.start.isEnabled()
    wait_until(lambda: panel.core.text().startswith("The core is not running"))
    assert panel.core.start.isVisible() and panel.core.start.isEnabled()
    assert not panel.note.isVisible()


def test_without_a_core_the_curve_is_read_from_the_frames(
    panel: Any, node: Any, core: Client, job: str, tmp_path: Path
) -> None:
    core.finish(job)
    output = core.get(f"/v1/jobs/{job}")["output"]
    node["version"].setValues(["none", "v001"])
    node["version"].setValue("v001")
    node["result_file"].setValue(Path(output).as_posix())
    line = panel.references.line
    wait_until(lambda: len(line._curve) == 12)
    with_core = dict(line._curve)
    panel.core.stop.click()
    panel.core.stop_now.click()
    wait_until(lambda: panel.core.text().startswith("The core is not running"))
    wait_until(lambda: len(line._curve) == 12)
    assert dict(line._curve) == pytest.approx(with_core, abs=1e-3)


def test_a_keyframe_that_the_job_found_without_colour_is_flagged(
    panel: Any, node: Any, core: Client, tmp_path: Path
) -> None:
    shot = write_shot(tmp_path, frames=6, keys=(1001, 1004))
    plane = np.zeros((64, 96), np.float32)
    frame_files.write_frame(tmp_path / "ref.1004.exr", dict.fromkeys("RGB", (plane, "half")))
    from refcolorize.node import keyframes

    keyframes.add_key(node, 1004)
    job = core.submit(shot)
    node["job"].setValue(job)
    core.finish(job)
    line = panel.references.line
    wait_until(lambda: "Ref has no colour here" in line.tooltip_at(line.point_of_frame(1004)))
    assert "Ref " not in line.tooltip_at(line.point_of_frame(1001))


def test_a_failed_job_shows_its_reason_in_the_panel(panel: Any, node: Any, core: Client, tmp_path: Path) -> None:
    asked = write_shot(tmp_path)
    (tmp_path / "plate.1003.exr").write_bytes(b"no picture")
    id = core.submit(asked)
    node["job"].setValue(id)
    wait_until(panel.note.isVisible)
    assert "1003" in panel.note.text()
    assert panel.queue.bar(id).text() == "Failed"
