"""The objects of the matte input, asked of a real core by the node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comp import Comp, make_comp

from stcolor_core.images import frame_files


@pytest.fixture
def comp(nuke: Any, tmp_path: Path, state: Path) -> Comp:
    """A shot whose matte, a plain Read of frames 1001 and 1003, has `coat` and `hat` at 1003 and is empty at 1001."""
    del state
    comp = make_comp(nuke, tmp_path)
    coat, hat = np.zeros((2, 64, 96), np.float32)
    coat[:, :24] = 1
    hat[:32, 24:] = 1
    for frame in (1001, 1003):
        matte = {name: (mask * (frame == 1003), "half") for name, mask in (("coat.A", coat), ("hat.A", hat))}
        frame_files.write_frame(comp.folder / f"matte.{frame}.exr", matte)  # type: ignore[arg-type]
    path = (comp.folder / "matte.####.exr").as_posix()
    comp.node.setInput(2, nuke.nodes.Read(file=path, first=1001, last=1003, name="Roto"))
    return comp


@pytest.fixture
def matte_objects(comp: Comp) -> Any:
    import refcolorize.jobs.matte_objects

    return refcolorize.jobs.matte_objects


@pytest.mark.usefixtures("core")
def test_in_a_terminal_the_objects_are_there_at_once(comp: Comp, matte_objects: Any) -> None:
    comp.nuke.frame(1003)
    task = matte_objects.find_objects(comp.node)
    assert task.ended and task.frame == 1003
    assert [(each.name, each.share) for each in task.objects] == [("hat", 0.375), ("coat", 0.25)]
    assert matte_objects.find_objects(comp.node, 1001).objects == ()


@pytest.mark.gui
@pytest.mark.usefixtures("core")
def test_with_a_gui_they_are_asked_for_in_the_background(
    comp: Comp, matte_objects: Any, pump: Callable[..., Any]
) -> None:
    task = matte_objects.find_objects(comp.node, 1003)
    pump(until=lambda: task.ended, seconds=60)
    assert [each.name for each in task.objects] == ["hat", "coat"]
    assert comp.status == "No result yet."


@pytest.mark.usefixtures("core")
def test_a_frame_without_a_matte_is_named(comp: Comp, matte_objects: Any) -> None:
    from refcolorize.errors import RefColorizeError

    with pytest.raises(RefColorizeError, match="Frame 1002 has no matte"):
        matte_objects.find_objects(comp.node, 1002)


def test_without_a_core_the_error_says_so(comp: Comp, matte_objects: Any) -> None:
    from refcolorize.errors import CoreUnreachable

    with pytest.raises(CoreUnreachable):
        matte_objects.find_objects(comp.node, 1003)
