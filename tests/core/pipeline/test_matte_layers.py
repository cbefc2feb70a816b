"""Layers for the compositor: Cryptomatte read back by an independent library, STMaps against their definition."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stcolor_core.images import frame_files
from stcolor_core.pipeline.matte_layers import cryptomatte_id, cryptomatte_layers, murmurhash3_32, stmap


def soft_masks(count, size=(24, 40), seed=0):
    random = np.random.default_rng(seed)
    rows, columns = np.ogrid[: size[0], : size[1]]
    distance = [np.hypot(rows - random.uniform(0, size[0]), columns - random.uniform(0, size[1])) for _ in range(count)]
    masks = [np.clip((random.uniform(4, 14) - at) / 6, 0, 1) for at in distance]
    return np.stack(masks).astype(np.float32) if masks else np.empty((0, *size), np.float32)


def decoded(channels):
    """Coverage by id bits, from the channels alone, as the specification defines it: the sum over ranks."""
    found: dict[int, np.ndarray] = {}
    for name, ids in channels.items():
        if name[-1] in "RB":
            coverage = channels[name[:-1] + {"R": "G", "B": "A"}[name[-1]]]
            for bits in np.unique(ids.view(np.uint32)[coverage > 0]).tolist():
                mine = ids.view(np.uint32) == bits
                found[bits] = found.get(bits, 0) + np.where(mine, coverage, 0)
    return found


# The hash


@pytest.mark.parametrize(
    ("data", "seed", "expected"),
    [
        (b"", 0, 0),
        (b"", 1, 0x514E28B7),
        (b"", 0xFFFFFFFF, 0x81F16F39),
        (b"\0\0\0\0", 0, 0x2362F9DE),
        (b"\xff\xff\xff\xff", 0, 0x76293B50),
        (b"hello", 0, 0x248BFA47),
        (b"abc", 0, 0xB3DD93FA),
        (b"aaaa", 0x9747B28C, 0x5A97808A),
        (b"aaa", 0x9747B28C, 0x283E0130),
        (b"aa", 0x9747B28C, 0x5D211726),
        (b"a", 0x9747B28C, 0x7FA09EA6),
        (b"Hello, world!", 0x9747B28C, 0x24884CBA),
        ("ππππππππ".encode(), 0x9747B28C, 0xD58063C1),
    ],
)
def test_the_hash_is_murmurhash3_with_32_bits(data, seed, expected):
    assert murmurhash3_32(data, seed=seed) == expected


@pytest.mark.parametrize(("name", "bits"), [("hello", 0x248BFA47), ("bunny", 0x13851A76), ("default", 0x42C9679F)])
def test_ids_equal_those_of_the_cryptomatte_samples(name, bits):
    assert cryptomatte_id(name) == bits


def test_every_id_is_a_number_that_a_float_can_hold():
    touched = 0
    for index in range(3000):
        bits = cryptomatte_id(f"object{index}")
        value = np.array(bits, np.uint32).view(np.float32)
        assert np.isfinite(value)
        assert abs(value) >= np.finfo(np.float32).tiny
        touched += bits != murmurhash3_32(f"object{index}".encode())
    assert touched > 5  # about one in 128 needs the flipped bit


# Cryptomatte


def test_an_independent_library_reads_the_masks_back_by_name(tmp_path):
    cryptomatte_api = pytest.importorskip("cryptomatte_api", reason="cryptomatte-api has no wheel for this platform")
    masks = soft_masks(5) / 5  # nowhere above 1 together
    names = ["car", "man 2", "зонт", 'a "quoted" name', "instance0"]
    channels, metadata = cryptomatte_layers(masks, names)
    path = tmp_path / "sh010.1001.exr"
    beauty = {"R": (masks[0], "half")}
    frame_files.write_frame(
        path, {**beauty, **{name: (plane, "float") for name, plane in channels.items()}}, metadata=metadata
    )

    (matte,) = cryptomatte_api.Cryptomatte.load(str(path))
    assert (matte.metadata().name(), matte.width(), matte.height(), matte.num_levels()) == ("rc_id", 40, 24, 6)
    assert sorted(matte.metadata().manifest().names()) == sorted(names)
    read = matte.masks()
    for name, mask in zip(names, masks, strict=True):
        assert matte.metadata().manifest().hash_uint32(name) == cryptomatte_id(name)
        assert np.asarray(read[name]).reshape(24, 40) == pytest.approx(mask, abs=1e-6)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 9), ranks=st.integers(1, 8))
def test_ranks_are_sorted_sum_to_at_most_one_and_hold_the_largest_masks(seed, count, ranks):
    masks = soft_masks(count, size=(10, 12), seed=seed)
    channels, _ = cryptomatte_layers(masks, [f"object{index}" for index in range(count)], ranks=ranks)
    kept = 2 * ((ranks + 1) // 2)
    assert list(channels) == [f"rc_id{level:02d}.{name}" for level in range(kept // 2) for name in "RGBA"]
    coverage = np.stack([plane for name, plane in channels.items() if name[-1] in "GA"]).astype(np.float64)
    assert (np.diff(coverage, axis=0) <= 0).all()
    assert coverage.min() >= 0
    assert coverage.sum(axis=0).max() <= 1

    share = masks / np.maximum(masks.sum(axis=0), 1)
    largest = -np.sort(-share, axis=0)[:kept]
    assert coverage[: len(largest)] == pytest.approx(largest, abs=1e-5)
    if count <= kept:
        found = decoded(channels)
        for index, mask in enumerate(share):
            assert found.get(cryptomatte_id(f"object{index}"), np.zeros((10, 12))) == pytest.approx(mask, abs=1e-5)


def test_an_id_is_present_only_where_its_mask_covers():
    channels, _ = cryptomatte_layers(soft_masks(4), list("abcd"))
    for name in ("rc_id00.R", "rc_id00.B", "rc_id01.R"):
        coverage = channels[name[:-1] + {"R": "G", "B": "A"}[name[-1]]]
        assert np.array_equal(channels[name] != 0, coverage > 0)


def test_if_masks_are_equal_the_earlier_comes_first():
    half = np.full((2, 3, 3), 0.5, np.float32)
    channels, _ = cryptomatte_layers(half, ["b", "a"])
    assert channels["rc_id00.R"].view(np.uint32)[0, 0] == cryptomatte_id("b")
    assert channels["rc_id00.B"].view(np.uint32)[0, 0] == cryptomatte_id("a")


def test_a_frame_without_instances_has_the_same_channels_all_empty():
    full, _ = cryptomatte_layers(soft_masks(3), list("abc"))
    empty, metadata = cryptomatte_layers(soft_masks(0), [])
    assert list(empty) == list(full)
    assert not any(plane.any() for plane in empty.values())
    assert [value for key, value in metadata.items() if key.endswith("manifest")] == ["{}"]


def test_metadata_is_keyed_by_the_layers_own_id_and_lists_every_name():
    channels, metadata = cryptomatte_layers(soft_masks(2), ["car", "зонт"], layer="rc_id")
    key = f"cryptomatte/{cryptomatte_id('rc_id'):08x}"[: len("cryptomatte/") + 7]
    assert {**metadata, f"{key}/manifest": ""} == {
        f"{key}/name": "rc_id",
        f"{key}/hash": "MurmurHash3_32",
        f"{key}/conversion": "uint32_to_float32",
        f"{key}/manifest": "",
    }
    manifest = json.loads(metadata[f"{key}/manifest"])
    assert {name: int(code, 16) for name, code in manifest.items()} == {
        name: cryptomatte_id(name) for name in ("car", "зонт")
    }
    assert channels["rc_id00.R"].dtype == np.float32


def test_masks_may_be_given_at_working_size():
    masks = soft_masks(3, size=(12, 20))
    scaled = np.stack([cv2.resize(mask, (40, 24), interpolation=cv2.INTER_LINEAR) for mask in masks])
    small, _ = cryptomatte_layers(masks, list("abc"), size=(24, 40))
    large, _ = cryptomatte_layers(scaled, list("abc"))
    assert decoded(small).keys() == decoded(large).keys()
    assert all(decoded(small)[bits] == pytest.approx(mask, abs=1e-5) for bits, mask in decoded(large).items())


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b", "c"]])
def test_missing_surplus_or_repeated_names_are_refused(names):
    with pytest.raises(ValueError, match="2 masks need as many different names"):
        cryptomatte_layers(soft_masks(2), names)


# STMap

EXACT = 1 / 64  # px


def identity(width, height):
    y, x = np.mgrid[:height, :width]
    return (x + 0.5) / width, 1 - (y + 0.5) / height


@pytest.mark.parametrize(("width", "height"), [(64, 36), (101, 57), (1, 1), (16384, 2)])
def test_no_displacement_is_the_identity(width, height):
    u, v = stmap(np.zeros((9, 16, 2), np.float32), plate=(width, height))
    assert u.dtype == v.dtype == np.float32
    assert u == pytest.approx(identity(width, height)[0], abs=EXACT / width)
    assert v == pytest.approx(identity(width, height)[1], abs=EXACT / height)


def test_a_displacement_points_to_the_right_and_down_in_working_pixels():
    displacement = np.full((9, 16, 2), (2.0, 1.0), np.float32)  # an eighth of the width, a ninth of the height
    u, v = stmap(displacement, plate=(64, 36))
    assert u == pytest.approx(identity(64, 36)[0] + 2 / 16, abs=EXACT / 64)
    assert v == pytest.approx(identity(64, 36)[1] - 1 / 9, abs=EXACT / 36)


def test_sampling_the_reference_through_the_map_gives_the_target():
    random = np.random.default_rng(5)
    reference = random.random((20, 30), dtype=np.float32)
    displacement = np.stack(np.broadcast_arrays(random.integers(-3, 4, (20, 30)), random.integers(-3, 4, (20, 30))), -1)
    y, x = np.mgrid[:20, :30]
    inside = (x + displacement[..., 0] >= 0) & (x + displacement[..., 0] < 30)
    inside &= (y + displacement[..., 1] >= 0) & (y + displacement[..., 1] < 20)
    target = reference[(y + displacement[..., 1]) % 20, (x + displacement[..., 0]) % 30]

    u, v = stmap(displacement.astype(np.float32), plate=(30, 20))
    # Nuke's convention undone: pixel centres, origin at the bottom left
    sampled = cv2.remap(reference, u * 30 - 0.5, (1 - v) * 20 - 0.5, cv2.INTER_LINEAR)
    assert sampled[inside] == pytest.approx(target[inside], abs=2 * EXACT)
    assert ((u < 0) | (u > 1) | (v < 0) | (v > 1))[~inside].all()


def test_with_overscan_the_map_is_measured_from_the_display_window():
    displacement = np.zeros((12, 20, 2), np.float32)
    displacement[..., 0] = 1
    u, v = stmap(displacement, plate=(80, 48), display=(8, 4, 64, 40))
    x, y = np.arange(80) - 8, np.arange(48) - 4
    assert u == pytest.approx(np.broadcast_to((x + 4 + 0.5) / 64, (48, 80)), abs=EXACT / 64)
    assert v == pytest.approx(np.broadcast_to(1 - (y[:, None] + 0.5) / 40, (48, 80)), abs=EXACT / 40)


@pytest.mark.parametrize("width", [1920, 4096])
def test_the_map_has_no_bits_of_noise_and_is_exact_to_a_64th_of_a_pixel(width):
    displacement = np.random.default_rng(2).normal(0, 20, (9, 16, 2)).astype(np.float32)
    u, v = stmap(displacement, plate=(width, 32))
    x, y = (cv2.resize(displacement[..., axis], (width, 32)) for axis in (0, 1))
    assert np.abs(u * width - identity(width, 32)[0] * width - x * width / 16).max() < EXACT + 1e-3
    assert np.abs(v * 32 - identity(width, 32)[1] * 32 + y * 32 / 9).max() < EXACT + 1e-3
    for plane, pixels in ((u, width), (v, 32)):
        step = 2.0 ** -np.ceil(np.log2(32 * pixels))
        assert (plane % step == 0).all()
