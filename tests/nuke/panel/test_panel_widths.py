"""At no width from 240 pixels up does the panel lose a control or cut a text, however it came to that width."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qt_app import application

qapp = application()

from qt_layout import in_font, name_of, problems_at_rest, resize, shown  # noqa: E402
from refcolorize.host.qt import QtCore, QtGui, QtWidgets  # noqa: E402  (skipped above if there is none)
from refcolorize.panel.panel_face import PanelFace  # noqa: E402
from refcolorize.panel.state import CoreStatus, JobRow, Keyframe, NodeState, ShotState, VersionRow  # noqa: E402
from refcolorize.panel.version_box import VersionBox  # noqa: E402

NARROWEST, WIDEST, STEP = 240, 1300, 20
WIDTHS = [*range(NARROWEST, WIDEST + 1, STEP), *range(WIDEST, NARROWEST - 1, -STEP)]
KEYS = tuple(
    Keyframe(10001 + 2 * index, used=index != 4, is_patch=index == 7, flaw="has no colour" if index == 12 else "")
    for index in range(50)
)
ADDRESS = "The core is running at http://127.0.0.1:41234"


def first_shot(face: PanelFace) -> None:
    face.references.show_node(NodeState("RefColorize1", ShotState(1001, 1100, 1001)))
    face.core.show_core(CoreStatus(running=False, title="The core is not running", detail="Press Start."))


def working(face: PanelFace) -> None:
    """A job runs, with versions, suggestions and a long warning."""
    face.nodes.addItem("RefColorize12")
    face.status.setText("v012: frame 37 of 100, 1 h 20 min left (2 warnings)")
    shot = ShotState(10001, 10100, 10060, KEYS, swatches=(10020, 10060))
    face.references.show_node(NodeState("RefColorize12", shot, job="a", version="v003", heat=True))
    curve = [(10001 + index, 1 - 0.3 * abs(index % 20 - 10) / 10) for index in range(70)]
    face.references.show_confidence(curve, (10083, 10029, 10071), {10083: 0.02})
    face.show_working(is_working=True)
    title, state = "sh010_comp_v003 · Group1.RefColorize12 · v012", "37 of 100, 1 h 20 min left"
    face.queue.show_rows([JobRow("a", title, state, 0.4, live=True), JobRow("b", title, "Failed", 0, live=False)])
    face.versions.show_versions(
        [VersionRow(n, 100, "today 12:00", n == 12, (10001, 10044), 0.91, "more red") for n in (12, 11, 10)]
    )
    face.versions.choose(11)
    face.core.show_core(CoreStatus(True, ADDRESS, detail="NVIDIA H100  ·  78.3 GB free  ·  standard", jobs=2))
    face.core.stop.click()
    face.note.setText("Frame 10013 of /shows/long/sequence/sh010/plates/v004/sh010_bg01_v004.####.exr is truncated.")
    face.note.show()


def switched_off(face: PanelFace) -> None:
    """The play head is on a keyframe that is switched off, and the core is starting."""
    face.references.show_node(NodeState("RefColorize12", ShotState(10001, 10100, 10009, KEYS), version="v003"))
    face.core.show_busy("Starting the core. This takes some seconds.")


def without_node(face: PanelFace) -> None:
    for section in (face._node_section, face._versions):
        section.hide()
    face._empty_section.show()


STATES: tuple[Callable[[PanelFace], None], ...] = (first_shot, working, switched_off, without_node)


@pytest.fixture(params=[12, 17], ids="{} pixels".format)
def font(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nuke's font as the artist has set it. A point is not the same size in every Qt."""
    with in_font(lambda font: font.setPixelSize(request.param)):
        yield


@pytest.fixture(params=STATES, ids=lambda state: state.__name__)
def face(request: pytest.FixtureRequest) -> Iterator[PanelFace]:
    made = PanelFace()
    made._empty_section.hide()
    made.note.hide()
    request.param(made)
    made.resize(NARROWEST, 3000)  # nothing is below the edge
    made.show()
    yield made
    made.close()
    made.deleteLater()


@pytest.mark.usefixtures("font")
def test_growing_and_shrinking_loses_no_control_and_cuts_no_text(face: PanelFace) -> None:
    for width in WIDTHS:
        resize(face, width, 3000)
        assert face.width() == width
        assert problems_at_rest(face) == [], f"at {width} pixels"


@pytest.mark.usefixtures("font")
@pytest.mark.parametrize("remark", [{}, {"missing": 3}], ids=["whole", "frames missing"])
def test_the_confidence_of_a_version_is_never_cut(tmp_path: Path, remark: dict[str, int]) -> None:
    picture = QtGui.QImage(128, 72, QtGui.QImage.Format.Format_RGB32)
    picture.fill(0x808080)
    assert picture.save(str(tmp_path / "thumbnail.jpg"))
    thumbnail = (tmp_path / "thumbnail.jpg").as_posix()
    rows = [
        VersionRow(n, 100, "today 12:00", n == 12, (10001, 10044), 1.0, "more red", thumbnail, **remark)
        for n in range(12, 0, -1)
    ]
    box = VersionBox()
    box.show_versions(rows)
    box.show()
    view, header = box.list, box.list.header()
    for width in (*range(NARROWEST - 16, 700, STEP), *range(700, NARROWEST - 17, -STEP)):
        resize(box, width, 400)
        assert not view.isColumnHidden(0) and not view.isColumnHidden(2), f"at {width} pixels"
        for column in (0, 2):
            needed = max(view.sizeHintForColumn(column), header.sectionSizeHint(column))
            right = header.sectionViewportPosition(column) + needed
            assert right <= view.viewport().width(), f"column {column} at {width} pixels"
    box.close()
    box.deleteLater()


@pytest.mark.usefixtures("font")
@pytest.mark.parametrize("width", [1200, 800, 460])
def test_a_narrowed_panel_gives_its_rows_the_height_that_they_need_now(face: PanelFace, width: int) -> None:
    for narrow in (420, 300, NARROWEST):
        resize(face, width, 3000)
        assert problems_at_rest(face) == [], f"at {width} pixels"
        resize(face, narrow, 3000)
        assert problems_at_rest(face) == [], f"from {width} to {narrow} pixels"


def test_the_scroll_bar_of_a_low_panel_covers_nothing(face: PanelFace) -> None:
    for width in (NARROWEST, 300, 420):
        resize(face, width, 120)
        view = face.findChild(QtWidgets.QScrollArea).viewport()
        assert view.width() < width, "there is a scroll bar"
        for widget in shown(face):
            left = widget.mapTo(view, QtCore.QPoint(0, 0)).x()
            assert left >= 0, name_of(widget)
            assert left + widget.width() <= view.width(), f"{name_of(widget)} at {width} pixels"


LOW = ((NARROWEST, 900), (260, 700), (320, 500), (460, 620))


@pytest.mark.usefixtures("font")
def test_beside_the_scroll_bar_of_a_low_panel_no_text_is_cut(face: PanelFace) -> None:
    for width, height in LOW:
        resize(face, width, height)
        assert problems_at_rest(face, scrolls=True) == [], f"at {width} x {height} pixels"
        assert not face.findChild(QtWidgets.QScrollArea).horizontalScrollBar().maximum(), "nothing is beside the edge"


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_with_a_font_too_large_for_its_width_a_panel_scrolls_sideways(state: Callable[[PanelFace], None]) -> None:
    with in_font(lambda font: font.setPixelSize(24)):
        face = PanelFace()
        face._empty_section.hide()
        face.note.hide()
        state(face)
        face.show()
        for width, height in LOW:
            resize(face, width, height)
            view = face.findChild(QtWidgets.QScrollArea)
            page = view.widget()
            for bar, of_page, of_view in (
                (view.horizontalScrollBar(), page.width(), view.viewport().width()),
                (view.verticalScrollBar(), page.height(), view.viewport().height()),
            ):
                assert bar.maximum() == max(0, of_page - of_view), f"at {width} x {height} pixels"
            for widget in shown(face):
                box = QtCore.QRect(widget.mapTo(page, QtCore.QPoint(0, 0)), widget.size())
                assert page.rect().contains(box), f"{name_of(widget)} at {width} x {height} pixels"
        face.close()
        face.deleteLater()
