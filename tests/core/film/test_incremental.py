"""Whatever is repainted, added, removed or edited: only what it reaches is computed again, and no old colour stays.

After every change the frames of the resumed run are those of a run into an empty folder, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from films import Film, write_film

from stcolor_core.cli import main
from stcolor_core.film.coloring import color_film
from stcolor_core.film.left_over import describe_left_over, find_left_over, find_uncolored
from stcolor_core.film.plan import FilmDissolve, FilmGroup, FilmPlan, FilmScene
from stcolor_core.film.plan_files import save_plan
from stcolor_core.film.report import make_report
from stcolor_core.images import plates
from stcolor_core.images.frame_files import write_frame

pytestmark = pytest.mark.slow
Change = Callable[[Film, FilmPlan], FilmPlan]


def scenes(plan: FilmPlan, **changed: FilmScene | None) -> Mapping[str, FilmScene]:
    merged = {**plan.scenes, **changed}
    return {name: scene for name, scene in merged.items() if scene is not None}


def repaint(frame: int) -> Change:
    def change(film: Film, plan: FilmPlan) -> FilmPlan:
        film.paint(frame, gain=(1.3, 1, 0.7))
        return plan

    return change


def unpaint(frame: int) -> Change:
    def change(film: Film, plan: FilmPlan) -> FilmPlan:
        (film.folder / f"keys/film.{frame:04d}.exr").unlink()
        return plan

    return change


def rescan(frame: int) -> Change:
    """Write a plate frame again, as a new scan does: a little darker."""

    def change(film: Film, plan: FilmPlan) -> FilmPlan:
        path = film.folder / f"plate/film.{frame:04d}.exr"
        plane = plates.read(path).pixels[..., 0] * np.float32(0.8)
        write_frame(path, dict.fromkeys("RGB", (plane, "half")))
        return plan

    return change


def edit(make: Callable[[FilmPlan], FilmPlan]) -> Change:
    return lambda _film, plan: make(plan)


def merge(plan: FilmPlan) -> FilmPlan:
    s001 = replace(plan.scenes["s001"], frames="1-12")
    joined = {"s001-s003": FilmDissolve(before="s001", after="s003")}
    return replace(plan, scenes=scenes(plan, s001=s001, s002=None), dissolves=joined)


def split(plan: FilmPlan) -> FilmPlan:
    s001 = plan.scenes["s001"]
    return replace(plan, scenes=scenes(plan, s001=replace(s001, frames="1-4"), s001b=replace(s001, frames="5-6")))


def regroup(plan: FilmPlan) -> FilmPlan:
    return replace(plan, scenes=scenes(plan, s003=replace(plan.scenes["s003"], group="b")))


ALL, NOTHING = {"s001": 6, "s002": 6, "s003": 6, "s002-s003": 8}, dict[str, int]()
CHANGES: dict[str, tuple[Change, dict[str, int]]] = {
    "a repainted key that another scene borrows": (repaint(3), {"s001": 6, "s003": 6, "s002-s003": 8}),
    "a repainted key": (repaint(9), {"s002": 6, "s002-s003": 8}),
    "a key for a scene that borrowed": (repaint(24), {"s003": 6, "s002-s003": 8}),
    "a second key, which all frames but the first key's take": (repaint(6), {"s001": 5, "s003": 6, "s002-s003": 8}),
    "a key on a dissolve": (repaint(16), {"s002-s003": 8}),
    "a removed key: its scene borrows of the film": (unpaint(9), {"s002": 6, "s002-s003": 8}),
    "a removed key that another scene borrowed": (unpaint(3), {"s001": 6, "s003": 6, "s002-s003": 8}),
    "a frame that is scanned again": (rescan(10), {"s002": 6, "s002-s003": 8}),
    "a frame of a dissolve that is scanned again": (rescan(16), {"s002-s003": 8}),
    "an exclusion": (
        edit(lambda plan: replace(plan, groups={"a": FilmGroup(exclude=("film:3",))})),
        {"s003": 6, "s002-s003": 8},
    ),
    "a pin": (
        edit(lambda plan: replace(plan, groups={"a": FilmGroup(pin=("film:9",))})),
        {"s003": 6, "s002-s003": 8},
    ),
    "another group": (edit(regroup), {"s003": 6, "s002-s003": 8}),
    "a setting": (edit(lambda plan: replace(plan, method=replace(plan.method, chroma=1.1))), ALL),
    "merged scenes, whose second key s003 borrows now": (edit(merge), {"s001": 12, "s003": 6, "s001-s003": 8}),
    "a split scene, one part of which borrows": (edit(split), {"s001": 4, "s001b": 2}),
    "nothing": (edit(lambda plan: plan), NOTHING),
}


@pytest.fixture
def film(tmp_path: Path) -> Film:
    film = write_film(tmp_path)
    film.paint(3)
    film.paint(9)
    list(color_film(film.plan, device="cpu"))
    return film


def pixels(folder: Path) -> dict[str, bytes]:
    return {path.name: plates.read_colored(path).pixels.tobytes() for path in folder.glob("*.exr")}


@pytest.mark.parametrize("name", CHANGES)
def test_only_what_a_change_reaches_is_computed_and_no_old_colour_stays(name: str, film: Film, tmp_path: Path) -> None:
    change, expected = CHANGES[name]
    plan = change(film, film.plan)
    to_go = make_report(plan)
    written = {result.name: result.written for result in color_film(plan, device="cpu") if result.written}
    assert to_go.frames - to_go.done == sum(expected.values())  # the report foretells the run
    whole = replace(plan, output=str(tmp_path / "whole" / "{scene}.####.exr"))
    list(color_film(whole, device="cpu"))
    ours, fresh = pixels(film.folder / "out"), pixels(tmp_path / "whole")
    old = {Path(text).name.replace("####", f"{f:04d}") for text, frames in find_left_over(plan).items() for f in frames}
    assert {key: value for key, value in ours.items() if key not in old} == fresh
    assert written == expected


def test_frames_that_the_plan_has_no_more_are_named_and_kept(film: Film, capsys: pytest.CaptureFixture[str]) -> None:
    file = film.folder / "film.yaml"
    save_plan(merge(film.plan), file)
    (film.folder / "out/notes.0001.exr").write_bytes(b"not ours")
    before = {path.name for path in (film.folder / "out").iterdir()}
    for command in (["color", str(file), "--device", "cpu"], ["report", str(file)]):
        assert main(["film", *command]) == 0
        output = capsys.readouterr()
        text = output.out + output.err
        for words in ("Frames 7-12 of ", "s002.####.exr", "Frames 13-20 of ", "s002-s003.####.exr"):
            assert words in text
        assert "s001.####.exr is" not in text and "notes" not in text
    assert before <= {path.name for path in (film.folder / "out").iterdir()}


def test_a_scene_that_no_keyframe_may_colour_any_more_is_told_with_its_old_frames(film: Film) -> None:
    told: list[str] = []
    results = list(color_film(replace(film.plan, stills=0), device="cpu", warn=told.append))
    assert [result.name for result in results] == ["s001", "s002"]
    (line,) = told
    assert (
        line.startswith("Scene s003 stays uncoloured") and "frames 21-26 on disk have the colour of an earlier" in line
    )


def test_results_in_a_folder_for_each_scene_are_looked_through_too(tmp_path: Path) -> None:
    film = write_film(tmp_path)
    film.paint(3)
    film.paint(9)
    plan = replace(film.plan, output=str(tmp_path / "out/{scene}/v1/{scene}_####.exr"))
    list(color_film(plan, device="cpu"))
    assert (find_left_over(plan), find_uncolored(plan)) == ({}, {})
    s001 = replace(plan.scenes["s001"], frames="1-4")
    renamed = replace(plan, scenes=scenes(plan, s001=s001, s002=None, s2=plan.scenes["s002"]), dissolves={})
    named = {Path(text).name: frames for text, frames in find_left_over(renamed).items()}
    assert named == {
        "s001_####.exr": (5, 6),
        "s002_####.exr": tuple(range(7, 13)),
        "s002-s003_####.exr": tuple(range(13, 21)),
    }
    assert find_uncolored(renamed) == {"film": (5, 6, *range(13, 21))}
    assert "Frames 5-6, 13-20 of plate film are in no scene and stay uncoloured" in next(describe_left_over(renamed))
