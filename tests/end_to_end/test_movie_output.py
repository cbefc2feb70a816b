"""`stcolor colorize --movie`: the frames as a movie, beside the EXRs or in place of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels
from movie_clips import grey_planes, write_clip
from scenes import pan

from stcolor_core.cli import main
from stcolor_core.images.color import luminance_of, srgb_encode
from stcolor_core.movies.color import tagged_space
from stcolor_core.movies.reader import open_movie

MakeShot = Callable[..., ShotOnDisk]


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    return make_shot(pan(3, height=64, width=96, step=2), references=(1001,))


def write_plate(shot: ShotOnDisk, path: Path) -> Path:
    encode = tagged_space("1/1", "").encode
    codes = [np.rint(encode(luminance_of(each)) * 876 + 64).astype(np.uint16) for each in shot.scene.lightnesses]
    frames = [grey_planes(each, bits=10) for each in codes]
    return write_clip(path, frames, timecode="00:00:41:17", tags=(1, 1, 1, 1), sound=True)  # frame 1001 at 24


def from_movie(shot: ShotOnDisk, plate: Path, *options: str) -> int:
    reference = ["--reference", f"1001={shot.reference(1001)}"]
    return main(["colorize", "--plate", str(plate), *reference, "--working-height", "64", *options])


def test_a_movie_comes_out_as_it_went_in(shot: ShotOnDisk, tmp_path: Path) -> None:
    plate = write_plate(shot, tmp_path / "plate.mkv")
    movie = tmp_path / "out" / "movie.mkv"
    frames = str(tmp_path / "out" / "frame.####.exr")
    assert from_movie(shot, plate, "--output", frames, "--movie", str(movie)) == 0
    result, source = open_movie(movie), open_movie(plate)
    assert (result.info.count, result.info.rate, result.info.timecode) == (3, 24, "00:00:41:17")
    assert result.info.tags == source.info.tags
    for place, frame in enumerate(shot.frames):
        pixels = result.read(place, frame=frame).pixels
        written = channels(tmp_path / "out" / f"frame.{frame}.exr")
        own = np.dstack([written[name] for name in "RGB"])
        inside = ((own >= -0.05) & (own <= 1.05)).all(axis=-1)  # what the codes can hold
        assert inside.mean() > 0.5
        assert np.abs(pixels - own)[inside].max() * 876 <= 1.5  # rounding to codes of luma and chroma
        assert np.abs(pixels - pixels[..., :1]).max() > 0.05  # in colour


def test_without_output_only_the_movie_stays(
    shot: ShotOnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plate = write_plate(shot, tmp_path / "plate.mkv")
    folder = tmp_path / "out"
    assert from_movie(shot, plate, "--movie", str(folder / "movie.mov"), "--movie-format", "prores-4444", "--json") == 0
    assert [path.name for path in folder.iterdir()] == ["movie.mov"]
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()][-1]
    assert told["kind"] == "movie"
    assert told["path"] == str(folder / "movie.mov")
    assert "the plate's own encoding" in told["message"]


def test_a_scene_linear_plate_is_shown_as_on_a_display(shot: ShotOnDisk, tmp_path: Path) -> None:
    movie = tmp_path / "movie.mkv"
    assert shot.colorize("--movie", str(movie), "--movie-rate", "23.98") == 0
    result = open_movie(movie)
    assert float(result.info.rate) == pytest.approx(24000 / 1001)
    assert (result.info.tags.transfer, result.info.timecode) == (13, None)
    linear = np.dstack([channels(shot.output(FIRST + 1))[name] for name in "RGB"])
    expected = srgb_encode(np.clip(linear, 0, 1))
    assert np.abs(result.read(1, frame=1).pixels - expected).max() < 1e-3


def test_frames_without_beauty_give_the_same_movie(shot: ShotOnDisk, tmp_path: Path) -> None:
    assert shot.colorize("--movie", str(tmp_path / "with.mkv")) == 0
    assert shot.colorize("--no-beauty", "--movie", str(tmp_path / "without.mkv")) == 0
    both = [open_movie(tmp_path / f"{name}.mkv").read(1, frame=1).pixels for name in ("with", "without")]
    assert np.abs(both[0] - both[1]).max() < 3e-3  # half float rounds R, G, B in one, a*, b* in the other


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--movie-format", "ffv1"], "--movie PATH"),
        (["--movie", "{plate}"], "belongs to the plate"),
        (["--movie", "out.gif"], "out.gif"),
        (["--movie", "out.mov", "--movie-rate", "fast"], "rate 'fast'"),
        (["--movie", "out.mov", "--movie-rate", "0"], "rate 0 is not between"),
        (["--movie", "out.mov", "--movie-rate=-5"], "rate -5 is not between"),
        (["--movie", "out.mxf"], "--movie-format"),
        (["--movie", "out.mkv", "--only", "1001,1003"], "1002"),
        (["--movie", "out.mkv", "--layers", "rc_conf"], "--layers"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_coloured(
    options: list[str], named: str, shot: ShotOnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plate = write_plate(shot, tmp_path / "plate.mkv")
    before = plate.read_bytes()
    given = [option.format(plate=plate) for option in options]
    assert from_movie(shot, plate, "--output", str(tmp_path / "out" / "f.####.exr"), *given) == 2
    assert named in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert plate.read_bytes() == before
