"""The command line: no option is ignored silently, and every invalid command line ends in one line."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stcolor_core.cli import command_line, farm_jobs, movie_options, shot_options
from stcolor_core.errors import one_line
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Matte, Plate, Reference, Still
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

WITH_INSTANCES = {"method": Method(tracking="instance+dense", detector="detectron2"), "mattes": ()}


def a_shot(**changes: Any) -> Shot:
    """A shot in which no setting has the value that the tests give."""
    shot = Shot(
        plate=Plate(path="/p.####.exr", colorspace="ACEScg", layer="left"),
        output=Output(path="/o.####.exr", reuse="/v1.####.exr"),
        references=(Reference(path="/r.exr", frame=1),),
        stills=(Still(path="/s.png"),),
        mattes=(Matte(path="/m.####.exr"),),
    )
    return dataclasses.replace(shot, **changes)


# The value given to each option with --shot, and, if it has no effect in some shots, a shot in which it has one.
GIVEN: dict[str, tuple[list[str], dict[str, Any]]] = {
    "--plate": (["/other.####.exr"], {}),
    "--plate-layer": (["right"], {}),
    "--frames": (["1-9"], {}),
    "--first-frame": (["-1001"], {"plate": Plate(path="/x.mov")}),
    "--reference": (["-3=/new.exr"], {}),
    "--reference-alpha": (["ignore"], {}),
    "--swatch": (["-3:a:b=c=#8a3324,#C07050"], {}),
    "--still": (["/new.png"], {}),
    "--matte": (["/new.####.exr"], {}),
    "--output": (["/other.####.exr"], {}),
    "--reuse": (["/v2.####.exr"], {}),
    "--link-reused": ([], {}),
    "--no-link-reused": ([], {"output": Output(path="/o.####.exr", reuse="/v1.####.exr", link=True)}),
    "--beauty": ([], {"output": Output(path="/o.####.exr", beauty=False)}),
    "--no-beauty": ([], {}),
    "--layers": (["rgb, rc_ab"], {}),
    "--compression": (["piz"], {}),
    "--provenance": ([], {"output": Output(path="/o.####.exr", provenance=False)}),
    "--no-provenance": ([], {}),
    "--missing": (["skip"], {}),
    "--only": (["-5--3,7"], {}),
    "--max-span": (["7"], {}),
    "--colorspace": (["scene_linear"], {}),
    "--ocio": (["ocio://default"], {}),
    "--exposure": (["-1.5"], {}),
    "--chroma": (["1.25"], {}),
    "--keep-chroma": (["0.5"], {}),
    "--model": (["exemplar"], {}),
    "--tracking": (["instance"], {}),
    "--working-height": (["100"], {}),
    "--matching-height": (["100"], {}),
    "--references": (["5"], {}),
    "--temperature": (["0.5"], {}),
    "--radius": (["5"], {}),
    "--exact": ([], {}),
    "--no-exact": ([], {"method": Method(exact=True)}),
    "--flow": ([], {"method": Method(flow=False)}),
    "--no-flow": ([], {}),
    "--optical-flow": (["raft_small"], {}),
    "--cuts": (["-5,9,12-20"], {}),
    "--register": (["off"], {}),
    "--unreferenced": (["match"], {}),
    "--light": (["off"], {}),
    "--detector": (["torchvision"], WITH_INSTANCES),
    "--detector-weights": (["/w.pth"], WITH_INSTANCES),
    "--detector-config": (["/c.yaml"], WITH_INSTANCES),
    "--reference-mask": (["1=/mask.png"], {}),
}
SHOT_OPTIONS = Path(shot_options.__file__).read_text(encoding="utf-8")
MOVIE_OPTIONS = Path(movie_options.__file__).read_text(encoding="utf-8")
FARM_JOBS = Path(farm_jobs.__file__).read_text(encoding="utf-8")
RUNNING = {
    "--device": ["cpu"],
    "--force": [],
    "--json": [],
    "--memory": ["8"],
    "--movie": ["/o.mov"],
    "--movie-format": ["ffv1"],
    "--movie-encoding": ["display"],
    "--movie-rate": ["25"],
    "--no-movie-sound": [],
}
NO_SETTINGS = {"-h", "--help", "--shot", "--write-shot", *RUNNING}


def commands(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that can be run, with its parser."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield name.strip(), parser
    for group in groups:
        for word, inner in group.choices.items():
            yield from commands(inner, f"{name} {word}")


def options_of_colorize() -> list[str]:
    parser = dict(commands(command_line._parser()))["colorize"]
    return [option for action in parser._actions for option in action.option_strings]


def written(folder: Path, shot: Shot, *options: str) -> Shot:
    """Return the shot that --write-shot writes for a shot file and options given with it."""
    (folder / "shot.json").write_text(shot.to_json(), encoding="utf-8")
    new = folder / "new.json"
    assert command_line.main(["colorize", "--shot", str(folder / "shot.json"), *options, "--write-shot", str(new)]) == 0
    return Shot.load(new)


def test_every_option_of_colorize_is_covered_by_this_test() -> None:
    assert set(options_of_colorize()) == {*GIVEN, *NO_SETTINGS}


def test_every_option_of_every_command_is_read_by_its_module() -> None:
    for name, parser in commands(command_line._parser()):
        run = parser.get_default("run")
        source = Path(sys.modules[run.__module__].__file__ or "").read_text(encoding="utf-8")
        for action in parser._actions:
            if action.option_strings and "." not in action.dest and action.dest != "help":
                read = (f"options.{action.dest}", f'"{action.dest}"')
                assert any(text in source + SHOT_OPTIONS + MOVIE_OPTIONS + FARM_JOBS for text in read), (
                    f"stcolor {name} does not read {action.dest}"
                )


@pytest.mark.parametrize("option", GIVEN)
def test_an_option_given_with_a_shot_file_changes_only_its_own_setting(option: str, tmp_path: Path) -> None:
    values, changes = GIVEN[option]
    shot = a_shot(**changes)
    assert written(tmp_path, shot) == shot
    before = json.loads(shot.to_json())
    after = json.loads(written(tmp_path, shot, option, *values).to_json())
    flat = [
        {f"{part}.{name}": each for part, value in data.items() for name, each in settings(value)}
        for data in (before, after)
    ]
    assert sum(flat[0].get(name) != flat[1].get(name) for name in flat[0] | flat[1]) == 1


def settings(value: object) -> list[tuple[str, object]]:
    return list(value.items()) if isinstance(value, dict) else [("", value)]


@pytest.mark.parametrize("option", RUNNING)
def test_an_option_of_a_run_is_refused_if_nothing_runs(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = tmp_path / "shot.json"
    shot.write_text(a_shot().to_json(), encoding="utf-8")
    new = tmp_path / "new.json"
    arguments = ["colorize", "--shot", str(shot), option, *RUNNING[option], "--write-shot", str(new)]
    assert command_line.main(arguments) == 2
    assert f"{option} is about a run" in capsys.readouterr().err
    assert not new.exists()


def test_the_same_options_give_the_same_shot_with_and_without_a_file(tmp_path: Path) -> None:
    options = list(GIVEN)[: list(GIVEN).index("--model")]
    given = [word for option in options if not GIVEN[option][1] for word in (option, *GIVEN[option][0])]
    alone = tmp_path / "alone.json"
    assert command_line.main(["colorize", *given, "--write-shot", str(alone)]) == 0
    bare = Shot(plate=Plate(path="/x.exr"), output=Output(path="/x.exr"))
    assert Shot.load(alone) == written(tmp_path, bare, *given)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        pytest.param(["--link-reused"], "--reuse", id="a link to nothing"),
        pytest.param(["--matte", "/m.exr", "--tracking", "dense"], "--tracking instance", id="mattes untracked"),
        pytest.param(["--radius", "5", "--tracking", "none"], "--tracking dense", id="a radius of no window"),
        pytest.param(["--matching-height", "99", "--model", "exemplar"], "standard", id="a height of another model"),
        pytest.param(["--no-flow", "--model", "exemplar"], "standard", id="no flow for a model without flow"),
        pytest.param(["--exact", "--model", "exemplar", "--tracking", "none"], "dense", id="exact forms of nothing"),
        pytest.param(["--detector", "torchvision", "--tracking", "dense"], "instance", id="a detector unused"),
        pytest.param(
            ["--detector", "torchvision", "--matte", "/m.exr"], "mattes", id="a detector together with mattes"
        ),
        pytest.param(["--detector-weights", "/w"], "--detector detectron2", id="weights of no detector"),
        pytest.param(["--detector-config", "/c", "--detector", "torchvision"], "detectron2", id="another's config"),
        pytest.param(
            ["--max-span", "5", "--model", "exemplar"], "exemplar", id="pieces of spans that are never divided"
        ),
    ],
)
def test_an_option_that_would_have_no_effect_is_refused_by_name(
    options: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = ["--plate", "/p.####.exr", "--output", "/o.####.exr", "--write-shot", str(tmp_path / "new.json")]
    assert command_line.main(["colorize", *shot, *options]) == 2
    line = capsys.readouterr().err
    assert f"{options[0]} would have no effect here" in line and named in line
    assert not (tmp_path / "new.json").exists()


def test_a_detector_that_is_named_is_used(tmp_path: Path) -> None:
    options = ["--plate", "/p.####.exr", "--output", "/o.####.exr", "--detector", "detectron2"]
    new = tmp_path / "new.json"
    assert command_line.main(["colorize", *options, "--detector-weights", "/w", "--write-shot", str(new)]) == 0
    assert Shot.load(new).method.tracking == "instance+dense"


def test_a_span_is_divided_only_for_a_farm(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["colorize", "--plate", "/p.####.exr", "--output", "/o.####.exr", "--max-span", "5"]) == 2
    assert "--max-span is for the tasks of a farm" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("engine", "options", "named"),
    [
        ("openjd", ["--nuke", "nuke15"], "--nuke-script"),
        ("opencue", ["--write", "Write1"], "--nuke-script"),
        ("deadline", ["--handles", "2"], "--nuke-script"),
        ("openjd", ["--max-span", "2"], "exemplar"),
        ("deadline", ["--max-span", "2"], "exemplar"),
    ],
)
def test_a_farm_option_that_would_have_no_effect_is_refused_by_name(
    engine: str, options: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = tmp_path / "shot.json"
    shot.write_text(a_shot(method=Method(model="exemplar")).to_json(), encoding="utf-8")
    assert command_line.main(["farm", engine, "--shot", str(shot), "--output", str(tmp_path / "job"), *options]) == 2
    line = capsys.readouterr().err
    assert options[0] in line and named in line
    assert not (tmp_path / "job").exists()


@pytest.mark.parametrize("text", ["a\nPool=x", "a\x1b", "\udcff", "\u2028"])
@pytest.mark.parametrize(
    ("engine", "option"),
    [("deadline", "--pool"), ("opencue", "--show"), ("openjd", "--stcolor"), ("openjd", "--write")],
)
def test_a_text_that_no_engine_stores_is_refused_by_name(
    engine: str, option: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shot = tmp_path / "shot.json"
    shot.write_text(a_shot().to_json(), encoding="utf-8")
    job = ["farm", engine, "--shot", str(shot), "--output", str(tmp_path / "job")]
    assert command_line.main([*job, option, text, "--nuke-script", "/s.nk"]) == 2
    assert f"{option} {text!a} holds a character" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "frame", "path"),
    [
        ("-3=x.exr", -3, "x.exr"),
        ("1010=a=b.exr", 1010, "a=b.exr"),
        ("--5=x", None, "--5=x"),
        ("\u00b2=x", None, "\u00b2=x"),
        ("\u0661=x", None, "\u0661=x"),
        (f"{'9' * 5000}=x", None, f"{'9' * 5000}=x"),
        ("sh.####.exr", None, "sh.####.exr"),
    ],
)
@pytest.mark.parametrize("option", ["--reference", "--matte"])
def test_a_frame_is_a_plain_number_before_the_equals_sign(
    option: str, text: str, frame: int | None, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the file is, so that its paths stay as they are written
    found = written(tmp_path, a_shot(), f"{option}={text}")
    pictures: tuple[Reference | Matte, ...] = found.references if option == "--reference" else found.mattes
    assert [(each.frame, each.path) for each in pictures] == [(frame, path)]


def test_what_is_no_frame_number_before_the_equals_sign_is_named_if_a_file_follows_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["colorize", "--plate", "/p.####.exr", "--output", "/o.####.exr", "--write-shot", "shot.json"]
    Path("k.png").touch()
    assert command_line.main([*options, "--reference", "abc=k.png"]) == 2
    assert "'abc' is no frame number. Write FRAME=PATH, like 1050=k.png." in capsys.readouterr().err
    Path("take=k.png").touch()
    Path("take=0001.png").touch()
    for path in ("take=k.png", "take=####.png"):
        assert command_line.main([*options, "--reference", path]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--reference", "-3=x"), ("--matte", "-3=x"), ("--only", "-3--1"), ("--frames", "-3,5"), ("--cuts", "-3")],
)
def test_a_negative_frame_needs_no_equals_sign(option: str, value: str, tmp_path: Path) -> None:
    assert written(tmp_path, a_shot(), option, value) == written(tmp_path, a_shot(), f"{option}={value}")


def test_a_shot_file_that_cannot_be_written_is_reported_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["colorize", "--plate", "/p.####.exr", "--output", "/o.####.exr", "--write-shot"]
    (tmp_path / "file").touch()
    for path in (tmp_path / "missing" / "x.json", tmp_path / "file" / "x.json", tmp_path):
        assert command_line.main([*options, str(path)]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and str(path) in error and "cannot be written" in error
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_message_is_shortened_to_one_line_and_keeps_its_remedy() -> None:
    line = one_line("Frame 1\n of \x1b[31m\udcff" + "x" * 5000 + " is missing. Render it.")
    assert len(line) <= 300
    assert line.isprintable()
    assert line.startswith("Frame 1 of \\x1b[31m\\udcff") and line.endswith("is missing. Render it.")


def test_a_long_message_shortens_its_paths_before_its_words() -> None:
    folder = "/show/" + "deep/" * 40
    line = one_line(f"In {folder}shot.####.exr, frame 7 is missing. Run it again. {folder}report.json has the list.")
    assert len(line) <= 300
    assert "shot.####.exr, frame 7 is missing. Run it again. /show/" in line and "report.json has the list." in line
    assert len(one_line("word " * 200 + "remedy.")) <= 400
    assert one_line("word " * 200 + "remedy.").endswith("word remedy.")
