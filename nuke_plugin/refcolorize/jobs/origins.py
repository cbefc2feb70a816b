"""Ask the core what the frames of a version on disk were made from, and store it beside them. Any thread.

A page or a colleague may write frames again, from other plates. The job that wrote them knows from which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.client import Client
from ..errors import CoreRefused
from ..node.frame_names import same_files
from ..node.origin import Observation
from ..node.version import Version

__all__ = ["find_origin", "store_origin"]

_LIVE = ("queued", "running")


def find_origin(client: Client, path: str) -> bool | None:
    """Ask about the frames of a version, whichever job has written them, and store the answer beside them.

    Args:
        client: A client of the core.
        path: The path of the frames, with ####.

    Returns:
        Whether the core knows; None while a job still writes them.

    Raises:
        CoreUnreachable: If the core does not answer.
    """
    jobs = [job for job in client.jobs() if job["kind"] != "preview" and same_files(str(job["output"]), path)]
    if any(job["state"] in _LIVE for job in jobs):
        return None
    for job in jobs:
        try:
            if store_origin(client, path, str(job["id"])):
                return True
        except CoreRefused:  # it has forgotten the job since
            continue
    return False


def store_origin(client: Client, path: str, job: str) -> bool:
    """Ask a job that has ended about the frames of a version, and store the answer beside them.

    Args:
        client: A client of the core.
        path: The path of the frames, with ####.
        job: The job's id.

    Returns:
        Whether the core knows; False too if files were written, or put back, while it looked.

    Raises:
        CoreUnreachable: If the core does not answer.
        CoreRefused: If the core does not have the job.
    """
    version = Version(0, path, 0)
    shot = version.shot()
    if not shot:  # a version that the page has made
        answer = client.details(job)
        if answer.get("fresh") is None or not Observation.make(version, shot).frames:
            return False
        shot = answer["shot"]
        version.store_shot(shot)
        _store_range(version, answer)
    before = Observation.make(version, shot)
    answer = client.details(job)
    is_known = answer.get("fresh") is not None and bool(before.frames)
    if not is_known or Observation.make(version, shot) != before:
        return False
    before.store(answer)
    return True


def _store_range(version: Version, answer: Mapping[str, Any]) -> None:
    """Store the first and the last frame, as Colorize does before the core begins."""
    frames = answer["frames"]
    if frames:
        version.store_made_from({"first": frames[0], "last": frames[-1]})
