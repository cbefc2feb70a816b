"""Finding, starting and stopping the core from Nuke, with real processes."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serving
from refcolorize.core import server
from refcolorize.core.troubleshooting import is_alive, troubleshoot
from refcolorize.errors import CoreRefused, CoreUnreachable, RefColorizeError
from serving import running_core

from stcolor_core import __version__
from stcolor_core.service import access, app

CHECKOUT = Path(__file__).resolve().parents[3]
POSIX = pytest.mark.skipif(os.name != "posix", reason="writes a shell script")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of this test's cores."""
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """$STCOLOR_PYTHON: this Python with this checkout's package, since the one installed may be older."""
    command = f'PYTHONPATH="{CHECKOUT}" OMP_NUM_THREADS=1 exec "{sys.executable}" "$@"'
    monkeypatch.setenv("STCOLOR_PYTHON", script(tmp_path / "python", command))
    return str(tmp_path / "python")


@pytest.fixture
def stopped() -> Iterator[None]:
    """Stops what a test has started."""
    yield
    server.stop()


def gone() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def say(state: Path, **facts: Any) -> None:
    state.mkdir(exist_ok=True)
    (state / "connection.json").write_text(json.dumps(facts))


# Where things are


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32", "freebsd14"])
def test_the_state_folder_is_that_of_the_core_on_every_platform(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("STCOLOR_STATE_DIR", "LOCALAPPDATA", "XDG_STATE_HOME")
    for values in itertools.product((None, "", "/some/where", "relative", "~/home"), repeat=len(names)):
        for name, value in zip(names, values, strict=True):
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        assert server._state_folder(platform) == access._state_folder(platform), values


def test_the_file_names_in_the_state_folder_are_those_of_the_core(state: Path) -> None:
    assert server.state_folder() == access.state_folder() == state
    assert server.connection_file() == access.connection_file(state)


def test_the_connection_file_of_the_core_is_read(state: Path) -> None:
    state.mkdir()
    access.Connection("http://127.0.0.1:9", "a-secret", 4711).write(state)
    found = server.Connection.read()
    assert (found.url, found.token, found.pid) == ("http://127.0.0.1:9", "a-secret", 4711)
    assert "a-secret" not in repr(found)


def test_the_log_shown_is_the_one_written_last(state: Path) -> None:
    assert server.log_file() == state / "core.log"
    state.mkdir()
    for number, name in enumerate(("core.log", "background.log")):
        (state / name).touch()
        os.utime(state / name, (number, number))
        assert server.log_file() == state / name


def test_the_python_of_the_core_is_the_named_one_then_that_of_the_checkout_then_stcolor_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STCOLOR_PYTHON", sys.executable)
    assert server.core_command() == [sys.executable, "-m", "stcolor_core.cli"]

    monkeypatch.delenv("STCOLOR_PYTHON")
    monkeypatch.setattr(server, "__file__", str(tmp_path / "nuke_plugin" / "refcolorize" / "core" / "server.py"))
    beside = tmp_path / ".venv" / server._PYTHON
    beside.parent.mkdir(parents=True)
    beside.touch()
    assert server.core_command() == [str(beside), "-m", "stcolor_core.cli"]

    beside.unlink()
    program = tmp_path / ("stcolor.exe" if os.name == "nt" else "stcolor")
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [os.path.normcase(part) for part in server.core_command()] == [os.path.normcase(program)]

    program.unlink()
    with pytest.raises(CoreUnreachable, match=r"not installed on this machine\. Ask whoever installed"):
        server.core_command()


def test_a_missing_named_python_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCOLOR_PYTHON", str(tmp_path / "none"))
    with pytest.raises(CoreUnreachable, match=r"STCOLOR_PYTHON names .*none: no such file\. Correct it"):
        server.core_command()


def test_the_environment_that_nuke_sets_does_not_reach_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = "PYTHONHOME PYTHONPATH LD_LIBRARY_PATH LD_PRELOAD DYLD_LIBRARY_PATH QT_PLUGIN_PATH QML2_IMPORT_PATH"
    kept = "OCIO STCOLOR_MODELS_DIR STCOLOR_PYTHON CUDA_VISIBLE_DEVICES NUKE_PATH HOME PATH"
    for name in (foreign + " " + kept).split():
        monkeypatch.setenv(name, "/a/value")
    environment = server.core_environment()
    assert not set(foreign.split()) & set(environment)
    assert set(kept.split()) <= set(environment)


# Finding


def test_a_running_core_is_found(state: Path) -> None:
    with running_core(state, device="cpu") as core:
        client = server.find()
        assert client is not None and client.url == core.connection.url
        assert server.ensure().url == core.connection.url
    assert server.find() is None


def test_nothing_is_started_if_a_core_runs(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process would become the core when the first one is stopped."""
    monkeypatch.setenv("STCOLOR_PYTHON", str(tmp_path / "none"))
    with running_core(state, device="cpu") as core:
        assert server.start().url == core.connection.url


def test_a_restarted_core_is_found_instead_of_the_old_one(state: Path) -> None:
    with running_core(state, device="cpu"):
        first = server.ensure()
    with running_core(state, device="cpu") as second:
        assert server.ensure().url == second.connection.url
        with pytest.raises((CoreUnreachable, CoreRefused)):  # by chance it has the first one's port
            first.health()


def test_a_core_of_another_protocol_is_neither_used_nor_started_again(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "PROTOCOL", 2)
    monkeypatch.setattr(server, "_launch", lambda: pytest.fail("started another"))
    with running_core(state, device="cpu"), pytest.raises(RefColorizeError, match="protocol 2"):
        server.ensure()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(None, "none", id="no file"),
        pytest.param("{", "no core wrote this file", id="no JSON"),
        pytest.param("[]", "no core wrote this file", id="a list"),
        pytest.param('{"url": "http://127.0.0.1:9"}', "no core wrote this file", id="no token"),
        pytest.param('{"url": "http://evil.example:9", "token": "a", "pid": 1}', "not on this machine", id="elsewhere"),
        pytest.param('{"url": "http://127.0.0.1:9", "token": "a b", "pid": 1}', "no valid token", id="a bad token"),
        pytest.param('{"url": "http://127.0.0.1:9", "token": "a", "pid": 7}', "process 7, asked http:", id="gone"),
    ],
)
def test_every_attempt_is_reported_in_plain_words(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, why: str
) -> None:
    monkeypatch.setenv("STCOLOR_PYTHON", str(tmp_path / "none"))
    state.mkdir()
    if text is not None:
        (state / "connection.json").write_text(text)
    assert server.find() is None
    with pytest.raises(CoreUnreachable) as failed:
        server.ensure()
    looked, started = failed.value.tried
    assert looked.startswith(f"looked for a core in {state / 'connection.json'}: ") and why in looked
    assert "STCOLOR_PYTHON" in started and "\n" not in str(failed.value)


def test_a_core_that_expects_another_token_is_not_found(state: Path) -> None:
    with running_core(state, device="cpu") as core:
        theirs = (state / "connection.json").read_text()
        say(state, url=core.connection.url, token="another", pid=os.getpid())
        assert server.find() is None
        (state / "connection.json").write_text(theirs)


# Starting and stopping


@POSIX
@pytest.mark.slow
@pytest.mark.usefixtures("python", "stopped")
def test_a_core_is_started_found_again_and_stopped(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nukes/own")
    started = server.ensure()
    assert started.health()["version"] == __version__
    assert started.url == server.ensure().url == server.start().url
    assert (state / "core.log").is_file()

    server.stop()
    assert not (state / "connection.json").exists()
    assert server.find() is None
    server.stop()
    with pytest.raises(CoreUnreachable):
        started.health()


@POSIX
@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(
            "echo hm; echo 'stcolor: The disk is full.' >&2; exit 1", "ended with: The disk is full", id="words"
        ),
        pytest.param("exit 3", "ended with: no output", id="silence"),
        pytest.param(
            f"exec {sys.executable} -S -c 'import stcolor_core'", "is not installed in that Python", id="not installed"
        ),
        pytest.param("exec sleep 60", "did not end within 0.5 s", id="hangs"),
        pytest.param("exit 0", "connection.json: none", id="reports that it runs and does not"),
    ],
)
def test_a_failed_start_of_the_core_is_explained_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    monkeypatch.setattr(server, "_START_SECONDS", 0.5 if "sleep" in text else 60)
    monkeypatch.setenv("STCOLOR_PYTHON", script(tmp_path / "python", text))
    with pytest.raises(CoreUnreachable) as failed:
        server.start()
    assert why in failed.value.tried[0] and why in str(failed.value) and "\n" not in str(failed.value)


@POSIX
def test_a_program_that_cannot_be_run_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python").touch()
    monkeypatch.setenv("STCOLOR_PYTHON", str(tmp_path / "python"))
    with pytest.raises(CoreUnreachable, match="cannot be run"):
        server.start()


def test_a_start_is_known_while_it_lasts_and_its_failure_until_a_core_is_found(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def fail(*_: str, seconds: float) -> str:
        seen.append(server.is_starting())
        raise CoreUnreachable("No such program.")

    monkeypatch.setattr(server, "run_core", fail)
    with pytest.raises(CoreUnreachable, match="No such program"):
        server.ensure()
    assert (seen, server.is_starting(), server.has_failed_to_start()) == ([True], False, True)
    with running_core(state, device="cpu"):
        assert server.find() is not None
    assert not server.has_failed_to_start()


def test_stopping_waits_until_the_core_has_ended(state: Path) -> None:
    with running_core(state, device="cpu"):
        server.stop()
        assert not (state / "connection.json").exists()


def test_a_core_that_does_not_stop_is_named(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_STOP_SECONDS", 0.0)
    monkeypatch.setattr(server.Client, "shutdown", lambda _: None)
    with (
        running_core(state, device="cpu"),
        pytest.raises(RefColorizeError, match=rf"process {os.getpid()}\) did not stop"),
    ):
        server.stop()


# Troubleshooting


def test_troubleshooting_without_any_core_names_the_button_to_press(python: str, state: Path) -> None:
    lines = troubleshoot()
    assert lines[0].endswith("connection.json: none. Press Start in the panel.")
    assert f"The core's program is {python}. Nothing to do." in lines
    assert f"It answers: stcolor {__version__}. Nothing to do." in lines
    assert str(state / "core.log") in lines[-1] and lines[-1].endswith("Press Start in the panel.")


def test_troubleshooting_a_healthy_core_finds_nothing_to_do(python: str, state: Path) -> None:
    with running_core(state, device="cpu") as core:
        (state / "core.log").write_text("first\nsecond\nthird\nfourth\n")
        lines = troubleshoot()
    log = next(number for number, line in enumerate(lines) if line.startswith("The log is"))
    assert all(line.endswith("Nothing to do.") for line in lines[:log])
    assert any(f"{core.connection.url} accepts the token and answers: version {__version__} on cpu" in x for x in lines)
    assert [line.strip() for line in lines[log + 1 :]] == ["second", "third", "fourth"]
    assert not any(core.connection.token in line for line in lines)


@pytest.mark.usefixtures("python")
def test_troubleshooting_reports_a_killed_core(state: Path) -> None:
    pid = gone()
    say(state, url="http://127.0.0.1:9", token="a", pid=pid)
    assert (
        f"Process {pid} is gone without a message: it was killed, or it crashed. Press Start in the panel."
        in troubleshoot()
    )


@pytest.mark.usefixtures("python")
def test_troubleshooting_reports_a_process_that_does_not_listen(state: Path) -> None:
    with serving.running_core(state, device="cpu") as core:
        url = core.connection.url
    say(state, url=url, token="a", pid=os.getpid())
    assert any(line.startswith(f"Nothing answers at {url} (") for line in troubleshoot())


@pytest.mark.usefixtures("python")
def test_troubleshooting_reports_a_wrong_token_and_a_wrong_protocol(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_core(state, device="cpu") as core:
        theirs = (state / "connection.json").read_text()
        say(state, url=core.connection.url, token="another", pid=os.getpid())
        assert any("refuses this token" in line for line in troubleshoot())
        (state / "connection.json").write_text(theirs)
        monkeypatch.setattr(app, "PROTOCOL", 2)
        assert any("protocol 2" in line for line in troubleshoot())


@POSIX
def test_troubleshooting_reports_a_version_other_than_the_installed_one(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STCOLOR_PYTHON", script(tmp_path / "python", "echo stcolor 9.9"))
    with running_core(state, device="cpu"):
        assert "The installed core is stcolor 9.9. Press Stop in the panel, then Start." in troubleshoot()


@POSIX
def test_troubleshooting_a_python_without_the_core_names_the_command_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = script(tmp_path / "python", f'exec "{sys.executable}" -S "$@"')
    monkeypatch.setenv("STCOLOR_PYTHON", path)
    line = next(line for line in troubleshoot() if line.startswith(f"Started {path}"))
    assert "is not installed in that Python" in line and line.endswith("The command is: install.py nuke")


def test_a_process_is_alive_until_it_has_ended() -> None:
    assert is_alive(os.getpid())
    assert not is_alive(gone())
