"""The report says what is done, and finds the scene whose colour differs; the storyboard shows what to paint."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from films import write_film

from stcolor_core.cli import main
from stcolor_core.film.coloring import color_film
from stcolor_core.film.plan_files import load_plan, save_plan
from stcolor_core.film.report import FilmReport, GroupReport, SceneReport, make_report

pytestmark = pytest.mark.slow


def test_the_report_counts_frames_and_names_the_scene_that_differs(tmp_path: Path) -> None:
    film = write_film(tmp_path)
    film.paint(3)
    film.paint(24)
    before = make_report(film.plan)
    assert (before.done, before.frames, before.keys, before.groups_without_key) == (0, 26, 2, ("b",))
    list(color_film(film.plan, only=["s001", "s003"]))
    report = make_report(film.plan)
    assert report.done == 12
    agreeing = report.groups[0].spread
    assert agreeing is not None and agreeing < 6
    film.paint(24, gain=(1.6, 1, 0.4))
    list(color_film(film.plan, only=["s003"]))
    differing = make_report(film.plan).groups[0].spread
    assert differing is not None and differing > 1.5 * agreeing
    assert any("Group a: 2 scenes, 2 keyframes" in line for line in report.lines())


def test_a_repainted_keyframe_leaves_frames_to_go_and_time_for_them(tmp_path: Path) -> None:
    film = write_film(tmp_path)
    film.paint(3)
    film.paint(9)
    lines = list(make_report(film.plan).lines())
    assert lines[0] == "0 of 26 frames coloured, 26 to go; 2 keyframes."
    assert "once three are coloured" in lines[1]
    list(color_film(film.plan))
    done = make_report(film.plan)
    assert (done.done, done.seconds_left) == (26, 0)
    film.paint(9, gain=(1.3, 1, 0.7))
    report = make_report(film.plan)
    assert report.done == 12  # scene s002 and the dissolve behind it
    assert report.seconds_per_frame is not None and report.seconds_left is not None
    assert report.seconds_left == pytest.approx(14 * report.seconds_per_frame)
    assert " to go." in list(report.lines())[1] and "s a frame" in list(report.lines())[1]


def test_a_damaged_frame_and_one_of_another_program_do_not_keep_a_film_from_its_report(tmp_path: Path) -> None:
    film = write_film(tmp_path)
    film.paint(3)
    film.paint(24)
    list(color_film(film.plan, only=["s001", "s003"]))
    whole = make_report(film.plan)
    middle = tmp_path / "out" / "s001.0004.exr"
    middle.write_bytes(middle.read_bytes()[: middle.stat().st_size // 2])
    damaged = make_report(film.plan)
    assert (whole.done, damaged.done) == (12, 11)
    assert damaged.groups[0].regions
    middle.write_bytes((tmp_path / "plate" / "film.0004.exr").read_bytes())  # a comp without our layers, say
    assert make_report(film.plan).groups[0].regions


def test_the_words_agree_with_their_numbers_and_a_certain_scene_is_not_called_weak() -> None:
    scene = SceneReport("s001", "a", 6, 6, 1, 0.99)
    sure = FilmReport((scene,), (GroupReport("a", 1, 1, ()),), ("s001",), 6, 6, 1, ())
    text = "\n".join(sure.lines())
    assert "1 keyframe." in text and "1 scene, 1 keyframe." in text and "1 keyframes" not in text
    assert "Weak" not in text and "0.99" in text
    unsure = replace(sure, scenes=(replace(scene, confidence=0.6),))
    assert "Weak: s001 (group a), confidence 0.60, 1 keyframe of its own." in "\n".join(unsure.lines())


def test_the_command_line_plans_draws_colours_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film, plan = write_film(tmp_path), tmp_path / "film.yaml"
    arguments = ["film", "plan", str(plan), "--plate", str(tmp_path / "plate" / "film.####.exr")]
    arguments += ["--keys", str(tmp_path / "keys" / "film.####.exr"), "--output", film.plan.output]
    pages = [tmp_path / "board.html", tmp_path / "board.pdf"]
    assert main([*arguments, *(part for page in pages for part in ("--storyboard", str(page)))]) == 0
    assert "3 scenes in 2 groups, 1 dissolve." in capsys.readouterr().out
    assert "paint film:" in plan.read_text()
    text = pages[0].read_text()
    assert not re.search(r'(src|href)="(?!data:|#)', text)  # it loads nothing
    assert text.count("<figure>") == 3 and "Paint these frames first" in text
    assert pages[1].read_bytes().startswith(b"%PDF")
    assert main(arguments) == 2  # a plan that may have been edited is not written over
    film.paint(3)
    assert main(["film", "color", str(plan), "--device", "cpu"]) == 0
    output = capsys.readouterr()
    assert "s002: 5 frames coloured" in output.out or "s002: 6 frames coloured" in output.out
    assert "has no keyframe" in output.err  # group b
    assert main(["film", "color", str(plan)]) == 0
    assert "0 frames coloured, 26 kept." in capsys.readouterr().out
    assert main(["film", "report", str(plan)]) == 0
    assert "26 of 26 frames coloured, 0 to go" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to do"),
        (["--storyboard", "a.txt"], ".html or .pdf"),
        (["--keys", "k.####.exr"], "--keys"),
        (["--plate", "a.####.exr", "--plate", "b.####.exr", "--keys", "k.####.exr"], "{plate}"),
    ],
)
def test_a_wrong_request_is_told_before_anything_is_written(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["film", "plan", str(tmp_path / "film.yaml"), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_plan_is_not_written_over(tmp_path: Path) -> None:
    film, file = write_film(tmp_path), tmp_path / "notes.yaml"
    file.write_text("my notes\n")
    assert main(["film", "plan", str(file), "--plate", film.plan.plates["film"].path, "--force"]) == 2
    assert file.read_text() == "my notes\n"
    save_plan(film.plan, tmp_path / "film.yaml")
    assert load_plan(tmp_path / "film.yaml").scenes == film.plan.scenes


@pytest.mark.parametrize(
    ("scenes", "words"),
    [(1, "Group a: 1 scene, 1 keyframe."), (2, "not known until two of its scenes are coloured.")],
)
def test_the_agreement_of_a_group_is_told_where_there_can_be_one(scenes: int, words: str) -> None:
    group = GroupReport("a", scenes, 1, ())
    lines = FilmReport((), (group,), (), frames=9, done=9, keys=1, groups_without_key=()).lines()
    assert any(line.endswith(words) for line in lines)
