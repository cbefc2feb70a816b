"""Read the cuts of an edit by OpenTimelineIO: OTIO itself, EDL and Final Cut XML through its adapters.

The plate is the film as it was edited: the first frame of the timeline's first video track is the plate's first frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stcolor_core.errors import BadRequest, StcolorError
from stcolor_core.plurals import count_of
from stcolor_core.shots.transitions import Boundary, Dissolve, Transitions

__all__ = ["load_timeline", "read_transitions"]

_ADAPTERS = {".edl": "otio-cmx3600-adapter", ".xml": "otio-fcp-adapter", ".otio": "OpenTimelineIO"}
_LARGEST = 100_000_000  # bytes


def read_transitions(path: Path, frames: Sequence[int], *, rate: float | None = None) -> Transitions:
    """Return the cuts and dissolves of an edit, as frames of the plate that it was rendered to.

    Args:
        path: An .otio, .edl or .xml file.
        frames: The plate's frames, in ascending order and without gaps.
        rate: Frames per second of an EDL, which does not say it; None for 24.

    Returns:
        The cuts and dissolves.

    Raises:
        BadRequest: If the file cannot be read, has no video track, or is of another length than the plate.
        StcolorError: If the adapter for its kind is not installed.
    """
    spans, dissolves = _read_track(path, rate)
    length = sum(spans)
    if length != len(frames):
        raise BadRequest(
            f"The edit {path} has {count_of(length, 'frame')}, the plate {len(frames)} ({frames[0]}-{frames[-1]}). "
            "Give the frames that the edit describes with --frames."
        )
    cuts: set[int] = set()
    position = 0
    for span in spans[:-1]:
        position += span
        cuts.add(position)
    mixed: list[Dissolve] = []
    for place, before, after in dissolves:
        cuts.discard(place)
        if before + after > 0:
            mixed.append(Dissolve(frames[place - before], frames[place + after - 1]))
    return Transitions(tuple(Boundary(frames[cut], 1.0) for cut in sorted(cuts)), tuple(mixed))


def _read_track(path: Path, rate: float | None) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Return the lengths of the clips of the first video track; and place, frames before and after of dissolves."""
    timeline = load_timeline(path, rate=rate)
    tracks = [track for track in timeline.video_tracks() if len(track)]
    if not tracks:
        raise BadRequest(f"The edit {path} has no video track with clips. Export it again.")
    spans: list[int] = []
    dissolves: list[tuple[int, int, int]] = []
    for item in tracks[0]:
        if type(item).__name__ == "Transition":
            dissolves.append((sum(spans), _frames(item.in_offset), _frames(item.out_offset)))
        else:
            spans.append(_frames(item.duration()))
    return [span for span in spans if span], dissolves


def load_timeline(path: Path, *, rate: float | None = None) -> Any:
    """Return the timeline of an edit.

    Args:
        path: An .otio, .edl or .xml file.
        rate: Frames per second of an EDL, which does not say it; None for 24.

    Returns:
        An `opentimelineio.schema.Timeline`.

    Raises:
        BadRequest: If the file cannot be read, or holds no timeline.
        StcolorError: If the adapter for its kind is not installed.
    """
    try:
        import opentimelineio as otio
    except ImportError:
        raise StcolorError("Reading an edit needs OpenTimelineIO. Install it: pip install 'stcolor[film]'.") from None
    kind = path.suffix.lower()
    if kind not in _ADAPTERS:
        raise BadRequest(f"The edit {path} must be an .otio, .edl or .xml file.")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from None
    if size > _LARGEST:
        raise BadRequest(f"The edit {path} is larger than {_LARGEST // 1_000_000} MB. Check the path.")
    try:
        options = {"rate": rate or 24} if kind == ".edl" else {}
        loaded = otio.adapters.read_from_file(str(path), **options)
    except OSError as error:
        raise _unreadable(path, error) from None
    except otio.exceptions.NoKnownAdapterForExtensionError:
        raise StcolorError(
            f"Reading {path} needs {_ADAPTERS[kind]}. Install it: pip install 'stcolor[film]'."
        ) from None
    except Exception as error:  # noqa: BLE001  (an adapter raises whatever its parser does)
        reason = " ".join(str(error).split())[:120]
        raise BadRequest(f"The edit {path} cannot be read ({reason}). Export it again.") from None
    if isinstance(loaded, otio.schema.SerializableCollection):
        loaded = next((each for each in loaded if isinstance(each, otio.schema.Timeline)), None)
    if not isinstance(loaded, otio.schema.Timeline):
        raise BadRequest(f"The edit {path} holds no timeline. Export it again.")
    return loaded


def _unreadable(path: Path, error: OSError) -> BadRequest:
    return BadRequest(f"The edit {path} cannot be read ({error.strerror or error}). Check the path.")


def _frames(time: Any) -> int:
    return round(float(time.value))
