"""Pictures of known colours on disk, and the pictures that the service shows of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from stcolor_core.errors import PlateError
from stcolor_core.images import frame_files, plates
from stcolor_core.images.color import lab_to_linear, srgb_decode
from stcolor_core.service.pictures import NoPicture, PictureKind, PictureRenderer
from stcolor_core.service.store import Job
from stcolor_core.shots.shot import Output, Plate, Reference, Shot, Still

ORANGE, BLUE, GREY = (220, 120, 40), (40, 90, 200), (119, 119, 119)


def job(shot: Shot) -> Job:
    return Job(
        id="a",
        kind="shot",
        shot=shot.to_json(),
        frame=None,
        state="running",
        done=0,
        total=0,
        looking=None,
        error=None,
        cancel=False,
        position=1,
    )


def picture(
    shot: Shot, frame: int, of: PictureKind, height: int = 180, pictures: PictureRenderer | None = None
) -> np.ndarray:
    """(H, W, 3) sRGB as a browser would decode it."""
    jpeg = asyncio.run((pictures or PictureRenderer()).jpeg(job(shot), frame=frame, of=of, height=height))
    assert jpeg.startswith(b"\xff\xd8")
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def is_all(shown: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool(np.abs(shown.astype(int) - color).max() <= 3)


def write(path: Path, color: tuple[int, int, int], *, size: tuple[int, int] = (40, 60), gain: float = 1.0) -> None:
    """A scene-linear EXR of one display colour."""
    linear = srgb_decode(np.array(color, np.float32) / 255) * np.float32(gain)
    frame_files.write_frame(
        path, {name: (np.full(size, value), "half") for name, value in zip("RGB", linear, strict=True)}
    )


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    """Frames 1 to 4 of a grey plate, an orange result of 2, a blue reference at 1 and an orange one at 4."""
    for frame in range(1, 5):
        level = float(srgb_decode(np.float32(GREY[0] / 255)))
        frame_files.write_frame(tmp_path / f"plate.{frame:04d}.exr", {"Y": (np.full((40, 60), level), "half")})
    write(tmp_path / "out" / "shot.0002.exr", ORANGE)
    write(tmp_path / "blue.exr", BLUE)
    write(tmp_path / "orange.exr", ORANGE)
    return Shot(
        plate=Plate(path=str(tmp_path / "plate.####.exr")),
        output=Output(path=str(tmp_path / "out" / "shot.####.exr")),
        references=(
            Reference(path=str(tmp_path / "blue.exr"), frame=1),
            Reference(path=str(tmp_path / "orange.exr"), frame=4),
        ),
    )


def test_a_result_its_plate_and_the_nearest_reference_are_shown_in_their_colours(shot: Shot) -> None:
    assert is_all(picture(shot, 2, "result"), ORANGE)
    assert is_all(picture(shot, 2, "plate"), GREY)
    assert is_all(picture(shot, 2, "reference"), BLUE)
    assert is_all(picture(shot, 3, "reference"), ORANGE)


def test_without_keyframes_the_still_is_the_reference(shot: Shot, tmp_path: Path) -> None:
    still = replace(shot, references=(), stills=(Still(path=str(tmp_path / "orange.exr")),))
    assert is_all(picture(still, 2, "reference"), ORANGE)
    with pytest.raises(NoPicture, match="no reference"):
        picture(replace(shot, references=()), 2, "reference")


def test_a_result_without_beauty_is_composed_with_its_plate(shot: Shot, tmp_path: Path) -> None:
    ab = {"rc_ab.u": (np.full((40, 60), 40.0), "half"), "rc_ab.v": (np.full((40, 60), -30.0), "half")}
    frame_files.write_frame(tmp_path / "out" / "shot.0003.exr", ab)  # type: ignore[arg-type]
    shown = picture(shot, 3, "result").astype(np.float32) / 255
    wanted = lab_to_linear(np.array([[[50.0, 40.0, -30.0]]], np.float32))
    np.testing.assert_allclose(srgb_decode(shown).mean((0, 1)), wanted[0, 0], atol=0.015)


def test_a_plate_is_shown_in_its_own_space_and_exposure(shot: Shot, tmp_path: Path) -> None:
    encoded = replace(shot.plate, colorspace="sRGB - Texture")  # the level in the file is a code value now
    level = round(255 * float(srgb_decode(np.float32(GREY[0] / 255))))
    assert is_all(picture(replace(shot, plate=encoded), 2, "plate"), (level,) * 3)
    dark = tmp_path / "plate.0002.exr"
    write(dark, GREY, gain=0.25)
    assert is_all(picture(replace(shot, plate=replace(shot.plate, exposure=2.0)), 2, "plate"), GREY)


def test_a_result_has_the_encoding_of_its_plate(shot: Shot, tmp_path: Path) -> None:
    for frame in (1, 2, 3, 4):
        cv2.imwrite(str(tmp_path / f"scan.{frame:04d}.png"), np.full((40, 60), 119, np.uint8))
    code = np.array(ORANGE, np.float32) / 255
    frame_files.write_frame(
        tmp_path / "out" / "shot.0003.exr",
        {name: (np.full((40, 60), value), "half") for name, value in zip("RGB", code, strict=True)},
    )
    assert is_all(picture(replace(shot, plate=Plate(path=str(tmp_path / "scan.####.png"))), 3, "result"), ORANGE)


@pytest.mark.parametrize(("height", "shape"), [(16, (16, 24)), (40, (40, 60)), (360, (40, 60))])
def test_a_picture_is_reduced_but_never_enlarged(shot: Shot, height: int, shape: tuple[int, int]) -> None:
    assert picture(shot, 2, "plate", height).shape[:2] == shape


def test_values_outside_the_display_range_are_clipped_and_a_data_window_keeps_its_place(
    shot: Shot, tmp_path: Path
) -> None:
    path = tmp_path / "plate.0002.exr"
    header = plates.read_header(path)
    inside = replace(header, data_window=(20, 10, 20, 20))
    frame_files.write_frame(path, {"Y": (np.full((20, 20), 50.0), "half")}, like=inside)
    shown = picture(shot, 2, "plate")
    assert shown.shape == (40, 60, 3)
    assert shown[14:26, 24:36].min() > 250
    assert shown[:8].max() < 5
    assert shown[:, 44:].max() < 5


def test_a_picture_that_does_not_exist_yet_is_reported_as_missing(shot: Shot) -> None:
    with pytest.raises(NoPicture, match="not there yet"):
        picture(shot, 3, "result")
    for of in ("result", "plate"):
        with pytest.raises(NoPicture, match=r"Frame \d+ .*\.exr"):
            picture(shot, 9, of)  # type: ignore[arg-type]


def test_a_plate_with_a_missing_frame_still_shows_the_others(shot: Shot, tmp_path: Path) -> None:
    (tmp_path / "plate.0003.exr").unlink()
    assert is_all(picture(shot, 2, "plate"), GREY)
    with pytest.raises(NoPicture):
        picture(shot, 3, "plate")


def test_a_truncated_picture_is_named(shot: Shot, tmp_path: Path) -> None:
    path = tmp_path / "out" / "shot.0002.exr"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PlateError, match=r"shot\.0002\.exr is truncated"):
        picture(shot, 2, "result")


def test_a_frame_that_was_written_again_is_reloaded(shot: Shot, tmp_path: Path) -> None:
    pictures = PictureRenderer()
    assert is_all(picture(shot, 2, "result", pictures=pictures), ORANGE)
    write(tmp_path / "out" / "shot.0002.exr", BLUE, size=(80, 120))
    assert is_all(picture(shot, 2, "result", pictures=pictures), BLUE)
