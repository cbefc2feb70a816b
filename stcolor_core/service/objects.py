"""The objects in the mattes of one frame of a shot, for a client that lets the artist choose one."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from stcolor_core.pipeline.matte_objects import list_objects
from stcolor_core.service.jobs import require_full_paths
from stcolor_core.service.shot_body import ShotBody
from stcolor_core.service.texts import is_plain
from stcolor_core.shots.shot import Shot

__all__ = ["FrameObject", "FrameObjects", "ObjectLister", "ObjectsRequest"]

_MOST = 256  # objects in an answer


class ObjectsRequest(BaseModel, extra="forbid"):
    """A shot, of which only the plate and the mattes count, and the frame."""

    shot: ShotBody
    frame: Annotated[int, Field(gt=-(2**31), lt=2**31)]


class FrameObject(BaseModel):
    """An object in the mattes of a frame.

    Attributes:
        name: The name that a swatch of the shot takes as its object.
        share: The part of the picture that it covers, 0..1.
    """

    name: str
    share: float


class FrameObjects(BaseModel):
    """The objects in the mattes of a frame.

    Attributes:
        frame: Frame number.
        objects: The largest first, at most 256.
        total: How many there are.
    """

    frame: int
    objects: list[FrameObject]
    total: int


class ObjectLister:
    """Lists the objects of one request after another, which leaves memory and cores to the running job."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def objects(self, shot: Shot, frame: int) -> FrameObjects:
        """Return the objects in the mattes of a frame. Objects whose name no shot can hold are left out.

        Args:
            shot: The shot.
            frame: Frame number.

        Raises:
            BadRequest: If a path of the shot is relative, or the frame has no matte.
            StcolorError: If a file cannot be read; see `pipeline.matte_objects`.
        """
        require_full_paths(shot)
        async with self._turn:
            found = await run_in_threadpool(list_objects, shot, frame)
        named = [FrameObject(name=each.name, share=each.share) for each in found if is_plain(each.name)]
        return FrameObjects(frame=frame, objects=named[:_MOST], total=len(named))
