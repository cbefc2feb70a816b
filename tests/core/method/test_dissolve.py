"""Colour within a dissolve, against mixtures of two scenes whose colours are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes import Scene, pan, texture

from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_linear, lightness, linear_to_lab, luminance_of
from stcolor_core.method.dissolve import SceneEnd, carry_scene, estimate_shares, find_turn, mix
from stcolor_core.method.propagation import ColoredFrame, Propagator
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

CPU = torch.device("cpu")
HEIGHT, WIDTH = 96, 128
PURE, MIXED = 4, 6  # frames of each scene alone, and of both


def end(lightness_: np.ndarray, ab: tuple[float, float], frame: int) -> SceneEnd:
    one = np.ones_like(lightness_)
    return SceneEnd(lightness_, np.broadcast_to(np.float32(ab), (*one.shape, 2)).copy(), one, one * frame)


@pytest.fixture(scope="module")
def ends() -> tuple[SceneEnd, SceneEnd]:
    red, blue = (texture(HEIGHT, WIDTH, seed=seed, mean=mean) for seed, mean in ((1, 40), (2, 65)))
    return end(red, (45, 25), 1), end(blue, (10, -45), 9)


def linear_mixture(before: SceneEnd, after: SceneEnd, first: float, second: float) -> np.ndarray:
    a, b = (lab_to_linear(np.dstack([scene.lightness, scene.ab])) for scene in (before, after))
    return np.asarray(linear_to_lab(np.float32(first * a + second * b)))


@pytest.mark.parametrize(
    ("first", "second"), [(1, 0), (0.75, 0.25), (0.5, 0.5), (0.1, 0.9), (0, 1), (0.3, 0), (0, 0.2)], ids=str
)
def test_a_mixture_in_linear_light_gets_the_mixed_light_s_colour(
    ends: tuple[SceneEnd, SceneEnd], first: float, second: float
) -> None:
    truth = linear_mixture(*ends, first, second)
    mixed = mix(np.ascontiguousarray(truth[..., 0]), *ends)
    assert mixed.share == pytest.approx(second / (first + second), abs=0.02)
    assert np.abs(mixed.ab - truth[..., 1:]).mean() < 1
    assert mixed.confidence.mean() > 0.95


def test_a_mixture_of_video_levels_gets_the_mean_of_the_colours(ends: tuple[SceneEnd, SceneEnd]) -> None:
    before, after = ends
    mixed = mix(np.float32(0.4) * before.lightness + np.float32(0.6) * after.lightness, before, after)
    np.testing.assert_allclose(mixed.ab, 0.4 * before.ab + 0.6 * after.ab, atol=0.5)


def test_what_neither_scene_explains_lowers_the_confidence(ends: tuple[SceneEnd, SceneEnd]) -> None:
    picture = linear_mixture(*ends, 0.5, 0.5)[..., 0].copy()
    picture[:, : WIDTH // 2] = texture(HEIGHT, WIDTH // 2, seed=5, mean=85, contrast=60)
    mixed = mix(picture, *ends)
    assert mixed.confidence[:, : WIDTH // 2 - 8].mean() < mixed.confidence[:, WIDTH // 2 + 8 :].mean() - 0.1


def test_a_black_frame_has_no_colour(ends: tuple[SceneEnd, SceneEnd]) -> None:
    assert np.abs(mix(np.zeros((HEIGHT, WIDTH), np.float32), *ends).ab).max() < 1


def test_shares_are_estimated_in_a_fade_through_black(ends: tuple[SceneEnd, SceneEnd]) -> None:
    wanted = [(0.8, 0), (0.3, 0), (0, 0), (0, 0.4), (0, 0.9)]
    luminances = [a * luminance_of(ends[0].lightness) + b * luminance_of(ends[1].lightness) for a, b in wanted]
    shares = estimate_shares(ends[0].lightness, ends[1].lightness, [lightness(np.float32(y)) for y in luminances])
    np.testing.assert_allclose(shares, wanted, atol=0.05)


def test_a_scene_that_turns_while_it_fades_is_followed_into_the_dark() -> None:
    """A camera that pans and, once the scene has half of its light, pans back."""
    wide = texture(HEIGHT, WIDTH + 40, seed=3, mean=60, contrast=45)
    hue = np.linspace(-40, 40, WIDTH + 40, dtype=np.float32)
    places, shares = (3, 6, 9, 6, 3, 0), (0.8, 0.65, 0.5, 0.3, 0.15, 0.06)
    views = [np.ascontiguousarray(wide[:, place : place + WIDTH]) for place in (0, *places)]
    colors = [np.broadcast_to(hue[place : place + WIDTH], (HEIGHT, WIDTH)) for place in (0, *places)]
    start = replace(end(views[0], (0, 0), 1), ab=np.dstack([colors[0], colors[0]]))
    dark = [lightness(np.float32(share) * luminance_of(view)) for share, view in zip(shares, views[1:], strict=True)]
    carried = list(carry_scene(start, ((picture, share, 0.0) for picture, share in zip(dark, shares, strict=True))))
    inside = slice(12, -12)
    for scene, color in zip(carried, colors[1:], strict=True):
        assert np.abs(scene.ab[inside, inside, 0] - color[inside, inside]).mean() < 0.3  # 0.3: a pixel is 0.48


@pytest.mark.parametrize(
    ("shares", "turn"),
    [
        ([(0.75, 0), (0.5, 0), (0.25, 0), (0, 0.25), (0, 0.5), (0, 0.75)], 3),  # without a black frame
        ([(0.6, 0), (0.2, 0), (0, 0), (0, 0), (0, 0.1), (0, 0.7)], 4),
        ([(0.1, 0), (0, 0.05), (0, 0.1), (0, 0.5)], 1),  # whatever is lighter
        ([(0.8, 0.2), (0.5, 0.5), (0.2, 0.8)], None),
        ([(0.7, 0.1), (0.35, 0.3), (0.1, 0.7)], None),  # a dissolve that dips
        ([(0.6, 0.3), (0.1, 0.1), (0.3, 0.6)], None),  # both scenes in one frame
    ],
    ids=str,
)
@pytest.mark.parametrize("moved", [0, 2])
@pytest.mark.parametrize("blank", [0.0, 1.0], ids=["black", "white"])
def test_a_fade_is_told_from_a_mixture(
    ends: tuple[SceneEnd, SceneEnd], shares: list[tuple[float, float]], turn: int | None, moved: int, blank: float
) -> None:
    first, second = (np.roll(luminance_of(scene.lightness), moved, 1) for scene in ends)
    mixed = [lightness(np.float32(k * first + m * second + (1 - k - m) * blank)) for k, m in shares]
    assert find_turn(estimate_shares(ends[0].lightness, ends[1].lightness, mixed)) == turn


def mix_pans(weights: list[tuple[float, float]]) -> Scene:
    """A pan and another one, upside down and of other colours, mixed in linear light. weights: of each mixed frame."""
    count = PURE + MIXED
    one, other = pan(count, height=HEIGHT, width=WIDTH, step=2), pan(count, height=HEIGHT, width=WIDTH, step=1)
    a = [lab_to_linear(np.dstack(parts)) for parts in zip(one.lightnesses, one.ab, strict=True)]
    b = [
        lab_to_linear(np.dstack([100 - lightness_[::-1], -ab[::-1]]))
        for lightness_, ab in zip(other.lightnesses, other.ab, strict=True)
    ]
    mixed = [np.float32(k) * x + np.float32(m) * y for x, y, (k, m) in zip(a[PURE:], b[:MIXED], weights, strict=True)]
    labs = [np.asarray(linear_to_lab(frame)) for frame in [*a[:PURE], *mixed, *b[MIXED:]]]
    no_masks = [np.zeros((0, HEIGHT, WIDTH), bool)] * len(labs)
    split = [[np.ascontiguousarray(lab[..., part]) for lab in labs] for part in (0, slice(1, None))]
    return Scene(split[0], split[1], no_masks, with_mattes=False)


@pytest.fixture(scope="module")
def colored() -> tuple[Scene, dict[int, ColoredFrame]]:
    scene = mix_pans([(1 - k, k) for k in (np.arange(MIXED) + 1) / (MIXED + 1)])
    propagator = Propagator(registry.build("standard", device=CPU), Method(tracking="dense"), device=CPU)
    spans = plan(range(len(scene.lightnesses)), [1, 12], [], [(PURE, PURE + MIXED - 1)])
    (span,) = (span for span in spans if span.sides)
    with Scratch() as scratch:
        return scene, {frame.frame: frame for frame in propagator.color(span, scene, scratch)}


def test_the_colours_of_two_moving_scenes_are_mixed(colored: tuple[Scene, dict[int, ColoredFrame]]) -> None:
    scene, frames = colored
    assert list(frames) == list(range(PURE, PURE + MIXED))
    for number, frame in frames.items():
        error = np.abs(frame.ab - scene.ab[number])[8:-8, 16:-16].mean()
        assert error < 6, number
        assert frame.confidence.mean() > 0.6
    assert np.median(frames[PURE].source) == 1
    assert np.median(frames[PURE + MIXED - 1].source) == 12


def test_a_part_of_a_dissolve_has_the_pixels_of_the_whole(colored: tuple[Scene, dict[int, ColoredFrame]]) -> None:
    scene, frames = colored
    propagator = Propagator(registry.build("standard", device=CPU), Method(tracking="dense"), device=CPU)
    spans = plan(range(len(scene.lightnesses)), [1, 12], [], [(PURE, PURE + MIXED - 1)])
    (span,) = (span for span in spans if span.sides)
    with Scratch() as scratch:
        (alone,) = propagator.color(span, scene, scratch, wanted={PURE + 3})
    np.testing.assert_array_equal(alone.ab, frames[PURE + 3].ab)
    np.testing.assert_array_equal(alone.confidence, frames[PURE + 3].confidence)


def color_transition(
    scene: Scene, keys: list[int], *, cuts: list[int], dissolves: list[tuple[int, int]]
) -> dict[int, ColoredFrame]:
    propagator = Propagator(registry.build("standard", device=CPU), Method(tracking="dense"), device=CPU)
    wanted = set(range(PURE, PURE + MIXED))
    frames: dict[int, ColoredFrame] = {}
    for span in plan(range(len(scene.lightnesses)), keys, cuts, dissolves):
        with Scratch() as scratch:
            asked = wanted.intersection(span.frames)
            frames |= {frame.frame: frame for frame in propagator.color(span, scene, scratch, wanted=asked)}
    return frames


class TestAFadeThroughBlack:
    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls) -> Scene:
        return mix_pans([(0.7, 0), (0.4, 0), (0.1, 0), (0, 0.1), (0, 0.4), (0, 0.7)])

    @pytest.mark.parametrize("keys", [[1, 12], [PURE - 1, PURE + MIXED]], ids=["further off", "beside it"])
    def test_each_scene_goes_on_into_the_dark_as_up_to_a_cut(self, scene: Scene, keys: list[int]) -> None:
        faded = color_transition(scene, keys, cuts=[], dissolves=[(PURE, PURE + MIXED - 1)])
        cut = color_transition(scene, keys, cuts=[PURE + 3], dissolves=[])
        assert sorted(faded) == sorted(cut) == list(range(PURE, PURE + MIXED))
        for number, frame in faded.items():
            np.testing.assert_array_equal(frame.ab, cut[number].ab)
            np.testing.assert_array_equal(frame.source, cut[number].source)
        assert np.median(faded[PURE + 2].source) == keys[0]
        assert np.median(faded[PURE + 3].source) == keys[1]
