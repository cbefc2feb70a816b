"""The values read from a Nuke script."""

from __future__ import annotations

from pathlib import Path

import pytest

from stcolor_core.errors import BadRequest
from stcolor_core.farm.nuke_script import read_version


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("#! /usr/local/Nuke15.1v3/libnuke-15.1.3.so -nx\nversion 15.1 v3\ndefine_window_layout_xml {}\n", "15.1"),
        ("version 16.0 v1\r\nRoot {\r\n}\r\n", "16.0"),
    ],
)
def test_the_version_is_that_of_the_nuke_that_wrote_the_script(head: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "comp.nk").write_bytes(head.encode())
    assert read_version(tmp_path / "comp.nk") == expected


def test_a_file_that_is_not_a_script_is_refused(tmp_path: Path) -> None:
    (tmp_path / "comp.nk").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(BadRequest, match="does not say which Nuke wrote it"):
        read_version(tmp_path / "comp.nk")
    with pytest.raises(BadRequest, match="cannot be read"):
        read_version(tmp_path / "none.nk")
