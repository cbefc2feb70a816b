"""Find the scenes of a film and the groups that they form, before anything is painted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from stcolor_core.errors import BadRequest
from stcolor_core.files.stat_cache import StatCache, is_settled
from stcolor_core.film.likeness import (
    SceneLook,
    describe_looks,
    group_scenes,
    likeness_table,
    sample_frames,
)
from stcolor_core.film.plan import FilmDissolve, FilmPlan, FilmPlate, FilmScene, PlanMistake
from stcolor_core.images.frame_ranges import format_frames, name_frames
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.pipeline.transition_search import find_transitions, scene_describer
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Missing
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.transitions import Transitions

__all__ = ["PlateReader", "Stretch", "find_stretches", "look_at_scenes", "make_plan", "split_plate"]

_WORKING_HEIGHT = 144  # lines at which scenes are compared: twice those of a thumbnail


@dataclass(frozen=True)
class Stretch:
    """A scene before it has a name.

    Attributes:
        plate: The name of its plate.
        frames: Its frames, in ascending order.
        dissolves: Whether a dissolve leads from it to the next stretch of the same plate.
        name: The name that it has in an edit; None for a number.
    """

    plate: str
    frames: tuple[int, ...]
    dissolves: bool = False
    name: str | None = None


class PlateReader:
    """Reads frames of one plate for comparisons: their lightness, and their transitions.

    Args:
        plate: The plate.
        frames: The frames to use; None for all on disk.
        missing: As for `shots.Plate`; None for the plate's own.
        ocio: As for `Shot`.
        warn: Called with one line for the artist.

    Raises:
        StcolorError: If a file is missing or damaged.
    """

    def __init__(
        self,
        plate: FilmPlate,
        *,
        frames: str | None = None,
        missing: Missing | None = None,
        ocio: str | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._shot = Shot(
            plate=replace(plate.as_plate(frames), missing=missing or plate.missing),
            output=Output(path="unused.####.exr"),
            method=Method(working_height=_WORKING_HEIGHT, matching_height=_WORKING_HEIGHT),
            ocio=ocio,
        )
        self._cache = StatCache()
        self._inputs = ShotInputs(self._shot, warn=warn, cache=self._cache)
        flaws = ReferenceFlaws(self._shot, self._inputs, self._cache)
        self._footage = ShotFootage(
            self._shot, self._inputs, use_instances=False, detector=None, flaws=flaws, warn=warn
        )
        self.frames = tuple(self._footage.frames)
        self.lightness = self._footage.lightness

    def settled_states(self) -> list[list[int]] | None:
        """Return what decides each frame: its number and its file's state; None if a file was changed just now."""
        if not all(is_settled(self._inputs.states.plate_status(frame)) for frame in self.frames):
            return None
        return [[frame, *self._inputs.states.plate(frame)] for frame in self.frames]

    def find_transitions(self, looks: Callable[[Iterable[int]], Iterable[int]] = iter) -> Transitions:
        """Return the plate's cuts and dissolves; those of an earlier run if no frame has changed.

        Args:
            looks: Passes on the frames that are about to be read.
        """
        requested = frozenset(self.frames)
        return find_transitions(
            self._shot,
            self._inputs,
            self._footage,
            requested,
            looks=lambda frames: iter(looks(frames)),
            cache=self._cache,
        )


def split_plate(name: str, frames: Sequence[int], transitions: Transitions) -> list[Stretch]:
    """Return the scenes of a plate, in time order. Frames that a dissolve mixes belong to none.

    A dissolve at an end of the plate, which no single scene precedes or follows, belongs to its neighbour.

    Args:
        name: The plate's name.
        frames: Its frames, in ascending order.
        transitions: Its cuts and dissolves.
    """
    mixed = {
        frame
        for dissolve in transitions.dissolves
        if frames[0] < dissolve.first and dissolve.last < frames[-1]
        for frame in range(dissolve.first, dissolve.last + 1)
    }
    cuts, stretches, current = set(transitions.cuts), list[Stretch](), list[int]()

    def finish(*, dissolves: bool) -> None:
        if current:
            stretches.append(Stretch(name, tuple(current), dissolves))
            current.clear()

    for frame in frames:
        if frame in mixed:
            finish(dissolves=True)
        else:
            if frame in cuts:
                finish(dissolves=False)
            current.append(frame)
    finish(dissolves=False)
    return stretches


def find_stretches(
    plates: Mapping[str, FilmPlate],
    *,
    frames: str | None = None,
    ocio: str | None = None,
    looks: Callable[[Iterable[int]], Iterable[int]] = iter,
    warn: Callable[[str], None] = lambda _: None,
) -> list[Stretch]:
    """Return the scenes of plates, found by their cuts and dissolves.

    Args:
        plates: Name -> plate, in the order of the film.
        frames: The frames of each plate to use; None for all on disk.
        ocio: As for `Shot`.
        looks: Passes on the frames that are about to be read.
        warn: Called with one line for the artist.
    """
    stretches: list[Stretch] = []
    for name, plate in plates.items():
        reader = PlateReader(plate, frames=frames, ocio=ocio, warn=warn)
        stretches += split_plate(name, reader.frames, reader.find_transitions(looks))
    return stretches


def make_plan(
    plates: Mapping[str, FilmPlate],
    stretches: Sequence[Stretch],
    *,
    output: str,
    method: Method | None = None,
    ocio: str | None = None,
    stills: int = 3,
    warn: Callable[[str], None] = lambda _: None,
) -> tuple[FilmPlan, dict[str, SceneLook]]:
    """Return the plan of a film whose scenes are known, with groups by likeness.

    Args:
        plates: Name -> plate.
        stretches: The scenes, in the order of the film.
        output: The pattern of the results, with {scene}.
        method: The settings of the colourisation; None for the defaults.
        ocio: As for `Shot`.
        stills: As for `FilmPlan`.
        warn: Called with one line for the artist.

    Returns:
        The plan, and the features of each scene.

    Raises:
        StcolorError: If a plate cannot be read.
        BadRequest: If there is no scene.
    """
    if not stretches:
        raise BadRequest("The film has no scene. Check the plate and the edit.")
    digits = max(3, len(str(len(stretches))))
    names = _name_scenes(stretches, digits)
    scenes = {
        name: FilmScene(plate=stretch.plate, frames=format_frames(stretch.frames), group="a")
        for name, stretch in zip(names, stretches, strict=True)
    }
    dissolves = {
        f"{first}-{second}": FilmDissolve(before=first, after=second)
        for first, second, stretch in zip(names, names[1:], stretches, strict=False)
        if stretch.dissolves
    }
    plan = FilmPlan(
        output=output,
        plates=plates,
        scenes=scenes,
        dissolves=dissolves,
        stills=stills,
        method=method or Method(),
        ocio=ocio,
    )
    looks = look_at_scenes(plan, warn=warn)
    numbers = group_scenes(likeness_table([looks[name] for name in names]))
    letters = [_letters(number) for number in numbers]
    grouped = {
        name: replace(scene, group=letter) for (name, scene), letter in zip(scenes.items(), letters, strict=True)
    }
    return replace(plan, scenes=grouped), looks


def look_at_scenes(plan: FilmPlan, *, warn: Callable[[str], None] = lambda _: None) -> dict[str, SceneLook]:
    """Return the features of every scene, by name; the few frames of one scene are in memory at a time.

    Args:
        plan: The plan.
        warn: Called with one line for the artist.

    Raises:
        PlanMistake: If a scene has a frame that its plate has not.
        StcolorError: If a plate cannot be read.
    """
    describe, looks = scene_describer(), dict[str, SceneLook]()
    for plate_name, plate in plan.plates.items():
        reader: PlateReader | None = None
        for name, scene in plan.scenes.items():
            if scene.plate != plate_name:
                continue
            reader = reader or PlateReader(plate, missing="skip", ocio=plan.ocio, warn=warn)
            on_disk = set(reader.frames)
            there = tuple(frame for frame in plan.frames(name) if frame in on_disk)
            lacking = set(plan.frames(name)).difference(there)
            if lacking and (plate.missing == "error" or not there):
                raise PlanMistake(
                    f"Scene {name} has the {name_frames(lacking)}, which the plate {plate.path} has not. "
                    f"Correct scenes.{name}.frames.",
                    "scenes",
                    name,
                    "frames",
                )
            frames = sample_frames(there)
            pictures = [reader.lightness(frame) for frame in frames]
            looks[name] = SceneLook(frames, tuple(describe_looks(pictures, describe)))
    return {name: looks[name] for name in plan.scenes}


def _name_scenes(stretches: Sequence[Stretch], digits: int) -> list[str]:
    """Return a name for each scene: that of the edit if no other scene has it, else s and its number."""
    counts = Counter(stretch.name.casefold() for stretch in stretches if stretch.name)  # as file names may be
    unique = {stretch.name for stretch in stretches if stretch.name and counts[stretch.name.casefold()] == 1}
    names: list[str] = []
    for number, stretch in enumerate(stretches, 1):
        name = stretch.name if stretch.name in unique else f"s{number:0{digits}d}"
        while name is None or name in names or (name in unique and name != stretch.name):
            name = f"{name}_"
        names.append(name)
    return names


def _letters(number: int) -> str:
    """Return a, b, ... z, aa, ab, ... for 0, 1, ..."""
    text, number = "", number + 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("a") + rest) + text
    return text
