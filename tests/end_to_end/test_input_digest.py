"""Every file that a run reads is part of the digest of its frames: a changed input never leaves stale colour."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels, write_reference
from scenes import pan

from stcolor_core.errors import StcolorError
from stcolor_core.images.frame_files import write_frame
from stcolor_core.pipeline import digest
from stcolor_core.pipeline.matte_layers import cryptomatte_layers
from stcolor_core.pipeline.planning import detector_digest
from stcolor_core.pipeline.run import colorize, plan_run
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Matte, Plate, Reference, Still
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

MakeShot = Callable[..., ShotOnDisk]

CONFIG = """ocio_profile_version: 2
search_path: luts
roles:
  scene_linear: linear
  aces_interchange: linear
file_rules:
  - !<Rule> {{name: Default, colorspace: linear}}
displays:
  screen:
    - !<View> {{name: view, colorspace: linear}}
colorspaces:
  - !<ColorSpace>
    name: linear
  - !<ColorSpace>
    name: grade
    to_scene_reference: !<MatrixTransform> {{matrix: [{red}, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]}}
  - !<ColorSpace>
    name: film
    to_scene_reference: !<FileTransform> {{src: curve.spi1d}}
"""
CURVE = "Version 1\nFrom 0.0 1.0\nLength 2\nComponents 1\n{{\n  0.0\n  {top}\n}}\n"


def write_config(folder: Path, *, red: float = 1.5, top: float = 1.0) -> Path:
    (folder / "luts").mkdir(exist_ok=True)
    (folder / "luts" / "curve.spi1d").write_text(CURVE.format(top=top).replace("{{", "{").replace("}}", "}"))
    (folder / "config.ocio").write_text(CONFIG.format(red=red))
    return folder / "config.ocio"


def write_matte(path: Path, *, name: str, sidecar: Path) -> None:
    """A Cryptomatte whose names are in a side-car file."""
    mask = np.zeros((1, 64, 96), np.float32)
    mask[0, 16:48, 24:64] = 1
    layers, metadata = cryptomatte_layers(mask, ["coat"], layer="objects", ranks=2)
    prefix = next(key for key in metadata if key.endswith("/manifest")).removesuffix("manifest")
    identity = json.loads(metadata.pop(f"{prefix}manifest"))["coat"]
    sidecar.write_text(json.dumps({name: identity}))
    write_frame(
        path,
        {key: (values, "float") for key, values in layers.items()},
        metadata={**metadata, f"{prefix}manif_file": sidecar.name},
    )


@pytest.fixture
def everything(make_shot: MakeShot) -> tuple[ShotOnDisk, Shot]:
    """A shot that reads every kind of input that needs no additional weights."""
    disk = make_shot(pan(5, height=64, width=96, step=2), references=(FIRST, FIRST + 4))
    write_reference(disk.reference(FIRST), disk.scene.lightnesses[0], disk.scene.ab[0], compression="none")
    write_reference(disk.folder / "still.exr", disk.scene.lightnesses[2], disk.scene.ab[2])
    for frame in disk.frames:
        write_matte(disk.folder / f"id.{frame}.exr", name="coat", sidecar=disk.folder / f"names.{frame}.json")
    shot = Shot(
        plate=Plate(path=str(disk.folder / "plate.####.exr")),
        output=Output(path=str(disk.folder / "out" / "shot.####.exr")),
        references=(
            Reference(path=str(disk.reference(FIRST)), frame=FIRST, colorspace="grade"),
            Reference(path=str(disk.reference(FIRST + 4)), frame=FIRST + 4, colorspace="film"),
        ),
        stills=(Still(path=str(disk.folder / "still.exr"), colorspace="grade"),),
        mattes=(Matte(path=str(disk.folder / "id.####.exr")),),
        method=Method(working_height=64, cuts="none"),
        ocio=str(write_config(disk.folder)),
    )
    return disk, shot


def change_plate(disk: ShotOnDisk) -> None:
    write_frame(disk.plate(1003), {"Y": (channels(disk.plate(1003))["Y"] / 2, "half")})


def change_reference(disk: ShotOnDisk) -> None:
    write_reference(disk.reference(FIRST), disk.scene.lightnesses[0], -disk.scene.ab[0])


def change_reference_in_place(disk: ShotOnDisk) -> None:
    """Change a file but keep its size and time: only some of its pixels differ."""
    path = disk.reference(FIRST)
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[-200:] = bytes(200)  # of half floats that are stored as they are
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def change_still(disk: ShotOnDisk) -> None:
    write_reference(disk.folder / "still.exr", disk.scene.lightnesses[2], -disk.scene.ab[2])


def change_matte(disk: ShotOnDisk) -> None:
    mask = disk.folder / "id.1003.exr"
    write_frame(mask, {"A": (np.eye(64, 96, dtype=np.float32), "float")})


def change_names(disk: ShotOnDisk) -> None:
    sidecar = disk.folder / "names.1003.json"
    sidecar.write_text(sidecar.read_text().replace("coat", "cloak"))


def change_space(disk: ShotOnDisk) -> None:
    write_config(disk.folder, red=2.5)


def change_lut(disk: ShotOnDisk) -> None:
    write_config(disk.folder, top=0.5)


# the changed input, and the frames that use it
CHANGES = {
    change_plate: {1001, 1002, 1003, 1004, 1005},  # a keyframe is compared with the frames around it
    change_reference: {1001, 1002, 1003, 1004},
    change_reference_in_place: {1001, 1002, 1003, 1004},
    change_still: {1001, 1002, 1003, 1004, 1005},
    change_matte: {1001, 1002, 1003, 1004, 1005},
    change_names: {1001, 1002, 1003, 1004, 1005},
    change_space: {1001, 1002, 1003, 1004, 1005},  # including the frames of the still
    change_lut: {1002, 1003, 1004, 1005},
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_input_is_part_of_the_digest_of_the_frames_that_use_it(
    everything: tuple[ShotOnDisk, Shot], change: Callable[[ShotOnDisk], None]
) -> None:
    disk, shot = everything
    before = plan_run(shot).digests
    assert plan_run(shot).digests == before
    change(disk)
    after = plan_run(shot).digests
    assert {frame for frame in before if before[frame] != after[frame]} == CHANGES[change]


def test_without_registration_a_keyframe_depends_on_its_own_frame_alone(everything: tuple[ShotOnDisk, Shot]) -> None:
    disk, shot = everything
    shot = replace(shot, method=replace(shot.method, register="off"))
    before = plan_run(shot).digests
    change_plate(disk)
    after = plan_run(shot).digests
    assert {frame for frame in before if before[frame] != after[frame]} == {1002, 1003, 1004}


def test_another_registration_changes_the_digest_of_shots_that_register_alone(
    everything: tuple[ShotOnDisk, Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, shot = everything
    off = replace(shot, method=replace(shot.method, register="off"))
    before, before_off = plan_run(shot).digests, plan_run(off).digests
    monkeypatch.setattr(digest, "_REGISTRATION", digest._REGISTRATION + 1)
    after = plan_run(shot).digests
    assert all(before[frame] != after[frame] for frame in before)
    assert plan_run(off).digests == before_off


def test_another_use_of_mattes_changes_the_digest_of_shots_with_mattes_alone(
    everything: tuple[ShotOnDisk, Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, shot = everything
    without = replace(shot, mattes=())
    before, before_without = plan_run(shot).digests, plan_run(without).digests
    monkeypatch.setattr(digest, "_MATTES", digest._MATTES + 1)
    after = plan_run(shot).digests
    assert all(before[frame] != after[frame] for frame in before)
    assert plan_run(without).digests == before_without


def test_a_redefined_colour_space_gives_other_colour(everything: tuple[ShotOnDisk, Shot]) -> None:
    disk, shot = everything
    list(colorize(shot, device="cpu"))
    stale = channels(disk.output(1002))["rc_ab.u"]
    change_space(disk)
    again = {result.frame: result.kept for result in colorize(shot, device="cpu")}
    assert not any(again.values())
    fresh = channels(disk.output(1002))["rc_ab.u"]
    list(colorize(shot, device="cpu", force=True))
    np.testing.assert_array_equal(channels(disk.output(1002))["rc_ab.u"], fresh)
    assert np.abs(fresh - stale).mean() > 1


def test_a_detectors_weights_and_all_its_config_files_are_part_of_the_digest(tmp_path: Path) -> None:
    weights, base, config = (tmp_path / name for name in ("weights.pth", "base.yaml", "model.yaml"))
    plate = tmp_path / "plate.1001.exr"
    write_frame(plate, {"Y": (np.ones((64, 64), np.float32), "half")})
    write_reference(tmp_path / "ref.1001.exr", np.full((64, 64), 50, np.float32), np.ones((64, 64, 2), np.float32))
    shot = Shot(
        plate=Plate(path=str(tmp_path / "plate.####.exr")),
        output=Output(path=str(tmp_path / "out.####.exr")),
        references=(Reference(path=str(tmp_path / "ref.####.exr")),),
        method=Method(
            tracking="instance", detector="detectron2", detector_weights=str(weights), detector_config=str(config)
        ),
    )

    def state() -> str | None:
        from stcolor_core.pipeline.inputs import ShotInputs

        return detector_digest(shot, ShotInputs(shot, warn=lambda _: None))

    weights.write_bytes(b"one")
    base.write_text("MODEL: {DEPTH: 50}\n")
    config.write_text("_BASE_: base.yaml\nMODEL: {MASK_ON: true}\n")
    seen = {state()}
    for change in (
        lambda: weights.write_bytes(b"two"),
        lambda: base.write_text("MODEL: {DEPTH: 101}\n"),
        lambda: config.write_text("_BASE_: base.yaml\nMODEL: {MASK_ON: false}\n"),
    ):
        change()
        assert state() not in seen
        seen.add(state())


# A new input cannot be forgotten: every file that the system reports as opened must be part of the digest


@contextmanager
def opened_files(folders: list[Path]) -> Iterator[set[Path]]:
    """Collect the files under some folders that this process opens during the block (Linux, inotify)."""
    libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    assert descriptor >= 0
    in_open, watched = 0x20, {}
    for folder in folders:
        watched[libc.inotify_add_watch(descriptor, os.fsencode(folder), in_open)] = folder
    found: set[Path] = set()
    try:
        yield found
        data = b""
        try:
            while block := os.read(descriptor, 1 << 16):
                data += block
        except BlockingIOError:
            pass
        place = 0
        while place < len(data):
            watch, _, _, length = struct.unpack_from("iIII", data, place)
            name = data[place + 16 : place + 16 + length].rstrip(b"\0")
            place += 16 + length
            if name:
                found.add(watched[watch] / os.fsdecode(name))
    finally:
        os.close(descriptor)


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_a_change_of_any_file_that_a_run_opens_changes_the_digest(everything: tuple[ShotOnDisk, Shot]) -> None:
    disk, shot = everything
    with opened_files([disk.folder, disk.folder / "luts"]) as found:
        assert len(list(colorize(shot, device="cpu"))) == 5
    files = {path for path in found if path.is_file()}
    assert files >= {disk.plate(1003), disk.reference(FIRST), disk.folder / "still.exr", disk.folder / "id.1003.exr"}
    assert files >= {disk.folder / "names.1003.json", disk.folder / "config.ocio", disk.folder / "luts/curve.spi1d"}
    before = plan_run(shot).digests
    for path in sorted(files):
        whole = path.read_bytes()
        status = path.stat()
        changed = _altered(path, whole)
        path.write_bytes(changed)
        with suppress(StcolorError):  # if the change breaks the file, it is refused by name
            assert plan_run(shot).digests != before, path
        path.write_bytes(whole)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert plan_run(shot).digests == before


def _altered(path: Path, whole: bytes) -> bytes:
    """Change pixels, names or numbers in the file."""
    if path.suffix == ".exr":
        return whole[:-60] + bytes(60)
    return whole.replace(b"1.5", b"2.5").replace(b"1.0\n}", b"0.5\n}").replace(b"coat", b"cape")


def test_an_input_that_changes_during_the_run_is_refused_by_name(make_shot: MakeShot) -> None:
    disk = make_shot()
    shot = Shot(
        plate=Plate(path=str(disk.folder / "plate.####.exr")),
        output=Output(path=str(disk.folder / "out" / "shot.####.exr")),
        references=(Reference(path=str(disk.folder / "ref.####.exr")),),
        method=Method(working_height=64, cuts="none"),
    )
    run = colorize(shot, device="cpu")
    next(run)
    change_plate(disk)
    with pytest.raises(StcolorError, match=r"Frame 1003 .*plate\.1003\.exr.* has changed"):
        list(run)
    assert {result.frame for result in colorize(shot, device="cpu") if not result.kept} >= {1002, 1003, 1004}


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_a_run_with_nothing_to_do_only_opens_its_results(
    everything: tuple[ShotOnDisk, Shot], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STCOLOR_CACHE_DIR", str(tmp_path / "cache"))
    disk, shot = everything
    shot = replace(shot, method=replace(shot.method, cuts="auto"))
    for path in disk.folder.rglob("*.*"):
        os.utime(path, ns=(10**18, 10**18))  # long ago, as files usually are
    assert not any(result.kept for result in colorize(shot, device="cpu"))
    with opened_files([disk.folder, disk.folder / "out"]) as found:
        assert all(result.kept for result in colorize(shot, device="cpu"))
    assert {path for path in found if path.suffix == ".exr"} == {disk.output(frame) for frame in disk.frames}
