"""Ctrl-C, once and twice, sent to real processes while they work."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from conftest import ShotOnDisk
from scenes import pan

from stcolor_core.images import plates

MakeShot = Callable[..., ShotOnDisk]
# Windows cannot send Ctrl-C to one process; Ctrl-Break goes to the process group that was made for it.
CTRL_C = signal.CTRL_BREAK_EVENT if sys.platform == "win32" else signal.SIGINT
GROUP = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0

# A program that is busy in torch, in the main thread or in a pool that the main thread waits for.
BUSY = """
import sys
from concurrent.futures import ThreadPoolExecutor
import torch
from stcolor_core.files.atomic import atomic_path
from stcolor_core.terminal import StopOnSignal, end_at_second_signal
from pathlib import Path

ones = torch.ones(3000, 3000, dtype=torch.float64)

def work():
    with atomic_path(Path(sys.argv[2])) as partial:
        partial.write_text("half")
        print("busy", flush=True)
        ones.matrix_power(2 ** 60)  # hours

with end_at_second_signal(), StopOnSignal():
    if sys.argv[1] == "main thread":
        work()
    else:
        with ThreadPoolExecutor(2) as pool:
            pool.submit(work).result()
"""


def start(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        creationflags=GROUP,
    )


def interrupt_until_it_ends(process: subprocess.Popen[str]) -> str:
    """Send Ctrl-C repeatedly, since signals close together count once; return the standard error."""
    for _ in range(200):
        process.send_signal(CTRL_C)
        try:
            process.wait(0.25)
            break
        except subprocess.TimeoutExpired:
            continue
    else:
        process.kill()
        pytest.fail("it does not end")
    return process.communicate()[1]


@pytest.mark.parametrize("where", ["main thread", "pool"])
def test_a_second_ctrl_c_ends_a_busy_torch_with_one_line_and_no_half_written_file(where: str, tmp_path: Path) -> None:
    process = start("-c", BUSY, where, str(tmp_path / "frame.exr"))
    assert process.stdout is not None
    assert process.stdout.readline() == "busy\n"
    error = interrupt_until_it_ends(process)
    assert process.returncode == 130
    assert error.count("\n") == 1 and error.startswith("stcolor: Stopped at once.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["colorize", "span"])
def test_a_second_ctrl_c_ends_a_run_with_one_line_and_leaves_whole_frames(
    command: str, make_shot: MakeShot, tmp_path: Path
) -> None:
    shot = make_shot(pan(40, height=216, width=384, step=2))
    wish = tmp_path / "shot.json"
    assert shot.colorize("--working-height", "216", "--cuts", "none", "--write-shot", str(wish)) == 0
    arguments, done = {
        "colorize": (["colorize", "--json"], '"kind": "frame"'),
        "span": (["farm", "span", "--frames", "1001-1040"], "is done"),
    }[command]
    process = start("-m", "stcolor_core.cli", *arguments, "--shot", str(wish))
    assert process.stdout is not None
    assert any(done in line for line in process.stdout)
    error = interrupt_until_it_ends(process)
    assert process.returncode == 130
    assert error.count("\n") == 1 and error.startswith("stcolor: ")
    assert all(plates.is_complete(path) for path in shot.written())
    assert not list(tmp_path.rglob("*.partial"))


def test_a_second_ctrl_c_ends_a_command_that_never_checks_for_a_stop(tmp_path: Path) -> None:
    scene = pan(12, height=64, width=96, step=2)
    (tmp_path / "clips" / "a").mkdir(parents=True)
    for frame, lightness in enumerate(scene.lightnesses):
        cv2.imwrite(str(tmp_path / "clips" / "a" / f"{frame:04d}.png"), lightness)
    protocols = [word for name in ("first", "last", "tenth") for word in ("--protocol", name)]
    command = ["evaluate", "--dataset", str(tmp_path / "clips"), "--variants", "standard", *protocols]
    process = start("-m", "stcolor_core.cli", *command)
    assert process.stdout is not None
    assert any(line.startswith("| standard") for line in process.stdout)
    error = interrupt_until_it_ends(process)
    assert process.returncode == 130
    assert error.count("\n") == 1 and error.startswith("stcolor: ")
