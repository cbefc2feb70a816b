"""A value computed from a file is not computed again while the file stays the same."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from stcolor_core.files import stat_cache
from stcolor_core.files.stat_cache import StatCache, Status, cache_folder, map_in_threads

LONG_AGO = 10**18


@pytest.fixture
def cache(tmp_path: Path) -> StatCache:
    return StatCache(tmp_path / "cache")


def status(path: Path) -> Status:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def write(path: Path, text: str, *, at: int | None = LONG_AGO) -> dict[Path, Status]:
    path.write_text(text)
    if at is not None:
        os.utime(path, ns=(at, at))
    return {path: status(path)}


class Reader:
    """Counts the files it reads."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, path: Path) -> str:
        self.read.append(path.name)
        return path.read_text()


def test_an_unchanged_file_is_read_once_by_all_users_of_the_folder(cache: StatCache, tmp_path: Path) -> None:
    reader, path = Reader(), tmp_path / "a"
    files = write(path, "one")
    assert cache.get_for_files("k", files, map_in_threads(reader)) == {path: "one"}
    assert StatCache(tmp_path / "cache").get_for_files("k", files, map_in_threads(reader)) == {path: "one"}
    assert reader.read == ["a"]


@pytest.mark.parametrize(("text", "at"), [("longer", LONG_AGO), ("two", LONG_AGO + 1)], ids=["size", "time"])
def test_a_changed_file_is_read_again(cache: StatCache, tmp_path: Path, text: str, at: int) -> None:
    reader, path = Reader(), tmp_path / "a"
    cache.get_for_files("k", write(path, "one"), map_in_threads(reader))
    assert cache.get_for_files("k", write(path, text, at=at), map_in_threads(reader)) == {path: text}
    assert len(reader.read) == 2


def test_a_file_that_was_just_changed_is_not_cached(cache: StatCache, tmp_path: Path) -> None:
    reader, path = Reader(), tmp_path / "a"
    files = write(path, "one", at=None)
    cache.get_for_files("k", files, map_in_threads(reader))
    path.write_text("two")
    os.utime(path, ns=(files[path][1], files[path][1]))  # the clock of the disk has not ticked
    assert cache.get_for_files("k", {path: status(path)}, map_in_threads(reader)) == {path: "two"}


def test_each_kind_of_value_is_cached_separately(cache: StatCache, tmp_path: Path) -> None:
    files = write(tmp_path / "a", "one")
    assert cache.get_for_files("k", files, map_in_threads(lambda _: 1)) == {tmp_path / "a": 1}
    assert cache.get_for_files("l", files, map_in_threads(lambda _: 2)) == {tmp_path / "a": 2}


def test_values_of_many_files_are_returned_in_order_and_the_first_failure_is_raised(
    cache: StatCache, tmp_path: Path
) -> None:
    files: dict[Path, Status] = {}
    for number in range(40):
        files.update(write(tmp_path / f"{number}", f"{number}"))
    assert list(cache.get_for_files("k", files, map_in_threads(Reader())).values()) == [
        str(number) for number in range(40)
    ]

    def fail(path: Path) -> str:
        raise ValueError(path.name)

    with pytest.raises(ValueError, match=r"^0$"):
        cache.get_for_files("l", files, map_in_threads(fail))


def test_a_key_is_computed_once(cache: StatCache) -> None:
    calls: list[int] = []

    def compute() -> list[int]:
        calls.append(1)
        return [3, 4]

    assert cache.get_for_key("cuts", "x", compute) == cache.get_for_key("cuts", "x", compute) == [3, 4]
    cache.get_for_key("cuts", "y", compute)
    assert len(calls) == 2


def test_nothing_is_a_value_too(cache: StatCache) -> None:
    calls: list[int] = []
    for _ in range(2):
        assert cache.get_for_key("flaws", "x", lambda: calls.append(1)) is None
    assert len(calls) == 1


@pytest.mark.parametrize(
    "junk", ["", "{", "[1]", '{"a": 1}', '{"a": [1, 2]}', "\x00", '0123456789abcdef\n{"a": [3, 4, 5]}']
)
def test_a_damaged_cache_is_computed_again(cache: StatCache, tmp_path: Path, junk: str) -> None:
    reader, files = Reader(), write(tmp_path / "a", "one")
    cache.get_for_files("k", files, map_in_threads(reader))
    (kept,) = (tmp_path / "cache").glob("*.json")
    kept.write_text(junk)
    assert cache.get_for_files("k", files, map_in_threads(reader)) == {tmp_path / "a": "one"}
    assert reader.read == ["a", "a"]


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = StatCache(tmp_path / "file" / "cache")
    assert cache.get_for_files("k", write(tmp_path / "a", "one"), map_in_threads(Reader())) == {tmp_path / "a": "one"}
    assert cache.get_for_key("k", "x", lambda: 1) == 1


def test_the_cache_does_not_grow_without_bound(
    cache: StatCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stat_cache, "_MOST_FILES", 500)
    for number in range(620):
        cache.get_for_key("k", str(number), lambda: 0)
    assert len(list((tmp_path / "cache").iterdir())) <= 500


def test_the_folder_can_be_chosen_and_defaults_to_that_of_the_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STCOLOR_CACHE_DIR", str(tmp_path / "x"))
    assert cache_folder() == tmp_path / "x"
    monkeypatch.delenv("STCOLOR_CACHE_DIR")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    for platform, expected in (("win32", tmp_path / "local/stcolor/cache"), ("linux", tmp_path / "xdg/stcolor")):
        monkeypatch.setattr(sys, "platform", platform)
        assert cache_folder() == expected


def test_files_of_the_same_name_in_two_folders_are_different_files(
    cache: StatCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, text in (("one", "1st"), ("two", "2nd")):
        (tmp_path / folder / "plate").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / folder)
        path = Path("plate/a")
        assert cache.get_for_files("k", write(path, text), map_in_threads(Path.read_text)) == {path: text}
