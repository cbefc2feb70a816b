"""JSON files beside a node's versions: written whole, and read as empty if they cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from refcolorize.node.json_files import read_object, write_object


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_object(tmp_path / "a.json", {"node": "größe", "earlier": [1, 2]})
    assert read_object(tmp_path / "a.json") == {"node": "größe", "earlier": [1, 2]}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b'"text"', b"\xff\xfe{}"])
def test_what_is_no_object_is_empty(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    assert read_object(tmp_path / "a.json") == {}
