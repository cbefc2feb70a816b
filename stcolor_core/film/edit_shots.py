"""Read the shots of a film from the media that the clips of an edit refer to, by OpenTimelineIO.

Each clip is a shot with the frames that it shows, those of dissolves included: its plate is the file of a camera or
scanner, in which nothing is mixed. So there are no dissolves to colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stcolor_core.errors import BadRequest, StcolorError
from stcolor_core.film.media import MediaFinder, media_path
from stcolor_core.film.shot_list import ListedShot
from stcolor_core.film.timelines import load_timeline
from stcolor_core.images.frame_ranges import format_frames, name_frames
from stcolor_core.plurals import count_of
from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.shot_files import find_frames

__all__ = ["read_edit_shots"]

_TO_CLIP = "TO CLIP:"  # an EDL's comment that names the media that a dissolve leads to


@dataclass(frozen=True)
class _Media:
    """What a clip says about its media.

    Attributes:
        path: The path as it is written, a movie or a pattern; "" if there is none.
        first: The number of the frame at `start`; None for the first one on disk.
        start: The media's own time of its first frame, in its frames; None if it is not known.
        length: The number of its frames; None if it is not known.
        step: The difference of two frame numbers.
    """

    path: str
    first: int | None = None
    start: int | None = None
    length: int | None = None
    step: int = 1


def read_edit_shots(
    path: Path,
    finder: MediaFinder,
    *,
    rate: float | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> list[ListedShot]:
    """Return the shots of an edit, in the order in which they begin.

    Args:
        path: An .otio, .edl or .xml file.
        finder: Finds the media.
        rate: As for `load_timeline`.
        warn: Called with one line for the artist.

    Raises:
        BadRequest: If the edit cannot be read, if media is not found, or if it lacks frames that a clip uses.
        StcolorError: If the adapter for its kind is not installed.
    """
    shots, lost, there = list[ListedShot](), list[str](), dict[str, list[int]]()
    for clip in _clips(load_timeline(path, rate=rate)):
        media = _media(clip)
        if media is None:
            warn(f"The clip {clip.name!r} is made by the editing system and has no plate: it is left out.")
            continue
        metadata = clip.metadata.get("cmx_3600") or {}
        names = [text for text in (clip.name, metadata.get("reel")) if text]
        plate = finder.find(media.path, beside=path.parent, names=names)
        if plate is None:
            lost.append(f"{clip.name!r} ({media.path or 'no path'})")
            continue
        if plate not in there:
            there[plate] = _frames_of(clip, plate)
        frames = _used_frames(clip, media, plate, there[plate], warn)
        shots.append(ListedShot(plate=plate, name=clip.name or None, frames=frames))
    if lost:
        raise BadRequest(
            f"The media of {count_of(len(lost), 'clip')} of {path} is not found, first that of {lost[0]}. "
            "Give its folder by --media DIR, or the folder in place of another by --media OLD=NEW."
        )
    if not shots:
        raise BadRequest(f"The edit {path} has no clip in a video track. Export it again.")
    return shots


def _clips(timeline: Any) -> Iterator[Any]:
    """Yield the clips of all video tracks, those in nested sequences too, by when they begin."""
    import opentimelineio as otio

    found: list[tuple[float, int, Any]] = []
    for track in timeline.video_tracks():
        for clip in track.find_clips():
            if not getattr(clip, "enabled", True):
                continue
            try:
                begins = clip.transformed_time_range(clip.trimmed_range(), timeline.tracks).start_time.to_seconds()
            except otio.exceptions.OTIOError:
                begins = math.inf
            found.append((begins, len(found), clip))
    yield from (clip for _, _, clip in sorted(found, key=lambda each: each[:2]))


def _media(clip: Any) -> _Media | None:
    """Return what a clip says about its media; None for a generator, such as black."""
    import opentimelineio as otio

    reference = clip.media_reference
    comments = [str(each) for each in (clip.metadata.get("cmx_3600") or {}).get("comments", ())]
    led_to = [comment[len(_TO_CLIP) :].strip() for comment in comments if comment.startswith(_TO_CLIP)]
    if led_to:  # the adapter gives the clip behind a dissolve the media of the one before it
        return _Media(media_path(led_to[-1]))
    if isinstance(reference, otio.schema.GeneratorReference):
        return None
    available = getattr(reference, "available_range", None)
    start = None if available is None else round(available.start_time.value)
    length = None if available is None else round(available.duration.value)
    if isinstance(reference, otio.schema.ImageSequenceReference):
        base = reference.target_url_base
        name = f"{reference.name_prefix}{'#' * max(1, reference.frame_zero_padding)}{reference.name_suffix}"
        path = media_path(f"{base}{'' if base.endswith('/') or not base else '/'}") + name
        return _Media(path, reference.start_frame, start, length, reference.frame_step)
    if isinstance(reference, otio.schema.ExternalReference):
        return _Media(media_path(reference.target_url), None, start, length)
    return _Media("")


def _frames_of(clip: Any, plate: str) -> list[int]:
    try:
        return list(find_frames(Plate(path=plate)))
    except StcolorError as error:
        raise BadRequest(f"The clip {clip.name!r}: {error}") from None


def _used_frames(clip: Any, media: _Media, plate: str, there: Sequence[int], warn: Callable[[str], None]) -> str:
    """Return the frames of a plate that a clip shows, in Nuke's notation."""
    used = clip.visible_range()
    start, count = round(used.start_time.value), round(used.duration.value)
    speed = _speed(clip)
    if speed != 1:
        warn(
            f"The clip {clip.name!r} is played at {speed:g} times its speed: the plate frames that it spans are taken."
        )
        count = max(1, math.ceil(count * abs(speed)))
    numbers = _numbers(start, count, media, there)
    lacking = sorted(set(numbers).difference(there))
    if lacking:
        raise BadRequest(
            f"The clip {clip.name!r} shows the {name_frames(numbers)} of {plate}, which has "
            f"{there[0]}-{there[-1]}. Correct the edit, or give a shot list in YAML."
        )
    return format_frames(numbers)


def _numbers(start: int, count: int, media: _Media, there: Sequence[int]) -> list[int]:
    """Return frame numbers for a stretch of media time: by where the media begins, if all of it is there, else by time.

    Args:
        start: The time of the first frame, in frames.
        count: The number of frames.
        media: What the clip says about its media.
        there: The frames on disk.
    """
    if media.start is not None and media.first is not None:
        begin = media.first + (start - media.start) * media.step
    elif media.length != len(there) and there[0] <= start and start + count - 1 <= there[-1]:
        begin = start
    else:
        begin = there[0] + start - (media.start or 0)
    return [begin + index * media.step for index in range(count)]


def _speed(clip: Any) -> float:
    """Return how fast a clip is played; 0 for a frozen frame."""
    import opentimelineio as otio

    speed = 1.0
    for effect in clip.effects:
        if isinstance(effect, otio.schema.LinearTimeWarp):
            speed *= float(effect.time_scalar)
    return speed
