"""Claims: which run writes to which folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stcolor_core.errors import OutputError
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.claims import Claim


@pytest.fixture
def output(tmp_path: Path) -> FramePattern:
    return FramePattern.parse(str(tmp_path / "out" / "shot[1].####.exr"))


def claims(output: FramePattern) -> list[Path]:
    return sorted(output.folder.glob(".*.claim"))


def a_name_of(output: FramePattern) -> Path:
    """Of a claim on the frames."""
    return output.folder / f".{Claim(output, state='')._name}.0123abcd.claim"


def leave_a_claim(output: FramePattern, *, host: str, pid: int, begun: float) -> Path:
    """Write a claim as a run of another state does that is still running or was killed."""
    output.folder.mkdir(exist_ok=True)
    path = a_name_of(output)
    path.write_text(json.dumps({"state": "other", "host": host, "pid": pid, "begun": begun}))
    return path


def own(output: FramePattern) -> dict[str, object]:
    with Claim(output, state="a"):
        (path,) = claims(output)
        claim: dict[str, object] = json.loads(path.read_text())
    return claim


def test_a_claim_and_a_folder_it_made_are_removed_at_the_end_of_the_run(output: FramePattern) -> None:
    with Claim(output, state="a"):
        assert len(claims(output)) == 1
    assert not output.folder.exists()


def test_a_folder_with_frames_is_kept(output: FramePattern) -> None:
    with Claim(output, state="a"):
        output.path(1).touch()
    assert list(output.folder.iterdir()) == [output.path(1)]


def test_another_state_is_refused_and_the_first_run_continues(output: FramePattern) -> None:
    with Claim(output, state="a"):
        with pytest.raises(OutputError, match=r"shot\[1\].*process \d+ .*--output"), Claim(output, state="b"):
            pass
        assert len(claims(output)) == 1
    with Claim(output, state="b"):
        pass


def test_the_same_state_may_join(output: FramePattern) -> None:
    with Claim(output, state="a"), Claim(output, state="a"):
        assert len(claims(output)) == 2


def test_another_pattern_in_the_folder_can_be_claimed(output: FramePattern) -> None:
    other = FramePattern.parse(str(output.folder / "other.####.exr"))
    with Claim(output, state="a"), Claim(other, state="b"):
        pass


def test_of_many_simultaneous_runs_no_two_states_write_together(output: FramePattern) -> None:
    inside: set[tuple[int, str]] = set()
    mixed, entered = [], []

    def run(number: int) -> None:
        state = "ab"[number % 2]
        try:
            with Claim(output, state=state):
                inside.add((number, state))
                mixed.append(len({each for _, each in set(inside)}) > 1)
                entered.append(number)
                threading.Event().wait(0.01)
                inside.discard((number, state))
        except OutputError:
            pass

    output.folder.mkdir()
    threads = [threading.Thread(target=run, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert entered and not any(mixed)
    assert not claims(output)


def test_claims_of_a_killed_run_are_removed(output: FramePattern) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    claim = own(output)
    left = leave_a_claim(output, host=str(claim["host"]), pid=child.pid, begun=0.0)  # the process id is in use again
    with Claim(output, state="a"):
        assert not left.exists()
    child.communicate(b"\n")
    left = leave_a_claim(output, host=str(claim["host"]), pid=child.pid, begun=float(str(claim["begun"])))
    with Claim(output, state="a"):
        assert not left.exists()


def test_a_run_on_another_machine_counts_as_live_while_it_renews_its_claim(output: FramePattern) -> None:
    left = leave_a_claim(output, host="render07", pid=4711, begun=1e9)
    with pytest.raises(OutputError, match=r"process 4711 on render07"), Claim(output, state="a"):
        pass
    long_ago = left.stat().st_mtime - 1000
    os.utime(left, (long_ago, long_ago))
    with Claim(output, state="a"):
        assert not left.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": 1}', '{"state": "b", "host": "x", "pid": "y", "begun": 0}'])
def test_a_file_that_no_run_wrote_blocks_no_run(output: FramePattern, text: str) -> None:
    output.folder.mkdir()
    a_name_of(output).write_text(text)
    with Claim(output, state="a"):
        pass


def test_frames_of_the_longest_name_can_be_claimed(tmp_path: Path) -> None:
    with Claim(FramePattern.parse(str(tmp_path / f"{'x' * 240}.####.exr")), state="a"):
        assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    claim = Claim(FramePattern.parse(str(tmp_path / "file" / "shot.####.exr")), state="a")
    with pytest.raises(OutputError, match=r"file cannot be written"), claim:
        pass
