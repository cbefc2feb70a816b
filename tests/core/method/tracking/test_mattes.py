"""Artist mattes, read from real files on disk."""

from __future__ import annotations

import json
import logging
import re
import tracemalloc
from dataclasses import replace

import numpy as np
import OpenImageIO as oiio
import pytest
from real_footage import footage

from stcolor_core.errors import BadRequest
from stcolor_core.images import plates
from stcolor_core.method.tracking.mattes import detect_kind, merge, read_matte, shows_picture
from stcolor_core.pipeline.matte_layers import cryptomatte_layers

SIZE = (48, 64)


def disc(y, x, radius, softness=1.0, size=SIZE):
    rows, columns = np.ogrid[: size[0], : size[1]]
    return np.clip((radius - np.hypot(rows - y, columns - x)) / softness, 0, 1).astype(np.float32)


def exr(path, channels, *, metadata=None, pixel_type="float", display=None, origin=(0, 0)):
    height, width = next(iter(channels.values())).shape
    spec = oiio.ImageSpec(width, height, len(channels), pixel_type)
    spec.channelnames = tuple(channels)
    spec.x, spec.y = origin
    spec.full_width, spec.full_height = display or (width, height)
    for key, value in (metadata or {}).items():
        spec.attribute(key, value)
    file = oiio.ImageOutput.create("exr")
    assert file.open(str(path), spec)
    assert file.write_image(np.ascontiguousarray(np.stack(list(channels.values()), axis=-1)))
    assert file.close()
    return plates.read(path)


def png(path, pixels, pixel_type="uint8"):
    pixels = np.atleast_3d(pixels)
    file = oiio.ImageOutput.create("png")
    assert file.open(str(path), oiio.ImageSpec(*pixels.shape[1::-1], pixels.shape[2], pixel_type))
    assert file.write_image(pixels)
    assert file.close()
    return plates.read(path)


def read(picture, *, size=None, **settings):
    return read_matte(picture, plate=picture, size=size or picture.pixels.shape[:2], **settings)


# Roto


@pytest.mark.parametrize("channels", [("A",), ("R", "G", "B", "A"), ("Y",), ("R", "G", "B"), ("roto.A",), ("mask.a",)])
def test_a_soft_alpha_or_luma_is_one_instance_named_after_the_file(channels, tmp_path):
    soft = disc(24, 32, 15, softness=6)
    picture = exr(tmp_path / "roto_car.1010.exr", dict.fromkeys(channels, soft))
    assert detect_kind(picture) == "roto"
    matte = read(picture)
    assert matte.names == ("roto_car",)
    assert np.array_equal(matte.masks[0], soft)


def test_constant_alpha_is_not_the_matte(tmp_path):
    soft = disc(24, 32, 15, softness=6)
    picture = exr(tmp_path / "roto.exr", {"R": soft, "G": soft, "B": soft, "A": np.ones(SIZE, np.float32)})
    assert np.array_equal(read(picture).masks[0], soft)


def test_alpha_takes_precedence_over_a_photograph_in_the_colour_channels(tmp_path):
    random, soft = np.random.default_rng(0), disc(24, 32, 15, softness=6)
    colors = {name: random.random(SIZE, np.float32) for name in "RGB"}
    assert np.array_equal(read(exr(tmp_path / "comp.exr", {**colors, "A": soft})).masks[0], soft)


@pytest.mark.parametrize(
    ("name", "instance"),
    [
        pytest.param("roto_car.1010.exr", "roto_car", id="frame after a dot"),
        pytest.param("roto_car_1010.exr", "roto_car", id="frame after an underscore"),
        pytest.param("roto_v02.-0010.exr", "roto_v02", id="a version stays, a negative frame goes"),
        pytest.param("car2.exr", "car2", id="a digit that belongs to the name"),
        pytest.param("00010.exr", "shots", id="only a frame: the folder's name"),
    ],
)
def test_the_name_of_a_roto_is_its_file_without_the_frame(name, instance, tmp_path):
    (tmp_path / "shots").mkdir()
    assert read(exr(tmp_path / "shots" / name, {"A": disc(24, 32, 15)})).names == (instance,)


def test_a_matte_without_instances_gives_no_instance(tmp_path):
    for channels in (("A",), ("car.A", "man.A"), ("R", "G", "B")):
        matte = read(exr(tmp_path / "empty.exr", dict.fromkeys(channels, np.zeros(SIZE, np.float32))), size=(12, 16))
        assert matte.masks.shape == (0, 12, 16)
        assert matte.names == ()


def test_values_outside_the_range_are_clipped(tmp_path):
    matte = read(exr(tmp_path / "roto.exr", {"A": disc(24, 32, 15, softness=4) * 1.7 - 0.2}))
    assert (matte.masks.min(), matte.masks.max()) == (0, 1)


# Layers


def test_every_layer_with_a_mask_is_an_instance(tmp_path):
    car, man, dog = disc(24, 16, 9, 3), disc(24, 48, 9, 3), disc(8, 30, 5, 3)
    noise = np.random.default_rng(0).random(SIZE, np.float32)
    picture = exr(
        tmp_path / "sh010.1010.exr",
        {
            **dict.fromkeys(("R", "G", "B", "car.R", "car.G", "car.B", "depth.Z", "forward.u", "forward.v"), noise),
            **{
                "A": noise,
                "rc_source.ref": noise,
                "car.A": car,
                "man.alpha": man,
                "masks.dog": dog,
                "masks.cat": dog * 0,
            },
        },
    )
    assert detect_kind(picture) == "layers"
    matte = read(picture)
    assert matte.names == ("car", "man", "masks.dog")
    assert np.array_equal(matte.masks, np.stack([car, man, dog]))


# Ids


def test_whole_numbers_are_ids(tmp_path):
    ids = np.zeros(SIZE, np.float32)
    ids[4:20, 4:20], ids[10:40, 30:60], ids[45, 3] = 1, 7, 300
    picture = exr(tmp_path / "ids.exr", {"objects.id": ids}, pixel_type="half")
    assert detect_kind(picture) == "ids"
    matte = read(picture)
    assert matte.names == ("1", "300", "7")
    assert all(np.array_equal(mask, ids == float(name)) for name, mask in zip(matte.names, matte.masks, strict=True))


@pytest.mark.parametrize("pixel_type", ["uint8", "uint16"])
def test_integer_greys_are_ids_numbered_by_their_value(pixel_type, tmp_path):
    ids = np.zeros(SIZE, pixel_type)
    ids[4:20, 4:20], ids[10:40, 30:60] = 1, 2
    picture = png(tmp_path / "ids.png", ids, pixel_type)
    assert detect_kind(picture) == "ids"
    matte = read(picture)
    assert matte.names == ("1", "2")
    assert np.array_equal(matte.masks[1], ids == 2)


def test_flat_colours_are_ids(tmp_path):
    colors = np.zeros((*SIZE, 3), np.uint8)
    colors[4:20, 4:20], colors[10:40, 30:60] = (255, 0, 0), (0, 128, 255)
    matte = read(png(tmp_path / "ids.png", colors))
    assert matte.names == ("0,128,255", "255,0,0")
    assert np.array_equal(matte.masks[1], (colors == (255, 0, 0)).all(axis=-1))


def test_smooth_edges_between_flat_colours_belong_to_no_instance(tmp_path):
    blend = disc(24, 32, 16, softness=3)[..., None]
    colors = np.rint(255 * (blend * (1, 0, 0) + (1 - blend) * (0, 0.5, 1))).astype(np.uint8)
    matte = read(png(tmp_path / "ids.png", colors))
    assert matte.names == ("0,128,255", "255,0,0")


@pytest.mark.parametrize("softness", [0.01, 1.0, 6.0, 14.0])
@pytest.mark.parametrize("shown", [("R", "G", "B"), ("R", "B"), ("B",)])
def test_mattes_in_red_green_and_blue_are_three_objects_with_hard_edges_or_soft_ones(shown, softness, tmp_path):
    mattes = {"R": disc(14, 16, 14, softness), "G": disc(14, 48, 14, softness), "B": disc(36, 32, 14, softness)}
    channels = {name: mattes[name] if name in shown else np.zeros(SIZE, np.float32) for name in "RGB"}
    alpha = np.max(list(channels.values()), axis=0)
    names = {"R": "1,0,0", "G": "0,1,0", "B": "0,0,1"}
    for extra in ({}, {"A": alpha}):
        picture = exr(tmp_path / "rgb.1010.exr", {**channels, **extra})
        assert detect_kind(picture) == "ids"
        found = read(picture)
        assert set(found.names) == {names[name] for name in shown}
        for name in shown:
            assert np.array_equal(found.masks[found.names.index(names[name])], mattes[name])
    picture = png(tmp_path / "rgb.1010.png", np.rint(255 * np.dstack(list(channels.values()))).astype(np.uint8))
    assert set(read(picture).names) == {names[name].replace("1", "255") for name in shown}


def test_ids_of_dark_primary_colours_stay_ids(tmp_path):
    colors = np.zeros((*SIZE, 3), np.uint8)
    colors[4:20, 4:20], colors[10:40, 30:60], colors[42:47, 4:20] = (255, 0, 0), (100, 0, 0), (0, 60, 0)
    assert read(png(tmp_path / "ids.png", colors)).names == ("0,60,0", "100,0,0", "255,0,0")


def test_transparent_pixels_of_an_id_picture_are_not_an_instance(tmp_path):
    colors = np.full((*SIZE, 4), (90, 40, 200, 0), np.uint8)
    colors[4:30, 4:30] = (255, 0, 0, 255)
    colors[32:46, 4:30] = (0, 255, 0, 255)
    assert read(png(tmp_path / "ids.png", colors)).names == ("0,255,0", "255,0,0")


def test_a_soft_matte_of_eight_bits_is_not_an_id_picture(tmp_path):
    for softness in (1, 3, 8, 20):
        grey = np.rint(255 * disc(24, 32, 20, softness)).astype(np.uint8)
        assert detect_kind(png(tmp_path / "soft.png", grey)) == "roto"


def test_a_hard_matte_is_not_an_id_picture(tmp_path):
    assert detect_kind(png(tmp_path / "hard.png", 255 * (disc(24, 32, 20) > 0.5).astype(np.uint8))) == "roto"


def test_a_photograph_is_not_an_id_picture(tmp_path):
    assert (
        detect_kind(png(tmp_path / "photo.png", np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)))
        == "roto"
    )


@pytest.mark.parametrize("gamma", [1.0, 2.2], ids=["as it is", "darker, as in linear light"])
def test_a_photograph_in_place_of_a_matte_is_known_by_its_looks(gamma, tmp_path):
    photo = plates.read(footage("davis", "dog", "00000.jpg"))
    assert detect_kind(photo) == "roto" and shows_picture(photo)
    planes = np.moveaxis(photo.pixels**gamma, -1, 0)
    assert shows_picture(exr(tmp_path / "photo.exr", dict(zip("RGB", planes, strict=True)), pixel_type="half"))
    grey = dict.fromkeys("RGB", planes[1])
    assert not shows_picture(exr(tmp_path / "grey.exr", grey))  # as a luma key is
    roto = {**dict(zip("RGB", planes, strict=True)), "A": disc(240, 400, 100, size=planes[0].shape)}
    assert not shows_picture(exr(tmp_path / "comp.exr", roto))


@pytest.mark.parametrize("grain", [0.0, 0.02])
@pytest.mark.parametrize("softness", [1, 6, 20])
def test_soft_mattes_in_red_green_and_blue_that_overlap_look_like_no_photograph(softness, grain, tmp_path):
    random = np.random.default_rng(0)
    channels = {name: disc(24, 20 + 10 * number, 18, softness) for number, name in enumerate("RGB")}
    for name, plane in channels.items():
        edge = (plane > 0) & (plane < 1)
        channels[name] = np.clip(plane + grain * edge * random.standard_normal(SIZE), 0, 1).astype(np.float32)
    assert not shows_picture(exr(tmp_path / "roto.exr", channels))


def test_ramps_look_like_no_photograph(tmp_path):
    rows, columns = (np.float32(axis) / 255 for axis in np.mgrid[:256, :256])
    assert not shows_picture(exr(tmp_path / "ramps.exr", {"R": rows, "G": columns, "B": 1 - rows}))
    ramps = np.rint(255 * np.dstack([rows, columns, 1 - rows])).astype(np.uint8)
    assert not shows_picture(png(tmp_path / "ramps.png", ramps))


def test_a_single_id_can_be_read_as_the_kind_of_its_sequence(tmp_path):
    ids = np.zeros(SIZE, np.float32)
    ids[4:20, 4:20] = 1
    picture = exr(tmp_path / "ids.1002.exr", {"Y": ids})
    assert read(picture).names == ("ids",)
    assert read(picture, kind="ids").names == ("1",)


def test_the_largest_instances_are_kept_and_the_log_states_it(tmp_path, caplog):
    ids = np.arange(64, dtype=np.float32).repeat(6)[None].repeat(48, 0)
    ids[:, 12:24] = 2  # the largest
    picture = exr(tmp_path / "ids.exr", {"Y": ids})
    with caplog.at_level(logging.WARNING):
        matte = read(picture, limit=4)
    assert len(matte.masks) == 4
    assert "2" in matte.names
    assert re.search(r"ids\.exr .*62 instances.*4 largest", caplog.text)


def test_chosen_instances_are_those_of_the_whole_matte_also_beyond_the_limit_and_cost_no_memory_for_the_others(
    tmp_path,
):
    ids = np.arange(1, 41, dtype=np.float32).repeat(10)[None].repeat(200, 0)
    ids[:, 300:] = 2
    picture = exr(tmp_path / "ids.exr", {"Y": ids})

    def read_and_measure(**settings):
        tracemalloc.start()
        matte = read(picture, size=(400, 800), **settings)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return matte, peak

    everything, peak_of_all = read_and_measure()
    chosen, peak = read_and_measure(only={"2", "7", "none of them"}, limit=1)
    assert chosen.names == ("2", "7")
    for name, mask in zip(chosen.names, chosen.masks, strict=True):
        np.testing.assert_array_equal(mask, everything.masks[everything.names.index(name)])
    assert peak < peak_of_all / 4


# Cryptomatte


def masks_and_names():
    car, man = disc(24, 20, 12, 5), disc(24, 36, 12, 5)
    return np.stack([car * 0.6, man * 0.4, disc(40, 56, 6, 4)]), ("car", "Mann mit Hut", "зонт")


def crypto_exr(path, *, layer="CryptoObject", edit=lambda metadata: metadata, **settings):
    channels, metadata = cryptomatte_layers(*masks_and_names(), layer=layer)
    return exr(path, channels, metadata=edit(metadata), **settings)


def test_a_cryptomatte_gives_coverage_and_names(tmp_path):
    picture = crypto_exr(tmp_path / "render.1010.exr")
    assert detect_kind(picture) == "cryptomatte"
    matte = read(picture)
    masks, names = masks_and_names()
    assert matte.names == tuple(sorted(names))
    for name, mask in zip(names, masks, strict=True):
        assert matte.masks[matte.names.index(name)] == pytest.approx(mask, abs=1e-6)


def test_a_cryptomatte_without_a_manifest_is_named_by_its_ids(tmp_path):
    def drop(metadata):
        return {key: value for key, value in metadata.items() if not key.endswith("manifest")}

    names = read(crypto_exr(tmp_path / "render.exr", edit=drop)).names
    assert len(names) == 3
    assert all(len(name) == 8 and int(name, 16) for name in names)


def test_channels_named_by_nuke_are_found(tmp_path):
    masks, names = masks_and_names()
    channels, metadata = cryptomatte_layers(masks, names, layer="View Layer.Crypto Object")
    long = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
    renamed = {f"View_Layer_Crypto_Object{key[-4:-2]}.{long[key[-1]]}": plane for key, plane in channels.items()}
    matte = read(exr(tmp_path / "a.exr", renamed, metadata={f"exr/{key}": value for key, value in metadata.items()}))
    assert matte.names == tuple(sorted(names))


def test_of_several_cryptomattes_the_object_one_is_used(tmp_path):
    both = [cryptomatte_layers(*masks_and_names(), layer=layer) for layer in ("CryptoAsset", "CryptoObject")]
    both[0][1].update({key: "{}" for key in both[0][1] if key.endswith("manifest")})
    picture = exr(tmp_path / "a.exr", {**both[0][0], **both[1][0]}, metadata={**both[0][1], **both[1][1]})
    assert "car" in (read(picture).names or ())


def sidecar(name):
    def edit(metadata):
        return {
            key.replace("/manifest", "/manif_file"): name if key.endswith("manifest") else value
            for key, value in metadata.items()
        }

    return edit


def test_a_sidecar_manifest_next_to_the_picture_gives_the_names(tmp_path):
    _, metadata = cryptomatte_layers(*masks_and_names())
    (tmp_path / "manifests").mkdir()
    manifest = next(value for key, value in metadata.items() if key.endswith("manifest"))
    (tmp_path / "manifests" / "names.json").write_text(manifest, encoding="utf-8")
    picture = crypto_exr(tmp_path / "render.exr", edit=sidecar("manifests/names.json"))
    assert read(picture).names == ("Mann mit Hut", "car", "зонт")


@pytest.mark.parametrize(
    "sidecar_path",
    ["../names.json", "{folder}/names.json", "manifests\\names.json", "missing.json", "broken.json", "odd.json"],
)
def test_an_invalid_sidecar_is_logged_and_the_ids_are_used(sidecar_path, tmp_path, caplog):
    (tmp_path / "names.json").write_text(json.dumps({"secret": "12345678"}), encoding="utf-8")
    (tmp_path / "plates").mkdir()
    (tmp_path / "plates" / "broken.json").write_text("[" * 100_000, encoding="utf-8")
    (tmp_path / "plates" / "odd.json").write_text('{"car": 5}', encoding="utf-8")
    picture = crypto_exr(tmp_path / "plates" / "a.exr", edit=sidecar(sidecar_path.format(folder=tmp_path.as_posix())))
    with caplog.at_level(logging.WARNING):
        matte = read(picture)
    assert len(matte.masks) == 3
    assert all(int(name, 16) for name in matte.names)
    assert re.search(r"manifest of .*a\.exr .*ids", caplog.text)


# Size, aspect, windows


def test_a_matte_of_another_size_is_resampled_by_area(tmp_path):
    soft = disc(24, 32, 15, softness=6)
    picture = exr(tmp_path / "roto.exr", {"A": soft})
    plate = replace(picture, data_window=(0, 0, 256, 192), display_window=(0, 0, 256, 192))
    small = read_matte(picture, plate=plate, size=(24, 32))
    assert small.masks[0] == pytest.approx(soft.reshape(24, 2, 32, 2).mean(axis=(1, 3)), abs=1e-6)
    large = read_matte(picture, plate=plate, size=(96, 128))
    assert large.masks.shape == (1, 96, 128)
    assert large.masks[0].mean() == pytest.approx(soft.mean(), rel=0.01)


@pytest.mark.parametrize(("width", "height"), [(63, 48), (64, 48), (128, 96), (85, 64), (2048, 1536)])
def test_a_pixel_lost_to_rounding_is_not_a_change_of_aspect(width, height, tmp_path):
    picture = exr(tmp_path / "roto.exr", {"A": disc(24, 32, 15)})
    window = (0, 0, width, height)
    assert (
        len(read_matte(picture, plate=replace(picture, data_window=window, display_window=window), size=(12, 16)).masks)
        == 1
    )


def test_a_different_aspect_is_reported_as_an_error(tmp_path):
    picture = exr(tmp_path / "roto.1010.exr", {"A": disc(24, 32, 15)})
    plate = replace(picture, data_window=(0, 0, 1920, 1080), display_window=(0, 0, 1920, 1080))
    with pytest.raises(BadRequest, match=r"roto\.1010\.exr is 64 x 48, of another aspect than the plate's 1920 x 1080"):
        read_matte(picture, plate=plate, size=(108, 192))


def test_a_matte_cropped_to_its_bounding_box_keeps_its_position(tmp_path):
    whole = disc(24, 40, 12, softness=4)
    cut = exr(tmp_path / "roto.exr", {"A": whole[10:40, 20:60]}, origin=(20, 10), display=(64, 48))
    plate = replace(cut, data_window=(0, 0, 64, 48))
    assert np.array_equal(read_matte(cut, plate=plate, size=SIZE).masks[0], whole)


def test_a_plate_with_overscan_gets_the_matte_in_its_display_window(tmp_path):
    soft = disc(24, 32, 15, softness=4)
    picture = exr(tmp_path / "roto.exr", {"A": soft})
    plate = replace(picture, data_window=(-16, -8, 160, 112), display_window=(0, 0, 128, 96))  # at twice the size
    masks = read_matte(picture, plate=plate, size=(56, 80)).masks
    assert masks[0] == pytest.approx(np.pad(soft, ((4, 4), (8, 8))), abs=1e-6)


def test_an_overscan_matte_is_cropped_to_the_plate(tmp_path):
    whole = disc(28, 40, 30, softness=4, size=(56, 80))
    picture = exr(tmp_path / "roto.exr", {"A": whole}, origin=(-8, -4), display=(64, 48))
    plate = replace(picture, data_window=(0, 0, 64, 48))
    assert np.array_equal(read_matte(picture, plate=plate, size=SIZE).masks[0], whole[4:-4, 8:-8])


@pytest.mark.parametrize("size", [(1, 1), (48, 1), (1, 64)])
def test_tiny_mattes_are_read(size, tmp_path):
    picture = exr(tmp_path / "roto.exr", {"A": np.ones(size, np.float32)})
    assert read(picture).masks.tolist() == np.ones((1, *size)).tolist()


# Several files


def test_mattes_of_one_frame_are_merged_by_name(tmp_path):
    car, man = disc(24, 16, 9), disc(24, 48, 9)
    (tmp_path / "more").mkdir()
    files = [("roto_car.1.exr", car), ("roto_man.1.exr", man), ("more/roto_car.1.exr", man)]
    merged = merge([read(exr(tmp_path / name, {"A": mask})) for name, mask in files], SIZE)
    assert merged.names == ("roto_car", "roto_man")
    assert np.array_equal(merged.masks, np.stack([np.maximum(car, man), man]))
    assert merge([], SIZE).masks.shape == (0, *SIZE)


def test_the_masks_of_davis_give_one_instance_per_sequence():
    for folder in sorted(footage("davis_masks").iterdir()):
        picture = plates.read(folder / "00010.png")
        matte = read(picture, size=(54, 96))
        assert matte.names == (folder.name,)
        assert matte.masks.mean() == pytest.approx(picture.pixels[..., 0].mean(), rel=1e-2)
