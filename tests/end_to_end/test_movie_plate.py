"""A movie as the plate of a shot: the same colour as from its frames as pictures, resumed and detected as changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels
from movie_clips import grey_planes, write_clip
from scenes import Scene, pan

from stcolor_core.cli import main
from stcolor_core.images import plates
from stcolor_core.images.color import luminance_of
from stcolor_core.movies.color import tagged_space
from stcolor_core.pipeline.run import FrameResult, colorize, plan_run
from stcolor_core.service.picture_files import ShotFiles
from stcolor_core.service.rendering import read_full
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.shot import Shot

MakeShot = Callable[..., ShotOnDisk]


def write_movie(path: Path, scene: Scene, *, timecode: str | None = None) -> Path:
    encode = tagged_space("1/1", "").encode
    luma = [np.rint(encode(luminance_of(each)) * 876 + 64).astype(np.uint16) for each in scene.lightnesses]
    frames = [grey_planes(each, bits=10) for each in luma]
    return write_clip(path, frames, timecode=timecode, tags=(1, 1, 1, 1))


def movie_shot(folder: Path, movie: Path, shot: ShotOnDisk, **plate: object) -> Shot:
    return Shot(
        plate=Plate(path=str(movie), **plate),  # type: ignore[arg-type]
        output=Output(path=str(folder / "movie" / "out.####.exr")),
        references=tuple(Reference(frame=frame, path=str(shot.reference(frame))) for frame in shot.references),
    )


def run(shot: Shot) -> list[FrameResult]:
    return list(colorize(shot, device="cpu"))


def test_a_movie_that_was_cut_short_is_coloured_with_a_warning(
    make_shot: MakeShot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = make_shot()
    movie = write_movie(tmp_path / "plate.mkv", files.scene, timecode="00:00:41:17")
    count = len(files.frames)
    call = ["colorize", "--plate", str(movie), "--reference", f"{FIRST}={files.reference(FIRST)}"]
    call += ["--output", str(tmp_path / "out.####.exr"), "--device", "cpu"]
    assert main(call) == 0
    assert "cut short" not in capsys.readouterr().err
    data = movie.read_bytes()
    movie.write_bytes(data[: len(data) * 2 // 3])
    assert main([*call, "--only", str(FIRST)]) == 0
    error = capsys.readouterr().err
    assert re.search(rf"plate\.mkv holds \d of the {count} frames that its header announces: it was cut short\.", error)


def test_a_movie_is_coloured_as_its_frames_are(make_shot: MakeShot, tmp_path: Path) -> None:
    files = make_shot()
    assert files.colorize() == 0
    movie = write_movie(tmp_path / "plate.mkv", files.scene, timecode="00:00:41:17")  # frame 1001 at 24
    shot = movie_shot(tmp_path, movie, files)
    assert [result.frame for result in sorted(run(shot), key=lambda each: each.frame)] == list(files.frames)
    for place, frame in enumerate(files.frames):
        path = tmp_path / "movie" / f"out.{frame}.exr"
        ours, theirs = channels(path), channels(files.output(frame))
        assert np.abs(ours["rc_ab.u"] - theirs["rc_ab.u"]).mean() < 0.5
        luma = tagged_space("1/1", "").encode(luminance_of(files.scene.lightnesses[place]))
        y = tagged_space("1/1", "").decode(np.dstack([ours[name] for name in "RGB"])) @ [
            0.2126390,
            0.7151687,
            0.0721923,
        ]
        assert np.abs(tagged_space("1/1", "").encode(y) - luma).max() < 2e-3  # a code of 10 bits, and half float
        header = plates.read_header(path)
        assert header.metadata["FramesPerSecond"] == (24, 1)
        assert header.metadata["smpte:TimeCode"][0] == (0x4117, 0x4118, 0x4119, 0x4120, 0x4121)[place]
    assert "as the movie is tagged" in plates.read_header(path).metadata["stcolor/inputs"]


def test_a_finished_movie_is_kept_and_a_changed_one_is_coloured_again(make_shot: MakeShot, tmp_path: Path) -> None:
    files = make_shot(references=(1002,))
    movie = write_movie(tmp_path / "plate.mkv", files.scene)
    shot = movie_shot(tmp_path, movie, files, first_frame=FIRST)
    assert not any(result.kept for result in run(shot))
    assert all(result.kept for result in run(shot))
    moved = movie_shot(tmp_path, movie, files, first_frame=FIRST - 1)
    before, after = (plan_run(each).digests for each in (shot, moved))
    assert all(before[frame] != after[frame] for frame in set(before) & set(after))
    write_movie(movie, pan(5, height=64, width=96, step=1))
    assert not any(result.kept for result in run(shot))


def test_a_movie_that_changes_during_a_run_is_refused_by_frame(make_shot: MakeShot, tmp_path: Path) -> None:
    from stcolor_core.errors import PlateError

    files = make_shot(pan(24, height=64, width=96, step=1))  # some frames are read ahead
    movie = write_movie(tmp_path / "plate.mkv", files.scene)
    results = colorize(movie_shot(tmp_path, movie, files, first_frame=FIRST), device="cpu")
    next(results)
    write_movie(movie, pan(24, height=64, width=96, step=2))
    with pytest.raises(PlateError, match=r"Frame 10\d\d \(.*plate\.mkv\) has changed"):
        list(results)


def test_the_page_shows_frames_of_a_movie(make_shot: MakeShot, tmp_path: Path) -> None:
    files = make_shot()
    shot = movie_shot(tmp_path, write_movie(tmp_path / "plate.mkv", files.scene), files, first_frame=FIRST)
    run(shot)
    listed = ShotFiles(shot)
    assert list(listed.frames()) == list(files.frames)
    shown = [read_full(shot, listed.source(frame, "plate")).pixels for frame in files.frames]
    assert len({pixels.tobytes() for pixels in shown}) == len(files.frames)
    assert read_full(shot, listed.source(FIRST + 1, "result")).pixels.shape == (64, 96, 3)


@pytest.mark.parametrize(("frames", "missing", "first"), [("1-3", "error", None), ("1001-1009", "hold", 1001)])
def test_frames_that_the_movie_does_not_have_are_named(
    frames: str, missing: str, first: int | None, make_shot: MakeShot, tmp_path: Path
) -> None:
    from stcolor_core.errors import PlateError

    files = make_shot()
    movie = write_movie(tmp_path / "plate.mkv", files.scene, timecode="01:00:00:00")
    with pytest.raises(PlateError, match=r"not in .*plate\.mkv, which has .*--first-frame"):
        run(movie_shot(tmp_path, movie, files, frames=frames, missing=missing, first_frame=first))
