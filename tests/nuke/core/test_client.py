"""The plug-in's client against a real core, and against servers that are not a core."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import serving
from refcolorize.core import client as client_module
from refcolorize.core.client import Client
from refcolorize.errors import CoreRefused, CoreUnreachable, RefColorizeError
from serving import running_core

from stcolor_core.service import app

PLUGIN = Path(client_module.__file__).parents[2]
TOKEN = "a-secret"


@pytest.fixture
def core(tmp_path: Path) -> Iterator[serving.Client]:
    with running_core(tmp_path / "state", device="cpu") as core:
        yield core


@pytest.fixture
def client(core: serving.Client) -> Client:
    return Client(core.connection.url, core.connection.token, timeout=60)


def shot(folder: Path) -> dict[str, Any]:
    """One whose plates are not there."""
    return {
        "plate": {"path": str(folder / "plate.####.exr")},
        "output": {"path": str(folder / "out.####.exr")},
        "references": [{"path": str(folder / "ref.exr"), "frame": 1}],
    }


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The address of something that reads one request's head and answers with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def http(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


# A real core


def test_health_names_version_and_device(client: Client) -> None:
    health = client.health()
    assert (health["protocol"], health["device"]) == (1, "cpu")


def test_a_job_is_submitted_once_followed_and_listed(client: Client, tmp_path: Path) -> None:
    job = client.submit(shot(tmp_path))
    assert client.submit(shot(tmp_path))["id"] == job["id"]
    seen: list[dict[str, Any]] = []
    while not seen or seen[-1]["kind"] != "failed":
        seen += client.events(job["id"], after=seen[-1]["number"] if seen else 0, wait=20)["events"]
    assert "plate" in client.job(job["id"])["error"]
    assert [listed["id"] for listed in client.jobs()] == [job["id"]]
    assert client.cancel(job["id"])["id"] == job["id"]


def test_a_preview_is_a_job_of_one_frame(client: Client, tmp_path: Path) -> None:
    assert client.preview(shot(tmp_path), 7)["frame"] == 7


def test_a_picture_that_cannot_be_made_is_refused_with_a_reason(client: Client, tmp_path: Path) -> None:
    job = client.submit(shot(tmp_path))["id"]
    with pytest.raises(CoreRefused, match="The core reports: "):
        client.picture(job, 1, of="plate")


def test_a_poll_for_events_may_last_longer_than_the_timeout_of_the_client(core: serving.Client, tmp_path: Path) -> None:
    patient = Client(core.connection.url, core.connection.token, timeout=60)
    job = patient.submit(shot(tmp_path))["id"]
    last = core.finish(job)[-1]["number"]
    assert Client(core.connection.url, core.connection.token, timeout=1).events(job, after=last, wait=2)["events"] == []


def test_a_refusal_by_the_core_is_raised_with_its_own_line(client: Client, tmp_path: Path) -> None:
    with pytest.raises(CoreRefused, match="colour is an unknown setting") as refused:
        client.submit({**shot(tmp_path), "colour": 1})
    assert refused.value.status == 422
    with pytest.raises(CoreRefused, match=r"There is no job 'a b\?c=1#d'\.") as refused:
        client.job("a b?c=1#d")
    assert refused.value.status == 404


def test_a_token_of_another_start_is_reported(core: serving.Client) -> None:
    with pytest.raises(CoreRefused, match="another core has started since") as refused:
        Client(core.connection.url, TOKEN).health()
    assert refused.value.status == 401
    assert TOKEN not in str(refused.value)


def test_a_core_of_another_protocol_is_reported(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "PROTOCOL", 2)
    with pytest.raises(RefColorizeError, match="protocol 2, but this plug-in needs protocol 1"):
        client.health()


def test_a_core_that_was_asked_to_stop_is_unreachable_afterwards(tmp_path: Path) -> None:
    with running_core(tmp_path / "state", device="cpu") as core:
        client = Client(core.connection.url, core.connection.token, timeout=60)
        client.shutdown()

        def error() -> str:
            try:
                client.health()
            except CoreUnreachable as unreachable:
                return str(unreachable)
            return ""

        assert re.search(r"does not answer \(.+\)\. Start it again", serving.until(error))
        assert not (tmp_path / "state" / "connection.json").exists()


def test_proxies_are_not_used(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    assert client.health()["protocol"] == 1


# What is no core


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com:80",
        "http://127.0.0.1.example.com:80",
        "http://127.0.0.1@example.com:80",
        "http://10.0.0.7:80",
        "http://0.0.0.0:80",
        "https://127.0.0.1:80",
        "file:///etc/passwd",
        "http://127.0.0.1",
        "http://127.0.0.1:99999",
        "http://[127.0.0.1:80",
        "127.0.0.1:80",
        "",
    ],
)
def test_an_address_of_another_machine_is_refused(url: str) -> None:
    with pytest.raises(CoreUnreachable, match="on this machine"):
        Client(url, TOKEN)


@pytest.mark.parametrize("token", ["", "two words", f"{TOKEN}\r\nHost: evil", f"{TOKEN}\n", "schlüssel"])
def test_a_token_invalid_in_a_header_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(CoreUnreachable, match="no valid token") as refused:
        Client("http://127.0.0.1:80", token)
    assert TOKEN not in str(refused.value)


def test_a_client_shows_no_token() -> None:
    assert repr(Client("http://localhost:80", TOKEN)) == "Client(http://localhost:80)"


def test_an_address_without_a_listener_gives_one_line_with_the_reason() -> None:
    with pytest.raises(CoreUnreachable) as lost:
        Client(f"http://127.0.0.1:{closed_port()}", TOKEN).health()
    assert "does not answer" in str(lost.value) and "\n" not in str(lost.value) and TOKEN not in str(lost.value)
    assert lost.value.tried[0].startswith("asked http://127.0.0.1:")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(b"", "closed the connection during", id="gone after the request"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "during its answer", id="gone in the answer"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", "does not answer", id="another protocol"),
        pytest.param(http(b"<html>"), "it sent no JSON", id="a web page"),
        pytest.param(http(b"\xff"), "it sent no JSON", id="bytes"),
        pytest.param(http(b"[" * 100_000), "it sent no JSON", id="deep JSON"),
        pytest.param(http(b"[]"), "it sent no object", id="a list"),
    ],
)
def test_a_server_that_is_not_a_core_is_reported(answer: bytes, expected: str) -> None:
    with answering(answer) as url, pytest.raises(CoreUnreachable, match=expected):
        Client(url, TOKEN).job("1")


def test_an_endless_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_MAX_ANSWER_BYTES", 1000)
    with answering(http(b" " * 998 + b"{}")) as url:
        assert Client(url, TOKEN).job("1") == {}
    with answering(http(b" " * 999 + b"{}")) as url, pytest.raises(CoreUnreachable, match="more than 1000 bytes"):
        Client(url, TOKEN).job("1")


def test_a_server_that_never_answers_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", TOKEN, timeout=0.05)
        with pytest.raises(CoreUnreachable, match="timed out"):
            client.health()


def test_a_redirect_is_not_followed() -> None:
    answer = b"HTTP/1.1 307 Go\r\nLocation: http://example.com/\r\nContent-Length: 2\r\n\r\n{}"
    with answering(answer) as url, pytest.raises(CoreRefused, match="status 307"):
        Client(url, TOKEN).health()


def test_a_foreign_message_becomes_one_line_of_limited_length() -> None:
    answer = http(b'{"detail": "a\\nb' + b"c" * 9999 + b'"}', "500 Oh")
    with answering(answer) as url, pytest.raises(CoreRefused) as refused:
        Client(url, TOKEN).job("1")
    assert str(refused.value).startswith("The core reports: a bc") and len(str(refused.value)) < 600


def test_a_picture_is_received_as_it_was_sent() -> None:
    with answering(http(b"\xff\xd8 a picture")) as url:
        assert Client(url, TOKEN).picture("1", 7, of="result") == b"\xff\xd8 a picture"


def test_a_page_elsewhere_is_not_opened() -> None:
    answer = http(b'{"url": "http://example.com/#ticket=1"}')
    with answering(answer) as url, pytest.raises(CoreUnreachable, match="its page has another address"):
        Client(url, TOKEN).page()


# The plug-in's own promises


def test_importing_the_package_alone_loads_nothing_heavy() -> None:
    code = "import sys; before = set(sys.modules); import refcolorize; print(*sorted(set(sys.modules) - before))"
    run = [sys.executable, "-S", "-c", code]
    assert subprocess.check_output(run, cwd=PLUGIN, text=True).split() == ["refcolorize"]


@pytest.mark.parametrize(
    "name", ["__init__", "errors", "core/client", "core/server", "core/troubleshooting", "host/main_thread"]
)
def test_the_client_parses_on_python_3_9_and_imports_nothing_of_the_core(name: str) -> None:
    tree = ast.parse((PLUGIN / "refcolorize" / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 9))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [module for module in imported if module.startswith("stcolor_core")]
