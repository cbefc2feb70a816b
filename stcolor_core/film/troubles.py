"""What keeps scenes from being finished: what a run found is kept beside its frames, so that the report can tell it.

A damaged frame shows only when it is read, and a report reads no plates. So the run that found it leaves a note.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from stcolor_core.files.atomic import atomic_path
from stcolor_core.film.plan import SCENE_FIELD, FilmPlan
from stcolor_core.images.sequences import FramePattern
from stcolor_core.shots.shot import Shot

__all__ = [
    "SceneTrouble",
    "describe_troubles",
    "film_folder",
    "find_culprit",
    "load_troubles",
    "save_troubles",
    "wait_for_scene",
]


@dataclass(frozen=True)
class SceneTrouble:
    """Why a scene or dissolve is not finished.

    Attributes:
        name: Its name.
        message: What is wrong and what to do: one line for the artist, its remedies by name (`remedies`).
        waits_for: The file or the scene that has to be mended first, in short; empty if the message names none.
    """

    name: str
    message: str
    waits_for: str = ""

    @property
    def problem(self) -> str:
        """Return what is the same for all that wait for one file: it is a reference of one scene, a still of another.

        Of a sequence, and where nothing is named, it is the message: one frame is missing here, another one there.
        """
        names_file = self.waits_for and not FramePattern.parse(self.waits_for).is_sequence
        return self.waits_for if names_file else self.message


def film_folder(plan: FilmPlan) -> Path:
    """Return the folder that holds the results of all scenes.

    Args:
        plan: The plan.
    """
    return Path(plan.output[: plan.output.index(SCENE_FIELD)] + "film").parent


def find_culprit(shot: Shot, message: str) -> str:
    """Return the input of a shot that a message names, in the words of the message; empty if it names none.

    Args:
        shot: The shot.
        message: The message.
    """
    pictures = [reference.path for reference in shot.references] + [still.path for still in shot.stills]
    named = [path for path in pictures if path in message]
    if named:
        return max(named, key=len)
    plate = FramePattern.parse(shot.plate.path)
    for word in message.replace("(", " ").replace(")", " ").split():
        path = word.rstrip(".,:;")
        if path == plate.text or (plate.is_sequence and path.startswith(str(plate.folder / plate.head))):
            return path
    return ""


def wait_for_scene(dissolve: str, scene: str) -> SceneTrouble:
    """Return the trouble of a dissolve one of whose scenes is not finished.

    Args:
        dissolve: The dissolve's name.
        scene: The scene's name.
    """
    return SceneTrouble(dissolve, f"It is mixed from the scene {scene}, which is not finished.", scene)


def describe_troubles(troubles: Iterable[SceneTrouble]) -> Iterator[str]:
    """Yield a line for each scene or dissolve that is not finished: what it waits for. A problem is told in full once.

    Args:
        troubles: Their troubles, in the order of the film.
    """
    first: dict[str, str] = {}
    for each in troubles:
        told = first.setdefault(each.problem, each.name)
        if told == each.name:
            yield f"{each.name} is not finished: {each.message}"
        else:
            reason = f"it waits for {each.waits_for}" if each.waits_for else f"as {told}"
            yield f"{each.name} is not finished: {reason}."


def save_troubles(plan: FilmPlan, tried: Iterable[str], troubles: Iterable[SceneTrouble]) -> None:
    """Keep the troubles of a run for the report. Without any the file is removed.

    A folder that cannot be written is no error: the run has told its troubles.

    Args:
        plan: The plan.
        tried: Names of the scenes and dissolves that the run has coloured or tried to colour.
        troubles: The troubles of those that are not finished.
    """
    known = {name: trouble for name, trouble in load_troubles(plan).items() if name not in set(tried)}
    known |= {trouble.name: trouble for trouble in troubles}
    path = _path(plan)
    with suppress(OSError, ValueError):
        if not known:
            path.unlink(missing_ok=True)
        elif path.parent.is_dir():
            with atomic_path(path) as partial:
                partial.write_text(json.dumps([asdict(each) for each in known.values()]), encoding="utf-8")


def load_troubles(plan: FilmPlan) -> dict[str, SceneTrouble]:
    """Return what earlier runs found, by the name of the scene or dissolve.

    Args:
        plan: The plan. Scenes that it no longer has are left out.
    """
    try:
        data = json.loads(_path(plan).read_text(encoding="utf-8"))
        troubles = [SceneTrouble(str(each["name"]), str(each["message"]), str(each["waits_for"])) for each in data]
    except (OSError, ValueError, LookupError, TypeError):  # there is none, or it is no such file
        return {}
    return {each.name: each for each in troubles if each.name in plan.scenes or each.name in plan.dissolves}


def _path(plan: FilmPlan) -> Path:
    name = hashlib.sha256(Path(plan.output).name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return film_folder(plan) / f".film.{name}.troubles.json"
