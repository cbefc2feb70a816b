"""Frames are written whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import truncate, write_grey

from stcolor_core.errors import OutputError
from stcolor_core.files import atomic
from stcolor_core.images import frame_files, plates


def test_a_new_frame_replaces_the_old_one_and_leaves_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "sh.1001.exr"
    path.write_bytes(b"old")
    write_grey(path)
    assert plates.is_complete(path) and [p.name for p in tmp_path.iterdir()] == ["sh.1001.exr"]


def test_partial_files_of_a_killed_writer_are_removed_and_those_of_a_live_one_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_last_change", lambda path: path.stat().st_mtime)  # the other time cannot be set
    dead, live, other = (
        tmp_path / name for name in (".sh.1002.exr.0123abcd.partial", ".sh.1002.exr.4567abcd.partial", ".mine.partial")
    )
    for partial in (dead, live, other):
        partial.write_bytes(b"half a frame")
    two_hours_ago = live.stat().st_mtime - 7200
    for partial in (dead, other):
        os.utime(partial, (two_hours_ago, two_hours_ago))
    write_grey(tmp_path / "sh.1001.exr")
    assert sorted(tmp_path.iterdir()) == sorted([live, other, tmp_path / "sh.1001.exr"])


def test_two_writers_of_the_same_frame_at_once_both_write_it_completely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, meet = tmp_path / "sh.1001.exr", threading.Barrier(2)
    whole = plates.is_complete

    def met(partial: Path) -> bool:
        meet.wait(60)  # both are written, none is renamed
        return whole(partial)

    monkeypatch.setattr(plates, "is_complete", met)
    with ThreadPoolExecutor(2) as writers:
        for written in [writers.submit(write_grey, path, size) for size in (64, 64)]:
            written.result()
    assert whole(path) and [p.name for p in tmp_path.iterdir()] == ["sh.1001.exr"]


def test_a_file_in_place_of_the_folder_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("not a folder")
    for path in (tmp_path / "out" / "sh.1001.exr", tmp_path / "out" / "deeper" / "sh.1001.exr"):
        with pytest.raises(OutputError, match=r"sh\.1001\.exr cannot be written") as error:
            write_grey(path)
        assert "\n" not in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_in_place_of_the_frame_is_reported_in_one_line_and_leaves_no_partial(tmp_path: Path) -> None:
    (tmp_path / "sh.1001.exr").mkdir()
    with pytest.raises(OutputError, match=r"sh\.1001\.exr cannot be written"):
        write_grey(tmp_path / "sh.1001.exr")
    assert [p.name for p in tmp_path.iterdir()] == ["sh.1001.exr"]


def test_a_folder_without_write_permission_is_reported_in_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        try:
            (tmp_path / "probe").touch()
        except PermissionError:
            pass
        else:
            pytest.skip("this user may write everywhere")
        with pytest.raises(OutputError, match="cannot be written"):
            write_grey(tmp_path / "sh.1001.exr")
    finally:
        tmp_path.chmod(0o700)


def test_a_frame_held_open_by_another_program_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(*_: Path) -> None:
        raise PermissionError(13, "The process cannot access the file")

    monkeypatch.setattr(Path, "replace", held)  # as Windows does when Nuke has the old frame open
    with pytest.raises(OutputError, match="close any program that has the file open"):
        write_grey(tmp_path / "sh.1001.exr")
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from stcolor_core.images import frame_files, plates
from stcolor_core.errors import OutputError
path = Path(sys.argv[1])
layers = {"Y": (np.random.default_rng(0).random((64, 64)), "float")}
frame_files.write_frame(path, layers)
size = path.stat().st_size
for short in (size, size - 10, 9000, 5000, 100, 1):
    path.unlink(missing_ok=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - short, resource.RLIM_INFINITY))
    try:
        frame_files.write_frame(path, layers)
    except OutputError as error:
        assert "\\n" not in str(error) and "disk" in str(error), error
    else:
        sys.exit(f"{short} bytes short went unnoticed")
    assert list(path.parent.iterdir()) == [], short
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
frame_files.write_frame(path, layers)
assert plates.is_complete(path)
"""


def test_a_full_disk_is_detected_up_to_the_last_byte_and_nothing_is_left(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="file size limits are POSIX")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "sh.1001.exr")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_interrupted_write_leaves_no_partial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> bool:
        (partial,) = tmp_path.iterdir()
        assert partial.name.startswith(".sh.1001.exr.") and partial.suffix == ".partial"
        raise KeyboardInterrupt

    monkeypatch.setattr(plates, "is_complete", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_grey(tmp_path / "sh.1001.exr")
    assert list(tmp_path.iterdir()) == []


@given(st.floats(0, 0.999))
@settings(max_examples=25)
def test_a_frame_cut_anywhere_is_not_complete(tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    path = tmp_path_factory.mktemp("cut") / "sh.1001.exr"
    write_grey(path, size=16)
    assert plates.is_complete(path)
    assert not plates.is_complete(truncate(path, share))


def test_the_age_of_a_partial_of_a_killed_writer_is_measured_by_the_clock_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The frame's own time is this machine's, which may be far from that of the server that holds the folder.
    live = tmp_path / ".sh.1002.exr.4567abcd.partial"
    live.write_bytes(b"half a frame")
    monkeypatch.setattr(frame_files.time, "time_ns", lambda: live.stat().st_mtime_ns + 7200 * 10**9)
    write_grey(tmp_path / "sh.1001.exr")
    assert live.exists()
