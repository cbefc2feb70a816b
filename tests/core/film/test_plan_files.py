"""A plan is YAML that a person can edit: it is read back unchanged, and every mistake is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from stcolor_core.errors import BadRequest, OutputError
from stcolor_core.film.plan import FilmDissolve, FilmGroup, FilmPlan, FilmPlate, FilmScene, KeyName, PlanMistake
from stcolor_core.film.plan_files import format_plan, load_plan, naming_lines, parse_plan, save_plan
from stcolor_core.shots.settings import Method

PLAN = FilmPlan(
    output="out/{scene}.####.exr",
    plates={"reel1": FilmPlate(path="plates/reel1.####.exr", keys="keys/reel1.####.exr", exposure=-0.5)},
    scenes={
        "s001": FilmScene(plate="reel1", frames="1-48", group="a", exclude=("reel1:70",)),
        "s002": FilmScene(plate="reel1", frames="61-90", group="no"),  # YAML reads a bare no as false
    },
    groups={"a": FilmGroup(pin=("reel1:10",), exclude=("reel1:20",))},
    dissolves={"d1": FilmDissolve(before="s001", after="s002")},
    stills=2,
    method=Method(chroma=1.25, working_height=216),
    ocio="ocio://default",
)


def test_a_plan_is_read_back_unchanged_and_its_groups_are_listed_with_notes() -> None:
    text = format_plan(PLAN, notes={"a": "paint reel1:10 first"})
    assert "# paint reel1:10 first" in text
    read = parse_plan(text)
    assert read.groups["no"] == FilmGroup()
    assert format_plan(read, notes={"a": "paint reel1:10 first"}) == text
    assert (read.scenes, read.plates, read.method, read.ocio) == (PLAN.scenes, PLAN.plates, PLAN.method, PLAN.ocio)


def test_scenes_are_merged_and_split_by_their_frames() -> None:
    text = format_plan(PLAN).replace("frames: 1-48", "frames: 1-20")
    text = text.replace("\ndissolves:\n", "\n").replace("  d1:", "#")
    text = text.replace("  s002:", "  s003: {plate: reel1, frames: 48, group: 7}\n  s002:")
    plan = parse_plan(text)
    assert plan.frames("s003") == (48,)
    assert plan.scenes["s003"].group == "7"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("group: a,", "grup: a,", "scenes.s001.grup is an unknown"),
        ("plate: reel1, frames: 61-90", "plate: reel2, frames: 61-90", "reel2"),
        ("frames: 61-90", "frames: 40-90", "s001 and s002"),
        ("before: s001", "before: s009", "s009"),
        ("pin: ['reel1:10']", "pin: ['reel1;10']", "PLATE:FRAME"),
        ("pin: ['reel1:10']", "pin: 7", "groups.a.pin"),
        ("version: 1", "version: 9", "version 9"),
        ("stills: 2", "stills: many", "stills"),
        ("output: out/{scene}.####.exr", "output: out/film.####.exr", "{scene}"),
        ("s002: {", "s002: {{", "line"),
        ("frames: 61-90", "frames: *x", "line"),
        ("  s002: {", "  s001: {", "s001 is there already, in line"),
        ("frames: 61-90", "frames: 61-88,90", "in quotes, such as '15-26,90'"),
        ("stills: 2", "stills: many", "It should be a whole number"),
        ("pin: ['reel1:10']", "pin: reel1:10", "a list in brackets"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_file_and_line(old: str, new: str, words: str, tmp_path: Path) -> None:
    text = format_plan(PLAN)
    assert old in text
    file = tmp_path / "film.yaml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(BadRequest) as caught:
        load_plan(file)
    message = str(caught.value)
    assert "film.yaml" in message and words in message and "\n" not in message


def test_the_line_is_that_of_the_mistake() -> None:
    text = format_plan(PLAN).replace("group: a,", "grup: a,")
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "grup:" in line)
    with pytest.raises(BadRequest, match=f"line {line}:"):
        parse_plan(text)


@pytest.mark.parametrize(
    ("old", "new", "marked"),
    [
        ("pin: ['reel1:10']", "pin: ['reel3:10']", "pin:"),
        ("frames: 61-90", "frames: 90-x", "90-x"),
        ("before: s001", "before: s009", "d1:"),
        ("version: 1", "version: 9", "version:"),
        ("  s002:", "  s/2:", "s/2:"),
    ],
)
def test_a_mistake_in_any_part_is_told_with_its_line(old: str, new: str, marked: str) -> None:
    text = format_plan(PLAN).replace(old, new)
    line = next(number for number, line in enumerate(text.splitlines(), 1) if marked in line and line[0] != "#")
    with pytest.raises(BadRequest, match=f"line {line}:"):
        parse_plan(text)


def test_a_mistake_that_shows_when_the_plan_is_used_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "film.yaml"
    file.write_text("groups:\n  a:\n    pin:\n    - reel1:10\n    - reel1:24\n", encoding="utf-8")
    with pytest.raises(BadRequest, match=r"film\.yaml, line 5: not painted"), naming_lines(file):
        raise PlanMistake("not painted", "groups", "a", "pin", "1")
    with pytest.raises(BadRequest, match=r"none\.yaml: not painted"), naming_lines(tmp_path / "none.yaml"):
        raise PlanMistake("not painted", "groups", "a", "pin", "1")


def test_an_alias_is_refused_before_it_is_expanded() -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    with pytest.raises(BadRequest, match="line 2"):
        parse_plan(bomb)


def test_a_text_that_is_no_plan_and_a_file_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="stcolor film plan"):
        parse_plan("just words")
    with pytest.raises(BadRequest, match="cannot be read"):
        load_plan(tmp_path / "none.yaml")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_plan(PLAN, tmp_path / "file" / "film.yaml")


def test_a_key_has_a_name_that_is_read_back() -> None:
    assert KeyName.parse(str(KeyName("reel1", -3))) == KeyName("reel1", -3)
