"""The frames of a shot's plate, on one canvas.

The canvas of a shot is the union of the plate's data windows. A data window that changes from frame to frame, or one
larger than the display window, therefore needs no special case elsewhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from stcolor_core.arrays import Image, Pixels, Plane
from stcolor_core.errors import PlateError
from stcolor_core.images import plates
from stcolor_core.images.color import roll_off
from stcolor_core.images.color_curves import in_bands
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.images.known_color import cut
from stcolor_core.images.pictures import Header, Window
from stcolor_core.images.resizing import resize
from stcolor_core.lazy import lazy_property
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.plate_formats import plate_canvas
from stcolor_core.pipeline.recent import RecentValues
from stcolor_core.pipeline.warn_once import WarnOnce
from stcolor_core.pipeline.workers import Workers
from stcolor_core.plurals import count_of
from stcolor_core.remedies import advise
from stcolor_core.shots.shot import Shot

__all__ = ["PlateFrame", "ShotPlates", "describe_size"]


@dataclass(frozen=True)
class PlateFrame:
    """One frame of the plate.

    Attributes:
        header: The header of its file.
        pixels: (H, W, 1 or 3) over the frame's own data window, in the file's encoding.
        compute_lightness: Returns `lightness`, which is kept from its first use on.
    """

    header: Header
    pixels: Image
    compute_lightness: Callable[[], Plane]

    @lazy_property
    def lightness(self) -> Plane:
        """Return L* on the canvas, shape (H, W), 0..100."""
        return self.compute_lightness()


class ShotPlates:
    """Reads the plate; the last few frames are cached.

    Args:
        shot: The shot.
        inputs: The shot's files.
        warn: Called with one line for the artist, in the thread that reads the picture.
        warn_once: Called in the same way; says each line only once.

    Attributes:
        frames: Plate frame -> its file, in ascending order.
        display: The plate's format: x, y, width, height.
        canvas: The union of the plate's data windows: x, y, width, height.
        size: Rows and columns of the canvas.
        working_size: Rows and columns at which colour is computed.
        pipe: The conversion from the plate's colour space.
        in_colour: Plate frame -> whether it is in colour, for the frames read so far.

    Raises:
        PlateError: If the plate's frames differ in format, file type or layer.
    """

    def __init__(self, shot: Shot, inputs: ShotInputs, *, warn: Callable[[str], None], warn_once: WarnOnce) -> None:
        self._inputs, self._warn, self._warn_once = inputs, warn, warn_once
        self._keeps_chroma = bool(shot.method.keep_chroma)
        self.frames, self.pipe = inputs.frames, inputs.pipe
        self.display, self.canvas = _plate_format(inputs), plate_canvas(inputs.formats)
        self.size = (self.canvas[3], self.canvas[2])
        lines = min(self.size[0], shot.method.working_height)
        self.working_size = (lines, max(1, round(self.size[1] * lines / self.size[0])))
        self.in_colour: dict[int, bool] = {}
        self._plates = RecentValues[int, PlateFrame](Workers(1, 1).plates)
        self._colours = threading.Lock()

    def keep(self, count: int) -> None:
        """Cache the last frames that were read: as many as are worked on at a time, so that none is read twice.

        Args:
            count: How many.
        """
        self._plates = RecentValues(count)

    def frame(self, frame: int) -> PlateFrame:
        """Return a frame.

        Args:
            frame: The frame's number.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
        """
        return self._plates.get(frame, self._read)

    def take(self, frame: int) -> PlateFrame:
        """Return a frame for its last use: it is cached no longer, so that frames to come stay cached.

        Args:
            frame: The frame's number.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
        """
        return self._plates.take(frame, self._read)

    def lightness(self, frame: int) -> Plane:
        """Return the lightness of a frame: (H, W) L*, 0..100, at working size.

        Args:
            frame: The frame's number.
        """
        plate = self.frame(frame)
        if self.working_size == self.size or not self.pipe.space.is_linear:
            return resize(plate.lightness, self.working_size)
        # Large and quickly computed: it is computed again for the frame's file, rather than kept for six frames.
        return resize(plate.compute_lightness(), self.working_size)

    def to_canvas(self, header: Header, pixels: Pixels) -> Pixels:
        """Return pixels of a frame's data window on the canvas, 0 outside of the data window.

        Args:
            header: The frame's header.
            pixels: (H, W) or (H, W, C) over the data window.
        """
        return cut(pixels, header.data_window, self.canvas, outside="black")

    def to_data_window(self, header: Header, pixels: Pixels) -> Pixels:
        """Return pixels of the canvas on a frame's data window.

        Args:
            header: The frame's header.
            pixels: (H, W) or (H, W, C) over the canvas.
        """
        return cut(pixels, self.canvas, header.data_window, outside="held")

    def _read(self, frame: int) -> PlateFrame:
        picture = self._inputs.read_plate(frame)
        pixels = plates.layer_pixels(picture)
        if picture.nonfinite:
            self._warn_once(
                f"Frame {frame} ({picture.path}) has {count_of(picture.nonfinite, 'pixel')} that are NaN or infinite; "
                "they count as 0 and 65504."
            )
        if frame not in self.in_colour:
            in_colour = not self.pipe.is_grey(pixels)
            with self._colours:  # several threads read plates
                if in_colour and not any(self.in_colour.values()) and not self._keeps_chroma:
                    self._warn(
                        f"Frame {frame} ({picture.path}) of the plate is in colour. Only its luminance is taken."
                    )
                self.in_colour[frame] = in_colour
        # without a reference to this object, which would keep both alive
        return PlateFrame(picture, pixels, partial(_compute_lightness, self.pipe, pixels, picture, self.canvas))


def _compute_lightness(pipe: ColorPipe, pixels: Image, header: Header, canvas: Window) -> Plane:
    """Return L* of a frame on the canvas, shape (H, W), 0..100."""
    lightness = in_bands(lambda band: roll_off(pipe.lightness(band)), pixels)
    return np.asarray(cut(lightness, header.data_window, canvas, outside="black"), np.float32)


def describe_size(window: Window) -> str:
    """Return the size of a window for a message, such as 1920 x 1080.

    Args:
        window: x, y, width, height.
    """
    return f"{window[2]} x {window[3]}"


def _plate_format(inputs: ShotInputs) -> Window:
    """Return the plate's format; raise PlateError unless all frames share one format, file type and layer."""
    first = inputs.first_format
    for frame, file in inputs.formats.items():
        label = f"Frame {frame} ({inputs.frames[frame]})"
        if file.display_window != first.display_window:
            raise PlateError(
                f"{label} is {describe_size(file.display_window)}, the first frame "
                f"{describe_size(first.display_window)}. Reformat the plate to one size."
            )
        if file.file_format != first.file_format:
            raise PlateError(
                f"{label} is a {file.file_format} file by its content, the first frame {first.file_format}. "
                "Convert the plate to one file type."
            )
        if file.layer != first.layer:
            raise PlateError(
                f"{label} gives its layer {file.layer or 'R, G, B'}, the first frame {first.layer or 'R, G, B'}. "
                f"{advise('plate_layer')}."
            )
    return first.display_window
