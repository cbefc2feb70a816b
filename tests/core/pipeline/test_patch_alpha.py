"""The colour of a patch along its soft edge, however the program that wrote it multiplied it by its alpha."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import texture

from stcolor_core.images.alpha_use import find_alpha_use, unpremultiply
from stcolor_core.images.color import lab_to_linear, linear_to_lab, luminance_of, srgb_decode, srgb_encode
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.images.frame_files import write_frame
from stcolor_core.pipeline.used_references import read_used_reference
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

SIZE = 100, 140
FLAT = {
    "dark blue": (16, 24, 56),
    "red": (168, 48, 32),
    "bright yellow": (250, 235, 110),
    "grey": (128, 120, 110),
    "black": (0, 0, 0),
}
PAINT = (*FLAT, "the plate coloured", "the plate in another gamma", "its own shading")
PLATES = {"dark": 18.0, "bright": 72.0}


def ellipse(edge: str) -> np.ndarray:
    """Return an alpha with an edge of one or two soft pixels, or of about twelve, or of a translucent brush."""
    y, x = np.mgrid[: 8 * SIZE[0], : 8 * SIZE[1]] / 8
    inside = (((x - 70) / 40) ** 2 + ((y - 50) / 34) ** 2 < 1).astype(np.float32)
    alpha = cv2.resize(inside, SIZE[::-1], interpolation=cv2.INTER_AREA)
    return {"hard": alpha, "soft": cv2.blur(alpha, (13, 13)), "translucent": 0.6 * cv2.blur(alpha, (13, 13))}[edge]


def paint(name: str, plate: np.ndarray) -> np.ndarray:
    """Return linear RGB of 0..1 of what is painted, shape (H, W, 3)."""
    if name in FLAT:
        return np.broadcast_to(srgb_decode(np.array(FLAT[name], np.float32) / 255), (*SIZE, 3)).astype(np.float32)
    light = {
        "the plate coloured": plate,
        "the plate in another gamma": 100 * (plate / 100) ** 0.7,
        "its own shading": texture(*SIZE, seed=9, mean=55, contrast=20),
    }[name]
    lab = np.dstack([light, np.full_like(light, 12), np.full_like(light, 15)])
    return np.clip(lab_to_linear(lab), 0, 1).astype(np.float32)


def stored(rgb: np.ndarray, alpha: np.ndarray, use: str, outside: str = "painted") -> np.ndarray:
    """Return sRGB code values as a program stores them."""
    weight = alpha[..., None]
    codes = srgb_encode(rgb * weight) if use == "linear" else srgb_encode(rgb) * (weight if use == "coded" else 1)
    return np.asarray(np.where(weight > 0, codes, 0) if outside == "black" else codes, np.float32)


@pytest.mark.parametrize("outside", ["painted", "black"])
@pytest.mark.parametrize("use", ["straight", "coded", "linear"])
@pytest.mark.parametrize("edge", ["hard", "soft", "translucent"])
def test_the_soft_edge_tells_how_colour_was_multiplied_by_alpha(edge: str, use: str, outside: str) -> None:
    pipe, alpha = ColorPipe.open(None, file_format="png", pixel_type="uint8"), ellipse(edge)
    for plate_name, name, levels in product(PLATES, PAINT, (255, 65535)):
        plate = texture(*SIZE, seed=3, mean=PLATES[plate_name], contrast=18)
        rgb = paint(name, plate)
        codes, coverage = (
            (np.rint(levels * values) / levels).astype(np.float32)
            for values in (stored(rgb, alpha, use, outside), alpha)
        )
        found = find_alpha_use(codes, coverage, pipe, plate=plate, integer=True, usual="straight")
        soft = (alpha > 0.25 * alpha.max()) & (alpha < 0.85 * alpha.max())
        lab = pipe.lab(unpremultiply(codes, coverage, found, pipe))
        error = np.linalg.norm(lab - linear_to_lab(rgb), axis=-1)[soft].mean()
        assert error < 3, (plate_name, name, levels, found)


@pytest.mark.parametrize("use", ["straight", "coded", "linear"])
@pytest.mark.parametrize("edge", ["hard", "soft", "translucent"])
def test_the_soft_edge_of_linear_light_tells_that_code_values_were_multiplied(edge: str, use: str) -> None:
    pipe, alpha = ColorPipe.open(None, file_format="exr"), ellipse(edge)
    found = {}
    for plate_name, name in product(PLATES, PAINT):
        plate = texture(*SIZE, seed=3, mean=PLATES[plate_name], contrast=18)
        light = srgb_decode(stored(paint(name, plate), alpha, use)).astype(np.float16).astype(np.float32)
        found[plate_name, name] = find_alpha_use(light, alpha, pipe, plate=plate, integer=False, usual="linear")
    if use == "coded":  # what has a shading of its own tells less
        assert all(found[name, color] == "coded" for name, color in product(PLATES, FLAT) if color != "black")
    else:
        assert "coded" not in found.values()


@pytest.mark.parametrize("usual", ["straight", "linear"])
def test_of_light_above_white_the_edge_tells_too(usual: str) -> None:
    pipe, alpha = ColorPipe.open(None, file_format="exr"), ellipse("soft")
    plate = texture(*SIZE, seed=3, mean=50, contrast=18)
    lamp = np.broadcast_to(np.float32([40, 25, 6]), (*SIZE, 3))
    found = {
        use: find_alpha_use(pixels, alpha, pipe, plate=plate, integer=False, usual=usual)
        for use, pixels in {"straight": lamp, "linear": lamp * alpha[..., None]}.items()
    }
    assert found == {"straight": "straight", "linear": "linear"}


def test_colour_that_is_brighter_than_an_even_alpha_was_not_multiplied_by_it() -> None:
    pipe = ColorPipe.open(None, file_format="png", pixel_type="uint8")
    alpha = np.zeros(SIZE, np.float32)
    alpha[20:80, 20:100] = 0.4
    plate = np.full(SIZE, np.nan, np.float32)  # beyond the plate, so that it tells nothing
    bright = np.full((*SIZE, 3), (0.9, 0.8, 0.7), np.float32)
    assert find_alpha_use(bright, alpha, pipe, plate=plate, integer=True, usual="coded") == "straight"
    assert find_alpha_use(0.4 * bright, alpha, pipe, plate=plate, integer=True, usual="coded") == "coded"


def test_of_an_even_alpha_the_plate_tells_and_else_the_format() -> None:
    pipe = ColorPipe.open(None, file_format="exr")
    alpha = np.zeros(SIZE, np.float32)
    alpha[20:80, 20:100] = 0.4
    plate = texture(*SIZE, seed=3, mean=50, contrast=18)
    rgb, nowhere = paint("the plate coloured", plate), np.full(SIZE, np.nan, np.float32)
    for use, pixels in {"straight": rgb, "linear": rgb * alpha[..., None]}.items():
        assert find_alpha_use(pixels, alpha, pipe, plate=plate, integer=False, usual="straight") == use
        for usual in ("straight", "linear"):
            assert find_alpha_use(pixels, alpha, pipe, plate=nowhere, integer=False, usual=usual) == usual


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("use", ["straight", "coded", "linear"])
@pytest.mark.parametrize("kind", ["8.png", "16.png", "8.tif", "16.tif", "half.exr"])
def test_files_of_every_format_give_the_colour_that_was_painted(
    tmp_path: Path, kind: str, use: str, scale: int
) -> None:
    plate = texture(*SIZE, seed=3, mean=60, contrast=18)
    write_frame(tmp_path / "plate.0001.exr", {"Y": (luminance_of(plate), "half")})
    alpha, path = ellipse("soft"), tmp_path / f"patch.{kind}"
    for name in ("dark blue", "bright yellow", "the plate coloured"):
        rgb = paint(name, plate)
        codes = stored(rgb, alpha, use)
        if kind == "half.exr":
            codes = srgb_decode(codes) if use != "coded" else rgb * alpha[..., None]
        picture = np.dstack([codes, alpha])
        if scale > 1:
            picture = np.repeat(np.repeat(picture, scale, 0), scale, 1)
        if kind == "half.exr":
            planes = np.moveaxis(picture, -1, 0)
            write_frame(path, {c: (np.ascontiguousarray(p), "half") for c, p in zip("RGBA", planes, strict=True)})
        else:
            top, dtype = (255, np.uint8) if kind.startswith("8") else (65535, np.uint16)
            cv2.imwrite(str(path), np.rint(top * picture[..., [2, 1, 0, 3]]).astype(dtype))
        shot = Shot(
            plate=Plate(path=str(tmp_path / "plate.####.exr")),
            output=Output(path=str(tmp_path / "out.####.exr")),
            references=(Reference(path=str(path), frame=1),),
            method=Method(working_height=SIZE[0], cuts="none", register="off"),
        )
        used = read_used_reference(shot, 1)
        assert used is not None
        expected = linear_to_lab(rgb)[..., 1:] * alpha[..., None]
        soft = (alpha > 0.2) & (alpha < 0.9)
        assert np.abs(used.ab - expected)[soft].mean() < 1.2, name
