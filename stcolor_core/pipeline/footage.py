"""The pictures of a shot, converted to what the method takes: lightness and ab on one canvas (`shot_plates`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Mask, Pixels, Plane
from stcolor_core.errors import BadRequest
from stcolor_core.images import plates
from stcolor_core.images.coverage import COVERED
from stcolor_core.images.frame_files import is_unmodified
from stcolor_core.images.known_color import KnownColor
from stcolor_core.images.pictures import Header
from stcolor_core.images.resizing import resize
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.light_limits import chroma_left
from stcolor_core.method.references import Keyframe
from stcolor_core.method.registration import Registration
from stcolor_core.method.tracking.detectors import Detector
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.pipeline.events import Event
from stcolor_core.pipeline.fitted_references import FittedReferences
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.reference_colors import ReferenceColors
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.pipeline.shot_mattes import ShotMattes
from stcolor_core.pipeline.shot_plates import PlateFrame, ShotPlates
from stcolor_core.pipeline.warn_once import WarnOnce
from stcolor_core.shots.shot import Shot

__all__ = ["ShotFootage"]

_CONFIDENCE = "rc_conf.warp"
_MOST_DOUBTFUL = 4  # keyframes, and frames with patches, that are read before the run to be judged


class ShotFootage:
    """A shot's pictures from disk, at plate size and at working size; implements propagation's `Footage` protocol.

    Args:
        shot: The shot.
        inputs: The shot's files.
        use_instances: Whether tracking uses instances.
        detector: Finds the instances if the shot has no mattes; None detects none.
        flaws: Finds the references that give no colour.
        warn: Called with one line for the artist, in the thread that reads the picture.
        queue: Called in its place with the event of a line about one reference or matte; None for no such event.

    Attributes:
        frames: Plate frame -> its file, in ascending order.
        references: Frame of a whole keyframe -> its picture.
        patches: Frame with patches -> their pictures, the uppermost last.
        display: The plate's format: x, y, width, height.
        canvas: The union of the plate's data windows: x, y, width, height.
        working_size: Rows and columns at which colour is computed.
        pipe: The conversion from the plate's colour space.
        painted: Frames of the whole keyframes with flat paint, of those read so far.
        in_colour: Plate frame -> whether it is in colour, for the frames read so far.
        lines: Tells the artist of the pictures.

    Raises:
        PlateError: If the plate's frames differ in format, file type or layer.
    """

    def __init__(
        self,
        shot: Shot,
        inputs: ShotInputs,
        *,
        use_instances: bool,
        detector: Detector | None,
        flaws: ReferenceFlaws,
        warn: Callable[[str], None],
        queue: Callable[[Event], None] | None = None,
    ) -> None:
        self.lines = warn_once = WarnOnce(warn, queue)
        self._plate = ShotPlates(shot, inputs, warn=warn, warn_once=warn_once)
        self.frames, self.references, self.patches = inputs.frames, inputs.references, inputs.patches
        self.display, self.canvas, self.pipe = self._plate.display, self._plate.canvas, self._plate.pipe
        self.working_size, self.in_colour = self._plate.working_size, self._plate.in_colour
        self._shot, self._inputs, self._flaws = shot, inputs, flaws
        self._use_instances, self._detector = use_instances, detector
        self._follows_light = shot.method.light == "auto"
        self._colors = ReferenceColors(shot, inputs, self._plate, warn_once=warn_once)
        self._mattes = ShotMattes(inputs, self._plate, warn_once=warn_once)
        self._fitted = FittedReferences(
            self.references,
            self.patches,
            inputs.parts,
            self._plate,
            colors=self._colors,
            mattes=self._mattes,
            register=shot.method.register != "off",
            warn_once=warn_once,
            moved=inputs.moved,
        )
        self.painted = self._fitted.painted
        self._stills: list[Keyframe] | None = None
        self._covers: dict[int, NDArray[np.uint8]] = {}

    def keep_plates(self, count: int) -> None:
        """Cache the last plates that were read: as many as are worked on at a time, so that none is read twice.

        Args:
            count: How many plates.
        """
        self._plate.keep(count)

    def refuse_misfits(self) -> None:
        """Refuse references and mattes of another aspect, patches that cover nothing, and swatches of unknown objects.

        Pictures are read only where their headers leave it doubtful, and a few of these, so that a run with many is not
        held up: the others are refused when they are used.

        Raises:
            PlateError: If a file is damaged or has changed since the run began.
            BadRequest: If one of them is refused.
        """
        self._mattes.refuse_misfits(all_frames=self._use_instances)
        keyframes = [frame for frame, picture in self.references.items() if self._inputs.seems_misplaced(picture)]
        patched = [
            frame for frame, pictures in self.patches.items() if any(map(self._inputs.seems_misplaced, pictures))
        ]
        for frame in keyframes[:_MOST_DOUBTFUL]:
            self._fitted.reference(frame)
        for frame in patched[:_MOST_DOUBTFUL]:
            self._fitted.patch(frame)

    @property
    def stills(self) -> Sequence[Keyframe]:
        """Return the stills at their own aspect, no taller than the working size.

        Raises:
            PlateError: If a file is damaged or has changed since the run began.
            BadRequest: If a still has no finite pixel.
        """
        if self._stills is None:
            files = [(Path(still.path), still.colorspace) for still in self._shot.stills]
            files += [(picture.path, picture.colorspace) for picture in self._inputs.strangers.values()]
            lines = self.working_size[0]
            self._stills = [self._colors.read_still(path, colorspace, lines=lines) for path, colorspace in files]
        return self._stills

    def plate(self, frame: int) -> PlateFrame:
        """Return a frame of the plate; the last few are cached.

        Args:
            frame: The frame's number.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
        """
        return self._plate.frame(frame)

    def take_plate(self, frame: int) -> PlateFrame:
        """Return a frame of the plate for its last use: it is cached no longer, so that frames to come stay cached.

        Args:
            frame: The frame's number.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
        """
        return self._plate.take(frame)

    def reference(self, frame: int) -> KnownColor:
        """Return the colour that a reference gives its own frame, on the canvas, at plate size.

        The last two are cached. Nothing of it is known if the reference shows another frame.

        Args:
            frame: The number of a reference frame.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
            BadRequest: If its aspect is not the plate's, or it has no known colour within the plate.
        """
        reference = self._fitted.reference(frame)
        if reference.registration.frame == frame:
            return reference.color
        return KnownColor(np.zeros_like(reference.color.ab), np.zeros(reference.color.ab.shape[:2], bool))

    def used_reference(self, frame: int) -> tuple[int, KnownColor] | None:
        """Return the colour of a reference as it was fitted to the plate, and the plate frame that it is used for.

        Args:
            frame: The number of a reference frame.

        Returns:
            Both, the colour on the canvas at plate size; None if the reference shows no frame near its own.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
            BadRequest: If its aspect is not the plate's, or it has no known colour within the plate.
        """
        reference = self._fitted.reference(frame)
        shown = reference.registration.frame
        return None if shown is None else (shown, reference.color)

    def registration(self, frame: int) -> Registration:
        """Return how a reference was fitted to the plate.

        Args:
            frame: The number of a reference frame.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
            BadRequest: If it has no known colour within the plate.
        """
        return self._fitted.reference(frame).registration

    def forget_reference(self, frame: int) -> None:
        """Read the reference of a frame again when it is next used, as another one takes its place.

        Args:
            frame: The frame's number.
        """
        self._fitted.forget(frame)

    def certainty(self, frame: int) -> Plane | None:
        """Return the certainty of a reference's colour on the canvas, shape (H, W), 0..1; None for 1 everywhere.

        One that gives no colour is right only where the plate can have none: in black and in clipped white.

        Args:
            frame: The number of a reference frame.
        """
        if self._flaws.of(frame):
            lightness = self.plate(frame).lightness
            return 1 - chroma_left(lightness) if self._follows_light else np.zeros_like(lightness)
        certainty = self._fitted.reference(frame).registration.certainty
        return None if certainty is None else resize(certainty, (self.canvas[3], self.canvas[2]))

    def distrust(self, colored: ColoredFrame) -> ColoredFrame:
        """Return a coloured frame at confidence 0 where the colour comes from a reference that gives none.

        Black and clipped white stay certain, whatever the reference is.

        Args:
            colored: The frame.
        """
        from_flawed = np.isin(colored.source, self._flaws.found)
        most = 1 - chroma_left(colored.lightness) if self._follows_light else np.float32(0)
        return replace(colored, confidence=np.where(from_flawed, most, colored.confidence))

    def patch(self, frame: int) -> KnownColor:
        """Return the colour of the patches of a frame on the canvas, with its weight; the last two are cached.

        Args:
            frame: The number of a frame with patches.

        Raises:
            PlateError: If a file is damaged or has changed since the run began.
            BadRequest: If the aspect of one is not the plate's, or it covers nothing of the plate.
        """
        return self._fitted.patch(frame).color

    def patch_certainty(self, frame: int) -> Plane | None:
        """Return the certainty of the colour of a frame's patches, shape (H, W), 0..1; None for 1 everywhere.

        Args:
            frame: The number of a frame with patches.

        Raises:
            PlateError: If a file is damaged or has changed since the run began.
            BadRequest: If the aspect of one is not the plate's, or it covers nothing of the plate.
        """
        certainty = self._fitted.patch(frame).certainty
        return None if certainty is None else resize(certainty, (self.canvas[3], self.canvas[2]))

    def lightness(self, frame: int) -> Plane:
        """Return the lightness of a plate frame: (H, W) L*, 0..100, at working size.

        Args:
            frame: The frame's number.
        """
        return self._plate.lightness(frame)

    def keyframe(self, frame: int) -> Keyframe:
        """Return the keyframe at a frame: L* of the plate frame that it shows, and its colour, at working size.

        Args:
            frame: The number of a reference frame.

        Raises:
            BadRequest: If the reference has almost no known colour within the plate.
        """
        reference = self._fitted.reference(frame)
        ab, known = reference.color.at(self.working_size)
        if known is not None and not known.any():
            number = self._inputs.moved.get(frame, frame)
            raise BadRequest(
                f"Reference {number} ({self.references[frame].path}) has hardly a pixel of known colour in the plate. "
                "Render it again, larger or without NaN and infinity."
            )
        shown, certainty = reference.registration.frame, reference.registration.certainty
        if (own := self._confidence_of_result(frame)) is not None:
            certainty = own if certainty is None else certainty * own
        if shown is None:
            assert reference.lightness is not None
            return Keyframe(reference.lightness, ab, known=known, is_still=True)
        step = 1 if frame > shown else -1
        approach = tuple(number for number in range(shown + step, frame + step, step) if number in self.frames)
        return Keyframe(
            self.lightness(shown),
            ab,
            self.instances(shown),
            known,
            certainty=certainty,
            approach=() if shown == frame else approach,
        )

    def _confidence_of_result(self, frame: int) -> Plane | None:
        """Return the confidence of a reference that is a result as it was written, at working size; else None.

        A film's dissolve has the results of its two scenes as references: they are no surer than they were. A result
        that was painted over is the artist's word.
        """
        path = self.references[frame].path
        if not self._inputs.is_result(path) or not is_unmodified(path):
            return None
        confidence = self.read_confidence(path)
        return None if confidence is None else resize(confidence, self.working_size)

    def read_confidence(self, path: Path) -> Plane | None:
        """Return the confidence of a finished frame on the canvas, shape (H, W), 0..1; None if the file holds none.

        Args:
            path: The frame's file.

        Raises:
            PlateError: If it cannot be read.
        """
        picture = plates.read_channel(path, _CONFIDENCE)
        return None if picture is None else self.to_canvas(picture, picture.pixels[..., 0])

    def patch_keyframe(self, frame: int) -> Keyframe:
        """Return the patches of a frame as one keyframe, known where they cover the plate, at working size.

        Args:
            frame: The number of a frame with patches.
        """
        color = self.patch(frame).resized(self.working_size)
        certainty = self._fitted.patch(frame).certainty
        instances = self.instances(frame)
        return Keyframe(self.lightness(frame), color.ab, instances, color.known, color.weight, certainty=certainty)

    def patch_cover(self, frame: int) -> Mask:
        """Return where the patches of a frame cover the plate, (H, W), bool, at working size. All are cached, as bits.

        Args:
            frame: The number of a frame with patches.

        Raises:
            PlateError: If a file is damaged or has changed since the run began.
            BadRequest: If the aspect of one is not the plate's, or it covers nothing of the plate.
        """
        height, width = self.working_size
        if frame not in self._covers:
            weight = self.patch(frame).resized(self.working_size).weight
            assert weight is not None  # patches always have one
            self._covers[frame] = np.packbits(weight > COVERED, axis=-1)
        return np.unpackbits(self._covers[frame], axis=-1, count=width).astype(bool).reshape(height, width)

    def has_matte(self, frame: int) -> bool:
        """Return whether a matte is given for a frame, and tracking uses it.

        Args:
            frame: The frame's number.
        """
        return self._use_instances and bool(self._inputs.mattes.of(frame))

    def instances(self, frame: int) -> Instances | None:
        """Return the instances of a frame: from the shot's mattes, or detected if the shot has no mattes.

        Args:
            frame: The frame's number.

        Returns:
            Masks at working size; None if tracking uses no instances or the frame has no matte.
        """
        if not self._use_instances:
            return None
        if not self._shot.mattes:
            return self._detector.detect(self.lightness(frame)) if self._detector else None
        return self._mattes.instances(frame)

    def to_canvas(self, header: Header, pixels: Pixels) -> Pixels:
        """Return pixels of a frame's data window on the canvas, 0 outside of the data window.

        Args:
            header: The frame's header.
            pixels: (H, W) or (H, W, C) over the data window.
        """
        return self._plate.to_canvas(header, pixels)

    def to_data_window(self, header: Header, pixels: Pixels) -> Pixels:
        """Return pixels of the canvas on a frame's data window.

        Args:
            header: The frame's header.
            pixels: (H, W) or (H, W, C) over the canvas.
        """
        return self._plate.to_data_window(header, pixels)
