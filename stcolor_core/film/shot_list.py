"""A film as a list of shots, each with its own plate: read from YAML, and arranged as plates and scenes.

- {name: sh010, plate: plates/sh010.####.exr, frames: 1001-1048}
- {plate: reels/reel2.mov, frames: 86410-86520, colorspace: Camera Rec.709}
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.film.plan import FilmPlate
from stcolor_core.film.scenes import Stretch
from stcolor_core.film.yaml_files import describe_mistake, name_line, numbers_to_text, parse_yaml, read_text
from stcolor_core.images.frame_ranges import parse_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.movies.names import is_movie
from stcolor_core.shots.own_folder import beside, from_folder_of, is_relative
from stcolor_core.shots.pictures import Missing
from stcolor_core.shots.shot_files import find_frames

__all__ = ["DEFAULT_KEYS", "ListedShot", "arrange_shots", "name_plates", "read_shot_list"]

DEFAULT_KEYS = "keys/{plate}.####.exr"
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")  # for the name of a plate or scene
_LONGEST = 60


@dataclass(frozen=True, kw_only=True)
class ListedShot:
    """A shot of a list: a piece of a plate, which becomes a scene.

    Attributes:
        plate: As `FilmPlate.path`.
        name: The name of the scene; None for a number.
        frames: Its frames in Nuke's notation; None for all of the plate.
        keys: As for `FilmPlate`; None for the default.
        colorspace: As for `FilmPlate`.
        exposure: As for `FilmPlate`.
        layer: As for `FilmPlate`.
        first_frame: As for `FilmPlate`.
        missing: As for `FilmPlate`.
    """

    plate: str
    name: str | None = None
    frames: str | None = None
    keys: str | None = None
    colorspace: str | None = None
    exposure: float = 0.0
    layer: str | None = None
    first_frame: int | None = None
    missing: Missing = "error"

    @property
    def label(self) -> str:
        """Return what an error calls the shot."""
        return f"Shot {self.name}" if self.name else f"The shot of {self.plate}"

    def as_film_plate(self) -> FilmPlate:
        """Return its plate."""
        return FilmPlate(
            path=self.plate,
            keys=self.keys,
            colorspace=self.colorspace,
            exposure=self.exposure,
            layer=self.layer,
            first_frame=self.first_frame,
            missing=self.missing,
        )


def read_shot_list(path: Path) -> list[ListedShot]:
    """Read a list of shots.

    Args:
        path: The YAML file.

    Returns:
        Its shots.

    Raises:
        BadRequest: If it is not such a list; the message names the file, the line and the remedy.
    """
    from pydantic import TypeAdapter, ValidationError

    label = str(path)
    root, data = parse_yaml(read_text(path, kind="list of shots"), label=label, remedy="Correct it.")
    if not isinstance(data, list) or not data:
        raise BadRequest(f"{label} is not a list of shots. Write one a line: - {{name: sh010, plate: sh010.####.exr}}.")
    for entry in data:
        numbers_to_text(entry, ("name", "frames"))
    try:
        shots = TypeAdapter(list[ListedShot]).validate_python(data, extra="forbid")
    except ValidationError as error:
        known = [each.name for each in fields(ListedShot)]
        raise BadRequest(describe_mistake(error, root, label=label, known=lambda _: known)) from None
    change = from_folder_of(path, [shot.plate for shot in shots])
    if change is not str:  # a plan that is made of them can be moved with the folder, as the list can
        change = partial(_beside, path)
    shots = [replace(each, plate=change(each.plate), keys=each.keys and change(each.keys)) for each in shots]
    first: dict[str, int] = {}
    for number, shot in enumerate(shots):
        if shot.name is None:
            continue
        earlier = first.setdefault(_as_file_name(shot.name), number)
        if earlier != number:
            there = name_line(root, (str(earlier), "name"), label="").lstrip(", ")
            raise BadRequest(
                f"{name_line(root, (str(number), 'name'), label=label)}: there is a shot {shots[earlier].name} "
                f"already, in {there}, and scenes have names of their own. Rename {shot.name}, or leave its name out."
            )
    return shots


def arrange_shots(
    shots: Sequence[ListedShot], *, keys: str | None = None, warn: Callable[[str], None] = lambda _: None
) -> tuple[dict[str, FilmPlate], list[Stretch]]:
    """Return the plates of listed shots, each once, and the scenes that they are, in the order of the list.

    Shots that share frames of a plate become one scene, since a frame is coloured once.

    Args:
        shots: The shots.
        keys: The pattern of the keyframes of plates that have none of their own, with {plate} for the plate's name.
        warn: Called with one line for the artist.

    Raises:
        BadRequest: If a frame that a shot names is not on disk, or if a plate cannot be found.
    """
    plates = list(dict.fromkeys(shot.as_film_plate() for shot in shots))
    names = name_plates([plate.path for plate in plates])
    named = dict(zip(plates, names, strict=True))
    stretches: list[Stretch] = []
    owners: dict[tuple[str, int], int] = {}
    for shot in shots:
        plate = named[shot.as_film_plate()]
        frames = _frames_of(shot)
        owner = next((owners[plate, frame] for frame in frames if (plate, frame) in owners), None)
        if owner is None:
            owner = len(stretches)
            stretches.append(Stretch(plate, frames, name=_fit(shot.name)))
        else:
            earlier = stretches[owner]
            warn(f"{shot.label} uses frames of plate {plate} that {earlier.name or 'an earlier shot'} has: one scene.")
            joined = tuple(sorted({*earlier.frames, *frames} - _of_others(owners, plate, owner)))
            stretches[owner] = replace(earlier, frames=joined)
        owners.update(((plate, frame), owner) for frame in stretches[owner].frames)
    _tell_repeated_names(stretches, warn)
    pattern = keys or DEFAULT_KEYS
    found = {
        name: plate if plate.keys is not None else replace(plate, keys=pattern.replace("{plate}", name))
        for plate, name in named.items()
    }
    return found, stretches


def _beside(file: Path, path: str) -> str:
    return beside(file, path) if is_relative(path) else path


def name_plates(paths: Sequence[str]) -> list[str]:
    """Return a name for each plate, after its file; names are unique, and parts of file names.

    Args:
        paths: The patterns or movies.
    """
    names: list[str] = []
    taken: set[str] = set()  # folded, as file names may be
    for path in paths:
        head = Path(path).stem if is_movie(path) else FramePattern.parse(path).head
        stem = _fit(head) or "plate"
        name, number = stem, 2
        while name.casefold() in taken:
            name, number = f"{stem[: _LONGEST - 4]}_{number}", number + 1
        taken.add(name.casefold())
        names.append(name)
    return names


def _tell_repeated_names(stretches: Sequence[Stretch], warn: Callable[[str], None]) -> None:
    """Tell which names of an edit are no names of scenes, because several clips have them."""
    counts = Counter(stretch.name.casefold() for stretch in stretches if stretch.name)
    repeated = list(dict.fromkeys(s.name for s in stretches if s.name and counts[s.name.casefold()] > 1))
    if repeated:
        more = f" and {len(repeated) - 3} more" if len(repeated) > 3 else ""
        names = f"{', '.join(repeated[:3])}{more}"
        warn(f"Several clips are named {names}: their scenes have numbers. Rename the clips, or the plan's scenes.")


def _frames_of(shot: ListedShot) -> tuple[int, ...]:
    try:
        if shot.frames is not None:
            parse_frames(shot.frames)
        return tuple(find_frames(shot.as_film_plate().as_plate(shot.frames)))
    except (BadRequest, PlateError) as error:
        raise BadRequest(f"{shot.label}: {error}") from None


def _of_others(owners: dict[tuple[str, int], int], plate: str, owner: int) -> set[int]:
    """Return the frames of a plate that belong to other scenes than this one."""
    return {frame for (name, frame), number in owners.items() if name == plate and number != owner}


def _as_file_name(name: str) -> str:
    """Return what distinguishes the files of a scene of this name."""
    return (_fit(name) or name).casefold()


def _fit(text: str | None) -> str | None:
    """Return a text as the name of a plate or scene; None if nothing of it can be kept."""
    return _UNFIT.sub("_", text or "").strip("_-")[:_LONGEST] or None
