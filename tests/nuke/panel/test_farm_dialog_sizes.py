"""At no size does the farm dialog cut a control or lay one over another: what has no room can be scrolled to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from comp import Comp
from farming import comp, goes
from qt_app import application, wait_until

qapp = application()

from qt_layout import in_font, problems_at_rest, resize  # noqa: E402
from refcolorize.core.engines import ENGINES  # noqa: E402
from refcolorize.host.qt import QtWidgets  # noqa: E402  (skipped above if there is no Qt)

__all__ = ["comp", "goes"]

pytestmark = [
    pytest.mark.gui,
    pytest.mark.usefixtures("state"),
    pytest.mark.skipif(os.name != "posix", reason="the core's Python is a shell script here"),
]

LONG = "Deadline 10: /shows/long/sequence/sh010/plates/v004/sh010_bg01_v004.1013.exr cannot be read. Make it available."
HEIGHTS = (1, 320, 2000)


def form(dialog: Any, engine: str) -> None:
    dialog.form.engine.setCurrentIndex(list(ENGINES).index(engine))


def refused(dialog: Any) -> None:
    form(dialog, "deadline")
    dialog._show_form(LONG)


def busy(dialog: Any) -> None:
    form(dialog, "opencue")
    dialog._show_busy("Rendering inputs, if any, and writing the job. Nuke stays usable.")


def written(dialog: Any) -> None:
    dialog.submit_button.click()
    wait_until(dialog.result_box.isVisible)


STATES: dict[str, Callable[[Any], None]] = {
    **{engine: lambda dialog, engine=engine: form(dialog, engine) for engine in ENGINES},
    "refused": refused,
    "busy": busy,
    "written": written,
}


@pytest.fixture(params=[12, 17], ids="{} pixels".format)
def font(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nuke's font as the artist has set it."""
    with in_font(lambda font: font.setPixelSize(request.param)):
        yield


@pytest.fixture
def dialog(font: None, goes: Any, comp: Comp) -> Iterator[Any]:
    from refcolorize.panel.farm_dialog import open_for

    for number in range(8):
        comp.nuke.nodes.Write(inputs=[comp.node], name=f"Denoised_{number}")
    opened = open_for(comp.node)
    wait_until(lambda: "keyframes" in opened.summary.text())
    yield opened
    opened.close()


@pytest.mark.parametrize("state", list(STATES))
def test_nothing_is_cut_or_covered_from_the_smallest_size_to_a_large_one(dialog: Any, state: str) -> None:
    STATES[state](dialog)
    for width in (1, 440, 1000, 300):
        for height in HEIGHTS:
            resize(dialog, width, height)
            assert problems_at_rest(dialog, scrolls=True) == [], f"at {dialog.width()} x {dialog.height()} pixels"
    assert dialog.height() == HEIGHTS[-1], "the artist's size is kept"


@pytest.mark.parametrize("state", list(STATES))
def test_it_opens_at_a_size_at_which_nothing_is_hidden(dialog: Any, state: str) -> None:
    STATES[state](dialog)
    assert problems_at_rest(dialog, scrolls=True) == []
    screen = QtWidgets.QApplication.primaryScreen().availableGeometry().height()
    assert dialog.height() == screen or not dialog._page.verticalScrollBar().isVisible()


def test_the_smallest_size_fits_a_small_screen(dialog: Any) -> None:
    for engine in ENGINES:
        form(dialog, engine)
        resize(dialog, 1, 1)
        assert dialog.width() <= 480
        assert dialog.height() <= 400


def test_an_error_below_a_long_form_is_scrolled_into_sight(dialog: Any) -> None:
    resize(dialog, 440, 300)
    refused(dialog)
    wait_until(lambda: not dialog.note.visibleRegion().isEmpty())
