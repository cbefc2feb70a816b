"""Patches: references that cover a part of their frame fix what they cover, wherever it goes, and nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels, frame_bytes
from scenes import Scene, crossing

from stcolor_core.cli import main
from stcolor_core.images import plates
from stcolor_core.images.color import lab_to_linear, srgb_decode, srgb_encode
from stcolor_core.images.frame_files import write_frame
from stcolor_core.pipeline import digest
from stcolor_core.pipeline.events import Reporter
from stcolor_core.pipeline.reference_colors import ReferenceColors

MakeShot = Callable[..., ShotOnDisk]

COUNT, AT = 8, 4  # frames, and the index of the patch's frame
YELLOW = (10.0, 60.0)
OPTIONS = ("--cuts", "none", "--working-height", "112")


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    """Return a shot in which a red and a blue square pass each other; only the first frame is a keyframe."""
    return make_shot(crossing(COUNT), references=(FIRST,))


def painted(shot: ShotOnDisk, index: int = AT, *, color: tuple[float, float] = YELLOW, square: int = 0) -> np.ndarray:
    """Return linear RGB of a frame in which one square was painted over."""
    ab = shot.scene.ab[index].copy()
    ab[shot.scene.masks[index][square]] = color
    return np.asarray(lab_to_linear(np.dstack([shot.scene.lightnesses[index], ab])), np.float32)


def soft_mask(shot: ShotOnDisk, index: int = AT, *, square: int = 0) -> np.ndarray:
    """Return the mask of a square with an edge of some pixels, which lies within it."""
    inner = cv2.erode(shot.scene.masks[index][square].astype(np.uint8), np.ones((7, 7), np.uint8))
    return cv2.blur(inner.astype(np.float32), (5, 5))


def write_exr(path: Path, rgb: np.ndarray, alpha: np.ndarray | None = None) -> None:
    named = {name: (np.ascontiguousarray(rgb[..., i]), "half") for i, name in enumerate("RGB")}
    write_frame(path, named if alpha is None else {**named, "A": (np.ascontiguousarray(alpha), "half")})


def write_patch(shot: ShotOnDisk, path: Path, kind: str) -> list[str]:
    """Write a patch of the red square in one of the ways in which it may come; return the options that give it."""
    rgb, alpha = painted(shot), soft_mask(shot)
    given = ["--reference", f"{FIRST + AT}={path}"]
    if kind == "premultiplied EXR":
        write_exr(path, rgb * alpha[..., None], alpha)
    elif kind == "straight EXR":
        write_exr(path, rgb, alpha)
    elif kind == "EXR with a data window":
        write_exr(path, rgb)
        header = replace(plates.read_header(path), data_window=(55, 15, 34, 34))
        write_frame(path, {n: (rgb[15:49, 55:89, i].copy(), "half") for i, n in enumerate("RGB")}, like=header)
    elif kind == "EXR with a mask":
        write_exr(path, rgb)
        mask = path.with_suffix(".mask.png")
        cv2.imwrite(str(mask), np.rint(255 * alpha).astype(np.uint8))
        given += ["--reference-mask", f"{FIRST + AT}={mask}"]
    else:
        encoded = np.rint(65535 * srgb_encode(np.clip(rgb, 0, 1)))[..., ::-1]
        cv2.imwrite(str(path), np.dstack([encoded, 65535 * alpha]).astype(np.uint16))
    return given


def ab(shot: ShotOnDisk, frame: int) -> np.ndarray:
    layers = channels(shot.output(frame))
    return np.dstack([layers["rc_ab.u"], layers["rc_ab.v"]])


def inside(shot: ShotOnDisk, frame: int, square: int = 0) -> np.ndarray:
    return cv2.erode(shot.scene.masks[frame - FIRST][square].astype(np.uint8), np.ones((15, 15), np.uint8)) > 0


def away(shot: ShotOnDisk, frame: int, square: int = 0) -> np.ndarray:
    """Return what is clear of a square and of the ground that it has just uncovered or is about to cover."""
    return cv2.dilate(shot.scene.masks[frame - FIRST][square].astype(np.uint8), np.ones((35, 35), np.uint8)) == 0


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("premultiplied EXR", ".exr"),
        ("straight EXR", ".exr"),
        ("EXR with a data window", ".exr"),
        ("EXR with a mask", ".exr"),
        ("PNG", ".png"),
        ("TIFF", ".tif"),
    ],
)
def test_a_patch_fixes_its_object_in_both_directions_and_changes_nothing_else(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], kind: str, suffix: str
) -> None:
    assert shot.colorize(*OPTIONS) == 0
    before = {frame: channels(shot.output(frame)) for frame in shot.frames}
    whole_keyframe = frame_bytes(shot.output(FIRST))
    patch = write_patch(shot, shot.folder / f"patch{suffix}", kind)
    assert shot.colorize(*OPTIONS, *patch) == 0
    assert frame_bytes(shot.output(FIRST)).replace(b"1001,1005", b"1001") == whole_keyframe
    for frame in shot.frames[1:]:
        if frame > FIRST + 1:  # beside the whole keyframe, which says otherwise, the colours are blended
            assert np.linalg.norm(ab(shot, frame)[inside(shot, frame)] - YELLOW, axis=-1).mean() < 6, frame
        after, untouched = channels(shot.output(frame)), away(shot, frame)
        for name in ("R", "G", "B", "rc_ab.u", "rc_ab.v", "rc_conf.warp", "rc_source.ref"):
            np.testing.assert_array_equal(after[name][untouched], before[frame][name][untouched], err_msg=name)
    own = channels(shot.output(FIRST + AT))
    covered = soft_mask(shot) == 1
    if suffix == ".exr":  # the others have no room for this yellow in dark pixels
        difference = ab(shot, FIRST + AT)[covered] - YELLOW
        np.testing.assert_allclose(difference, 0 * difference, atol=0.7)
    assert (own["rc_conf.warp"][covered] == 1).all() and (own["rc_source.ref"][covered] == FIRST + AT).all()
    assert "without colour" not in capsys.readouterr().err


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


def test_soft_edges_of_premultiplied_and_straight_patches_have_the_same_colour(shot: ShotOnDisk) -> None:
    results = []
    for kind in ("premultiplied EXR", "straight EXR"):
        patch = write_patch(shot, shot.folder / f"{kind.split()[0]}.exr", kind)
        assert shot.colorize(*OPTIONS, *patch, "--only", str(FIRST + AT), "--force") == 0
        results.append(ab(shot, FIRST + AT))
    np.testing.assert_allclose(*results, atol=1.5)
    edge = (soft_mask(shot) > 0.3) & (soft_mask(shot) < 0.7)
    assert np.linalg.norm(results[0][edge] - (50, 30), axis=-1).min() > 4  # neither red as below ...
    assert np.linalg.norm(results[0][edge] - YELLOW, axis=-1).min() > 4  # ... nor all yellow


def test_patches_without_a_whole_keyframe_colour_what_they_reach_and_claim_nothing_else(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    patch = write_patch(shot, shot.folder / "patch.exr", "premultiplied EXR")
    assert shot.colorize(*OPTIONS, *patch, references=False) == 0
    warning = capsys.readouterr().err
    assert "no reference in their scene that covers the whole frame" in warning
    for frame in shot.frames:
        assert np.linalg.norm(ab(shot, frame)[inside(shot, frame)] - YELLOW, axis=-1).mean() < 6
        rest = away(shot, frame)
        assert not ab(shot, frame)[rest].any()
        assert not channels(shot.output(frame))["rc_conf.warp"][rest].any()


def test_several_patches_on_one_frame_and_a_later_one_that_says_otherwise(shot: ShotOnDisk) -> None:
    green, white = (-60.0, 60.0), (0.0, 0.0)
    given = []
    for name, index, square, color in (("a", 2, 0, YELLOW), ("b", 2, 1, green), ("c", 5, 0, white)):
        alpha = soft_mask(shot, index, square=square)
        rgb = painted(shot, index, color=color, square=square)
        write_exr(shot.folder / f"{name}.exr", rgb * alpha[..., None], alpha)
        given += ["--reference", f"{FIRST + index}={shot.folder / name}.exr"]
    assert shot.colorize(*OPTIONS, *given) == 0

    def mean(index: int, square: int) -> np.ndarray:
        return np.asarray(ab(shot, FIRST + index)[inside(shot, FIRST + index, square)].mean(axis=0))

    for index in (1, 2):
        np.testing.assert_allclose(mean(index, 0), YELLOW, atol=6)
    for index in (5, 6, 7):
        np.testing.assert_allclose(mean(index, 0), white, atol=6)
    between = mean(3, 0)[1], mean(4, 0)[1]
    assert 60 > between[0] > between[1] > 0  # from yellow to white
    for index in range(1, COUNT):
        np.testing.assert_allclose(mean(index, 1), green, atol=8)


def test_what_a_patch_costs_does_not_grow_with_the_patches_of_the_shot(
    make_shot: MakeShot, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = make_shot(crossing(20), references=(FIRST,))
    given = []
    for index in range(1, 20, 2):
        alpha = soft_mask(shot, index)
        write_exr(shot.folder / f"{index}.exr", painted(shot, index) * alpha[..., None], alpha)
        given += ["--reference", f"{FIRST + index}={shot.folder / str(index)}.exr"]
    read, visited = Counter[int](), Counter[int]()
    read_color, report_look = ReferenceColors.read, Reporter.report_look

    def count_read(self: ReferenceColors, *args: Any, **kwargs: Any) -> Any:
        read[args[1]] += 1
        return read_color(self, *args, **kwargs)

    def count_visit(self: Reporter, frame: int, *, patch: int | None = None) -> None:
        if patch is not None:
            visited[patch] += 1
        report_look(self, frame, patch=patch)

    monkeypatch.setattr(ReferenceColors, "read", count_read)
    monkeypatch.setattr(Reporter, "report_look", count_visit)
    assert shot.colorize(*OPTIONS, *given, "--memory", "0.01") == 0  # one frame at a time on any machine
    del read[FIRST]  # the whole keyframe
    assert len(read) == len(visited) == 10
    assert max(read.values()) <= 4, read  # each pass over a patch fits it once, however many others pass it
    # each reaches as far as the next ones, and the frames that are read ahead
    assert max(visited.values()) <= 12, visited


def test_a_patch_is_carried_on_once_the_frames_before_it_are_finished(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    """All patches of a span were carried all their way before its first frame was finished."""
    given = []
    for index in (2, 5):
        path, alpha = shot.folder / f"patch{index}.exr", soft_mask(shot, index)
        write_exr(path, painted(shot, index) * alpha[..., None], alpha)
        given += ["--reference", f"{FIRST + index}={path}"]
    assert shot.colorize(*OPTIONS, *given, "--json", "--memory", "0.01") == 0  # one frame at a time on any machine
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    finished = {event["frame"]: place for place, event in enumerate(events) if event["kind"] == "frame"}
    began: dict[tuple[int, bool], int] = {}
    for place, event in enumerate(events):
        if event["kind"] == "look" and event.get("patch") is not None:
            began.setdefault((event["patch"], event["frame"] > event["patch"]), place)
    assert len(finished) == COUNT and len(began) == 4
    for patch in (FIRST + 2, FIRST + 5):
        back, onward = began[patch, False], began[patch, True]
        assert back < finished[FIRST + 1] < onward  # the first frame that it may reach; and the frames after it
        assert finished[patch - 1] < onward


def test_a_patch_on_the_frame_of_a_whole_keyframe_lies_over_it(shot: ShotOnDisk) -> None:
    alpha = soft_mask(shot, 0)
    write_exr(shot.folder / "patch.exr", painted(shot, 0) * alpha[..., None], alpha)
    assert shot.colorize(*OPTIONS, "--reference", f"{FIRST}={shot.folder / 'patch.exr'}") == 0
    for frame in shot.frames:
        assert np.linalg.norm(ab(shot, frame)[inside(shot, frame)] - YELLOW, axis=-1).mean() < 6


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


def test_the_frames_of_a_patched_shot_do_not_depend_on_which_are_rendered(shot: ShotOnDisk) -> None:
    patch = write_patch(shot, shot.folder / "patch.exr", "premultiplied EXR")
    assert shot.colorize(*OPTIONS, *patch) == 0
    whole = {frame: frame_bytes(shot.output(frame)) for frame in shot.frames}
    for frame in shot.frames:
        shot.output(frame).unlink()
    for only in (f"{FIRST + 2}", f"{FIRST + AT}-{FIRST + 6}", f"{FIRST}-{FIRST + COUNT - 1}"):
        assert shot.colorize(*OPTIONS, *patch, "--only", only) == 0
    assert {frame: frame_bytes(shot.output(frame)) for frame in shot.frames} == whole


@pytest.mark.parametrize("change", ["repainted", "mask repainted", "moved", "removed", "alpha ignored"])
def test_a_changed_patch_colours_again_what_it_may_reach(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    patch = write_patch(shot, shot.folder / "patch.exr", "EXR with a mask")
    options = (*OPTIONS, "--json")
    assert shot.colorize(*options, *patch) == 0
    capsys.readouterr()
    if change == "repainted":
        write_exr(shot.folder / "patch.exr", painted(shot, color=(0.0, 0.0)))
    elif change == "mask repainted":
        mask = np.rint(255 * soft_mask(shot) * (np.arange(192) > 70)).astype(np.uint8)
        cv2.imwrite(str(shot.folder / "patch.mask.png"), mask)
    elif change == "moved":
        patch = [part.replace(f"{FIRST + AT}=", f"{FIRST + AT + 1}=") for part in patch]
    elif change == "removed":
        patch = []
    else:
        write_exr(shot.folder / "patch.exr", painted(shot), soft_mask(shot))
        patch = [*patch, "--reference-alpha", "ignore"]
    assert shot.colorize(*options, *patch) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    written = {event["frame"] for event in events if event["kind"] == "frame" and not event["kept"]}
    assert written.difference({FIRST}) == set(shot.frames[1:])
    assert (FIRST in written) == (change == "alpha ignored")  # two whole keyframes: the setting is part of each


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


def test_alpha_that_is_ignored_or_says_nothing_leaves_a_whole_keyframe(shot: ShotOnDisk) -> None:
    target = shot.folder / "key.exr"
    for alpha, options in ((np.zeros((112, 192)), ()), (soft_mask(shot), ("--reference-alpha", "ignore"))):
        write_exr(target, painted(shot), alpha.astype(np.float32))
        assert shot.colorize(*OPTIONS, "--reference", f"{FIRST + AT}={target}", *options) == 0
        assert (channels(shot.output(FIRST + AT))["rc_conf.warp"] == 1).all()


@pytest.mark.parametrize("what", ["black mask", "mask of another aspect", "mask without a reference", "no mask file"])
def test_a_mask_that_cannot_be_used_is_refused_in_one_line(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    mask = shot.folder / "mask.png"
    size = (64, 64) if what == "mask of another aspect" else (112, 192)
    if what != "no mask file":
        cv2.imwrite(str(mask), np.full(size, 0 if what == "black mask" else 99, np.uint8))
    write_exr(shot.folder / "patch.exr", painted(shot))
    frame = FIRST + AT + (what == "mask without a reference")
    given = ["--reference", f"{FIRST + AT}={shot.folder / 'patch.exr'}", "--reference-mask", f"{frame}={mask}"]
    assert shot.colorize(*OPTIONS, *given) != 0
    line = capsys.readouterr().err.splitlines()[-1]
    assert str(mask) in line
    assert not shot.written() or what == "mask of another aspect"


def test_a_mask_is_never_overwritten(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    write_exr(shot.folder / "out.1005.exr", np.ones((112, 192, 3), np.float32))
    output = ["--output", str(shot.folder / "out.####.exr")]
    mask = ["--reference-mask", f"{FIRST}={shot.folder / 'out.1005.exr'}"]
    given = ["--reference", f"{FIRST}={shot.reference(FIRST)}", *mask]
    assert main(["colorize", *shot.pictures()[:2], *output, *given]) == 2
    assert "out.1005.exr" in capsys.readouterr().err


def write_ids(shot: ShotOnDisk, index: int) -> Path:
    """Write an id picture of both squares; return its path."""
    ids = sum((i + 1) * mask for i, mask in enumerate(shot.scene.masks[index]))
    path = shot.folder / f"ids.{FIRST + index}.png"
    cv2.imwrite(str(path), np.asarray(ids, np.uint8) * 40)
    return path


def test_a_swatch_colours_one_object_of_a_matte_on_all_frames(shot: ShotOnDisk) -> None:
    matte = write_ids(shot, AT)
    given = ["--matte", f"{FIRST + AT}={matte}", "--swatch", f"{FIRST + AT}:80=#604010,#d0b060"]
    assert shot.colorize(*OPTIONS, *given) == 0
    for frame in shot.frames[2:]:
        mean = ab(shot, frame)[inside(shot, frame, 1)].mean(axis=0)
        assert mean[1] > 25 and abs(mean[0]) < 20, (frame, mean)  # ochre, where the keyframe says blue
        other = ab(shot, frame)[inside(shot, frame, 0)].mean(axis=0)
        np.testing.assert_allclose(other, (50, 30), atol=6)


@pytest.mark.parametrize(
    ("swatch", "part"),
    [
        (f"{FIRST + AT}:coat=#604010", "'coat'"),
        (f"{FIRST + AT + 1}:40=#604010", "needs a matte"),
        ("2000:40=#604010", "not on a frame of the plate"),
        (f"{FIRST + AT}:40=brown", "#rrggbb"),
        ("40=#604010", "FRAME:OBJECT"),
    ],
)
def test_a_swatch_that_cannot_be_used_is_refused_before_anything_is_written(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], swatch: str, part: str
) -> None:
    given = ["--matte", f"{FIRST + AT}={write_ids(shot, AT)}", "--swatch", swatch]
    assert shot.colorize(*OPTIONS, *given) == 2
    assert part in capsys.readouterr().err.splitlines()[-1]
    assert not shot.written()


@pytest.mark.parametrize("alpha", [0.3, 0.5, 0.7])
def test_an_alpha_that_is_the_same_everywhere_ends_in_a_result(shot: ShotOnDisk, alpha: float) -> None:
    rgb = srgb_encode(np.clip(painted(shot), 0, 1))[..., ::-1]
    whole = np.full((112, 192), 255 * alpha)
    cv2.imwrite(str(shot.folder / "patch.png"), np.rint(np.dstack([255 * rgb, whole])).astype(np.uint8))
    given = ["--reference", f"{FIRST + AT}={shot.folder / 'patch.png'}"]
    assert shot.colorize(*OPTIONS, *given, "--only", str(FIRST + AT)) == 0


def test_the_artist_is_told_which_references_are_patches(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    patch = write_patch(shot, shot.folder / "patch.exr", "EXR with a data window")
    assert shot.colorize(*OPTIONS, *patch, "--only", str(FIRST + AT)) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.endswith("; a patch, covering 5.4 % of the plate") for line in lines if "Reference" in line] == [
        False,
        True,
    ]


def test_a_patch_of_a_few_pixels_is_told_with_its_share(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    alpha = np.zeros(shot.scene.lightnesses[AT].shape, np.float32)
    alpha[40:42, 60:64] = 1
    write_exr(shot.folder / "patch.exr", painted(shot) * alpha[..., None], alpha)
    given = ["--reference", f"{FIRST + AT}={shot.folder / 'patch.exr'}", "--only", str(FIRST + AT)]
    assert shot.colorize(*OPTIONS, *given) == 0
    assert "; a patch, covering 0.04 % of the plate" in capsys.readouterr().err


def test_a_reference_of_a_plate_frame_that_is_missing_is_refused_with_the_reason(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    shot.plate(FIRST + AT).unlink()
    patch = write_patch(shot, shot.folder / "patch.exr", "straight EXR")
    assert shot.colorize(*OPTIONS, *patch, "--missing", "skip") == 2
    assert f"frame {FIRST + AT} of " in capsys.readouterr().err.splitlines()[-1]


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


@pytest.mark.parametrize("kind", ["straight EXR", "EXR with a mask"])
def test_a_grey_patch_gives_grey_for_certain_and_says_so(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    rgb, alpha = painted(shot, color=(0.0, 0.0)), soft_mask(shot)  # what is beside the mask keeps its colour
    path = shot.folder / "grey.exr"
    given = ["--reference", f"{FIRST + AT}={path}"]
    write_exr(path, rgb, alpha if kind == "straight EXR" else None)
    if kind == "EXR with a mask":
        write_frame(shot.folder / "mask.exr", {"Y": (alpha, "half")})
        given += ["--reference-mask", f"{FIRST + AT}={shot.folder / 'mask.exr'}"]
    assert shot.colorize(*OPTIONS, *given) == 0
    assert f"Reference {FIRST + AT} ({path}) has almost no colour where it counts" in (
        " ".join(capsys.readouterr().err.split())
    )
    here = inside(shot, FIRST + AT)
    assert np.abs(ab(shot, FIRST + AT)[here]).max() < 1
    assert channels(shot.output(FIRST + AT))["rc_conf.warp"][here].min() == 1
    assert np.median(np.abs(ab(shot, FIRST + AT + 1)[inside(shot, FIRST + AT + 1)])) < 5  # and carries it on
