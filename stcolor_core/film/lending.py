"""Which keyframes lend their colour to a scene without any: those of its group, the most alike first."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.errors import PlateError
from stcolor_core.film.film_keys import FilmKeys
from stcolor_core.film.key_name import KeyName
from stcolor_core.film.likeness import SceneLook, describe_looks, frame_likeness, sample_frames
from stcolor_core.film.plan import FilmPlan
from stcolor_core.film.scenes import PlateReader
from stcolor_core.images.color_room import any_can_hold_color, can_hold_color, color_room
from stcolor_core.pipeline.transition_search import scene_describer
from stcolor_core.remedies import advise

__all__ = ["LenderRanking", "borrow"]


class LenderRanking:
    """The likeness of keyframes to scenes; the features of a frame are computed when they are first asked for."""

    def __init__(self, plan: FilmPlan, warn: Callable[[str], None]) -> None:
        """Prepare the ranking; no frame is read yet.

        Args:
            plan: The plan.
            warn: Called with one line for the artist.
        """
        self._plan, self._warn = plan, warn
        self._describe = scene_describer()
        self._readers: dict[str, PlateReader] = {}
        self._features: dict[KeyName, NDArray[np.float32]] = {}
        self._holds_color: dict[KeyName, bool] = {}
        self._unread: set[KeyName] = set()

    def rank(self, keys: Collection[KeyName], scene: str) -> list[KeyName]:
        """Return keyframes by their likeness to a scene, the most alike first. Reads frames only if there are any.

        Args:
            keys: The keyframes.
            scene: The scene's name.

        Raises:
            PlateError: If a frame of the scene cannot be read.
        """
        if not keys:
            return []
        plate = self._plan.scenes[scene].plate
        frames = sample_frames(self._present(plate, self._plan.frames(scene)))
        look = SceneLook(frames, tuple(self._features_of(KeyName(plate, frame)) for frame in frames))
        return sorted(keys, key=lambda key: (-self._of_key(key, look), key))

    def _of_key(self, key: KeyName, look: SceneLook) -> float:
        """Return the likeness of a keyframe's plate frame to the most similar frame of a scene.

        If that plate frame cannot be read, the keyframe comes after the others: the scenes that borrow need not wait.
        """
        if key in self._unread:
            return -np.inf
        try:
            return max(frame_likeness(self._features_of(key), each) for each in look.features)
        except PlateError as error:
            self._unread.add(key)
            self._warn(f"Keyframe {key} is borrowed after all others, as its plate cannot be read: {error.marked}")
            return -np.inf

    def _features_of(self, key: KeyName) -> NDArray[np.float32]:
        if key not in self._features:
            lightness = self._lightness(key)
            self._holds_color[key] = can_hold_color(color_room(lightness))
            self._features[key] = describe_looks([lightness], self._describe)[0]
        return self._features[key]

    def can_lend(self, key: KeyName) -> bool:
        """Return whether a keyframe has colour for other scenes; True if its plate frame cannot be read.

        Args:
            key: The keyframe.
        """
        try:
            self._features_of(key)
        except PlateError:
            return True
        return self._holds_color[key]

    def holds_color(self, scene: str) -> bool:
        """Return whether a scene can hold colour; True if one of its frames cannot be read.

        Args:
            scene: The scene's name.
        """
        plate = self._plan.scenes[scene].plate
        try:
            frames = self._present(plate, self._plan.frames(scene))
            return any_can_hold_color(frames, lambda frame: self._lightness(KeyName(plate, frame)))
        except PlateError:
            return True

    def _lightness(self, key: KeyName) -> Plane:
        reader = self._reader(key.plate)
        if key.frame not in reader.frames:
            path = self._plan.plates[key.plate].path
            raise PlateError(f"Frame {key.frame} of {path} is missing. Render it, or {advise('missing')}.")
        return reader.lightness(key.frame)

    def _reader(self, plate: str) -> PlateReader:
        if plate not in self._readers:
            own = self._plan.plates[plate]
            self._readers[plate] = PlateReader(own, missing="skip", ocio=self._plan.ocio, warn=self._warn)
        return self._readers[plate]

    def _present(self, plate: str, frames: tuple[int, ...]) -> tuple[int, ...]:
        """Return the frames that can be looked at: all, unless the plate may lack some."""
        if self._plan.plates[plate].missing == "error":
            return frames
        there = set(self._reader(plate).frames)
        return tuple(frame for frame in frames if frame in there) or frames


def borrow(
    plan: FilmPlan, keys: FilmKeys, name: str, ranking: LenderRanking, warn: Callable[[str], None]
) -> list[KeyName]:
    """Return the keyframes of other scenes that colour a scene: the pinned ones first, then the most alike.

    Args:
        plan: The plan.
        keys: The keyframes that exist.
        name: The scene's name.
        ranking: Tells the most alike.
        warn: Called with one line for the artist.

    Raises:
        PlateError: If a frame of the scene cannot be read.
    """
    scene = plan.scenes[name]
    group = plan.groups.get(scene.group)
    excluded = {KeyName.parse(text) for text in scene.exclude}
    excluded |= {KeyName.parse(text) for each in plan.groups.values() for text in each.exclude}
    allowed = [key for key, owner in keys.scenes.items() if key not in excluded and not plan.scenes[owner].grey]
    borrowed = [key for text in (group.pin if group else ()) if (key := KeyName.parse(text)) not in excluded]
    if len(borrowed) < plan.stills:
        own_group = [key for key in allowed if plan.scenes[keys.scenes[key]].group == scene.group]
        candidates = list(filter(ranking.can_lend, own_group))
        if not candidates and not borrowed:
            candidates = list(filter(ranking.can_lend, allowed))
            if candidates and ranking.holds_color(name):
                but = " but on black or white frames, which lend no colour" if own_group else ""
                warn(
                    f"Group {scene.group} of scene {name} has no keyframe{but}: it takes the colour of the most alike "
                    "ones of the film. Paint one in this group."
                )
        borrowed += ranking.rank([key for key in candidates if key not in borrowed], name)
    borrowed = borrowed[: plan.stills]
    # a shot needs a picture in colour, and a black scene takes nothing from it
    return allowed[:1] if not borrowed and allowed and not ranking.holds_color(name) else borrowed
