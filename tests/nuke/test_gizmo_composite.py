"""The gizmo's pictures: its composite against the core's, its other outputs, and the layers that pass through."""

from __future__ import annotations

import gizmo_graph
import numpy as np
import pytest
from gizmo_graph import Picture, knobs
from refcolorize.node.spaces import SPACES

from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.images.ocio import BUILTIN_CONFIG
from stcolor_core.pipeline.matte_layers import cryptomatte_layers

RGB = ("rgba.red", "rgba.green", "rgba.blue")
OUTPUTS = ("colour", "ab", "confidence", "matte", "STMap")
EXPOSURES = (-3.0, 0.0, 1.3, 4.0)
ALIASES = dict(zip(SPACES, ("lin_rec709", "ACEScg", "ACES2065-1", "lin_p3d65", "lin_rec2020"), strict=True))


def rgba(rgb: np.ndarray, **others: np.ndarray) -> Picture:
    """Return a plate of grey (H, W) or colour (H, W, 3), with an alpha that must stay and a layer of its own."""
    rgb = np.broadcast_to(rgb[..., None], (*rgb.shape, 3)) if rgb.ndim == 2 else rgb
    size = rgb.shape[:2]
    alpha, depth = np.linspace(0, 1, size[0] * size[1]).reshape(size), np.full(size, 7.0)
    channels = {**dict(zip(RGB, np.moveaxis(rgb, -1, 0), strict=True)), "rgba.alpha": alpha, "depth.Z": depth, **others}
    return {name: np.asarray(value, np.float32) for name, value in channels.items()}


def result(ab: np.ndarray, confidence: np.ndarray | None = None, **others: np.ndarray) -> Picture:
    """Return the channels that the Read gives for a frame with the chroma ab, (H, W, 2)."""
    size = ab.shape[:2]
    confidence = np.ones(size, np.float32) if confidence is None else confidence
    channels = {"rgba.red": np.full(size, 99, np.float32), "rc_ab.u": ab[..., 0], "rc_ab.v": ab[..., 1]}
    return channels | {"rc_conf.warp": confidence, "rc_conf.track": confidence / 2} | others


def output(plate: Picture, read: Picture, space: str = "linear Rec.709", **values: float) -> Picture:
    return gizmo_graph.output({"plate": plate, "Result": read}, knobs(space, **values))


def rgb_of(picture: Picture) -> np.ndarray:
    return np.stack([picture[name] for name in RGB], axis=-1)


def random_ab(size: tuple[int, int], *, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-100, 100, (*size, 2)).astype(np.float32)


def greys() -> np.ndarray:
    """Return every finite half float from -60 to 60, with -0.0, and further values of float plates."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    with np.errstate(invalid="ignore"):
        kept = halves[np.isfinite(halves) & (np.abs(halves) < 60)].astype(np.float32)
    others = np.random.default_rng(0).uniform(-2, 20, 4000).astype(np.float32)
    return np.concatenate([kept, others, np.float32([-0.0, 1e-30, -1e-30, 6e4, np.inf, -np.inf])])[None]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("exposure", EXPOSURES)
@pytest.mark.parametrize("space", SPACES)
def test_grey_without_chroma_comes_back_bit_for_bit(space, exposure, dtype):
    plate = rgba(greys())
    sources = {"plate": plate, "Result": result(np.zeros((*plate["rgba.red"].shape, 2), np.float32))}
    for mix in (0.0, 0.3, 1.0):
        out = gizmo_graph.output(sources, knobs(space, exposure=exposure, mix=mix), dtype=dtype)
        np.testing.assert_array_equal(rgb_of(out).view(np.uint32), rgb_of(plate).view(np.uint32))


@pytest.mark.parametrize("colourful", [pytest.param(0, id="grey plate"), pytest.param(1, id="coloured plate")])
@pytest.mark.parametrize("exposure", EXPOSURES)
@pytest.mark.parametrize("space", SPACES)
def test_the_colour_equals_the_composite_of_the_core(space, exposure, colourful):
    random = np.random.default_rng(2)
    grey = np.concatenate([random.uniform(-0.1, 0.05, (20, 50)), random.uniform(0, 4, (60, 50))])
    pixels = np.repeat(grey[..., None], 3, axis=-1) + colourful * random.uniform(-0.1, 0.3, (80, 50, 3))
    pixels[:10, :, 0] = pixels[:10, :, 1]  # two equal channels are not grey
    pixels[10:20, :, 2] = pixels[10:20, :, 1]
    pixels = pixels.astype(np.float32)
    ab = random_ab((80, 50))
    pipe = ColorPipe.open(ALIASES[space], file_format="openexr", ocio=BUILTIN_CONFIG, exposure=exposure)
    expected = pipe.composite(pixels, ab)
    found = rgb_of(output(rgba(pixels), result(ab), space, exposure=exposure))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("space", SPACES)
def test_the_luminance_of_the_plate_is_kept(space):
    plate = rgba(np.random.default_rng(3).uniform(0, 8, (30, 30)).astype(np.float32))
    found = rgb_of(output(plate, result(random_ab((30, 30))), space))
    np.testing.assert_allclose(found @ np.array(SPACES[space].luma), plate["rgba.red"], rtol=1e-4, atol=1e-4)
    assert np.abs(found - rgb_of(plate)).max() > 0.1


def test_saturation_scales_the_chroma():
    plate, ab = rgba(np.full((4, 4), 0.18, np.float32)), random_ab((4, 4))
    twice = output(plate, result(ab), saturation=2)
    np.testing.assert_allclose(rgb_of(twice), rgb_of(output(plate, result(2 * ab))), atol=1e-6)
    none = output(plate, result(ab), saturation=0)
    np.testing.assert_array_equal(rgb_of(none), rgb_of(plate))


def test_chroma_fades_only_below_the_confidence_of_the_knob():
    plate, ab = rgba(np.full((1, 5), 0.18, np.float32)), np.full((1, 5, 2), 40, np.float32)
    confidence = np.float32([[0, 0.1, 0.2, 0.4, 1]])
    found = rgb_of(output(plate, result(ab, confidence), confidence_fade=0.4))
    faded = ab * np.float32([[0, 0.25, 0.5, 1, 1]])[..., None]
    np.testing.assert_allclose(found, rgb_of(output(plate, result(faded))), atol=1e-6)
    whole = rgb_of(output(plate, result(ab, confidence)))
    np.testing.assert_array_equal(whole, rgb_of(output(plate, result(ab))))


def test_mix_blends_from_the_plate_to_the_colour():
    plate, read = rgba(np.random.default_rng(4).uniform(0, 1, (5, 5, 3))), result(random_ab((5, 5)))
    full = rgb_of(output(plate, read))
    np.testing.assert_array_equal(rgb_of(output(plate, read, mix=0)), rgb_of(plate))
    half = rgb_of(output(plate, read, mix=0.5))
    np.testing.assert_allclose(half, (rgb_of(plate) + full) / 2, atol=1e-6)


def test_alpha_and_all_layers_of_the_plate_pass_through_and_the_layers_of_the_result_are_added():
    plate = rgba(np.full((2, 3), 0.5, np.float32))
    read = result(random_ab((2, 3)), **{"rc_st.u": np.full((2, 3), 0.25, np.float32)})
    for choice, name in enumerate(OUTPUTS):
        out = output(plate, read, output=choice, saturation=2, confidence_fade=0.5)
        joined = {**read, **plate}
        kept = [channel for channel in joined if not channel.startswith("rgba.")]
        assert {"rc_ab.u", "rc_ab.v", "rc_conf.warp", "rc_conf.track", "rc_st.u"} <= set(out)
        for channel in kept if name == "matte" else [*kept, "rgba.alpha"]:  # the alpha of a matte is its coverage
            np.testing.assert_array_equal(out[channel], joined[channel], err_msg=f"{channel} of {name}")


def test_a_missing_frame_shows_the_grey_plate():
    plate = rgba(greys())
    black = {name: np.zeros_like(plate["rgba.red"]) for name in (*RGB, "rgba.alpha")}
    np.testing.assert_array_equal(rgb_of(output(plate, black)).view(np.uint32), rgb_of(plate).view(np.uint32))


def test_with_use_result_off_the_plate_passes_and_the_result_is_not_read():
    plate = rgba(random_ab((3, 3))[..., 0])
    for choice in range(5):
        assert gizmo_graph.output({"plate": plate}, knobs(use_result=0, output=choice)) is plate


def test_ab_confidence_and_stmap_are_shown_unchanged():
    plate, ab = rgba(np.full((2, 3), 0.5, np.float32)), random_ab((2, 3))
    confidence, u, v = np.random.default_rng(5).uniform(0, 1, (3, 2, 3)).astype(np.float32)
    read = result(ab, confidence, **{"rc_st.u": u, "rc_st.v": v})
    zero = np.zeros_like(u)
    expected = {"ab": (*np.moveaxis(ab, -1, 0), zero), "confidence": (confidence,) * 3, "STMap": (u, v, zero)}
    for name, channels in expected.items():
        values = {"output": OUTPUTS.index(name), "saturation": 2, "mix": 0.5, "confidence_fade": 1}
        found = rgb_of(output(plate, read, **values))
        np.testing.assert_array_equal(found, np.stack(channels, axis=-1), err_msg=name)


def test_the_overlay_is_red_over_uncertain_colour_and_only_on_the_colour_output():
    plate, ab = rgba(np.full((1, 3), 0.5, np.float32)), np.zeros((1, 3, 2), np.float32)
    read = result(ab, np.float32([[0, 0.5, 1]]))
    over = output(plate, read, confidence_overlay=1)
    np.testing.assert_allclose(over["rgba.red"], [[0.85, 0.675, 0.5]], atol=1e-6)
    for channel in ("rgba.green", "rgba.blue"):
        np.testing.assert_allclose(over[channel], [[0.15, 0.325, 0.5]], atol=1e-6)
    for channel in ("rgba.alpha", "depth.Z", "rc_conf.warp"):
        np.testing.assert_array_equal(over[channel], output(plate, read)[channel])
    for choice in range(1, 5):
        plain = output(plate, read, output=choice)
        found = output(plate, read, output=choice, confidence_overlay=1)
        np.testing.assert_array_equal(rgb_of(found), rgb_of(plain))


def test_without_the_extra_layers_only_the_layers_of_the_plate_remain_and_the_picture_is_the_same():
    plate, read = rgba(np.random.default_rng(6).uniform(0, 1, (4, 5, 3))), result(random_ab((4, 5)))
    for choice, name in enumerate(OUTPUTS):
        whole, lean = (output(plate, read, output=choice, extra_layers=extra) for extra in (1, 0))
        assert set(lean) == set(plate), name
        for channel in (*RGB, "rgba.alpha"):
            np.testing.assert_array_equal(lean[channel], whole[channel], err_msg=f"{channel} of {name}")


def test_each_matte_has_a_fixed_colour_and_alpha_is_their_coverage():
    masks = np.zeros((3, 4, 6), np.float32)
    masks[0, :, :2], masks[1, :, 2:4], masks[2, :2, 4] = 1, 1, 0.5
    layers, _ = cryptomatte_layers(masks, ("woman", "car", "dog"))
    rename = dict(zip("RGBA", ("red", "green", "blue", "alpha"), strict=True))
    ids = {f"{name[:-1]}{rename[name[-1]]}": values for name, values in layers.items()}
    plate, read = rgba(np.full((4, 6), 0.5, np.float32)), result(np.zeros((4, 6, 2), np.float32), **ids)
    out = output(plate, read, output=OUTPUTS.index("matte"))
    np.testing.assert_allclose(out["rgba.alpha"], masks.sum(axis=0), atol=1e-6)
    woman, car, dog, nothing = (rgb_of(out)[at] for at in ((0, 0), (0, 2), (0, 4), (3, 5)))
    np.testing.assert_array_equal(rgb_of(out)[:, :2], np.broadcast_to(woman, (4, 2, 3)))
    assert min(np.abs(woman - car).max(), np.abs(woman - 2 * dog).max(), np.abs(car - 2 * dog).max()) > 0.2
    assert not nothing.any()
    assert rgb_of(out).min() >= 0 and rgb_of(out).max() <= 1


def test_all_six_ranks_of_the_mattes_count():
    size = (1, 1)
    for rank in range(6):
        identity, coverage = (("red", "green"), ("blue", "alpha"))[rank % 2]
        layer = f"rc_id0{rank // 2}"
        ids = {
            f"{layer}.{identity}": np.full(size, 0.7123, np.float32),
            f"{layer}.{coverage}": np.ones(size, np.float32),
        }
        out = output(
            rgba(np.zeros(size, np.float32)), result(np.zeros((*size, 2)), **ids), output=OUTPUTS.index("matte")
        )
        fractions = [0.7123 * 16 % 1, 0.7123 * 256 % 1, 0.7123 * 4096 % 1]
        np.testing.assert_allclose(rgb_of(out)[0, 0], fractions, atol=1e-3)
        assert out["rgba.alpha"] == 1


def compared(plate: Picture, shown: Picture, other: Picture, **values: float) -> Picture:
    """Return the output with the second version of the pulldown `compare` to the right of the wipe."""
    sources = {"plate": plate, "Result": shown, "Compared": other}
    return gizmo_graph.output(sources, knobs(compare=2, **values))


def two_results(size: tuple[int, int]) -> tuple[Picture, Picture]:
    confidence, u, identity = np.random.default_rng(7).uniform(0, 1, (3, 2, *size)).astype(np.float32)
    others = [
        {"rc_st.u": u[i], "rc_id00.red": identity[i], "rc_id00.green": confidence[1 - i], "rc_source.ref": u[1 - i]}
        for i in range(2)
    ]
    first, second = (result(random_ab(size, seed=8 + i), confidence[i], **others[i]) for i in range(2))
    return first, second


@pytest.mark.parametrize("extra_layers", [0, 1])
@pytest.mark.parametrize("choice", range(5), ids=OUTPUTS)
def test_the_shown_version_is_left_of_the_wipe_and_the_other_right_of_it_in_every_output(choice, extra_layers):
    plate = rgba(np.random.default_rng(6).uniform(0, 1, (3, 8, 3)))
    values = {"output": choice, "extra_layers": extra_layers, "saturation": 1.5, "confidence_fade": 0.5}
    shown, other = two_results((3, 8))
    left, right = output(plate, shown, **values), output(plate, other, **values)
    assert not np.array_equal(rgb_of(left), rgb_of(right))
    for wipe, column in ((0, 0), (0.25, 2), (0.5, 4), (0.51, 5), (1, 8)):
        wiped = compared(plate, shown, other, wipe=wipe, **values)
        assert set(wiped) == set(left) | set(right)
        for channel in left:
            expected = np.concatenate([left[channel][:, :column], right[channel][:, column:]], axis=1)
            np.testing.assert_array_equal(wiped[channel], expected, err_msg=f"{channel}, wipe {wipe}")


def test_without_a_version_to_compare_with_the_second_read_is_not_asked_for():
    plate, (shown, other) = rgba(random_ab((3, 3))[..., 0]), two_results((3, 3))
    for wipe in (0, 0.5):
        for choice in range(5):
            alone = gizmo_graph.output({"plate": plate, "Result": shown}, knobs(output=choice, wipe=wipe))
            assert set(alone) == set(output(plate, shown, output=choice))
    assert gizmo_graph.output({"plate": plate}, knobs(use_result=0, compare=1)) is plate
    with pytest.raises(KeyError, match="Compared"):
        gizmo_graph.output({"plate": plate, "Result": shown}, knobs(compare=1))
    del other


@pytest.mark.parametrize("missing", ["the shown", "the other"])
def test_a_missing_frame_of_either_version_shows_the_grey_plate_on_its_side_only(missing):
    plate, ab = rgba(greys()[:, :400]), random_ab((1, 400))
    black = {name: np.zeros_like(plate["rgba.red"]) for name in (*RGB, "rgba.alpha")}
    pair = (black, result(ab)) if missing == "the shown" else (result(ab), black)
    found, coloured = rgb_of(compared(plate, *pair)), rgb_of(output(plate, result(ab)))
    sides = [slice(200), slice(200, None)] if missing == "the shown" else [slice(200, None), slice(200)]
    grey, other = sides
    np.testing.assert_array_equal(found[:, grey].view(np.uint32), rgb_of(plate)[:, grey].view(np.uint32))
    np.testing.assert_array_equal(found[:, other], coloured[:, other])


def test_the_overlay_shows_the_confidence_of_the_version_on_each_side():
    plate, zero = rgba(np.full((1, 4), 0.5, np.float32)), np.zeros((1, 4, 2), np.float32)
    sure, unsure = (result(zero, np.full((1, 4), value, np.float32)) for value in (1, 0))
    over = compared(plate, sure, unsure, confidence_overlay=1)
    np.testing.assert_allclose(over["rgba.red"], [[0.5, 0.5, 0.85, 0.85]], atol=1e-6)
