"""Whatever is wrong with a file that goes with the plate, one line names what the file is, its frame, and a remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk

from stcolor_core.images import frame_files, plates

MakeShot = Callable[..., ShotOnDisk]

AT = FIRST + 2  # a frame without a reference; none of the files' names has a number
SIZE = (64, 96)
# What the file is to the shot -> how messages name it. Options, the file's channels
KINDS = {
    "reference": f"Reference {AT} (",
    "mask": f"The mask of reference {AT} (",
    "matte": f"The matte of frame {AT} (",
    "still": "The still (",
}


def write(path: Path, kind: str, *, size: tuple[int, int] = SIZE, level: float = 0.5) -> None:
    """Write a picture of noise, which no compression shrinks to less than a block."""
    noise = level * np.random.default_rng(1).uniform(0.2, 1, (*size, 4)).astype(np.float32)
    names = {"mask": "Y", "matte": "A"}.get(kind, "RGBA" if kind == "reference" else "RGB")
    frame_files.write_frame(path, {name: (np.ascontiguousarray(noise[..., i]), "half") for i, name in enumerate(names)})


def options(shot: ShotOnDisk, kind: str, path: Path) -> list[str]:
    """Return the options that give a file for what it is."""
    if kind == "mask":
        write(shot.folder / "key.exr", "still")
        return ["--reference", f"{AT}={shot.folder / 'key.exr'}", "--reference-mask", f"{AT}={path}"]
    return ["--still", str(path)] if kind == "still" else [f"--{kind}", f"{AT}={path}"]


def nothing(path: Path, kind: str) -> None:
    """Leave no file."""


def text(path: Path, kind: str) -> None:  # noqa: ARG001
    path.write_text("hello")


def truncated(path: Path, kind: str) -> None:
    write(path, kind)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])


def header_alone(path: Path, kind: str) -> None:
    write(path, kind)
    path.write_bytes(path.read_bytes()[:100])


def other_aspect(path: Path, kind: str) -> None:
    write(path, kind, size=(64, 64))


def black(path: Path, kind: str) -> None:
    write(path, kind, level=0)


@pytest.fixture(autouse=True)
def _short_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where files have short names: long ones are shortened in long lines."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoil", [nothing, text, truncated, header_alone])
def test_a_file_that_cannot_be_read_is_named_with_its_frame(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], kind: str, spoil: Callable[[Path, str], None]
) -> None:
    shot = make_shot()
    path = Path("given.exr")
    spoil(path, kind)
    assert shot.colorize(*options(shot, kind, path)) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"stcolor: {KINDS[kind]}{path}) "), line
    assert line.endswith((" Write it again.", " Check the path.")), line
    assert all(plates.is_complete(written) for written in shot.written())


@pytest.mark.parametrize(
    ("kind", "spoil", "remedy"),
    [
        ("reference", other_aspect, "Reformat it to the plate"),
        ("mask", other_aspect, "Reformat it to the plate."),
        ("matte", other_aspect, "Reformat it to the plate."),
        ("mask", black, "Paint white where it counts."),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_its_frame(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], kind: str, spoil: Callable[[Path, str], None], remedy: str
) -> None:
    shot = make_shot()
    path = Path("given.exr")
    spoil(path, kind)
    assert shot.colorize(*options(shot, kind, path)) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"stcolor: {KINDS[kind]}{path}) ") and remedy in line, line


def test_a_swatch_of_an_object_that_is_not_there_names_the_matte_and_its_objects(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    matte = shot.folder / "ids.png"
    picture = np.zeros(SIZE, np.uint8)
    picture[20:40, 30:60] = 80
    cv2.imwrite(str(matte), picture)
    assert shot.colorize("--matte", f"{AT}={matte}", "--swatch", f"{AT}:coat=#8a3324") == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"The matte of frame {AT} ({matte}) has no object 'coat'" in line and "It has 80." in line
    assert not shot.written()


def test_a_damaged_frame_of_a_sequence_of_mattes_is_named_by_its_own_number(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    for frame in shot.frames:
        write(shot.folder / f"roto.{frame}.exr", "matte")
    truncated(shot.folder / f"roto.{AT}.exr", "matte")
    assert shot.colorize("--matte", str(shot.folder / "roto.####.exr")) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"stcolor: The matte of frame {AT} ({shot.folder / f'roto.{AT}.exr'}) is truncated"), line
    assert "--missing" not in line  # a remedy for plates


def test_a_damaged_reference_movie_is_named_with_its_frame(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    movie = shot.folder / "graded.mov"
    movie.write_text("hello")
    assert shot.colorize("--reference", f"{AT}={movie}") == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"Reference {AT}" in line and str(movie) in line, line


def test_a_file_whose_space_is_not_known_is_named_with_its_frame(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    path = shot.folder / "key.dpx"
    frame_files.write_frame(shot.folder / "key.exr", {n: (np.full(SIZE, 0.3, np.float32), "half") for n in "RGB"})
    import OpenImageIO as oiio

    picture = oiio.ImageBuf(str(shot.folder / "key.exr"))
    assert picture.write(str(path), "uint10")
    code = shot.colorize("--reference", f"{AT}={path}")
    line = capsys.readouterr().err.splitlines()[-1]
    assert (code, line.startswith(f"stcolor: Reference {AT} ({path}) does not say how it is encoded")) == (2, True), (
        line
    )
