"""Patches are put into the plate's light and in their place, without compression, and the artist is told."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels
from patched_shots import (
    AT,
    COUNT,
    OPTIONS,
    MakeShot,
    ab,
    crossing_shot,
    inside,
    painted,
    soft_mask,
    write_exr,
    write_patch,
)
from scenes import Scene, crossing

from stcolor_core.images.color import lab_to_linear, srgb_decode, srgb_encode
from stcolor_core.pipeline import digest


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    return crossing_shot(make_shot)


def test_a_patch_that_was_compressed_is_cleaned_and_the_artist_is_told(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    pale = np.dstack([shot.scene.lightnesses[AT], shot.scene.ab[AT] / 2])  # JPEG has no room for the scene's own
    codes = np.rint(255 * srgb_encode(np.clip(lab_to_linear(pale), 0, 1))[..., ::-1]).astype(np.uint8)
    coded = cv2.imencode(".jpg", codes, [cv2.IMWRITE_JPEG_QUALITY, 50])[1]
    rgb = srgb_decode(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32) / 255)
    covered = np.zeros(shot.scene.lightnesses[AT].shape, np.float32)
    covered[:, 60:] = 1
    write_exr(shot.folder / "patch.exr", rgb * covered[..., None], covered)
    patch = ("--reference", f"{FIRST + AT}={shot.folder / 'patch.exr'}", "--only", str(FIRST + AT), "--force")
    errors = {}
    for register in ("off", "auto"):
        assert shot.colorize(*OPTIONS, *patch, "--register", register) == 0
        errors[register] = np.square(ab(shot, FIRST + AT) - pale[..., 1:])[covered > 0].mean()
        told = f"Reference {FIRST + AT} ({shot.folder / 'patch.exr'}): its compression or grain cleaned."
        assert (told in capsys.readouterr().err) == (register == "auto")
    assert errors["auto"] < 0.95 * errors["off"]


@pytest.mark.parametrize("hardness", ["hard", "soft"])
def test_a_patch_painted_over_hsl_lightness_gets_the_plates_and_the_artist_is_told(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], hardness: str
) -> None:
    pale = np.dstack([shot.scene.lightnesses[AT], shot.scene.ab[AT] / 2]).astype(np.float32)  # within the code values
    codes = np.clip(srgb_encode(lab_to_linear(pale)), 0, 1)
    grey = srgb_encode(lab_to_linear(pale * np.float32([1, 0, 0])))
    light = (codes.max(-1, keepdims=True) + codes.min(-1, keepdims=True)) / 2
    color = (codes - light) / np.maximum(np.minimum(light, 1 - light), 1e-4)
    rgb = srgb_decode(np.clip(grey + color * np.minimum(grey, 1 - grey), 0, 1)).astype(np.float32)
    covered = np.zeros(shot.scene.lightnesses[AT].shape, np.float32)
    covered[:, 60:] = 1
    if hardness == "soft":
        covered = cv2.blur(covered, (9, 9))
    write_exr(shot.folder / "patch.exr", rgb * covered[..., None], covered)
    patch = ("--reference", f"{FIRST + AT}={shot.folder / 'patch.exr'}", "--only", str(FIRST + AT), "--force")
    errors = {}
    for register in ("off", "auto"):
        assert shot.colorize(*OPTIONS, *patch, "--register", register) == 0
        errors[register] = np.abs(ab(shot, FIRST + AT) - pale[..., 1:])[covered == 1].mean()
        told = (
            f"Reference {FIRST + AT} ({shot.folder / 'patch.exr'}): painted over HSL lightness and put on the plate's"
        )
        assert (told in capsys.readouterr().err) == (register == "auto")
    assert errors["auto"] < 0.3 * errors["off"]


def test_a_patch_in_another_gamma_is_put_in_the_plates_tone_and_that_is_told(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    rgb, alpha = painted(shot, color=(15.0, 30.0)), soft_mask(shot)
    darker = srgb_decode(np.clip(srgb_encode(np.clip(rgb, 0, 1)), 0, 1) ** np.float32(1.6))
    found = {}
    for name, picture in (("right", rgb), ("darker", darker)):
        write_exr(shot.folder / f"{name}.exr", picture * alpha[..., None], alpha)
        assert shot.colorize(*OPTIONS, "--reference", f"{FIRST + AT}={shot.folder / name}.exr") == 0
        found[name] = ab(shot, FIRST + AT)[inside(shot, FIRST + AT)]
        told = "tone curve matched" in capsys.readouterr().err
        assert told == (name == "darker")
    assert np.linalg.norm(found["darker"] - found["right"], axis=-1).mean() < 3


def test_patches_alone_are_fitted_anew_when_fitting_changes(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    patch = write_patch(shot, shot.folder / "patch.exr", "EXR with a mask")
    written = []
    for version in (digest._REGISTRATION, digest._REGISTRATION, -1):
        monkeypatch.setattr(digest, "_REGISTRATION", version)
        assert shot.colorize(*OPTIONS, "--json", *patch, "--only", str(FIRST + AT), references=False) == 0
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        written.append([event["frame"] for event in events if event["kind"] == "frame" and not event["kept"]])
    assert written == [[FIRST + AT], [], [FIRST + AT]]


def test_a_patch_that_is_some_pixels_off_is_moved_to_its_place_and_the_artist_is_told(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    rgb, alpha, path = painted(shot), soft_mask(shot), shot.folder / "patch.exr"
    write_exr(path, rgb * alpha[..., None], alpha)
    given = ["--reference", f"{FIRST + AT}={path}"]
    assert shot.colorize(*OPTIONS, *given) == 0
    exact = ab(shot, FIRST + AT)
    assert "to fit" not in capsys.readouterr().err
    move = np.array([[1, 0, 3.0], [0, 1, -2.0]])
    rgb, alpha = (cv2.warpAffine(plane, move, plane.shape[1::-1]) for plane in (rgb * alpha[..., None], alpha))
    write_exr(path, rgb, alpha)
    assert shot.colorize(*OPTIONS, *given, "--register", "off") == 0
    as_it_came = np.abs(ab(shot, FIRST + AT) - exact).mean()
    assert shot.colorize(*OPTIONS, *given) == 0
    assert f"Reference {FIRST + AT} ({path}): moved by 3.6 px to fit." in capsys.readouterr().err
    assert np.abs(ab(shot, FIRST + AT) - exact).mean() < 0.4 * as_it_came


def even(shot_scene: Scene) -> Scene:
    """Return a scene whose squares are even but for a soft shade."""
    for lightness, masks in zip(shot_scene.lightnesses, shot_scene.masks, strict=True):
        for mask in masks:
            lightness[mask] = 62 + np.tile(np.linspace(-1.5, 1.5, 40, dtype=np.float32), 40)
    return shot_scene


@pytest.mark.parametrize("kind", ["premultiplied", "straight", "PNG"])
@pytest.mark.parametrize("hardness", ["hard", "soft"])
def test_a_cut_out_of_an_even_object_is_moved_onto_it(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], kind: str, hardness: str
) -> None:
    shot = make_shot(even(crossing(COUNT)), references=(FIRST,))
    mask = shot.scene.masks[AT][0].astype(np.float32)
    move = np.array([[1, 0, 4.0], [0, 1, -3.0]])
    rgb, alpha = painted(shot, color=(0.0, 40.0)), mask if hardness == "hard" else cv2.GaussianBlur(mask, (0, 0), 1)
    rgb, alpha = (cv2.warpAffine(plane, move, plane.shape[1::-1]) for plane in (rgb, alpha))
    path = shot.folder / ("patch.png" if kind == "PNG" else "patch.exr")
    if kind == "PNG":
        encoded = np.rint(65535 * srgb_encode(np.clip(rgb, 0, 1)))[..., ::-1]
        cv2.imwrite(str(path), np.dstack([encoded, 65535 * alpha]).astype(np.uint16))
    else:
        write_exr(path, rgb * alpha[..., None] if kind == "premultiplied" else rgb, alpha)
    patch = ("--reference", f"{FIRST + AT}={path}", "--only", str(FIRST + AT), "--force")
    apart = {}
    for register in ("off", "auto"):
        assert shot.colorize(*OPTIONS, *patch, "--register", register) == 0
        right = np.linalg.norm(ab(shot, FIRST + AT) - (0, 40), axis=-1) < 6
        object_, beside = mask > 0, (cv2.dilate(mask, np.ones((13, 13), np.uint8)) > 0) & (mask == 0)
        apart[register] = float((object_ & ~right).mean() + (beside & right).mean())
        moves = re.findall(r"moved by (\S+) px to fit", " ".join(capsys.readouterr().err.split()))
        assert [float(by) for by in moves] == ([pytest.approx(5, abs=0.7)] if register == "auto" else [])
    assert apart["auto"] < 0.3 * apart["off"]


def test_paint_that_hangs_over_an_even_object_counts_less_there_and_the_artist_is_told(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot(even(crossing(COUNT)), references=(FIRST,))
    mask = shot.scene.masks[AT][0]
    stroke = cv2.erode(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(np.float32)
    stroke = cv2.warpAffine(stroke, np.array([[1.0, 0, 9], [0, 1, 0]]), stroke.shape[::-1])
    flat = np.full((*mask.shape, 3), (62, 0, 40), np.float32)
    write_exr(shot.folder / "patch.exr", np.asarray(lab_to_linear(flat), np.float32), stroke)
    patch = ("--reference", f"{FIRST + AT}={shot.folder / 'patch.exr'}", "--only", str(FIRST + AT), "--force")
    over, within = (stroke == 1) & ~mask, (stroke == 1) & (cv2.erode(mask.astype(np.uint8), np.ones((7, 7))) > 0)
    for register in ("off", "auto"):
        assert shot.colorize(*OPTIONS, *patch, "--register", register) == 0
        told = "may lie beside what it shows; it is not moved, but counts less where it hangs over"
        assert (told in " ".join(capsys.readouterr().err.split())) == (register == "auto")
        confidence = channels(shot.output(FIRST + AT))["rc_conf.warp"]
        assert (confidence[within] == 1).all()
        assert confidence[over].mean() == pytest.approx(1 if register == "off" else 0.6, abs=0.05)


@pytest.mark.parametrize(
    ("kind", "told", "certainty"),
    [
        ("in another tone", "", 1.0),
        ("elsewhere", "shows what lies elsewhere in the plate, and counts less", 0.4),
        ("strokes", "shows something else than the plate there", 1.0),
    ],
)
def test_a_patch_that_shows_something_else_is_told_and_one_in_a_wrong_place_counts_less(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], kind: str, told: str, certainty: float
) -> None:
    mask = np.zeros((112, 192), np.float32)
    mask[20:90, 20:100] = 1
    rgb = np.maximum(painted(shot), 0) ** np.float32(1.4)
    if kind == "elsewhere":  # far from where it is looked for
        rgb = np.roll(rgb, -90, axis=1)
    if kind == "strokes":
        grain = cv2.GaussianBlur(np.random.RandomState(0).normal(0, 1, mask.shape).astype(np.float32), (0, 0), 3)
        rgb = rgb.mean(axis=(0, 1)) * (1 + 2 * grain[..., None]).clip(0.2)
    write_exr(shot.folder / "patch.exr", np.asarray(rgb, np.float32), mask)
    patch = ("--reference", f"{FIRST + AT}={shot.folder / 'patch.exr'}", "--only", str(FIRST + AT))
    assert shot.colorize(*OPTIONS, *patch) == 0
    printed = " ".join(capsys.readouterr().err.split())
    assert [line in printed for line in ("lies elsewhere", "shows something else")] == [
        kind == "elsewhere",
        kind == "strokes",
    ]
    assert told in printed
    confidence = channels(shot.output(FIRST + AT))["rc_conf.warp"][mask == 1]
    assert confidence.mean() == pytest.approx(certainty, abs=0.02)
