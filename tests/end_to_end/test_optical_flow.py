"""A shot tracked by RAFT, whose weights the user adds. Those here are seeded, not trained: colour is not judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import FIRST, ShotOnDisk, channels
from scenes import pan
from torchvision.models.optical_flow import raft_small

from stcolor_core.models import registry

MakeShot = Callable[..., ShotOnDisk]
STMAP = "rc_st.u"
OPTIONS = ("--cuts", "none", "--register", "off")


def add_seeded_weights(folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    torch.save(raft_small().state_dict(), folder / "raft.pth")
    registry.add([folder / "raft.pth"])


def written_anew(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], *options: str) -> int:
    capsys.readouterr()
    assert shot.colorize(*OPTIONS, "--json", *options) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return sum(not event["kept"] for event in events if event["kind"] == "frame")


@pytest.mark.parametrize("path", ["arrays", "tensors"])
def test_a_shot_is_tracked_by_it_on_both_paths(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("STCOLOR_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("STCOLOR_DEVICE_PATH", "1" if path == "tensors" else "0")
    shot = make_shot(pan(4, height=96, width=128, step=2), references=(FIRST,))
    assert written_anew(shot, capsys) == 4
    by_dis = channels(shot.output(FIRST + 2))[STMAP]
    add_seeded_weights(tmp_path, seed=1)
    assert written_anew(shot, capsys) == 0  # added weights that are not used cost no frame
    assert written_anew(shot, capsys, "--optical-flow", "raft_small") == 4
    by_raft = channels(shot.output(FIRST + 2))[STMAP]
    assert np.isfinite(by_raft).all()
    assert np.abs(by_raft.astype(np.float32) - by_dis.astype(np.float32)).max() > 0.01
    assert written_anew(shot, capsys, "--optical-flow", "raft_small") == 0
    add_seeded_weights(tmp_path, seed=2)
    assert written_anew(shot, capsys, "--optical-flow", "raft_small") == 4
    assert written_anew(shot, capsys) == 4
    np.testing.assert_array_equal(channels(shot.output(FIRST + 2))[STMAP], by_dis)


def test_missing_weights_are_named_before_anything_is_written(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STCOLOR_MODELS_DIR", str(tmp_path / "models"))
    shot = make_shot()
    assert shot.colorize("--optical-flow", "raft_large") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "raft_large_C_T_SKHT_V2-ff5fadd5.pth" in line and "stcolor models add" in line
    assert not shot.written()
