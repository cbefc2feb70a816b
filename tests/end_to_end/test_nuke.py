"""From the node through the plug-in, a core process and EXRs on disk back to the node's outputs.

Only `nuke` is the tests' strict fake; the core is started by the plug-in as Nuke starts it.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import fakenuke
import numpy as np
import pytest
import real_footage
from adversities import ADVERSITIES
from comp import FIRST, PLUGIN, Comp, make_comp, make_script
from nuke_fixtures import plugin_is_idle
from scenes import pan

from stcolor_core.evaluation.metrics import psnr
from stcolor_core.images import frame_files, plates
from stcolor_core.images.color import linear_to_lab, luminance_of, srgb_decode, srgb_encode

CHECKOUT = PLUGIN.parent
COUNT, SIZE = 10, (384, 216)
KEYS = (1001, 1008)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.gui,
    pytest.mark.skipif(os.name != "posix", reason="the core's Python is a shell script here"),
]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The state folder of this test's core, which the plug-in starts from this checkout; stopped at the end."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{CHECKOUT}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
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


@dataclass
class Footage:
    """A real shot on disk: plate.####.exr (Y) and ref.####.exr at KEYS. truth: display RGB, 0..1, by frame."""

    folder: Path
    truth: Mapping[int, np.ndarray]


@pytest.fixture
def footage(tmp_path: Path) -> Footage:
    """Ten frames of a real sequence."""
    clip = real_footage.footage("davis", "blackswan")
    truth = {}
    files = sorted(clip.glob("*.jpg"))[:COUNT]
    for frame, file in enumerate(files, FIRST):
        picture = cv2.resize(cv2.imread(str(file)), SIZE, interpolation=cv2.INTER_AREA)
        truth[frame] = picture[..., ::-1].astype(np.float32) / 255
        linear = srgb_decode(truth[frame])
        grey = luminance_of(linear_to_lab(linear)[..., :1])[..., 0]
        frame_files.write_frame(tmp_path / f"plate.{frame}.exr", {"Y": (grey, "half")})
        if frame in KEYS:
            colour = {name: (linear[..., index], "half") for index, name in enumerate("RGB")}
            frame_files.write_frame(tmp_path / f"ref.{frame}.exr", colour)
    return Footage(tmp_path, truth)


def rgb(node: Any, frame: int) -> np.ndarray:
    shown = fakenuke.rendering.image(node, frame)
    return np.stack([shown[f"rgba.{name}"] for name in ("red", "green", "blue")], axis=-1)


def test_a_real_shot_comes_back_into_the_node_and_renders_without_the_plug_in(
    nuke: Any, footage: Footage, pump: Callable[..., Any]
) -> None:
    node = make_script(nuke, footage.folder, last=FIRST + COUNT - 1, keys=KEYS, size=SIZE).node
    node["colorize"].execute()
    pump(until=lambda: "done" in node["status"].value(), seconds=300)

    def quality(of: Any) -> float:
        frames = [frame for frame in footage.truth if frame not in KEYS]
        return float(np.mean([psnr(footage.truth[f], np.clip(srgb_encode(rgb(of, f)), 0, 1)) for f in frames]))

    coloured = quality(node)
    node["use_result"].setValue(False)
    grey = quality(node)
    node["use_result"].setValue(True)
    assert coloured > 30 > grey + 5

    file = footage.folder / "refcolorize/comp/RefColorize1/v001/RefColorize1_v001.1005.exr"
    assert "compositeWithTrainedAlgorithmicMedia" in plates.read_header(file).metadata["Iptc4xmpExt:DigitalSourceType"]
    check_outputs(node, file)
    expected = rgb(node, 1005)
    nuke.scriptSave()
    np.testing.assert_array_equal(rgb(open_elsewhere(footage.folder), 1005), expected)


def check_outputs(node: Any, file: Path) -> None:
    """Check that each output shows the layers of the file of frame 1005."""
    written = plates.read(file)
    layers = {name: written.pixels[..., index] for index, name in enumerate(written.channels)}
    outputs = {
        "ab": np.dstack([layers["rc_ab.u"], layers["rc_ab.v"], 0 * layers["rc_ab.u"]]),
        "confidence": np.dstack([layers["rc_conf.warp"]] * 3),
        "STMap": np.dstack([layers["rc_st.u"], layers["rc_st.v"], 0 * layers["rc_st.u"]]),
        "matte": np.zeros((*layers["rc_ab.u"].shape, 3), np.float32),  # the two frames were not distinguished
    }
    for name, expected in outputs.items():
        node["output"].setValue(name)
        np.testing.assert_array_equal(rgb(node, 1005), expected, err_msg=name)
    node["output"].setValue("colour")


def open_elsewhere(folder: Path, like: Any = None) -> Any:
    """Open the script on a host that has only Nuke, and return the node. like: a session of the same Nuke."""
    elsewhere = fakenuke.install(gui=False)
    if like is not None:
        elsewhere.disputed, elsewhere.view, elsewhere.localized = like.disputed, like.view, like.localized
    elsewhere.scripts.open(folder / "comp.nk")
    assert elsewhere.plugin_paths == []
    return elsewhere.graph.find("RefColorize1")


@pytest.fixture
def collector() -> Iterator[None]:
    """Switch Python's collector on again at the end."""
    yield
    gc.enable()


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("adversity", ADVERSITIES)
def test_a_shot_comes_back_and_renders_without_the_plug_in_under_every_adverse_behaviour_of_nuke(
    nuke: Any, nuke_session: Any, tmp_path: Path, pump: Callable[..., Any], adversity: str
) -> None:
    comp = make_comp(nuke, tmp_path / "show")
    scene = pan(6, height=64, width=96, step=2)
    ADVERSITIES[adversity](nuke_session, comp)
    comp.node["colorize"].execute()
    pump(until=lambda: "done" in comp.status, seconds=120)
    pump(until=plugin_is_idle)
    assert comp.status.startswith("v001 is done: 6 frames")
    assert nuke_session.artist.messages == nuke_session.artist.panels == []
    assert comp.leftovers() == []

    def error(use_result: bool) -> float:
        """Return the mean distance of ab from the true one at the frames between the keyframes."""
        comp.node["use_result"].setValue(use_result)
        shown = {frame: linear_to_lab(rgb(comp.node, frame))[..., 1:] for frame in (1002, 1003, 1005, 1006)}
        return float(np.mean([np.abs(ab - scene.ab[frame - FIRST]).mean() for frame, ab in shown.items()]))

    grey, coloured = error(False), error(True)
    share = 0.25 if adversity == "two views" else 0.01  # the left eye's second reference shows another frame
    assert coloured < share * grey
    (file,) = comp.results.rglob("RefColorize1_v001.1005.exr")
    check_outputs(comp.node, file)
    expected = {frame: rgb(comp.node, frame) for frame in (1001, 1005)}
    nuke.scriptSave()
    there = open_elsewhere(comp.folder, nuke_session)
    for frame, picture in expected.items():
        np.testing.assert_array_equal(rgb(there, frame), picture)


def test_a_core_killed_during_a_job_is_restarted_without_loss(
    nuke: Any, nuke_session: Any, tmp_path: Path, pump: Callable[..., Any]
) -> None:
    comp: Comp = make_comp(nuke, tmp_path / "show", frames=60, keys=(1001, 1060), step=1)
    from refcolorize.core import server

    comp.node["colorize"].execute()
    pump(until=lambda: len(comp.frames("v001")) >= 5, seconds=200)
    first = server.Connection.read().pid
    os.kill(first, signal.SIGKILL)
    pump(until=lambda: "done" in comp.node["status"].value(), seconds=300)
    pump(until=plugin_is_idle)
    assert server.Connection.read().pid != first
    assert "started again" in comp.node["status"].value()
    assert comp.frames("v001") == list(range(1001, 1061))
    assert comp.leftovers() == [] and nuke_session.artist.messages == nuke_session.artist.panels == []
