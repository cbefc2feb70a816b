"""The frames of an ended job that are there and would come out different, as their inputs have changed since."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from stcolor_core.errors import StaleFrames
from stcolor_core.files.stat_cache import Status, find_status, map_in_threads
from stcolor_core.images.frame_files import frame_state, is_unmodified
from stcolor_core.images.frame_ranges import describe_frames, name_frames, parse_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.input_record import InputChange, InputRecord, find_changes
from stcolor_core.pipeline.run_reports import describe_stale, stale_frames
from stcolor_core.plurals import form_of
from stcolor_core.service.job import Job
from stcolor_core.shots.shot import Shot

__all__ = ["FrameCheck", "Stale", "check_frames", "find_stale"]

_MOST_FRAMES = 20_000  # whose headers are remembered


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

    def files_then(self, record: InputRecord) -> dict[str, tuple[int, int] | None]:
        """Return the size and the time of each file that has changed, as they were; None for one that was not there.

        Args:
            record: What the frames were made from.
        """
        before = {file.path: (file.size, file.time) for file in record.files}
        return {str(change.path): before.get(str(change.path)) for change in self.changes}


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


@dataclass(frozen=True)
class FrameCheck:
    """What the frames that are there were made from, by the digests that they carry.

    Attributes:
        fresh: Frames made from the files of the record, whether or not they were painted over since.
        painted: Frames that were changed after they were written, or not written by RefColorize.
        earlier: Frames that a run of this job has not written: they were made from other files, settings or software.
        locked: Those of them that may not be written, and that nobody has painted over.
    """

    fresh: tuple[int, ...]
    painted: tuple[int, ...]
    earlier: tuple[int, ...]
    locked: tuple[int, ...]

    def describe_earlier(self, job: Job) -> str:
        """Return one line on the frames that a job has left as they were, and what to do.

        Args:
            job: The job, which has ended.
        """
        named = describe_frames(self.earlier)
        if job.state != "done" and not job.completes:
            end = "was cancelled" if job.state == "cancelled" else "has failed"
            return (
                f"The frames are a mixture: {named} were made with other files, settings or software than the others, "
                f"and the run that writes them again {end}. Resume finishes it."
            )
        line = describe_stale(self.earlier, [])
        if painted := sorted(set(self.painted).intersection(self.earlier)):
            fault = form_of(
                len(painted),
                "was changed after it was written, and stays as it is",
                "were changed after they were written, and stay as they are",
            )
            line += f" {name_frames(painted, 'Frame')} {fault}."
        if self.locked:
            fault = form_of(
                len(self.locked),
                "is locked, and stays as it is until you may write it",
                "are locked, and stay as they are until you may write them",
            )
            line += f" {name_frames(self.locked, 'Frame')} {fault}."
        return line


def check_frames(job: Job, record: InputRecord) -> FrameCheck | None:
    """Return what the frames of a job that has ended were made from; None if the record does not say.

    The header of a frame is read again only if its size or time has changed.

    Args:
        job: The job.
        record: What its last run made frames from.

    Raises:
        StcolorError: If a folder cannot be read.
    """
    expected = {frame: made.digest for made in record.made for frame in parse_frames(made.frames)}
    if not all(expected.values()):
        return None
    output = FramePattern.parse(Shot.from_json(job.shot).output.path)
    frames = sorted(set(output.frames()).intersection(expected))
    paths = [output.path(frame) for frame in frames]
    statuses = map_in_threads(find_status)(paths)
    known = {path: status for path, status in zip(paths, statuses, strict=True) if status is not None}
    carried = dict(zip(known, map_in_threads(partial(_carried, known))(list(known)), strict=True))
    fresh, painted, earlier = [], [], []
    for frame, path in zip(frames, paths, strict=True):
        digest, is_painted = carried.get(path, ("", False))
        if is_painted:
            painted.append(frame)
        if digest == expected[frame]:
            fresh.append(frame)
        elif digest:
            earlier.append(frame)
    locked = [frame for frame in earlier if frame not in painted and not _is_writable(output.path(frame))]
    return FrameCheck(tuple(fresh), tuple(painted), tuple(earlier), tuple(locked))


def _carried(statuses: dict[Path, Status], path: Path) -> tuple[str, bool]:
    return _read_carried(path, statuses[path])


@lru_cache(maxsize=_MOST_FRAMES)
def _read_carried(path: Path, _: Status) -> tuple[str, bool]:
    """Return the digest that a frame carries, "" for none, and whether it holds somebody's own work."""
    file = frame_state(path)
    digest = str(file.metadata.get("stcolor/settings", ""))
    if not file.complete:  # a run writes it again
        return "", False
    if not digest:
        return "", True
    return digest, not file.unmodified and is_unmodified(path) is False


def _is_writable(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o222)
    except OSError:  # it has been deleted since
        return True
