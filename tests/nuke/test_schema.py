"""The requests of the plug-in's client, and the keys that it reads in the answers, against the core's schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import serving
from refcolorize.core.client import Client
from serving import running_core

SHOT = {"plate": {"path": "/a.####.exr"}, "output": {"path": "/b.####.exr"}}
JOB = {"id", "kind", "state", "done", "total", "looking", "error", "frame", "output", "seconds_left"}
EVENT = {"number", "kind", "time", "message", "frame", "path", "done", "total", "kept", "confidence", "fallback"}

# Each method of the client with arguments, and the keys of its answer that the plug-in reads; None for a picture.
CALLS: dict[str, tuple[Callable[[Client], Any], set[str] | None]] = {
    "health": (lambda c: c.health(), {"version", "protocol", "device", "device_name", "free_memory", "models"}),
    "submit": (lambda c: c.submit(SHOT), JOB),
    "preview": (lambda c: c.preview(SHOT, 7), JOB),
    "objects": (lambda c: c.objects(SHOT, 7), {"frame", "objects", "total"}),
    "references": (lambda c: c.references(SHOT), {"colorless"}),
    "jobs": (lambda c: c.jobs(), JOB),
    "queue": (lambda c: c.queue(), {"paused", "jobs"}),
    "job": (lambda c: c.job("1"), JOB),
    "details": (lambda c: c.details("1"), {"shot", "frames", "references", "out_of_date", "fresh", "painted"}),
    "events": (lambda c: c.events("1", after=2, wait=0.5), {"job", "events"}),
    "frames": (
        lambda c: c.frames("1"),
        {"job", "keyframes", "patches", "colorless", "frames", "weakest", "suggestions"},
    ),
    "picture": (lambda c: c.picture("1", -7, of="reference", height=90), None),
    "cancel": (lambda c: c.cancel("1"), JOB),
    "shutdown": (lambda c: c.shutdown(), set()),
    "page": (lambda c: c.page(), {"url"}),
}


class Recorder(Client):
    """Keeps each request, and gives an answer that suits every method."""

    def _exchange(self, method: str, path: str, body: Any, timeout: float) -> tuple[int, bytes]:  # noqa: ARG002
        self.request = (method, path, body)
        if path == "/v1/jobs" and method == "GET":
            return 200, b"[]"
        return 200, b'{"protocol": 1, "url": "http://127.0.0.1:80/#ticket=1"}'


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Any]]:
    with running_core(tmp_path_factory.mktemp("core") / "state", device="cpu") as core:
        yield serving.Client(core.connection).get("/openapi.json")


def resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a part of the schema with its reference resolved; for a list, that of its items."""
    while "$ref" in part or "items" in part:
        part = part["items"] if "items" in part else schema["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    return part


def operation(schema: Mapping[str, Any], method: str, path: str) -> Mapping[str, Any]:
    """Return the one operation that matches a request's method and path."""
    exact = [path] if path in schema["paths"] else []
    patterns = [p for p in schema["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", p), path)]
    found = exact or patterns
    assert len(found) == 1, f"{path} is none, or several, of {list(schema['paths'])}"
    assert method.lower() in schema["paths"][found[0]]
    return dict(schema["paths"][found[0]][method.lower()])


def test_every_method_of_the_client_is_compared_with_the_schema() -> None:
    assert set(CALLS) == {name for name in vars(Client) if not name.startswith("_")}


@pytest.mark.parametrize("name", CALLS)
def test_a_request_and_its_answer_match_the_schema(schema: Mapping[str, Any], name: str) -> None:
    call, relied_on = CALLS[name]
    client = Recorder("http://127.0.0.1:80", "token")
    call(client)
    method, target, body = client.request
    asked = operation(schema, method, urlsplit(target).path)

    parameters = {each["name"]: each for each in asked.get("parameters", []) if each["in"] == "query"}
    query = dict(parse_qsl(urlsplit(target).query))
    assert set(query) <= set(parameters)
    assert {each for each, parameter in parameters.items() if parameter.get("required")} <= set(query)
    for each, value in query.items():
        kind = parameters[each]["schema"]
        if "enum" in kind:
            assert value in kind["enum"]
        else:
            assert re.fullmatch({"integer": r"-?\d+", "number": r"-?[\d.]+"}[kind["type"]], value)

    assert ("requestBody" in asked) == (body is not None)
    if body is not None:
        taken = resolved(schema, asked["requestBody"]["content"]["application/json"]["schema"])
        assert set(taken.get("required", [])) <= set(body) <= set(taken["properties"])

    success = next(answer for status, answer in asked["responses"].items() if status.startswith("2"))
    if relied_on is None:
        assert "image/jpeg" in success["content"]  # the layers that are PNG are for the page alone
        return
    given = resolved(schema, success["content"]["application/json"]["schema"])
    assert relied_on <= set(given.get("properties", {})), "the plug-in reads what the core does not send"


def test_the_events_and_frames_in_an_answer_have_the_keys_that_the_plug_in_reads(schema: Mapping[str, Any]) -> None:
    def inside(path: str, name: str) -> set[str]:
        answer = operation(schema, "GET", path)["responses"]["200"]["content"]["application/json"]["schema"]
        return set(resolved(schema, resolved(schema, answer)["properties"][name])["properties"])

    assert inside("/v1/jobs/1/events", "job") >= JOB
    assert inside("/v1/jobs/1/events", "events") >= EVENT
    assert inside("/v1/jobs/1/frames", "job") >= JOB
    asked = operation(schema, "POST", "/v1/objects")["responses"]["200"]["content"]["application/json"]["schema"]
    listed = resolved(schema, resolved(schema, asked)["properties"]["objects"])
    assert {"name", "share"} <= set(listed["properties"])
    assert inside("/v1/jobs/1/frames", "frames") >= {"frame", "confidence", "fallback", "kept"}


def test_a_wait_stays_below_the_limit_of_the_core(schema: Mapping[str, Any]) -> None:
    parameters = operation(schema, "GET", "/v1/jobs/1/events")["parameters"]
    assert next(each["schema"]["maximum"] for each in parameters if each["name"] == "wait") >= 25
