"""The core's answers to a browser, on a real socket: the page, tokens, frames and pictures."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from scenes import pan
from serving import PATIENCE, Client, running_core

from stcolor_core import service
from stcolor_core.images import frame_files
from stcolor_core.images.color import lab_to_linear, luminance_of
from stcolor_core.pipeline.run import Event
from stcolor_core.service.access import Connection
from stcolor_core.service.frames import collect_frames
from stcolor_core.service.guard import Guard
from stcolor_core.service.messages import JobFrames, JobStatus
from stcolor_core.service.pages import FILES
from stcolor_core.service.store import Store
from stcolor_core.service.tokens import Tokens
from stcolor_core.shots.shot import Method, Output, Plate, Reference, Shot


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with running_core(tmp_path / "state", device="cpu") as client:
        yield client


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    """Four small frames, the first of them a keyframe."""
    scene = pan(4, height=64, width=96, step=2)
    for frame, lightness in enumerate(scene.lightnesses, 1):
        frame_files.write_frame(tmp_path / f"plate.{frame:04d}.exr", {"Y": (luminance_of(lightness), "half")})
    rgb = lab_to_linear(np.dstack([scene.lightnesses[0], scene.ab[0]]))
    frame_files.write_frame(tmp_path / "ref.exr", {name: (rgb[..., place], "half") for place, name in enumerate("RGB")})
    return Shot(
        plate=Plate(path=str(tmp_path / "plate.####.exr")),
        output=Output(path=str(tmp_path / "out" / "shot.####.exr")),
        references=(Reference(path=str(tmp_path / "ref.exr"), frame=1),),
        method=Method(working_height=64),
    )


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


def test_a_page_can_read_and_cancel_and_do_nothing_else(client: Client, shot: Shot) -> None:
    page = signed_in(client)
    assert page.request("POST", "/v1/jobs", json.loads(shot.to_json()))[0] == 403
    assert page.request("POST", "/v1/preview", {"shot": json.loads(shot.to_json()), "frame": 1})[0] == 403
    assert page.request("POST", "/v1/shutdown")[0] == 403
    assert page.request("POST", "/v1/ticket")[0] == 403
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
        ("frame=1&of=/etc/passwd", 422),
        ("frame=1&of=plate&height=361", 422),
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


def test_only_a_running_shot_has_an_estimate_of_time_left(client: Client, shot: Shot) -> None:
    job = client.submit(shot)
    client.finish(job)
    assert client.get(f"/v1/jobs/{job}")["seconds_left"] is None


# Frames by the events about them


MakeJobFrames = Callable[..., JobFrames]


@pytest.fixture
def job_frames(tmp_path: Path) -> Iterator[MakeJobFrames]:
    """The frames of a job of which these events were recorded."""
    store = Store(tmp_path / "jobs.sqlite")
    store.submit("a", kind="shot", shot=json.dumps({"output": {"path": "/out.####.exr"}}))

    def tell(*events: Event, ended: bool = False) -> JobFrames:
        for event in events:
            store.record("a", event)
        if ended:
            store.finish("a", "done")
        return collect_frames(store, JobStatus.of(store.get("a"), seconds_left=None))

    yield tell
    store.close()


def frame(number: int, confidence: float | None = 0.95, **more: bool) -> Event:
    return Event(kind="frame", frame=number, confidence=confidence, **more)  # type: ignore[arg-type]


def test_frames_are_listed_in_order_with_the_last_event_of_each(job_frames: MakeJobFrames) -> None:
    found = job_frames(frame(3), frame(1, 0.5), frame(2, None), frame(1, 0.75, kept=True))
    assert [(each.frame, each.confidence, each.kept) for each in found.frames] == [
        (1, 0.75, True),
        (2, None, False),
        (3, 0.95, False),
    ]


def test_keyframes_are_those_of_the_latest_plan(job_frames: MakeJobFrames) -> None:
    assert job_frames().keyframes == []
    assert job_frames(Event(kind="plan", total=3, keyframes=(1, 3))).keyframes == [1, 3]
    assert job_frames(Event(kind="plan", total=3)).keyframes == []


def test_more_events_than_fit_in_one_answer_are_all_received(job_frames: MakeJobFrames) -> None:
    assert len(job_frames(*map(frame, range(1, 1502))).frames) == 1501


def test_the_next_keyframes_are_suggested_once_the_whole_shot_is_done(job_frames: MakeJobFrames) -> None:
    plan = Event(kind="plan", total=19, keyframes=(1,))
    assert job_frames(plan, *(frame(number, 1 - (number - 1) / 50) for number in range(1, 20))).weakest == []
    first, *_ = job_frames(ended=True).weakest
    assert 11 <= first <= 15
