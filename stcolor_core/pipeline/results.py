"""Read a shot's coloured frames back, beside its plate: for a movie of them, and for a review."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from stcolor_core.arrays import Image, Pixels, Plane
from stcolor_core.errors import PlateError
from stcolor_core.files.given_paths import is_file
from stcolor_core.images import opening, plates
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.images.pictures import Header, Picture, Window
from stcolor_core.images.sequences import FramePattern
from stcolor_core.images.views import default_view, show_values
from stcolor_core.movies.plate_frames import read_plate_frame, read_plate_header
from stcolor_core.pipeline.input_spaces import open_pipe
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_frames

__all__ = ["ShotResults"]


class ShotResults:
    """The coloured frames of a shot and the frames of its plate, read one at a time.

    Args:
        shot: The shot.

    Attributes:
        shot: The shot.
        files: Plate frame -> its file, in ascending order.
        view: The view through which pictures are shown: the default of the OpenColorIO config, or plain sRGB.

    Raises:
        PlateError: If the plate has no frames.
        ColorError: If the OpenColorIO config is missing or damaged.
    """

    def __init__(self, shot: Shot) -> None:
        self.shot = shot
        self.files: Mapping[int, Path] = find_frames(shot.plate)
        self.view = default_view(shot.ocio)
        self._output = FramePattern.parse(shot.output.path)

    @cached_property
    def header(self) -> Header:
        """Return the header of the plate's first frame."""
        return self.plate_header(next(iter(self.files)))

    @cached_property
    def pipe(self) -> ColorPipe:
        """Return the conversion from the plate's colour space, which the coloured frames share."""
        plate = self.shot.plate
        return open_pipe(self.shot, plate.colorspace, self.header.path, file=self.header, exposure=plate.exposure)

    def plate_header(self, frame: int) -> Header:
        """Return the header of a plate frame.

        Args:
            frame: The frame's number.
        """
        plate = self.shot.plate
        return read_plate_header(self.files[frame], frame=frame, layer=plate.layer, first_frame=plate.first_frame)

    def plate(self, frame: int) -> Picture:
        """Return a frame of the plate.

        Args:
            frame: The frame's number.
        """
        plate = self.shot.plate
        return read_plate_frame(self.files[frame], frame=frame, layer=plate.layer, first_frame=plate.first_frame)

    def exists(self, frame: int) -> bool:
        """Return whether a coloured frame is on disk.

        Args:
            frame: The frame's number.
        """
        return is_file(self._output.path(frame))

    def picture(self, frame: int) -> tuple[Image, Window]:
        """Return a coloured frame in the plate's encoding: its R, G and B, or without these the plate with its chroma.

        Args:
            frame: The frame's number.

        Returns:
            The pixels, (H, W, 3), and the window that they cover.

        Raises:
            PlateError: If the frame is missing or damaged.
        """
        path = self._require(frame)
        header = plates.read_header(path, frame=frame)
        if {"R", "G", "B"} <= set(header.channels):
            return plates.rgb(plates.read_plate(path, frame=frame)), header.data_window
        ab = self._channels(path, frame, ("rc_ab.u", "rc_ab.v"))
        return self.pipe.composite(plates.layer_pixels(self.plate(frame)), ab), header.data_window

    def confidence(self, frame: int) -> tuple[Plane, Window] | None:
        """Return the confidence of a coloured frame, (H, W), 0..1, and the window that it covers.

        Args:
            frame: The frame's number.

        Returns:
            Both; None if the frame was written without the layer.

        Raises:
            PlateError: If the frame is missing or damaged.
        """
        path = self._require(frame)
        header = plates.read_header(path, frame=frame)
        if "rc_conf.warp" not in header.channels:
            return None
        return self._channels(path, frame, ("rc_conf.warp",))[..., 0], header.data_window

    def mean_confidences(self) -> dict[int, float]:
        """Return the mean confidence of every coloured frame whose header holds it, in ascending order of frames."""
        means = {}
        for frame in sorted(self.files.keys() & set(self._output.frames())):
            value = plates.read_header(self._output.path(frame), frame=frame).metadata.get("stcolor/confidence")
            if value is not None:
                means[frame] = float(value)
        return means

    def show(self, pixels: Pixels) -> Image:
        """Return pixels in the plate's encoding as the display shows them.

        Args:
            pixels: (H, W, 1) or (H, W, 3).

        Returns:
            Values for the display, (H, W, 3), 0..1.
        """
        rgb = np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)), np.float32)
        linear = self.pipe.space.decode(rgb) * np.float32(2.0**self.pipe.exposure)
        return show_values(linear, self.view, config=self.shot.ocio)

    def _require(self, frame: int) -> Path:
        path = self._output.path(frame)
        if not is_file(path):
            raise PlateError(f"Frame {frame} ({path}) is missing. Colour it first: stcolor colorize.")
        return path

    def _channels(self, path: Path, frame: int, names: tuple[str, ...]) -> Pixels:
        with opening.open_picture(path, frame) as (file, part, header):
            if not set(names) <= set(header.channels):
                raise PlateError(f"Frame {frame} ({path}) has no channel {names[0]}. Colour it again without --layers.")
            places = [header.channels.index(name) for name in names]
            span = (min(places), max(places) + 1)
            bands = [pixels for _, pixels in plates.read_bands(file, part, header, span)]
        return np.concatenate(bands)[..., [place - span[0] for place in places]]
