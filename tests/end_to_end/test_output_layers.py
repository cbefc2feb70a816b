"""`--layers` and `--compression`: what is written, what is kept, and what is written again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import numpy as np
import pytest
from conftest import ShotOnDisk, channels

from stcolor_core.images import frame_files, plates

MakeShot = Callable[..., ShotOnDisk]
ALL = {"R", "G", "B", "rc_ab.u", "rc_ab.v", "rc_conf.warp", "rc_conf.track", "rc_st.u", "rc_st.v", "rc_source.ref"}


def made(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], *options: str) -> list[int]:
    """Return the frames that a run writes."""
    capsys.readouterr()
    assert shot.colorize("--json", *options) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return sorted(event["frame"] for event in events if event["kind"] == "frame" and not event["kept"])


def test_only_the_layers_that_are_asked_for_are_written_and_their_pixels_stay_the_same(make_shot: MakeShot) -> None:
    shot = make_shot()
    assert shot.colorize() == 0
    before = {frame: channels(shot.output(frame)) for frame in shot.frames}
    assert set(before[1003]) == ALL
    assert shot.colorize("--force", "--layers", "rgb,rc_st") == 0
    for frame in shot.frames:
        after = channels(shot.output(frame))
        assert set(after) == {"R", "G", "B", "rc_st.u", "rc_st.v"}
        for name, values in after.items():
            np.testing.assert_array_equal(values, before[frame][name], err_msg=name)


def test_a_frame_with_more_layers_is_complete_and_one_with_fewer_is_not(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    assert made(shot, capsys, "--layers", "rgb,rc_conf") == list(shot.frames)
    assert made(shot, capsys, "--layers", "rgb") == []
    assert made(shot, capsys, "--layers", "rc_conf", "--no-beauty") == []
    assert made(shot, capsys, "--layers", "rgb,rc_ab") == list(shot.frames)
    assert made(shot, capsys) == list(shot.frames)
    assert made(shot, capsys, "--no-beauty") == []
    assert set(channels(shot.output(1003))) == ALL


def test_a_frame_of_fewer_layers_that_was_painted_over_is_kept(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    assert shot.colorize("--layers", "rgb") == 0
    picture = plates.read(shot.output(1003))
    painted = {name: (picture.pixels[..., i] * 2, "half") for i, name in enumerate(picture.channels)}
    stale = {name: str(picture.metadata[name]) for name in ("stcolor/settings", "stcolor/pixels", "stcolor/layers")}
    written = plates.read(shot.output(1003)).metadata["stcolor/pixels"]
    frame_files.write_frame(shot.output(1003), painted, metadata=stale)  # type: ignore[arg-type]
    data = shot.output(1003).read_bytes()
    new = str(plates.read_header(shot.output(1003)).metadata["stcolor/pixels"])
    shot.output(1003).write_bytes(data.replace(new.encode(), str(written).encode()))
    assert 1003 not in made(shot, capsys)


@pytest.mark.parametrize("compression", ["none", "zip", "piz"])
def test_a_lossless_compression_keeps_every_pixel_and_every_frame(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], compression: str
) -> None:
    shot = make_shot()
    assert shot.colorize() == 0
    before = frame_files.pixel_hash(shot.output(1003))
    assert made(shot, capsys, "--compression", compression) == []
    assert shot.colorize("--force", "--compression", compression) == 0
    assert plates.read_header(shot.output(1003)).metadata["compression"] == compression
    assert frame_files.pixel_hash(shot.output(1003)) == before
    assert made(shot, capsys) == []


def test_a_lossy_compression_touches_the_picture_alone_and_is_recognised_by_its_own_pixels(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = make_shot()
    lossy = ("--layers", "rgb,rc_ab,rc_conf,rc_st,rc_source", "--compression", "dwab")
    assert shot.colorize() == 0
    before = channels(shot.output(1003))
    assert made(shot, capsys, *lossy) == list(shot.frames)
    after = channels(shot.output(1003))
    for name, values in after.items():
        if name in "RGB":
            assert 0 < np.abs(values - before[name]).max() < 0.05
        else:
            np.testing.assert_array_equal(values, before[name], err_msg=name)
    for frame in shot.frames:  # a copy loses the time by which an untouched frame is known
        shutil.copyfile(shot.output(frame), shot.folder / "copy.exr")
        (shot.folder / "copy.exr").replace(shot.output(frame))
        assert frame_files.is_unmodified(shot.output(frame)) is True
    assert made(shot, capsys, *lossy) == []
    assert made(shot, capsys, "--layers", "rgb") == list(shot.frames)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--layers", "rgb,depth"), ("depth", "rc_ab")),
        (("--layers", "rgb", "--no-beauty"), ("--layers",)),
        (("--compression", "dwaa"), ("dwaa", "rc_id", "--layers")),
    ],
)
def test_layers_that_cannot_be_written_are_refused_in_one_line(
    make_shot: MakeShot, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], named: tuple[str, ...]
) -> None:
    shot = make_shot()
    capsys.readouterr()
    assert shot.colorize(*options) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert all(name in line for name in named), line
    assert shot.written() == []


def test_frames_without_a_layer_are_not_reused(make_shot: MakeShot, capsys: pytest.CaptureFixture[str]) -> None:
    shot = make_shot()
    assert shot.colorize("--layers", "rgb") == 0
    (shot.folder / "out").rename(shot.folder / "earlier")
    earlier = ("--reuse", str(shot.folder / "earlier/shot.####.exr"))
    assert made(shot, capsys, *earlier, "--layers", "rgb") == []
    shutil.rmtree(shot.folder / "out")
    assert made(shot, capsys, *earlier) == list(shot.frames)
