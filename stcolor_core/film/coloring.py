"""Colour a film: one scene at a time, then its dissolves, each with the pipeline of a single shot.

So digests, resumed runs and claims hold for every scene as they do for a shot, and no more than one scene is in memory.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from stcolor_core.errors import BadRequest
from stcolor_core.film.plan import SCENE_FIELD, FilmPlan
from stcolor_core.film.shots import SceneShot, dissolve_shot, find_keys, make_shots
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.claims import Claim
from stcolor_core.pipeline.events import Event
from stcolor_core.pipeline.run import colorize

__all__ = ["SceneResult", "color_film", "film_shots"]


@dataclass(frozen=True)
class SceneResult:
    """A finished scene or dissolve.

    Attributes:
        name: Its name.
        written: The number of frames that were computed.
        kept: The number of frames that were on disk and valid.
        confidence: Mean confidence of its frames, 0..1; None if no frame has one.
        seconds: The time that it took.
    """

    name: str
    written: int
    kept: int
    confidence: float | None
    seconds: float


def film_shots(
    plan: FilmPlan, *, only: Collection[str] = (), warn: Callable[[str], None] = lambda _: None
) -> tuple[list[SceneShot], list[SceneShot]]:
    """Return the scenes of a film and its dissolves as shots. Dissolves need the results of their scenes.

    Args:
        plan: The plan.
        only: Names of scenes and dissolves to return; empty for all.
        warn: Called with one line for the artist.

    Raises:
        BadRequest: If there is no keyframe, or a name is unknown.
    """
    unknown = [name for name in only if name not in plan.scenes and name not in plan.dissolves]
    if unknown:
        raise BadRequest(f"The plan has no scene or dissolve {unknown[0]!r}. Correct --scene.")
    keys = find_keys(plan)
    if not keys.scenes:
        patterns = ", ".join(plate.keys for plate in plan.plates.values() if plate.keys) or "none is named"
        raise BadRequest(
            f"The film has no keyframe in any scene ({patterns}). Paint the frames of the storyboard, or correct keys."
        )
    lost = sorted(key for key in keys.paths if key not in keys.scenes)
    between = {(plan.scenes[d.before].plate, f) for n, d in plan.dissolves.items() for f in plan.dissolve_frames(n)}
    lost = [key for key in lost if (key.plate, key.frame) not in between]
    if lost:
        warn(f"The keyframe {', '.join(map(str, lost[:5]))} lies in no scene of the plan and colours nothing.")
    scenes = [each for each in make_shots(plan, keys, warn=warn) if not only or each.name in only]
    dissolves = [dissolve_shot(plan, name, keys) for name in plan.dissolves if not only or name in only]
    for scene in scenes:
        if scene.shot is None:
            warn(f"Scene {scene.name} stays uncoloured: no keyframe may colour it. Paint one, or correct the plan.")
    return scenes, dissolves


def color_film(
    plan: FilmPlan,
    *,
    device: str = "auto",
    only: Collection[str] = (),
    force: bool = False,
    report: Callable[[str, Event], None] = lambda _name, _event: None,
    warn: Callable[[str], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[SceneResult]:
    """Colour the scenes of a film, then its dissolves; frames that are on disk and valid are kept.

    Args:
        plan: The plan.
        device: "auto", "cpu" or "cuda".
        only: Names of scenes and dissolves to colour; empty for all.
        force: Write valid frames again.
        report: Called with the name of the scene and each of its events.
        warn: Called with one line for the artist, about the film.
        cancelled: Asked before every frame. Once it returns True, Cancelled is raised and finished frames stay.

    Yields:
        Each scene and dissolve once it is finished. A dissolve whose scenes have no colour is left out.

    Raises:
        StcolorError: One of the errors of `stcolor_core.errors`. OutputError if a run of another plan writes there.
    """
    scenes, dissolves = film_shots(plan, only=only, warn=warn)
    bare = {scene.name for scene in scenes if scene.shot is None}
    ready = [
        each
        for each in dissolves
        if not bare.intersection((plan.dissolves[each.name].before, plan.dissolves[each.name].after))
    ]
    with _claim(plan):
        for each in (*scenes, *ready):
            if each.shot is None:
                continue
            begun = time.monotonic()
            name, written, kept, confidences = each.name, 0, 0, list[float]()

            def pass_on(event: Event, name: str = name) -> None:
                report(name, event)

            for frame in colorize(each.shot, device=device, force=force, report=pass_on, cancelled=cancelled):
                written, kept = written + (not frame.kept), kept + frame.kept
                if frame.confidence is not None:
                    confidences.append(frame.confidence)
            mean = sum(confidences) / len(confidences) if confidences else None
            yield SceneResult(name, written, kept, mean, time.monotonic() - begun)


def _claim(plan: FilmPlan) -> Claim:
    """Return the claim on a film's output, held over all scenes: another plan would write over those that are done."""
    named = Path(plan.output.replace(SCENE_FIELD, "film"))
    folder = Path(plan.output[: plan.output.index(SCENE_FIELD)] + "film").parent
    state = hashlib.sha256(json.dumps(asdict(plan), sort_keys=True, default=str).encode()).hexdigest()
    return Claim(FramePattern.parse(str(folder / named.name)), state=state)
