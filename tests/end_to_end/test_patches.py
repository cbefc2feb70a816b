"""Patches: references that cover a part of their frame fix what they cover, wherever it goes, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk, channels, frame_bytes
from patched_shots import (
    AT,
    COUNT,
    OPTIONS,
    YELLOW,
    MakeShot,
    ab,
    away,
    crossing_shot,
    inside,
    painted,
    soft_mask,
    write_exr,
    write_patch,
)
from scenes import crossing

from stcolor_core.cli import main
from stcolor_core.images.color import srgb_encode
from stcolor_core.images.frame_files import write_frame
from stcolor_core.pipeline.events import Reporter
from stcolor_core.pipeline.reference_colors import ReferenceColors


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    return crossing_shot(make_shot)


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


def test_two_masks_of_one_frame_are_refused(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--reference", f"{FIRST + AT}={shot.folder / 'patch.exr'}"]
    given += ["--reference-mask", f"{FIRST + AT}=a.png", "--reference-mask", f"{FIRST + AT}=b.png"]
    assert shot.colorize(*OPTIONS, *given) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"Two masks are given for frame {FIRST + AT}: a.png and b.png. Keep one." in line


def test_a_mask_is_never_overwritten(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    write_exr(shot.folder / "out.1005.exr", np.ones((112, 192, 3), np.float32))
    output = ["--output", str(shot.folder / "out.####.exr")]
    mask = ["--reference-mask", f"{FIRST}={shot.folder / 'out.1005.exr'}"]
    given = ["--reference", f"{FIRST}={shot.reference(FIRST)}", *mask]
    assert main(["colorize", *shot.pictures()[:2], *output, *given]) == 2
    assert "out.1005.exr" in capsys.readouterr().err


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


@pytest.mark.parametrize(("alpha", "told"), [(1.0, ""), (0.5, "0.5 of 1"), (1 / 255, "0.0039 of 1")])
def test_a_patch_that_is_nowhere_opaque_is_told(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], alpha: float, told: str
) -> None:
    write_exr(shot.folder / "patch.exr", painted(shot), (soft_mask(shot) * np.float32(alpha)).astype(np.float32))
    assert shot.colorize(*OPTIONS, "--reference", f"{FIRST + AT}={shot.folder / 'patch.exr'}") == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "counts nowhere by more than" in line]
    assert len(lines) == bool(told)
    assert all(told in line and "scale its alpha" in line for line in lines)


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
