"""Open a picture through OpenImageIO, choose the part and the layer to read, and say in one line what is wrong.

OpenImageIO returns errors as values; this module raises exceptions instead. `plates` reads the pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import OpenImageIO as oiio

from stcolor_core.errors import PlateError
from stcolor_core.files.given_paths import describe_absence, describe_denial, is_file
from stcolor_core.images.color_tags import read_tag
from stcolor_core.images.picture_names import name_picture
from stcolor_core.images.picture_text import channel_names, decode_text, error_text, read_attributes
from stcolor_core.images.pictures import Header
from stcolor_core.images.plate_layers import Layer, list_layers, select_layer
from stcolor_core.images.raw_headers import is_truncated, png_fault, subsampled_channels, user_data_fits
from stcolor_core.remedies import advise

__all__ = ["label_and_remedy", "open_picture", "too_large"]

# With OpenImageIO's own thread pool, several readers at once take three times as long. OpenEXR's pool still compresses
# and decompresses in threads.
oiio.attribute("threads", 1)

_FORMATS = ("openexr", "dpx", "cineon", "tiff", "png", "jpeg", "jpeg2000")
_WITHOUT_ALPHA_RULES = (".exr", ".sxr", ".dpx", ".cin", ".jpg", ".jpeg")
_TIFF_KINDS = (0, 1, 2, 3, 5, 6)  # grey, RGB, palette, CMYK and YCbCr: OpenImageIO makes RGB of them rightly
_OTHER_TIFF_KINDS = {8: "CIELab", 32803: "camera raw", 34892: "camera raw", 32844: "LogL", 32845: "LogLuv"}
_TURNED_FORMATS = ("tiff", "png", "jpeg")
_NOT_READ = (".avif", ".heic", ".heif", ".jxl", ".psb")  # by most builds of OpenImageIO
_JPEG_2000 = (".jp2", ".j2k", ".j2c")
_MOST_CHANNELS = 1024
_MOST_PIXELS = 2**29  # 32K x 16K; plates of 16K x 16K are half of that
_FARTHEST = 2**20  # pixels from the origin to a window; OpenImageIO's own limit for writing
_CRYPTOMATTE_NAME = re.compile(r"cryptomatte/[^/]+/name", re.IGNORECASE)


@contextmanager
def open_picture(
    path: Path, frame: int | None = None, *, role: str = "", layer: str | None = None, matte: bool = False
) -> Iterator[tuple[Any, int, Header]]:
    """Open a picture and close it when the `with` block ends.

    Args:
        path: The picture.
        frame: Its frame number in the plate, for error messages; None if it is not a frame of the plate.
        role: What it is otherwise, as in `pictures.Header`.
        layer: Name of the layer to read, "" for bare channels; None for the preferred layer
            (`plate_layers.list_layers`).
        matte: Select the first part with Cryptomatte, if there is one.

    Yields:
        OpenImageIO's file, the index of the part to read, and the header of that part.

    Raises:
        PlateError: If the file is missing, damaged, deep, empty, too large or of an unsupported type, or if it does not
            have the layer.
    """
    label, remedy = label_and_remedy(path, frame, role)
    if not is_file(path):
        remedy = "Check the path." if frame is None else f"Render it, or {advise('missing')}."
        raise PlateError(f"{label} {describe_absence(path, remedy)}")
    if path.suffix.lower() == ".cin" and not user_data_fits(path):
        raise PlateError(f"{label} is truncated or damaged. {remedy}")
    if path.suffix.lower() == ".png" and (fault := png_fault(path, header_only=True)):
        raise PlateError(f"{label} is truncated or damaged ({fault}). {remedy}")
    file = _open_input(path)
    if file is None:
        raise PlateError(f"{label} {_open_error(path, error_text(oiio), remedy)}")
    try:
        if file.format_name() not in _FORMATS:
            raise PlateError(
                f"{label} is of the unsupported type {file.format_name()}. Convert it to EXR, DPX, TIFF, PNG or JPEG."
            )
        layers = _list_layers(file, matte=matte, label=label)
        if not layers:
            raise PlateError(f"{label} is a deep picture. Flatten it first (DeepToImage).")
        chosen = layers[0] if layer is None else select_layer(layers, layer)
        if chosen is None:
            names = ", ".join(dict.fromkeys(candidate.name or "none (bare channels)" for candidate in layers))
            raise PlateError(f"{label} has no layer {layer!r}. Name one of these: {names}.")
        file.seek_subimage(chosen.part, 0)
        _check_size(file.spec(), label, remedy)
        _check_tiff(file.spec(), label)
        if file.format_name() in ("cineon", "jpeg2000", "jpeg") and is_truncated(path, file.spec()):
            raise PlateError(f"{label} is truncated. {remedy}")
        yield file, chosen.part, replace(_make_header(path, frame, file, chosen, layers), role=role)
    finally:
        file.close()


def label_and_remedy(path: Path, frame: int | None, role: str = "") -> tuple[str, str]:
    """Return how messages name a picture, and the remedy if it is damaged.

    Args:
        path: The picture.
        frame: Its frame number in the plate; None if it is not a frame of the plate.
        role: What it is otherwise, as in `pictures.Header`.
    """
    remedy = "Write it again." if frame is None else f"Render it again, or move it away and {advise('missing')}."
    return name_picture(path, frame, role), remedy


def too_large(header: Header) -> PlateError:
    """Return the error for a picture whose pixels do not fit into memory.

    Args:
        header: Of the picture.
    """
    label, remedy = label_and_remedy(header.path, header.frame, header.role)
    size = f"{header.data_window[2]} x {header.data_window[3]}"
    return PlateError(f"{label} has {size} pixels by its header, more than fits into memory. {remedy}")


def _open_input(path: Path) -> Any:
    """Open a file with OpenImageIO. Returns None if it cannot.

    With a configuration OpenImageIO opens the file twice, which is slow on slow disks, so it is passed only if needed.
    """
    if path.suffix.lower() in _WITHOUT_ALPHA_RULES:
        return oiio.ImageInput.open(str(path))
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)  # otherwise colour is multiplied by alpha
    return oiio.ImageInput.open(str(path), config)


def _open_error(path: Path, problem: str, remedy: str) -> str:
    """Return why OpenImageIO cannot open a file, and the remedy."""
    if denial := describe_denial(path):
        return denial
    if subsampled := subsampled_channels(path):
        names = ", ".join(subsampled[:9])
        return (
            f"stores colour at a lower resolution than luminance (channels {names}), which cannot be read. "
            "Write it again as R, G, B or as Y alone, or convert it with ImageMagick (magick IN.exr OUT.exr)."
        )
    if path.suffix.lower() in _JPEG_2000 and "jpeg2000" not in oiio.get_string_attribute("input_format_list"):
        return "is JPEG 2000, which this OpenImageIO cannot read. Convert it to EXR, TIFF or PNG."
    if path.suffix.lower() in _NOT_READ:
        return f"is {path.suffix[1:].upper()}, which cannot be read. Convert it to EXR, TIFF or PNG."
    if "flavor of TIFF" in problem:  # whole, but in a colour model or a compression that libtiff cannot decode
        remedy = "Convert it to a TIFF in RGB."
    return f"cannot be read as a picture (OpenImageIO: {problem}). {remedy}"


def _list_layers(file: Any, *, matte: bool, label: str) -> tuple[Layer, ...]:
    """Return the layers of all parts that are not deep, the one to read at the start."""
    parts: list[tuple[int, str, tuple[str, ...]]] = []
    ids: dict[str, int] = {}  # prefix of a Cryptomatte's layer names -> the first part whose metadata has it
    part = 0
    while file.seek_subimage(part, 0):
        spec = file.spec()
        if not spec.deep and spec.nchannels > 0:
            name = decode_text(spec.get_string_attribute, "oiio:subimagename")
            parts.append((part, name if file.format_name() == "openexr" else "", channel_names(spec)))
            for attribute in read_attributes(spec, label=label):
                if _CRYPTOMATTE_NAME.fullmatch(attribute.name):
                    ids.setdefault(str(attribute.value), part)
        part += 1
    error_text(file)  # clear the error of seeking past the last part, which is how the parts are counted
    if len(parts) == 1:
        parts = [(number, "", channels) for number, _, channels in parts]
    layers = list_layers(parts, ids=ids)
    first = min(ids.values(), default=None) if matte else None
    return layers if first is None else tuple(sorted(layers, key=lambda layer: layer.part != first))


def _check_size(spec: Any, label: str, remedy: str) -> None:
    """Reject sizes that no camera or renderer writes, before memory is allocated for them."""
    if min(spec.width, spec.height, spec.nchannels) < 1 or spec.nchannels > _MOST_CHANNELS:
        size = f"{spec.width} x {spec.height} with {spec.nchannels} channels"
        raise PlateError(f"{label} is {size}, which cannot be used. {remedy}")
    if spec.width * spec.height > _MOST_PIXELS:
        raise PlateError(
            f"{label} has {spec.width} x {spec.height} pixels by its header, more than can be used. {remedy}"
        )
    corners = (spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height)
    if min(spec.full_width, spec.full_height) < 1 or max(map(abs, corners)) > _FARTHEST:
        raise PlateError(f"{label} has invalid windows: {', '.join(map(str, corners))}. {remedy}")


def _check_tiff(spec: Any, label: str) -> None:
    """Reject a TIFF in a colour model that OpenImageIO takes for RGB, or converts with a cast."""
    kind = spec.get_int_attribute("tiff:PhotometricInterpretation", _TIFF_KINDS[0])
    if kind not in _TIFF_KINDS:
        name = _OTHER_TIFF_KINDS.get(kind, f"colour model {kind}")
        raise PlateError(f"{label} is a TIFF in {name}, whose colours cannot be read. Convert it to RGB.")


def _orientation(spec: Any, file_format: str) -> int:
    """Return how viewers turn a picture; scanners' DPX and Cineon are upright whatever they say."""
    return spec.get_int_attribute("Orientation", 1) if file_format in _TURNED_FORMATS else 1


def _make_header(path: Path, frame: int | None, file: Any, layer: Layer, layers: Sequence[Layer]) -> Header:
    spec = file.spec()
    pictures = [candidate.name for candidate in layers if candidate.is_picture] or [
        candidate.name for candidate in layers
    ]
    readable = list(read_attributes(spec, label=str(path)))
    return Header(
        path=path,
        frame=frame,
        channels=channel_names(spec),
        data_window=(spec.x, spec.y, spec.width, spec.height),
        display_window=(spec.full_x, spec.full_y, spec.full_width, spec.full_height),
        metadata={attribute.name: attribute.value for attribute in readable},
        metadata_types={attribute.name: attribute.type for attribute in readable},
        file_format=file.format_name(),
        pixel_type=str(spec.format),
        layer=layer.name,
        layers=tuple(dict.fromkeys(pictures)),
        picture_channels=layer.picture,
        alpha_channel=layer.alpha,
        color_tag=read_tag(spec, file.format_name()),
        orientation=_orientation(spec, file.format_name()),
    )
