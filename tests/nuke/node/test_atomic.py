"""The plug-in writes a file whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from refcolorize.node import atomic


def test_a_new_file_replaces_the_old_one_and_leaves_no_other_file(tmp_path: Path) -> None:
    for text in ("first", "überall\n"):
        atomic.write_text(tmp_path / "about.json", text)
        assert (tmp_path / "about.json").read_text(encoding="utf-8") == text
    assert [path.name for path in tmp_path.iterdir()] == ["about.json"]


def test_a_file_that_cannot_be_moved_into_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "about.json").mkdir()
    with pytest.raises(OSError):
        atomic.write_text(tmp_path / "about.json", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["about.json"]
