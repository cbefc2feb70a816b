"""A film is coloured scene by scene: no scene is grey, and a repainted keyframe recomputes only what it reaches."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from films import Film, write_film, write_painted_film

from stcolor_core.cli import main
from stcolor_core.errors import BadRequest, Cancelled, OutputError
from stcolor_core.film.coloring import color_film, film_shots
from stcolor_core.film.film_keys import find_keys
from stcolor_core.film.plan import FilmGroup, FilmPlate, KeyName
from stcolor_core.film.plan_files import load_plan, save_plan
from stcolor_core.film.report import make_report
from stcolor_core.film.scenes import find_stretches, make_plan
from stcolor_core.film.shots import make_shots
from stcolor_core.images import plates
from stcolor_core.images.color import linear_to_lab, srgb_encode
from stcolor_core.images.frame_files import write_frame
from stcolor_core.images.pictures import Picture
from stcolor_core.pipeline.run import colorize
from stcolor_core.shots.shot import Shot

pytestmark = pytest.mark.slow


@pytest.fixture
def film(tmp_path: Path) -> Film:
    return write_painted_film(tmp_path)


def chroma(film: Film, name: str, frame: int) -> float:
    rgb = plates.layer_pixels(plates.read_colored(film.folder / "out" / f"{name}.{frame:04d}.exr"))[..., :3]
    return float(np.hypot(*np.moveaxis(linear_to_lab(rgb)[..., 1:], -1, 0)).mean())


def write_exr_as_others_do(path: Path, layers: dict[str, np.ndarray], like: Picture) -> None:
    spec = oiio.ImageSpec(*next(iter(layers.values())).shape[::-1], len(layers), "float")
    spec.channelnames = tuple(layers)
    for name, value in like.metadata.items():
        if name.startswith("stcolor/"):
            spec.attribute(name, value)
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), spec) and file.write_image(np.dstack(list(layers.values()))) and file.close()


def test_the_scenes_and_groups_of_a_film_are_found(tmp_path: Path) -> None:
    plan = write_film(tmp_path).plan
    found, _ = make_plan(plan.plates, find_stretches(plan.plates), output=plan.output)
    assert len(found.scenes) == 3
    for name in plan.scenes:  # a dissolve may be found one frame longer than it is
        assert set(found.frames(name)) <= set(plan.frames(name)) and len(found.frames(name)) >= 5
    assert [scene.group for scene in found.scenes.values()] == ["a", "b", "a"]
    assert found.dissolves == plan.dissolves


def test_a_film_is_coloured_once_and_a_repainted_key_recomputes_only_what_it_reaches(film: Film) -> None:
    counts = {result.name: (result.written, result.kept) for result in color_film(film.plan)}
    assert counts == {"s001": (6, 0), "s002": (6, 0), "s003": (6, 0), "s002-s003": (8, 0)}
    assert chroma(film, "s003", 24) > 5  # it has no keyframe of its own
    assert chroma(film, "s002-s003", 16) > 5
    counts = {result.name: (result.written, result.kept) for result in color_film(film.plan)}
    assert counts == {"s001": (0, 6), "s002": (0, 6), "s003": (0, 6), "s002-s003": (0, 8)}
    film.paint(9, gain=(1.3, 1, 0.7))
    counts = {result.name: (result.written, result.kept) for result in color_film(film.plan)}
    assert counts == {"s001": (0, 6), "s002": (6, 0), "s003": (0, 6), "s002-s003": (8, 0)}


def test_a_dissolve_of_an_srgb_plate_meets_the_colours_of_its_scenes(film: Film) -> None:
    pngs = film.folder / "png"
    for path in (*film.folder.glob("plate/*.exr"), *film.folder.glob("keys/*.exr")):
        rgb = plates.layer_pixels(plates.read_colored(path))
        codes = np.rint(255 * np.clip(srgb_encode(rgb), 0, 1)).astype(np.uint8)
        (pngs / path.parent.name).mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(pngs / path.parent.name / f"{path.stem}.png"), codes[..., ::-1])
    plate = FilmPlate(path=str(pngs / "plate/film.####.png"), keys=str(pngs / "keys/film.####.png"))
    list(color_film(replace(film.plan, plates={"film": plate}), device="cpu"))

    def mean_chroma(name: str, frame: int) -> float:
        picture = plates.read(film.folder / "out" / f"{name}.{frame:04d}.exr")
        u, v = (picture.pixels[..., picture.channels.index(f"rc_ab.{axis}")] for axis in "uv")
        return float(np.hypot(u, v).mean())

    for within, beside in ((("s002-s003", 13), ("s002", 12)), (("s002-s003", 20), ("s003", 21))):
        assert mean_chroma(*within) == pytest.approx(mean_chroma(*beside), rel=0.15)


def test_a_dissolve_says_which_keyframes_its_scenes_came_from(film: Film) -> None:
    list(color_film(film.plan, device="cpu"))
    origins = str(plates.read_header(film.folder / "out/s002-s003.0016.exr").metadata["stcolor/origins"])
    assert "12 is a result, of keyframes 9: " in origins and "film.0009.exr" in origins
    assert "21 is a result, of keyframes of other scenes: " in origins and "film.0003.exr" in origins
    assert "stcolor/origins" not in plates.read_header(film.folder / "out/s002.0012.exr").metadata


def test_a_dissolve_is_no_surer_than_the_scenes_that_it_joins(film: Film) -> None:
    list(color_film(film.plan, device="cpu", only=["s001", "s002", "s003"]))
    guessed = film.folder / "out" / "s003.0021.exr"  # next to the dissolve
    picture = plates.read(guessed)
    layers = {name: np.ascontiguousarray(picture.pixels[..., i]) for i, name in enumerate(picture.channels)}
    layers["rc_conf.warp"] *= np.float32(0.3)
    settings = {"stcolor/settings": str(picture.metadata["stcolor/settings"])}
    write_frame(guessed, {name: (plane, "float") for name, plane in layers.items()}, like=picture, metadata=settings)
    _, (dissolve,) = film_shots(film.plan)
    assert dissolve.shot is not None and dissolve.shot.output.provenance
    confidence = {frame.frame: frame.confidence for frame in colorize(dissolve.shot, device="cpu")}
    assert confidence[13] == pytest.approx(0.92, abs=0.08)
    assert confidence[20] == pytest.approx(0.37, abs=0.1)
    assert confidence[13] > confidence[16] > confidence[20]
    painted = dict(layers, R=layers["R"] * np.float32(1.1))  # by another program, which keeps all else
    write_exr_as_others_do(guessed, painted, picture)
    assert {frame.frame: frame.confidence for frame in colorize(dissolve.shot, device="cpu")}[20] > 0.8


def test_a_film_of_another_plan_does_not_write_over_the_scenes_that_a_run_has_finished(film: Film) -> None:
    other = replace(film.plan, method=replace(film.plan.method, light="off"))
    running = color_film(film.plan, device="cpu")
    assert next(running).name == "s001"
    with pytest.raises(OutputError, match="is being written by"):
        list(color_film(other, device="cpu"))
    assert {result.kept for result in color_film(film.plan, device="cpu", only=["s001"])} == {6}, (
        "the same plan may join"
    )
    running.close()
    assert {result.written for result in color_film(other, device="cpu", only=["s001"])} == {6}
    assert not list(film.folder.rglob("*.claim"))


def test_a_missing_frame_is_told_in_the_terms_of_the_plan_which_can_skip_it(
    film: Film, capsys: pytest.CaptureFixture[str]
) -> None:
    (film.folder / "plate/film.0002.exr").unlink()
    path = film.folder / "film.yaml"
    save_plan(film.plan, path)
    assert main(["film", "color", str(path), "--device", "cpu", "--scene", "s001"]) == 1
    message, end = capsys.readouterr().err.splitlines()
    assert "1 of 1 scene or dissolve is not finished" in end
    assert "Frame 2 " in message and 'set "missing" of the plate to skip or hold' in message and "--" not in message
    plate = replace(film.plan.plates["film"], missing="skip")
    save_plan(replace(film.plan, plates={"film": plate}), path)
    assert main(["film", "color", str(path), "--device", "cpu", "--scene", "s001"]) == 0
    assert not (film.folder / "out/s001.0002.exr").exists() and chroma(film, "s001", 6) > 5
    found = film.folder / "found.yaml"
    assert main(["film", "plan", str(found), "--plate", plate.path, "--missing", "skip"]) == 0
    assert load_plan(found).plates["film"].missing == "skip"


@pytest.mark.parametrize(
    ("frame", "counts"),
    [
        (12, {"s001": 6, "s002": 5, "s003": 6, "s002-s003": 8}),  # the last one before the dissolve
        (21, {"s001": 6, "s002": 6, "s003": 5, "s002-s003": 8}),
        (16, {"s001": 6, "s002": 6, "s003": 6, "s002-s003": 7}),
    ],
)
def test_a_skipped_frame_in_or_beside_a_dissolve_does_not_keep_it_from_being_coloured(
    frame: int, counts: dict[str, int], film: Film
) -> None:
    (film.folder / f"plate/film.{frame:04d}.exr").unlink()
    plan = replace(film.plan, plates={"film": replace(film.plan.plates["film"], missing="skip")})
    results = list(color_film(plan, device="cpu"))
    assert {result.name: result.written for result in results} == counts
    assert not [result for result in results if result.trouble is not None]
    assert make_report(plan).done == sum(counts.values())


def test_an_interrupted_film_is_resumed_with_the_same_frames(film: Film, tmp_path: Path) -> None:
    whole = replace(film.plan, output=str(tmp_path / "whole" / "{scene}.####.exr"))
    list(color_film(whole))
    calls = iter(range(8))
    with pytest.raises(Cancelled):
        list(color_film(film.plan, cancelled=lambda: next(calls, None) is None))
    results = list(color_film(film.plan))
    assert sum(result.kept for result in results) > 0
    for path in sorted((tmp_path / "whole").glob("*.exr")):
        ours = plates.read_colored(film.folder / "out" / path.name).pixels
        np.testing.assert_array_equal(ours, plates.read_colored(path).pixels)


# Colours a plan and ends without any cleaning up, as a host that loses its power does, at the event of this number.
DYING = """
import os, sys
from pathlib import Path
from stcolor_core.film.coloring import color_film
from stcolor_core.film.plan_files import load_plan
left = [int(sys.argv[2])]
def report(name, event):
    left[0] -= 1
    if not left[0]:
        os._exit(70)
for _ in color_film(load_plan(Path(sys.argv[1])), device="cpu", report=report):
    pass
"""


def pixels(folder: Path) -> dict[str, bytes]:
    return {path.name: plates.read_colored(path).pixels.tobytes() for path in folder.glob("*.exr")}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_film_that_is_cancelled_again_and_again_anywhere_ends_with_the_same_frames(
    seed: int, film: Film, tmp_path: Path
) -> None:
    whole = replace(film.plan, output=str(tmp_path / "whole" / "{scene}.####.exr"))
    list(color_film(whole, device="cpu"))
    cancelled = 0
    for number in np.random.default_rng(seed).integers(1, 50, 4):
        left = iter(range(int(number)))
        try:
            list(color_film(film.plan, device="cpu", cancelled=lambda left=left: next(left, None) is None))
        except Cancelled:
            cancelled += 1
    assert cancelled
    list(color_film(film.plan, device="cpu"))
    assert pixels(film.folder / "out") == pixels(tmp_path / "whole")


def test_a_film_whose_process_dies_anywhere_is_resumed_with_the_same_frames(film: Film, tmp_path: Path) -> None:
    whole = replace(film.plan, output=str(tmp_path / "whole" / "{scene}.####.exr"))
    list(color_film(whole, device="cpu"))
    save_plan(film.plan, tmp_path / "film.yaml")
    before = 0
    for number in np.random.default_rng(5).integers(3, 40, 3):
        command = [sys.executable, "-c", DYING, str(tmp_path / "film.yaml"), str(number)]
        died = subprocess.run(command, capture_output=True, text=True, check=False)
        assert died.returncode in (70, 0), died.stderr
        there = [path for path in (film.folder / "out").glob("*.exr") if plates.is_complete(path)]
        assert len(there) >= before  # nothing that was finished is lost
        before = len(there)
    assert before > 0
    list(color_film(film.plan, device="cpu"))
    assert pixels(film.folder / "out") == pixels(tmp_path / "whole")
    # what a thread was writing when the process died stays under a hidden name, until it is old enough to be removed
    assert {path.suffix for path in (film.folder / "out").iterdir()} <= {".exr", ".partial"}


def test_a_scene_borrows_the_most_alike_keys_of_its_group_pinned_ones_first(film: Film) -> None:
    film.paint(1)
    film.paint(5)
    keys = find_keys(film.plan)
    borrowed = make_shots(film.plan, keys)[2].borrowed
    assert {key.frame for key in borrowed} == {1, 3, 5}
    pinned = replace(film.plan, stills=2, groups={"a": FilmGroup(pin=("film:9",), exclude=("film:5",))})
    borrowed = make_shots(pinned, keys)[2].borrowed
    assert borrowed[0] == KeyName("film", 9)
    assert len(borrowed) == 2 and KeyName("film", 5) not in borrowed


def test_a_group_without_a_key_takes_the_most_alike_of_the_film_and_says_so(film: Film) -> None:
    (film.folder / "keys" / "film.0003.exr").unlink()
    warnings: list[str] = []
    scenes, _ = film_shots(film.plan, warn=warnings.append)
    assert scenes[2].borrowed == (KeyName("film", 9),)
    assert "Group a" in warnings[0] and "s001" in warnings[0]


def test_a_film_without_keys_and_an_unknown_scene_are_refused(tmp_path: Path) -> None:
    film = write_film(tmp_path)
    with pytest.raises(BadRequest, match="no keyframe"):
        film_shots(film.plan)
    film.paint(3)
    with pytest.raises(BadRequest, match="s009"):
        film_shots(film.plan, only=["s009"])
    pinned = replace(film.plan, groups={"a": FilmGroup(pin=("film:11",))})
    with pytest.raises(BadRequest, match="film:11"):
        film_shots(pinned)


def test_a_scene_whose_frames_are_not_on_disk_is_told_by_its_name(film: Film) -> None:
    scenes = dict(film.plan.scenes)
    scenes["s003"] = replace(scenes["s003"], frames="21-30")
    with pytest.raises(BadRequest, match="Scene s003"):
        from stcolor_core.film.scenes import look_at_scenes

        look_at_scenes(replace(film.plan, scenes=scenes))


@pytest.mark.parametrize(
    "command", [["color"], ["report"], ["shots", "--output", "shots"], ["plan", "--storyboard", "b.pdf"]]
)
def test_a_pinned_frame_that_is_not_painted_is_told_with_plan_line_frame_and_remedy(
    command: list[str], film: Film, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(film.folder)
    plan = replace(film.plan, groups={"a": FilmGroup(pin=("film:3", "film:11"))})
    save_plan(plan, film.folder / "film.yaml")
    lines = (film.folder / "film.yaml").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "pin: [" in text and text[0] != "#")
    assert main(["film", command[0], "film.yaml", *command[1:]]) == 2
    message = capsys.readouterr().err
    assert f"film.yaml, line {line}: Group a pins film:11" in message
    assert "film.0011.exr" in message and "Paint frame 11" in message
    assert not (film.folder / "out").exists() and not (film.folder / "shots").exists()


def test_scenes_are_written_as_shots_that_give_the_same_frames(film: Film) -> None:
    save_plan(film.plan, film.folder / "film.yaml")
    arguments = ["film", "shots", str(film.folder / "film.yaml"), "--output", str(film.folder / "shots")]
    assert main(arguments) == 0
    assert {path.name for path in (film.folder / "shots").iterdir()} == {
        *("s001.json", "s002.json", "s003.json", "s002-s003.json")
    }
    for name in ("s001", "s002", "s003", "s002-s003"):
        for result in colorize(Shot.load(film.folder / "shots" / f"{name}.json"), device="cpu"):
            assert not result.kept
    assert all(result.written == 0 for result in color_film(film.plan))
