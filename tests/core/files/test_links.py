"""One file under two paths: hard links, clones and copies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stcolor_core.errors import OutputError
from stcolor_core.files.links import copy_or_link


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "v001" / "a.exr"
    path.parent.mkdir()
    path.write_bytes(b"one")
    os.utime(path, ns=(10**18, 10**18))
    return path


@pytest.mark.parametrize("can_link", [True, False], ids=["a disk with links", "a disk without"])
@pytest.mark.parametrize("link", [True, False], ids=["link", "copy"])
def test_the_target_has_the_content_and_time_of_the_source_and_no_other_file_is_left(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_link: bool, link: bool
) -> None:
    if not can_link:

        def refuse(*_: object) -> None:
            raise OSError("no links on this disk")

        monkeypatch.setattr(os, "link", refuse)
    target = tmp_path / "v002" / "a.exr"
    copy_or_link(source, target, link=link)
    copy_or_link(source, target, link=link)
    assert target.read_bytes() == b"one"
    assert target.stat().st_mtime_ns == 10**18
    assert [path.name for path in target.parent.iterdir()] == ["a.exr"]
    assert target.samefile(source) == (link and can_link)


def test_replacing_the_target_does_not_change_the_source(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.exr"
    copy_or_link(source, target)
    (tmp_path / "new").write_bytes(b"two")
    (tmp_path / "new").replace(target)
    assert (source.read_bytes(), target.read_bytes()) == (b"one", b"two")


def test_an_existing_target_is_replaced(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.exr"
    target.write_bytes(b"older")
    copy_or_link(source, target)
    assert target.read_bytes() == b"one"


def test_a_target_that_cannot_be_written_is_named(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file.a\.exr cannot be written"):
        copy_or_link(source, tmp_path / "file" / "a.exr")
