"""The guard that keeps tests in their own folder, tried with a folder beside it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from write_guard import WriteGuard, WriteOutside

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A folder outside of the test's own, with a file and a folder in it."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "theirs" / "folder").mkdir(parents=True)
    (tmp_path / "theirs" / "file").write_text("theirs", encoding="utf-8")
    return tmp_path / "theirs"


def append(path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("mine")


def make_temporary(folder: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=folder):
        pass


def state(folder: Path) -> dict[Path, tuple[int, ...]]:
    found = {path: path.stat() for path in folder.rglob("*")}
    return {path: (stat.st_mode, stat.st_size, stat.st_mtime_ns, stat.st_nlink) for path, stat in found.items()}


WRITES: dict[str, Callable[[Path], object]] = {
    "write": lambda theirs: (theirs / "file").write_text("mine"),
    "append": lambda theirs: append(theirs / "file"),
    "low level": lambda theirs: os.open(theirs / "file", os.O_RDWR),
    "new file": lambda theirs: (theirs / "new").touch(),
    "new folder": lambda theirs: (theirs / "new").mkdir(),
    "temporary file": make_temporary,
    "remove": lambda theirs: (theirs / "file").unlink(),
    "remove a folder": lambda theirs: (theirs / "folder").rmdir(),
    "remove a tree": shutil.rmtree,
    "rename": lambda theirs: (theirs / "file").rename(theirs / "new"),
    "move in": lambda theirs: (theirs.parent / "mine").rename(theirs / "mine"),
    "move out": lambda theirs: (theirs / "file").replace(theirs.parent / "mine" / "file"),
    "link": lambda theirs: os.link(theirs / "file", theirs / "new"),
    "truncate": lambda theirs: os.truncate(theirs / "file", 0),
    "mode": lambda theirs: (theirs / "file").chmod(0o600),
    "times": lambda theirs: os.utime(theirs / "file", (0, 0)),
    "database": lambda theirs: sqlite3.connect(theirs / "new"),
    "database by URI": lambda theirs: sqlite3.connect(f"{(theirs / 'new').as_uri()}?mode=rwc", uri=True),
    "by a detour": lambda theirs: (theirs.parent / "mine" / ".." / "theirs" / "new").touch(),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_the_guard_prevents_every_change_outside_the_test_folder(
    write_guard: WriteGuard, theirs: Path, write: Callable[[Path], object]
) -> None:
    before = state(theirs)
    with write_guard.only(theirs.parent / "mine"), pytest.raises(WriteOutside, match="theirs"):
        write(theirs)
    assert state(theirs) == before
    assert (theirs / "file").read_text(encoding="utf-8") == "theirs"
    assert len(write_guard.caught) == 1
    write_guard.caught.clear()


@pytest.mark.skipif(os.name != "posix", reason="links need a right on Windows")
def test_a_link_to_the_outside_cannot_be_written_through_but_can_be_removed(
    write_guard: WriteGuard, theirs: Path
) -> None:
    link = theirs.parent / "mine" / "link"
    link.symlink_to(theirs / "file")
    with write_guard.only(theirs.parent / "mine"):
        with pytest.raises(WriteOutside):
            link.write_text("mine", encoding="utf-8")
        link.unlink()
    assert (theirs / "file").read_text(encoding="utf-8") == "theirs"
    write_guard.caught.clear()


def test_the_guard_allows_the_own_folder_devices_and_existing_folders(write_guard: WriteGuard, theirs: Path) -> None:
    mine = theirs.parent / "mine"
    with write_guard.only(mine):
        (mine / "deep" / "er").mkdir(parents=True)
        (mine / "file").write_text("mine", encoding="utf-8")
        (mine / "file").replace(mine / "moved")
        shutil.rmtree(mine / "deep")
        Path(os.devnull).write_text("gone", encoding="utf-8")
        theirs.mkdir(exist_ok=True)
        assert (theirs / "file").read_text(encoding="utf-8") == "theirs"
        sqlite3.connect(":memory:").close()
    assert [path.name for path in mine.iterdir()] == ["moved"]
    assert write_guard.caught == []


def test_every_writable_place_is_inside_the_folder_of_the_run(tmp_path: Path) -> None:
    run = tmp_path.parents[0]
    found = [
        Path.home(),
        Path(tempfile.gettempdir()),
        *(Path(value) for name, value in os.environ.items() if "XDG_" in name),
    ]
    assert len(found) >= 6 and all(run in place.parents for place in found)
    assert not [name for name in os.environ if name in ("NUKE_PATH", "STCOLOR_MODELS_DIR")]


CARELESS = """
import contextlib, pathlib, pytest
@pytest.fixture
def late(): yield; pathlib.Path("theirs/late").touch()
def test_is_good(tmp_path): (tmp_path / "mine").touch()
def test_lets_it_fail(): pathlib.Path("theirs/new").touch()
def test_swallows():
    with contextlib.suppress(Exception): pathlib.Path("theirs/file").unlink()
def test_is_late(late): pass
def test_goes_home(): (pathlib.Path.home() / "file").touch()
"""


def test_a_test_that_writes_elsewhere_fails_and_changes_nothing(theirs: Path) -> None:
    """Runs pytest separately, with the conftest.py of these tests."""
    checkout = theirs.parent
    for name in ("conftest.py", "core/write_guard.py"):
        shutil.copy(TESTS / name, checkout)
    (checkout / "test_careless.py").write_text(CARELESS, encoding="utf-8")
    (checkout / "pytest.ini").write_text("[pytest]\npythonpath = .\n", encoding="utf-8")
    options = ["-p", "no:randomly", f"--basetemp={checkout / 'mine' / 'base'}", "--tb=line"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    outcomes = done.stdout.splitlines()
    for name in ("lets_it_fail", "swallows", "is_late"):
        assert any(line.startswith(("FAILED", "ERROR")) and f"::test_{name}" in line for line in outcomes), done.stdout
    assert not any(f"::test_{name}" in line for line in outcomes for name in ("is_good", "goes_home"))
    assert sorted(path.name for path in theirs.iterdir()) == ["file", "folder"]
