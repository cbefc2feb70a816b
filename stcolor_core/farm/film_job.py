"""A film as one job: a step for each group of scenes, then one for the dissolves, which need their scenes' results.

The job's file holds every scene and dissolve as a pinned shot, and the tasks, which are numbered through all steps.
What is on disk and up to date is not in the job: a repainted keyframe submits only what it reaches.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stcolor_core.errors import BadRequest, StcolorError
from stcolor_core.farm.job import JobSettings, split_tasks
from stcolor_core.farm.paths import make_absolute
from stcolor_core.farm.pinning import list_inputs, pin
from stcolor_core.film.coloring import film_shots
from stcolor_core.film.plan import FilmPlan
from stcolor_core.film.progress import SceneProgress, read_progress
from stcolor_core.film.shots import SceneShot
from stcolor_core.film.troubles import SceneTrouble, describe_troubles, wait_for_scene
from stcolor_core.images.frame_ranges import format_frames, parse_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.claims import Claim
from stcolor_core.pipeline.planning import RunPlan, resolve_tracking, split_spans
from stcolor_core.plurals import count_of
from stcolor_core.shots.shot import Shot, map_paths
from stcolor_core.shots.shot_files import find_frames

__all__ = ["FILM_FILE", "FilmFile", "FilmJob", "FilmStep", "FilmTask", "plan_film"]

FILM_FILE = "film.json"
_VERSION = 1
_MOST_GROUPS = 40  # steps for groups: Deadline and OpenCue make a job or layer of each


@dataclass(frozen=True)
class FilmTask:
    """Frames of one scene or dissolve that are coloured together.

    Attributes:
        shot: The name of the scene or dissolve.
        frames: The frames, in ascending order.
    """

    shot: str
    frames: tuple[int, ...]


@dataclass(frozen=True)
class FilmStep:
    """Tasks that may run at once.

    Attributes:
        name: The step's name, of letters, digits, - and _.
        after: The names of the steps that must be done before; without any, the check.
        tasks: The tasks, at least one.
    """

    name: str
    after: tuple[str, ...]
    tasks: tuple[FilmTask, ...]


@dataclass(frozen=True, kw_only=True)
class FilmJob(JobSettings):
    """The job of a film, as every engine takes it.

    Attributes:
        shots: Name -> scene or dissolve that has a task, as a pinned shot.
        steps: The steps, each after those that it waits for.
        claim: The output that stands for the results of all scenes, and the state of the plan (`film.claims`), so that
            a run of another plan does not write there meanwhile; None for no such claim.
    """

    shots: Mapping[str, Shot]
    steps: tuple[FilmStep, ...]
    claim: tuple[str, str] | None = None

    @property
    def tasks(self) -> tuple[FilmTask, ...]:
        """Return the tasks of all steps, in the order of their numbers."""
        return tuple(task for step in self.steps for task in step.tasks)

    @property
    def numbers(self) -> Mapping[str, range]:
        """Return the numbers of each step's tasks, counted from 0 through the job."""
        found, start = {}, 0
        for step in self.steps:
            found[step.name] = range(start, start + len(step.tasks))
            start += len(step.tasks)
        return found

    @property
    def folders(self) -> tuple[Path, ...]:
        """Return the folders of the results."""
        return tuple(dict.fromkeys(FramePattern.parse(shot.output.path).folder for shot in self.shots.values()))

    @property
    def summary(self) -> str:
        """Return what the job colours, in a few words."""
        frames = sum(len(task.frames) for task in self.tasks)
        return f"{count_of(frames, 'frame')} of {count_of(len(self.shots), 'scene')}"

    def to_json(self) -> str:
        """Return the job's file, which `FilmFile` reads on the hosts."""
        tasks = [[task.shot, format_frames(task.frames)] for task in self.tasks]
        shots = {name: asdict(shot) for name, shot in self.shots.items()}
        return json.dumps({"version": _VERSION, "tasks": tasks, "shots": shots, "claim": self.claim}) + "\n"


class FilmFile:
    """A film job's file on a host. Only the shots that are asked for are validated.

    Args:
        path: The file.
        change: Returns the path on this host for one in a shot.

    Raises:
        BadRequest: If the file cannot be read or is not that of a film.
    """

    def __init__(self, path: Path, *, change: Callable[[str], str] = str) -> None:
        self._path, self._change = path, change
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["version"] != _VERSION:
                raise BadRequest(
                    f"{path} is of version {data['version']}, this release reads {_VERSION}. Make it anew."
                )
            self._shots: dict[str, Any] = dict(data["shots"])
            self.tasks = tuple(
                FilmTask(str(name), tuple(sorted(parse_frames(frames)))) for name, frames in data["tasks"]
            )
            self._claim = data.get("claim")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            raise BadRequest(f"The film {path} cannot be read ({reason}). Make the job again.") from None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the scenes and dissolves."""
        return tuple(self._shots)

    def claim(self) -> AbstractContextManager[object]:
        """Return the claim on the film's output, to be held while a task writes."""
        if self._claim is None:
            return nullcontext()
        output, state = self._claim
        return Claim(FramePattern.parse(self._change(str(output))), state=str(state))

    def shot(self, name: str) -> Shot:
        """Return a scene or dissolve as a shot with the paths of this host.

        Args:
            name: Its name.

        Raises:
            BadRequest: If there is no such shot, or if it is invalid.
        """
        if name not in self._shots:
            raise BadRequest(f"{self._path} has no scene {name!r}. Make the job again.")
        return map_paths(Shot.from_json(json.dumps(self._shots[name])), self._change)

    def task(self, number: int) -> FilmTask:
        """Return a task.

        Args:
            number: Its number, from 0.

        Raises:
            BadRequest: If there is no such task.
        """
        if not 0 <= number < len(self.tasks):
            raise BadRequest(f"{self._path} has the tasks 0-{len(self.tasks) - 1}, not {number}. Make the job again.")
        return self.tasks[number]


def plan_film(
    plan: FilmPlan, *, max_span: int | None = None, warn: Callable[[str], None] = lambda _: None
) -> tuple[dict[str, Shot], tuple[FilmStep, ...], tuple[Path, ...]]:
    """Return the shots, steps and inputs of a film's job: what is missing, and what changed keyframes reach.

    Args:
        plan: The plan.
        max_span: Most frames of a span that one task writes; None leaves spans whole.
        warn: Called with one line for the artist.

    Returns:
        The pinned shots by name, the steps, and every file that they read. All are empty if nothing is to be coloured.
        Scenes that a damaged or missing file keeps from being coloured are left out, with a warning.

    Raises:
        StcolorError: If there is no keyframe, or if nothing can be coloured.
    """
    scenes, dissolves = ([_with_max_span(each, max_span) for each in part] for part in film_shots(plan, warn=warn))
    runs: dict[str, RunPlan] = {}
    progress = read_progress(plan, scenes, dissolves, on_plan=runs.__setitem__)
    stuck = _stuck(plan, progress)
    for line in describe_troubles(stuck.values()):
        warn(line)
    to_color = {each.name: frozenset(each.to_color) for each in progress if each.to_color and each.name not in stuck}
    if stuck and not to_color:
        raise StcolorError(next(iter(stuck.values())).message)
    shots: dict[str, Shot] = {}
    tasks: dict[str, list[FilmTask]] = {}
    inputs: set[Path] = set()
    for scene in scenes:
        if scene.shot is None or scene.name not in to_color:
            continue
        run = runs[scene.name]
        shots[scene.name] = pin(scene.shot, run)
        inputs.update(list_inputs(shots[scene.name], run))
        pieces = split_tasks(split_spans(scene.shot, run.spans), run.digests)
        tasks[scene.name] = list(_tasks(scene.name, pieces, to_color[scene.name]))
    for each in dissolves:
        ends = plan.dissolves[each.name].scenes
        if each.shot is None or each.name not in to_color or any(_is_bare(scenes, name) for name in ends):
            continue
        shots[each.name] = _pin_dissolve(each.shot)
        inputs.update(find_frames(shots[each.name].plate).values())
        made_here = [name in tasks for name in ends] + [False] * (len(each.shot.references) - len(ends))
        references = zip(shots[each.name].references, made_here, strict=True)
        inputs.update(Path(reference.path) for reference, made in references if not made)
        tasks[each.name] = list(_tasks(each.name, [tuple(sorted(to_color[each.name]))], to_color[each.name]))
    return shots, tuple(_steps(plan, tasks)), tuple(sorted(inputs))


def _stuck(plan: FilmPlan, progress: Iterable[SceneProgress]) -> dict[str, SceneTrouble]:
    """Return the scenes that a damaged or missing file keeps from being coloured, and the dissolves that need them."""
    stuck: dict[str, SceneTrouble] = {}
    for each in progress:
        ends = plan.dissolves[each.name].scenes if each.name in plan.dissolves else ()
        scene = next((end for end in ends if end in stuck), None)
        if each.trouble is not None:
            stuck[each.name] = each.trouble
        elif scene is not None and each.to_color:
            stuck[each.name] = wait_for_scene(each.name, scene)
    return stuck


def _tasks(name: str, pieces: Iterable[tuple[int, ...]], wanted: frozenset[int]) -> Iterator[FilmTask]:
    for piece in pieces:
        if frames := tuple(frame for frame in piece if frame in wanted):
            yield FilmTask(name, frames)


def _steps(plan: FilmPlan, tasks: Mapping[str, list[FilmTask]]) -> Iterator[FilmStep]:
    """Yield a step for each group, the others' together from the 41st on, and one for the dissolves."""
    groups = {
        group: [task for name in plan.members(group) for task in tasks.get(name, ())] for group in plan.group_names
    }
    sizes = {group: sum(len(task.frames) for task in each) for group, each in groups.items() if each}
    own = sorted(sizes, key=lambda group: -sizes[group])[:_MOST_GROUPS]
    step_of = {group: f"Group_{group}" if group in own else "Other_groups" for group in sizes}
    for step in dict.fromkeys(step_of.values()):
        yield FilmStep(step, (), tuple(task for group in sizes if step_of[group] == step for task in groups[group]))
    mixed = [name for name in plan.dissolves if name in tasks]
    if mixed:
        ends = [end for name in mixed for end in plan.dissolves[name].scenes]
        after = dict.fromkeys(step_of[plan.scenes[end].group] for end in ends if end in tasks)
        yield FilmStep("Dissolves", tuple(after), tuple(task for name in mixed for task in tasks[name]))


def _pin_dissolve(shot: Shot) -> Shot:
    """Return a dissolve's shot with what a host would look up settled; its scenes' results need not exist yet."""
    method = replace(shot.method, tracking=resolve_tracking(shot))
    return map_paths(replace(shot, method=method, ocio=shot.ocio or os.environ.get("OCIO") or None), make_absolute)


def _with_max_span(scene: SceneShot, longest: int | None) -> SceneShot:
    if scene.shot is None or longest is None:
        return scene
    return replace(scene, shot=replace(scene.shot, output=replace(scene.shot.output, max_span=longest)))


def _is_bare(scenes: list[SceneShot], name: str) -> bool:
    return any(scene.name == name and scene.shot is None for scene in scenes)
