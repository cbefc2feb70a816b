"""Messages as they are shown: one line, no longer than a terminal takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from picture_files import save

from stcolor_core.cli import main
from stcolor_core.errors import one_line

ADDRESS = f"https://example.org/{'releases/' * 12}weights.zip"


def test_a_long_path_loses_its_middle_and_keeps_its_name() -> None:
    path = f"/show/{'folder/' * 60}sh010.1001.exr"
    line = one_line(f"{path} is missing. Check the path.")
    assert len(line) <= 300
    assert line.startswith("/show/folder") and "sh010.1001.exr is missing. Check the path." in line


@pytest.mark.parametrize("folder", ["/show/sh010/paint/r/", "C:\\show 1\\sh010\\paint\\r\\"])
def test_what_was_found_in_a_keyframe_is_said_whole(folder: str) -> None:
    found = (
        "moved by 12.6 px, scaled by 1.010, turned by 0.3 degrees and bent by 3.6 px to fit; relit to the plate's "
        "light, its sharpening undone and its compression or grain cleaned; its bars are left out; 1 % of it does not "
        "fit and is not used. Give --register off to use it as it is."
    )
    line = one_line(f"Reference 1004 ({folder}all.png): {found}")
    assert line.startswith("Reference 1004 (") and line.endswith(f".../all.png): {found}")


def test_an_address_stays_whole_beside_a_long_path() -> None:
    line = one_line(f"Weights missing from /home/{'folder/' * 30}. Get {ADDRESS} and add them.")
    assert len(line) <= 300
    assert f"Get {ADDRESS} and add them." in line


def test_a_colour_space_that_is_unknown_or_not_given_is_a_wrong_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey = np.full((24, 32, 3), 0.5, np.float32)
    for name in ("a.0001.exr", "key.exr", "a.0001.dpx", "key.dpx"):
        save(tmp_path / name, grey)
    for kind, options in (("exr", ["--colorspace", "nonsense"]), ("dpx", [])):
        plate, output, key = (str(tmp_path / name) for name in (f"a.####.{kind}", "out/a.####.exr", f"key.{kind}"))
        given = ["--plate", plate, "--output", output, "--reference", f"1={key}", *options]
        assert main(["colorize", *given]) == 2
        assert "olour space" in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*.exr"))
