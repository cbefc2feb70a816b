"""Values stored in scratch are returned unchanged, once, and the folder is removed with the block."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from stcolor_core.errors import OutputError
from stcolor_core.files.scratch import Scratch
from stcolor_core.method.tracking.flow import FlowLink
from stcolor_core.method.tracking.instance import InstanceRestriction, Instances
from stcolor_core.method.tracking.tracks import Tracks

CPU = torch.device("cpu")


def some_tracks(*, instances: bool) -> Tracks:
    masks = np.random.RandomState(0).uniform(0, 1, (2, 8, 12)).astype(np.float32)
    return Tracks(
        candidates=torch.arange(12, dtype=torch.int32).reshape(6, 2),
        support=torch.linspace(0, 1, 6),
        fallback=0.25,
        instances=InstanceRestriction(torch.tensor([0, 1, -1, 0, 1, -1]), torch.rand(2, 6) > 0.5)
        if instances
        else None,
        mattes=Instances(masks, np.array([3, 4]), np.ones(2, np.float32), ("a", "b")) if instances else None,
        displacement=np.ones((8, 12, 2), np.float32),
        visibility=np.zeros((8, 12), np.float32),
        neighbour_flow=FlowLink.identity(8, 12),
    )


@pytest.mark.parametrize("instances", [True, False])
def test_tracks_survive_a_round_trip_bit_for_bit(instances: bool) -> None:
    tracks = some_tracks(instances=instances)
    with Scratch() as scratch:
        scratch.save("tracks", 7, tracks)
        back = scratch.take("tracks", 7, Tracks, device=CPU)
    assert back.candidates is not None and tracks.candidates is not None
    assert torch.equal(back.candidates, tracks.candidates)
    assert back.candidates.dtype == torch.int32
    np.testing.assert_array_equal(back.displacement, tracks.displacement)
    assert back.fallback == 0.25
    assert (back.mattes is None) == (not instances)
    if back.mattes is not None and tracks.mattes is not None and back.instances is not None:
        assert back.mattes.names == ("a", "b")
        np.testing.assert_array_equal(back.mattes.masks, tracks.mattes.masks)
        np.testing.assert_array_equal(back.mattes.labels, [3, 4])
        assert back.instances.reference_allowed.dtype == torch.bool


def test_taken_values_are_removed_and_the_folder_is_removed_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Scratch() as scratch:
        scratch.save("tracks", 1, some_tracks(instances=False))
        assert len(list(tmp_path.rglob("*.pt"))) == 1
        scratch.take("tracks", 1, Tracks, device=CPU)
        assert not list(tmp_path.rglob("*.pt"))
    assert not list(tmp_path.iterdir())


HOLDER = """
import sys
from stcolor_core.files.scratch import Scratch
with Scratch():
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_folders_of_a_killed_process_are_removed_and_those_of_a_live_one_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "stcolor-of-something-else").mkdir()
    (tmp_path / "stcolor-just-made").mkdir()
    (tmp_path / "stcolor-just-made" / "in-use.lock").touch()
    others = set(tmp_path.iterdir())
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        (held,) = set(tmp_path.iterdir()) - others
        with Scratch() as own, Scratch():
            assert held.is_dir()
            own.save("tracks", 1, some_tracks(instances=False))
            assert set(tmp_path.iterdir()) > {held, *others}
        holder.kill()
        holder.wait()
    assert held.is_dir()
    with Scratch():
        assert not held.exists()
    assert set(tmp_path.iterdir()) == others


def test_a_folder_that_cannot_be_written_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Scratch() as scratch:
        for folder in tmp_path.iterdir():
            shutil.rmtree(folder)
        with pytest.raises(OutputError, match="TMPDIR") as caught:
            scratch.save("tracks", 1, some_tracks(instances=False))
    assert "\n" not in str(caught.value)
