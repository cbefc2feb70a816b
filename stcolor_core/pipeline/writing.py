"""Bring coloured frames to plate size and write them with their layers and metadata."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from stcolor_core import __version__
from stcolor_core.arrays import Chroma, Pixels, Plane
from stcolor_core.images import plates
from stcolor_core.images.color_room import color_room
from stcolor_core.images.frame_files import row_bands, to_half, write_frame
from stcolor_core.images.frame_ranges import format_frames
from stcolor_core.images.known_color import KnownColor
from stcolor_core.images.pictures import Window
from stcolor_core.images.resizing import resize
from stcolor_core.images.sequences import FramePattern
from stcolor_core.images.surfaces import within_gamut
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.faded import keep_chroma
from stcolor_core.method.light_limits import blacken
from stcolor_core.method.on_device.frames import DeviceFrame, EnlargedFrame
from stcolor_core.method.upsampling import upsample
from stcolor_core.pipeline.existing import FRAME_ATTRIBUTE, LAYERS_ATTRIBUTE, ROOM_ATTRIBUTE
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.layers import RenderedFrame, make_channels
from stcolor_core.pipeline.provenance import DIGITAL_SOURCE_TYPE, SOFTWARE
from stcolor_core.pipeline.shot_plates import PlateFrame
from stcolor_core.shots.output import LAYERS
from stcolor_core.shots.shot import Shot

__all__ = ["FrameWriter", "WrittenFrame"]

_SPREAD = np.ones((5, 5), np.uint8)  # px at working size over which upsampling takes colour
_ROOM_STEP = 4  # every so many rows and columns count for what a frame can hold


@dataclass(frozen=True, eq=False)
class WrittenFrame:
    """A frame that has just been written, while its pixels are still in memory.

    Attributes:
        path: Its file.
        rendered: The frame on the canvas.
        plate: The same frame of the plate.
        canvas: Window that the rendered frame covers: x, y, width, height.
        beauty: R, G and B as written, (H, W, 3) over the plate's data window, in half precision; None if they are not.
        room: How much colour the plate can hold (`color_room`).
    """

    path: Path
    rendered: RenderedFrame
    plate: PlateFrame
    canvas: Window
    beauty: Pixels | None
    room: float


class FrameWriter:
    """Writes a shot's frames at plate size. Safe to use from several threads.

    Args:
        shot: The shot.
        inputs: The shot's files.
        footage: The shot's pictures.
    """

    def __init__(self, shot: Shot, inputs: ShotInputs, footage: ShotFootage) -> None:
        self._shot, self._inputs, self._footage = shot, inputs, footage
        self._output = FramePattern.parse(shot.output.path)

    @property
    def stays_grey(self) -> bool:
        """Return whether the shot's frames are to have no colour at all."""
        return self._shot.method.chroma == self._shot.method.keep_chroma == 0

    def upsample_frame(self, colored: ColoredFrame, plate: PlateFrame) -> RenderedFrame:
        """Return a frame at plate size: ab follows the plate's edges (docs/method.md, Upsampling), the rest is smooth.

        Args:
            colored: The frame at working size.
            plate: The same frame of the plate.
        """
        size = (self._footage.canvas[3], self._footage.canvas[2])
        ab = upsample(colored.ab * np.float32(self._shot.method.chroma), colored.lightness, plate.lightness)
        ab = self._within_gamut(ab, colored, plate)
        confidence = self._of_colors(resize(colored.confidence, size))
        if self._keeps_chroma(plate):
            ab = keep_chroma(ab, confidence, self._own_chroma(plate), weight=self._shot.method.keep_chroma)
        return RenderedFrame(
            frame=colored.frame,
            ab=ab if self._shot.method.light == "off" else blacken(ab, plate.lightness),
            confidence=confidence,
            tracked=resize(colored.tracked, size),
            source=_repeat(colored.source, size),
            displacement=colored.displacement,
            mattes=colored.mattes,
        )

    def _within_gamut(self, ab: Chroma, colored: ColoredFrame, plate: PlateFrame) -> Chroma:
        """Return colour at plate size with no more chroma than the plate's lightness can show, where that is asked."""
        if colored.in_gamut is None or not colored.in_gamut.any():
            return ab
        held = np.asarray(colored.in_gamut, np.uint8)
        if held.shape != plate.lightness.shape:  # upsampling takes colour across its edges
            size = plate.lightness.shape[::-1]
            held = np.asarray(cv2.resize(cv2.dilate(held, _SPREAD), size, interpolation=cv2.INTER_NEAREST), np.uint8)
        rows, columns = np.flatnonzero(held.any(axis=1)), np.flatnonzero(held.any(axis=0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        most = within_gamut(plate.lightness[box], ab[box], brighter=self._footage.pipe.space.is_linear)
        ab[box] = np.where(held[box][..., None] > 0, most, ab[box])
        return ab

    def _of_colors(self, confidence: Plane) -> Plane:
        """Return the confidence of a frame, which is 1 if it is to be grey: then no colour can be wrong."""
        return np.ones_like(confidence) if self.stays_grey else confidence

    def _keeps_chroma(self, plate: PlateFrame) -> bool:
        return self._shot.method.keep_chroma > 0 and plate.pixels.shape[-1] == 3

    def _own_chroma(self, plate: PlateFrame) -> Chroma:
        """Return the colour that a plate frame has itself, a* and b* on the canvas; 0 outside of its data window."""
        own = self._footage.pipe.lab(plate.pixels)[..., 1:]
        return np.asarray(self._footage.to_canvas(plate.header, np.ascontiguousarray(own, np.float32)), np.float32)

    def render_on_device(self, colored: DeviceFrame, plate: PlateFrame) -> tuple[RenderedFrame, EnlargedFrame]:
        """Return a frame at plate size, computed on the device, and what came from there.

        The device also puts the colour into the plate if that is grey, fills the canvas and needs no OpenColorIO. All
        of it then comes back in half precision.

        Args:
            colored: The frame on the device.
            plate: The same frame of the plate.
        """
        method, size = self._shot.method, (self._footage.canvas[3], self._footage.canvas[2])
        keeps, blackens = self._keeps_chroma(plate), method.light != "off"
        fills = plate.header.data_window == self._footage.canvas
        grey = self._footage.pipe.grey_picture(plate.pixels) if fills and not keeps else None
        if grey is not None:
            beauty = "rgb" in self._shot.output.written_layers
            large = colored.put_on(grey, chroma=method.chroma, blackens=blackens, beauty=beauty)
        else:
            large = colored.enlarge(plate.lightness, chroma=method.chroma, blackens=blackens and not keeps)
        ab = large.ab
        if keeps:
            ab = keep_chroma(ab, large.confidence, self._own_chroma(plate), weight=method.keep_chroma)
            ab = blacken(ab, plate.lightness) if blackens else ab
        rendered = RenderedFrame(
            frame=colored.frame,
            ab=ab,
            confidence=self._of_colors(large.confidence),
            tracked=large.tracked,
            source=_repeat(large.source, size),
            displacement=large.displacement,
            mattes=None,
            rgb=large.rgb,
        )
        return rendered, large

    def render_reference(
        self, frame: int, reference: KnownColor, plate: PlateFrame, rest: ColoredFrame | None
    ) -> RenderedFrame:
        """Return the frame of a reference, which keeps its own colour exactly.

        Its confidence is 1, or less where the reference was registered and does not fit.

        Args:
            frame: The frame's number.
            reference: The reference's colour on the canvas.
            plate: The same frame of the plate.
            rest: The frame coloured from the known part, if the reference is known only in part; None otherwise.
        """
        ones = np.ones(self._footage.canvas[3:1:-1], np.float32)
        certainty = self._footage.certainty(frame)
        confidence = ones if certainty is None else certainty
        result = RenderedFrame(
            frame=frame,
            ab=reference.ab,
            confidence=confidence,
            tracked=ones,
            source=ones * frame,
            displacement=None,
            mattes=self._footage.instances(frame),
        )
        if reference.known is None or rest is None:
            return result
        full, known = self.upsample_frame(rest, plate), reference.known
        return replace(
            result,
            ab=np.where(known[..., None], reference.ab, full.ab),
            confidence=np.where(known, confidence, full.confidence),
            tracked=known.astype(np.float32),
        )

    def add_patch(self, rendered: RenderedFrame) -> RenderedFrame:
        """Return the frame of a patch with the patch's own colour on top, exactly as it was painted.

        Args:
            rendered: The frame at plate size.
        """
        color, certainty = self._footage.patch(rendered.frame), self._footage.patch_certainty(rendered.frame)
        weight = color.weight
        assert weight is not None
        certain = weight if certainty is None else weight * certainty
        whole, some = weight[..., None], weight > 0
        ab = np.where(some[..., None], whole * color.ab + (1 - whole) * rendered.ab, rendered.ab)
        return replace(
            rendered,
            ab=ab.astype(np.float32),
            confidence=np.where(some, certain + (1 - weight) * rendered.confidence, rendered.confidence),
            tracked=np.where(some, np.maximum(weight, rendered.tracked), rendered.tracked),
            source=np.where(weight > 0.5, np.float32(rendered.frame), rendered.source),
            rgb=None,
        )

    def write(self, frame: RenderedFrame, plate: PlateFrame, digest: str) -> WrittenFrame:
        """Write a frame with its layers and metadata.

        Args:
            frame: The frame at plate size.
            plate: The same frame of the plate.
            digest: The digest that the frame carries.

        Returns:
            The frame with its file.

        Raises:
            OutputError: If the frame cannot be written.
        """
        wanted, canvas, display = self._shot.output.written_layers, self._footage.canvas, self._footage.display
        layers, cryptomatte = make_channels(frame, canvas=canvas, display=display, wanted=wanted)
        channels = {
            name: (self._footage.to_data_window(plate.header, values), kind) for name, (values, kind) in layers.items()
        }
        room = color_room(plate.lightness[::_ROOM_STEP, ::_ROOM_STEP])
        beauty: Pixels | None = None
        if "rgb" in wanted and frame.rgb is not None:
            beauty = frame.rgb
        elif "rgb" in wanted:
            beauty = self._composite(plate, self._footage.to_data_window(plate.header, frame.ab))
        if beauty is not None:
            channels = {**{name: (beauty[..., i], "half") for i, name in enumerate("RGB")}, **channels}
        metadata = {
            **(self._provenance() if self._shot.output.provenance else {}),
            "stcolor/settings": digest,
            FRAME_ATTRIBUTE: str(frame.frame),
            LAYERS_ATTRIBUTE: " ".join(layer for layer in LAYERS if layer in wanted),
            "stcolor/confidence": f"{frame.confidence.mean(dtype=np.float32):.4f}",
            ROOM_ATTRIBUTE: f"{room:.2f}",
            **cryptomatte,
        }
        interop = None if beauty is None else self._inputs.interop_id
        path = self._output.path(frame.frame)
        compression = self._shot.output.compression
        write_frame(path, channels, like=plate.header, metadata=metadata, interop_id=interop, compression=compression)
        return WrittenFrame(path, frame, plate, canvas, beauty, room)

    def _composite(self, plate: PlateFrame, ab: Chroma) -> Pixels:
        """Return a plate frame with colour in half precision, shape (H, W, 3), each channel as a plane in memory.

        In bands, as all of it in single precision takes four times the memory. ab: (H, W, 2) over its data window.
        """
        planes = np.empty((3, *ab.shape[:2]), np.float16)
        for rows in row_bands(ab.shape[:2]):
            band = self._footage.pipe.composite(plate.pixels[rows], ab[rows])
            for channel, whole in enumerate(planes):
                whole[rows] = to_half(band[..., channel])
        return np.moveaxis(planes, 0, -1)

    def _provenance(self) -> dict[str, str]:
        """Return what tells an archive how a frame was made."""
        return {
            "Software": SOFTWARE,
            "Iptc4xmpExt:DigitalSourceType": DIGITAL_SOURCE_TYPE,
            "stcolor/version": __version__,
            "stcolor/model": self._shot.method.model,
            "stcolor/references": format_frames({*self._footage.references, *self._footage.patches}),
            "stcolor/inputs": self._inputs.record,
            **self._origins,
        }

    @cached_property
    def _origins(self) -> dict[str, str]:
        """Return what references that are results came from: a film's dissolve has those of its scenes."""
        origins = []
        for frame, picture in sorted(self._footage.references.items()):
            if self._inputs.is_result(picture.path):
                own = plates.read_header(picture.path).metadata
                keyframes, inputs = (str(own.get(f"stcolor/{name}", "")) for name in ("references", "inputs"))
                origins.append(f"{frame} is a result, of keyframes {keyframes or 'of other scenes'}: {inputs}")
        return {"stcolor/origins": "; ".join(origins)} if origins else {}


def _repeat(plane: Plane, size: tuple[int, int]) -> Plane:
    """Return a plane at another size, each pixel with the value of the one that it lies in."""
    first = plane.flat[0]
    if (plane == first).all():  # as with one keyframe: a tenth of the time
        return np.full(size, first, plane.dtype)
    rows, columns = (np.arange(n) * m // n for n, m in zip(size, plane.shape, strict=True))
    return np.asarray(plane[:, columns][rows])
