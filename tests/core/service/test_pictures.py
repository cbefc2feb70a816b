"""Pictures of known colours on disk, and the pictures that the service shows of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stcolor_core.errors import ColorError, PlateError
from stcolor_core.images import frame_files, opening, plates
from stcolor_core.images.color import lab_to_linear, srgb_decode
from stcolor_core.pipeline.run import colorize
from stcolor_core.service import pictures
from stcolor_core.service.job import Job
from stcolor_core.service.picture_cache import PictureCache
from stcolor_core.service.pictures import NoPicture, PictureKind, PictureRenderer, PictureRequest, Rendered, views_of
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference, Still
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

PREVIEWS: tuple[PictureKind, ...] = ("result", "plate", "confidence", "source")
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
    shot: Shot,
    frame: int,
    of: PictureKind,
    height: int = 180,
    pictures: PictureRenderer | None = None,
    **request: Any,
) -> np.ndarray:
    """(H, W, 3) as a browser would decode it; without a renderer, by one that keeps nothing."""

    async def render() -> Rendered:  # in a loop of its own, to which the renderer's semaphore belongs
        renderer = pictures or PictureRenderer(PictureCache(Path(shot.output.path).parent / "none", limit=0))
        return await renderer.render(job(shot), PictureRequest(frame=frame, of=of, height=height, **request))

    rendered = asyncio.run(render())
    kind = "image/png" if of in ("source", "mattes") else "image/jpeg"
    assert rendered.media_type == kind
    return cv2.imdecode(np.frombuffer(rendered.data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


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
    pictures = PictureRenderer(PictureCache(tmp_path / "cache"))
    assert is_all(picture(shot, 2, "result", pictures=pictures), ORANGE)
    write(tmp_path / "out" / "shot.0002.exr", BLUE, size=(80, 120))
    assert is_all(picture(shot, 2, "result", pictures=pictures), BLUE)


# Layers of the result, parts of a picture, views


def layers(path: Path, *, source: float = 1.0, size: tuple[int, int] = (40, 60)) -> None:
    """A result without beauty whose confidence rises to the right, and whose right half has another source."""
    columns = np.broadcast_to(np.arange(size[1], dtype=np.float32), size)
    frame_files.write_frame(
        path,
        {
            "rc_ab.u": (np.zeros(size, np.float32), "half"),
            "rc_ab.v": (np.zeros(size, np.float32), "half"),
            "rc_conf.warp": (columns / size[1], "half"),
            "rc_source.ref": (np.where(columns < size[1] / 2, source, -1).astype(np.float32), "float"),
        },
    )


def test_the_confidence_is_grey_and_the_source_names_its_keyframe_in_each_pixel(shot: Shot, tmp_path: Path) -> None:
    layers(tmp_path / "out" / "shot.0003.exr", source=1001.0)
    grey = picture(shot, 3, "confidence")
    np.testing.assert_allclose(grey[:, :, 0].mean(0), np.arange(60) / 60 * 255, atol=4)
    source = picture(shot, 3, "source", height=20).astype(int)
    number = (source[..., 0] << 16) + (source[..., 1] << 8) + source[..., 2] - 2**23
    assert (number[:, :15] == 1001).all()
    assert (source[:, 15:] == 0).all()
    with pytest.raises(NoPicture, match=r"0003\.exr has no layer rc_id\. .*--layers.*mattes"):
        picture(shot, 3, "mattes")


def test_mattes_have_a_colour_for_each_instance_and_the_same_in_each_frame(shot: Shot, tmp_path: Path) -> None:
    left, right = (np.array([value], np.uint32).view(np.float32)[0] for value in (0x3D1A2B3C, 0x4E0F1122))
    for frame, place in ((2, 20), (3, 30)):
        columns = np.broadcast_to(np.arange(60), (40, 60))
        ids = np.where(columns < place, left, right).astype(np.float32)
        covered = (columns >= 10).astype(np.float32)
        channels = {"rc_id00.R": (ids, "float"), "rc_id00.G": (covered, "float")}
        frame_files.write_frame(tmp_path / "out" / f"shot.{frame:04d}.exr", channels)  # type: ignore[arg-type]
    first, second = (picture(shot, frame, "mattes") for frame in (2, 3))
    assert not first[:, :10].any()
    assert (first[0, 15] != first[0, 40]).any()
    assert (first[0, 15] == second[0, 25]).all()
    assert (first[0, 40] == second[0, 40]).all()


def test_a_region_shows_its_pixels_and_ends_at_the_border(shot: Shot, tmp_path: Path) -> None:
    path = tmp_path / "plate.0002.exr"
    level = np.where(np.arange(60) < 30, 0.0, 1.0) * np.ones((40, 1))
    frame_files.write_frame(path, {"Y": (level.astype(np.float32), "half")})
    part = picture(shot, 2, "plate", height=100, region=(20, 0, 20, 10))
    assert part.shape == (10, 20, 3)
    assert part[:, :9].max() < 40
    assert part[:, 11:].min() > 215
    assert picture(shot, 2, "plate", height=5, region=(50, 30, 100, 100)).shape == (5, 5, 3)


def test_pixels_that_are_not_square_are_shown_in_their_shape(shot: Shot, tmp_path: Path) -> None:
    path = tmp_path / "plate.0002.exr"
    header = plates.read_header(path)
    wide = replace(header, metadata={**header.metadata, "PixelAspectRatio": 2.0})
    frame_files.write_frame(path, {"Y": (np.full((40, 60), 0.2), "half")}, like=wide)
    assert picture(shot, 2, "plate").shape == (40, 120, 3)


def test_a_view_of_the_config_is_the_default_of_a_shot_that_names_one(shot: Shot) -> None:
    config = "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"
    filmic = picture(replace(shot, ocio=config), 2, "plate").astype(int)
    assert not is_all(filmic, GREY)
    assert is_all(picture(replace(shot, ocio=config), 2, "plate", view="sRGB"), GREY)
    named = picture(shot, 2, "plate", view="sRGB - Display / ACES 1.0 - SDR Video").astype(int)
    assert np.abs(named - filmic).max() <= 1
    with pytest.raises(ColorError, match="unknown"):
        picture(shot, 2, "plate", view="Cineon / Old")


# Files that are not there


def test_a_result_with_its_own_rgb_is_shown_if_the_plate_is_offline(shot: Shot, tmp_path: Path) -> None:
    for path in tmp_path.glob("plate.*.exr"):
        path.unlink()
    assert is_all(picture(shot, 2, "result"), ORANGE)
    assert is_all(picture(shot, 2, "reference"), BLUE)
    with pytest.raises(NoPicture, match=r"no frame of .*plate\.####\.exr"):
        picture(shot, 2, "plate")
    layers(tmp_path / "out" / "shot.0003.exr")
    with pytest.raises(NoPicture, match="Make the plate available"):
        picture(shot, 3, "result")


# The cache


def test_a_frame_is_shown_from_the_moment_it_is_written_without_reading_its_file(
    shot: Shot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = PictureRenderer(PictureCache(tmp_path / "cache"))
    method = Method(working_height=64)
    made = replace(shot, method=method, output=Output(path=str(tmp_path / "made" / "shot.####.exr")))
    for result in colorize(made, device="cpu", on_written=lambda written: renderer.add_written(made, written)):
        assert result.path.exists()
    slow = {of: picture(made, 2, of, 540).astype(int) for of in PREVIEWS}
    for module in (opening, plates):
        monkeypatch.setattr(module, "open_picture", None)  # so that any reading fails
    for of in PREVIEWS:
        shown = picture(made, 2, of, 540, pictures=renderer, ready=True).astype(int)
        assert np.abs(shown - slow[of]).max() <= 4, of
    with pytest.raises(NoPicture, match="not been made yet"):
        picture(made, 2, "plate", 180, pictures=renderer, ready=True)


def test_a_preview_that_cannot_be_made_does_not_harm_the_frame(shot: Shot, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be", encoding="utf-8")
    renderer = PictureRenderer(PictureCache(tmp_path / "cache"))
    made = replace(shot, method=Method(working_height=64), output=Output(path=str(tmp_path / "made" / "shot.####.exr")))
    frames = list(colorize(made, device="cpu", on_written=lambda written: renderer.add_written(made, written)))
    assert len(frames) == 4
    assert picture(made, 2, "result", pictures=renderer).size


def test_a_picture_nobody_waits_for_is_not_rendered(shot: Shot, tmp_path: Path) -> None:
    async def gone() -> bool:
        return True

    renderer = PictureRenderer(PictureCache(tmp_path / "cache"))
    request = PictureRequest(frame=2, of="plate")
    with pytest.raises(NoPicture, match="withdrawn"):
        asyncio.run(renderer.render(job(shot), request, gone=gone))
    assert not (tmp_path / "cache").exists()


def test_the_views_of_a_config_are_listed_once_until_its_file_changes(
    shot: Shot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, listed = tmp_path / "config.ocio", []
    config.write_text("one")

    def list_views(path: str | None) -> tuple[str, ...]:
        listed.append(path)
        return (config.read_text(),)

    monkeypatch.setattr(pictures, "list_views", list_views)
    named = replace(shot, ocio=str(config))
    assert [views_of(named), views_of(named)] == [("one",)] * 2
    config.write_text("another")
    assert [views_of(named), views_of(named)] == [("another",)] * 2
    assert listed == [str(config)] * 2
