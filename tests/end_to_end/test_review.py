"""`stcolor review`: the movie and the contact sheet of a coloured shot."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels
from PIL import Image
from scenes import pan

from stcolor_core.cli import main
from stcolor_core.images.color import srgb_encode
from stcolor_core.images.resizing import resize
from stcolor_core.movies.reader import Movie
from stcolor_core.pipeline.results import ShotResults
from stcolor_core.pipeline.review import weakest_frames
from stcolor_core.pipeline.review_pictures import ReviewDrawing, panel_size
from stcolor_core.shots.shot import Shot

MakeShot = Callable[..., ShotOnDisk]


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    return make_shot(pan(5, height=128, width=192, step=2), references=(1002,))


def shot_file(shot: ShotOnDisk) -> Path:
    path = shot.folder / "shot.json"
    assert shot.colorize("--write-shot", str(path)) == 0
    return path


def test_the_movie_shows_plate_result_and_confidence_of_each_frame(shot: ShotOnDisk, tmp_path: Path) -> None:
    assert shot.colorize() == 0
    path = shot_file(shot)
    review = tmp_path / "review.mkv"  # FFV1, so that pixels can be compared
    assert main(["review", "--shot", str(path), "--output", str(review)]) == 0
    movie = Movie(review)
    assert movie.info.count == 5
    results = ShotResults(Shot.load(path))
    size = panel_size(results, lines=540)
    assert size == (128, 192)
    letters = ReviewDrawing("", [1, 2], [], {}, size=size)._letters
    for place, frame in enumerate(shot.frames):
        picture = movie.read(place, frame=frame).pixels[2 * letters :][: size[0]]
        panels = [picture[:, start : start + size[1]] for start in (0, size[1] + 4, 2 * (size[1] + 4))]
        inside = (slice(30, -8), slice(8, -8))  # below the mark of a keyframe
        layers = channels(shot.output(frame))
        plate = srgb_encode(np.clip(channels(shot.plate(frame))["Y"], 0, 1))[..., None]
        assert np.abs(panels[0] - plate)[inside].max() < 3 / 255
        result = srgb_encode(np.clip(np.dstack([layers[name] for name in "RGB"]), 0, 1))
        assert np.abs(panels[1] - result)[inside].max() < 3 / 255
        doubt = 1 - np.clip(resize(layers["rc_conf.warp"], size), 0, 1)
        redness = (panels[2][..., 0] - panels[2][..., 1])[inside]
        if doubt[inside].max() > 0.2:
            assert np.corrcoef(redness.ravel(), doubt[inside].ravel())[0, 1] > 0.9
    marks = [is_marked(movie.read(place, frame=1).pixels) for place in range(5)]
    assert marks == [frame == 1002 for frame in shot.frames]


def is_marked(picture: np.ndarray) -> bool:  # type: ignore[type-arg]
    """Return whether the frame of a keyframe is around the result."""
    orange = np.abs(picture * 255 - (240, 160, 40)).max(axis=-1) < 8
    return bool((orange.sum(axis=1) > 150).any())


@pytest.mark.parametrize(("name", "codec"), [("review.mp4", "h264"), ("review.mov", "prores")])
def test_both_codecs_are_written_with_sizes_that_they_can_hold(
    name: str, codec: str, make_shot: MakeShot, tmp_path: Path
) -> None:
    odd = make_shot(pan(2, height=95, width=133, step=2), references=(1001,))
    assert odd.colorize() == 0
    assert main(["review", "--shot", str(shot_file(odd)), "--output", str(tmp_path / name)]) == 0
    info = Movie(tmp_path / name).info
    assert (info.codec, info.count, info.width % 2, info.height % 2) == (codec, 2, 0, 0)


def test_frames_that_are_not_coloured_yet_have_an_empty_panel(shot: ShotOnDisk, tmp_path: Path) -> None:
    assert shot.colorize() == 0
    shot.output(1004).unlink()
    review = tmp_path / "review.mkv"
    assert main(["review", "--shot", str(shot_file(shot)), "--output", str(review)]) == 0
    movie = Movie(review)
    panel = movie.read(3, frame=1004).pixels[40:100, 220:340] * 255
    assert np.abs(panel - 24).max() < 2
    assert np.abs(movie.read(2, frame=1003).pixels[40:100, 220:340] * 255 - 24).max() > 50


def test_frames_without_all_layers_are_reviewed(shot: ShotOnDisk, tmp_path: Path) -> None:
    assert shot.colorize("--layers", "rc_ab") == 0
    path, review = shot.folder / "shot.json", tmp_path / "review.mkv"
    assert shot.colorize("--layers", "rc_ab", "--write-shot", str(path)) == 0
    assert main(["review", "--shot", str(path), "--output", str(review)]) == 0
    picture = Movie(review).read(3, frame=1004).pixels
    assert np.abs(picture[40:100, 220:340] * 255 - 24).max() > 50  # the result, of the plate and its chroma
    assert np.abs(picture[40:100, 420:540] * 255 - 24).max() < 2  # no confidence


@pytest.mark.parametrize("suffix", [".png", ".pdf"])
def test_the_contact_sheet_shows_the_weakest_frames(
    suffix: str, shot: ShotOnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shot.colorize() == 0
    sheet = tmp_path / f"sheet{suffix}"
    assert main(["review", "--shot", str(shot_file(shot)), "--contact-sheet", str(sheet), "--count", "2"]) == 0
    means = ShotResults(Shot.load(shot.folder / "shot.json")).mean_confidences()
    named = weakest_frames(means, [1002], count=2)
    assert all(str(frame) in capsys.readouterr().out for frame in named[:1])
    if suffix == ".png":
        with Image.open(sheet) as picture:
            assert picture.width == 1654
            assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 1000
    else:
        data = sheet.read_bytes()
        assert data.startswith(b"%PDF")
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", data)
        assert box is not None
        assert [float(each) for each in box.groups()] == pytest.approx([595, 842], abs=1)  # A4 in points


def test_many_frames_take_several_pages(shot: ShotOnDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stcolor_core.pipeline import review

    assert shot.colorize() == 0
    monkeypatch.setattr(review, "_PAPER", 0.5)  # paper for one row
    path = tmp_path / "sheet.pdf"
    assert main(["review", "--shot", str(shot_file(shot)), "--contact-sheet", str(path)]) == 0
    assert len(re.findall(rb"/Type /Page\b", path.read_bytes())) == 4


def test_the_weakest_frames_are_spread_over_the_shot_and_leave_keyframes_out() -> None:
    confidences = dict.fromkeys(range(1, 101), 0.9)
    confidences.update({50: 0.1, 51: 0.11, 52: 0.12, 80: 0.3, 10: 0.01})
    assert weakest_frames(confidences, [10], count=3)[:2] == [50, 80]
    chosen = weakest_frames(confidences, [10], count=5)
    assert len(chosen) == 5
    assert min(abs(a - b) for a in chosen for b in chosen if a != b) >= 10
    assert weakest_frames({1: 0.5}, [1], count=3) == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ([], "--output review.mp4"),
        (["--output", "r.gif"], "r.gif"),
        (["--contact-sheet", "s.jpg"], r"s.jpg must be a .png or a .pdf"),
        (["--output", "r.mp4", "--height", "10"], "--height"),
        (["--contact-sheet", "{plate}"], "belongs to the"),
    ],
)
def test_what_cannot_be_written_is_refused(
    options: list[str], named: str, shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shot_file(shot)
    given = [option.format(plate=shot.plate(FIRST)) for option in options]
    assert main(["review", "--shot", str(path), *given]) == 2
    assert named in capsys.readouterr().err


def test_a_shot_without_colour_is_told_to_be_coloured_first(
    shot: ShotOnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    review = tmp_path / "r.mp4"
    assert main(["review", "--shot", str(shot_file(shot)), "--output", str(review)]) == 1
    assert "stcolor colorize" in capsys.readouterr().err
    assert not review.exists()
