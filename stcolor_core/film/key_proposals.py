"""Choose which frames of a film to paint first: by what each colours of its own scene, and of those that look like it.

Within a scene the planner of a single shot says what its keyframes would colour (`pipeline.key_planning`). A scene
without a keyframe borrows those of its group, and is covered by their likeness to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from stcolor_core.errors import BadRequest
from stcolor_core.film.film_keys import FilmKeys
from stcolor_core.film.likeness import ALIKE, SceneLook, frame_likeness
from stcolor_core.film.plan import FilmPlan, KeyName
from stcolor_core.film.shots import scene_shot
from stcolor_core.method.key_plan import PlannedKey, SceneOptions
from stcolor_core.pipeline.events import Event
from stcolor_core.pipeline.key_planning import find_shot_options

__all__ = ["Proposal", "borrowed_shares", "choose_proposals", "propose_keyframes"]

_LEAST_GAIN = 5e-4  # of the film: further keyframes are not worth a line


@dataclass(frozen=True)
class Proposal:
    """A frame to paint.

    Attributes:
        scene: The name of its scene.
        key: The frame.
        gain: The share of the film's pixels that it makes right beyond those before it, 0..1.
        covered: The share that is right with it and those before it, 0..1.
    """

    scene: str
    key: KeyName
    gain: float
    covered: float


def propose_keyframes(
    plan: FilmPlan,
    looks: Mapping[str, SceneLook],
    keys: FilmKeys,
    *,
    share: float = 0.95,
    report: Callable[[Event], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Proposal]:
    """Return which frames of a film to paint first. Reads the plates; what was found of a scene is cached.

    Args:
        plan: The plan.
        looks: The features of its scenes.
        keys: The keyframes that exist; they are kept.
        share: Share of the film's pixels that is to be right, above 0 and at most 1.
        report: Called with every event of reading.
        cancelled: Asked before every frame.

    Raises:
        BadRequest: If the share is out of range.
        Cancelled: Once `cancelled` returns True.
        StcolorError: If a plate or a keyframe cannot be read.
    """
    if not 0 < share <= 1:
        raise BadRequest(f"The share of the film must be above 0 and at most 1, not {share:g}. Correct --coverage.")
    options, told = dict[str, list[SceneOptions]](), set[str]()

    def report_once(event: Event) -> None:
        """Pass an event on, but a warning about a plate only for the first of its scenes."""
        if event.kind == "warning":
            if event.message in told:
                return
            told.add(event.message)
        report(event)

    for name, scene in plan.scenes.items():
        if scene.grey:
            frames = plan.frames(name)
            options[name] = [SceneOptions(frames[0], frames[-1], len(frames), (), ())]
            continue
        options[name] = find_shot_options(scene_shot(plan, keys, name), report=report_once, cancelled=cancelled)
    return choose_proposals(plan, options, borrowed_shares(plan, looks), share=share)


def borrowed_shares(plan: FilmPlan, looks: Mapping[str, SceneLook]) -> dict[str, dict[str, float]]:
    """Return what the keyframes of each scene cover of the others of its group: scene -> other scene -> share, 0..1.

    Frames just alike enough for one group cover half.

    Args:
        plan: The plan.
        looks: The features of its scenes.
    """
    shares: dict[str, dict[str, float]] = {scene: {} for scene in plan.scenes}
    for group in plan.group_names:
        for scene, other in combinations(plan.members(group), 2):
            likeness = max(frame_likeness(a, b) for a in looks[scene].features for b in looks[other].features)
            shares[scene][other] = shares[other][scene] = _covered(likeness)
    return shares


def choose_proposals(
    plan: FilmPlan,
    options: Mapping[str, Sequence[SceneOptions]],
    borrowed: Mapping[str, Mapping[str, float]],
    *,
    share: float,
) -> list[Proposal]:
    """Return the keyframes to paint, each next one where it makes most of the film right.

    Args:
        plan: The plan.
        options: Scene -> the best keyframes for one, two and so on; one entry for each part of the scene.
        borrowed: As `borrowed_shares` returns it.
        share: Share of the film's pixels that is to be right, 0..1.
    """
    film = _Allotment(plan, options, borrowed)
    order: list[str] = []
    gains: list[tuple[float, float]] = []
    while film.covered < share and (best := film.best()) is not None:
        before = film.covered
        film.add(best)
        order.append(best)
        gains.append((film.covered - before, film.covered))
    left = {name: list(film.new_keys(name)) for name in dict.fromkeys(order)}
    return [
        Proposal(name, KeyName(plan.scenes[name].plate, left[name].pop(0).frame), gain, covered)
        for name, (gain, covered) in zip(order, gains, strict=True)
    ]


class _Allotment:
    """How many keyframes each scene gets, and what is covered with them."""

    def __init__(
        self,
        plan: FilmPlan,
        options: Mapping[str, Sequence[SceneOptions]],
        borrowed: Mapping[str, Mapping[str, float]],
    ) -> None:
        self._plan, self._borrowed = plan, borrowed
        self._options = {
            name: max(parts, key=lambda part: (bool(part.sets), part.length)) for name, parts in options.items()
        }
        self._length = {name: len(plan.frames(name)) for name in plan.scenes}
        self._total = max(1, sum(self._length.values()))
        self._number = {name: _existing(option) for name, option in self._options.items()}
        self._share = {name: self._share_of(name, self._number) for name in plan.scenes}
        self._gains = {name: self._gain(name) for name in plan.scenes}

    @property
    def covered(self) -> float:
        """Return the share of the film's pixels that is right, 0..1."""
        return sum(self._share[name] * self._length[name] for name in self._share) / self._total

    def best(self) -> str | None:
        """Return the scene in which one more keyframe gains most; None if none gains enough."""
        name = max(self._gains, key=lambda each: self._gains[each])
        return name if self._gains[name] >= _LEAST_GAIN else None

    def add(self, name: str) -> None:
        """Give a scene one more keyframe. Only the gains of its own group change."""
        self._number[name] += 1
        members = self._plan.members(self._plan.scenes[name].group)
        for each in members:
            self._share[each] = self._share_of(each, self._number)
        for each in members:
            self._gains[each] = self._gain(each)

    def new_keys(self, name: str) -> Iterator[PlannedKey]:
        """Yield the keyframes to paint in a scene, the one that colours most of it first."""
        option = self._options[name]
        keys = option.sets[self._number[name] - max(1, _existing(option))]
        yield from sorted((key for key in keys if not key.exists), key=lambda key: (-key.share, key.frame))

    def _share_of(self, name: str, number: Mapping[str, int]) -> float:
        """Return the share of a scene that is right with some keyframes in the film."""
        own = number[name]
        option = self._options[name]
        if not option.sets:  # it can hold no colour, and lacks none
            return 1.0
        tracked = option.shares[own - max(1, _existing(option))] if own else 0.0
        lent = (share for scene, share in self._lenders(name) if number[scene])
        return max(tracked, max(lent, default=0.0))

    def _lenders(self, name: str) -> Iterator[tuple[str, float]]:
        for scene in self._borrowed[name]:
            yield scene, self._borrowed[scene][name]

    def _gain(self, name: str) -> float:
        """Return the share of the film that one more keyframe in a scene makes right."""
        option = self._options[name]
        if self._number[name] - max(1, _existing(option)) + 1 >= len(option.sets):
            return 0.0
        number = {**self._number, name: self._number[name] + 1}
        reached = (name, *(self._borrowed[name] if not self._number[name] else ()))
        gained = sum((self._share_of(each, number) - self._share[each]) * self._length[each] for each in reached)
        return gained / self._total


def _existing(option: SceneOptions) -> int:
    return sum(key.exists for key in option.sets[0]) if option.sets else 0


def _covered(likeness: float) -> float:
    """Return the share of a scene that a keyframe of another one covers: 0.5 at the least likeness of a group."""
    return float(np.clip(0.5 + 0.5 * (likeness - ALIKE) / (1 - ALIKE), 0, 1))
