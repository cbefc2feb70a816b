"""Existing results are kept: a change renders only the frames that it affects, a stop only the missing ones."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

import pytest
from conftest import FIRST, ShotOnDisk, write_reference
from scenes import pan

from stcolor_core.errors import Cancelled
from stcolor_core.images import frame_files, plates
from stcolor_core.pipeline.events import Event
from stcolor_core.pipeline.run import colorize
from stcolor_core.shots.shot import Shot

MakeShot = Callable[..., ShotOnDisk]
KEYS = (1001, 1004, 1007, 1010, 1013)
OPTIONS = ("--cuts", "none", "--register", "off")


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    """A coloured shot of 13 frames with five keyframes, which are not compared with the frames of other spans."""
    shot = make_shot(pan(13, height=64, width=96, step=2), references=KEYS)
    assert shot.colorize(*OPTIONS) == 0
    return shot


def made_and_looked_at(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[list[int], list[int]]:
    """Return the frames that another run computes, and those that it tracks.

    Those that it looks at afterwards, to suggest the next keyframe, do not count.
    """
    capsys.readouterr()
    assert shot.colorize(*OPTIONS, "--json", *options) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    end = max(index for index, event in enumerate(events) if event["kind"] == "frame")
    events = events[: end + 1]
    made = [event["frame"] for event in events if event["kind"] == "frame" and not event["kept"]]
    assert len(made) == len(set(made))
    return sorted(made), sorted({event["frame"] for event in events if event["kind"] == "look"})


def color_again(shot: ShotOnDisk, frame: int) -> None:
    place = frame - FIRST
    write_reference(shot.reference(frame), shot.scene.lightnesses[place], -shot.scene.ab[place])


def touch_plates(shot: ShotOnDisk) -> None:
    for frame in shot.frames:
        path = shot.plate(frame)
        path.write_bytes(path.read_bytes())  # as a backup restores it
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 10**9))


def test_plates_that_were_restored_with_a_new_time_keep_their_frames(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    touch_plates(shot)
    shot.output(1005).unlink()
    assert made_and_looked_at(shot, capsys)[0] == [1005]
    touch_plates(shot)
    assert made_and_looked_at(shot, capsys)[0] == []
    earlier, new = shot.folder / "out" / "shot.####.exr", shot.folder / "b.####.exr"
    assert made_and_looked_at(shot, capsys, "--output", str(new), "--reuse", str(earlier))[0] == []


def test_of_restored_plates_one_with_other_content_renders_its_span_again(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    touch_plates(shot)
    content = bytearray(shot.plate(1005).read_bytes())
    content[-1] ^= 1
    shot.plate(1005).write_bytes(content)
    assert made_and_looked_at(shot, capsys)[0] == [1005, 1006]


def test_changing_one_of_five_keyframes_renders_two_spans_again(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    color_again(shot, 1007)
    made, looked_at = made_and_looked_at(shot, capsys)
    assert made == [1005, 1006, 1007, 1008, 1009]
    assert looked_at == [1004, 1005, 1006, 1007, 1008, 1009, 1010]


def test_adding_a_keyframe_renders_the_span_around_it_again(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    color_again(shot, 1012)
    made, looked_at = made_and_looked_at(shot, capsys)
    assert made == [1011, 1012]
    assert looked_at == [1010, 1011, 1012]


def test_removing_a_keyframe_renders_the_frames_that_it_coloured_again(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    shot.reference(1004).unlink()
    made, looked_at = made_and_looked_at(shot, capsys)
    assert made == [1002, 1003, 1004, 1005, 1006]
    assert looked_at == [1001, 1002, 1003, 1004, 1005, 1006, 1007]


def test_a_new_plate_frame_renders_its_span_again(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    picture = plates.read(shot.plate(1009))
    frame_files.write_frame(shot.plate(1009), {"Y": (picture.pixels[..., 0] / 2, "half")})
    made, _ = made_and_looked_at(shot, capsys)
    assert made == [1008, 1009]


def test_requested_frames_that_exist_are_not_rendered_again(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    for frame in (1005, 1008, 1009):
        shot.output(frame).unlink()
    made, looked_at = made_and_looked_at(shot, capsys, "--only", "1002-1008")
    assert made == [1005, 1008]
    # from 1004, and back from 1007 to 1005; from 1007 to 1008, and back to 1008 from 1010
    assert looked_at == [1004, 1005, 1006, 1007, 1008, 1009, 1010]
    assert not shot.output(1009).exists()


def files(paths: Iterable[Path]) -> dict[str, tuple[int, int]]:
    """Return values that change when a file is written again."""
    return {path.name: ((status := path.stat()).st_ino, status.st_mtime_ns) for path in paths}


@pytest.mark.slow
@pytest.mark.parametrize("references", [(FIRST,), (FIRST, FIRST + 4)], ids=["one way", "between"])
def test_a_run_stopped_at_any_check_loses_nothing_and_repeats_nothing(
    make_shot: MakeShot, references: tuple[int, ...]
) -> None:
    shot = make_shot(pan(5, height=64, width=96, step=2), references=references)
    wish = shot.folder / "shot.json"
    assert shot.colorize(*OPTIONS, "--write-shot", str(wish)) == 0
    asked_for = Shot.load(wish)
    for stop in count():
        for path in shot.written():
            path.unlink()
        asked, announced, ended = count(), [], False
        try:
            for result in colorize(
                asked_for, device="cpu", cancelled=lambda asked=asked, stop=stop: next(asked) >= stop
            ):
                announced.append(result.frame)
            ended = True
        except Cancelled as error:
            assert f"after {len(shot.written())} of {len(shot.frames)} frames" in str(error)
        there = files(shot.written())
        assert set(there) == {shot.output(frame).name for frame in announced}
        assert all(plates.is_complete(path) for path in shot.written())
        kept = {result.path.name for result in colorize(asked_for, device="cpu") if result.kept}
        assert kept == set(there)
        after = files(shot.written())
        assert set(after) == {shot.output(frame).name for frame in shot.frames}
        assert there == {name: after[name] for name in there}
        if ended:
            break
    assert stop > len(shot.frames)


def test_a_cancelled_run_counts_the_frames_that_were_there_before(shot: ShotOnDisk) -> None:
    wish = shot.folder / "shot.json"
    assert shot.colorize(*OPTIONS, "--write-shot", str(wish)) == 0
    for frame in (1002, 1003):
        shot.output(frame).unlink()
    events: list[Event] = []
    with pytest.raises(Cancelled, match=r"Cancelled after 11 of 13 frames"):
        list(
            colorize(
                Shot.load(wish),
                device="cpu",
                report=events.append,
                cancelled=lambda: any(event.kind == "look" for event in events),
            )
        )
    assert len(shot.written()) == 11
    assert [event.done for event in events if event.kind == "frame"] == list(range(1, 12))
