"""The frames of an ended job that are there and would come out different, as their inputs have changed since."""

from __future__ import annotations

from dataclasses import dataclass

from stcolor_core.errors import StaleFrames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.input_record import InputChange, InputRecord, find_changes
from stcolor_core.pipeline.run_reports import describe_stale, stale_frames
from stcolor_core.service.job import Job
from stcolor_core.shots.shot import Shot

__all__ = ["Stale", "find_stale"]


@dataclass(frozen=True)
class Stale:
    """Frames that are out of date.

    Attributes:
        frames: The frames, in ascending order.
        changes: What has changed since they were made.
    """

    frames: tuple[int, ...]
    changes: tuple[InputChange, ...]

    @property
    def line(self) -> str:
        """Return what has changed, in one line."""
        return describe_stale(self.frames, self.changes)

    @property
    def error(self) -> StaleFrames:
        """Return the error if the frames may not be written again."""
        return stale_frames(self.frames, self.changes)


def find_stale(job: Job, record: InputRecord) -> Stale | None:
    """Return the frames of a job that are there and out of date; None if there are none.

    Only the status of the files is read, and the content of references that have another one.

    Args:
        job: The job.
        record: What its frames were made from.

    Raises:
        StcolorError: If a folder cannot be read.
    """
    shot = Shot.from_json(job.shot)
    changes = find_changes(record, shot)
    if not changes:
        return None
    frames = sorted(record.affected(changes).intersection(FramePattern.parse(shot.output.path).frames()))
    return Stale(tuple(frames), tuple(changes)) if frames else None
