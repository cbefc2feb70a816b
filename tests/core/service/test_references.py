"""The check of a shot's references before it is submitted, on a real socket."""

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
    """Four frames; the reference of 1 has colour, that of 2 is the plate, that of 3 is black."""
    plane = np.linspace(0.05, 0.9, 40 * 60).reshape(40, 60).astype(np.float32)
    for frame in range(1, 5):
        frame_files.write_frame(tmp_path / f"plate.{frame}.exr", {"Y": (plane, "half")})
    for frame, factors in ((1, (1, 0.5, 0.2)), (2, (1, 1, 1)), (3, (0, 0, 0))):
        planes = {name: (plane * np.float32(factor), "half") for name, factor in zip("RGB", factors, strict=True)}
        frame_files.write_frame(tmp_path / f"ref.{frame}.exr", planes)  # type: ignore[arg-type]
    return {
        "plate": {"path": str(tmp_path / "plate.#.exr")},
        "references": [{"path": str(tmp_path / "ref.#.exr")}],
        "output": {"path": str(tmp_path / "out.#.exr")},
    }


def test_keyframes_without_colour_are_named_and_nothing_is_written(
    client: Client, shot: dict[str, Any], tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    assert client.request("POST", "/v1/references", {"shot": shot}) == (
        200,
        {"colorless": {"2": "plate", "3": "no_color"}},
    )
    assert client.get("/v1/jobs") == []
    assert sorted(tmp_path.iterdir()) == before


def test_a_repainted_reference_is_judged_again(client: Client, shot: dict[str, Any], tmp_path: Path) -> None:
    client.request("POST", "/v1/references", {"shot": shot})
    (tmp_path / "ref.1.exr").replace(tmp_path / "ref.3.exr")
    assert client.request("POST", "/v1/references", {"shot": shot})[1] == {"colorless": {"2": "plate"}}


def test_a_shot_of_stills_alone_has_no_keyframe_to_judge(client: Client, shot: dict[str, Any], tmp_path: Path) -> None:
    stills = {**shot, "references": [], "stills": [{"path": str(tmp_path / "ref.3.exr")}]}
    assert client.request("POST", "/v1/references", {"shot": stills}) == (200, {"colorless": {}})


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda shot: shot["plate"].update(path="/nowhere/plate.#.exr"), "/nowhere/plate.#.exr"),
        (lambda shot: shot["references"][0].update(path="ref.#.exr"), "is relative"),
        (lambda shot: shot.update(references=[{"frame": 2, "path": "/nowhere/ref.exr"}]), "/nowhere/ref.exr"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(
    client: Client, shot: dict[str, Any], change: Any, part: str
) -> None:
    change(shot)
    status, answer = client.request("POST", "/v1/references", {"shot": shot})
    assert status == 422
    assert part in answer["detail"]
    assert "\n" not in answer["detail"]
