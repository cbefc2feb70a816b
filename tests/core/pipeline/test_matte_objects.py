"""The objects in the mattes of one frame: their names, and the part of the picture that each covers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.images import frame_files, plates
from stcolor_core.pipeline.matte_objects import list_objects
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Matte, Plate
from stcolor_core.shots.shot import Shot

HEIGHT, WIDTH = 40, 60


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    """Frames 5 to 7 of a plate, and mattes of 5 and 6: `coat` covers the left quarter, `hat` the upper tenth."""
    coat, hat = np.zeros((2, HEIGHT, WIDTH), np.float32)
    coat[:, : WIDTH // 4] = 1
    hat[: HEIGHT // 10] = 1
    for frame in (5, 6, 7):
        plate = {"Y": (np.full((HEIGHT, WIDTH), 0.2, np.float32), "half")}
        frame_files.write_frame(tmp_path / f"plate.{frame}.exr", plate)  # type: ignore[arg-type]
    for frame in (5, 6):
        matte = {"coat.A": (coat, "half"), "hat.A": (hat, "half")}
        frame_files.write_frame(tmp_path / f"matte.{frame}.exr", matte)  # type: ignore[arg-type]
    return Shot(
        plate=Plate(path=str(tmp_path / "plate.#.exr")),
        output=Output(path=str(tmp_path / "out.#.exr")),
        mattes=(Matte(path=str(tmp_path / "matte.#.exr")),),
    )


def test_the_objects_come_with_their_share_the_largest_first(shot: Shot) -> None:
    found = list_objects(shot, 6)
    assert [each.name for each in found] == ["coat", "hat"]
    np.testing.assert_allclose([each.share for each in found], [0.25, 0.1], atol=1e-6)


def test_a_plate_of_many_lines_gives_the_same_shares(shot: Shot, tmp_path: Path) -> None:
    large = {"Y": (np.full((HEIGHT * 20, WIDTH * 20), 0.2, np.float32), "half")}
    frame_files.write_frame(tmp_path / "plate.6.exr", large)  # type: ignore[arg-type]
    np.testing.assert_allclose([each.share for each in list_objects(shot, 6)], [0.25, 0.1], atol=0.01)


def test_the_share_is_that_of_the_picture_and_not_of_the_format(shot: Shot, tmp_path: Path) -> None:
    header = replace(plates.read_header(tmp_path / "plate.6.exr"), data_window=(0, 0, WIDTH // 2, HEIGHT))
    cropped = {"Y": (np.full((HEIGHT, WIDTH // 2), 0.2, np.float32), "half")}
    frame_files.write_frame(tmp_path / "plate.6.exr", cropped, like=header)  # type: ignore[arg-type]
    assert list_objects(shot, 6)[0].share == pytest.approx(0.5)


def test_several_mattes_of_a_frame_are_listed_together(shot: Shot, tmp_path: Path) -> None:
    roto = np.zeros((HEIGHT, WIDTH), np.uint8)
    roto[:, WIDTH // 2 :] = 255
    cv2.imwrite(str(tmp_path / "wall.png"), roto)
    both = replace(shot, mattes=(*shot.mattes, Matte(path=str(tmp_path / "wall.png"), frame=6)))
    assert [each.name for each in list_objects(both, 6)] == ["wall", "coat", "hat"]
    assert [each.name for each in list_objects(both, 5)] == ["coat", "hat"]


def test_an_object_of_a_single_pixel_is_listed(shot: Shot, tmp_path: Path) -> None:
    large = {"Y": (np.full((1200, 1800), 0.2, np.float32), "half")}
    frame_files.write_frame(tmp_path / "plate.6.exr", large)  # type: ignore[arg-type]
    dot = np.zeros((1200, 1800), np.float32)
    dot[700, 900] = 1
    matte = {"dot.A": (dot, "half"), "rest.A": (1 - dot, "half")}
    frame_files.write_frame(tmp_path / "matte.6.exr", matte)  # type: ignore[arg-type]
    assert [each.name for each in list_objects(shot, 6)] == ["rest", "dot"]


def test_more_objects_are_listed_than_tracking_follows(shot: Shot, tmp_path: Path) -> None:
    matte = {f"part{column}.A": (np.zeros((HEIGHT, WIDTH * 2), np.float32), "half") for column in range(WIDTH * 2)}
    for column, (mask, _) in enumerate(matte.values()):
        mask[:, column] = 1
    plate = {"Y": (np.full((HEIGHT, WIDTH * 2), 0.2, np.float32), "half")}
    frame_files.write_frame(tmp_path / "plate.6.exr", plate)  # type: ignore[arg-type]
    frame_files.write_frame(tmp_path / "matte.6.exr", matte)  # type: ignore[arg-type]
    assert len(list_objects(shot, 6)) == 2 * WIDTH > 64


def test_an_empty_matte_has_no_objects(shot: Shot, tmp_path: Path) -> None:
    nothing = {name: (np.zeros((HEIGHT, WIDTH), np.float32), "half") for name in ("coat.A", "hat.A")}
    frame_files.write_frame(tmp_path / "matte.6.exr", nothing)  # type: ignore[arg-type]
    assert list_objects(shot, 6) == []


def test_only_the_plate_and_the_mattes_of_the_frame_are_read(shot: Shot, tmp_path: Path) -> None:
    for name in ("plate.5.exr", "plate.7.exr", "matte.5.exr"):
        (tmp_path / name).write_bytes(b"damaged")
    assert len(list_objects(shot, 6)) == 2


def test_what_is_missing_is_named(shot: Shot, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="Frame 7 has no matte"):
        list_objects(shot, 7)
    with pytest.raises(PlateError, match=r"Frame 9 of .*plate\.#\.exr is missing"):
        list_objects(shot, 9)
    (tmp_path / "matte.6.exr").write_bytes(b"damaged")
    with pytest.raises(PlateError, match=r"matte\.6\.exr"):
        list_objects(shot, 6)
