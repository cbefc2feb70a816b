"""Files that change behind a run's back: an input after a frame was made from it, a result that is gone or damaged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import FIRST, ShotOnDisk, frame_bytes, write_reference
from cores import asked_for
from scenes import pan

from stcolor_core.errors import OutputError
from stcolor_core.images import frame_files
from stcolor_core.pipeline.events import Event, FrameResult
from stcolor_core.pipeline.run import colorize
from stcolor_core.shots.shot import Shot

MakeShot = Callable[..., ShotOnDisk]


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    return make_shot(pan(6, height=64, width=96, step=2))


def color(
    asked: Shot, *, after: int | None = None, change: Callable[[], object] = lambda: None, only: str | None = None
) -> tuple[list[FrameResult], list[str]]:
    """Colour a shot, change something once so many frames are finished, and return the frames and the warnings."""
    warnings: list[str] = []

    def report(event: Event) -> None:
        if event.kind == "warning":
            warnings.append(event.message)

    frames = []
    for frame in colorize(asked, device="cpu", report=report, only=only):
        frames.append(frame)
        if len(frames) == after:
            change()
    return frames, warnings


def replace_plate(shot: ShotOnDisk, frame: int, other: int) -> None:
    """Put another frame's plate in the place of a frame's, at a later time."""
    shutil.copy(shot.plate(other), shot.plate(frame))
    os.utime(shot.plate(frame), ns=(1, shot.plate(other).stat().st_mtime_ns + 10**9))


def test_a_plate_that_is_replaced_after_its_frame_was_coloured_is_named_and_the_next_run_writes_its_frames(
    shot: ShotOnDisk,
) -> None:
    asked, made = asked_for(shot), len(shot.frames)
    frames, warnings = color(asked, after=made, change=lambda: replace_plate(shot, FIRST + 1, FIRST + 3))
    assert len(frames) == made
    line = next(line for line in warnings if "since this run read it" in line)
    assert line.startswith(f"The plate of {FIRST + 1} has changed since this run read it: frames {FIRST}-{FIRST + 5} ")
    again, warnings = color(asked)
    assert [frame.frame for frame in again if not frame.kept]
    assert FIRST + 1 in {frame.frame for frame in again if not frame.kept}
    assert any("to be written again" in line for line in warnings)
    assert not any("since this run" in line for line in warnings)
    assert not color(asked)[1] or all("written again" not in line for line in color(asked)[1])


def test_a_reference_that_is_replaced_meanwhile_is_named_but_not_one_that_is_only_touched(shot: ShotOnDisk) -> None:
    reference = shot.reference(FIRST)

    def touch() -> None:
        os.utime(reference, ns=(1, reference.stat().st_mtime_ns + 10**9))

    def repaint() -> None:
        write_reference(reference, shot.scene.lightnesses[0], -shot.scene.ab[0])

    _, warnings = color(asked_for(shot, "v001"), after=len(shot.frames), change=touch)
    assert not any("since this run" in line for line in warnings)
    _, warnings = color(asked_for(shot, "v002"), after=len(shot.frames), change=repaint)
    assert any(line.startswith(f"Reference {FIRST} has changed since this run read it") for line in warnings)


def test_a_piece_of_a_farm_names_only_what_its_own_frames_were_made_from(make_shot: MakeShot) -> None:
    keys = (FIRST, FIRST + 3, FIRST + 6)
    shot = make_shot(pan(7, height=64, width=96, step=2), references=keys)
    asked, piece = asked_for(shot), f"{FIRST + 1}-{FIRST + 2}"
    asked = replace(asked, method=replace(asked.method, register="off"))  # or a keyframe reads the frames around it
    _, warnings = color(asked, only=piece, after=2, change=lambda: replace_plate(shot, FIRST + 6, FIRST))
    assert not any("since this run" in line for line in warnings)
    shot.output(FIRST + 1).unlink()
    shot.output(FIRST + 2).unlink()
    _, warnings = color(asked, only=piece, after=2, change=lambda: replace_plate(shot, FIRST + 1, FIRST))
    line = next(line for line in warnings if "since this run" in line)
    assert f"frames {FIRST + 1}-{FIRST + 2} " in line


@pytest.mark.parametrize("whole", [True, False], ids=["folder", "frame"])
def test_a_run_whose_frames_are_deleted_meanwhile_is_not_done(shot: ShotOnDisk, whole: bool) -> None:
    def delete() -> None:
        if whole:
            shutil.rmtree(shot.folder / "out")
        else:
            shot.output(FIRST).unlink()

    with pytest.raises(OutputError, match=rf"Frames? {FIRST}\b.* finished and (is|are) not there any more"):
        color(asked_for(shot), after=2, change=delete)
    color(asked_for(shot))
    assert len(shot.written()) == len(shot.frames)


def damage(path: Path) -> None:
    """Overwrite bytes in the middle of a file, as a bad copy does."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(range(200))
    path.write_bytes(data)


def test_a_frame_with_damaged_bytes_in_its_middle_is_written_again(shot: ShotOnDisk) -> None:
    asked = asked_for(shot)
    color(asked)
    before = frame_bytes(shot.output(FIRST + 2))
    damage(shot.output(FIRST + 2))
    assert frame_files.frame_state(shot.output(FIRST + 2)).complete  # its last lines are
    assert frame_files.pixel_state(shot.output(FIRST + 2)) == "damaged"
    again, _ = color(asked)
    assert [frame.frame for frame in again if not frame.kept] == [FIRST + 2]
    assert frame_bytes(shot.output(FIRST + 2)) == before
