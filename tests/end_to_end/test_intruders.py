"""Faulty, hostile, slow or very many clients: each gets its answer, and the running job continues."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cores import MakeShot, asked_for, frames_of, is_frame, long_shot
from serving import PATIENCE, Client, running_core, until

from stcolor_core.images import plates
from stcolor_core.service import guard, heads

MEGABYTE = 2**20
# Seconds for the head of a request, in place of ten: more than a good client takes on a machine under load.
HEAD_SECONDS = 2.0
OUTSIDE = (
    "/../../../../etc/passwd",
    "/page.js/../../../store.py",
    "/..%2f..%2fetc%2fpasswd",
    "/v1/jobs/..%2f..%2f..%2fetc%2fpasswd/picture?frame=1&of=plate",
    "/v1/jobs/%00/picture?frame=1&of=result",
    "//etc/passwd",
    "/C:%5cWindows%5cwin.ini",
)
NO_HTTP = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /v1/health HTTP/1.1\r\nX: " + b"y" * 10**6 + b"\r\n\r\n",
    b"GET /v1/health HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    bytes(10**5),
)


@pytest.fixture
def busy(make_shot: MakeShot, state: Path) -> Iterator[Client]:
    """A core with a job; at the end of the test the job must be done, in one run, with every frame whole."""
    shot = long_shot(make_shot, 24)
    with running_core(state, device="cpu") as client:
        job = client.submit(asked_for(shot))
        client.events(job, until=is_frame)
        yield client
        events = client.finish(job)
    assert [event["kind"] for event in events if event["kind"] != "frame"] == [
        *("queued", "plan", "input", "input", "suggestions", "done")
    ]
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    assert frames_of(events, kept=False) == list(shot.frames)
    assert shot.written() == [shot.output(frame) for frame in shot.frames]
    assert all(map(plates.is_complete, shot.written()))


@contextmanager
def line_to(client: Client) -> Iterator[socket.socket]:
    address = urlsplit(client.connection.url)
    with socket.create_connection((address.hostname, address.port), PATIENCE) as line:
        yield line


def head(client: Client, first: str, *more: str, token: str | None = None) -> bytes:
    lines = [first, f"Host: {urlsplit(client.connection.url).netloc}"]
    lines += [f"Authorization: Bearer {token or client.connection.token}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def answer(line: socket.socket) -> int:
    """Return the status of the answer; 0 if the connection is closed without one."""
    with line.makefile("rb") as read:
        first = read.readline()
    return int(first.split()[1]) if first else 0


def test_wrong_tokens_and_foreign_hosts_are_refused(busy: Client) -> None:
    for path in ("/v1/health", "/v1/jobs", "/v1/shutdown", "/v1/ticket"):
        for method in ("GET", "POST"):
            assert busy.request(method, path, headers={"Authorization": "Bearer wrong"})[0] == 401
            assert busy.request(method, path, headers={"Host": "evil.example"})[0] == 403
    assert busy.request("POST", "/v1/session", headers={"Authorization": "Bearer wrong"})[0] == 401


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [("/v1/jobs", None, 413), ("/v1/preview", None, 413), ("/v1/jobs", "wrong", 401), ("/v1/session", "wrong", 413)],
)
def test_a_body_of_100_megabytes_is_refused_with_a_reason(
    busy: Client, path: str, token: str | None, status: int
) -> None:
    with line_to(busy) as line:
        line.sendall(head(busy, f"POST {path} HTTP/1.1", f"Content-Length: {100 * MEGABYTE}", token=token))
        for _ in range(100):
            line.sendall(bytes(MEGABYTE))
        assert answer(line) == status


def test_a_path_outside_the_root_is_not_found(busy: Client) -> None:
    for path in OUTSIDE:
        with line_to(busy) as line:
            line.sendall(head(busy, f"GET {path} HTTP/1.1", "Connection: close"))
            assert answer(line) == 404, path


def test_incomplete_requests_do_not_block_other_clients(busy: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_BODY_SECONDS", 0.2)
    whole = head(busy, "POST /v1/jobs HTTP/1.1", "Content-Length: 100") + b'{"plate"'
    with line_to(busy) as silent, line_to(busy) as slow, line_to(busy) as gone:
        silent.sendall(whole[:30])
        slow.sendall(whole)
        gone.sendall(whole)
        gone.close()
        assert busy.get("/v1/health")["device"] == "cpu"
        assert answer(slow) == 408


def test_a_client_that_never_finishes_its_headers_is_disconnected(
    busy: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "_HEAD_SECONDS", HEAD_SECONDS)
    first = head(busy, "GET /v1/health HTTP/1.1")
    with line_to(busy) as mute, line_to(busy) as slow, line_to(busy) as second:
        slow.sendall(first[:30])
        second.sendall(first)
        with second.makefile("rb") as read:
            assert read.readline().split()[1] == b"200"
            second.sendall(first[:-2])
            assert read.read().count(b"HTTP/1.1") == 0  # the rest of the first answer, then the end of the connection
        assert [answer(mute), answer(slow)] == [0, 0]
        assert busy.get("/v1/health")["device"] == "cpu"


def test_a_request_that_waits_longer_than_the_header_timeout_is_answered(
    busy: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "_HEAD_SECONDS", HEAD_SECONDS)
    (job,) = (each["id"] for each in busy.get("/v1/jobs"))
    wait = HEAD_SECONDS + 1
    with line_to(busy) as line:
        line.sendall(head(busy, f"GET /v1/jobs/{job}/events?after=100000&wait={wait} HTTP/1.1", "Connection: close"))
        assert answer(line) == 200


def test_pipelined_requests_are_all_answered_however_long_they_take(
    busy: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second request is handled while the application may still be returning from the first one."""
    monkeypatch.setattr(heads, "_HEAD_SECONDS", HEAD_SECONDS)
    (job,) = (each["id"] for each in busy.get("/v1/jobs"))
    waits = f"GET /v1/jobs/{job}/events?after=100000&wait={HEAD_SECONDS + 1} HTTP/1.1"
    with line_to(busy) as line:
        line.sendall(head(busy, waits) + head(busy, waits) + head(busy, waits, "Connection: close"))
        with line.makefile("rb") as read:
            assert read.read().count(b"HTTP/1.1 200") == 3


def test_data_that_is_not_http_is_refused(busy: Client) -> None:
    for data in NO_HTTP:
        with line_to(busy) as line:
            line.sendall(data)
            assert answer(line) in (400, 403), data[:40]  # 403 for a request without a host


def test_two_hundred_clients_at_once_are_all_answered(busy: Client) -> None:
    (job,) = (each["id"] for each in busy.get("/v1/jobs"))
    asked = [f"/v1/jobs/{job}", "/v1/jobs", "/v1/health", f"/v1/jobs/{job}/frames", f"/v1/jobs/{job}/events"] * 40
    with ThreadPoolExecutor(200) as clients:
        assert list(clients.map(lambda path: busy.request("GET", path)[0], asked)) == [200] * 200


def test_two_hundred_clients_that_disconnect_without_reading_are_dropped(busy: Client) -> None:
    (job,) = (each["id"] for each in busy.get("/v1/jobs"))
    for _ in range(200):
        with line_to(busy) as line:
            line.sendall(head(busy, f"GET /v1/jobs/{job}/events?after=100000 HTTP/1.1"))
    until(lambda: busy.get("/v1/health"))
