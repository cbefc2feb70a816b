from __future__ import annotations

import os
from pathlib import Path

from stcolor_core.service.picture_cache import PictureCache


def test_bytes_are_found_under_their_key_only(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path / "a")
    assert cache.get("x") is None
    cache.put("x", b"1")
    cache.put("y", b"22")
    assert (cache.get("x"), cache.get("y"), cache.get("z")) == (b"1", b"22", None)
    assert PictureCache(tmp_path / "a").get("x") == b"1"  # a core that starts later


def test_the_folder_never_holds_more_than_the_limit_and_the_oldest_go_first(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path, limit=1000)
    for number in range(60):
        cache.put(str(number), bytes([number]) * 100)
        for path in tmp_path.glob("??/*"):
            if path.read_bytes()[:1] == bytes([number]):
                os.utime(path, (number, number))
        assert sum(path.stat().st_size for path in tmp_path.glob("??/*")) <= 1000
    assert cache.get("59")
    assert cache.get("0") is None


def test_what_an_earlier_core_left_counts(tmp_path: Path) -> None:
    PictureCache(tmp_path, limit=10_000).put("old", b"0" * 900)
    PictureCache(tmp_path, limit=1000).put("new", b"1" * 900)
    assert sum(path.stat().st_size for path in tmp_path.glob("??/*")) <= 1000


def test_a_disk_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    cache = PictureCache(tmp_path / "file")
    cache.put("x", b"1")
    assert cache.get("x") is None
