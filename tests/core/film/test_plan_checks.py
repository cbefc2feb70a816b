"""Whatever a person can mistype in a plan is told with file and line, the name, and what may have been meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stcolor_core.errors import BadRequest
from stcolor_core.film.film_keys import find_keys
from stcolor_core.film.key_name import KeyName, did_you_mean, nearest_frames
from stcolor_core.film.plan import FilmDissolve, FilmGroup, FilmPlan, FilmPlate, FilmScene
from stcolor_core.film.plan_files import format_plan, load_plan, parse_plan
from stcolor_core.film.shot_list import read_shot_list
from stcolor_core.images.frame_files import write_frame

PLAN = FilmPlan(
    output="out/{scene}.####.exr",
    plates={"reel1": FilmPlate(path="plates/reel1.####.exr", keys="keys/reel1.####.exr")},
    scenes={
        "s001": FilmScene(plate="reel1", frames="1-48", group="kitchen"),
        "s002": FilmScene(plate="reel1", frames="61-90", group="street", exclude=("reel1:24",)),
        "s003": FilmScene(plate="reel1", frames="91-99", group="kitchen"),
    },
    groups={"kitchen": FilmGroup(pin=("reel1:10",), exclude=("reel1:20",))},
    dissolves={"d1": FilmDissolve(before="s001", after="s002")},
)


@pytest.mark.parametrize(
    ("old", "new", "marked", "words"),
    [
        ("  kitchen: {pin", "  kichen: {pin", "kichen:", "Did you mean kitchen?"),
        ("pin: ['reel1:10']", "pin: ['reel:10']", "pin:", "Did you mean reel1?"),
        ("pin: ['reel1:10']", "pin: ['reel1:1000']", "pin:", "s003, has the frames 91-99"),
        ("exclude: ['reel1:20']", "exclude: ['reel1:55']", "pin:", "reel1:55, which is a frame of no scene"),
        ("exclude: ['reel1:24']", "exclude: ['reel1:70']", "  s002:", "its own keyframes always colour it"),
        ("exclude: ['reel1:20']", "exclude: ['reel1:10']", "pin:", "pins reel1:10 and excludes it"),
        ("pin: ['reel1:10']", "pin: ['reel1:1', 'reel1:2', 'reel1:3', 'reel1:4']", "pin:", "set stills to 4"),
        ("plate: reel1, frames: 61-90", "plate: rel1, frames: 61-90", "  s002:", "Did you mean reel1?"),
        ("before: s001", "before: S01", "d1:", "Did you mean s001"),
        ("after: s002", "after: s003", "d1:", "frame 61 of plate reel1, which is in s002"),
        ("after: s002", "after: s001", "d1:", "no frame between"),
        ("frames: 91-99", "frames: ''", "  s003:", "has no frame"),
        ("frames: 91-99", "frames: 99-91", "  s003:", "backwards"),
        ("  s003:", "  S001:", "  S001:", "same files"),
        ("  d1:", "  s003:", "before:", "same files"),
        ("group: street", "gruop: street", "  s002:", "Did you mean group?"),
        ("group: street", "group: kichen", "  s002:", "Did you mean kitchen?"),
        ("path: plates", "pth: plates", "  reel1:", "Did you mean path?"),
        ("stills: 3", "stils: 3", "stils:", "Did you mean stills?"),
        ("stills: 3", "method: {chrma: 2}", "method:", "Did you mean chroma"),
        ("{scene}.####.exr", "{scene}.exr", "output:", "no frame number"),
        ("missing: error", "missing: skp", "  reel1:", "'skip'"),
        ("keys: keys", "exposure: bright, keys: keys", "  reel1:", "a number"),
        ("keys: keys/reel1", "keys: plates/reel1", "  reel1:", "are the plate itself"),
        ("scenes:\n", "scenes: [s001]\nscene:\n", "scene:", "Did you mean scenes?"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_may_be_meant(
    old: str, new: str, marked: str, words: str, tmp_path: Path
) -> None:
    text = format_plan(PLAN)
    assert old in text
    text = text.replace(old, new)
    line = next(number for number, each in enumerate(text.splitlines(), 1) if marked in each and each[0] != "#")
    file = tmp_path / "film.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadRequest) as caught:
        load_plan(file)
    message = str(caught.value)
    assert f"film.yaml, line {line}: " in message and words in message and "\n" not in message


def test_plates_share_a_folder_of_keys_only_if_their_frames_have_other_numbers() -> None:
    other = FilmPlate(path="b.####.exr", keys=PLAN.plates["reel1"].keys)
    scene = FilmScene(plate="b", frames="100-120", group="kitchen")
    plates, scenes = {**PLAN.plates, "b": other}, {**PLAN.scenes, "s004": scene}
    text = format_plan(replace(PLAN, plates=plates, scenes=scenes)).replace("frames: 100-120", "frames: 48-50")
    line = next(number for number, each in enumerate(text.splitlines(), 1) if each.startswith("  b:"))
    with pytest.raises(BadRequest, match=rf"line {line}: .*reel1 and b have the same keys.*with frame 48"):
        parse_plan(text)


def test_what_a_person_does_on_purpose_is_taken() -> None:
    text = format_plan(PLAN)
    emptied = parse_plan(text.replace("group: street", "group: kitchen"))  # the group street: {} has no scene now
    assert emptied.group_names == ("kitchen",)
    merged = text.replace("frames: 61-90", "frames: 61-99").replace("  s003:", "#")
    assert parse_plan(merged).frames("s002")[-1] == 99


@pytest.mark.parametrize("setting", ["pin", "exclude"])
def test_a_keyframe_that_is_not_painted_is_told_with_the_nearest_ones(setting: str, tmp_path: Path) -> None:
    for frame in (8, 12, 40):
        path = tmp_path / f"keys/reel1.{frame:04d}.exr"
        write_frame(path, dict.fromkeys("RGB", (np.ones((8, 8), np.float32), "half")))
    text = format_plan(PLAN).replace("keys: keys/", f"keys: {tmp_path.as_posix()}/keys/")
    text = text.replace("{pin: ['reel1:10'], exclude: ['reel1:20']}", f"{{{setting}: ['reel1:10']}}")
    with pytest.raises(BadRequest, match=r"reel1:10, which is not painted.*reel1:8 and reel1:12.*take it out"):
        find_keys(parse_plan(text))


def test_two_shots_of_one_name_are_told_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "shots.yaml"
    file.write_text("- {name: sh 010, plate: a.####.exr}\n- {plate: b.####.exr}\n- {name: SH_010, plate: c.####.exr}\n")
    with pytest.raises(
        BadRequest, match=r"shots\.yaml, line 3: there is a shot sh 010 already, in line 1.*Rename SH_010"
    ):
        read_shot_list(file)
    file.write_text("- {name: sh010, plat: a.####.exr}\n")
    with pytest.raises(BadRequest, match=r"line 1: .*unknown.*Did you mean plate\?"):
        read_shot_list(file)


def test_near_matches_are_named_and_never_too_many() -> None:
    assert did_you_mean("ktichen", ["kitchen", "street"]) == "Did you mean kitchen?"
    assert did_you_mean("q", [f"s{number:03d}" for number in range(900)]).endswith("and 895 more.")
    assert did_you_mean("q", []) == "There is none."
    assert nearest_frames(KeyName("a", 5), [KeyName("b", 5)]) == ""
