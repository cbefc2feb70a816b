"""Tell a plate that was delivered again with other cuts from the one that a film's plan was made from.

The plan keeps a thumbnail of the first and the last frame of each scene. If a cut has moved, at least one of the two
shows another scene. A plate that was only copied, graded anew or cleaned shows the same, whatever its files say.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.errors import PlateError, StcolorError
from stcolor_core.files.given_paths import is_file
from stcolor_core.files.stat_cache import StatCache
from stcolor_core.film.plan import FilmPlan
from stcolor_core.film.scenes import PlateReader
from stcolor_core.images.frame_ranges import describe_frames, format_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.movies.names import is_movie
from stcolor_core.plurals import count_of

__all__ = ["describe_changes", "find_changed", "require_plates", "thumbnails"]

_ROWS, _COLUMNS = 6, 8  # of a thumbnail
# Correlation of two thumbnails from which they show the same. On 53 clips of footage 2 in 1,000 pairs of other clips
# reach it, and all pictures that were graded (0.95 at least), cropped by 3 % (0.96) or had grain or JPEG added (0.99).
_ALIKE = 0.85
_FLAT = 1.5  # standard deviation of L* up to which a thumbnail has nothing to correlate
_FLAT_CHANGE = 5.0  # ...and by which that of the other must be more to be another picture
_OTHER_LIGHT = 30.0  # difference of the mean L* of two flat thumbnails that is another picture: white for black
_NAMED = 4  # scenes in a line
_MOST_SEARCHED = 2000  # frames of changed scenes that are searched for cuts, to name them


def thumbnails(plan: FilmPlan) -> dict[str, dict[int, str]]:
    """Return the thumbnails of the first and the last frame of each scene, as text: plate -> frame -> thumbnail.

    Frames that cannot be read are left out.

    Args:
        plan: The plan, whose scenes are those of its plates now.
    """
    ends: dict[str, set[int]] = {name: set() for name in plan.plates}
    for name, scene in plan.scenes.items():
        frames = plan.frames(name)
        ends[scene.plate].update((frames[0], frames[-1]))
    return {name: found for name, frames in ends.items() if (found := _thumbnails(plan, name, sorted(frames)))}


def find_changed(plan: FilmPlan, *, only: Iterable[str] = ()) -> dict[str, tuple[str, ...]]:
    """Return the scenes of which a frame no longer shows what it did when the plan was made: plate -> scenes.

    Reads two frames for each scene at most, and none if the files are those of the last time.

    Args:
        plan: The plan.
        only: Names of the scenes to look at; empty for all.
    """
    wanted = set(only)
    changed: dict[str, tuple[str, ...]] = {}
    for plate, before in plan.made_from.items():
        held = {
            frame: name
            for name, scene in plan.scenes.items()
            if scene.plate == plate and (not wanted or name in wanted)
            for frame in before.keys() & set(plan.frames(name))
        }
        now = _thumbnails(plan, plate, sorted(held)) if held else {}
        names = {held[frame] for frame, text in now.items() if _is_other(before[frame], text)}
        if names:
            changed[plate] = tuple(name for name in plan.scenes if name in names)
    return changed


def describe_changes(plan: FilmPlan, *, only: Iterable[str] = ()) -> Iterator[str]:
    """Yield a line for each plate that is not the one that the plan was made from, with the cuts that show it.

    Args:
        plan: The plan.
        only: Names of the scenes to look at; empty for all.
    """
    for plate, names in find_changed(plan, only=only).items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        noun = "scene" if len(names) == 1 else "scenes"
        yield (
            f"Plate {plate} of {noun} {', '.join(names[:_NAMED])}{more} is not the one that the plan was made from: "
            f"other pictures are there now.{_describe_cuts(plan, plate, names)} Run `stcolor film plan` again, or "
            "correct the scenes and delete made_from."
        )


def require_plates(plan: FilmPlan) -> None:
    """Refuse a film of which no plate is there at all.

    Args:
        plan: The plan.

    Raises:
        PlateError: If no frame of any plate of its scenes is on disk; the message names the full path.
    """
    paths = list(dict.fromkeys(plan.plates[scene.plate].path for scene in plan.scenes.values()))
    if any(is_file(path) if is_movie(path) else FramePattern.parse(path).frames() for path in paths):
        return
    more = f", nor of {count_of(len(paths) - 1, 'more plate')}" if len(paths) > 1 else ""
    kind = "no movie" if is_movie(paths[0]) else "no frame of"
    raise PlateError(f"There is {kind} {Path(paths[0]).absolute()}{more}. Check the path and the frame padding.")


def _thumbnails(plan: FilmPlan, plate: str, frames: Sequence[int]) -> dict[int, str]:
    """Return the thumbnails of some frames of a plate, without those that cannot be read."""
    try:
        # only these frames: to open a film's whole plate takes seconds
        reader = PlateReader(plan.plates[plate], frames=format_frames(frames), missing="skip", ocio=plan.ocio)
    except StcolorError:  # whatever reads the plate next tells it
        return {}
    cache, key = StatCache(), None
    if (states := reader.settled_states()) is not None:
        here = str(Path(plan.plates[plate].path).absolute())
        key = json.dumps([here, asdict(plan.plates[plate]), plan.ocio, _ROWS, _COLUMNS, states])
        if isinstance(known := cache.find("thumbnails", key), dict):
            return {int(frame): str(text) for frame, text in known.items()}
    found: dict[int, str] = {}
    for frame in reader.frames:
        try:
            found[frame] = _encode(reader.lightness(frame))
        except PlateError:
            continue
    if key is not None:
        cache.keep("thumbnails", key, {str(frame): text for frame, text in found.items()})
    return found


def _encode(lightness: Plane) -> str:
    """Return a thumbnail of L*, shape (H, W), 0..100, as text."""
    small = cv2.resize(lightness, (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA)
    return base64.b64encode(np.rint(np.clip(small, 0, 100) * 2.55).astype(np.uint8).tobytes()).decode()


def _decode(text: str) -> NDArray[np.float64] | None:
    """Return the L* of a thumbnail; None if the text, which somebody may have edited, is none."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return np.frombuffer(data, np.uint8) / 2.55 if len(data) == _ROWS * _COLUMNS else None


def _is_other(before: str, now: str) -> bool:
    """Return whether two thumbnails show other pictures, however each of them is graded."""
    a, b = _decode(before), _decode(now)
    if a is None or b is None:
        return False
    deviations = sorted((float(a.std()), float(b.std())))
    if deviations[0] <= _FLAT:
        return deviations[1] - deviations[0] > _FLAT_CHANGE or abs(float(a.mean() - b.mean())) > _OTHER_LIGHT
    return float(np.corrcoef(a, b)[0, 1]) < _ALIKE


def _describe_cuts(plan: FilmPlan, plate: str, names: Sequence[str]) -> str:
    """Return a sentence that names the certain cuts inside some scenes; "" if there is none or they are too long."""
    own: Mapping[str, Sequence[int]] = {name: plan.frames(name) for name in names}
    frames = [frame for each in own.values() for frame in each]
    if len(frames) > _MOST_SEARCHED:
        return ""
    try:
        reader = PlateReader(plan.plates[plate], frames=format_frames(frames), missing="skip", ocio=plan.ocio)
        cuts = reader.find_transitions().cuts
    except StcolorError:
        return ""
    found = {name: [cut for cut in cuts if cut in own[name] and cut != own[name][0]] for name in names}
    told = [f"{name} at {describe_frames(inside)}" for name, inside in found.items() if inside]
    return f" Cuts lie inside {', '.join(told[:_NAMED])}." if told else ""
