"""Colours that lie beside the edges of their plate are found and moved; those that lie on them stay."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from stcolor_core.arrays import Chroma, Image, Plane
from stcolor_core.images.color import lab_to_srgb, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.method.registration import Registration, find_registration
from stcolor_core.method.registration.exactness import is_exact

HEIGHT, WIDTH = 144, 256


def picture(seed: int = 3, shift: int = 0) -> tuple[Plane, Chroma]:
    """Surfaces of one colour each, of which the camera sees a part further on by so many pixels."""
    rng = np.random.default_rng(seed)
    lab = np.full((HEIGHT, WIDTH + 40, 3), (50, 4, -6), np.float32)
    for _ in range(40):
        centre = (int(rng.integers(0, WIDTH + 40)), int(rng.integers(0, HEIGHT)))
        color = [float(value) for value in (*rng.uniform(15, 90, 1), *rng.uniform(-50, 50, 2))]
        cv2.circle(lab, centre, int(rng.integers(6, 28)), color, -1)
    lab = cv2.GaussianBlur(lab, (0, 0), 0.8)[:, shift : shift + WIDTH]
    grain = rng.normal(0, 0.7, lab.shape[:2]).astype(np.float32)
    return np.ascontiguousarray(lab[..., 0] + grain), np.ascontiguousarray(lab[..., 1:])


PAN = [picture(shift=4 * step) for step in range(8)]
LIGHTNESSES = [lightness for lightness, _ in PAN]


def register(lightness: Plane, ab: Chroma, frame: int, known: np.ndarray | None = None) -> Registration:
    lab = np.dstack([lightness, ab]).astype(np.float32)
    others = [other for other in range(len(PAN)) if other != frame]
    return find_registration(lab, known, frame=frame, others=others, lightness_of=lambda index: LIGHTNESSES[index])


def error(found: Registration, lightness: Plane, ab: Chroma, true: Chroma) -> float:
    """Return the median error of a*, b* once registered."""
    assert found.frame is not None
    lab, _ = found.apply(np.dstack([lightness, ab]).astype(np.float32), None, LIGHTNESSES[found.frame])
    return float(np.linalg.norm(lab[..., 1:] - true, axis=-1)[8:-8, 16:-16].mean())


@pytest.mark.parametrize("sigma", [0, 1, 3])
def test_colours_on_their_edges_stay(sigma: float) -> None:
    lightness, ab = PAN[3]
    painted = cv2.GaussianBlur(ab, (0, 0), sigma) if sigma else ab
    assert register(lightness, painted, 3) == Registration(3)


@pytest.mark.parametrize("tint", [(0, 0), (12, -8)])
def test_a_keyframe_of_one_tint_or_none_stays(tint: tuple[float, float]) -> None:
    lightness, ab = PAN[3]
    even = np.broadcast_to(np.float32(tint), ab.shape).copy()
    grain = np.random.default_rng(1).normal(0, 0.3, ab.shape).astype(np.float32)  # as rounding to 8 bits leaves it
    assert register(lightness, even, 3) == register(lightness, even + grain, 3) == Registration(3)


@pytest.mark.parametrize(
    ("shift", "angle", "scale"),
    [((5, 0), 0, 1), ((-3, 4), 0, 1), ((0, 0), 2, 1), ((0, 0), 0, 1.04), ((2, -1), -1, 0.98)],
)
def test_a_layer_of_colour_beside_the_plate_is_moved_onto_it(
    shift: tuple[int, int], angle: float, scale: float
) -> None:
    lightness, true = PAN[3]
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), angle, scale)
    matrix[:, 2] += shift
    ab = cv2.warpAffine(true, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    found = register(lightness, ab, 3)
    assert found.frame == 3 and found.by_color and found.alignment is not None
    before = float(np.linalg.norm(ab - true, axis=-1)[8:-8, 16:-16].mean())
    assert error(found, lightness, ab, true) < 0.35 * before
    assert "beside the plate's edges" in found.describe(3, lines=HEIGHT)


@pytest.mark.parametrize("chroma", [0.1, 2.0])
def test_pale_and_strong_colours_are_put_back(chroma: float) -> None:
    lightness, true = PAN[3]
    found = register(lightness, np.roll(np.float32(chroma) * true, 4, axis=1), 3)
    assert found.alignment is not None and found.alignment.at((HEIGHT, WIDTH)).shift == pytest.approx(4, abs=0.5)


def test_the_colour_of_one_surface_alone_is_put_back() -> None:
    lightness, true = PAN[3]
    other = picture(seed=8)
    ab = np.where(np.hypot(*np.mgrid[-72:72, -128:128])[..., None] < 50, true, np.float32(2))
    lightness = np.where(np.hypot(*np.mgrid[-72:72, -128:128]) < 50, lightness, other[0])  # has edges without colour
    still = find_registration(
        np.dstack([lightness, ab]), None, frame=3, others=[], lightness_of=lambda _: np.float32(lightness)
    )
    assert still == Registration(3)
    found = find_registration(
        np.dstack([lightness, np.roll(ab, 4, axis=0)]),
        None,
        frame=3,
        others=[],
        lightness_of=lambda _: np.float32(lightness),
    )
    assert found.alignment is not None and found.alignment.at((HEIGHT, WIDTH)).shift == pytest.approx(4, abs=0.5)


@pytest.mark.parametrize(("angle", "scale"), [(0.8, 1), (0, 1.015), (-0.8, 0.985)])
def test_a_small_turn_and_scale_are_undone(angle: float, scale: float) -> None:
    lightness, true = PAN[3]
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), angle, scale)
    ab = cv2.warpAffine(true, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    found = register(lightness, ab, 3)
    assert found.alignment is not None
    assert error(found, lightness, ab, true) < 0.5 * float(np.linalg.norm(ab - true, axis=-1)[8:-8, 16:-16].mean())


def test_colours_that_lie_far_beside_stay_and_count_less() -> None:
    lightness, true = PAN[3]
    ab = np.roll(true, (12, 16), axis=(0, 1))
    found = register(lightness, ab, 3)
    assert found.frame == 3 and not found.changes_pixels
    assert found.certainty is not None and found.certainty.shape == (HEIGHT, WIDTH)
    assert found.certainty.min() > 0.6 and found.certainty.max() < 0.9  # most surfaces are larger than the slip
    assert "do not follow the plate's edges" in found.describe(3, lines=HEIGHT)


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_not_moved_but_told(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 6, (HEIGHT, WIDTH, 2)).astype(np.float32)
    for sigma in (0, 1, 2):
        found = register(PAN[3][0], 4 * cv2.GaussianBlur(noise, (0, 0), sigma) if sigma else noise, 3)
        assert found.frame == 3 and found.alignment is None and found.certainty is not None
        assert found.certainty.max() < 0.5  # it fits nowhere
        assert "do not follow the plate's edges" in found.describe(3, lines=HEIGHT)


def large_picture(seed: int) -> Image:
    """A picture of as many pixels as keyframes have at working size."""
    rng = np.random.default_rng(seed)
    lab = np.full((216, 384, 3), (50, 4, -6), np.float32)
    for _ in range(60):
        centre = (int(rng.integers(0, 384)), int(rng.integers(0, 216)))
        color = [float(value) for value in (*rng.uniform(15, 90, 1), *rng.uniform(-30, 30, 2))]
        cv2.circle(lab, centre, int(rng.integers(8, 36)), color, -1)
    lab = cv2.GaussianBlur(lab, (0, 0), 0.8)
    lab[..., 0] += rng.normal(0, 0.7, lab.shape[:2])
    return np.asarray(lab, np.float32)


@pytest.mark.parametrize(("seed", "columns"), [(0, 22), (9, 22), (10, 28), (10, 34)])
def test_colours_of_another_picture_some_of_which_fit_are_told(seed: int, columns: int) -> None:
    """As where another frame or the mirrored one has some edges in the same places."""
    true = large_picture(seed)
    lightness = np.ascontiguousarray(true[..., 0])
    other = large_picture(seed + 50)[..., 1:]
    other[:, :columns] = true[:, :columns, 1:]

    def register_colors(ab: Chroma) -> Registration:
        lab = np.dstack([lightness, ab]).astype(np.float32)
        return find_registration(lab, None, frame=3, others=[], lightness_of=lambda _: lightness)

    found = register_colors(other)
    assert found.alignment is None and found.certainty is not None
    assert "do not follow the plate's edges" in found.describe(3, lines=216)
    for sigma in (0.5, 4, 8):  # of which little is beyond chance at the full size
        assert register_colors(cv2.GaussianBlur(true[..., 1:], (0, 0), sigma)) == Registration(3)


def in_file(codes: Image) -> Image:
    """A keyframe, given in sRGB, as a file of 8 bits holds it, in CIELAB."""
    return np.asarray(linear_to_lab(srgb_decode(np.rint(np.clip(codes, 0, 1) * 255) / np.float32(255))), np.float32)


def saved(lightness: Plane, ab: Chroma) -> Image:
    return in_file(lab_to_srgb(np.dstack([lightness, ab])))


def register_picture(lab: Image) -> Registration:
    return find_registration(lab, None, frame=3, others=[1, 2, 4, 5], lightness_of=lambda index: LIGHTNESSES[index])


@pytest.mark.parametrize("chroma", [1.0, 1.5])
@pytest.mark.parametrize("seed", range(4, 8))
def test_colours_of_another_picture_that_a_file_has_clipped_are_told(seed: int, chroma: float) -> None:
    """What is clipped has the plate's edges; and with strong colours another luminance than the plate's."""
    found = register_picture(saved(PAN[3][0], np.float32(chroma) * picture(seed)[1]))
    assert found.frame == 3 and found.alignment is None and found.certainty is not None
    assert "do not follow the plate's edges" in found.describe(3, lines=HEIGHT)


LUMA = np.array([0.3, 0.59, 0.11], np.float32)


def over_luma(paint: Image, grey: Plane) -> Image:
    """Paint in a mode that keeps the luma of grey code values, as such modes clip it (W3C, Compositing, 10.3)."""
    apart = paint - (paint @ LUMA)[..., None]
    room = np.minimum(grey / np.maximum(-apart.min(axis=-1), 1e-6), (1 - grey) / np.maximum(apart.max(axis=-1), 1e-6))
    return np.asarray(grey[..., None] + apart * np.minimum(room, 1)[..., None], np.float32)


def luma_kept(paint: Image, kept: str, chroma: float = 0.6) -> Image:
    """Paint over the luma of the third frame's grey, or, in Y'CbCr, of its colour."""
    lightness, true = PAN[3]
    own = lab_to_srgb(np.dstack([lightness, np.float32(0 if kept == "grey" else chroma) * true]))
    return in_file(over_luma(paint, own @ LUMA))


@pytest.mark.parametrize("kept", ["grey", "Y'CbCr"])
def test_what_slipped_over_luma_is_put_back(kept: str) -> None:
    lightness, true = PAN[3]
    own = np.asarray(lab_to_srgb(np.dstack([lightness, 0.6 * true])), np.float32)
    assert not register_picture(luma_kept(own, kept)).by_color
    lab = luma_kept(np.roll(own, 4, axis=0), kept)
    found = register_picture(lab)
    assert found.by_color and found.alignment is not None
    assert found.alignment.at((HEIGHT, WIDTH)).shift == pytest.approx(4, abs=0.75)
    assert "beside the plate's edges" in found.describe(3, lines=HEIGHT)
    used, _ = found.apply(lab, None, lightness)
    before, after = (np.linalg.norm(each[..., 1:] - 0.6 * true, axis=-1)[8:-8, 8:-8].mean() for each in (lab, used))
    assert after < 0.5 * before


@pytest.mark.parametrize("seed", range(4, 8))
def test_another_picture_over_luma_is_told(seed: int) -> None:
    other = np.asarray(lab_to_srgb(np.dstack(picture(seed))), np.float32)
    found = register_picture(luma_kept(other, "grey"))
    assert found.frame == 3 and found.alignment is None and found.certainty is not None
    assert "do not follow the plate's edges" in found.describe(3, lines=HEIGHT)


def test_what_slipped_in_another_light_is_put_back_and_relit() -> None:
    lightness, true = PAN[3]
    dark, ab = np.asarray(100 * (lightness / 100) ** np.float32(1.3), np.float32), 0.5 * true
    on_place = np.dstack([dark, ab])
    slipped = np.dstack([dark, np.roll(ab, 4, axis=0)])
    as_came = register_picture(on_place)
    assert as_came.tones and not as_came.by_color and as_came.alignment is None
    found = register_picture(slipped)
    assert found.by_color and found.tones and found.alignment is not None
    line = found.describe(3, lines=HEIGHT)
    assert "beside the plate's edges: moved by" in line and "tone curve" in line
    used, _ = found.apply(slipped, None, lightness)
    # light is put right where it lies, and only colour is moved
    assert np.median(np.abs(used[..., 0] - lightness)) < 1
    wanted, _ = as_came.apply(on_place, None, lightness)
    assert np.linalg.norm(used[..., 1:] - wanted[..., 1:], axis=-1)[8:-8].mean() < 3


def test_of_a_large_picture_the_certainty_is_as_large() -> None:
    large = np.dstack([cv2.resize(plane, (2 * WIDTH, 2 * HEIGHT)) for plane in (PAN[3][0], *cv2.split(PAN[3][1]))])
    lightness = np.ascontiguousarray(large[..., 0])
    dark = np.asarray(100 * (lightness / 100) ** np.float32(1.3), np.float32)
    slipped = np.dstack([dark, 0.5 * np.roll(large[..., 1:], 8, axis=0)]).astype(np.float32)
    found = find_registration(slipped, None, frame=3, others=[], lightness_of=lambda _: lightness)
    assert found.by_color and found.alignment is not None
    assert found.certainty is not None and found.certainty.shape == lightness.shape


def test_where_only_half_of_the_picture_slipped_nothing_is_moved() -> None:
    lightness, true = PAN[3]
    for axis, step in ((0, 5), (1, -5)):
        ab = true.copy()
        ab[:, : WIDTH // 2] = np.roll(true, step, axis=axis)[:, : WIDTH // 2]
        assert register(lightness, ab, 3).alignment is None


@pytest.mark.parametrize("length", [3, 6])
@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_the_half_of_a_picture_whose_colours_slipped_counts_less(side: str, length: int) -> None:
    lightness, true = PAN[3]
    half = {"left": np.s_[:, : WIDTH // 2], "right": np.s_[:, WIDTH // 2 :]}
    half |= {"top": np.s_[: HEIGHT // 2], "bottom": np.s_[HEIGHT // 2 :]}
    ab = true.copy()
    ab[half[side]] = np.roll(true, length, axis=0)[half[side]]
    found = register(lightness, ab, 3)
    assert found.frame == 3 and found.alignment is None and found.beside == 0.5
    assert "in 50 % of it its colours lie beside the plate's edges" in found.describe(3, lines=HEIGHT)
    assert found.certainty is not None
    slipped = np.zeros(lightness.shape, bool)
    slipped[half[side]] = True
    assert found.certainty[slipped].max() < 1 and found.certainty[~slipped].min() == 1
    assert found.certainty[slipped].mean() < 0.9


@pytest.mark.parametrize("sigma", [10, 30])
def test_a_soft_wash_of_colour_counts_in_full(sigma: float) -> None:
    lightness, true = PAN[3]
    assert register(lightness, cv2.GaussianBlur(np.roll(true, 40, axis=1), (0, 0), sigma), 3) == Registration(3)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("turns", [0.4, 0.8])
def test_a_wash_of_colour_that_a_file_has_rounded_counts_in_full(seed: int, turns: float) -> None:
    """It has no edges but those of rounding, which run anyhow."""
    texture = np.random.default_rng(seed).normal(size=(HEIGHT, WIDTH)).astype(np.float32)
    texture = cv2.GaussianBlur(texture, (0, 0), 1.5)
    lightness = np.asarray(np.clip(50 + 14 * texture / texture.std(), 3, 97), np.float32)
    hue = 2 * np.pi * turns * np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    wash = 25 * np.dstack([np.repeat(wave, WIDTH, axis=1) for wave in (np.cos(hue), np.sin(hue))])
    lab = saved(lightness, np.asarray(wash, np.float32))
    found = find_registration(lab, None, frame=3, others=[], lightness_of=lambda _: lightness)
    assert found.frame == 3 and found.alignment is None and not found.by_color


@pytest.mark.parametrize("shift", [12, 30])
def test_no_colour_is_moved_far(shift: int) -> None:
    lightness, true = PAN[3]
    ab = np.roll(true, (shift, shift // 2), axis=(0, 1))
    found = register(lightness, ab, 3)
    assert found.alignment is None


def in_light(kind: str, step: int, seed: int) -> tuple[Plane, Chroma]:
    """True colours as grey as their ground, whose luminance has its edges beside them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    lab = np.full((HEIGHT, WIDTH, 3), (55, 1, 6), np.float32)
    if kind == "stripes":  # of a cloth, beside its folds, which have the same period
        phase = 2 * np.pi * y / 20 + 0.5 * np.sin(x / 30 + step / 3)
        lab[..., 0] += 10 * np.sin(phase)
        lab[..., 1] = 30 * np.sign(np.sin(phase - np.pi / 2))
    else:
        beside, light = {"rim light": ((-4, -2), 92), "rim": ((3, -3), 15), "shadow": ((5, 3), 25)}[kind]
        for _ in range(9):
            centre = np.array([rng.integers(10, WIDTH - 10) + 2 * step, rng.integers(15, HEIGHT - 15)])
            radius = int(rng.integers(9, 22))
            color = [float(value) for value in (*rng.uniform(52, 58, 1), *rng.uniform(-50, 50, 2))]
            planes = cv2.split(lab)
            cv2.circle(planes[0], (centre + beside).tolist(), radius, float(light), -1)
            lab = cv2.merge(planes)
            cv2.circle(lab, centre.tolist(), radius, color, -1)
    lab = np.asarray(cv2.GaussianBlur(lab, (0, 0), 0.8), np.float32)
    grain = rng.normal(0, 0.4, lab.shape[:2]).astype(np.float32)
    return np.ascontiguousarray(lab[..., 0] + grain), np.ascontiguousarray(lab[..., 1:])


@pytest.mark.parametrize("softness", [0, 2])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["stripes", "rim light", "rim", "shadow"])
def test_true_colours_beside_edges_of_light_stay(kind: str, seed: int, softness: float) -> None:
    frames = [in_light(kind, step, seed) for step in range(-3, 4)]
    lightness, ab = frames[3]
    painted = cv2.GaussianBlur(ab, (0, 0), softness) if softness else ab
    found = find_registration(
        np.dstack([lightness, painted]).astype(np.float32),
        None,
        frame=3,
        others=[0, 1, 2, 4, 5, 6],
        lightness_of=lambda index: frames[index][0],
    )
    assert found == Registration(3)


@pytest.mark.parametrize("blocks", ["hard", "soft"])
@pytest.mark.parametrize("seed", range(3))
def test_coarse_chroma_stays(blocks: str, seed: int) -> None:
    lightness, ab = picture(seed)
    small = cv2.resize(ab, (WIDTH // 8, HEIGHT // 8), interpolation=cv2.INTER_AREA)
    how = cv2.INTER_NEAREST if blocks == "hard" else cv2.INTER_LINEAR
    assert register(lightness, cv2.resize(small, (WIDTH, HEIGHT), interpolation=how), 3).alignment is None


@pytest.mark.parametrize("off", [-3, -1, 2, 4])
def test_the_colours_of_a_frame_nearby_go_to_that_frame(off: int) -> None:
    lightness, _ = PAN[3]
    ab = PAN[3 + off][1].copy()
    ab[40:60] = cv2.GaussianBlur(ab, (0, 0), 2)[40:60]  # painted, so that no shift explains it exactly
    found = register(lightness, ab, 3)
    moved_in_place = found.frame == 3 and found.alignment is not None  # a pan is a shift too
    assert found.by_color and (found.frame == 3 + off or moved_in_place)
    assert error(found, lightness, ab, PAN[found.frame or 0][1]) < 3


def test_in_another_light_too_the_colours_of_a_frame_nearby_go_to_that_frame() -> None:
    """The frames around come as an iterator, which reads a plate for each and can be read once."""
    lightness, ab = PAN[3][0], PAN[5][1].copy()
    ab[40:60] = cv2.GaussianBlur(ab, (0, 0), 2)[40:60]
    dark = np.asarray(100 * (lightness / 100) ** np.float32(1.3), np.float32)
    given = np.dstack([dark, 0.5 * ab])
    registered = [
        find_registration(given, None, frame=3, others=others, lightness_of=lambda index: LIGHTNESSES[index])
        for others in ([5, 4, 2, 1], iter([5, 4, 2, 1]))
    ]
    assert [found.frame for found in registered] == [5, 5]


def test_what_is_not_known_counts_for_nothing() -> None:
    lightness, true = PAN[3]
    known = np.zeros((HEIGHT, WIDTH), bool)
    known[20:120, 40:200] = True
    ab = np.where(known[..., None], true, np.float32(0))
    assert register(lightness, ab, 3, known) == Registration(3)
    moved = np.where(known[..., None], np.roll(true, 5, axis=1), np.float32(0))
    found = register(lightness, moved, 3, known)
    assert found.by_color and found.alignment is not None
    assert found.alignment.at((HEIGHT, WIDTH)).shift == pytest.approx(5, abs=1)


def test_frames_around_are_read_only_if_the_colours_do_not_fit() -> None:
    asked: list[int] = []

    def lightness_of(index: int) -> Plane:
        asked.append(index)
        return LIGHTNESSES[index]

    lab = np.dstack(PAN[3]).astype(np.float32)
    assert find_registration(lab, None, frame=3, others=range(8), lightness_of=lightness_of) == Registration(3)
    assert set(asked) == {3}


def over_model(paint: Image, grey: Plane, kept: str) -> Image:
    """Hue and saturation of paint over the lightness of HSL, value of HSV, intensity of HSI, or luminance of a grey."""
    light = grey[..., None]
    if kept == "HSL":
        most, least = (end(axis=-1, keepdims=True) for end in (paint.max, paint.min))
        own = (most + least) / 2
        codes = light + (paint - own) / np.maximum(np.minimum(own, 1 - own), 1e-4) * np.minimum(light, 1 - light)
    elif kept == "luminance":
        linear = srgb_decode(paint)
        luminance = (linear @ (0.2126, 0.7152, 0.0722))[..., None]
        codes = srgb_encode(linear / np.maximum(luminance, 1e-5) * srgb_decode(light))
    else:
        own = paint.max(-1, keepdims=True) if kept == "HSV" else paint.mean(-1, keepdims=True)
        codes = paint / np.maximum(own, 1e-4) * light
    return in_file(np.asarray(codes, np.float32))


MODELS = ["HSL", "HSV", "HSI", "luminance"]
GREY = np.asarray(lab_to_srgb(np.dstack([PAN[3][0], 0 * PAN[3][1]]))[..., 0], np.float32)
PAINT = np.clip(np.asarray(lab_to_srgb(np.dstack([PAN[3][0], 0.6 * PAN[3][1]])), np.float32), 0, 1)


@pytest.mark.parametrize("shift", [3, 6])
@pytest.mark.parametrize("kept", MODELS)
def test_what_slipped_over_another_lightness_is_put_back(kept: str, shift: int) -> None:
    """There a*, b* scale with the plate's own light, and have its edges wherever the colours lie."""
    lightness, _ = PAN[3]
    on_place = register_picture(over_model(PAINT, GREY, kept))
    assert not on_place.by_color and on_place.alignment is None
    lab = over_model(np.roll(PAINT, shift, axis=1), GREY, kept)
    found = register_picture(lab)
    assert found.by_color and found.alignment is not None
    assert found.alignment.at((HEIGHT, WIDTH)).shift == pytest.approx(shift, abs=0.75)
    used, _ = found.apply(lab, None, lightness)
    wanted, _ = on_place.apply(over_model(PAINT, GREY, kept), None, lightness)
    before, after = (np.linalg.norm(each - wanted, axis=-1)[8:-8, 12:-12].mean() for each in (lab, used))
    assert after < (0.6 if kept == "luminance" else 0.15) * before  # hue and saturation are moved, and painted again


@pytest.mark.parametrize("seed", range(4, 8))
@pytest.mark.parametrize("kept", ["HSL", "HSV", "HSI"])
def test_another_picture_over_another_lightness_is_told(kept: str, seed: int) -> None:
    other = np.clip(np.asarray(lab_to_srgb(np.dstack(picture(seed))), np.float32), 0, 1)
    found = register_picture(over_model(other, GREY, kept))
    assert found.frame == 3 and found.alignment is None and found.certainty is not None
    assert "do not follow the plate's edges" in found.describe(3, lines=HEIGHT)


@pytest.mark.parametrize("chroma", [2.0, 3.0, 5.0])
@pytest.mark.parametrize("seed", range(3, 9))
def test_what_clipping_does_to_luminance_is_taken_for_nothing_else(seed: int, chroma: float) -> None:
    """Neon colours, which a file cuts off: no other light, place or number of colours, and nothing to clean."""
    lightness, ab = picture(seed)
    lab = saved(lightness, np.float32(chroma) * ab)
    assert not is_exact(lab[..., 0], lightness, np.ones(lightness.shape, bool))  # by its luminance
    found = find_registration(lab, None, frame=3, others=[], lightness_of=lambda _: lightness)
    assert replace(found, certainty=None, doubtful=0.0) == Registration(3)
    if found.certainty is not None:  # colours of which much was cut off are not those that were painted
        cut_off = np.linalg.norm(lab[..., 1:] - np.float32(chroma) * ab, axis=-1)
        assert cut_off[found.certainty < 1].mean() > 10


def test_neon_colours_of_which_hardly_anything_is_not_clipped_are_in_no_other_light() -> None:
    """As under water, where red is black all over once the saturation is raised."""
    lightness, ab = PAN[3]
    lab = saved(lightness, 0.3 * ab + np.float32([-75, -15]))
    assert (lab_to_srgb(lab)[..., 0] < 0.002).mean() > 0.99 and np.abs(lab[..., 0] - lightness).mean() > 3
    assert register_picture(lab) == Registration(3)
    other = saved(picture(20)[0], 0.3 * ab + np.float32([-75, -15]))  # is none of the plate's frames all the same
    assert register_picture(other).frame is None


def test_neon_colours_in_another_light_are_relit_by_what_is_not_clipped() -> None:
    lightness, ab = PAN[3]
    dark = np.asarray(100 * (lightness / 100) ** np.float32(1.3), np.float32)
    found = find_registration(
        saved(dark, np.float32(2) * ab), None, frame=3, others=[], lightness_of=lambda _: lightness
    )
    assert found.frame == 3 and found.tones and found.alignment is None and not found.few_levels
    used, _ = found.apply(saved(dark, 0.3 * ab), None, lightness)
    assert np.abs(used[..., 0] - lightness).mean() < 1.5


def test_grain_over_pale_true_colours_is_not_told() -> None:
    """Its edges are all that is seen at first; the colours show through it once it is smoothed."""
    lightness, ab = PAN[3]
    grain = np.random.default_rng(6).normal(size=ab.shape).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 1.5)
    grainy = 0.03 * ab + np.float32(2 / grain.std()) * grain
    found = register_picture(saved(lightness, grainy))
    assert found.frame == 3 and found.alignment is None and not found.by_color
    told = register_picture(saved(lightness, grainy - 0.03 * ab + 0.03 * picture(11)[1]))
    assert told.alignment is None and told.certainty is not None  # another picture under the same grain
