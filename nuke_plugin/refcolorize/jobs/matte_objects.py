"""Ask the core for the objects of the matte input at one frame: with a GUI on a worker thread, else at once."""

from __future__ import annotations

from dataclasses import dataclass

import nuke

from ..core import server
from ..errors import RefColorizeError
from ..node import shots
from .task import BackgroundTask

__all__ = ["MatteObject", "ObjectsTask", "find_objects"]


@dataclass(frozen=True)
class MatteObject:
    """An object of a matte.

    Attributes:
        name: Its name, as a swatch takes it.
        share: The part of the picture that it covers, 0..1.
    """

    name: str
    share: float


def find_objects(node: nuke.Node, frame: int | None = None) -> ObjectsTask:
    """Find the objects of the node's matte input. If it is no plain Read, Nuke renders that one frame of it first.

    Args:
        node: A RefColorize node.
        frame: A frame of the plate; None for the current one.

    Returns:
        The task, which has ended if there is no GUI.

    Raises:
        RefColorizeError: If the node has no matte or no such frame; without a GUI, if the core cannot list the objects.
    """
    number = int(nuke.frame()) if frame is None else frame
    return ObjectsTask(node, number, shots.build_matte_request(node, number)).begin()


class ObjectsTask(BackgroundTask):
    """The background task that asks the core, which is started if none runs.

    Attributes:
        frame: The frame.
        objects: The objects, the largest first; empty until the task has ended.
    """

    def __init__(self, node: nuke.Node, frame: int, shot: dict[str, object]) -> None:
        """Prepare the task; `begin` starts it.

        Args:
            node: A RefColorize node.
            frame: The frame whose matte counts.
            shot: The Shot, with the plate and the mattes.
        """
        super().__init__(node, thread="refcolorize objects")
        self.frame, self._shot = frame, shot
        self.objects: tuple[MatteObject, ...] = ()

    def _work(self) -> None:
        answer = server.ensure().objects(self._shot, self.frame)
        self.objects = tuple(MatteObject(str(found["name"]), float(found["share"])) for found in answer["objects"])

    def _failed(self, error: RefColorizeError) -> None:
        """Show nothing: whoever has started the task shows its `error`."""
