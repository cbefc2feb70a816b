"""What the plug-in says to the core: JSON over HTTP, to this machine only, through no proxy."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

from ..errors import CoreRefused, CoreUnreachable, RefColorizeError

__all__ = ["PROTOCOL", "Client"]

PROTOCOL = 1  # of the core that this plug-in speaks with
_HOSTS = ("127.0.0.1", "localhost")
_TOKEN = re.compile(r"[\w.~+/=-]+", re.ASCII)  # what a header takes; http.client quotes a wrong one in its error
_ANSWER_BYTES = 32 * 2**20
_WORDS = 500
_UNANSWERED = (OSError, http.client.HTTPException)

Answer = dict[str, Any]


class Client:
    """A core, by its address and the token of its start. Each request is a connection of its own; any thread may ask.

    Every method raises CoreUnreachable where nothing, or no core, answers, and CoreRefused where the core says no.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 5.0) -> None:
        """url: http://127.0.0.1:PORT, no other host. timeout: seconds of silence that are borne."""
        self._host, self._port = _address(url)
        if not _TOKEN.fullmatch(token):
            raise CoreUnreachable("The connection file holds no token. Start the core again.", tried=["no token"])
        self.url, self._token, self._timeout = f"http://{self._host}:{self._port}", token, timeout

    def __repr__(self) -> str:
        return f"Client({self.url})"

    def health(self) -> Answer:
        """version, protocol, device, device_name, free_memory, models. RefColorizeError for another protocol."""
        answer = self._object("GET", "/v1/health")
        if answer.get("protocol") != PROTOCOL:
            raise RefColorizeError(
                f"The core at {self.url} has version {_line(answer.get('version'))} and speaks protocol "
                f"{_line(answer.get('protocol'))}; this plug-in speaks {PROTOCOL}. Stop the core, run install.py nuke "
                "from one checkout, and start Nuke again."
            )
        return answer

    def submit(self, shot: Mapping[str, Any]) -> Answer:
        """Queue a shot; how its job stands. The same shot again is the same job."""
        return self._object("POST", "/v1/jobs", body=shot)

    def preview(self, shot: Mapping[str, Any], frame: int) -> Answer:
        """Colour one frame ahead of the queue; how its job stands."""
        return self._object("POST", "/v1/preview", body={"shot": shot, "frame": frame})

    def jobs(self) -> list[Answer]:
        """How every job stands, the newest first."""
        answer = self._ask("GET", "/v1/jobs")
        if not isinstance(answer, list):
            raise self._stranger("it sent no list")
        return cast(list[Answer], answer)

    def job(self, id: str) -> Answer:
        """How a job stands."""
        return self._object("GET", _job(id))

    def events(self, id: str, *, after: int, wait: float) -> Answer:
        """{"job", "events"}: what has happened since event `after`; waits at most `wait` seconds (up to 25) for one."""
        query = urlencode({"after": after, "wait": wait})
        return self._object("GET", f"{_job(id)}/events?{query}", timeout=self._timeout + wait)

    def frames(self, id: str) -> Answer:
        """{"job", "keyframes", "frames", "weakest"}: what a job has coloured, and where it was least sure."""
        return self._object("GET", f"{_job(id)}/frames")

    def picture(self, id: str, frame: int, *, of: str, height: int = 180) -> bytes:
        """A frame of a job as JPEG, for people. of: plate, reference or result. height: at most 360 lines."""
        query = urlencode({"frame": frame, "of": of, "height": height})
        status, data = self._exchange("GET", f"{_job(id)}/picture?{query}", None, self._timeout)
        if status == 200:
            return data
        self._answer(status, data)
        raise self._stranger("it sent no picture")

    def cancel(self, id: str) -> Answer:
        """Ask a job to stop within one frame; how it stands."""
        return self._object("POST", f"{_job(id)}/cancel")

    def shutdown(self) -> None:
        """Ask the core to stop; its job goes on at the next start."""
        self._object("POST", "/v1/shutdown")

    def page(self) -> str:
        """A link to the core's page for a browser. It opens once, and is as good as the token until then."""
        url = str(self._object("POST", "/v1/ticket").get("url"))
        if not url.startswith(f"http://127.0.0.1:{self._port}/"):
            raise self._stranger("its page is elsewhere")
        return url

    def _object(self, method: str, path: str, *, body: Any = None, timeout: float | None = None) -> Answer:
        answer = self._ask(method, path, body=body, timeout=timeout)
        if not isinstance(answer, dict):
            raise self._stranger("it sent no object")
        return cast(Answer, answer)

    def _ask(self, method: str, path: str, *, body: Any = None, timeout: float | None = None) -> Any:
        return self._answer(*self._exchange(method, path, body, self._timeout if timeout is None else timeout))

    def _answer(self, status: int, data: bytes) -> Any:
        """The JSON of an answer; CoreRefused where it is a refusal."""
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError):
            raise self._stranger("it sent no JSON") from None
        if status == 401:
            raise CoreRefused(
                f"The core at {self.url} does not take this token: another core has started since. Try again.",
                status=status,
            )
        if not 200 <= status < 300:
            detail = answer.get("detail") if isinstance(answer, dict) else None
            raise CoreRefused(f"The core says: {_line(detail or f'status {status}')}", status=status)
        return answer

    def _exchange(self, method: str, path: str, body: Any, timeout: float) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._token}"}
        payload = None
        if body is not None:
            payload = json.dumps(body, allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        try:
            connection.request(method, path, body=payload, headers=headers)
            response = connection.getresponse()
            data = response.read(_ANSWER_BYTES + 1)
        except http.client.RemoteDisconnected:
            raise self._silent("it ended in the middle of the request") from None
        except _UNANSWERED as error:
            raise self._silent(_line(getattr(error, "strerror", None) or error or type(error).__name__)) from None
        finally:
            connection.close()
        if len(data) > _ANSWER_BYTES:
            raise self._stranger(f"it sent more than {_ANSWER_BYTES} bytes")
        if response.length:
            raise self._silent("it ended in the middle of its answer")
        return response.status, data

    def _silent(self, why: str) -> CoreUnreachable:
        message = f"The core at {self.url} does not answer ({why}). Start it again; its log may say why."
        return CoreUnreachable(message, tried=[f"asked {self.url}: {why}"])

    def _stranger(self, why: str) -> CoreUnreachable:
        message = f"What answers at {self.url} is no RefColorize core ({why}). Start the core."
        return CoreUnreachable(message, tried=[f"asked {self.url}: {why}"])


def _address(url: str) -> tuple[str, int]:
    """Host and port of a core's URL. CoreUnreachable where it is not on this machine."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname in _HOSTS and parts.port:
            return parts.hostname, parts.port
    except ValueError:  # no port, or no host, in a text that looks like one
        pass
    message = f"A core is on this machine, at http://127.0.0.1:PORT, not at {_line(url)}. Start the core again."
    raise CoreUnreachable(message, tried=[f"{_line(url)} is not on this machine"])


def _job(id: str) -> str:
    return f"/v1/jobs/{quote(str(id), safe='')}"


def _line(words: object) -> str:
    """Words of others as one line of bounded length."""
    return " ".join(str(words).split())[:_WORDS]
