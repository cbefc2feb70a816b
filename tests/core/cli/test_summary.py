"""The end of a run says where the frames are, how certain they are, and what to do next."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from stcolor_core.cli import command_line
from stcolor_core.cli.summary import summarize
from stcolor_core.pipeline.events import Event, FrameResult, Reporter
from stcolor_core.pipeline.time_left import TimeLeft
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.spans import plan
from stcolor_core.shots.suggestion import Suggestion
from stcolor_core.terminal import ProgressBar, describe_duration

SHOT = Shot(plate=Plate(path="p.####.exr"), output=Output(path="out/sh.####.exr"))


def results(confidences: dict[int, float | None], *, kept: int = 0) -> list[FrameResult]:
    return [
        FrameResult(frame, Path(f"out/sh.{frame}.exr"), index < kept, value, None)
        for index, (frame, value) in enumerate(confidences.items())
    ]


def test_an_uncertain_shot_gets_its_weakest_frames_and_the_option_for_the_next_keyframe() -> None:
    confidences = {frame: 1 - 0.01 * (frame - 1001) for frame in range(1001, 1031)}
    lines = summarize(SHOT, results(confidences, kept=10), [Suggestion(1020, 0.072), Suggestion(1010, 0.01)])
    assert lines[0] == "out/sh.####.exr: 1001-1030 (20 written, 10 kept), mean confidence 0.85."
    assert lines[1] == "Least certain: 1030 (0.71), 1029 (0.72), 1028 (0.73)."
    assert (
        lines[2].startswith("Next: a keyframe at 1020 would correct about 7.2 % of") and "--reference 1020" in lines[2]
    )


def test_a_certain_shot_needs_no_keyframe() -> None:
    lines = summarize(SHOT, results(dict.fromkeys(range(1, 9), 0.999)), [])
    assert lines == ["out/sh.####.exr: 1-8 (8 written), mean confidence 1.00.", "No further keyframe would help much."]


def test_where_no_suggestion_could_be_made_none_is_denied() -> None:
    assert summarize(SHOT, results({1: 0.999}), None) == ["out/sh.####.exr: 1 (1 written), mean confidence 1.00."]


def test_a_run_without_frames_says_so() -> None:
    assert summarize(SHOT, [], None) == ["There was no frame to write to out/sh.####.exr."]


def test_frames_whose_confidence_is_not_known_are_counted_but_not_judged() -> None:
    lines = summarize(SHOT, results({1: None, 2: 0.5}, kept=1), [])
    assert lines[0] == "out/sh.####.exr: 1-2 (1 written, 1 kept), mean confidence 0.50."


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["colorize", "--plaet", "x"], ["--plaet is unknown", "did you mean --plate?", "`stcolor colorize --help`"]),
        (["suggest", "--shot", "x", "--jsn=3"], ["--jsn is unknown", "--json", "`stcolor suggest --help`"]),
        (["models", "list", "--zzz"], ["--zzz is unknown.", "`stcolor models list --help`"]),
    ],
)
def test_an_unknown_option_names_its_command_and_the_option_that_may_be_meant(
    capsys: pytest.CaptureFixture[str], arguments: list[str], parts: list[str]
) -> None:
    assert command_line.main(arguments) == 2
    line = capsys.readouterr().err
    assert all(part in line for part in parts) and line.count("\n") == 1


def test_the_program_alone_prints_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main([]) == 0
    assert "colorize" in capsys.readouterr().out


def test_a_look_says_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[Event] = []
    reporter = Reporter(events.append, lambda: False)
    assert list(reporter.looks([7])) == [7]
    reporter.report_look(8)
    reporter.report_look(9, patch=5)
    with ProgressBar() as show:
        bar = show.__self__._bar  # type: ignore[attr-defined]
        texts = []
        for event in events:
            show(event)
            texts.append(bar.desc)
    assert texts == ["searching for scene cuts: frame 7: ", "tracking: frame 8: ", "carrying the patch of 5: frame 9: "]
    capsys.readouterr()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_shows_the_time_left_that_the_run_estimates_and_not_that_of_finished_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between two keyframes a run tracks back and finishes none, at a fifth of the time that a frame takes."""
    now = 0.0
    frames = range(1, 101)
    spans = plan(list(frames), [1, 100], [])
    times = TimeLeft(spans, output_frames=frames, detects_cuts=False, clock=lambda: now)
    monkeypatch.setattr("sys.stderr", Terminal())
    shown = []
    with ProgressBar(estimate=lambda _: times) as show:
        bar = show.__self__._bar  # type: ignore[attr-defined]
        show(Event(kind="plan", total=100, keyframes=(1, 100)))
        assert "left" not in str(bar)
        for frame in range(99, 1, -1):
            show(Event(kind="look", frame=frame, stage="tracking"))
            now += 2
        shown.append(str(bar))
        for frame in range(2, 52):
            show(Event(kind="look", frame=frame, stage="tracking"))
            now += 10
            show(Event(kind="frame", frame=frame))
        shown.append(str(bar))
    back, half = shown
    assert "about 16 min left" in back, back  # 98 frames of five times the 2 s that each took to track
    assert "about 8 min left" in half, half
    assert "50/100" in half and "<" not in half, half  # tqdm writes its own as 00:31<00:12
    minutes = re.search("about (\\d+) min", half)
    assert minutes is not None and 0.7 < int(minutes[1]) * 60 / (48 * 10) < 1.3


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "a few seconds"), (44, "about 40 s"), (200, "about 3 min"), (7300, "about 2 h 2 min")],
)
def test_a_duration_is_told_as_roughly_as_it_is_known(seconds: float, words: str) -> None:
    assert describe_duration(seconds) == words
