"""The digest of an EXR's pixels, on files that OpenImageIO and the core write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from refcolorize.node.exr import channels, digest

PIXELS = np.random.default_rng(0).random((12, 20, 3), np.float32)


def write(path: Path, pixels: np.ndarray = PIXELS, *, date: str = "2026:01:01 00:00:00", **attributes: object) -> Path:
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], "half")
    spec.attribute("DateTime", date)
    for name, value in {"compression": "zips", **attributes}.items():
        if name == "x":
            spec.x = value
        elif name == "tile":
            spec.tile_width = spec.tile_height = value
        else:
            spec.attribute(name, value)
    file = oiio.ImageOutput.create("exr")
    assert file.open(str(path), spec), file.geterror()
    assert file.write_image(pixels)
    assert file.close()
    return path


def test_the_date_and_the_source_of_a_file_are_not_part_of_its_digest(tmp_path: Path) -> None:
    first = write(tmp_path / "a.exr")
    second = write(tmp_path / "b.exr", date="2027:02:02 12:34:56", **{"nuke/node_hash": "123", "input/mtime": "now"})
    assert first.read_bytes() != second.read_bytes()
    assert digest(first) == digest(second)
    assert len(digest(first)) == 16


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"pixels": PIXELS[::-1]}, id="pixels"),
        pytest.param({"pixels": PIXELS[..., :1]}, id="channels"),
        pytest.param({"x": 5}, id="data window"),
        pytest.param({"compression": "zip"}, id="compression"),
        pytest.param({"PixelAspectRatio": 2.0}, id="pixel aspect"),
        pytest.param({"cryptomatte/1234567/manifest": "{}"}, id="names of mattes"),
    ],
)
def test_the_content_of_a_file_is_part_of_its_digest(tmp_path: Path, changed: dict[str, object]) -> None:
    assert digest(write(tmp_path / "a.exr")) != digest(write(tmp_path / "b.exr", **changed))  # type: ignore[arg-type]


def test_one_changed_pixel_changes_the_digest(tmp_path: Path) -> None:
    changed = PIXELS.copy()
    changed[-1, -1, -1] += 0.1
    assert digest(write(tmp_path / "a.exr")) != digest(write(tmp_path / "b.exr", changed))


def test_all_bytes_of_any_other_file_are_part_of_its_digest(tmp_path: Path) -> None:
    tiled = write(tmp_path / "tiled.exr", tile=16)
    later = write(tmp_path / "later.exr", tile=16, date="2027:02:02 12:34:56")
    assert digest(tiled) != digest(later)
    whole = write(tmp_path / "a.exr").read_bytes()
    seen = set()
    for size in (0, 3, 7, 40, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.exr").write_bytes(whole[:size])
        seen.add(digest(tmp_path / "cut.exr"))
    assert len(seen) == 6
    (tmp_path / "text.exr").write_text("no picture")
    digest(tmp_path / "text.exr")


def test_a_missing_file_raises_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digest(tmp_path / "none.exr")


def test_the_channels_are_those_that_openimageio_reads(tmp_path: Path) -> None:
    path = write(tmp_path / "a.exr")
    found = oiio.ImageInput.open(str(path))
    assert sorted(channels(path)) == sorted(found.spec().channelnames)
    found.close()
    tiled = write(tmp_path / "tiled.exr", tile=16)
    assert channels(tiled) == (), "no EXR of one part with scan lines"
    (tmp_path / "text.exr").write_text("no picture")
    assert channels(tmp_path / "text.exr") == ()
