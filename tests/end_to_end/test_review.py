"""`stcolor review`: the movie and the contact sheet of a coloured shot."""

from __future__ import annotations

import io
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
from stcolor_core.images.frame_files import write_frame
from stcolor_core.images.resizing import resize
from stcolor_core.movies.reader import Movie
from stcolor_core.pipeline import review_sheet
from stcolor_core.pipeline.results import ShotResults
from stcolor_core.pipeline.review_pictures import ReviewDrawing, panel_size
from stcolor_core.pipeline.review_sheet import Box, SheetLayout, choose_columns, choose_layout, weakest_frames
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


def boxes(layout: SheetLayout, count: int) -> list[Box]:
    """Return the pictures of the first page, in pixels of the page."""
    margin, top = review_sheet._MARGIN, review_sheet._MARGIN + review_sheet._HEADER
    return [
        Box(margin + box.x, top + block * layout.height + box.y, box.width, box.height)
        for block in range(min(count, layout.blocks))
        for box in (layout.plate, layout.result, layout.heat)
    ]


def overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 12, 40])
@pytest.mark.parametrize("aspect", [2.39, 16 / 9, 4 / 3, 1, 9 / 16, 0.3, 8])
def test_pictures_keep_their_shape_lie_within_the_page_and_do_not_overlap(aspect: float, count: int) -> None:
    layout = choose_layout(aspect, count)
    placed = boxes(layout, count)
    for box in placed:
        assert box.width / box.height == pytest.approx(aspect, rel=0.02 if min(box.width, box.height) > 50 else 0.2)
        assert box.x >= review_sheet._MARGIN and box.x + box.width <= review_sheet.PAGE[0] - review_sheet._MARGIN
        assert box.y + box.height <= review_sheet.PAGE[1] - review_sheet._MARGIN
    assert not any(overlap(one, other) for place, one in enumerate(placed) for other in placed[:place])
    for place, box in enumerate(placed):  # the caption has its lines free
        top = review_sheet._MARGIN + review_sheet._HEADER + place // 3 * layout.height
        assert box.y >= top + review_sheet._LETTERS


@pytest.mark.parametrize(
    ("aspect", "count"), [(16 / 9, 1), (16 / 9, 4), (4 / 3, 1), (4 / 3, 4), (9 / 16, 1), (9 / 16, 4)]
)
def test_a_page_is_well_filled_however_few_frames_there_are(aspect: float, count: int) -> None:
    placed = boxes(choose_layout(aspect, count), count)
    area = sum(box.width * box.height for box in placed)
    assert area > 0.33 * review_sheet.PAGE[0] * review_sheet.PAGE[1]


@pytest.mark.parametrize(("aspect", "count"), [(9 / 16, 6), (0.4, 4), (0.75, 8)])
def test_a_png_of_upright_pictures_has_two_columns(aspect: float, count: int) -> None:
    assert choose_columns(aspect, count) == 2
    assert choose_columns(1 / aspect, count) == choose_columns(aspect, 1) == 1
    height = -(-count // 2) * choose_layout(aspect, -(-count // 2), columns=2).height
    assert height < 1.6 * review_sheet.PAGE[0]


def test_both_columns_of_upright_pictures_are_drawn(make_shot: MakeShot, tmp_path: Path) -> None:
    shot = make_shot(pan(5, height=192, width=108, step=2), references=(1001,))
    assert shot.colorize() == 0
    sheet = tmp_path / "sheet.png"
    assert main(["review", "--shot", str(shot_file(shot)), "--contact-sheet", str(sheet), "--count", "4"]) == 0
    page = Image.open(sheet)
    assert page.height <= review_sheet.PAGE[1]
    layout, pixels = choose_layout(108 / 192, 2, columns=2), np.asarray(page.convert("RGB"), np.float32)
    results = ShotResults(Shot.load(shot.folder / "shot.json"))
    frames = weakest_frames(results.mean_confidences(), [1001], count=4)
    for place, frame in enumerate(frames):
        x = review_sheet._MARGIN + place % 2 * (review_sheet._block_width(2) + review_sheet._MARGIN) + layout.result.x
        y = review_sheet._MARGIN + review_sheet._HEADER + place // 2 * layout.height + layout.result.y
        shown = pixels[y : y + layout.result.height, x : x + layout.result.width] / 255
        layers = channels(shot.output(frame))
        result = srgb_encode(np.clip(np.dstack([layers[name] for name in "RGB"]), 0, 1))
        expected = resize(np.ascontiguousarray(result, np.float32), shown.shape[:2])
        assert np.abs(shown - expected).mean() < 0.02


def pages_of(path: Path) -> list[Image.Image]:
    """Return the pages of a PDF, which holds each as a JPEG."""
    data = path.read_bytes()
    starts = [match.start() for match in re.finditer(rb"\xff\xd8\xff", data)]
    return [Image.open(io.BytesIO(data[start:])).convert("RGB") for start in starts]


@pytest.mark.parametrize(
    ("height", "width", "aspect", "count"), [(128, 192, 1.0, 3), (144, 180, 1.0667, 1), (192, 108, 1.0, 3)]
)
def test_each_picture_of_the_pdf_is_the_plate_or_the_result_of_its_frame_in_the_shape_of_its_pixels(
    make_shot: MakeShot, tmp_path: Path, height: int, width: int, aspect: float, count: int
) -> None:
    shot = make_shot(pan(4, height=height, width=width, step=2), references=(1001,))
    if aspect != 1:
        for frame in shot.frames:
            layers = {name: (plane, "half") for name, plane in channels(shot.plate(frame)).items()}
            write_frame(shot.plate(frame), layers, metadata={"PixelAspectRatio": aspect})  # type: ignore[arg-type]
    assert shot.colorize() == 0
    sheet = tmp_path / "sheet.pdf"
    assert main(["review", "--shot", str(shot_file(shot)), "--contact-sheet", str(sheet), "--count", str(count)]) == 0
    results = ShotResults(Shot.load(shot.folder / "shot.json"))
    frames = weakest_frames(results.mean_confidences(), [1001], count=count)
    layout = choose_layout(width * aspect / height, len(frames))
    frames = frames[: layout.blocks]
    page = pages_of(sheet)[0]
    assert page.size == review_sheet.PAGE
    pixels = np.asarray(page, np.float32) / 255
    placed = boxes(layout, len(frames))
    for place, frame in enumerate(frames):
        plate = srgb_encode(np.clip(channels(shot.plate(frame))["Y"], 0, 1))
        layers = channels(shot.output(frame))
        result = srgb_encode(np.clip(np.dstack([layers[name] for name in "RGB"]), 0, 1))
        for box, picture in zip(placed[3 * place :], (np.dstack([plate] * 3), result), strict=False):
            shown = pixels[box.y : box.y + box.height, box.x : box.x + box.width]
            expected = resize(np.ascontiguousarray(picture, np.float32), (box.height, box.width))
            assert np.abs(shown - expected).mean() < 0.05
    outside = np.ones(pixels.shape[:2], bool)
    for box in placed:
        outside[box.y - 8 : box.y + box.height + 8, box.x - 8 : box.x + box.width + 8] = False
    ink = (pixels.max(axis=-1) < 0.6) & outside
    assert ink[: review_sheet._MARGIN].sum() == ink[:, : review_sheet._MARGIN].sum() == 0
    for place in range(len(frames)):  # each block has its caption
        top = review_sheet._MARGIN + review_sheet._HEADER + place * layout.height
        assert ink[top : top + review_sheet._LETTERS].sum() > 200


def test_many_frames_take_several_pages(shot: ShotOnDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shot.colorize() == 0
    monkeypatch.setattr(review_sheet, "PAGE", (1654, 900))  # paper for one row
    path = tmp_path / "sheet.pdf"
    assert main(["review", "--shot", str(shot_file(shot)), "--contact-sheet", str(path)]) == 0
    assert len(pages_of(path)) == len(re.findall(rb"/Type /Page\b", path.read_bytes())) == 4


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
