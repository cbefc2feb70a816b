"""The request for the objects of a frame's mattes, on a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving import Client, running_core

from stcolor_core.images import frame_files
from stcolor_core.pipeline.matte_objects import MatteObject
from stcolor_core.service import objects


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with running_core(tmp_path / "state", device="cpu") as client:
        yield client


@pytest.fixture
def body(tmp_path: Path) -> dict[str, Any]:
    """A request for frame 3, whose matte has `wall` on all of it and `Mantel` on its left half."""
    half = np.zeros((40, 60), np.float32)
    half[:, :30] = 1
    plate = {"Y": (np.full((40, 60), 0.2, np.float32), "half")}
    matte = {"wall.A": (np.ones_like(half), "half"), "Mantel.A": (half, "half")}
    frame_files.write_frame(tmp_path / "plate.3.exr", plate)  # type: ignore[arg-type]
    frame_files.write_frame(tmp_path / "matte.3.exr", matte)  # type: ignore[arg-type]
    shot = {
        "plate": {"path": str(tmp_path / "plate.#.exr")},
        "output": {"path": str(tmp_path / "out.#.exr")},
        "mattes": [{"path": str(tmp_path / "matte.#.exr")}],
    }
    return {"shot": shot, "frame": 3}


def test_the_objects_are_listed_with_their_shares_and_nothing_is_written(
    client: Client, body: dict[str, Any], tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    assert client.request("POST", "/v1/objects", body) == (
        200,
        {"frame": 3, "objects": [{"name": "wall", "share": 1.0}, {"name": "Mantel", "share": 0.5}], "total": 2},
    )
    assert client.get("/v1/jobs") == []
    assert sorted(tmp_path.iterdir()) == before


def test_a_wrong_token_and_that_of_a_page_are_refused(client: Client, body: dict[str, Any]) -> None:
    assert client.request("POST", "/v1/objects", body, headers={"Authorization": "Bearer wrong"})[0] == 401
    ticket = client.request("POST", "/v1/ticket")[1]["url"].partition("#ticket=")[2]
    page = client.request("POST", "/v1/session", headers={"Authorization": f"Bearer {ticket}"})[1]["token"]
    assert client.request("POST", "/v1/objects", body, headers={"Authorization": f"Bearer {page}"})[0] == 403


def test_a_large_body_is_refused(client: Client) -> None:
    assert client.request("POST", "/v1/objects", b" " * (2**20 + 1))[0] == 413


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda body: body["shot"].pop("mattes"), "Frame 3 has no matte"),
        (lambda body: body.update(frame=4), "Frame 4 of"),
        (lambda body: body["shot"]["mattes"][0].update(path="matte.#.exr"), "is relative"),
        (lambda body: body["shot"]["mattes"][0].update(path="/no\nwhere.exr"), "control character"),
        (lambda body: body.update(frame=2**31), "frame"),
        (lambda body: body.update(frame="3-900000"), "frame"),
        (lambda body: body.update(color=1), "color"),
        (lambda body: body.pop("shot"), "shot"),
    ],
)
def test_what_cannot_be_listed_is_refused_in_one_line(
    client: Client, body: dict[str, Any], change: Any, part: str
) -> None:
    change(body)
    status, answer = client.request("POST", "/v1/objects", body)
    assert status == 422
    assert part in answer["detail"] and "\n" not in answer["detail"]


def test_the_number_of_objects_in_an_answer_is_bounded_and_names_that_no_shot_can_hold_are_left_out(
    client: Client, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"object {number}" for number in range(300)]
    found = [MatteObject(name, 0.5) for name in ("half \ud800", "two\nlines", *names)]
    monkeypatch.setattr(objects, "list_objects", lambda *_: found)
    status, answer = client.request("POST", "/v1/objects", json.dumps(body).encode())
    assert status == 200
    assert [each["name"] for each in answer["objects"]] == names[:256]
    assert answer["total"] == 300
