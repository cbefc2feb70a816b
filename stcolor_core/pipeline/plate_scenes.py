"""The scenes of a plate, and the frames of each in which a keyframe may be proposed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stcolor_core.shots.transitions import Transitions

__all__ = ["PlateScene", "split_scenes"]

_FROM_DISSOLVE = 3  # frames that a keyframe must stay away from a dissolve, so that it is found


@dataclass(frozen=True)
class PlateScene:
    """A scene of a plate.

    Attributes:
        frames: Its frames, none of which mixes two scenes, in ascending order.
        clear: Those in which a keyframe may be proposed: none beside a dissolve, whose ends are not known to the frame.
    """

    frames: tuple[int, ...]
    clear: tuple[int, ...]

    def looked_at(self, keyframes: Collection[int]) -> list[int]:
        """Return the frames that keyframes are chosen by: the clear ones, and those of the scene that have one.

        Args:
            keyframes: The frames that have one.
        """
        return sorted({*self.clear, *set(keyframes).intersection(self.frames)})


def split_scenes(frames: Sequence[int], transitions: Transitions) -> list[PlateScene]:
    """Return the scenes of a plate. Frames that mix two scenes belong to none.

    Args:
        frames: The plate's frames in ascending order.
        transitions: Its cuts and dissolves.
    """
    starts = sorted({0, *(bisect_left(frames, frame) for frame in transitions.scene_starts), len(frames)})
    firsts = {dissolve.first for dissolve in transitions.dissolves}
    lasts = {dissolve.last for dissolve in transitions.dissolves}
    scenes = []
    for a, b in zip(starts, starts[1:], strict=False):
        scene = tuple(frames[a:b])
        if not scene or scene[0] in firsts:
            continue
        before = _FROM_DISSOLVE if a and frames[a - 1] in lasts else 0
        after = _FROM_DISSOLVE if b < len(frames) and frames[b] in firsts else 0
        scenes.append(PlateScene(scene, scene[before : len(scene) - after] or scene[len(scene) // 2 :][:1]))
    return scenes
