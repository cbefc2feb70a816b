"""A span's footage with the mattes of some frames carried to the others."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest
from scenes import Scene, crossing, view

from stcolor_core.files.scratch import Scratch
from stcolor_core.method.carried_mattes import carry_mattes
from stcolor_core.method.features.standard import TEMPERATURE
from stcolor_core.method.footage import Footage
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.shots.spans import Span, plan

COUNT = 7


class Given(Scene):
    """A scene with mattes on some frames."""

    given: Collection[int] = ()

    def instances(self, frame: int) -> Instances | None:
        return super().instances(frame) if frame in self.given else None


def footage(given: Collection[int]) -> Given:
    scene = crossing(COUNT)
    result = Given(scene.lightnesses, scene.ab, scene.masks)
    result.given = given
    return result


def carry(span: Span, scene: Scene, scratch: Scratch, needed: Collection[int]) -> Footage:
    return carry_mattes(span, scene, scratch, view=view, temperature=TEMPERATURE, needed=needed, on_read=lambda _: None)


def overlap(mattes: Instances | None, scene: Scene, frame: int) -> float:
    assert mattes is not None and mattes.names == ("object0", "object1")
    own, truth = mattes.masks > 0.5, scene.masks[frame]
    return float((own & truth).sum() / (own | truth).sum())


@pytest.mark.parametrize("given", [(0,), (3,), (6,), (0, 6)])
def test_a_matte_on_any_frame_is_carried_to_all_others_in_both_directions(given: tuple[int, ...]) -> None:
    scene = footage(given)
    (span,) = plan(range(COUNT), [0, COUNT - 1], [])
    with Scratch() as scratch:
        carried = carry(span, scene, scratch, span.frames)
        for frame in range(COUNT):
            assert carried.has_matte(frame)
            assert overlap(carried.instances(frame), scene, frame) > 0.85
            assert carried.keyframe(frame).instances is not None


def test_a_matte_counts_as_certain_on_its_own_frame_alone() -> None:
    scene = footage((0,))
    (span,) = plan(range(COUNT), [0], [])
    with Scratch() as scratch:
        carried = carry(span, scene, scratch, span.frames)
        own, later = carried.instances(0), carried.instances(4)
    assert own is not None and own.certainty is None
    assert later is not None and later.certainty is not None


@pytest.mark.parametrize("given", [(0,), (3,), (1, 5), (0, 6)])
def test_the_choice_of_needed_frames_changes_no_matte(given: tuple[int, ...]) -> None:
    scene = footage(given)
    (span,) = plan(range(COUNT), [0, COUNT - 1], [])
    with Scratch() as scratch, Scratch() as other:
        whole, alone = carry(span, scene, scratch, span.frames), carry(span, scene, other, [2])
        one, same = whole.instances(2), alone.instances(2)
        assert one is not None and same is not None
        np.testing.assert_array_equal(one.masks, same.masks)


@pytest.mark.parametrize("given", [(), range(COUNT)])
def test_footage_stays_as_it_is_if_no_frame_or_every_frame_has_a_matte(given: Collection[int]) -> None:
    scene = footage(given)
    (span,) = plan(range(COUNT), [0], [])
    with Scratch() as scratch:
        assert carry(span, scene, scratch, span.frames) is scene
    assert not scene.asked  # and nothing is read for it


def test_mattes_outside_the_span_are_not_carried_into_it() -> None:
    scene = footage((0,))
    _, span = plan(range(COUNT), [3, 4], [3])
    assert 0 not in span.reads
    with Scratch() as scratch:
        assert carry(span, scene, scratch, span.frames) is scene


def test_each_frame_is_announced_before_it_is_read() -> None:
    scene = footage((0,))
    (span,) = plan(range(COUNT), [0], [])
    announced: list[int] = []

    def announce(frame: int) -> None:
        assert frame not in scene.asked
        announced.append(frame)

    with Scratch() as scratch:
        carry_mattes(span, scene, scratch, view=view, temperature=TEMPERATURE, needed=[2], on_read=announce)
    assert announced == [0, 1, 2]  # and no frame beyond the last that is needed
