"""Messages as they are shown: one line, no longer than a terminal takes."""

from __future__ import annotations

from stcolor_core.errors import one_line

ADDRESS = f"https://example.org/{'releases/' * 12}weights.zip"


def test_a_long_path_loses_its_middle_and_keeps_its_name() -> None:
    path = f"/show/{'folder/' * 60}sh010.1001.exr"
    line = one_line(f"{path} is missing. Check the path.")
    assert len(line) <= 300
    assert line.startswith("/show/folder") and "sh010.1001.exr is missing. Check the path." in line


def test_an_address_stays_whole_beside_a_long_path() -> None:
    line = one_line(f"Weights missing from /home/{'folder/' * 30}. Get {ADDRESS} and add them.")
    assert len(line) <= 300
    assert f"Get {ADDRESS} and add them." in line
