"""When the patches of a span are carried: each once the first frame that it may reach is coloured."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from stcolor_core.method.patches import PatchColor
from stcolor_core.pipeline.shot_patches import ShotPatches
from stcolor_core.shots.spans import PatchWalk, Span


class Carrier:
    """Stands for the propagator: every patch reaches three frames."""

    def __init__(self) -> None:
        self.walked: list[PatchWalk] = []
        self.patches = self

    def color(self, walk: PatchWalk, *_: Any, **__: Any) -> Iterator[PatchColor]:
        self.walked.append(walk)
        plane = np.ones((1, 1), np.float32)
        for frame in walk.frames[:3]:
            yield PatchColor(walk.patch, frame, 0, 0, np.zeros((1, 1, 2), np.float32), plane, plane, plane)


def test_the_frames_before_a_patch_do_not_wait_for_it_to_be_carried_on() -> None:
    """All patches of a span were carried all their way before the first of its frames was coloured."""
    footage: Any = SimpleNamespace(frames=dict.fromkeys(range(1, 11)), patches={4: None, 7: None}, references={})
    patches = ShotPatches(footage, reporter=SimpleNamespace(report_look=print))  # type: ignore[arg-type]
    patches.plan([])
    saved: list[tuple[str, int]] = []
    scratch: Any = SimpleNamespace(save=lambda name, frame, _: saved.append((name, frame)))
    carrier: Any = Carrier()
    names_of = patches.color(Span(tuple(range(1, 11)), None, None), carrier, scratch, wanted=range(1, 11))
    names = {1: names_of(1)}
    assert [(walk.patch, walk.frames[0]) for walk in carrier.walked] == [(4, 3), (7, 6)]  # those carried back
    names.update({frame: names_of(frame) for frame in range(2, 5)})
    assert len(carrier.walked) == 2
    names.update({5: names_of(5)})
    assert [(walk.patch, walk.frames[0]) for walk in carrier.walked[2:]] == [(4, 5)]
    names.update({frame: names_of(frame) for frame in range(6, 11)})
    assert len(carrier.walked) == 4
    assert {frame: len(given) for frame, given in names.items()} == {
        1: 1,
        2: 1,
        3: 1,
        4: 1,
        5: 2,
        6: 2,
        7: 1,
        8: 1,
        9: 1,
        10: 1,
    }
    assert sorted(saved) == sorted((name, frame) for frame, given in names.items() for name in given)
