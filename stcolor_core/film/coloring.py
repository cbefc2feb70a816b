"""Colour a film: one scene at a time, then its dissolves, each with the pipeline of a single shot.

So digests, resumed runs and claims hold for every scene as they do for a shot, and no more than one scene is in memory.
A file that is damaged or missing keeps only the scenes that need it from being finished.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from stcolor_core.errors import (
    BadRequest,
    Cancelled,
    DeviceMemoryError,
    ModelError,
    OutputError,
    OutputInUse,
    ScratchLimit,
    StcolorError,
)
from stcolor_core.film.claims import claim_film
from stcolor_core.film.film_keys import FilmKeys, find_keys
from stcolor_core.film.key_name import did_you_mean
from stcolor_core.film.plan import FilmPlan
from stcolor_core.film.plate_changes import describe_changes, require_plates
from stcolor_core.film.shots import SceneShot, dissolve_shot, make_shots
from stcolor_core.film.stray_keys import describe_stray_keys
from stcolor_core.film.troubles import SceneTrouble, find_culprit, save_troubles, wait_for_scene
from stcolor_core.images.frame_ranges import name_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.claims import Claim
from stcolor_core.pipeline.events import Event
from stcolor_core.pipeline.run import colorize
from stcolor_core.plurals import form_of

__all__ = ["SceneResult", "color_film", "film_shots"]

_OF_ALL_SCENES = (DeviceMemoryError, ModelError, OutputError)  # the next scene would fail alike: a full disk
_OF_ONE_SCENE = (OutputInUse, ScratchLimit)  # among these


@dataclass(frozen=True)
class SceneResult:
    """A scene or dissolve that is finished, or as far as a damaged file let it come.

    Attributes:
        name: Its name.
        written: The number of frames that were computed.
        kept: The number of frames that were on disk and valid.
        confidence: Mean confidence of its frames, 0..1; None if no frame has one.
        seconds: The time that it took.
        trouble: Why it is not finished; None if it is.
    """

    name: str
    written: int
    kept: int
    confidence: float | None
    seconds: float
    trouble: SceneTrouble | None = None


def film_shots(
    plan: FilmPlan,
    *,
    only: Collection[str] = (),
    warn: Callable[[str], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[list[SceneShot], list[SceneShot]]:
    """Return the scenes of a film and its dissolves as shots. Dissolves need the results of their scenes.

    Args:
        plan: The plan.
        only: Names of scenes and dissolves to return; empty for all.
        warn: Called with one line for the artist.
        cancelled: Asked before every scene.

    Raises:
        BadRequest: If there is no keyframe, or a name is unknown.
        PlateError: If no plate of the film is there.
        Cancelled: Once `cancelled` returns True.
    """
    for name in only:
        if name not in plan.scenes and name not in plan.dissolves:
            hint = did_you_mean(name, [*plan.scenes, *plan.dissolves])
            raise BadRequest(f"The plan has no scene or dissolve {name!r}. {hint} Correct --scene.")
    require_plates(plan)
    ends = {end for name in only if name in plan.dissolves for end in plan.dissolves[name].scenes}
    for line in describe_changes(plan, only={*only, *ends}):
        warn(line)
    keys = find_keys(plan)
    _warn_of_useless_keys(plan, keys, warn)
    wanted = [name for name in plan.scenes if not only or name in only]
    scenes = make_shots(plan, keys, only=wanted, warn=warn, cancelled=cancelled) if wanted else []
    dissolves = [dissolve_shot(plan, name, keys) for name in plan.dissolves if not only or name in only]
    for scene in scenes:
        if scene.shot is None and scene.trouble is None:
            there = plan.output_of(scene.name).frames()
            have = form_of(len(there), "has", "have")
            old = f" The {name_frames(there)} on disk {have} the colour of an earlier run." if there else ""
            warn(
                f"Scene {scene.name} stays uncoloured: no keyframe may colour it. Paint one, or correct the plan.{old}"
            )
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
        Each scene and dissolve once it is finished, or has met a damaged or missing file. A dissolve waits for its
        scenes; one whose scenes no keyframe may colour is left out.

    Raises:
        StcolorError: One of the errors of `stcolor_core.errors`, if it is not one scene's alone: a full disk, a plan
            with a mistake. OutputInUse if a run of another plan writes there.
    """
    scenes, dissolves = film_shots(plan, only=only, warn=warn, cancelled=cancelled)
    bare = {scene.name for scene in scenes if scene.shot is None and scene.trouble is None}
    ends = {name: each.scenes for name, each in plan.dissolves.items()}
    scenes = [each for each in scenes if each.name not in bare]
    dissolves = [each for each in dissolves if not bare.intersection(ends[each.name])]
    troubles: dict[str, SceneTrouble] = {}
    tried: list[str] = []
    try:
        with claim_film(plan, scenes, dissolves):
            for each in (*_free_first(scenes), *_free_first(dissolves)):
                result = _waiting(each, ends, troubles) or _color(
                    each, device=device, force=force, report=report, cancelled=cancelled
                )
                tried.append(each.name)
                if result.trouble is not None:
                    troubles[each.name] = result.trouble
                yield result
    finally:
        save_troubles(plan, tried, troubles.values())


def _free_first(parts: Sequence[SceneShot]) -> Iterator[SceneShot]:
    """Yield scenes or dissolves in their order, but those that another run is writing when it is their turn at the end.

    So runs of one plan on several machines share a film by scenes, and hardly meet in one.
    """
    later = []
    for each in parts:
        if each.shot is not None and Claim(FramePattern.parse(each.shot.output.path), state="").is_held_elsewhere():
            later.append(each)
        else:
            yield each
    yield from later


def _waiting(
    each: SceneShot, ends: Mapping[str, tuple[str, str]], troubles: Mapping[str, SceneTrouble]
) -> SceneResult | None:
    """Return the result of a scene or dissolve that cannot be begun; None if it can."""
    trouble = each.trouble
    for scene in ends.get(each.name, ()):
        if trouble is None and scene in troubles:
            trouble = wait_for_scene(each.name, scene)
    return None if trouble is None else SceneResult(each.name, 0, 0, None, 0.0, trouble)


def _color(
    each: SceneShot,
    *,
    device: str,
    force: bool,
    report: Callable[[str, Event], None],
    cancelled: Callable[[], bool],
) -> SceneResult:
    """Colour a scene or dissolve as far as its files allow; raise what would stop every other one as well."""
    assert each.shot is not None
    begun, counts, confidences = time.monotonic(), {False: 0, True: 0}, list[float]()
    trouble, last = None, None

    def pass_on(event: Event) -> None:
        nonlocal last
        last = last if event.frame is None else event.frame
        report(each.name, event)

    try:
        run = colorize(each.shot, device=device, force=force, report=pass_on, cancelled=cancelled)
        for frame in run:
            counts[frame.kept] += 1
            if frame.confidence is not None:
                confidences.append(frame.confidence)
    except Cancelled as error:
        place = each.name if last is None else f"{each.name}, at frame {last}"
        raise Cancelled(f"{place}: {error.marked}") from None
    except StcolorError as error:
        if isinstance(error, _OF_ALL_SCENES) and not isinstance(error, _OF_ONE_SCENE):
            raise type(error)(f"{each.name}: {error.marked}") from None
        trouble = SceneTrouble(each.name, error.marked, find_culprit(each.shot, error.marked))
    mean = sum(confidences) / len(confidences) if confidences else None
    return SceneResult(each.name, counts[False], counts[True], mean, time.monotonic() - begun, trouble)


def _warn_of_useless_keys(plan: FilmPlan, keys: FilmKeys, warn: Callable[[str], None]) -> None:
    """Warn of keyframes that colour nothing.

    Raises:
        BadRequest: If no keyframe colours anything.
    """
    stray = describe_stray_keys(plan)
    if not keys.scenes:
        patterns = ", ".join(plate.keys for plate in plan.plates.values() if plate.keys) or "none is named"
        hint = " ".join(stray) or "Paint the frames of the storyboard, or correct keys."
        raise BadRequest(f"The film has no keyframe in any scene ({patterns}). {hint}")
    for line in stray:
        warn(line)
    between = {(plan.scenes[d.before].plate, f) for n, d in plan.dissolves.items() for f in plan.dissolve_frames(n)}
    used = {keys.paths[key] for key in keys.scenes}  # plates with frames of other numbers may share a folder of keys
    lost = sorted(
        key
        for key, path in keys.paths.items()
        if key not in keys.scenes and (key.plate, key.frame) not in between and path not in used
    )
    if lost:
        names = ", ".join(map(str, lost[:5]))
        told = form_of(
            len(lost),
            f"keyframe {names} lies in no scene of the plan and colours nothing",
            f"keyframes {names} lie in no scene of the plan and colour nothing",
        )
        warn(f"The {told}.")
