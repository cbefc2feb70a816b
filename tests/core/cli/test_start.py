"""What a command does before it imports the slow libraries: a wrong path is reported, the bar is shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stcolor_core.images import frame_files

SLOW = ("torch", "torchvision", "cv2", "OpenImageIO", "OpenEXR", "PyOpenColorIO", "numpy")
RUN = """
import json, sys
from stcolor_core.cli import main
try:
    code = main(json.loads(sys.argv[1]))
except SystemExit as end:
    code = end.code
print(json.dumps([code, [name for name in json.loads(sys.argv[2]) if name in sys.modules]]))
"""
BAR = """
import json, sys
from stcolor_core.cli import colorize, main
from stcolor_core.errors import Cancelled

class Bar(colorize.ProgressBar):
    def __enter__(self):
        super().__enter__()
        print(json.dumps([name for name in json.loads(sys.argv[2]) if name in sys.modules]))
        raise Cancelled("enough")

colorize.ProgressBar = Bar
main(json.loads(sys.argv[1]))
"""


def run(program: str, arguments: list[str]) -> tuple[list[object], str]:
    """Return what a program prints as its last line of JSON, and its messages."""
    command = [sys.executable, "-c", program, json.dumps(arguments), json.dumps(SLOW)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: list[object] = json.loads(done.stdout.splitlines()[-1])
    return result, done.stderr


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for frame in (1, 2, 3):
        frame_files.write_frame(tmp_path / f"plate.{frame:04d}.exr", {"Y": (np.ones((8, 8), np.float32), "half")})
    for name in ("ref", "still", "mask"):
        frame_files.write_frame(tmp_path / f"{name}.exr", dict.fromkeys("RGB", (np.ones((8, 8), np.float32), "half")))
    return tmp_path


def colorize(folder: Path, *options: str) -> list[str]:
    paths = ["--plate", f"{folder}/plate.####.exr", "--output", f"{folder}/out/sh.####.exr"]
    return ["colorize", *paths, *(option.replace("DIR", str(folder)) for option in options)]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--plate", "DIR/no.####.exr", "--reference", "1=DIR/ref.exr"), "no.####.exr"),
        (("--plate", "DIR/no/plate.####.exr", "--reference", "1=DIR/ref.exr"), "plate.####.exr"),
        (("--reference", "1=DIR/no.exr"), "no.exr) is missing"),
        (("--reference", "DIR/no.####.exr"), "no.####.exr"),
        (("--reference", "9=DIR/ref.exr"), "9"),
        (("--reference", "1=DIR/ref.exr", "--reference-mask", "1=DIR/no.exr"), "no.exr) is missing"),
        (("--reference", "1=DIR/ref.exr", "--still", "DIR/no.png"), "no.png) is missing"),
        (("--reference", "1=DIR/ref.exr", "--matte", "DIR/no.####.exr"), "no.####.exr"),
        (("--reference", "1=DIR/ref.exr", "--frames", "7-9"), "7-9"),
        ((), "no reference"),
        (("--shot", "DIR/no.json"), "no.json"),
        (("--reference", "1=DIR/ref.exr", "--memory", "0"), "--memory 0"),
        (("--reference", "1=DIR/ref.exr", "--memory", "nan"), "--memory nan"),
        (("--reference", "1=DIR/ref.exr", "--memory", "8GB"), "--memory 8GB"),
        (("--reference", "1=DIR/ref.exr", "--device", "gpu"), "gpu"),
        (("--reference", "1=DIR/ref.exr", "--output", "DIR/out.exr"), "frame number"),
        (("--reference", "1=DIR/ref.exr", "--output", "DIR/ref.exr/out/sh.####.exr"), "ref.exr is not a folder"),
        (("--reference", "1=DIR/ref.exr", "--output", f"DIR/{'x' * 300}/sh.####.exr"), "cannot be written to"),
    ],
)
def test_a_wrong_path_is_reported_before_a_slow_library_is_imported(
    pictures: Path, options: tuple[str, ...], named: str
) -> None:
    (code, imported), messages = run(RUN, colorize(pictures, *options))
    assert code in (1, 2) and imported == []
    (line,) = messages.strip().splitlines()
    assert named in line, line


ABSENT = "mps" if sys.platform != "darwin" else "xpu"


@pytest.mark.parametrize("command", ["colorize", "serve", "evaluate"])
def test_a_device_that_cannot_be_there_is_reported_before_a_slow_library_is_imported(
    pictures: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(pictures / "state"))
    options = {"colorize": colorize(pictures, "--reference", "1=DIR/ref.exr"), "serve": ["serve"]}
    given = options.get(command, ["evaluate", "--dataset", str(pictures), "--output", str(pictures / "out")])
    (code, imported), messages = run(RUN, [*given, "--device", ABSENT])
    assert code == 2 and imported == []
    (line,) = messages.strip().splitlines()
    assert "GPU that this torch can use" in line and "--device cpu" in line, line


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="rights do not bind root, or Windows")
def test_a_folder_without_the_right_to_write_is_reported_at_once_unless_its_frames_are_there(pictures: Path) -> None:
    locked = pictures / "locked"
    locked.mkdir(mode=0o500)
    options = ("--reference", "1=DIR/ref.exr", "--output", "DIR/locked/v1/sh.####.exr")
    (code, imported), messages = run(RUN, colorize(pictures, *options))
    assert code == 1 and imported == [] and "locked is read-only" in messages


@pytest.mark.parametrize("arguments", [["--help"], ["status"], ["colorize", "--help"], ["farm", "openjd", "--help"]])
def test_help_and_status_import_no_slow_library(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path))
    (_, imported), _ = run(RUN, arguments)
    assert imported == []


def test_a_farm_job_with_a_wrong_path_is_reported_before_a_slow_library_is_imported(pictures: Path) -> None:
    shot = pictures / "shot.json"
    reference = f"1={pictures}/ref.exr"
    result, _ = run(RUN, [*colorize(pictures, "--reference", reference), "--write-shot", str(shot)])
    assert result[0] == 0
    (pictures / "ref.exr").unlink()
    (code, imported), messages = run(RUN, ["farm", "openjd", "--shot", str(shot), "--output", f"{pictures}/job"])
    assert code == 1 and imported == [] and "ref.exr) is missing" in messages


def test_the_bar_is_shown_before_torch_is_imported(pictures: Path) -> None:
    imported, _ = run(BAR, colorize(pictures, "--reference", f"1={pictures}/ref.exr"))
    assert imported == []


def test_ctrl_c_while_modules_are_imported_ends_without_a_traceback() -> None:
    code = """
import sys
from stcolor_core.cli import main

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "stcolor_core.cli.movie_options":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
sys.exit(main())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (130, "")
