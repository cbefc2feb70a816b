"""Render a picture of a frame for a display: read its file or take its pixels from memory, scale, convert, compress."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Pixels
from stcolor_core.images import opening, plates
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.images.known_color import cut
from stcolor_core.images.pictures import Header, Picture, Window
from stcolor_core.images.resizing import resize
from stcolor_core.images.views import show
from stcolor_core.movies.names import is_movie
from stcolor_core.movies.plate_frames import read_plate_frame, read_plate_header
from stcolor_core.pipeline.input_spaces import open_pipe
from stcolor_core.pipeline.run import WrittenFrame
from stcolor_core.pipeline.used_references import read_used_reference
from stcolor_core.remedies import advise
from stcolor_core.service.picture_files import NoPicture, PictureKind, PictureSource
from stcolor_core.shots.shot import Shot

__all__ = [
    "NO_SOURCE",
    "SOURCE_OFFSET",
    "FullPicture",
    "Region",
    "encode",
    "pixel_aspect",
    "read_full",
    "read_header",
    "render_written",
]

Region = tuple[int, int, int, int]
"""x, y, width and height in pixels of the display window, y downwards from its top."""

SOURCE_OFFSET = 2**23
"""A pixel of the picture "source" is the number of its keyframe plus this, as 24 bits in R, G and B."""
NO_SOURCE = -1
"""What `rc_source.ref` holds for a still or no source; its pixel in the picture "source" is black."""

_QUALITY = 90  # of the JPEG
_LAYERS: dict[PictureKind, tuple[str, ...]] = {
    "confidence": ("rc_conf.warp",),
    "source": ("rc_source.ref",),
    "mattes": ("rc_id00.R", "rc_id00.G"),
}


@dataclass(frozen=True, eq=False)
class FullPicture:
    """A picture before it is scaled, converted and compressed.

    Attributes:
        of: Which picture it is.
        header: Its windows and its pixel aspect.
        pixels: (H, W, C) over `window`. One or three channels in the file's encoding; of a picture of data, its layer.
        window: x, y, width and height that the pixels cover.
        pipe: The colour space of the pixels; None for a picture of data.
        ab: a* and b* to put into the pixels, (H, W, 2) over `ab_window`; None if they are in colour, or shall be grey.
        ab_window: x, y, width and height that `ab` covers.
    """

    of: PictureKind
    header: Header
    pixels: Pixels
    window: Window
    pipe: ColorPipe | None = None
    ab: Pixels | None = None
    ab_window: Window = (0, 0, 0, 0)


def read_full(shot: Shot, source: PictureSource) -> FullPicture:
    """Read a picture at its full size.

    Args:
        shot: The shot that it belongs to.
        source: Its file.

    Returns:
        The picture.

    Raises:
        NoPicture: If the file does not have the layer.
        StcolorError: If it cannot be read; see `pipeline.inputs` and `images.plates`.
    """
    if source.of in _LAYERS:
        header, pixels = _read_layer(source.path, _LAYERS[source.of])
        return FullPicture(source.of, header, pixels, header.data_window)
    if source.of == "used":
        if (used := read_used_reference(shot, source.frame)) is not None:
            header, pixels = used.plate.header, used.plate.pixels
            return FullPicture(source.of, header, pixels, header.data_window, used.pipe, used.ab, used.canvas)
        source = replace(source, of="reference")  # a still, whose colours are taken as they are
    if source.of != "result":
        header = read_header(source)
        pipe = open_pipe(shot, source.colorspace, source.path, file=header, exposure=source.exposure)
        picture = _read_picture(source, source.path)
        return FullPicture(source.of, picture, plates.layer_pixels(picture), picture.data_window, pipe)
    pipe = _result_pipe(shot, source)
    if "R" in plates.read_header(source.path).channels:
        picture = plates.read_plate(source.path)
        return FullPicture(source.of, picture, plates.layer_pixels(picture), picture.data_window, pipe)
    if source.plate is None:  # written without beauty
        raise NoPicture(
            f"Frame {source.frame} ({source.path}) has no R, G and B, and the plate {shot.plate.path} to show it with "
            "is not there. Make the plate available."
        )
    plate = _read_picture(source, source.plate)
    result, ab = _read_layer(source.path, ("rc_ab.u", "rc_ab.v"))
    pixels = plates.layer_pixels(plate)
    return FullPicture(source.of, plate, pixels, plate.data_window, pipe, ab=ab, ab_window=result.data_window)


def read_header(source: PictureSource) -> Header:
    """Read the header of a picture.

    Args:
        source: Its file.

    Returns:
        The header.

    Raises:
        PlateError: If it cannot be read.
    """
    if is_movie(source.path):
        return read_plate_header(source.path, frame=source.frame, layer=source.layer, first_frame=source.first_frame)
    return plates.read_header(source.path, layer=source.layer)  # errors with a frame name options of the terminal


def render_written(written: WrittenFrame, pipe: ColorPipe) -> dict[PictureKind, FullPicture]:
    """Return the pictures of a frame that was just written, without reading a file.

    Args:
        written: The frame.
        pipe: The colour space of the plate.

    Returns:
        The result, the plate, the confidence and the source.
    """
    plate, rendered, canvas = written.plate, written.rendered, written.canvas
    header = plate.header

    def layer(of: PictureKind, values: Pixels) -> FullPicture:
        return FullPicture(of, header, _single(values[..., None]), canvas)

    if written.beauty is None:
        result = FullPicture("result", header, plate.pixels, header.data_window, pipe, _single(rendered.ab), canvas)
    else:
        result = FullPicture("result", header, _single(written.beauty), header.data_window, pipe)
    return {
        "result": result,
        "plate": FullPicture("plate", header, plate.pixels, header.data_window, pipe),
        "confidence": layer("confidence", rendered.confidence),
        "source": layer("source", rendered.source),
    }


def _single(pixels: Pixels) -> Pixels:
    """Return pixels in single precision: what comes from a device may be in half, which OpenCV cannot scale."""
    return np.asarray(pixels, np.float32)


def encode(
    picture: FullPicture, *, height: int, view: str, ocio: str | None, region: Region | None = None
) -> tuple[bytes, str]:
    """Return a picture as a compressed file for a browser.

    Args:
        picture: The picture.
        height: Its height in pixels at most; it is never enlarged.
        view: Name of the view, of `images.views.list_views`.
        ocio: The shot's config.
        region: The part to show; None for all of the display window.

    Returns:
        The bytes and their media type. Colours are JPEG, and so is the confidence, as grey from 0 to 255. The source
        and the mattes are PNG, as each pixel is a number there.

    Raises:
        StcolorError: If the view is unknown.
    """
    target, size = _target(picture.header, height=height, region=region)
    if picture.of in ("source", "mattes"):
        rows, columns = (np.arange(n) * m // n for n, m in zip(size, target[3:1:-1], strict=True))
        values = cut(picture.pixels, picture.window, target, outside="black")[rows[:, None], columns]
        rgb = _source_colors(values[..., 0]) if picture.of == "source" else _matte_colors(values)
        return _compress(".png", rgb, [cv2.IMWRITE_PNG_COMPRESSION, 1]), "image/png"
    pixels = _scale(picture.pixels, picture.window, target, size)
    if picture.pipe is None:
        grey = np.rint(np.clip(pixels[..., 0], 0, 1) * 255).astype(np.uint8)
        return _compress(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]), "image/jpeg"
    if picture.ab is not None:
        pixels = picture.pipe.composite(pixels, _scale(picture.ab, picture.ab_window, target, size))
    if pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    linear = picture.pipe.space.decode(np.ascontiguousarray(pixels))
    if picture.pipe.exposure:
        linear = linear * np.float32(2.0**picture.pipe.exposure)
    return _compress(".jpg", show(linear, view, config=ocio), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]), "image/jpeg"


def _result_pipe(shot: Shot, source: PictureSource) -> ColorPipe:
    """Return the colour space of the result, which is the plate's; also if the plate is not there any more."""
    if source.plate is not None:
        header = read_header(replace(source, path=source.plate))
        return open_pipe(shot, source.colorspace, source.plate, file=header, exposure=source.exposure)
    return ColorPipe.open(
        source.colorspace, file_format=Path(shot.plate.path).suffix, ocio=shot.ocio, exposure=source.exposure
    )


def _read_picture(source: PictureSource, path: Path) -> Picture:
    if is_movie(path):
        return read_plate_frame(path, frame=source.frame, layer=source.layer, first_frame=source.first_frame)
    return plates.read_plate(path, layer=source.layer)


def _read_layer(path: Path, names: Sequence[str]) -> tuple[Header, Pixels]:
    """Return the header of a result and some of its channels, (H, W, C) over its data window."""
    with opening.open_picture(path) as (file, part, header):
        if not set(names) <= set(header.channels):
            layer = names[0].partition(".")[0].removesuffix("00")
            remedy = advise("kept_layers")
            raise NoPicture(f"{path} has no layer {layer}. {remedy}{', and give mattes' if layer == 'rc_id' else ''}.")
        places = [header.channels.index(name) for name in names]
        first = min(places)
        bands = [pixels for _, pixels in plates.read_bands(file, part, header, (first, max(places) + 1))]
        return header, np.concatenate(bands)[..., [place - first for place in places]]


def _target(header: Header, *, height: int, region: Region | None) -> tuple[Window, tuple[int, int]]:
    """Return the window to show, and its size in square pixels: height and width."""
    left, top, columns, rows = header.display_window
    if region is not None:
        x, y = min(region[0], columns - 1), min(region[1], rows - 1)
        left, top, columns, rows = left + x, top + y, min(region[2], columns - x), min(region[3], rows - y)
    lines = min(height, rows)
    return (left, top, columns, rows), (lines, max(1, round(columns * pixel_aspect(header) * lines / rows)))


def pixel_aspect(header: Header) -> float:
    """Return the width of a pixel over its height, within reason.

    Args:
        header: The header of a picture.
    """
    return min(max(float(header.metadata.get("PixelAspectRatio", 1.0)), 0.1), 10.0)


def _scale(pixels: Pixels, window: Window, target: Window, size: tuple[int, int]) -> Pixels:
    """Return pixels (H, W, C) over a window as (h, w, C) over the target."""
    channels = pixels.shape[-1]
    small = resize(np.asarray(cut(pixels, window, target, outside="black"), np.float32), size)
    return small.reshape(*size, channels)


def _source_colors(source: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the numbers of keyframes (h, w) as 24 bits in R, G and B; see `SOURCE_OFFSET`."""
    number = np.where(source == NO_SOURCE, 0, source.astype(np.int64) + SOURCE_OFFSET)
    return np.stack([number >> 16 & 255, number >> 8 & 255, number & 255], axis=-1).astype(np.uint8)


def _matte_colors(ranked: Pixels) -> NDArray[np.uint8]:
    """Return a colour for each Cryptomatte id (h, w, 2: id and coverage), black where there is none."""
    ids = np.where(ranked[..., 1] > 0, ranked[..., 0], 0).astype(np.float32)
    known, place = np.unique(ids, return_inverse=True)
    # neighbouring hues of the golden angle are far apart, and an id has the same hue in each frame
    hues = [float(bits % 997) * 0.618034 % 1 for bits in known.view(np.uint32)]
    palette = [
        (0.0, 0.0, 0.0) if not value else colorsys.hsv_to_rgb(hue, 0.75, 1.0)
        for value, hue in zip(known, hues, strict=True)
    ]
    colors = np.rint(np.array(palette) * 255).astype(np.uint8)
    return np.asarray(colors[place.reshape(ids.shape)])


def _compress(extension: str, picture: NDArray[np.uint8], options: list[int]) -> bytes:
    bgr = picture if picture.ndim == 2 else picture[..., ::-1]
    _, data = cv2.imencode(extension, np.ascontiguousarray(bgr), options)
    return data.tobytes()
