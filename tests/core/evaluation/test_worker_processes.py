"""Worker processes leave Ctrl-C to the main process, and end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from scenes import pan

from stcolor_core.evaluation.worker_processes import open_workers
from stcolor_core.images.color import lab_to_srgb

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends a process at once on Windows")


@POSIX
def test_idle_and_busy_workers_ignore_the_interrupt_of_the_terminal() -> None:
    with open_workers(2) as pool:
        own = pool.submit(os.getpid).result()
        workers = [process.pid for process in multiprocessing.active_children()]
        assert own in workers
        for pid in workers:
            os.kill(pid, signal.SIGINT)
        assert {future.result() for future in [pool.submit(os.getpid) for _ in range(8)]} <= set(workers)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "the main process does not"


def test_an_exception_ends_workers_that_are_busy() -> None:
    before = set(multiprocessing.active_children())
    with pytest.raises(KeyboardInterrupt), open_workers(2) as pool:
        busy = pool.submit(time.sleep, 100_000)
        pool.submit(os.getpid).result()
        raise KeyboardInterrupt
    assert busy.exception() is not None, "it did not come to its end"
    assert set(multiprocessing.active_children()) == before


_ENDED_AT_ONCE = """
import multiprocessing, os, time
from stcolor_core.bars import tqdm
from stcolor_core.evaluation.worker_processes import open_workers

def main():
    multiprocessing.set_start_method("spawn")  # as on macOS: every lock of multiprocessing has a name then
    bar = tqdm(total=2, disable=False, file=open(os.devnull, "w"))
    try:
        with open_workers(2) as pool:
            pool.submit(time.sleep, 100_000)
            pool.submit(os.getpid).result()
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        os._exit(130)

if __name__ == "__main__":
    main()
"""


@POSIX
def test_a_process_that_ends_at_once_leaves_no_semaphores(tmp_path: Path) -> None:
    (tmp_path / "ended.py").write_text(_ENDED_AT_ONCE)
    for _ in range(8):  # the executor's thread had ended by itself in two of three runs
        run = subprocess.run([sys.executable, str(tmp_path / "ended.py")], capture_output=True, text=True)
        assert (run.returncode, run.stderr) == (130, "")


_KILLED = """
import multiprocessing, os, time
from stcolor_core.evaluation.worker_processes import open_workers

def main():
    with open_workers(2) as pool:
        pool.submit(time.sleep, 100_000)
        pool.submit(os.getpid).result()
        print(*(process.pid for process in multiprocessing.active_children()), flush=True)
        time.sleep(100_000)

if __name__ == "__main__":
    main()
"""


@POSIX
def test_workers_end_when_the_main_process_is_killed(tmp_path: Path) -> None:
    (tmp_path / "killed.py").write_text(_KILLED)
    call = [sys.executable, str(tmp_path / "killed.py")]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as main:
        assert main.stdout is not None
        workers = [psutil.Process(int(pid)) for pid in main.stdout.readline().split()]
        main.kill()
    ended, running = psutil.wait_procs(workers, timeout=60)
    for worker in running:
        worker.kill()
    assert len(ended) == 2


def test_workers_may_be_started_by_any_thread() -> None:
    found = []

    def work() -> None:
        with open_workers(1) as pool:
            found.append(pool.submit(abs, -3).result())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [3]


@POSIX
@pytest.mark.slow
def test_an_evaluation_that_is_interrupted_says_so_in_one_line(tmp_path: Path) -> None:
    scene = pan(12, height=54, width=96, step=1)
    (tmp_path / "set" / "wall").mkdir(parents=True)
    for index, pair in enumerate(zip(scene.lightnesses, scene.ab, strict=True)):
        codes = np.rint(255 * lab_to_srgb(np.dstack(pair))[..., ::-1]).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "set" / "wall" / f"{index:05d}.png"), codes)
    call = [sys.executable, "-m", "stcolor_core.cli", "evaluate", "--dataset", str(tmp_path / "set")]
    call += ["--protocol", "first", "--variants", "grey", "standard", "--lines", "216", "--workers", "2"]
    call += ["--output", str(tmp_path / "out")]
    process = subprocess.Popen(call, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while process.poll() is None and not list(tmp_path.glob("out/measurements/*.json")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # one worker is idle now, the other at work
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert [line for line in error.splitlines() if "clip/s" not in line and "s/clip" not in line][-1:] == [
        "stcolor: Cancelled."
    ]
    assert "Traceback" not in error
