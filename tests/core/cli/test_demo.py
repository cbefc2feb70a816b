"""The parts of the demo on a small film, and one run of the whole demo."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.color

from stcolor_core.cli import demo
from stcolor_core.errors import PlateError
from stcolor_core.images import frame_files, pictures, plates

SIZE = (72, 128)


def picture(index: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W, 3) uint8 RGB: a reddish disc that moves to the right over greenish ground."""
    y, x = np.mgrid[: size[0], : size[1]]
    ground = np.stack([40 + 20 * np.sin(x / 9), 110 + 60 * np.cos(y / 7), 60 + 0 * x], axis=-1)
    disc = (x - size[1] / 4 - index * size[1] / 100) ** 2 + (y - size[0] / 2) ** 2 < (size[0] / 4) ** 2
    shade = 0.8 + 0.2 * np.sin((x - index * size[1] / 100) / 3)
    return np.where(disc[..., None], shade[..., None] * (220, 60, 40), ground).astype(np.uint8)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """48 frames in a file, as the demo needs them."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, SIZE[::-1])
    for index in range(48):
        writer.write(picture(index)[..., ::-1])
    writer.release()
    return path


@pytest.fixture
def truth() -> list[np.ndarray]:
    return [picture(index) for index in range(12)]


@pytest.fixture
def shot(tmp_path: Path, truth: list[np.ndarray]) -> demo.DemoShot:
    shot = demo.DemoShot.within(tmp_path / "demo", count=len(truth))
    demo.make_shot(shot, truth)
    return shot


def put_results(shot: demo.DemoShot, pictures: list[np.ndarray], confidence: float = 0.5) -> None:
    """Results as `stcolor colorize` would write them."""
    for frame, display in zip(shot.frames, pictures, strict=True):
        red, green, blue = np.moveaxis(linear(display), -1, 0)
        sure = np.full(display.shape[:2], confidence, np.float32)
        layers: dict[str, tuple[np.ndarray, pictures.PixelType]] = {
            "R": (red, "half"),
            "G": (green, "half"),
            "B": (blue, "half"),
            "rc_conf.warp": (sure, "half"),
        }
        frame_files.write_frame(shot.result.path(frame), layers)


def linear(display: np.ndarray) -> np.ndarray:
    """sRGB to linear by IEC 61966-2-1, without our own code."""
    x = display / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def test_frames_are_decoded_as_rgb_in_order_from_the_requested_one(film: Path) -> None:
    frames = demo.decode(film, start=3, count=5)
    assert len(frames) == 5
    for index, frame in enumerate(frames):
        assert frame.dtype == np.uint8
        assert np.abs(frame.astype(float) - picture(index + 3)).mean() < 8, "of MJPEG's loss"


@pytest.mark.parametrize("content", [None, b"no film"], ids=["missing", "not a film"])
def test_a_file_that_is_not_a_film_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PlateError, match=r"clip\.mp4 has 0 readable frames; 8 are needed"):
        demo.decode(path, start=3, count=5)


def test_the_error_for_a_short_film_states_how_many_frames_it_has(film: Path) -> None:
    with pytest.raises(PlateError, match="has 48 readable frames; 50 are needed"):
        demo.decode(film, start=20, count=30)


def test_plates_hold_the_linear_luminance_in_one_half_channel(shot: demo.DemoShot, truth: list[np.ndarray]) -> None:
    for frame, display in zip(shot.frames, truth, strict=True):
        plate = plates.read(shot.plate.path(frame))
        assert (plate.channels, plate.pixel_type) == (("Y",), "half")
        luminance = skimage.color.rgb2xyz(display)[..., 1]
        np.testing.assert_allclose(plate.pixels[..., 0], luminance, atol=1e-3)


def test_only_keyframes_have_references_and_these_hold_the_linear_colour(
    shot: demo.DemoShot, truth: list[np.ndarray]
) -> None:
    assert shot.reference.frames() == list(shot.keyframes) == [1003, 1010]
    for frame in shot.keyframes:
        reference = plates.read(shot.reference.path(frame))
        assert (reference.channels, reference.pixel_type) == (("R", "G", "B"), "half")
        np.testing.assert_allclose(reference.pixels, linear(truth[frame - 1001]), atol=1e-3)


def test_existing_frames_are_kept_and_changed_ones_are_written(shot: demo.DemoShot, truth: list[np.ndarray]) -> None:
    files = [shot.plate.path(frame) for frame in shot.frames] + [shot.reference.path(frame) for frame in shot.keyframes]
    before = [path.stat().st_mtime_ns for path in files]
    demo.make_shot(shot, truth)
    assert [path.stat().st_mtime_ns for path in files] == before

    demo.make_shot(shot, [255 - truth[0], *truth[1:]])
    changed = [path for path, time in zip(files, before, strict=True) if path.stat().st_mtime_ns != time]
    assert changed == [shot.plate.path(1001)]


def test_the_nearest_keyframe_is_the_one_nearest_in_time(shot: demo.DemoShot) -> None:
    assert [shot.nearest_keyframe(frame) for frame in (1001, 1003, 1006, 1007, 1012)] == [1003, 1003, 1003, 1010, 1010]


def test_the_score_covers_only_frames_that_are_not_keyframes(shot: demo.DemoShot, truth: list[np.ndarray]) -> None:
    results = [np.clip(display.astype(int) + 10, 0, 255).astype(np.uint8) for display in truth]
    for keyframe in shot.keyframes:
        results[keyframe - 1001] = 255 - truth[keyframe - 1001]
    put_results(shot, results)
    measured = demo.score(shot, truth)
    assert measured.frames == len(truth) - 2
    assert measured.result == pytest.approx(20 * np.log10(255 / 10), abs=0.05)
    assert measured.grey < 20


def test_the_contact_sheet_shows_reference_plate_result_truth_and_confidence(
    shot: demo.DemoShot, truth: list[np.ndarray]
) -> None:
    put_results(shot, truth, confidence=0.5)
    sheet = demo.contact_sheet(shot, truth)
    height = demo.TILE_WIDTH * SIZE[0] // SIZE[1]
    assert sheet.shape == (6 * (height + demo.CAPTION_HEIGHT), 5 * demo.TILE_WIDTH, 3)

    reference, plate, result, wanted, confidence = np.split(
        sheet[demo.CAPTION_HEIGHT :][:height].astype(int), 5, axis=1
    )
    size = (demo.TILE_WIDTH, height)
    assert np.abs(wanted - cv2.resize(truth[0], size, interpolation=cv2.INTER_AREA)).max() == 0
    assert np.abs(result - wanted).max() <= 1
    assert np.abs(reference - cv2.resize(truth[2], size, interpolation=cv2.INTER_AREA)).max() <= 1
    assert np.ptp(plate, axis=-1).max() == 0 and np.ptp(plate) > 50
    assert np.abs(confidence - 128).max() <= 1
    assert sheet[: demo.CAPTION_HEIGHT].max() > 200, "captions are drawn"


def test_a_missing_film_is_reported_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["--clip", str(tmp_path / "none.mp4"), "--output", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err
    assert "none.mp4 has 0 readable frames" in message and message.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_whole_demo_colours_a_film_better_than_grey_and_lists_its_output_files(
    film: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert demo.main(["--clip", str(film), "--output", str(output)]) == 0
    text = capfd.readouterr().out
    sheet = cv2.imread(str(output / "contact_sheet.png"))
    assert sheet is not None and str(output / "contact_sheet.png") in text
    shot = demo.DemoShot.within(output, count=demo.CLIP_FRAMES)
    measured = demo.score(shot, demo.decode(film, start=demo.CLIP_START, count=demo.CLIP_FRAMES))
    assert measured.result > measured.grey + 3
    assert f"{measured.result:.1f} dB" in text
