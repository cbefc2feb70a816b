"""The plan of a film as validated data: its plates, scenes, dissolves and groups of scenes that share keyframes.

This module reads no files and imports no torch. `plan_files` reads and writes a plan as YAML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from stcolor_core.errors import BadRequest
from stcolor_core.images.frame_ranges import describe_frames, parse_frames
from stcolor_core.shots.shot import Method

__all__ = ["VERSION", "FilmDissolve", "FilmGroup", "FilmPlan", "FilmPlate", "FilmScene", "KeyName"]

VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SCENE = "{scene}"


@dataclass(frozen=True, order=True)
class KeyName:
    """The name of a keyframe in a plan, written as PLATE:FRAME.

    Attributes:
        plate: The name of its plate.
        frame: The plate frame that it colours.
    """

    plate: str
    frame: int

    @classmethod
    def parse(cls, text: str) -> KeyName:
        """Return the name that a text like "reel1:1010" stands for.

        Args:
            text: The text.

        Raises:
            BadRequest: If the text is not such a name.
        """
        plate, colon, frame = text.partition(":")
        if not colon or re.fullmatch(r"-?[0-9]{1,10}", frame) is None:
            raise BadRequest(f"The keyframe {text[:80]!r} cannot be read. Write it as PLATE:FRAME, like reel1:1010.")
        return cls(plate, int(frame))

    def __str__(self) -> str:
        return f"{self.plate}:{self.frame}"


@dataclass(frozen=True, kw_only=True)
class FilmPlate:
    """A black-and-white sequence of the film, and the pattern of the keyframes painted on it.

    Attributes:
        path: A pattern with #### or %04d.
        keys: The pattern of its keyframes; every frame of it that exists is a keyframe. None if it has none.
        colorspace: As for `shots.Plate`.
        exposure: As for `shots.Plate`.
        layer: As for `shots.Plate`.
    """

    path: str
    keys: str | None = None
    colorspace: str | None = None
    exposure: float = 0.0
    layer: str | None = None


@dataclass(frozen=True, kw_only=True)
class FilmScene:
    """A stretch of a plate without a cut or dissolve.

    Attributes:
        plate: The name of its plate.
        frames: Its frames in Nuke's notation.
        group: The name of the group of scenes that look like it.
        exclude: Keyframes of other scenes that must not colour it, as PLATE:FRAME.
    """

    plate: str
    frames: str
    group: str
    exclude: tuple[str, ...] = ()


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
        ocio: As for `Shot`.
    """

    version: int = VERSION
    output: str
    plates: Mapping[str, FilmPlate]
    scenes: Mapping[str, FilmScene]
    groups: Mapping[str, FilmGroup] = field(default_factory=dict)
    dissolves: Mapping[str, FilmDissolve] = field(default_factory=dict)
    stills: int = 3
    method: Method = field(default_factory=Method)
    ocio: str | None = None

    def __post_init__(self) -> None:
        _require(
            self.version == VERSION, f"The plan has version {self.version}, this release reads {VERSION}. Make it anew."
        )
        _require(
            _SCENE in self.output and self.output.lower().endswith(".exr"),
            f"The output {self.output!r} must hold {_SCENE} and be an EXR sequence, like out/{_SCENE}.####.exr.",
        )
        _require(bool(self.scenes), "The plan has no scene. Add one, or make the plan anew.")
        _require(self.stills >= 0, "The plan's stills must be 0 or more.")
        for name in (*self.plates, *self.scenes, *self.dissolves, *self.groups):
            _require(
                _NAME.fullmatch(name) is not None,
                f"The name {name[:80]!r} must be of letters, digits, - and _, at most 64. Correct it.",
            )
        _require(
            not self.scenes.keys() & self.dissolves.keys(),
            f"{', '.join(sorted(self.scenes.keys() & self.dissolves.keys()))} names a scene and a dissolve. "
            "Rename one of them.",
        )
        for name, scene in self.scenes.items():
            _require(
                scene.plate in self.plates,
                f"Scene {name} is of plate {scene.plate!r}, which the plan does not have. It has "
                f"{', '.join(self.plates)}. Correct scenes.{name}.plate.",
            )
            self._check_keys(f"scenes.{name}.exclude", scene.exclude)
        for name, group in self.groups.items():
            self._check_keys(f"groups.{name}.pin", group.pin)
            self._check_keys(f"groups.{name}.exclude", group.exclude)
        self._check_overlaps()
        for name in self.dissolves:
            self.dissolve_frames(name)

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
            BadRequest: If its scenes are unknown, of different plates, or have no frame between them.
        """
        dissolve = self.dissolves[name]
        for scene in (dissolve.before, dissolve.after):
            _require(
                scene in self.scenes,
                f"Dissolve {name} names the scene {scene!r}, which the plan does not have. Correct dissolves.{name}.",
            )
        _require(
            self.scenes[dissolve.before].plate == self.scenes[dissolve.after].plate,
            f"Dissolve {name} is between scenes of two plates. Correct dissolves.{name}.",
        )
        frames = tuple(range(self.frames(dissolve.before)[-1] + 1, self.frames(dissolve.after)[0]))
        _require(
            bool(frames),
            f"Dissolve {name} has no frame between the scenes {dissolve.before} and {dissolve.after}. "
            f"Correct the frames of the scenes, or remove dissolves.{name}.",
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

    def _check_keys(self, place: str, keys: tuple[str, ...]) -> None:
        for key in keys:
            plate = KeyName.parse(key).plate
            _require(
                plate in self.plates, f"{place} names the keyframe {key}, but there is no plate {plate!r}. Correct it."
            )

    def _check_overlaps(self) -> None:
        owners: dict[tuple[str, int], str] = {}
        for name, scene in self.scenes.items():
            frames = self.frames(name)
            shared = [frame for frame in frames if (scene.plate, frame) in owners]
            if shared:
                _require(
                    False,
                    f"Frame {describe_frames(shared)} of plate {scene.plate} is in the scenes "
                    f"{owners[scene.plate, shared[0]]} and {name}. Correct scenes.{name}.frames.",
                )
            owners.update(dict.fromkeys(((scene.plate, frame) for frame in frames), name))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BadRequest(message)
