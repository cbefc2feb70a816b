"""Fusion of a frame's colour with its neighbours'."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.fusion import Unfused, find_neighbours, fuse, gather_neighbours
from stcolor_core.method.light import LightChange, relight
from stcolor_core.method.on_device import fusion as on_device
from stcolor_core.method.on_device.evidence import TensorNeighbour
from stcolor_core.method.on_device.mixing import TensorRefined, TensorState
from stcolor_core.method.tracking.flow import FlowLink
from stcolor_core.method.tracking.mattes import Instances
from stcolor_core.method.tracking.objects import find_objects

SIZE = (40, 64)
STEP = 2.0  # px to the right that the picture moves from frame to frame


def texture(shift: float) -> np.ndarray:
    x = np.arange(SIZE[1], dtype=np.float32) - shift
    y = np.arange(SIZE[0], dtype=np.float32)[:, None]
    return np.asarray(50 + 20 * np.sin(x / 3) + 10 * np.cos(y / 4), np.float32)


def unfused(
    place: int, color: tuple[float, float] = (20.0, -10.0), confidence: float = 0.8, **changes: object
) -> Unfused:
    """A frame of a texture that moves to the right, in one colour."""
    lightness = texture(STEP * place)
    ab = np.broadcast_to(np.float32(color), (*SIZE, 2)).copy()
    plane = np.ones(SIZE, np.float32)
    colored = ColoredFrame(place, lightness, ab, confidence * plane, plane, 0 * plane, None, None, 0.0)
    flow = np.zeros((*SIZE, 2), np.float32)
    flow[..., 0] = -STEP
    return replace(Unfused(colored, FlowLink(flow, plane), -flow), **changes)  # type: ignore[arg-type]


def inner(plane: np.ndarray) -> np.ndarray:
    return np.asarray(plane[4:-4, 8:-8])


def test_each_wanted_frame_comes_with_its_neighbours_the_nearest_first() -> None:
    walk, wanted = [9, 8, 7, 6, 5, 4, 3, 2], {9, 4}
    near = find_neighbours(walk, wanted, 2)
    assert near == {9, 8, 7, 6, 5, 4, 3, 2}
    items = ((frame, f"frame {frame}") for frame in walk if frame in near)
    assert list(gather_neighbours(items, walk, wanted, 2)) == [
        ("frame 9", [], ["frame 8", "frame 7"]),
        ("frame 4", ["frame 5", "frame 6"], ["frame 3", "frame 2"]),
    ]


def test_a_walk_that_ends_early_leaves_the_last_frames_fewer_neighbours() -> None:
    items = ((frame, frame) for frame in range(4))  # of ten
    assert list(gather_neighbours(items, range(10), {2, 3, 4, 8}, 2)) == [(2, [1, 0], [3]), (3, [2, 1], [])]


def test_frames_far_from_the_wanted_ones_are_not_needed() -> None:
    assert find_neighbours(range(20), {3, 12}, 2) == {1, 2, 3, 4, 5, 10, 11, 12, 13, 14}
    assert find_neighbours(range(20), {3}, 0) == {3}
    walk = range(20)
    items = ((frame, frame) for frame in sorted(find_neighbours(walk, {3, 12}, 2)))
    assert list(gather_neighbours(items, walk, {3, 12}, 2)) == [(3, [2, 1], [4, 5]), (12, [11, 10], [13, 14])]


def test_a_frame_is_yielded_as_soon_as_its_last_neighbour_is_there() -> None:
    read = []

    def items() -> object:
        for frame in range(10):
            read.append(frame)
            yield frame, frame

    for own, _, _ in gather_neighbours(items(), range(10), set(range(10)), 2):  # type: ignore[arg-type]
        assert read[-1] == min(own + 2, 9)


def test_without_a_neighbour_nothing_changes() -> None:
    own = unfused(0, before=None, onward=None)
    alone = fuse(own, [], [])
    np.testing.assert_allclose(alone.ab, own.colored.ab, atol=1e-5)
    np.testing.assert_allclose(alone.confidence, own.colored.confidence, atol=1e-6)


@pytest.mark.parametrize("side", ["before", "after"])
def test_an_unsure_colour_takes_that_of_sure_neighbours_in_proportion_to_the_odds(side: str) -> None:
    own = unfused(5, (0.0, 0.0), 0.5)
    places = (4, 3) if side == "before" else (6, 7)
    others = [unfused(place, (30.0, 0.0), 0.9) for place in places]
    fused = fuse(own, others if side == "before" else [], others if side == "after" else [])
    share = 2 * 9 / (2 * 9 + 1)  # odds of 9 against 1
    assert inner(fused.ab[..., 0]) == pytest.approx(share * 30, abs=0.3)
    assert inner(fused.confidence) == pytest.approx((18 * 0.9 + 0.5) / 19, abs=0.01)
    assert fused.frame == 5


def test_a_sure_colour_hardly_takes_anything_of_unsure_neighbours() -> None:
    own = unfused(5, (0.0, 0.0), 0.98)
    fused = fuse(own, [unfused(4, (30.0, 0.0), 0.3)], [unfused(6, (30.0, 0.0), 0.3)])
    assert np.abs(inner(fused.ab[..., 0])).max() < 1


def test_what_stays_unsure_grows_no_more_vivid() -> None:
    """Of a neutral thing that no reference shows, though its neighbours took it for something."""
    own = unfused(5, (2.0, 0.0), 0.3)
    fused = fuse(own, [unfused(4, (40.0, 0.0), 0.38)], [unfused(6, (40.0, 0.0), 0.38)])
    assert np.linalg.norm(inner(fused.ab), axis=-1).max() < 2.1
    sure = fuse(own, [unfused(4, (40.0, 0.0), 0.9)], [unfused(6, (40.0, 0.0), 0.9)])
    assert np.linalg.norm(inner(sure.ab), axis=-1).min() > 30


def test_colours_are_carried_along_the_flow() -> None:
    """A red stripe moves with the texture: two frames away it is four pixels beside."""
    frames = []
    for place in range(5):
        frame = unfused(place, (0.0, 0.0), 0.9)
        left = int(20 + STEP * place)
        frame.colored.ab[:, left : left + 8, 0] = 50
        frames.append(frame)
    fused = fuse(frames[2], [frames[1], frames[0]], [frames[3], frames[4]])
    np.testing.assert_allclose(inner(fused.ab), inner(frames[2].colored.ab), atol=0.5)


@pytest.mark.parametrize("why", ["hidden", "of other luminance", "inconsistent"])
def test_another_surface_lends_nothing(why: str) -> None:
    own = unfused(5, (0.0, 0.0), 0.5)
    after = unfused(6, (60.0, 0.0), 0.99)
    if why == "hidden":
        before = unfused(4, (60.0, 0.0), 0.99)
        hidden = replace(own.before, visibility=np.zeros(SIZE, np.float32))  # type: ignore[type-var]
        fused = fuse(replace(own, before=hidden), [before], [])
    elif why == "of other luminance":
        colored = replace(after.colored, lightness=after.colored.lightness + 25)
        fused = fuse(own, [], [replace(after, colored=colored)])
    else:
        assert after.onward is not None
        fused = fuse(own, [], [replace(after, onward=after.onward + np.float32(8))])
    assert np.abs(inner(fused.ab)).max() < 0.5


def test_an_object_lends_nothing_to_another() -> None:
    """Two mattes: the neighbour's picture belongs to the other object altogether."""

    def objects(name: str) -> object:
        masks = np.stack([np.full(SIZE, float(name == each), np.float32) for each in ("one", "two")])
        return find_objects(Instances(masks, np.zeros(2, np.int32), np.ones(2, np.float32), ("one", "two")))

    own = unfused(5, (0.0, 0.0), 0.5, objects=objects("one"))
    same, other = (unfused(6, (60.0, 0.0), 0.99, objects=objects(name)) for name in ("one", "two"))
    assert inner(fuse(own, [], [same]).ab[..., 0]).min() > 50
    assert np.abs(inner(fuse(own, [], [other]).ab)).max() < 0.5


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_neighbours_colour_is_brought_to_the_frames_light(side: str) -> None:
    """Half of the light from each frame to the next."""
    frames = []
    for place in range(5):
        frame = unfused(place, (30.0, 20.0), 0.9)
        lit = relight(frame.colored.lightness, frame.colored.ab, 0.7**place)
        assert frame.before is not None
        colored = replace(frame.colored, lightness=lit[0], ab=lit[1])
        frames.append(replace(frame, colored=colored, change=LightChange(0.7)))
    own = replace(
        frames[2],
        colored=replace(frames[2].colored, ab=0 * frames[2].colored.ab, confidence=np.full(SIZE, 0.02, np.float32)),
    )
    sides = ([frames[1], frames[0]], []) if side == "before" else ([], [frames[3], frames[4]])
    fused = fuse(own, *sides)
    np.testing.assert_allclose(inner(fused.ab), inner(frames[2].colored.ab), atol=0.8)


def test_tensors_are_fused_as_arrays_are() -> None:
    generator = np.random.default_rng(3)
    frames = []
    for place in range(5):
        frame = unfused(place)
        ab = generator.normal(0, 20, (*SIZE, 2)).astype(np.float32)
        confidence = generator.uniform(0, 1, SIZE).astype(np.float32)
        assert frame.before is not None
        visibility = generator.uniform(0, 1, SIZE).astype(np.float32)
        before, change = replace(frame.before, visibility=visibility), LightChange(float(generator.uniform(0.9, 1.1)))
        colored = replace(frame.colored, ab=ab, confidence=confidence)
        frames.append(replace(frame, colored=colored, before=before, change=change))
    expected = fuse(frames[2], [frames[1], frames[0]], [frames[3], frames[4]])
    there = [to_tensors(frame) for frame in frames]
    found = on_device.fuse(there[2], [there[1], there[0]], [there[3], there[4]])
    np.testing.assert_allclose(found.ab.permute(1, 2, 0).numpy(), expected.ab, atol=0.3)
    np.testing.assert_allclose(found.confidence.numpy(), expected.confidence, atol=0.01)


def to_tensors(frame: Unfused) -> on_device.TensorUnfused:
    colored, before = frame.colored, frame.before
    assert before is not None and frame.onward is not None

    def planes(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 0)))

    light, confidence = torch.from_numpy(colored.lightness), torch.from_numpy(colored.confidence)
    state = TensorState(light, planes(colored.ab), confidence)
    refined = TensorRefined(planes(colored.ab), confidence, confidence, confidence, state)
    visibility = torch.from_numpy(before.visibility)
    neighbour = TensorNeighbour(
        planes(before.displacement), light, visibility, light, torch.zeros(0), torch.tensor([frame.change.gain, 0, 0])
    )
    return on_device.TensorUnfused(refined, neighbour, planes(frame.onward))
