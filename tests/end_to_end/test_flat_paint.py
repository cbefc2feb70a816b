"""Flat paint, in patches and in whole keyframes: it follows the plate, within the gamut, where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels
from scenes import crossing

from stcolor_core.images.color import lab_to_srgb, linear_to_lab, srgb_decode

MakeShot = Callable[..., ShotOnDisk]

COUNT, AT = 8, 4  # frames, and the index of the painted one
OPTIONS = ("--cuts", "none", "--working-height", "112")


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    """Return a shot in which a red and a blue square pass each other; only the first frame is a keyframe."""
    return make_shot(crossing(COUNT), references=(FIRST,))


def test_flat_paint_on_a_dark_object_keeps_its_hue_within_the_gamut(
    shot: ShotOnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was given an absolute chroma that no dark colour has, and was seen as another hue."""
    mask, path = shot.scene.masks[AT][0], tmp_path / "flat.png"
    yellow = np.array([0x20, 0xD0, 0xF0], np.uint8)
    cv2.imwrite(str(path), np.dstack([np.broadcast_to(yellow, (*mask.shape, 3)), 255 * mask.astype(np.uint8)]))
    assert shot.colorize(*OPTIONS, "--only", str(FIRST + AT), "--reference", f"{FIRST + AT}={path}") == 0
    assert "painted in flat colours, which follow the plate's lightness" in capsys.readouterr().err
    values = channels(shot.output(FIRST + AT))
    rgb = np.dstack([values[name] for name in "RGB"])[mask]
    assert rgb.min() > -2e-3
    lab, wanted = linear_to_lab(rgb), linear_to_lab(srgb_decode(yellow[::-1] / 255))
    np.testing.assert_allclose(np.arctan2(lab[:, 2], lab[:, 1]), np.arctan2(wanted[2], wanted[1]), atol=0.05)


@pytest.mark.parametrize("lines", ["112", "64"])
@pytest.mark.parametrize("name", ["patch.png", "whole.png", "whole.jpg"])
def test_flat_paint_stays_within_the_gamut_on_the_frames_that_it_is_carried_to(
    make_shot: MakeShot, tmp_path: Path, lines: str, name: str
) -> None:
    """What was neon on a light part lies on a darker one some frames on, as light and its track change."""
    scene = crossing(COUNT)
    fading = [
        light * np.linspace(1, 0.55, light.shape[1]) ** (index - AT) for index, light in enumerate(scene.lightnesses)
    ]
    shot = make_shot(replace(scene, lightnesses=[np.clip(light, 2, 94).astype(np.float32) for light in fading]))
    pink = np.array([0xCC, 0x00, 0xFA], np.uint8)
    mask, path = shot.scene.masks[AT][0], tmp_path / name
    true = lab_to_srgb(np.dstack([shot.scene.lightnesses[AT], shot.scene.ab[AT]]))[..., ::-1]
    alpha = 255 * mask if name.startswith("patch") else np.full(mask.shape, 255)
    paint = np.where(mask[..., None], pink, np.rint(255 * true)).astype(np.uint8)
    picture = paint if name.endswith("jpg") else np.dstack([paint, alpha.astype(np.uint8)])
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 75])
    options = "--cuts", "none", "--working-height", lines, "--reference", f"{FIRST + AT}={path}"
    last = FIRST + COUNT - 2  # then comes a true keyframe
    assert shot.colorize(*options, "--only", f"{FIRST + AT}-{last}") == 0
    for frame in range(FIRST + AT, last + 1):
        values = channels(shot.output(frame))
        rgb = np.dstack([values[name] for name in "RGB"])
        of_paint = (values["rc_source.ref"] == FIRST + AT) & (values["rc_ab.u"] > 20)
        assert of_paint.sum() > 50
        assert rgb[of_paint].min() > -2e-3, frame


@pytest.mark.parametrize("color", ["#e03090", "#00ff00", "#ff00cc"])
def test_flat_paint_some_pixels_beside_its_object_is_moved_onto_it_and_the_artist_is_told(
    shot: ShotOnDisk, tmp_path: Path, capsys: pytest.CaptureFixture[str], color: str
) -> None:
    mask, path = shot.scene.masks[AT][0], tmp_path / "flat.png"
    beside = np.roll(mask, (2, 3), axis=(0, 1))
    own = np.array([int(color[at : at + 2], 16) for at in (5, 3, 1)], np.uint8)
    paint = np.broadcast_to(own, (*mask.shape, 3))
    for cover, told in ((mask, False), (beside, True)):
        cv2.imwrite(str(path), np.dstack([paint, 255 * cover.astype(np.uint8)]))
        assert shot.colorize(*OPTIONS, "--only", str(FIRST + AT), "--reference", f"{FIRST + AT}={path}") == 0
        assert ("to fit the edges of what it covers" in capsys.readouterr().err) == told
        written = channels(shot.output(FIRST + AT))
        of_patch = written["rc_source.ref"] == FIRST + AT
        assert (of_patch != mask).sum() <= 8
        rgb = np.dstack([written[name] for name in "RGB"])[of_patch]
        assert rgb.min() > -4e-3 and rgb.max() < 1.1


@pytest.mark.parametrize("color", ["#ff10cc", "#20e040"])
def test_flat_paint_of_another_frame_is_judged_by_the_lightness_of_the_frame_that_it_shows(
    make_shot: MakeShot, tmp_path: Path, capsys: pytest.CaptureFixture[str], color: str
) -> None:
    """One object is painted flat, and the other one tells which frame that is; the numbered frame is lighter."""
    scene, shown = crossing(COUNT), AT + 2
    fading = [np.clip(light * 0.97 ** (index - AT), 2, 94) for index, light in enumerate(scene.lightnesses)]
    shot = make_shot(replace(scene, lightnesses=[np.asarray(light, np.float32) for light in fading]), references=())
    picture = lab_to_srgb(np.dstack([shot.scene.lightnesses[shown], shot.scene.ab[shown]]))
    picture[shot.scene.masks[shown][0]] = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    path = tmp_path / "whole.png"
    cv2.imwrite(str(path), np.rint(255 * np.clip(picture[..., ::-1], 0, 1)).astype(np.uint8))
    options = *OPTIONS, "--only", f"{FIRST + AT}-{FIRST + COUNT - 1}", "--reference", f"{FIRST + AT}={path}"
    assert shot.colorize(*options, references=False) == 0
    assert f"painted in flat colours, which follow the plate's lightness; looks like frame {FIRST + shown}" in (
        capsys.readouterr().err
    )
    for frame in range(FIRST + AT, FIRST + COUNT):
        values = channels(shot.output(frame))
        assert (np.hypot(values["rc_ab.u"], values["rc_ab.v"]) > 20).mean() > 0.5
        assert np.dstack([values[name] for name in "RGB"]).min() > -2e-3, frame
