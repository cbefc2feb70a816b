"""Reload the frames that a job has finished into the node that shows them. Main thread only."""

from __future__ import annotations

import time

import nuke

from ..node import node_results
from . import freshness

__all__ = ["FrameReload"]

_SECONDS = 5.0


class FrameReload:
    """Reloads a node's files every few seconds and at the end, no more often: Nuke drops its playback cache each time.

    Attributes:
        has_new_frames: Whether frames were finished since the last reload.
    """

    def __init__(self, node: nuke.Node) -> None:
        """Set the node; nothing is reloaded yet.

        Args:
            node: A RefColorize node.
        """
        self._node = node
        self.has_new_frames = False
        self._due = 0.0

    def reload(self, path: str, *, has_ended: bool) -> None:
        """Reload the files if there are new frames and it is time to.

        Args:
            path: Pattern of the frames that the job writes. Nothing of it is reloaded if the node shows another one.
            has_ended: Whether the job has ended, so that no later reload follows.
        """
        if not self.has_new_frames or not (has_ended or time.monotonic() > self._due):
            return
        if node_results.is_showing(self._node, path):
            node_results.reload_result(self._node)
            freshness.has_reloaded(path)
        self.has_new_frames, self._due = False, time.monotonic() + _SECONDS
