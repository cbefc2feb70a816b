"""The files at a shot's output paths: valid frames are kept, and a user's own work is overwritten only on request."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from stcolor_core.files.links import copy_or_link
from stcolor_core.files.stat_cache import Status, find_status
from stcolor_core.images.frame_files import frame_state, pixel_state
from stcolor_core.images.frame_ranges import name_frames
from stcolor_core.images.raw_headers import ends_in_header
from stcolor_core.images.sequences import FramePattern
from stcolor_core.plurals import form_of
from stcolor_core.remedies import advise
from stcolor_core.shots.output import Layer

__all__ = [
    "FRAME_ATTRIBUTE",
    "LAYERS_ATTRIBUTE",
    "ROOM_ATTRIBUTE",
    "ExistingFrame",
    "ExistingFrames",
    "OutputState",
    "describe_copies",
    "number_in",
]

LAYERS_ATTRIBUTE = "stcolor/layers"
"""The metadata of a frame that names the layers that were asked for, separated by spaces."""
ROOM_ATTRIBUTE = "stcolor/room"
"""The metadata of a frame that says how much colour its plate can hold (`color_room`)."""
FRAME_ATTRIBUTE = "stcolor/frame"
"""The metadata of a frame that says which one it is. Frames of earlier versions of the program lack it."""
_THREADS = 16  # files inspected at once; the threads mostly wait for the disk


def number_in(metadata: Mapping[str, Any], name: str) -> float | None:
    """Return a number that the header of a frame holds; None if it does not hold one by that name.

    Args:
        metadata: The attributes of the header.
        name: The attribute's name.
    """
    try:
        return float(metadata[name])
    except (LookupError, TypeError, ValueError):
        return None


class OutputState(Enum):
    """The state of a file at the path of an output frame, compared with the frame that a run would write.

    Attributes:
        MISSING: There is no file, an empty, truncated or damaged frame of ours, or an EXR that ends within its header.
            The pixels of a frame are read only if it does not have the modification time at which it was written.
        STALE: An unchanged frame of ours, from another state of the shot or without a layer that is asked for. It may
            be overwritten.
        VALID: Exactly the frame that a run would write, or one with further layers.
        CHANGED: A valid frame that somebody has painted over.
        FOREIGN: Any other file that is not known to be ours and unchanged, and a copy of another frame of ours.
    """

    MISSING = "missing"
    STALE = "stale"
    VALID = "valid"
    CHANGED = "changed"
    FOREIGN = "foreign"

    @property
    def is_kept(self) -> bool:
        """Return whether the file stays as it is unless the run is forced to write it again."""
        return self in (OutputState.VALID, OutputState.CHANGED, OutputState.FOREIGN)

    @property
    def is_others_work(self) -> bool:
        """Return whether the file may hold somebody else's work."""
        return self in (OutputState.CHANGED, OutputState.FOREIGN)


@dataclass(frozen=True)
class ExistingFrame:
    """The file at the path of one output frame, as it was when it was inspected.

    Attributes:
        state: How the file compares with the frame that a run would write.
        status: Size and modification time; None if there is no file.
        metadata: The attributes of the file's header; empty if there is no file.
        is_changed: Whether it is a frame of ours whose pixels somebody has changed, or replaced by another frame's.
        copy_of: The number of the frame of ours that it is, if that is not the one of its path; None otherwise.
    """

    state: OutputState
    status: Status | None
    metadata: Mapping[str, Any]
    is_changed: bool = False
    copy_of: int | None = None

    @property
    def why_kept(self) -> tuple[str, str]:
        """Return why a file that may hold somebody else's work stays as it is: of one frame, and of several."""
        if "stcolor/settings" not in self.metadata:
            return "was not written by RefColorize", "were not written by RefColorize"
        if self.is_changed:
            return "was changed after it was written", "were changed after they were written"
        return "is locked, and out of date", "are locked, and out of date"

    @property
    def confidence(self) -> float | None:
        """Return the frame's mean confidence, 0..1; None if the file does not hold one."""
        return number_in(self.metadata, "stcolor/confidence")

    @property
    def room(self) -> float | None:
        """Return how much colour the frame can hold (`color_room`); None if the file does not say."""
        return number_in(self.metadata, ROOM_ATTRIBUTE)


class ExistingFrames:
    """The files at a shot's output paths, and those of an earlier version whose frames may be reused.

    Args:
        output: The pattern of the output frames.
        earlier: The pattern of the version to reuse; None if there is none.
        link: Reuse frames by hard links instead of copies.
        layers: The layers that a frame must have; one that has more is as valid.

    Attributes:
        changed_earlier: The frames of the earlier version that somebody has painted over, found by `find_reusable`.
    """

    def __init__(
        self, output: FramePattern, earlier: FramePattern | None, *, link: bool, layers: Collection[Layer]
    ) -> None:
        self._output, self._earlier, self._link, self._layers = output, earlier, link, frozenset[str](layers)
        self._reusable: dict[int, ExistingFrame] = {}
        self.changed_earlier: frozenset[int] = frozenset()

    def inspect(self, digests: Mapping[int, str]) -> dict[int, ExistingFrame]:
        """Inspect the output file of every frame, several files at a time, each opened once.

        Args:
            digests: Frame -> the digest that the frame should carry.

        Returns:
            Frame -> its file, for every frame of `digests`.
        """
        return self._inspect(self._output, digests)

    def find_reusable(self, digests: Mapping[int, str]) -> frozenset[int]:
        """Return the frames that the earlier version holds unchanged and exactly as this shot would write them.

        Args:
            digests: Frame -> the digest that the frame should carry.
        """
        if self._earlier is None or not digests:
            return frozenset()
        files = self._inspect(self._earlier, digests)
        self._reusable = {frame: file for frame, file in files.items() if file.state is OutputState.VALID}
        self.changed_earlier = frozenset(frame for frame, file in files.items() if file.is_changed)
        return frozenset(self._reusable)

    def count_valid(self, digests: Mapping[int, str]) -> int:
        """Return how many frames a run would leave as they are, or take over from the earlier version.

        Args:
            digests: Frame -> the digest that the frame should carry.
        """
        kept = {frame for frame, file in self.inspect(digests).items() if file.state.is_kept}
        rest = {frame: digest for frame, digest in digests.items() if frame not in kept}
        earlier = {} if self._earlier is None else self._inspect(self._earlier, rest)
        return len(kept) + sum(file.state is OutputState.VALID for file in earlier.values())

    def has_nothing_to_reuse(self) -> bool:
        """Return whether an earlier version was given that has no frames at all."""
        return self._earlier is not None and not self._earlier.frames()

    def reuse(self, frame: int) -> ExistingFrame:
        """Copy or link a frame of the earlier version to the output.

        Args:
            frame: One of the frames that `find_reusable` returned.

        Returns:
            The frame of the earlier version.

        Raises:
            OutputError: If the frame cannot be copied.
        """
        assert self._earlier is not None
        copy_or_link(self._earlier.path(frame), self._output.path(frame), link=self._link)
        return self._reusable[frame]

    def inspect_again(self, frame: int, digest: str, before: ExistingFrame) -> ExistingFrame:
        """Return the current state of an output file; it is opened only if its size or time has changed.

        Args:
            frame: The frame's number.
            digest: The digest that the frame should carry.
            before: The file as it was inspected before.
        """
        path = self._output.path(frame)
        return before if find_status(path) == before.status else _inspect_file(path, frame, digest, self._layers)

    def _inspect(self, pattern: FramePattern, digests: Mapping[int, str]) -> dict[int, ExistingFrame]:
        on_disk = set(pattern.frames())
        missing = ExistingFrame(OutputState.MISSING, None, {})
        with ThreadPoolExecutor(_THREADS) as threads:
            pending = {
                frame: threads.submit(_inspect_file, pattern.path(frame), frame, digests[frame], self._layers)
                for frame in on_disk.intersection(digests)
            }
        return {frame: pending[frame].result() if frame in pending else missing for frame in digests}


def describe_copies(output: FramePattern, files: Mapping[int, ExistingFrame]) -> Iterator[str]:
    """Yield a line for each frame that was copied over others: it shows its own moment at their places.

    Args:
        output: The output's files.
        files: What is on disk, by frame.
    """
    copies: dict[int, list[int]] = {}
    for frame, file in files.items():
        if file.copy_of is not None:
            copies.setdefault(file.copy_of, []).append(frame)
    for original, frames in sorted(copies.items()):
        fault, kept = form_of(len(frames), "is a copy", "are copies"), form_of(len(frames), "it is", "they are")
        yield (
            f"{name_frames(frames, 'Frame')} of {output} {fault} of frame {original}, which somebody put there, and "
            f"kept as {kept}. {advise('force')}."
        )


def _inspect_file(path: Path, frame: int, digest: str, layers: frozenset[str]) -> ExistingFrame:
    status = find_status(path)
    if status is None or status[0] == 0:
        return ExistingFrame(OutputState.MISSING, status, {})
    file = frame_state(path)
    recorded = file.metadata.get("stcolor/settings")
    if recorded is None:
        state = OutputState.MISSING if ends_in_header(path) else OutputState.FOREIGN
        return ExistingFrame(state, status, file.metadata)
    if not file.complete:
        return ExistingFrame(OutputState.MISSING, status, file.metadata)
    pixels = "unmodified" if file.unmodified else pixel_state(path)
    if pixels == "damaged":
        return ExistingFrame(OutputState.MISSING, status, file.metadata)
    changed = pixels == "changed"
    number = number_in(file.metadata, FRAME_ATTRIBUTE)
    if number is not None and number != frame:
        return ExistingFrame(OutputState.FOREIGN, status, file.metadata, is_changed=True, copy_of=int(number))
    if recorded == digest and layers.issubset(str(file.metadata.get(LAYERS_ATTRIBUTE, "")).split()):
        return ExistingFrame(OutputState.CHANGED if changed else OutputState.VALID, status, file.metadata, changed)
    state = OutputState.FOREIGN if changed or _is_locked(path) else OutputState.STALE
    return ExistingFrame(state, status, file.metadata, changed)


def _is_locked(path: Path) -> bool:
    """Return whether nobody may write the file; facilities lock approved frames in this way."""
    try:
        return not path.stat().st_mode & 0o222
    except OSError:  # it has been deleted since
        return False
