"""The HTTP client of the core: JSON requests to this machine only, without a proxy."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

from ..errors import ASK_TO_INSTALL, CoreRefused, CoreUnreachable, RefColorizeError

__all__ = ["PROTOCOL", "Client"]

PROTOCOL = 1  # the version that this plug-in and its core must share
_HOSTS = ("127.0.0.1", "localhost")
_LONGEST_LABEL = 200  # characters that the core takes
_TOKEN = re.compile(r"[\w.~+/=-]+", re.ASCII)  # valid in a header; http.client would quote a wrong token in its error
_MAX_ANSWER_BYTES = 32 * 2**20
_READING_SECONDS = 120.0  # without an answer, while the core reads a large matte or many references
_MAX_TEXT = 500  # characters of a text from outside in a message
_CONNECTION_ERRORS = (OSError, http.client.HTTPException)

Answer = dict[str, Any]


class Client:
    """A client of one core. Any thread may call it: each request opens its own connection.

    Every method raises CoreUnreachable if nothing answers or the answer is not a core's, and CoreRefused if the core
    refuses the request.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 5.0) -> None:
        """Set the address; nothing is sent yet.

        Args:
            url: http://127.0.0.1:PORT; other hosts are refused.
            token: The token of this start of the core, from its connection file.
            timeout: Seconds without an answer before a request fails.

        Raises:
            CoreUnreachable: If the address is not on this machine or the token is malformed.
        """
        self._host, self._port = _parse_address(url)
        if not _TOKEN.fullmatch(token):
            raise CoreUnreachable(
                "The connection file holds no valid token. Start the core again.", tried=["no valid token"]
            )
        self.url, self._token, self._timeout = f"http://{self._host}:{self._port}", token, timeout

    def __repr__(self) -> str:
        return f"Client({self.url})"

    def health(self) -> Answer:
        """Return the core's version, protocol, device, device_name, free_memory (bytes, of the device) and models.

        Raises:
            RefColorizeError: If the core has another version of the protocol.
        """
        answer = self._request_object("GET", "/v1/health")
        if answer.get("protocol") != PROTOCOL:
            raise RefColorizeError(
                f"The core at {self.url} has version {_one_line(answer.get('version'))} and protocol "
                f"{_one_line(answer.get('protocol'))}, but this plug-in needs protocol {PROTOCOL}. Press "
                f"Stop in the panel, and end Nuke. {ASK_TO_INSTALL}"
            )
        return answer

    def submit(self, shot: Mapping[str, Any], *, label: str = "", keep: bool = False) -> Answer:
        """Queue a shot and return the state of its job. Submitting the same shot again returns the same job.

        Args:
            shot: A Shot as JSON data.
            label: What lists of jobs call it; "" leaves it to the core.
            keep: Whether frames that are there stay as they are. The job fails if they would come out different.

        Returns:
            The job: "id", "state", "output", "done", "total" and more (see stcolor_core/service).
        """
        return self._request_object("POST", f"/v1/jobs{_query(label, keep=keep)}", body=shot)

    def preview(self, shot: Mapping[str, Any], frame: int, *, label: str = "") -> Answer:
        """Colour one frame before the rest of the queue.

        Args:
            shot: A Shot as JSON data.
            frame: The frame to colour.
            label: As for `submit`.

        Returns:
            The state of its job, as from `submit`.
        """
        return self._request_object("POST", f"/v1/preview{_query(label)}", body={"shot": shot, "frame": frame})

    def objects(self, shot: Mapping[str, Any], frame: int) -> Answer:
        """Return the objects in the mattes of one frame.

        Args:
            shot: A Shot as JSON data, of which the plate and the mattes count.
            frame: The frame.

        Returns:
            "objects": each with "name" and "share" of the picture, the largest first. "total": how many there are.
        """
        timeout = max(self._timeout, _READING_SECONDS)
        return self._request_object("POST", "/v1/objects", body={"shot": shot, "frame": frame}, timeout=timeout)

    def references(self, shot: Mapping[str, Any]) -> Answer:
        """Return the keyframes of a shot that give no colour. The core reads the references that have changed.

        Args:
            shot: A Shot as JSON data, of which the plate and the references count.

        Returns:
            "colorless": frame -> "no_color" or "plate".
        """
        timeout = max(self._timeout, _READING_SECONDS)
        return self._request_object("POST", "/v1/references", body={"shot": shot}, timeout=timeout)

    def jobs(self) -> list[Answer]:
        """Return the state of every job, the newest first."""
        answer = self._request("GET", "/v1/jobs")
        if not isinstance(answer, list):
            raise self._not_a_core("it sent no list")
        return cast(list[Answer], answer)

    def queue(self) -> Answer:
        """Return the queue: "jobs", as from `jobs`, and "paused", whether no shot starts or goes on."""
        return self._request_object("GET", "/v1/queue")

    def job(self, id: str) -> Answer:
        """Return the state of a job.

        Args:
            id: Of the job.
        """
        return self._request_object("GET", _job_path(id))

    def events(self, id: str, *, after: int, wait: float) -> Answer:
        """Return the events of a job since another event.

        Args:
            id: Of the job.
            after: The number of the last event that is known, 0 for none.
            wait: Seconds to wait for an event if there is none yet, 0 to 25.

        Returns:
            "job": its state. "events": the newer ones, in order.
        """
        query = urlencode({"after": after, "wait": wait})
        return self._request_object("GET", f"{_job_path(id)}/events?{query}", timeout=self._timeout + wait)

    def frames(self, id: str) -> Answer:
        """Return the frames that a job has coloured.

        Args:
            id: Of the job.

        Returns:
            "job": its state. "keyframes" and "frames": what is done. "weakest": the frames of lowest confidence.
        """
        return self._request_object("GET", f"{_job_path(id)}/frames")

    def details(self, id: str) -> Answer:
        """Return what a job was asked to do, and what has changed since its frames were made.

        Args:
            id: Of the job.

        Returns:
            "job": its state. "shot", "references", "out_of_date", "fresh", "painted" and more.
        """
        timeout = max(self._timeout, _READING_SECONDS)
        return self._request_object("GET", f"{_job_path(id)}/details", timeout=timeout)

    def picture(self, id: str, frame: int, *, of: str, height: int = 180) -> bytes:
        """Return a frame of a job as a JPEG file for display.

        Args:
            id: Of the job.
            frame: The frame's number.
            of: "plate", "reference" or "result".
            height: In pixels, at most 360.
        """
        query = urlencode({"frame": frame, "of": of, "height": height})
        status, data = self._exchange("GET", f"{_job_path(id)}/picture?{query}", None, self._timeout)
        if status == 200:
            return data
        self._parse(status, data)
        raise self._not_a_core("it sent no picture")

    def cancel(self, id: str) -> Answer:
        """Ask a job to stop after the current frame, and return its state.

        Args:
            id: Of the job.

        Returns:
            The state of the job.
        """
        return self._request_object("POST", f"{_job_path(id)}/cancel")

    def shutdown(self) -> None:
        """Ask the core to stop. Its job continues at the next start."""
        self._request_object("POST", "/v1/shutdown")

    def page(self) -> str:
        """Return a link to the core's page for a browser. It opens once; until then it is as secret as the token."""
        url = str(self._request_object("POST", "/v1/ticket").get("url"))
        if not url.startswith(f"http://127.0.0.1:{self._port}/"):
            raise self._not_a_core("its page has another address")
        return url

    def _request_object(self, method: str, path: str, *, body: Any = None, timeout: float | None = None) -> Answer:
        answer = self._request(method, path, body=body, timeout=timeout)
        if not isinstance(answer, dict):
            raise self._not_a_core("it sent no object")
        return cast(Answer, answer)

    def _request(self, method: str, path: str, *, body: Any = None, timeout: float | None = None) -> Any:
        return self._parse(*self._exchange(method, path, body, self._timeout if timeout is None else timeout))

    def _parse(self, status: int, data: bytes) -> Any:
        """Return the JSON of an answer; CoreRefused if it is a refusal."""
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError):
            raise self._not_a_core("it sent no JSON") from None
        if status == 401:
            raise CoreRefused(
                f"The core at {self.url} refuses this token: another core has started since. Try again.",
                status=status,
            )
        if not 200 <= status < 300:
            detail = answer.get("detail") if isinstance(answer, dict) else None
            raise CoreRefused(f"The core reports: {_one_line(detail or f'status {status}')}", status=status)
        return answer

    def _exchange(self, method: str, path: str, body: Any, timeout: float) -> tuple[int, bytes]:
        """Send a request and return the status and body of the answer."""
        headers = {"Authorization": f"Bearer {self._token}", "X-Front-End": "node"}
        payload = None
        if body is not None:
            payload = json.dumps(body, allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        try:
            connection.request(method, path, body=payload, headers=headers)
            response = connection.getresponse()
            data = response.read(_MAX_ANSWER_BYTES + 1)
        except http.client.RemoteDisconnected:
            raise self._no_answer("it closed the connection during the request") from None
        except _CONNECTION_ERRORS as error:
            reason = _one_line(getattr(error, "strerror", None) or error or type(error).__name__)
            raise self._no_answer(reason) from None
        finally:
            connection.close()
        if len(data) > _MAX_ANSWER_BYTES:
            raise self._not_a_core(f"it sent more than {_MAX_ANSWER_BYTES} bytes")
        if response.length:
            raise self._no_answer("it closed the connection during its answer")
        return response.status, data

    def _no_answer(self, reason: str) -> CoreUnreachable:
        message = f"The core at {self.url} does not answer ({reason}). Start it again; its log may say why."
        return CoreUnreachable(message, tried=[f"asked {self.url}: {reason}"])

    def _not_a_core(self, reason: str) -> CoreUnreachable:
        message = f"The program at {self.url} is not a RefColorize core ({reason}). Start the core."
        return CoreUnreachable(message, tried=[f"asked {self.url}: {reason}"])


def _parse_address(url: str) -> tuple[str, int]:
    """Return host and port of a core's URL; CoreUnreachable if it is not on this machine."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname in _HOSTS and parts.port:
            return parts.hostname, parts.port
    except ValueError:  # a wrong port or host
        pass
    message = (
        f"A core's address is http://127.0.0.1:PORT, on this machine, and not {_one_line(url)}. Start the core again."
    )
    raise CoreUnreachable(message, tried=[f"{_one_line(url)} is not on this machine"])


def _query(label: str, *, keep: bool = False) -> str:
    """Return the query of a submission; "" if it says nothing."""
    given = {**({"label": label[:_LONGEST_LABEL]} if label else {}), **({"keep": "true"} if keep else {})}
    return f"?{urlencode(given)}" if given else ""


def _job_path(id: str) -> str:
    return f"/v1/jobs/{quote(str(id), safe='')}"


def _one_line(text: object) -> str:
    """Return a text from outside as one line of limited length."""
    return " ".join(str(text).split())[:_MAX_TEXT]
