"""What a film's frames on disk say: which of them are still to be coloured, and how long the others took.

Every frame records when it was written, so the pace is that of the machines that coloured the film, a farm's included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from stcolor_core.errors import BadRequest, ColorError, PlateError
from stcolor_core.files.given_paths import is_file
from stcolor_core.film.plan import FilmPlan
from stcolor_core.film.shots import SceneShot
from stcolor_core.film.troubles import SceneTrouble, find_culprit
from stcolor_core.images.frame_files import WRITTEN_ATTRIBUTE
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.existing import ExistingFrames
from stcolor_core.pipeline.planning import RunPlan
from stcolor_core.pipeline.run import plan_run
from stcolor_core.shots.shot import Shot

__all__ = ["Pace", "SceneProgress", "describe_duration", "measure_pace", "read_progress"]

# A gap of more than 20 times the middle one is time in which nobody worked, unless a scene's start may take it, in
# seconds: opening its files and, in a new process, loading the networks.
_PAUSE = 20
_START = 10.0


@dataclass(frozen=True)
class SceneProgress:
    """The frames of a scene or dissolve.

    Attributes:
        name: Its name.
        frames: All its frames, in ascending order.
        to_color: Those that are missing, or that a changed keyframe or setting reaches.
        confidences: Mean confidence of each of the others, 0..1, as far as they hold one.
        written: When each of the others was written, in nanoseconds, as far as they say so.
        trouble: Why frames cannot be coloured now: a file that is missing or damaged, as far as that shows without
            reading the plates.
    """

    name: str
    frames: tuple[int, ...]
    to_color: tuple[int, ...]
    confidences: tuple[float, ...] = ()
    written: tuple[int, ...] = ()
    trouble: SceneTrouble | None = None

    @property
    def done(self) -> int:
        """Return the number of frames that are on disk and up to date."""
        return len(self.frames) - len(self.to_color)

    @property
    def confidence(self) -> float | None:
        """Return the mean confidence of its frames, 0..1; None if none holds one."""
        return sum(self.confidences) / len(self.confidences) if self.confidences else None


@dataclass(frozen=True)
class Pace:
    """How fast frames were coloured.

    Attributes:
        seconds: The time that they took together, without pauses.
        per_frame: Seconds from one frame to the next.
    """

    seconds: float
    per_frame: float


def read_progress(
    plan: FilmPlan,
    scenes: Iterable[SceneShot],
    dissolves: Iterable[SceneShot],
    *,
    on_plan: Callable[[str, RunPlan], object] = lambda _name, _plan: None,
) -> list[SceneProgress]:
    """Return the progress of scenes and dissolves, in this order. Reads headers, and colours nothing.

    A dissolve whose scenes are not coloured to the end is to be coloured as a whole, because it begins and ends with
    their colours.

    Args:
        plan: The plan.
        scenes: Its scenes as shots.
        dissolves: Its dissolves as shots.
        on_plan: Called with the name and the run of each of them that can be planned.

    Raises:
        StcolorError: If something is wrong that is not one scene's alone.
    """
    found: dict[str, SceneProgress] = {}
    for scene in scenes:
        found[scene.name] = _progress(scene, plan.frames(scene.name), scene.shot, on_plan)
    for each in dissolves:
        dissolve, frames = plan.dissolves[each.name], plan.dissolve_frames(each.name)
        before, after = map(found.get, dissolve.scenes)
        waits = (before is not None and before.frames[-1] in before.to_color) or (
            after is not None and after.frames[0] in after.to_color
        )
        ends_exist = each.shot is not None and all(is_file(reference.path) for reference in each.shot.references)
        shot = each.shot if ends_exist and not waits else None
        found[each.name] = _progress(each, frames, shot, on_plan)
    return list(found.values())


def measure_pace(progress: Iterable[SceneProgress]) -> Pace | None:
    """Return how fast the frames on disk were coloured; None if fewer than three say when they were written.

    Args:
        progress: The frames of the film.
    """
    times = sorted(time for each in progress for time in each.written)
    gaps = [(after - before) / 1e9 for before, after in zip(times, times[1:], strict=False)]
    if len(gaps) < 2:
        return None
    longest = max(_START, _PAUSE * median(gaps))
    worked = [gap for gap in gaps if gap <= longest]
    if not worked:
        return None
    per_frame = sum(worked) / len(worked)
    return Pace(per_frame * len(times), per_frame)


def describe_duration(seconds: float) -> str:
    """Return a rounded time: 40 s, 3 min, 1 h 20 min, 3 d 4 h.

    Args:
        seconds: 0 or more.
    """
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(minutes / 60)
    return f"{hours // 24} d {hours % 24} h"


def _progress(
    each: SceneShot, frames: Sequence[int], shot: Shot | None, on_plan: Callable[[str, RunPlan], object]
) -> SceneProgress:
    if shot is None:
        return SceneProgress(each.name, tuple(frames), tuple(frames), trouble=each.trouble)
    try:
        run = plan_run(shot)
    except (BadRequest, ColorError, PlateError) as error:
        trouble = SceneTrouble(each.name, error.marked, find_culprit(shot, error.marked))
        return SceneProgress(each.name, tuple(frames), tuple(frames), trouble=trouble)
    on_plan(each.name, run)
    digests = run.digests
    output, layers = FramePattern.parse(shot.output.path), shot.output.written_layers
    files = ExistingFrames(output, None, link=False, layers=layers).inspect(digests)
    kept = [file for file in files.values() if file.state.is_kept]
    written = [str(file.metadata.get(WRITTEN_ATTRIBUTE, "")) for file in kept]
    return SceneProgress(
        each.name,
        tuple(sorted(digests)),
        tuple(sorted(frame for frame, file in files.items() if not file.state.is_kept)),
        tuple(file.confidence for file in kept if file.confidence is not None),
        tuple(int(text) for text in written if text.isdigit()),
    )
