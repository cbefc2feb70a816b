"""A real core on a real socket, and a client that sends plain HTTP."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stcolor_core.service.access import Connection, connection_file, find
from stcolor_core.service.server import CoreServer
from stcolor_core.shots.shot import Shot

PATIENCE = 120.0


def until(holds: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait until `holds` returns a true value, and return that; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "waited too long"
        threading.Event().wait(0.02)
    return found


@dataclass
class Client:
    connection: Connection

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **options: Any
    ) -> tuple[int, Any]:
        """Send a request; return status and answer. body: bytes or JSON value. headers: replace the usual ones."""
        address = urlsplit(self.connection.url)
        client = http.client.HTTPConnection(str(address.hostname), address.port, timeout=PATIENCE)
        own = {"Authorization": f"Bearer {self.connection.token}", "Content-Type": "application/json"}
        if body is not None and not hasattr(body, "__next__") and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        try:
            client.request(method, path, body=body, headers={**own, **(headers or {})}, **options)
            response = client.getresponse()
            return response.status, json.loads(response.read())
        finally:
            client.close()

    def get(self, path: str) -> Any:
        status, answer = self.request("GET", path)
        assert status == 200, answer
        return answer

    def submit(self, shot: Shot, frame: int | None = None) -> str:
        data = json.loads(shot.to_json())
        if frame is None:
            status, answer = self.request("POST", "/v1/jobs", data)
        else:
            status, answer = self.request("POST", "/v1/preview", {"shot": data, "frame": frame})
        assert status == 200, answer
        return str(answer["id"])

    def events(self, job: str, *, until: Callable[[dict[str, Any]], bool], after: int = 0) -> list[dict[str, Any]]:
        """Return the events up to the first for which `until` is true, by long polls."""
        seen: list[dict[str, Any]] = []
        deadline = time.monotonic() + PATIENCE
        while not any(map(until, seen)):
            assert time.monotonic() < deadline, seen
            seen += self.get(f"/v1/jobs/{job}/events?after={seen[-1]['number'] if seen else after}&wait=5")["events"]
        return seen

    def finish(self, job: str, *, after: int = 0) -> list[dict[str, Any]]:
        """Return the events up to the job's end."""
        return self.events(job, after=after, until=lambda event: event["kind"] in ("done", "failed", "cancelled"))


@contextmanager
def running_core(folder: Path, **options: Any) -> Iterator[Client]:
    """Yield a core in a thread of this process, and stop it at the end."""
    folder.mkdir(exist_ok=True)
    core = CoreServer(folder, **options)
    thread = threading.Thread(target=core.run, daemon=True)
    thread.start()
    try:
        yield Client(until(lambda: find(folder)))
    finally:
        core.stop()
        thread.join(PATIENCE)
    assert not thread.is_alive()
    assert not connection_file(folder).exists()
