"""Synthetic clips of pictures whose colours encode layer and position, so that every pixel identifies itself."""

from __future__ import annotations

import numpy as np
import pytest

from stcolor_core.evaluation.synthetic import BACKGROUND_SCALE, SyntheticClip, make_synthetic_clip
from stcolor_core.method.tracking.flow import sample

SIZE = (128, 80)
BLUES = (0.0, 0.31, 0.58, 0.93)  # of the background and the objects


def place_names() -> list[np.ndarray]:
    """Pictures whose red is x, green is y, and blue the layer."""
    pictures = []
    for blue in BLUES:
        width, height = (round(side * BACKGROUND_SCALE) for side in SIZE)
        x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
        pictures.append(np.dstack([x, y, np.full_like(x, blue)]).astype(np.float32))
    return pictures


def made(seed: int, *, count: int = 12, objects: int = 3, grain: float = 0.0) -> SyntheticClip:
    generator = np.random.default_rng(seed)
    return make_synthetic_clip(place_names(), size=SIZE, count=count, objects=objects, generator=generator, grain=grain)


def warped(pictures: list[np.ndarray], clip: SyntheticClip) -> np.ndarray:
    """Return each frame but the last, moved by the true motion to its place on the next: (T - 1, H, W, C)."""
    return np.stack([sample(before, flow) for before, flow in zip(pictures, clip.backward, strict=False)])


def inside(clip: SyntheticClip) -> np.ndarray:
    """(T - 1, H, W) bool, where the true motion stays within the picture."""
    place = np.stack(np.meshgrid(*map(np.arange, SIZE)), -1) + np.stack(clip.backward)
    return np.all((place >= 0) & (place <= np.array(SIZE) - 1), axis=-1)


def test_the_previous_frame_warped_by_the_true_motion_equals_the_frame_in_visible_areas() -> None:
    clip = made(1)
    visible = np.stack(clip.visible)
    error = np.abs(warped(clip.clip.rgb, clip) - np.stack(clip.clip.rgb[1:]))[visible]
    assert np.median(np.linalg.norm(np.stack(clip.backward), axis=-1)) > 0.5, "there is motion"
    # px: OpenCV's cubic kernel bends a ramp by a twentieth, and it rounds each place to a thirty-second.
    assert np.max(error[:, :2] * SIZE) < 0.2
    assert error[:, 2].max() < 1e-5, "the same layer"
    assert 0.6 < visible.mean() < 0.97


def test_a_pixel_is_visible_if_the_previous_frame_shows_the_same_layer() -> None:
    clip = made(2)
    now, before = np.stack(clip.clip.rgb[1:])[..., 2], warped(clip.clip.rgb, clip)[..., 2]
    unmixed = np.abs(now[..., None] - BLUES).min(-1) < 1e-5
    expected = inside(clip) & unmixed & (np.abs(now - before) < 1e-5)
    assert np.mean(np.stack(clip.visible) != expected) < 2e-3
    assert np.mean(inside(clip) & unmixed & ~expected) > 0.01, "something is hidden that does not leave the picture"


def test_an_object_leaves_and_comes_back_and_goes_behind_another() -> None:
    shown = []
    for seed in range(3):
        frames = made(seed, count=40).clip.rgb
        shown.append([[np.mean(np.abs(frame[..., 2] - blue) < 1e-5) for blue in BLUES[1:]] for frame in frames])
    there = np.array(shown) > 0  # seed, frame, object
    came = (there[:, 1:] & ~there[:, :-1]).any(1)
    assert (came & there[:, 0]).any(), "after it was gone"
    assert (np.ptp(np.array(shown)[:, :, 0], axis=1) > 0.02).any(), "the lowest is hidden now more and now less"


def test_the_same_seed_makes_the_same_clip_and_another_seed_makes_another() -> None:
    first, second, other = (np.stack(made(seed, grain=0.01).clip.rgb) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).mean() > 0.02


def test_colour_moves_with_lightness() -> None:
    clip = made(5)
    visible = np.stack(clip.visible)
    for part in (clip.clip.lightnesses, clip.clip.ab):
        error = np.abs(warped(part, clip) - np.stack(part[1:]))[visible]
        assert error.mean() < 0.1
        assert np.abs(np.stack(part[:-1]) - np.stack(part[1:]))[visible].mean() > 0.5, "it does move"


def test_every_frame_has_its_own_grain() -> None:
    clean, grainy = (np.stack(made(6, objects=0, grain=grain).clip.rgb) for grain in (0.0, 0.02))
    noise = (grainy - clean)[:, 20:60, 40:90, :2]
    assert noise.std() == pytest.approx(0.02, rel=0.1)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.1


def test_objects_need_a_picture_to_be_cut_from() -> None:
    with pytest.raises(ValueError, match=r"1 objects .* of 1 pictures"):
        make_synthetic_clip(place_names()[:1], size=SIZE, count=2, objects=1, generator=np.random.default_rng(0))
