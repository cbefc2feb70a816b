"""A swatch from the node's button through the plug-in and a core process to the colour that the node shows.

Only `nuke` is the tests' strict fake; the core is started by the plug-in as Nuke starts it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fakenuke
import numpy as np
import pytest
from comp import FIRST, PLUGIN, Comp, make_script
from scenes import pan

from stcolor_core.images import frame_files
from stcolor_core.images.color import linear_to_lab, luminance_of

FRAMES, SIZE, AT = 6, (96, 64), 1003
OCHRE = "#b08030"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.gui,
    pytest.mark.skipif(os.name != "posix", reason="the core's Python is a shell script here"),
]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The state folder of this test's core, which the plug-in starts from this checkout; stopped at the end."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{PLUGIN.parent}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("STCOLOR_PYTHON", str(python))
    monkeypatch.delenv("OCIO", raising=False)
    yield tmp_path / "state"
    from refcolorize.core import server

    server.stop()


@pytest.fixture
def pump(nuke_session: Any) -> Callable[..., Any]:
    """Return a function that runs Nuke's event loop until a condition holds."""
    pump: Callable[..., Any] = nuke_session.main_thread.pump
    return pump


def half(frame: int) -> np.ndarray:
    """The mask of the scene's left half at a frame: an object that moves with the pan."""
    mask = np.zeros((SIZE[1], SIZE[0]), np.float32)
    mask[:, : SIZE[0] // 2 - 2 * (frame - FIRST)] = 1
    return mask


@pytest.fixture
def comp(nuke: Any, tmp_path: Path) -> Comp:
    """A shot that pans, without ref and without keys, and a matte of frame 1003 with `wall/left` and `wall/right`."""
    folder = tmp_path / "show"
    for frame, lightness in enumerate(pan(FRAMES, height=SIZE[1], width=SIZE[0], step=2).lightnesses, FIRST):
        frame_files.write_frame(folder / f"plate.{frame}.exr", {"Y": (luminance_of(lightness), "half")})
    masks = {"left.A": half(AT), "right.A": 1 - half(AT)}
    frame_files.write_frame(
        folder / f"matte.{AT}.exr", {name: (np.asarray(mask, np.float32), "half") for name, mask in masks.items()}
    )
    comp = make_script(nuke, folder, last=FIRST + FRAMES - 1, keys=(), size=SIZE)
    comp.node.setInput(1, None)
    matte = (folder / "matte.####.exr").as_posix()
    comp.node.setInput(2, nuke.nodes.Read(file=matte, first=AT, last=AT, name="Roto"))
    return comp


def ab(node: Any, frame: int) -> np.ndarray:
    shown = fakenuke.rendering.image(node, frame)
    return linear_to_lab(np.stack([shown[f"rgba.{name}"] for name in ("red", "green", "blue")], axis=-1))[..., 1:]


def test_an_object_picked_in_the_dialog_gets_its_colour_on_all_frames_and_nothing_else_does(
    nuke: Any, nuke_session: Any, comp: Comp, pump: Callable[..., Any]
) -> None:
    from qt_app import application

    application()
    nuke.frame(AT)
    comp.node["add_swatch"].execute()
    from refcolorize.panel import swatch_dialog

    (dialog,) = swatch_dialog._open.values()
    pump(until=lambda: not dialog.bar.isVisible(), seconds=120)
    assert [item.text(0) for item in dialog._items] == ["right", "left"], dialog.note.text()
    dialog.objects.setCurrentItem(dialog._items[1])
    dialog.color.set_color(OCHRE)
    dialog.add_button.click()
    dialog.close()
    assert comp.node["swatches"].value() == f"{AT}:left={OCHRE}"

    comp.node["colorize"].execute()
    pump(until=lambda: "v001 is" in comp.status, seconds=200)
    assert comp.status.startswith("v001 is done: 6 frames"), comp.status
    for frame in range(FIRST, FIRST + FRAMES):
        inside, outside = (ab(comp.node, frame)[8:-8, columns] for columns in (slice(12, 30), slice(56, 84)))
        assert inside[..., 1].mean() > 20 and abs(inside[..., 0].mean()) < 15, (frame, inside.mean((0, 1)))
        assert np.abs(outside).mean() < 1, "no colour is known there"
    assert nuke_session.artist.messages == []

    comp.node["swatches"].setValue(f"{AT}:middle={OCHRE}")
    comp.node["colorize"].execute()
    pump(until=lambda: "failed" in comp.status, seconds=200)
    assert "no object 'middle'" in comp.status and "left, right" in comp.status
