"""Which files the frames of a run were made from, and which of these have changed since.

A frame's digest says that something has changed, but not what. The record names it, and holds on to the references that
a run had: a picture that is saved beside them later belongs to a later version.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from stcolor_core.errors import PlateError
from stcolor_core.files.stat_cache import StatCache, Status, find_status, map_in_threads
from stcolor_core.images.frame_ranges import describe_frames, format_frames, name_frames, parse_frames
from stcolor_core.images.picture_names import name_picture
from stcolor_core.models.weight_files import checksum
from stcolor_core.pipeline.input_contents import InputContents
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.plurals import form_of
from stcolor_core.shots.reference_files import ReferencePicture
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_frames, find_mattes

__all__ = ["InputChange", "InputRecord", "MadeFrames", "UsedFile", "describe_changes", "find_changes", "make_record"]

_Kind = Literal["plate", "reference", "mask", "matte", "still"]
_How = Literal["changed", "gone", "new"]
_KINDS: tuple[_Kind, ...] = get_args(_Kind)
_STATES: dict[_How, str] = {"changed": "changed", "gone": "been removed", "new": "been added"}


@dataclass(frozen=True, kw_only=True)
class UsedFile:
    """A file that frames were made from, as it was then.

    Attributes:
        kind: What it is to the shot.
        frames: The frames of the plate that it belongs to, as a range; "" for a still.
        path: The file.
        size: In bytes.
        time: Its modification time in nanoseconds.
        checksum: Of its content, for a file that counts by its content; None for one that counts by size and time.
    """

    kind: _Kind
    frames: str
    path: str
    size: int
    time: int
    checksum: str | None = None


@dataclass(frozen=True, kw_only=True)
class MadeFrames:
    """Frames that were made from the same files.

    Attributes:
        frames: These frames, as a range.
        reads: The frames whose plates and mattes decide them, as a range.
        references: The frames whose references decide them, as a range; "" for none.
        digest: The digest that they carry; "" in a record of an earlier release.
    """

    frames: str
    reads: str
    references: str
    digest: str = ""


@dataclass(frozen=True)
class InputChange:
    """A file that is not as it was when frames were made from it.

    Attributes:
        kind: What it is to the shot.
        how: Whether it has changed, is gone, or was not there before.
        frames: The frames of the plate that it belongs to; empty for a still.
        path: The file.
    """

    kind: _Kind
    how: _How
    frames: tuple[int, ...]
    path: Path


@dataclass(frozen=True, kw_only=True)
class InputRecord:
    """The files that a run's frames were made from.

    Attributes:
        working_height: The height at which colour was found: the shot's, or less if memory was short.
        mattes: Whether mattes decide pixels.
        files: The files.
        made: The frames that the run was to write, in groups.
    """

    working_height: int
    mattes: bool
    files: tuple[UsedFile, ...]
    made: tuple[MadeFrames, ...]

    def to_json(self) -> str:
        """Return the record as JSON. `from_json` restores it unchanged."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> InputRecord:
        """Return the record that `to_json` wrote.

        Args:
            text: The JSON text.
        """
        data = json.loads(text)
        files = tuple(UsedFile(**each) for each in data.pop("files"))
        return cls(**data | {"files": files, "made": tuple(MadeFrames(**each) for each in data["made"])})

    @cached_property
    def references(self) -> Mapping[int, frozenset[Path]]:
        """Return the pictures of each frame that had references."""
        found: dict[int, set[Path]] = {}
        for file in self.files:
            if file.kind == "reference":
                for frame in _parse(file.frames):
                    found.setdefault(frame, set()).add(Path(file.path))
        return {frame: frozenset(paths) for frame, paths in found.items()}

    def only_recorded(
        self, found: Mapping[int, tuple[ReferencePicture, ...]]
    ) -> dict[int, tuple[ReferencePicture, ...]]:
        """Return the references that the run had, without those that were saved beside them since.

        Args:
            found: The result of `find_references`.

        Raises:
            PlateError: If one of the references that it had is not there any more.
        """
        kept = {
            frame: tuple(picture for picture in pictures if picture.path in self.references.get(frame, ()))
            for frame, pictures in found.items()
        }
        for frame, paths in self.references.items():
            if lost := paths.difference(picture.path for picture in kept.get(frame, ())):
                label = name_picture(min(lost), None, f"Reference {frame}")
                raise PlateError(
                    f"{label} is not there any more, and the frames that are done were made with it. Put it back, or "
                    "submit the shot again."
                )
        return {frame: pictures for frame, pictures in kept.items() if pictures}

    def affected(self, changes: Iterable[InputChange]) -> frozenset[int]:
        """Return the frames that would come out different.

        Args:
            changes: What has changed.
        """
        changes = list(changes)
        every = any(change.kind == "still" for change in changes)
        references = {frame for change in changes if change.kind in ("reference", "mask") for frame in change.frames}
        reads = {frame for change in changes if change.kind in ("plate", "matte") for frame in change.frames}
        new = [frame for change in changes if (change.kind, change.how) == ("plate", "new") for frame in change.frames]
        known = sorted({frame for file in self.files if file.kind == "plate" for frame in _parse(file.frames)})
        for frame in new:  # it lengthens the span of the frame next to it
            place = bisect_left(known, frame)
            reads.update(known[max(0, place - 1) : place + 1])
        return frozenset(
            frame
            for made in self.made
            if every or reads.intersection(_parse(made.reads)) or references.intersection(_parse(made.references))
            for frame in _parse(made.frames)
        )


def make_record(
    shot: Shot, inputs: ShotInputs, made: Iterable[tuple[Collection[int], Collection[int], Collection[int], str]]
) -> InputRecord:
    """Return the record of a run that is about to write its first frame.

    Args:
        shot: The shot; its tracking must be resolved.
        inputs: Its files.
        made: Frames that are made from the same files, the frames whose plates and mattes decide them, the frames
            whose references do, and the digest that they carry.
    """
    found: dict[tuple[_Kind, Path], set[int]] = {}
    for kind, frame, path in _pictures(shot, inputs.frames, inputs.given, mattes=shot.method.uses_instances):
        found.setdefault((kind, path), set()).update(() if frame is None else (frame,))
    files = []
    for (kind, path), frames in found.items():
        size, time = inputs.states.of_file(path)
        content = inputs.states.content_of_coloured(path) if kind in ("reference", "mask", "still") else None
        frames_text = format_frames(frames) if frames else ""
        files.append(UsedFile(kind=kind, frames=frames_text, path=str(path), size=size, time=time, checksum=content))
    return InputRecord(
        working_height=shot.method.working_height,
        mattes=shot.method.uses_instances,
        files=tuple(files),
        made=tuple(
            MadeFrames(
                frames=format_frames(frames),
                reads=format_frames(reads),
                references=format_frames(references) if references else "",
                digest=digest,
            )
            for frames, reads, references, digest in made
        ),
    )


def find_changes(record: InputRecord, shot: Shot, *, only: Collection[int] | None = None) -> list[InputChange]:
    """Return the files that are not as they were, by size, time and content.

    A picture that lies beside the references and was none of them is no change.

    Args:
        record: What the frames were made from.
        shot: The shot.
        only: Frames of the run: changes that concern none of these are left out, and their files not looked at; nor are
            files that are gone or new. None for all.
    """
    before: dict[tuple[_Kind, Path], tuple[UsedFile, frozenset[int]]] = {
        (file.kind, Path(file.path)): (file, frozenset(_parse(file.frames))) for file in record.files
    }
    if only is None:
        now = _current(record, shot)
    else:
        made = [made for made in record.made if not set(only).isdisjoint(_parse(made.frames))]
        reads = {frame for each in made for frame in _parse(each.reads)}
        references = {frame for each in made for frame in _parse(each.references)}
        now = {}
        for (kind, path), (_, frames) in before.items():
            wanted = references if kind in ("reference", "mask") else reads
            if kind == "still" or not wanted.isdisjoint(frames):
                now[kind, path] = frames
    looked_at = [key for key in before if key in now]
    statuses = dict(zip(looked_at, map_in_threads(find_status)([path for _, path in looked_at]), strict=True))
    touched = _only_touched(shot, before, statuses)
    changes = []
    for (kind, path), (file, frames) in before.items():
        status = statuses.get((kind, path))
        remaining = now.get((kind, path), frozenset())
        if status is None:
            if only is None:
                changes.append(InputChange(kind, "gone", tuple(sorted(frames)), path))
        elif (kind, path) not in touched and _has_changed(file, status):
            changes.append(InputChange(kind, "changed", tuple(sorted(frames)), path))
        elif only is None and (lost := frames - remaining):
            changes.append(InputChange(kind, "gone", tuple(sorted(lost)), path))
    for (kind, path), frames in now.items():
        earlier = before[kind, path][1] if (kind, path) in before else frozenset()
        if added := frames - earlier:
            changes.append(InputChange(kind, "new", tuple(sorted(added)), path))
    return _merged(changes)


def describe_changes(changes: Iterable[InputChange]) -> str:
    """Return what has changed, to go on with "since": "the plate of 1003-1008 and reference 1010 have changed".

    Args:
        changes: At least one change.
    """
    changes = list(changes)
    parts = []
    for how, word in _STATES.items():
        grouped = ([each for each in changes if (each.kind, each.how) == (kind, how)] for kind in _KINDS)
        nouns = [_name_inputs(these) for these in grouped if these]
        if nouns:
            texts = [text for text, _ in nouns]
            listed = " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
            verb = form_of(sum(count for _, count in nouns), "has", "have")
            parts.append(f"{listed} {verb} {word}")
    return ", ".join(parts)


def _name_inputs(changes: Sequence[InputChange]) -> tuple[str, int]:
    """Return the noun for the changed inputs of one kind, and how many things it names."""
    kind, frames = changes[0].kind, {frame for change in changes for frame in change.frames}
    if kind == "reference":
        return name_frames(frames, "reference"), len(frames)
    if kind == "mask":
        return f"the {form_of(len(frames), 'mask', 'masks')} of {name_frames(frames, 'reference')}", len(frames)
    if kind == "still":
        noun, names = form_of(len(changes), "still", "stills"), [change.path.name for change in changes[:3]]
        return f"the {noun} {', '.join(names)}", len(changes)
    return f"the {kind} of {describe_frames(frames)}", 1


def _pictures(
    shot: Shot,
    frames: Mapping[int, Path],
    references: Mapping[int, tuple[ReferencePicture, ...]],
    *,
    mattes: bool,
) -> Iterator[tuple[_Kind, int | None, Path]]:
    """Yield the files of a shot, each with the frame that it belongs to."""
    yield from (("plate", frame, path) for frame, path in frames.items())
    for frame, pictures in references.items():
        for picture in pictures:
            yield "reference", frame, picture.path
            if picture.mask is not None:
                yield "mask", frame, picture.mask
    yield from (("still", None, Path(still.path)) for still in shot.stills)
    if mattes and shot.mattes:
        yield from (("matte", frame, path) for frame in frames for path in find_mattes(shot, frame))


def _current(record: InputRecord, shot: Shot) -> dict[tuple[_Kind, Path], frozenset[int]]:
    """Return the files of a shot as they are listed now, without references that the record does not have."""
    plate = shot.plate if shot.plate.missing == "hold" else replace(shot.plate, missing="skip")
    try:
        frames = find_frames(plate)
    except PlateError:  # none is there
        frames = {}
    # by their paths, as the shot's patterns say what may be a reference, and the record what was one
    found: dict[tuple[_Kind, Path], set[int]] = {}
    for kind, frame, path in _pictures(shot, frames, {}, mattes=record.mattes):
        found.setdefault((kind, path), set()).update(() if frame is None else (frame,))
    for file in record.files:
        if file.kind in ("reference", "mask"):
            found.setdefault((file.kind, Path(file.path)), set()).update(_parse(file.frames))
    return {key: frozenset(numbers) for key, numbers in found.items()}


def _merged(changes: list[InputChange]) -> list[InputChange]:
    """Return changes without the "new" of a frame whose other file is gone, as when a missing frame is held."""
    gone = {(change.kind, frame) for change in changes if change.how == "gone" for frame in change.frames}
    kept = []
    for change in changes:
        frames = tuple(frame for frame in change.frames if (change.kind, frame) not in gone)
        if change.how != "new" or frames or not change.frames:
            kept.append(replace(change, frames=frames) if change.how == "new" else change)
    return kept


def _only_touched(
    shot: Shot,
    before: Mapping[tuple[_Kind, Path], tuple[UsedFile, frozenset[int]]],
    statuses: Mapping[tuple[_Kind, Path], Status | None],
) -> set[tuple[_Kind, Path]]:
    """Return the plates and mattes that have another time than before, and the same content."""
    by_time = {key: status for key, status in statuses.items() if key[0] in ("plate", "matte") and status is not None}
    contents = InputContents(shot.output.path, shot.output.reuse, StatCache())
    found = contents.find_touched({path: status for (_, path), status in by_time.items()})
    return {key for key in by_time if found.get(key[1]) == (before[key][0].size, before[key][0].time)}


def _parse(frames: str) -> tuple[int, ...]:
    return parse_frames(frames) if frames else ()


def _has_changed(file: UsedFile, status: Status) -> bool:
    if status == (file.size, file.time):
        return False
    if file.checksum is None or status[0] != file.size:
        return True
    try:
        return checksum(Path(file.path)) != file.checksum
    except OSError:
        return True
