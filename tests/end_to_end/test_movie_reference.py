"""A keyframe may be a frame of a movie: the one that has the keyframe's number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from movie_clips import grey_planes, write_clip
from scenes import pan

from stcolor_core.cli import main
from stcolor_core.images import plates
from stcolor_core.images.color import lab_to_linear, linear_to_lab, luminance_of
from stcolor_core.images.frame_files import write_frame
from stcolor_core.movies.color import tagged_space
from stcolor_core.movies.plate_frames import read_plate_frame
from stcolor_core.shots.pictures import Reference, Still
from stcolor_core.shots.shot import Shot

FIRST, COUNT = 86400, 4
SPACE = tagged_space("1/1", "")


@pytest.fixture
def movies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A grey plate.mkv, and painted.mkv: the same frames in colour. Both begin at 01:00:00:00."""
    monkeypatch.chdir(tmp_path)
    scene = pan(COUNT, height=64, width=96, step=2)
    light = [np.rint(SPACE.encode(luminance_of(each)) * 876 + 64).astype(np.uint16) for each in scene.lightnesses]
    write_clip(tmp_path / "plate.mkv", [grey_planes(each, bits=10) for each in light], tags=(1, 1, 1, 1), **AT_ONE)
    painted = []
    for lightness in scene.lightnesses:
        rgb = SPACE.encode(np.clip(lab_to_linear(np.dstack([lightness, scene_ab(lightness)])), 0, 1))
        painted.append([np.rint(rgb[..., place] * 65535).astype(np.uint16) for place in (1, 2, 0)])  # G, B, R
    write_clip(tmp_path / "painted.mkv", painted, layout="gbrp16le", tags=(1, 1, 0, 2), **AT_ONE)
    return tmp_path


AT_ONE = {"timecode": "01:00:00:00"}


def scene_ab(lightness: np.ndarray) -> np.ndarray:
    return np.dstack([0.3 * (lightness - 50), np.full_like(lightness, 18)])


def colorize(*arguments: str, plate: str = "plate.mkv") -> int:
    options = ["--working-height", "64", "--register", "off", "--device", "cpu", "--output", "out/o.####.exr"]
    return main(["colorize", "--plate", plate, *options, *arguments])


def test_the_frame_of_the_same_number_is_the_keyframe(movies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = FIRST + 2
    assert colorize("--reference", f"{frame}=painted.mkv") == 0, capsys.readouterr().err
    painted = read_plate_frame(movies / "painted.mkv", frame=frame).pixels
    want = linear_to_lab(SPACE.decode(painted))[..., 1:]
    picture = plates.read_matte_file(Path(f"out/o.{frame}.exr"), frame=frame)
    got = picture.pixels[..., [picture.channels.index(name) for name in ("rc_ab.u", "rc_ab.v")]]
    assert np.abs(got - want).max() < 0.1
    other = linear_to_lab(SPACE.decode(read_plate_frame(movies / "painted.mkv", frame=FIRST).pixels))[..., 1:]
    assert np.abs(got - other).max() > 1
    before = {path.name: path.stat().st_mtime_ns for path in Path("out").iterdir()}
    assert colorize("--reference", f"{frame}=painted.mkv") == 0  # and is kept
    assert {path.name: path.stat().st_mtime_ns for path in Path("out").iterdir()} == before


def test_two_keyframes_of_one_movie_are_two_pictures(movies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del movies
    references = [part for frame in (FIRST, FIRST + 3) for part in ("--reference", f"{frame}=painted.mkv")]
    assert colorize(*references) == 0, capsys.readouterr().err
    for frame in (FIRST, FIRST + 3):
        picture = plates.read_matte_file(Path(f"out/o.{frame}.exr"), frame=frame)
        got = picture.pixels[..., [picture.channels.index(name) for name in ("rc_ab.u", "rc_ab.v")]]
        want = linear_to_lab(SPACE.decode(read_plate_frame(Path("painted.mkv"), frame=frame).pixels))[..., 1:]
        assert np.abs(got - want).max() < 0.1


def test_the_first_frame_of_the_plate_numbers_the_painted_movie_too(
    movies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del movies
    assert colorize("--first-frame", "1001", "--reference", "1002=painted.mkv") == 0, capsys.readouterr().err
    assert Path("out/o.1004.exr").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--reference", "painted.mkv"], "every frame of it would be a keyframe"),
        (["--reference", "86409=painted.mkv"], "which has 86400-86403"),
        (["--reference", "86400=none.mkv"], "none.mkv"),
        (["--still", "painted.mkv"], "Write its frame as a picture"),
    ],
)
def test_what_cannot_be_taken_is_told_with_a_remedy(
    arguments: list[str], words: str, movies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del movies
    assert colorize(*arguments) != 0
    message = capsys.readouterr().err
    assert words in message and "Traceback" not in message and "OpenImageIO" not in message
    assert not Path("out").exists()


def test_a_picture_plate_takes_a_keyframe_from_a_movie_as_well(
    movies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for frame in range(FIRST, FIRST + COUNT):
        grey = SPACE.decode(read_plate_frame(movies / "plate.mkv", frame=frame).pixels)[..., 0]
        write_frame(Path(f"plate/p.{frame}.exr"), {name: (np.ascontiguousarray(grey), "half") for name in "RGB"})
    reference = f"{FIRST}=painted.mkv"
    assert colorize("--reference", reference, plate="plate/p.####.exr") == 0, capsys.readouterr().err
    assert len(list(Path("out").glob("*.exr"))) == COUNT


@pytest.mark.parametrize("timecode", [None, "01:00:00:00"])
def test_a_movie_numbered_otherwise_than_the_plate_gives_the_frame_that_is_named(
    timecode: str | None, movies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, frame in enumerate(range(FIRST, FIRST + COUNT), 1001):
        grey = SPACE.decode(read_plate_frame(movies / "plate.mkv", frame=frame).pixels)[..., 0]
        write_frame(Path(f"plate/p.{number}.exr"), {name: (np.ascontiguousarray(grey), "half") for name in "RGB"})
    if timecode is None:
        frames = [read_plate_frame(movies / "painted.mkv", frame=FIRST + n).pixels for n in range(COUNT)]
        coded = [[np.rint(each[..., place] * 65535).astype(np.uint16) for place in (1, 2, 0)] for each in frames]
        write_clip(movies / "painted.mkv", coded, layout="gbrp16le", tags=(1, 1, 0, 2))
    first = 1 if timecode is None else FIRST
    assert colorize("--reference", "1003=painted.mkv", plate="plate/p.####.exr") == 2
    message = capsys.readouterr().err
    named = f"1003=painted.mkv@{first + 2}"  # the same frame, by its place
    assert f"--reference FRAME=MOVIE@{first + 2}, for example." in message
    assert colorize("--reference", named, plate="plate/p.####.exr") == 0, capsys.readouterr().err
    want = linear_to_lab(SPACE.decode(read_plate_frame(movies / "painted.mkv", frame=first + 2).pixels))[..., 1:]
    picture = plates.read_matte_file(Path("out/o.1003.exr"), frame=1003)
    got = picture.pixels[..., [picture.channels.index(name) for name in ("rc_ab.u", "rc_ab.v")]]
    assert np.abs(got - want).max() < 0.1
    before = {path.name: path.stat().st_mtime_ns for path in Path("out").iterdir()}
    assert colorize("--reference", f"1003=painted.mkv@{first}", plate="plate/p.####.exr") == 0  # another frame of it
    assert all(path.stat().st_mtime_ns != before[path.name] for path in Path("out").iterdir())
    shot = ["--plate", "plate/p.####.exr", "--reference", named, "--output", "out/o.####.exr"]
    assert main(["colorize", *shot, "--write-shot", "shot.json"]) == 0, capsys.readouterr().err
    assert Shot.load(Path("shot.json")).references == (
        Reference(path="painted.mkv", frame=1003, movie_frame=first + 2),
    )
    assert colorize("--reference", f"1003=painted.mkv@{first + 90}", plate="plate/p.####.exr") == 2
    assert f"frame {first + 90} of painted.mkv" in capsys.readouterr().err


def test_a_still_is_a_picture() -> None:
    from stcolor_core.errors import BadRequest

    with pytest.raises(BadRequest, match="is a movie"):
        Still(path="look.mov")
