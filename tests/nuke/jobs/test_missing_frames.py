"""A plate frame that is not on disk: what the message says to set in its Read does let the shot be coloured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from comp import Comp, make_comp

pytestmark = pytest.mark.usefixtures("state", "core")


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    made = make_comp(nuke, tmp_path / "show", frames=4, keys=(1001,))
    made.plate["last"].setValue(1005)
    (made.folder / "plate.1003.exr").unlink()
    return made


@pytest.mark.parametrize(
    ("on_error", "frame_range", "written"),
    [
        ("black", "", [1001, 1002, 1004]),
        ("black", "1002-1004", [1002, 1004]),
        ("nearest frame", "", [1001, 1002, 1003, 1004, 1005]),
    ],
)
def test_the_setting_that_the_message_names_lets_the_rest_be_coloured(
    comp: Comp, on_error: str, frame_range: str, written: list[int]
) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.jobs import render

    with pytest.raises(RefColorizeError, match="to black or nearest frame"):
        render.colorize(comp.node)
    comp.plate["on_error"].setValue(on_error)
    comp.node["frame_range"].setValue(frame_range)
    assert render.colorize(comp.node).state == "done"
    assert comp.frames(str(comp.node["version"].value())) == written


def test_a_range_of_missing_frames_alone_is_refused(comp: Comp) -> None:
    from refcolorize.errors import RefColorizeError
    from refcolorize.jobs import render

    comp.plate["on_error"].setValue("black")
    comp.node["frame_range"].setValue("1003")
    with pytest.raises(RefColorizeError, match="Frame 1003 is to be written but is not in the plate"):
        render.colorize(comp.node)
