"""Write beside a version's frames what the core knows of them, since it forgets jobs."""

from __future__ import annotations

from contextlib import suppress

from ..core.client import Client
from ..errors import RefColorizeError
from ..node.version import write_confidence, write_thumbnail
from .progress import confidence_curve

__all__ = ["store_summary"]

_THUMBNAIL_LINES = 72  # twice the height in the panel's list, for high-resolution screens


def store_summary(client: Client, job_id: str, path: str) -> None:
    """Write confidence and a thumbnail beside a version's frames. A failure is ignored.

    Args:
        client: A client of the core.
        job_id: The core's identifier of the job.
        path: Pattern of the version's frames.
    """
    with suppress(RefColorizeError):
        curve = confidence_curve(client.frames(job_id))
        write_confidence(path, dict(curve))
        if curve:
            middle = curve[len(curve) // 2][0]
            write_thumbnail(path, client.picture(job_id, middle, of="result", height=_THUMBNAIL_LINES))
