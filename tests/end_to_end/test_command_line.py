"""Every command line ends with one of four codes and, if it fails, with one line; nothing is stubbed."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import write_reference
from cores import Start
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import until

from stcolor_core.cli import command_line
from stcolor_core.images import frame_files
from stcolor_core.service.access import find
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

_LONGEST = len("stcolor: ") + 400
_UNSUBMITTED = {"--submit"}  # would submit a job to a real farm
_STILL = {"serve"}  # would not end


def parsers(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield name.strip(), parser
    for group in groups:
        for word, inner in group.choices.items():
            yield from parsers(inner, f"{name} {word}")


PARSERS = {name: parser for name, parser in parsers(command_line._parser()) if name not in _STILL}

# Valid arguments of each command, so that the parser does not refuse every drawn command line.
FAR: dict[str, list[str]] = {
    "colorize": ["--shot", "shot.json"],
    "plan": ["--shot", "shot.json"],
    "suggest": ["--shot", "shot.json"],
    "evaluate": ["--dataset", "clips", "--variants", "grey", "--lines", "16"],
    "models add": ["no_picture.exr"],
    "train features": ["--footage", "empty"],
    "train cleaning": ["--footage", "empty"],
    "train refinement": ["--footage", "empty", "--cache", "cache"],
    **{f"farm {engine}": ["--shot", "shot.json", "--output", "job"] for engine in ("openjd", "deadline", "opencue")},
    "farm check": ["--shot", "shot.json"],
    "farm span": ["--shot", "shot.json", "--span", "0"],
    "farm verify": ["--shot", "shot.json"],
    "farm session": ["--path-mapping", "rules.json"],
}
WORDS = [
    *(
        "",
        " ",
        "-",
        "--",
        "=",
        "-=",
        "#",
        "####",
        "%04d",
        "a.####.exr",
        "a.%4d.exr",
        "a.####.####.exr",
        "./",
        "..",
        ".",
    ),
    *("²", "²=x", "--5=x", "-3=x", "-3", "1=", "=x", "1=1=1", "٣", "٣=x", "1e999", "nan", "inf", "-inf", "-0", "0x10"),
    *("1-3", "3-1", "1-3x0", "-3--1", "1-99999999999", "9" * 5000, "-" + "9" * 5000, f"{'9' * 5000}=x", "1,,2", ","),
    *(
        "a\nb",
        "a\rb",
        "a\x1b[31mb",
        "\x85",
        "\u2028",
        "\ud800",
        "\udcff.exr",
        "é\u0301",
        "名前.####.exr",
        "🎬",
        "\u202e",
    ),
    *(
        "x" * 300,
        "x/" * 200 + "x.exr",
        "~",
        "~nobody",
        "$HOME",
        "*",
        "?",
        "[",
        "con",
        "nul.exr",
        "C:\\x.exr",
        "//s/x.exr",
    ),
    *(
        "missing.json",
        "missing/x.json",
        "broken.json",
        "deep.json",
        "odd.json",
        "empty",
        "no_picture.exr",
        "rules.json",
    ),
    *("plate.####.exr", "plate.0001.exr", "2=ref.0002.exr", "ref.####.exr", "out/o.####.exr", "standard", "exemplar"),
    *("ocio://default", "ocio://none", "ACEScg", "auto", "none", "dense", "first", "grey", "linear(grey)", "mean(x)"),
]
texts = st.text(st.characters(exclude_characters="\0"), max_size=12).filter(lambda text: not text.startswith("/"))
words = st.one_of(st.sampled_from(WORDS), texts, st.integers().map(str), st.floats(width=32).map(str))


@st.composite
def arguments(draw: st.DrawFn, command: str) -> list[str]:
    """Draw a command with some of its options, with valid and invalid values, and with surplus words."""
    parser = PARSERS[command]
    options = [o for action in parser._actions for o in action.option_strings if o not in _UNSUBMITTED]
    choices = {o: action.choices for action in parser._actions for o in action.option_strings}
    argv = draw(st.sampled_from([FAR.get(command, []), FAR.get(command, []), []])).copy()
    for _ in range(draw(st.integers(0, 4))):
        option = draw(st.sampled_from(options))
        value = draw(st.sampled_from(sorted(choices[option])) if choices[option] else words)
        argv += draw(st.sampled_from([[option, value], [f"{option}={value}"], [option], [value], [option[:5]]]))
    return [*command.split(), *argv]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder with a shot of three tiny frames; all default outputs go below it."""
    folder = tmp_path_factory.mktemp("place")
    lightness = np.tile(np.linspace(0, 100, 16, dtype=np.float32), (16, 1))
    for frame in (1, 2, 3):
        frame_files.write_frame(folder / f"plate.{frame:04d}.exr", {"Y": (lightness / 100, "half")})
    write_reference(folder / "ref.0002.exr", lightness, np.full((16, 16, 2), 20, np.float32))
    shot = Shot(
        plate=Plate(path=str(folder / "plate.####.exr")),
        output=Output(path=str(folder / "out" / "shot.####.exr")),
        references=(Reference(path=str(folder / "ref.####.exr")),),
        method=Method(working_height=64, matching_height=64, cuts="none"),
    )
    data = json.loads(shot.to_json())
    for name, text in {
        "shot.json": shot.to_json(),
        "broken.json": "{",
        "deep.json": "[" * 100_000,
        "odd.json": json.dumps({**data, "ocio": "a\0\ud800", "stills": [{"path": "\n"}]}),
        "no_picture.exr": "hello",
        "rules.json": "{}",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "empty").mkdir()
    (folder / "clips" / "a").mkdir(parents=True)
    for frame in (1, 2):
        cv2.imwrite(str(folder / "clips" / "a" / f"{frame}.png"), np.zeros((16, 16, 3), np.uint8))
    (folder / "tmp").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(tempfile, "tempdir", str(folder / "tmp"))
        patch.setattr(sys, "dont_write_bytecode", True)
        for name in ("STCOLOR_STATE_DIR", "STCOLOR_MODELS_DIR", "STCOLOR_CACHE_DIR", "HOME", "XDG_DATA_HOME"):
            patch.setenv(name, str(folder / "state"))
        yield folder


class Writes:
    """Records the files that Python is asked to write, make or remove while it is active."""

    def __init__(self) -> None:
        self.on, self.paths = False, set[str]()
        sys.addaudithook(self._hear)  # a hook cannot be removed

    def _hear(self, event: str, details: tuple[Any, ...]) -> None:
        if self.on and event in ("open", "os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink"):
            reads = event == "open" and isinstance(details[2], int) and not details[2] & (os.O_WRONLY | os.O_RDWR)
            if not reads and isinstance(details[0], (str, bytes)):
                self.paths.add(os.path.abspath(os.fsdecode(details[1 if event == "os.rename" else 0])))  # noqa: PTH100


WRITES = Writes()


def run(argv: list[str]) -> tuple[int, str]:
    """Run a command line; return its exit code and its standard error."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    WRITES.paths.clear()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        WRITES.on = True
        try:
            code = command_line.main(argv)
        except SystemExit as ended:  # --help and --version
            code = int(ended.code or 0)
        finally:
            WRITES.on = False
    err.seek(0)
    return code, err.read()


def check(argv: list[str], place: Path) -> None:
    code, error = run(argv)
    assert code in (0, 1, 2)
    lines = error.split("\n")[:-1]
    assert error == "" or error.endswith("\n")
    assert all(line.startswith("stcolor: ") and line.isprintable() and len(line) <= _LONGEST for line in lines), lines
    if code == 2:
        assert len(lines) == 1
    elif code == 1 and not argv[0].startswith(("status", "doctor")):
        assert lines
    assert not [path for path in WRITES.paths if not path.startswith((str(place), os.devnull))]


@pytest.mark.slow
@pytest.mark.parametrize("command", PARSERS)
def test_every_command_line_ends_with_a_code_and_one_line(command: str, place: Path) -> None:
    @settings(
        max_examples=3 if command == "doctor" else 60,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(arguments(command))
    def every(argv: list[str]) -> None:
        check(argv, place)

    every()


@given(st.lists(words, max_size=4))
@settings(max_examples=200, database=None)
def test_an_unknown_command_ends_in_one_line(place: Path, argv: list[str]) -> None:
    check(argv, place)


def test_a_running_core_reports_the_options_that_it_cannot_apply(
    start: Start, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start()
    until(lambda: find(state) is not None)
    for more in ([], ["--background"]):
        assert command_line.main(["serve", "--port", "1", "--idle-minutes", "3", *more]) == 0
        assert "--port, --idle-minutes not used" in capsys.readouterr().err
        assert command_line.main(["serve", *more]) == 0
        assert capsys.readouterr().err == ""
