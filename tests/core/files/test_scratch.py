"""Values stored in scratch are returned unchanged, once, and the folder is removed with the block."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from stcolor_core.errors import BadRequest, OutputError
from stcolor_core.files import scratch as scratch_module
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


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.uint8, torch.bool, torch.float16, torch.float32])
@pytest.mark.parametrize("smooth", [True, False])
def test_large_tensors_are_the_same_to_the_bit_and_smaller_on_disk_if_that_pays(
    dtype: torch.dtype, smooth: bool
) -> None:
    shape = (64, 81, 50)
    values = (
        torch.arange(shape[0])[:, None, None].expand(shape).contiguous() if smooth else torch.randint(0, 256, shape)
    )
    bits = values.to(torch.int32 if dtype in (torch.float16, torch.float32) else dtype)
    tensor = bits.view(torch.float32) if dtype == torch.float32 else bits.to(dtype)
    if not smooth and dtype == torch.float32:
        tensor = torch.from_numpy(np.random.default_rng(0).integers(0, 2**32, shape, np.uint32).view(np.float32))
    tracks = dataclasses.replace(some_tracks(instances=False), candidates=tensor)
    with Scratch() as scratch:
        scratch.save("tracks", 7, tracks)
        size = scratch._path("tracks", 7).stat().st_size
        back = scratch.take("tracks", 7, Tracks, device=CPU).candidates
    assert back is not None and back.dtype == dtype and back.shape == tensor.shape
    assert back.numpy().tobytes() == tensor.numpy().tobytes()
    raw = tensor.numel() * tensor.element_size()
    if smooth and dtype in (torch.int32, torch.int64):
        assert size < raw / 4
    assert size < raw + 2**16


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
        with pytest.raises(OutputError, match="STCOLOR_SCRATCH") as caught:
            scratch.save("tracks", 1, some_tracks(instances=False))
    assert "\n" not in str(caught.value)


def test_the_folder_lies_where_the_artist_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCOLOR_SCRATCH", str(tmp_path / "scratch"))
    with Scratch() as scratch:
        scratch.save("tracks", 1, some_tracks(instances=False))
        assert len(list((tmp_path / "scratch").rglob("*.pt"))) == 1
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_scratch_folder_whose_disk_is_not_mounted_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STCOLOR_SCRATCH", str(tmp_path / "mount" / "scratch"))
    with pytest.raises(OutputError, match="STCOLOR_SCRATCH") as caught, Scratch():
        pass
    assert str(tmp_path / "mount" / "scratch") in str(caught.value) and "\n" not in str(caught.value)


def test_the_last_space_of_a_disk_is_left_to_other_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCOLOR_SCRATCH", str(tmp_path))
    monkeypatch.setattr("stcolor_core.files.scratch._LEFT_FREE", 2**60)
    full = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: full._replace(total=full.free * 40))
    with Scratch() as scratch:
        with pytest.raises(OutputError, match="MiB left") as caught:
            scratch.save("tracks", 1, some_tracks(instances=False))
        assert str(tmp_path) in str(caught.value) and "STCOLOR_SCRATCH" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


FULL = """
import resource, sys
from pathlib import Path
import torch
from test_scratch import some_tracks
from stcolor_core.errors import OutputError
from stcolor_core.files.scratch import Scratch
with Scratch() as scratch:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    try:
        scratch.save("tracks", 1, some_tracks(instances=True))
    except OutputError as error:
        assert "STCOLOR_SCRATCH" in str(error) and "\\n" not in str(error), error
        assert not any(word in str(error) for word in ("inline_container", "Pytorch", "enforce")), error
    else:
        sys.exit("a file that could not be written went unnoticed")
"""


def test_a_full_disk_is_reported_in_one_line_and_nothing_is_left(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="file size limits are POSIX")
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = {**os.environ, "STCOLOR_SCRATCH": str(tmp_path), "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", FULL], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_folders_of_another_host_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCOLOR_SCRATCH", str(tmp_path))
    with Scratch() as scratch:
        own = Path(scratch._folder.name)
        other = own.with_name(own.name.replace(scratch_module._PREFIX, "stcolor-otherhost-"))
        shutil.copytree(own, other)
    with Scratch():
        assert other.is_dir()


def test_a_span_that_needs_more_than_the_limit_is_refused_with_its_first_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STCOLOR_SCRATCH", str(tmp_path))
    monkeypatch.setenv("STCOLOR_SCRATCH_LIMIT", str(2**20 / 2**30))  # 1 MiB
    tracks = dataclasses.replace(some_tracks(instances=False), displacement=np.random.rand(100, 100, 2))  # 156 KiB
    with Scratch() as scratch:
        with pytest.raises(OutputError, match="STCOLOR_SCRATCH_LIMIT") as caught:
            scratch.save("tracks", 1, tracks, of=9)
        line = str(caught.value)
        assert str(tmp_path) in line and "9 frames" in line and "1.0 MiB" in line and "\n" not in line
        assert not list(tmp_path.rglob("*.pt"))
    assert list(tmp_path.iterdir()) == []


def test_the_limit_holds_for_all_that_is_kept_and_what_was_taken_counts_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STCOLOR_SCRATCH", str(tmp_path))
    monkeypatch.setenv("STCOLOR_SCRATCH_LIMIT", str(2**20 / 2**30))
    tracks = dataclasses.replace(some_tracks(instances=False), displacement=np.random.rand(100, 100, 2))
    with Scratch() as scratch:
        for frame in range(6):
            scratch.save("tracks", frame, tracks, of=6)
        for frame in range(6, 60):
            scratch.take("tracks", frame - 6, Tracks, device=CPU)
            scratch.save("tracks", frame, tracks)
        with pytest.raises(OutputError, match="one more frame needs"):
            scratch.save("other", 1, tracks)
            scratch.save("other", 2, tracks)
        assert sum(path.stat().st_size for path in tmp_path.rglob("*.pt")) < 1.2 * 2**20


def test_without_a_limit_half_of_the_free_space_may_be_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCOLOR_SCRATCH", str(tmp_path))
    monkeypatch.delenv("STCOLOR_SCRATCH_LIMIT", raising=False)
    tracks = dataclasses.replace(some_tracks(instances=False), displacement=np.random.rand(100, 100, 2))
    free = shutil.disk_usage(tmp_path)._replace(free=2**20, total=2**21)
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    with Scratch() as scratch:
        scratch.save("tracks", 1, tracks, of=3)
        with pytest.raises(OutputError, match=r"may hold 0\.5 MiB"):
            scratch.save("other", 1, tracks, of=3)


@pytest.mark.parametrize("value", ["0", "-3", "much", "nan"])
def test_a_limit_that_is_no_size_is_refused(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCOLOR_SCRATCH", str(tmp_path))
    monkeypatch.setenv("STCOLOR_SCRATCH_LIMIT", value)
    with pytest.raises(BadRequest, match="STCOLOR_SCRATCH_LIMIT"), Scratch():
        pass
    assert list(tmp_path.iterdir()) == []
