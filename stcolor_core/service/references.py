"""The check of a shot's references before it is submitted, so that a client can ask about a keyframe without colour."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from stcolor_core.images.color_presence import ReferenceFlaw
from stcolor_core.pipeline.reference_flaws import inspect_references
from stcolor_core.service.jobs import require_full_paths
from stcolor_core.service.shot_body import ShotBody
from stcolor_core.shots.shot import Shot

__all__ = ["ReferenceChecker", "ReferenceReport", "ReferencesRequest"]


class ReferencesRequest(BaseModel, extra="forbid"):
    """A shot, of which only the plate and the references count."""

    shot: ShotBody


class ReferenceReport(BaseModel):
    """The keyframes of a shot that give no colour.

    Attributes:
        colorless: Keyframe -> why its reference gives no colour: it has none, or it is the plate itself.
    """

    colorless: dict[int, ReferenceFlaw]


class ReferenceChecker:
    """Checks one shot after another, which leaves memory and cores to the running job."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def check(self, shot: Shot) -> ReferenceReport:
        """Return the keyframes of a shot that give no colour.

        Args:
            shot: The shot.

        Raises:
            BadRequest: If a path of the shot is relative.
            StcolorError: If a file cannot be read; see `pipeline.reference_flaws`.
        """
        require_full_paths(shot)
        async with self._turn:
            return ReferenceReport(colorless=await run_in_threadpool(inspect_references, shot))
