"""Coloured frames brought to plate size and written, with what they say of themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stcolor_core import __version__
from stcolor_core.images.frame_files import write_frame
from stcolor_core.images.known_color import KnownColor
from stcolor_core.images.resizing import resize
from stcolor_core.images.sequences import FramePattern
from stcolor_core.method.propagation import Colored
from stcolor_core.method.upsampling import upsample
from stcolor_core.pipeline.footage import PlateFrame, ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.layers import Frame, channels
from stcolor_core.shots.shot import Shot, format_frames

__all__ = ["FrameWriter"]


class FrameWriter:
    """Makes a shot's frames at plate size and writes them; any thread may ask."""

    def __init__(self, shot: Shot, inputs: ShotInputs, footage: ShotFootage) -> None:
        self._shot, self._inputs, self._footage = shot, inputs, footage
        self._output = FramePattern.parse(shot.output.path)

    def at_plate_size(self, colored: Colored, plate: PlateFrame) -> Frame:
        """Bring a frame to plate size, ab along the plate's own edges and the rest smoothly."""
        size = (self._footage.canvas[3], self._footage.canvas[2])
        rows, columns = (np.arange(n) * m // n for n, m in zip(size, colored.source.shape, strict=True))
        return Frame(
            frame=colored.frame,
            ab=upsample(colored.ab * np.float32(self._shot.method.chroma), colored.lightness, plate.lightness),
            confidence=resize(colored.confidence, size),
            tracked=resize(colored.tracked, size),
            source=colored.source[rows[:, None], columns],
            displacement=colored.displacement,
            mattes=colored.mattes,
        )

    def reference_frame(self, frame: int, reference: KnownColor, plate: PlateFrame, rest: Colored | None) -> Frame:
        """Return the frame of a reference, which keeps its own colour exactly, at confidence 1.

        Args:
            rest: The frame as coloured from the part that is known, where the reference knows a part only.
        """
        own = np.ones(self._footage.canvas[3:1:-1], np.float32)
        result = Frame(
            frame=frame,
            ab=reference.ab,
            confidence=own,
            tracked=own,
            source=own * frame,
            displacement=None,
            mattes=self._footage.instances(frame),
        )
        if reference.known is None or rest is None:
            return result
        full, known = self.at_plate_size(rest, plate), reference.known
        return replace(
            result,
            ab=np.where(known[..., None], reference.ab, full.ab),
            confidence=np.where(known, own, full.confidence),
            tracked=known.astype(np.float32),
        )

    def write(self, frame: Frame, plate: PlateFrame, digest: str) -> None:
        """Write a frame with its layers and metadata. Raises OutputError where that cannot be."""
        layers, cryptomatte = channels(frame, canvas=self._footage.canvas, display=self._footage.display)
        own = {name: (self._footage.off_canvas(plate.header, values), kind) for name, (values, kind) in layers.items()}
        beauty = self._shot.output.beauty
        if beauty:
            ab = np.stack([own["rc_ab.u"][0], own["rc_ab.v"][0]], axis=-1)
            color = self._footage.pipe.composite(plate.pixels, ab)
            own = {**{name: (color[..., i], "half") for i, name in enumerate("RGB")}, **own}
        metadata = {
            "stcolor/version": __version__,
            "stcolor/model": self._shot.method.model,
            "stcolor/settings": digest,
            "stcolor/references": format_frames(self._footage.references),
            "stcolor/inputs": self._inputs.record,
            "stcolor/confidence": f"{frame.confidence.mean():.4f}",
            **cryptomatte,
        }
        interop = self._inputs.interop_id if beauty else None
        write_frame(self._output.path(frame.frame), own, like=plate.header, metadata=metadata, interop_id=interop)
