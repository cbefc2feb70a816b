"""Decide which frames of a run are written, and which stay as they are or are reused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.events import Reporter
from stcolor_core.pipeline.existing import ExistingFrame, ExistingFrames, OutputState
from stcolor_core.pipeline.input_record import InputRecord, find_changes
from stcolor_core.pipeline.run_reports import (
    stale_frames,
    warn_of_others_work,
    warn_of_reuse,
    warn_of_rewriting,
)
from stcolor_core.shots.shot import Shot

__all__ = ["OutputFrames"]


class OutputFrames:
    """The files at a run's output paths, and those of the earlier version that it may reuse.

    Args:
        shot: The shot.
        output: The output's files.
        reporter: Takes the warnings.
        earlier: The inputs of an earlier run of the shot that is to be completed; None if there is none.

    Attributes:
        reusable: The frames to write that the earlier version has, once `inspect` has run.
    """

    def __init__(self, shot: Shot, output: FramePattern, reporter: Reporter, *, earlier: InputRecord | None) -> None:
        self._shot, self._output, self._reporter, self._earlier = shot, output, reporter, earlier
        reuse = FramePattern.parse(shot.output.reuse, role="The earlier version") if shot.output.reuse else None
        self._existing = ExistingFrames(output, reuse, link=shot.output.link, layers=shot.output.written_layers)
        self._files: Mapping[int, ExistingFrame] = {}  # at the output paths, as last inspected
        self._force, self._overwrite = False, True
        self.reusable: frozenset[int] = frozenset()

    def inspect(
        self, digests: Mapping[int, str], *, force: bool, overwrite: bool, warn_of_stale: bool
    ) -> frozenset[int]:
        """Inspect the files at the output paths, and those to reuse.

        Args:
            digests: Requested frame -> the digest that it is to have.
            force: Whether valid frames are written again.
            overwrite: Whether frames of RefColorize may be written again because something has changed.
            warn_of_stale: Whether such frames are named before they are.

        Returns:
            The frames to write.

        Raises:
            StaleFrames: If there are such frames and they may not be written again.
        """
        self._force, self._overwrite = force, overwrite
        self._files = self._existing.inspect(digests)
        todo = self._frames_to_write(digests)
        if not force:
            if warn_of_stale:
                warn_of_rewriting(self._reporter, self._output, self._stale(todo))
            warn_of_others_work(self._reporter, self._output, self._files)
            self.reusable = self._existing.find_reusable({frame: digests[frame] for frame in todo})
            nothing_there = bool(todo) and self._existing.has_nothing_to_reuse()
            changed = self._existing.changed_earlier
            warn_of_reuse(self._reporter, self._shot.output.reuse, nothing_there=nothing_there, changed=changed)
        return todo

    def inspect_again(self, digests: Mapping[int, str]) -> frozenset[int]:
        """Inspect again under the claim, since another run may have written frames meanwhile.

        Args:
            digests: As for `inspect`.

        Returns:
            The frames to write.

        Raises:
            StaleFrames: As for `inspect`.
        """
        inspect = self._existing.inspect_again
        self._files = {frame: inspect(frame, digests[frame], self._files[frame]) for frame in digests}
        return self._frames_to_write(digests)

    def count_valid(self, digests: Mapping[int, str]) -> int:
        """Return how many frames a run would leave as they are, or take over from the earlier version.

        Args:
            digests: Frame -> the digest that the frame should carry.
        """
        return self._existing.count_valid(digests)

    def file(self, frame: int) -> ExistingFrame:
        """Return what is at a frame's output path, as last inspected.

        Args:
            frame: A requested frame.
        """
        return self._files[frame]

    def reuse(self, frame: int) -> ExistingFrame:
        """Copy or link a frame of the earlier version to its output path.

        Args:
            frame: One of `reusable`.

        Returns:
            What is there then.

        Raises:
            OutputError: If it cannot be copied.
        """
        return self._existing.reuse(frame)

    def may_write(self, frame: int, digest: str) -> bool:
        """Return whether a coloured frame is still to be written.

        It is not if another run of this shot has written it meanwhile, or if somebody has changed it, of which the
        artist is warned.

        Args:
            frame: A requested frame.
            digest: The digest that it is to have.
        """
        if self._force:
            return True
        file = self._existing.inspect_again(frame, digest, self._files[frame])
        if file.state.is_others_work:
            path = self._output.path(frame)
            self._reporter.warn(f"Frame {frame} ({path}) was changed while the shot was coloured. It is kept as it is.")
            return False
        return file.state is not OutputState.VALID

    def _frames_to_write(self, digests: Mapping[int, str]) -> frozenset[int]:
        todo = frozenset(frame for frame in digests if self._force or not self._files[frame].state.is_kept)
        if not self._overwrite and (stale := self._stale(todo)):
            raise stale_frames(stale, [] if self._earlier is None else find_changes(self._earlier, self._shot))
        return todo

    def _stale(self, frames: Iterable[int]) -> list[int]:
        return sorted(frame for frame in frames if self._files[frame].state is OutputState.STALE)
