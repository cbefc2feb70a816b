"""The keyframes of a film that exist, by the patterns of its plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stcolor_core.film.key_name import KeyName, PlanMistake, nearest_frames
from stcolor_core.film.plan import FilmPlan
from stcolor_core.images.sequences import FramePattern

__all__ = ["FilmKeys", "find_keys"]


@dataclass(frozen=True)
class FilmKeys:
    """The keyframes of a film that exist.

    Attributes:
        paths: Keyframe -> its picture.
        scenes: Keyframe -> the name of its scene; keyframes between scenes are not among them.
    """

    paths: Mapping[KeyName, Path]
    scenes: Mapping[KeyName, str]

    def of_scene(self, name: str) -> list[KeyName]:
        """Return the keyframes of a scene, in time order.

        Args:
            name: The scene's name.
        """
        return sorted(key for key, scene in self.scenes.items() if scene == name)


def find_keys(plan: FilmPlan) -> FilmKeys:
    """Return the keyframes that exist, by the plan's patterns.

    Args:
        plan: The plan.

    Raises:
        PlanMistake: If a pattern of keyframes has no frame number, or a keyframe that the plan pins or excludes does
            not exist.
    """
    paths: dict[KeyName, Path] = {}
    for name, plate in plan.plates.items():
        if plate.keys is None:
            continue
        pattern = FramePattern.parse(plate.keys)
        if not pattern.is_sequence:
            raise PlanMistake(
                f"The keyframes {plate.keys} have no frame number. Write them like keys/{name}.####.exr: "
                f"plates.{name}.keys.",
                "plates",
                name,
                "keys",
            )
        paths.update({KeyName(name, frame): pattern.path(frame) for frame in pattern.frames()})
    owner = {KeyName(scene.plate, frame): name for name, scene in plan.scenes.items() for frame in plan.frames(name)}
    for name, group in plan.groups.items():
        _require_painted(plan, paths, group.pin, "pins", "groups", name, "pin")
        _require_painted(plan, paths, group.exclude, "excludes", "groups", name, "exclude")
    if paths:  # before anything is painted, an excluded frame may be one that will be
        for name, scene in plan.scenes.items():
            _require_painted(plan, paths, scene.exclude, "excludes", "scenes", name, "exclude")
    return FilmKeys(paths, {key: owner[key] for key in sorted(paths) if key in owner})


def _require_painted(
    plan: FilmPlan, paths: Mapping[KeyName, Path], keys: Iterable[str], verb: str, part: str, name: str, setting: str
) -> None:
    """Refuse the name of a keyframe that does not exist, and name those that may be meant."""
    for number, text in enumerate(keys):
        key = KeyName.parse(text)
        if key not in paths:
            painted = plan.plates[key.plate].keys
            missing = "" if painted is None else f": there is no {FramePattern.parse(painted).path(key.frame)}"
            hint = f"{nearest_frames(key, paths)} ".lstrip()
            raise PlanMistake(
                f"{part[:-1].capitalize()} {name} {verb} {text}, which is not painted{missing}. {hint}"
                f"Paint frame {key.frame} of plate {key.plate}, or take it out of {part}.{name}.{setting}.",
                *(part, name, setting, str(number)),
            )
