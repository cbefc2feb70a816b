"""The core's answers to a browser, on a real socket: the page, tokens, frames and pictures."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from serving import PATIENCE, Client, running_core

from stcolor_core import service
from stcolor_core.cli import main
from stcolor_core.service.access import Connection
from stcolor_core.service.guard import Guard
from stcolor_core.service.pages import FILES
from stcolor_core.service.tokens import Tokens
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.shot import Shot


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with running_core(tmp_path / "state", device="cpu") as client:
        yield client


def fetch(client: Client, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    """A GET without any token but those in the headers."""
    address = urlsplit(client.connection.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def signed_in(client: Client) -> Client:
    """The same core, seen by a page that came by a link."""
    status, answer = client.request("POST", "/v1/ticket")
    assert status == 200
    url, _, ticket = answer["url"].partition("/#ticket=")
    assert url == client.connection.url
    status, answer = client.request("POST", "/v1/session", headers={"Authorization": f"Bearer {ticket}"})
    assert status == 200
    return Client(Connection(url, answer["token"], 0))


@pytest.mark.parametrize("path", FILES)
def test_the_page_needs_no_token_and_may_run_only_its_own_scripts(client: Client, path: str) -> None:
    response, body = fetch(client, path)
    assert response.status == 200
    assert body
    policy = str(response.getheader("Content-Security-Policy"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.getheader("X-Content-Type-Options") == "nosniff"
    assert response.getheader("Referrer-Policy") == "no-referrer"
    assert response.getheader("Cache-Control") == "no-store"


def test_the_page_loads_only_files_of_its_own() -> None:
    folder = Path(service.__file__).with_name("page")
    assert {name for name, _ in FILES.values()} == {path.name for path in folder.iterdir()}
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//cdn|@import|url\(|innerHTML|insertAdjacentHTML|document\.write", text), path
        assert not re.search(r"\sstyle=|\son[a-z]+=", text), path


def test_a_foreign_host_does_not_get_the_page(client: Client) -> None:
    assert fetch(client, "/", Host="evil.example")[0].status == 403


def test_only_the_page_is_available_without_a_token(client: Client) -> None:
    for path in ("/page", "/index.html", "/page/page.js", "/v1/jobs", "/v1/session", "/%2e%2e/page.js", "//"):
        response, _ = fetch(client, path)
        assert response.status == 401
        assert response.getheader("Content-Security-Policy")
    assert client.request("POST", "/", headers={"Authorization": "none"})[0] == 401


def test_a_ticket_gives_one_token_and_a_used_one_is_refused_with_the_remedy(client: Client) -> None:
    ticket = client.request("POST", "/v1/ticket")[1]["url"].partition("#ticket=")[2]
    headers = {"Authorization": f"Bearer {ticket}"}
    assert client.request("GET", "/v1/jobs", headers=headers)[0] == 401
    assert client.request("POST", "/v1/session", headers=headers)[0] == 200
    status, answer = client.request("POST", "/v1/session", headers=headers)
    assert status == 401
    assert "stcolor status" in answer["detail"]
    assert client.request("POST", "/v1/session")[0] == 401  # the token of the core is not a ticket
    assert client.request("POST", "/v1/session", headers={"Authorization": ""})[0] == 401


def test_a_page_can_read_and_change_the_queue_and_nothing_else(client: Client, shot: Shot) -> None:
    page = signed_in(client)
    assert page.request("POST", "/v1/jobs", json.loads(shot.to_json()))[0] == 403
    assert page.request("POST", "/v1/preview", {"shot": json.loads(shot.to_json()), "frame": 1})[0] == 403
    assert page.request("POST", "/v1/shutdown")[0] == 403
    assert page.request("POST", "/v1/ticket")[0] == 403
    assert page.request("POST", "/v1/queue/shutdown")[0] == 403
    assert page.get("/v1/jobs") == []
    job = client.submit(shot)
    client.finish(job)
    assert page.get(f"/v1/jobs/{job}")["state"] == "done"
    assert page.request("POST", f"/v1/jobs/{job}/cancel")[0] == 200


def test_a_page_left_open_does_not_keep_the_core_awake() -> None:
    touched: list[str] = []
    passed: list[object] = []

    async def app(scope: object, *_: object) -> None:
        passed.append(scope)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(_: object) -> None: ...

    tokens = Tokens("start")
    guard = Guard(app, tokens=tokens, port=1, on_activity=lambda: touched.append(token))
    for token in (tokens.redeem(tokens.ticket()), "start"):
        headers = [(b"host", b"127.0.0.1:1"), (b"authorization", f"Bearer {token}".encode())]
        scope = {"type": "http", "method": "GET", "path": "/v1/jobs", "headers": headers}
        asyncio.run(guard(scope, receive, send))  # type: ignore[arg-type]
    assert len(passed) == 2
    assert touched == ["start"]


def test_no_ticket_and_no_token_is_in_any_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with running_core(tmp_path / "state", device="cpu") as client:
        ticket = client.request("POST", "/v1/ticket")[1]["url"].partition("#ticket=")[2]
        client.request("POST", "/v1/session", headers={"Authorization": f"Bearer {ticket}"})
        client.request("POST", "/v1/session", headers={"Authorization": f"Bearer {ticket}"})
        page = signed_in(client)
        page.get("/v1/jobs")
    for secret in (ticket, page.connection.token, client.connection.token):
        assert secret not in caplog.text


def test_the_frames_of_a_job_and_their_pictures_are_served(client: Client, shot: Shot) -> None:
    page = signed_in(client)
    job = client.submit(shot)
    client.finish(job)
    answer = page.get(f"/v1/jobs/{job}/frames")
    assert answer["job"] == page.get(f"/v1/jobs/{job}")
    assert answer["keyframes"] == [1]
    assert [frame["frame"] for frame in answer["frames"]] == [1, 2, 3, 4]
    assert answer["frames"][0]["confidence"] == 1
    assert all(0 < frame["confidence"] <= 1 and frame["fallback"] is not None for frame in answer["frames"])
    token = {"Authorization": f"Bearer {page.connection.token}"}
    for of in ("result", "plate", "reference"):
        response, body = fetch(client, f"/v1/jobs/{job}/picture?frame=3&of={of}", **token)
        assert (response.status, response.getheader("Content-Type")) == (200, "image/jpeg")
        assert body.startswith(b"\xff\xd8")
        assert response.getheader("Cache-Control") == "no-store"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("frame=9&of=plate", 404),
        ("frame=1&of=result", 404),
        ("frame=1&of=matte", 422),
        ("frame=1&of=mattes", 404),
        ("frame=2&of=mattes", 404),
        ("frame=2&of=plate&region=1,2,0,4", 422),
        ("frame=2&of=plate&view=none", 422),
        ("frame=1&of=/etc/passwd", 422),
        ("frame=1&of=plate&height=2161", 422),
        (f"frame={2**40}&of=plate", 422),
        ("of=plate", 422),
    ],
)
def test_a_missing_picture_is_refused_in_one_line(client: Client, shot: Shot, query: str, status: int) -> None:
    job = client.submit(shot, frame=2)  # a preview: frame 1 has no result
    client.finish(job)
    found, answer = client.request("GET", f"/v1/jobs/{job}/picture?{query}")
    assert found == status
    assert "\n" not in answer["detail"]
    assert client.request("GET", "/v1/jobs/nothing/picture?frame=1&of=plate")[0] == 404
    assert client.request("GET", "/v1/jobs/nothing/frames")[0] == 404


def test_a_frame_that_was_written_and_deleted_is_told_as_gone_until_it_is_put_back(
    client: Client, shot: Shot, tmp_path: Path
) -> None:
    job, part = client.submit(shot), client.submit(replace(shot, output=replace(shot.output, frames="2")))
    client.finish(part)
    assert client.get(f"/v1/jobs/{job}/frames")["gone"] == []
    written, kept = tmp_path / "out" / "shot.0003.exr", tmp_path / "kept.exr"
    written.rename(kept)
    for _ in range(2):  # the second time it is not in the list of the folder's files
        status, answer = client.request("GET", f"/v1/jobs/{job}/picture?frame=3&of=result")
        assert status == 410 and str(written) in answer["detail"] and "Resume" in answer["detail"]
    assert client.get(f"/v1/jobs/{job}/frames")["gone"] == [3]
    status, answer = client.request("GET", f"/v1/jobs/{part}/picture?frame=3&of=result")
    assert status == 404 and "none of the frames that this job writes (2)" in answer["detail"]
    kept.rename(written)
    assert client.get(f"/v1/jobs/{job}/frames")["gone"] == []
    assert client.request("POST", f"/v1/jobs/{job}/resume")[0] == 200
    client.finish(job)


def test_a_reference_that_was_deleted_is_named(client: Client, shot: Shot, tmp_path: Path) -> None:
    job = client.submit(shot)
    client.finish(job)
    (tmp_path / "ref.exr").unlink()
    status, answer = client.request("GET", f"/v1/jobs/{job}/picture?frame=1&of=reference&height=99")
    assert status == 404 and "ref.exr) is missing. Put it back" in answer["detail"]


def test_only_a_running_shot_has_an_estimate_of_time_left(client: Client, shot: Shot) -> None:
    job = client.submit(shot)
    client.finish(job)
    assert client.get(f"/v1/jobs/{job}")["seconds_left"] is None


# What a page may change


def test_a_page_orders_the_queue_and_names_its_jobs(client: Client, shot: Shot, tmp_path: Path) -> None:
    page = signed_in(client)
    assert page.request("POST", "/v1/queue/pause")[1]["paused"] is True
    data = json.loads(shot.to_json())
    status, labelled = client.request("POST", "/v1/jobs?label=show%20sh010%20RefColorize1%20v001", data)
    assert (status, labelled["name"]) == (200, "show sh010 RefColorize1 v001")
    other = client.submit(replace(shot, output=Output(path=str(Path(shot.output.path).with_name("b_v001.####.exr")))))
    assert page.get(f"/v1/jobs/{other}")["name"] == f"b_v001 · {tmp_path.name}/plate"
    assert page.request("POST", f"/v1/jobs/{other}/move", {"to": "first"})[0] == 200
    assert [job["id"] for job in page.get("/v1/queue")["jobs"]] == [labelled["id"], other]
    assert page.request("POST", f"/v1/jobs/{other}/note", {"text": "Two\nlines."})[1]["note"] == "Two lines."
    assert {job["state"] for job in page.get("/v1/queue")["jobs"]} == {"queued"}
    assert page.request("POST", "/v1/queue/continue")[1]["paused"] is False
    assert client.finish(other)[-1]["kind"] == "done"
    client.finish(labelled["id"])
    assert page.request("POST", "/v1/queue/clear")[1]["jobs"] == []
    status, answer = page.request("POST", f"/v1/jobs/{other}/resume")
    assert (status, answer["state"]) == (200, "queued")
    client.finish(other, after=client.get(f"/v1/jobs/{other}/events")["events"][-1]["number"])


def test_pausing_stops_the_running_shot_after_its_frame_and_it_goes_on_later(client: Client, shot: Shot) -> None:
    job = client.submit(shot)
    client.events(job, until=lambda event: event["kind"] == "plan")
    client.request("POST", "/v1/queue/pause")
    last = client.events(job, until=lambda event: event["kind"] == "done" or "paused" in event["message"])[-1]
    client.request("POST", "/v1/queue/continue")
    if last["kind"] != "done":
        client.finish(job, after=last["number"])
    assert client.get(f"/v1/jobs/{job}")["state"] == "done"


def test_the_details_of_a_job_that_waits_name_its_plate_its_references_and_its_settings(
    client: Client, shot: Shot, tmp_path: Path
) -> None:
    client.request("POST", "/v1/queue/pause")
    job = client.submit(shot)
    found = signed_in(client).get(f"/v1/jobs/{job}/details")
    assert found["shot"] == json.loads(shot.to_json())
    assert (found["frames"], found["references"]) == ([1, 2, 3, 4], {"1": str(tmp_path / "ref.exr")})
    assert (found["width"], found["height"], found["pixel_aspect"], found["problem"]) == (96, 64, 1.0, None)
    assert found["views"][0] == "sRGB"
    for path in tmp_path.glob("plate.*"):
        path.unlink()
    missing = client.submit(replace(shot, plate=Plate(path=str(tmp_path / "gone.####.exr"))))
    found = client.get(f"/v1/jobs/{missing}/details")
    assert (found["frames"], found["width"]) == ([], None)
    assert "gone.####.exr" in found["problem"]


def test_a_page_submits_the_next_version_with_one_more_key_and_names_no_path(client: Client, shot: Shot) -> None:
    page = signed_in(client)
    keyed = replace(shot, references=(Reference(path=shot.references[0].path.replace("ref", "ref.0001"), frame=1),))
    Path(shot.references[0].path).rename(keyed.references[0].path)
    job = client.submit(keyed)
    client.finish(job)
    status, answer = page.request("POST", f"/v1/jobs/{job}/key", {"frame": 4})
    assert (status, "ref.0004.exr" in answer["detail"]) == (422, True)
    assert page.request("POST", f"/v1/jobs/{job}/key", {"frame": 4, "path": "/etc/passwd"})[0] == 422
    assert page.request("POST", f"/v1/jobs/{job}/key", {"frame": 9})[0] == 422
    picture = Path(keyed.references[0].path)
    picture.with_name("ref.0004.exr").write_bytes(picture.read_bytes())
    assert page.get(f"/v1/jobs/{job}/details")["new_keys"] == {"4": str(picture.with_name("ref.0004.exr"))}
    status, answer = page.request("POST", f"/v1/jobs/{job}/key", {"frame": 4})
    assert status == 200
    assert Path(answer["output"]).name == "shot_v002.####.exr"
    assert client.finish(answer["id"])[-1]["kind"] == "done"
    assert client.get(f"/v1/jobs/{answer['id']}/frames")["keyframes"] == [1, 4]


def test_a_picture_says_of_which_job_and_frame_it_is(client: Client, shot: Shot) -> None:
    job = client.submit(shot)
    client.finish(job)
    token = {"Authorization": f"Bearer {client.connection.token}"}
    for of in ("result", "confidence", "source"):
        response, _ = fetch(client, f"/v1/jobs/{job}/picture?frame=3&of={of}&height=540&ready=1", **token)
        assert response.status == 200  # made when the frame was written
        assert response.getheader("X-Picture") == f"{job} 3 {of}"


# stcolor status --open


def test_status_opens_the_page_by_a_private_file_and_shows_no_ticket(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    assert main(["status", "--open"]) == 0
    shown = capsys.readouterr().out
    assert "ticket" not in shown
    assert "opens in your browser" in shown
    (address,) = opened
    page = Path(url2pathname(urlsplit(address).path))
    assert page.parent == tmp_path / "state"
    if sys.platform != "win32":
        assert page.stat().st_mode & 0o777 == 0o600
    ticket = re.search(r"#ticket=([\w-]+)", page.read_text(encoding="utf-8"))
    assert ticket is not None
    assert client.request("POST", "/v1/session", headers={"Authorization": f"Bearer {ticket[1]}"})[0] == 200


def test_a_shot_file_is_submitted_from_the_terminal_with_its_label(
    client: Client,
    shot: Shot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    relative = replace(shot, plate=Plate(path="plate.####.exr"))
    (tmp_path / "shot.json").write_text(relative.to_json(), encoding="utf-8")
    assert main(["submit", "shot.json", "--label", "show sh010 v001"]) == 0
    job = capsys.readouterr().out.split()[0]
    assert client.get(f"/v1/jobs/{job}")["name"] == "show sh010 v001"
    assert client.finish(job)[-1]["kind"] == "done"
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "other"))
    assert main(["submit", "shot.json"]) == 1
    assert "stcolor serve --background" in capsys.readouterr().err


def test_status_prints_the_link_if_there_is_no_browser(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    assert main(["status", "--open"]) == 0
    assert f"{client.connection.url}/#ticket=" in capsys.readouterr().out
