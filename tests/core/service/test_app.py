"""The HTTP interface on a real socket: the requests that it accepts, and its answers to the others."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import socket
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from serving import PATIENCE, Client, running_core, until

from stcolor_core.errors import StcolorError
from stcolor_core.service import guard, store
from stcolor_core.service.access import connection_file
from stcolor_core.service.context import ChangeSignal
from stcolor_core.service.server import CoreServer

NO_JOB = "There is no job '{}'. Jobs that ended long ago are deleted: submit it again."


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with running_core(tmp_path / "state", device="cpu") as client:
        yield client


def shot(folder: Path, **more: Any) -> dict[str, Any]:
    """A shot whose plates do not exist."""
    return {
        "plate": {"path": str(folder / "plate.####.exr")},
        "output": {"path": str(folder / "out.####.exr")},
        "references": [{"path": str(folder / "ref.exr"), "frame": 1}],
        **more,
    }


def test_health_reports_what_the_core_runs_on(client: Client) -> None:
    health = client.get("/v1/health")
    assert (health["device"], health["protocol"]) == ("cpu", 1)
    assert 2**20 < health["free_memory"] < 2**50
    assert "standard" in health["models"]


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", "Bearer \xe9", "Basic {token}", "Bearer {token}x"])
@pytest.mark.parametrize("path", ["/v1/health", "/openapi.json", "/nowhere"])
def test_a_wrong_token_is_refused(client: Client, token: str, path: str) -> None:
    headers = {"Authorization": token.format(token=client.connection.token)}
    assert client.request("GET", path, headers=headers)[0] == 401


def test_a_foreign_host_is_refused(client: Client) -> None:
    port = urlsplit(client.connection.url).port
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1.evil.example:{port}"):
        assert client.request("GET", "/v1/health", headers={"Host": host})[0] == 403
    assert client.request("GET", "/v1/health", headers={"Host": f"localhost:{port}"})[0] == 200


@pytest.mark.parametrize("size", [2**20 + 1, 2 * 2**20])
def test_a_large_body_is_refused_with_and_without_a_stated_length(client: Client, size: int) -> None:
    assert client.request("POST", "/v1/jobs", b" " * size)[0] == 413
    pieces = iter([b" " * 65536] * (size // 65536 + 1))
    assert (
        client.request("POST", "/v1/jobs", pieces, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})[0]
        == 413
    )
    assert client.get("/v1/jobs") == []


def test_a_body_in_chunks_is_accepted(client: Client, tmp_path: Path) -> None:
    text = json.dumps(shot(tmp_path)).encode()
    pieces = iter([text[:10], text[10:]])
    headers = {"Transfer-Encoding": "chunked"}
    assert client.request("POST", "/v1/jobs", pieces, encode_chunked=True, headers=headers)[0] == 200


def test_a_partly_sent_request_does_not_disturb_other_clients(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_BODY_SECONDS", 0.2)
    address = urlsplit(client.connection.url)
    head = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {client.connection.token}\r\n"
        "Content-Length: 100\r\n\r\nonly this"
    ).encode()
    with socket.create_connection((address.hostname, address.port), PATIENCE) as gone:
        gone.sendall(head)
    with socket.create_connection((address.hostname, address.port), PATIENCE) as waiting:
        waiting.sendall(head)
        assert client.get("/v1/jobs") == []
        assert waiting.recv(4096).startswith(b"HTTP/1.1 408 ")
    with socket.create_connection((address.hostname, address.port), PATIENCE) as silent:
        silent.sendall(head[:20])
        assert client.get("/v1/jobs") == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "JSON"),
        (b"[]", "should be an object"),
        (b"[" * 100_000, "body"),
        (b"{}", "shot"),
        ({"plate": {"path": "/a"}, "output": {"path": "/a.exr"}, "colour": 1}, "colour is an unknown setting"),
        ({"plate": {"path": "a"}, "output": {"path": "/a.exr"}}, "is relative"),
        ({"plate": {"path": "/a", "frames": "x"}, "output": {"path": "/a.exr"}}, "Frame range"),
    ],
)
def test_a_body_that_is_not_a_shot_is_refused_in_one_line(client: Client, body: Any, message: str) -> None:
    status, answer = client.request("POST", "/v1/jobs", body)
    assert status in (400, 422)
    assert message in answer["detail"]
    assert "\n" not in answer["detail"]


def test_a_long_poll_of_a_job_that_is_forgotten_ends_with_a_clear_answer(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No read keeps a job here, so that the poll itself does not either."""
    monkeypatch.setattr(store, "_ENDED_KEPT", {"shot": 0, "preview": 0})
    monkeypatch.setattr(store, "_IN_USE_SECONDS", -1.0)
    job = client.request("POST", "/v1/jobs", shot(tmp_path))[1]["id"]
    last = client.finish(job)[-1]["number"]
    with ThreadPoolExecutor(1) as executor:
        poll = executor.submit(client.request, "GET", f"/v1/jobs/{job}/events?after={last}&wait=25")
        until(lambda: poll.running())
        client.request("POST", "/v1/jobs", shot(tmp_path, ocio="ocio://default"))
        assert poll.result(20) == (404, {"detail": NO_JOB.format(job)})


def test_unknown_routes_jobs_and_queries_are_refused_in_one_line(client: Client) -> None:
    assert client.request("GET", "/nothing")[0] == 404
    assert client.request("GET", "/v1/../../etc/passwd")[0] == 404
    for path in ("/v1/jobs/nothing", "/v1/jobs/nothing/events", "/v1/jobs/..%2f..%2fetc%2fpasswd"):
        assert client.request("GET", path)[0] == 404
    assert client.request("POST", "/v1/jobs/nothing/cancel") == (404, {"detail": NO_JOB.format("nothing")})
    for query in ("after=x", "after=-1", "wait=1000", "wait=nan", f"after={10**30}"):
        status, answer = client.request("GET", f"/v1/jobs/nothing/events?{query}")
        assert status == 422
        assert isinstance(answer["detail"], str)


def test_the_same_shot_twice_is_one_job(client: Client, tmp_path: Path) -> None:
    ids = {client.request("POST", "/v1/jobs", shot(tmp_path, **more))[1]["id"] for more in ({}, {"stills": []}, {})}
    assert len(ids) == 1
    assert [job["id"] for job in client.get("/v1/jobs")] == list(ids)


def test_a_failed_job_reports_its_reason(client: Client, tmp_path: Path) -> None:
    job = client.request("POST", "/v1/jobs", shot(tmp_path))[1]["id"]
    last = client.finish(job)[-1]
    assert last["kind"] == "failed"
    assert "plate.####.exr" in last["message"]
    assert client.get(f"/v1/jobs/{job}")["error"] == last["message"]


def test_a_poll_without_new_events_returns_an_empty_answer(client: Client, tmp_path: Path) -> None:
    job = client.request("POST", "/v1/jobs", shot(tmp_path))[1]["id"]
    last = client.finish(job)[-1]["number"]
    answer = client.get(f"/v1/jobs/{job}/events?after={last}&wait=0.1")
    assert (answer["events"], answer["job"]["state"]) == ([], "failed")


def test_two_hundred_clients_at_once_are_all_answered(client: Client) -> None:
    with ThreadPoolExecutor(200) as clients:
        answers = list(clients.map(lambda _: client.request("GET", "/v1/jobs")[0], range(200)))
    assert answers == [200] * 200


def test_the_schema_has_the_shot_the_refusals_and_the_token(client: Client) -> None:
    schema = client.get("/openapi.json")
    submit = schema["paths"]["/v1/jobs"]["post"]
    assert submit["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Shot"}
    assert set(schema["components"]["schemas"]["Shot"]["required"]) == {"plate", "output"}
    assert {"401", "403", "413", "422"} <= set(submit["responses"])
    assert submit["security"] == [{"HTTPBearer": []}]


def test_a_waiting_client_does_not_keep_the_core_from_stopping(tmp_path: Path) -> None:
    with running_core(tmp_path / "state", device="cpu") as client:
        job = client.request("POST", "/v1/jobs", shot(tmp_path))[1]["id"]
        last = client.finish(job)[-1]["number"]
        address = urlsplit(client.connection.url)
        poll = http.client.HTTPConnection(str(address.hostname), address.port, timeout=PATIENCE)
        token = {"Authorization": f"Bearer {client.connection.token}"}
        poll.request("GET", f"/v1/jobs/{job}/events?after={last}&wait=25", headers=token)
        assert client.request("POST", "/v1/shutdown")[0] == 202
        assert json.loads(poll.getresponse().read())["events"] == []
        poll.close()


def test_an_idle_core_ends_and_logs_the_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    core = CoreServer(tmp_path, device="cpu", idle_minutes=0.005)
    thread = threading.Thread(target=core.run, daemon=True)
    thread.start()
    until(lambda: not thread.is_alive())
    assert "--idle-minutes" in caplog.text
    assert not connection_file(tmp_path).exists()


def test_the_token_is_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with running_core(tmp_path / "state", device="cpu") as client:
        client.finish(client.request("POST", "/v1/jobs", shot(tmp_path))[1]["id"])
        client.request("GET", "/v1/health", headers={"Authorization": f"Bearer x{client.connection.token}"})
    assert client.connection.token not in caplog.text


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StcolorError, match=f"Port {port} cannot"):
            CoreServer(tmp_path, port=port, device="cpu")


def test_a_store_that_cannot_be_written_is_reported_and_the_core_keeps_running(tmp_path: Path) -> None:
    with running_core(tmp_path / "state", device="cpu") as client:
        other = sqlite3.connect(tmp_path / "state" / "jobs.sqlite")
        other.execute("drop table jobs")
        status, answer = client.request("POST", "/v1/jobs", shot(tmp_path))
        other.close()
        assert status == 503
        assert "jobs.sqlite" in answer["detail"]
        assert client.get("/v1/health")["protocol"] == 1


def test_a_change_in_another_thread_wakes_the_waiting_client() -> None:
    async def woken() -> None:
        changes = ChangeSignal()
        changes.prepare()
        waiting = asyncio.ensure_future(changes.wait(3600))
        await asyncio.sleep(0)  # lets it begin
        threading.Thread(target=changes.notify).start()
        await asyncio.wait_for(waiting, PATIENCE)

    asyncio.run(woken())


def test_no_more_than_the_limit_of_a_too_large_body_is_kept() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": bytes(2**19), "more_body": body.size < 10 * 2**20}

    body = guard._Body()
    asyncio.run(body.read(receive))
    assert body.size > 10 * 2**20
    assert len(body._kept) <= guard.BODY_LIMIT
