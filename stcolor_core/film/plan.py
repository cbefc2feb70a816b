"""The plan of a film as validated data: its plates, scenes, dissolves and groups of scenes that share keyframes.

This module reads no files and imports no torch. `plan_files` reads and writes a plan as YAML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from stcolor_core.errors import BadRequest
from stcolor_core.film.key_name import KeyName, PlanMistake, did_you_mean
from stcolor_core.film.plan_checks import check_plan
from stcolor_core.images.frame_ranges import parse_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.shots.pictures import Missing, Plate
from stcolor_core.shots.settings import Method

__all__ = [
    "SCENE_FIELD",
    "VERSION",
    "FilmDissolve",
    "FilmGroup",
    "FilmPlan",
    "FilmPlate",
    "FilmScene",
    "KeyName",
    "PlanMistake",
    "map_plan_paths",
]

VERSION = 1
SCENE_FIELD = "{scene}"
"""What stands for a scene's name in a plan's output."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class FilmPlate:
    """A black-and-white sequence or movie of the film, and the pattern of the keyframes painted on it.

    Attributes:
        path: A pattern with #### or %04d, or a movie.
        keys: The pattern of its keyframes; every frame of it that exists is a keyframe. None if it has none.
        colorspace: As for `shots.Plate`.
        exposure: As for `shots.Plate`.
        layer: As for `shots.Plate`.
        first_frame: As for `shots.Plate`: the number of a movie's first frame.
        missing: As for `shots.Plate`: what to do for a frame that is not on disk.
    """

    path: str
    keys: str | None = None
    colorspace: str | None = None
    exposure: float = 0.0
    layer: str | None = None
    first_frame: int | None = None
    missing: Missing = "error"

    def as_plate(self, frames: str | None) -> Plate:
        """Return the plate of a shot.

        Args:
            frames: The frames that the shot uses; None for all on disk.
        """
        return Plate(
            path=self.path,
            frames=frames,
            colorspace=self.colorspace,
            exposure=self.exposure,
            layer=self.layer,
            first_frame=self.first_frame,
            missing=self.missing,
        )


@dataclass(frozen=True, kw_only=True)
class FilmScene:
    """A stretch of a plate without a cut or dissolve.

    Attributes:
        plate: The name of its plate.
        frames: Its frames in Nuke's notation.
        group: The name of the group of scenes that look like it.
        exclude: Keyframes of other scenes that must not colour it, as PLATE:FRAME.
        grey: Whether it stays grey: it takes no colour, and its keyframes lend none.
    """

    plate: str
    frames: str
    group: str
    exclude: tuple[str, ...] = ()
    grey: bool = False


@dataclass(frozen=True, kw_only=True)
class FilmGroup:
    """Scenes that look alike: keyframes of one colour the others.

    Attributes:
        pin: Keyframes that colour every scene of the group that has none of its own, before all others, as PLATE:FRAME.
            They may belong to any scene of the film.
        exclude: Keyframes that colour only their own scene, as PLATE:FRAME.
    """

    pin: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FilmDissolve:
    """The frames that mix two scenes of one plate.

    Attributes:
        before: The name of the scene that ends.
        after: The name of the scene that begins.
    """

    before: str
    after: str

    @property
    def scenes(self) -> tuple[str, str]:
        """Return the names of the two scenes, in the order of the film."""
        return self.before, self.after


@dataclass(frozen=True, kw_only=True)
class FilmPlan:
    """The plan of a film.

    Attributes:
        version: The version of the schema.
        output: The pattern of the results, with {scene} for the scene's name: out/{scene}.####.exr.
        plates: Name -> plate.
        scenes: Name -> scene, in the order of the film. The name is a part of file names.
        groups: Name -> what was decided by hand for a group; a group that is not listed has no such decisions.
        dissolves: Name -> dissolve; its frames are those between its two scenes.
        stills: How many keyframes of other scenes colour a scene without one of its own, at most.
        method: The settings of the colourisation, for all scenes; cuts are the plan's.
        provenance: As for `Output`.
        ocio: As for `Shot`.
        made_from: Plate -> frame -> what it showed when the plan was made, as `plate_changes` writes it; empty for a
            plan that does not say it.
    """

    version: int = VERSION
    output: str
    plates: Mapping[str, FilmPlate]
    scenes: Mapping[str, FilmScene]
    groups: Mapping[str, FilmGroup] = field(default_factory=dict)
    dissolves: Mapping[str, FilmDissolve] = field(default_factory=dict)
    stills: int = 3
    method: Method = field(default_factory=Method)
    provenance: bool = True
    ocio: str | None = None
    made_from: Mapping[str, Mapping[int, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(
            self.version == VERSION,
            f"The plan has version {self.version}, this release reads {VERSION}. Make it anew.",
            "version",
        )
        _require(
            SCENE_FIELD in self.output and self.output.lower().endswith(".exr"),
            f"The output {self.output!r} must hold {SCENE_FIELD} and be an EXR sequence, "
            f"like out/{SCENE_FIELD}.####.exr.",
            "output",
        )
        _require(
            self._has_frame_number(),
            f"The output {self.output!r} has no frame number. Write it like out/{SCENE_FIELD}.####.exr.",
            "output",
        )
        _require(bool(self.scenes), "The plan has no scene. Add one, or make the plan anew.", "scenes")
        _require(self.stills >= 0, "The plan's stills must be 0 or more.", "stills")
        for part in ("plates", "scenes", "dissolves", "groups"):
            for name in getattr(self, part):
                _require(
                    _NAME.fullmatch(name) is not None,
                    f"The name {name[:80]!r} must be of letters, digits, - and _, at most 64. Correct it.",
                    part,
                    name,
                )
        written: dict[str, tuple[str, str]] = {}
        for part in ("scenes", "dissolves"):
            for name in getattr(self, part):
                kind, other = written.setdefault(name.casefold(), (part, name))
                _require(
                    (kind, other) == (part, name),
                    f"{name} and {other} name two parts of the film, but would be the same files. Rename one.",
                    part,
                    name,
                )
        check_plan(self)

    def _has_frame_number(self) -> bool:
        try:
            return self.output_of("scene").is_sequence
        except BadRequest as error:
            raise PlanMistake(str(error), "output") from None

    def output_of(self, name: str) -> FramePattern:
        """Return the pattern of the results of a scene or dissolve.

        Args:
            name: Its name.
        """
        return FramePattern.parse(self.output.replace(SCENE_FIELD, name))

    def frames(self, scene: str) -> tuple[int, ...]:
        """Return the frames of a scene, in ascending order.

        Args:
            scene: The scene's name.
        """
        return tuple(sorted(parse_frames(self.scenes[scene].frames)))

    def dissolve_frames(self, name: str) -> tuple[int, ...]:
        """Return the frames that a dissolve mixes: those between its two scenes.

        Args:
            name: The dissolve's name.

        Raises:
            PlanMistake: If its scenes are unknown, of different plates, or have no frame between them.
        """
        dissolve, place = self.dissolves[name], ("dissolves", name)
        for scene in dissolve.scenes:
            _require(
                scene in self.scenes,
                f"Dissolve {name} names the scene {scene!r}, which the plan does not have. "
                f"{did_you_mean(scene, self.scenes)} Correct dissolves.{name}.",
                *place,
            )
        _require(
            self.scenes[dissolve.before].plate == self.scenes[dissolve.after].plate,
            f"Dissolve {name} is between scenes of two plates. Correct dissolves.{name}.",
            *place,
        )
        frames = tuple(range(self.frames(dissolve.before)[-1] + 1, self.frames(dissolve.after)[0]))
        _require(
            bool(frames),
            f"Dissolve {name} has no frame between the scenes {dissolve.before} and {dissolve.after}. "
            f"Correct the frames of the scenes, or remove dissolves.{name}.",
            *place,
        )
        return frames

    def members(self, group: str) -> tuple[str, ...]:
        """Return the names of a group's scenes, in the order of the film.

        Args:
            group: The group's name.
        """
        return tuple(name for name, scene in self.scenes.items() if scene.group == group)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Return the names of the groups that have scenes, in the order of their first scenes."""
        return tuple(dict.fromkeys(scene.group for scene in self.scenes.values()))


def map_plan_paths(plan: FilmPlan, change: Callable[[str], str]) -> FilmPlan:
    """Return a plan with every path changed.

    Args:
        plan: The plan.
        change: Returns the new path for an old one.
    """

    def change_optional(path: str | None) -> str | None:
        return None if path is None else change(path)

    plates = {
        name: replace(plate, path=change(plate.path), keys=change_optional(plate.keys))
        for name, plate in plan.plates.items()
    }
    method = replace(
        plan.method,
        detector_weights=change_optional(plan.method.detector_weights),
        detector_config=change_optional(plan.method.detector_config),
    )
    return replace(plan, output=change(plan.output), plates=plates, method=method, ocio=change_optional(plan.ocio))


def _require(condition: bool, message: str, *place: str) -> None:
    if not condition:
        raise PlanMistake(message, *place)
