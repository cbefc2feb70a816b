"""The service words the remedies of its messages for whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving import Client, running_core

from stcolor_core.images import frame_files


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with running_core(tmp_path / "state", device="cpu") as client:
        yield client


@pytest.fixture
def shot(tmp_path: Path) -> dict[str, Any]:
    """A shot whose frame 2 is missing. A quote in its folder's name must not confuse anybody."""
    folder = tmp_path / 'a "shot"'
    folder.mkdir()
    plane = np.linspace(0.05, 0.9, 40 * 60).reshape(40, 60).astype(np.float32)
    for frame in (1, 3):
        frame_files.write_frame(folder / f"plate.{frame}.exr", {"Y": (plane, "half")})
    planes = {name: (plane * np.float32(gain), "half") for name, gain in zip("RGB", (1, 0.5, 0.2), strict=True)}
    frame_files.write_frame(folder / "ref.1.exr", planes)  # type: ignore[arg-type]
    return {
        "plate": {"path": str(folder / "plate.#.exr")},
        "references": [{"frame": 1, "path": str(folder / "ref.1.exr")}],
        "output": {"path": str(folder / "out.#.exr")},
    }


WORDS = [
    pytest.param({}, 'set "Missing frames"', id="page"),
    pytest.param({"X-Front-End": "node"}, "what its Read does on missing frames", id="node"),
    pytest.param({"X-Front-End": "command_line"}, "pass --missing skip", id="terminal"),
    pytest.param({"X-Front-End": "⟦".encode().decode("latin-1")}, 'set "Missing frames"', id="nonsense"),
]


@pytest.mark.parametrize(("headers", "words"), WORDS)
def test_a_refusal_is_worded(client: Client, shot: dict[str, Any], headers: dict[str, str], words: str) -> None:
    status, answer = client.request("POST", "/v1/references", {"shot": shot}, headers=headers)
    assert status == 422
    assert words in answer["detail"] and "⟦" not in answer["detail"]
    assert 'a "shot"' in answer["detail"]


def test_one_failed_job_is_worded_for_each_that_asks(client: Client, shot: dict[str, Any]) -> None:
    job = client.request("POST", "/v1/jobs", shot)[1]["id"]
    client.finish(job)
    for parameter in WORDS:
        headers, words = parameter.values
        state = client.request("GET", f"/v1/jobs/{job}", headers=headers)[1]
        events = client.request("GET", f"/v1/jobs/{job}/events", headers=headers)[1]
        assert words in state["error"]
        assert words in events["job"]["error"]
        assert not any("⟦" in event["message"] for event in events["events"])
