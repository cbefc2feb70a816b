"""Every answer matches the schema, whatever a client sends: schemathesis against a real core."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from scenes import pan
from serving import Client, running_core

from stcolor_core.images import frame_files
from stcolor_core.images.color import lab_to_linear, luminance_of
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 25  # for each operation: this many valid ones, and as many that break the schema


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("contract")


@pytest.fixture(scope="module")
def core(folder: Path) -> Iterator[Client]:
    with running_core(folder / "state", device="cpu") as client:
        yield client


@pytest.fixture(scope="module")
def job(core: Client, folder: Path) -> str:
    """One that is done: frames 0 and 1, 0 being the reference."""
    scene = pan(2, height=64, width=96)
    for frame, lightness in enumerate(scene.lightnesses):
        frame_files.write_frame(folder / f"plate.{frame}.exr", {"Y": (luminance_of(lightness), "half")})
    color = lab_to_linear(np.dstack([scene.lightnesses[0], scene.ab[0]]))
    frame_files.write_frame(folder / "ref.exr", {name: (color[..., i], "half") for i, name in enumerate("RGB")})
    done = core.submit(
        Shot(
            plate=Plate(path=str(folder / "plate.#.exr")),
            output=Output(path=str(folder / "out" / "shot.#.exr")),
            references=(Reference(path=str(folder / "ref.exr"), frame=0),),
            method=Method(working_height=64),
        )
    )
    assert core.finish(done)[-1]["kind"] == "done"
    return done


def within_reach(case: schemathesis.Case, job: str, folder: Path) -> None:
    """Let a case get past the first refusal: name a job that is there, wait for nothing, give paths in full."""
    case.path_parameters.update(dict.fromkeys(case.path_parameters, job))
    if isinstance(case.query.get("frame"), int):
        case.query["frame"] %= 3
    if isinstance(case.query.get("wait", 25), (int, float)):
        case.query["wait"] = 0  # the other routes do not know it
    shot = case.body.get("shot", case.body) if isinstance(case.body, dict) else {}
    for part in shot.values() if isinstance(shot, dict) else ():
        for picture in part if isinstance(part, list) else [part]:
            if isinstance(picture, dict) and isinstance(picture.get("path"), str):
                picture["path"] = f"{folder}/nowhere/{picture['path']}.exr"


@pytest.mark.slow
@pytest.mark.parametrize("reach", ["as generated", "with a job and paths that are there"])
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_every_answer_matches_the_schema(
    core: Client, job: str, folder: Path, mode: schemathesis.GenerationMode, reach: str
) -> None:
    token = {"Authorization": f"Bearer {core.connection.token}"}
    schema = schemathesis.openapi.from_url(f"{core.connection.url}/openapi.json", headers=token)
    operations = [found.ok() for found in schema.exclude(path="/v1/shutdown").get_all_operations()]
    assert len(operations) >= 12
    for operation in operations:

        @given(operation.as_strategy(generation_mode=mode))
        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        def is_as_promised(case: schemathesis.Case) -> None:
            if reach != "as generated":
                within_reach(case, job, folder)
            case.call_and_validate(headers=token, checks=CHECKS)

        is_as_promised()
    assert core.get(f"/v1/jobs/{job}")["state"] == "done"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(b"\xff\x00", "application/json", id="bytes that are not text"),
        pytest.param(b"{}", "text/plain", id="JSON without its content type"),
        pytest.param(b"plate=a", "application/x-www-form-urlencoded", id="a form"),
        pytest.param(b"", "application/json", id="nothing"),
        pytest.param(
            b'{"plate": {"path": "/a", "exposure": 1' + b"0" * 400 + b"}}", "application/json", id="too large"
        ),
        pytest.param(
            rb'{"plate": {"path": "/a\ud800"}, "output": {"path": "/b.exr"}}', "application/json", id="half a character"
        ),
        pytest.param(
            rb'{"plate": {"path": "/a\u0000"}, "output": {"path": "/b.exr"}}', "application/json", id="a zero in a path"
        ),
    ],
)
def test_a_body_that_cannot_be_a_shot_is_refused_in_one_line(core: Client, body: bytes, kind: str) -> None:
    for path in ("/v1/jobs", "/v1/preview"):
        sent = body if path == "/v1/jobs" or not body.startswith(b'{"plate') else b'{"shot": %s, "frame": 1}' % body
        status, answer = core.request("POST", path, sent, headers={"Content-Type": kind})
        assert status in (400, 422), answer
        assert "\n" not in answer["detail"]


def test_a_setting_named_with_half_a_surrogate_pair_is_refused_in_one_line(core: Client) -> None:
    for path in ("/v1/jobs", "/v1/preview"):
        status, answer = core.request("POST", path, rb'{"\ud800\n": 1}')
        assert status == 422
        assert "\n" not in answer["detail"]


def test_a_preview_of_a_frame_number_out_of_range_is_refused(core: Client) -> None:
    shot = json.loads(Shot(plate=Plate(path="/a.#.exr"), output=Output(path="/b.#.exr")).to_json())
    body: dict[str, Any] = {"shot": shot, "frame": 2**63}
    assert core.request("POST", "/v1/preview", body)[0] == 422
