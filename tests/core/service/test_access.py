from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from stcolor_core.errors import OutputError
from stcolor_core.service import access
from stcolor_core.service.access import Connection, CoreLock, connection_file, find, state_folder

CONNECTION = Connection("http://127.0.0.1:9", "a secret", 4711)


def test_a_named_state_folder_is_used_and_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "a" / "b"))
    assert state_folder() == tmp_path / "a" / "b"
    assert state_folder().is_dir()


def test_the_state_folder_is_that_of_the_platform_if_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STCOLOR_STATE_DIR", raising=False)
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / name))
    assert access._state_folder("linux") == tmp_path / "XDG_STATE_HOME" / "stcolor"
    assert access._state_folder("win32") == tmp_path / "LOCALAPPDATA" / "stcolor"
    assert access._state_folder("darwin") == Path.home() / "Library" / "Application Support" / "stcolor"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert access._state_folder("linux") == Path.home() / ".local" / "state" / "stcolor"


def test_a_state_folder_that_cannot_be_created_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "file" / "state"))
    with pytest.raises(OutputError, match="STCOLOR_STATE_DIR"):
        state_folder()


def test_the_connection_file_survives_a_round_trip_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    CONNECTION.write(tmp_path)
    assert Connection.read(tmp_path) == CONNECTION
    assert [path.name for path in tmp_path.iterdir()] == ["connection.json"]
    if os.name == "posix":
        assert stat.S_IMODE(connection_file(tmp_path).stat().st_mode) == 0o600


def test_the_text_of_a_connection_hides_the_token() -> None:
    assert "secret" not in f"{CONNECTION} {CONNECTION!r}"


def test_a_core_removes_only_its_own_connection_file(tmp_path: Path) -> None:
    CONNECTION.write(tmp_path)
    Connection("http://127.0.0.1:9", "another", 4712).remove(tmp_path)
    assert Connection.read(tmp_path) == CONNECTION
    CONNECTION.remove(tmp_path)
    assert Connection.read(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", '{"url": "http://127.0.0.1:9"}', '{"url": 1, "token": 2, "pid": "x"}'),
        '{"url": "http://127.0.0.1:nine", "token": "a secret", "pid": 1}',
        '{"url": "http://[", "token": "a secret", "pid": 1}',
    ],
)
def test_a_file_that_no_core_wrote_is_not_a_connection(tmp_path: Path, text: str) -> None:
    connection_file(tmp_path).write_text(text)
    assert Connection.read(tmp_path) is None


def test_no_core_is_found_if_none_answers_or_another_machine_is_named(tmp_path: Path) -> None:
    assert find(tmp_path) is None
    CONNECTION.write(tmp_path)
    assert find(tmp_path) is None
    connection_file(tmp_path).write_text(json.dumps({"url": "http://example.com:80", "token": "a secret", "pid": 1}))
    assert find(tmp_path) is None


def test_another_program_at_the_address_of_a_core_that_is_gone_is_not_the_core(tmp_path: Path) -> None:
    class Another(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.end_headers()
            self.wfile.write(b'["none"]')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Another) as server:
        answering = Thread(target=server.handle_request)
        answering.start()
        Connection(f"http://127.0.0.1:{server.server_port}", "a secret", 4711).write(tmp_path)
        assert find(tmp_path) is None
        answering.join()


def test_the_lock_has_one_holder(tmp_path: Path) -> None:
    first, second = CoreLock(tmp_path), CoreLock(tmp_path)
    assert first.acquire()
    assert not second.acquire()
    first.close()
    assert second.acquire()
    second.close()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from stcolor_core.service.access import CoreLock\n"
        "lock = CoreLock(pathlib.Path(sys.argv[1])); print(lock.acquire(), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        lock = CoreLock(tmp_path)
        assert not lock.acquire()
        holder.kill()
        holder.wait()
    assert lock.acquire()
    lock.close()
