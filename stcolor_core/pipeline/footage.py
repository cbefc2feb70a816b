"""The pictures of a shot, converted to what the method takes: lightness and ab on one canvas.

The canvas of a shot is the union of the plate's data windows. A data window that changes from frame to frame, or one
larger than the display window, therefore needs no special case elsewhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from stcolor_core.arrays import Image, Pixels, Plane
from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.images import plates
from stcolor_core.images.color import roll_off
from stcolor_core.images.coverage import COVERED, mask_plane, unpremultiply
from stcolor_core.images.known_color import KnownColor, cut
from stcolor_core.images.pictures import Header, Picture, Window
from stcolor_core.images.resizing import resize
from stcolor_core.images.swatches import color_of_surface
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.references import Keyframe
from stcolor_core.method.registration import Registration, find_neighbours, find_registration
from stcolor_core.method.tracking.detectors import Detector
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.mattes import merge, read_matte
from stcolor_core.pipeline.inputs import ShotInputs, plate_canvas
from stcolor_core.pipeline.recent import RecentValues
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.pipeline.workers import Workers
from stcolor_core.remedies import advise
from stcolor_core.shots.shot import Shot, Swatch
from stcolor_core.shots.shot_files import ReferencePicture

__all__ = ["PlateFrame", "ShotFootage"]

_ASPECT_TOLERANCE = 0.01
_NAMED = 12  # objects of a matte that an error names
_SOFT_ALPHA = (0.1, 0.9)  # alpha between these tells whether colour was multiplied by it
_CLEARLY = 1.25  # ratio of two errors from which the smaller one decides
_LARGEST_AB = 500  # of a* and b*: a red lamp 250 times as bright as diffuse white
_CACHED_REGISTRATIONS = 8  # at working size; the reference itself is at plate size


@dataclass(frozen=True)
class PlateFrame:
    """One frame of the plate.

    Attributes:
        header: The header of its file.
        pixels: (H, W, 1 or 3) over the frame's own data window, in the file's encoding.
        lightness: (H, W) L*, 0..100, on the canvas.
    """

    header: Header
    pixels: Image
    lightness: Plane


class ShotFootage:
    """A shot's pictures from disk, at plate size and at working size; implements propagation's `Footage` protocol.

    Args:
        shot: The shot.
        inputs: The shot's files.
        use_instances: Whether tracking uses instances.
        detector: Finds the instances if the shot has no mattes; None detects none.
        flaws: Finds the references that give no colour.
        warn: Called with one line for the artist, in the thread that reads the picture.
        warn_registered: Called in its place with the frame and the line if a reference is fitted to the plate.

    Attributes:
        frames: Plate frame -> its file, in ascending order.
        references: Frame of a whole keyframe -> its picture.
        patches: Frame with patches -> their pictures, the uppermost last.
        display: The plate's format: x, y, width, height.
        canvas: The union of the plate's data windows: x, y, width, height.
        working_size: Rows and columns at which colour is computed.
        pipe: The conversion from the plate's colour space.
        in_colour: Plate frame -> whether it is in colour, for the frames read so far.

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
        warn_registered: Callable[[int, str], None] | None = None,
    ) -> None:
        self._flaws = flaws
        self.frames, self.references, self.patches = inputs.frames, inputs.references, inputs.patches
        self._shot, self._inputs, self._warn = shot, inputs, warn
        self._warn_registered = warn_registered or (lambda _, message: warn(message))
        self._use_instances, self._detector = use_instances, detector
        self.display, self.canvas = _plate_format(inputs), plate_canvas(inputs)
        height = self.canvas[3]
        lines = min(height, shot.method.working_height)
        self.working_size = (lines, max(1, round(self.canvas[2] * lines / height)))
        self.pipe = inputs.pipe
        self.in_colour: dict[int, bool] = {}
        self._warned: set[str] = set()
        self._plates = RecentValues[int, PlateFrame](Workers(1, 1).plates)
        self._references = RecentValues[int, _RegisteredReference](2)
        self._registrations = RecentValues[int, Registration](_CACHED_REGISTRATIONS)
        self._patch_colors = RecentValues[int, KnownColor](2)
        self._stills: list[Keyframe] | None = None
        self._colours = threading.Lock()

    def keep_plates(self, count: int) -> None:
        """Cache the last plates that were read: as many as are worked on at a time, so that none is read twice.

        Args:
            count: How many plates.
        """
        self._plates = RecentValues(count)

    @property
    def stills(self) -> Sequence[Keyframe]:
        """Return the stills at their own aspect, no taller than the working size.

        Raises:
            PlateError: If a file is damaged or has changed since the run began.
            BadRequest: If a still has no finite pixel.
        """
        if self._stills is None:
            self._stills = [self._still(Path(still.path), still.colorspace) for still in self._shot.stills]
        return self._stills

    def plate(self, frame: int) -> PlateFrame:
        """Return a frame of the plate; the last few are cached.

        Args:
            frame: The frame's number.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
        """
        return self._plates.get(frame, self._plate)

    def take_plate(self, frame: int) -> PlateFrame:
        """Return a frame of the plate for its last use: it is cached no longer, so that frames to come stay cached.

        Args:
            frame: The frame's number.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
        """
        return self._plates.take(frame, self._plate)

    def reference(self, frame: int) -> KnownColor:
        """Return the colour that a reference gives its own frame, on the canvas, at plate size.

        The last two are cached. Nothing of it is known if the reference shows another frame.

        Args:
            frame: The number of a reference frame.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
            BadRequest: If its aspect is not the plate's, or it has no known colour within the plate.
        """
        reference = self._references.get(frame, self._reference)
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
        reference = self._references.get(frame, self._reference)
        shown = reference.registration.frame
        return None if shown is None else (shown, reference.color)

    def certainty(self, frame: int) -> Plane | None:
        """Return the certainty of a reference's colour on the canvas, shape (H, W), 0..1; None for 1 everywhere.

        Args:
            frame: The number of a reference frame.
        """
        if self._flaws.of(frame):
            return np.zeros((self.canvas[3], self.canvas[2]), np.float32)
        certainty = self._references.get(frame, self._reference).registration.certainty
        return None if certainty is None else resize(certainty, (self.canvas[3], self.canvas[2]))

    def distrust(self, colored: ColoredFrame) -> ColoredFrame:
        """Return a coloured frame at confidence 0 where the colour comes from a reference that gives none.

        Args:
            colored: The frame.
        """
        from_flawed = np.isin(colored.source, self._flaws.found)
        return replace(colored, confidence=np.where(from_flawed, np.float32(0), colored.confidence))

    def patch(self, frame: int) -> KnownColor:
        """Return the colour of the patches of a frame on the canvas, with its weight; the last two are cached.

        Args:
            frame: The number of a frame with patches.

        Raises:
            PlateError: If a file is damaged or has changed since the run began.
            BadRequest: If the aspect of one is not the plate's, or it covers nothing of the plate.
        """
        return self._patch_colors.get(frame, self._patch)

    def lightness(self, frame: int) -> Plane:
        """Return the lightness of a plate frame: (H, W) L*, 0..100, at working size.

        Args:
            frame: The frame's number.
        """
        return resize(self.plate(frame).lightness, self.working_size)

    def keyframe(self, frame: int) -> Keyframe:
        """Return the keyframe at a frame: L* of the plate frame that it shows, and its colour, at working size.

        Args:
            frame: The number of a reference frame.

        Raises:
            BadRequest: If the reference has almost no known colour within the plate.
        """
        reference = self._references.get(frame, self._reference)
        ab, known = reference.color.at(self.working_size)
        if known is not None and not known.any():
            raise BadRequest(
                f"Reference {frame} ({self.references[frame].path}) has hardly a pixel of known colour in the plate. "
                "Render it again, larger or without NaN and infinity."
            )
        shown, certainty = reference.registration.frame, reference.registration.certainty
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

    def patch_keyframe(self, frame: int) -> Keyframe:
        """Return the patches of a frame as one keyframe, known where they cover the plate, at working size.

        Args:
            frame: The number of a frame with patches.
        """
        color = self.patch(frame).resized(self.working_size)
        return Keyframe(self.lightness(frame), color.ab, self.instances(frame), color.known, color.weight)

    def has_matte(self, frame: int) -> bool:
        """Return whether a matte is given for a frame, and tracking uses it.

        Args:
            frame: The frame's number.
        """
        return self._use_instances and bool(self._inputs.mattes(frame))

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
        paths = self._inputs.mattes(frame)
        if not paths:
            return None
        merged = self._read_mattes(frame, self.working_size)
        if not len(merged.masks):
            self._warn_once(f"The matte {paths[0]} has no instance in it; frame {frame} is not restricted by it.")
        return merged

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

    def _read_mattes(self, frame: int, size: tuple[int, int], *, only: Collection[str] | None = None) -> Instances:
        """Return the instances of a frame's mattes, or only those of some names, with masks over the canvas."""
        on_canvas = _Windows(self.canvas, self.plate(frame).header.display_window)
        pictures = self._inputs.read_mattes(frame)
        return merge([read_matte(picture, plate=on_canvas, size=size, only=only) for picture in pictures], size)

    def _plate(self, frame: int) -> PlateFrame:
        picture = self._inputs.read_plate(frame)
        pixels = plates.layer_pixels(picture)
        if picture.nonfinite:
            self._warn_once(
                f"Frame {frame} ({picture.path}) has {picture.nonfinite} pixels that are NaN or infinite; "
                "they count as 0 and 65504."
            )
        if frame not in self.in_colour:
            in_colour = not self.pipe.is_grey(pixels)
            with self._colours:  # several threads read plates
                if in_colour and not any(self.in_colour.values()) and not self._shot.method.keep_chroma:
                    self._warn(
                        f"Frame {frame} ({picture.path}) of the plate is in colour. Only its luminance is taken."
                    )
                self.in_colour[frame] = in_colour
        lightness = roll_off(self.pipe.lightness(pixels))
        return PlateFrame(picture, pixels, np.asarray(self.to_canvas(picture, lightness), np.float32))

    def _reference(self, frame: int) -> _RegisteredReference:
        color, light = self._color_of(self.references[frame], frame)
        if color.weight is not None:
            known = color.weight >= COVERED  # a whole keyframe has holes, but no soft edges
            color = KnownColor(color.ab, None if known.all() else np.asarray(known))
        return self._register(frame, color, light)

    def _patch(self, frame: int) -> KnownColor:
        result: KnownColor | None = None
        swatches = self._inputs.swatches.get(frame, ())
        painted = (self._color_of(picture, frame)[0] for picture in self.patches[frame])
        for color in (*self._colors_of_swatches(frame, swatches), *painted):
            result = color if result is None else color.over(result)
        assert result is not None
        if result.weight is not None:
            return result
        known = np.ones(result.ab.shape[:2], bool) if result.known is None else result.known
        return KnownColor(result.ab, known, known.astype(np.float32))

    def _color_of(self, reference: ReferencePicture, frame: int) -> tuple[KnownColor, Plane]:
        """Return the colour of a reference on the canvas, and its L*, (H, W), not rolled off.

        The colour has a weight if the reference's alpha or its mask says where it counts. Raises BadRequest if nothing
        of it lies within the plate.
        """
        label = f"Reference {frame} ({reference.path})"
        picture = self._inputs.read_coloured(reference.path)
        self._require_aspect(label, picture, remedy=f"Reformat it to the plate, or {advise('as_still')}.")
        alpha = plates.alpha_plane(picture) if reference.alpha == "auto" else None
        if self.references.get(frame) is not reference:  # a whole keyframe is judged before the run
            self._warn_of_grey(label, picture, reference.colorspace, covered=alpha)
        self._warn_of_broken(label, picture)
        pixels = plates.layer_pixels(picture)
        if alpha is not None and self._is_premultiplied(reference, frame, picture, alpha):
            pixels = unpremultiply(pixels, alpha)
        pipe = self._inputs.pipe_of(reference.path, reference.colorspace, exposure=self._shot.plate.exposure)
        lab = pipe.lab(pixels)
        own = self._known_color(lab, picture, label, covered=alpha)
        # L* takes the place of a* and b*, as both must be placed on the canvas
        color, light = (
            replace(own, ab=plane).aligned_to(picture, display=self.display, canvas=self.canvas)
            for plane in (own.ab, lab[..., :2])
        )
        if reference.mask is not None:
            color = self._masked(color, reference.mask, frame)
        weight = color.known if color.weight is None else color.weight
        if weight is not None and not weight.any():
            raise BadRequest(
                f"{label} has no pixel of known colour within the plate: its data window, its alpha or its mask lies "
                "elsewhere, or all of it is NaN or infinite. Render it again."
            )
        return color, light.ab[..., 0]

    def _register(self, frame: int, color: KnownColor, light: Plane) -> _RegisteredReference:
        """Register a whole keyframe, given with its own L* on the canvas, with the plate, and say what was done."""
        size = self.working_size

        def find(frame: int) -> Registration:
            if self._shot.method.register == "off":
                return Registration(frame)
            (ab, known), (twice, _) = color.at(size), KnownColor(np.dstack([light, light]), color.known).at(size)
            return find_registration(
                np.dstack([twice[..., :1], ab]),
                known,
                frame=frame,
                others=find_neighbours(frame, self.frames),
                lightness_of=self.lightness,
            )

        registration = self._registrations.get(frame, find)
        if changes := registration.describe(frame, lines=self.canvas[3]):
            label = f"Reference {frame} ({self.references[frame].path})"
            self._warn_once(f"{label}: {changes}. {advise('register')}.", partial(self._warn_registered, frame))
        if registration.frame is None:
            own = resize(np.ascontiguousarray(roll_off(light), np.float32), size)
            return _RegisteredReference(color, own, registration)
        if registration.changes_pixels:
            lab = np.dstack([light, color.ab])
            lab, known = registration.apply(lab, color.known, self.plate(registration.frame).lightness)
            color = KnownColor(np.ascontiguousarray(lab[..., 1:]), known)
        return _RegisteredReference(color, None, registration)

    def _colors_of_swatches(self, frame: int, swatches: Sequence[Swatch]) -> list[KnownColor]:
        """Return the colour of each swatch on the canvas, over its object's matte."""
        if not swatches:
            return []
        wanted = {swatch.object for swatch in swatches}  # at plate size, all of a Cryptomatte's would take gigabytes
        mattes, lightness = self._read_mattes(frame, self.canvas[3:1:-1], only=wanted), self.plate(frame).lightness
        names, colors = mattes.names or (), []
        for swatch in swatches:
            if swatch.object not in names:
                names = self._read_mattes(frame, self.working_size).names or ()
                known = f"It has {', '.join(names[:_NAMED])}{' ...' if len(names) > _NAMED else ''}."
                raise BadRequest(
                    f"The matte of frame {frame} has no object {swatch.object!r} for the swatch of it. "
                    f"{known if names else 'It is empty.'} Correct the object's name."
                )
            weight = mattes.masks[names.index(swatch.object)]
            colors.append(KnownColor(color_of_surface(lightness, swatch.colors), weight > 0, weight))
        return colors

    def _masked(self, color: KnownColor, path: Path, frame: int) -> KnownColor:
        """Return a colour, counted only where a mask says so."""
        mask = self._inputs.read_coloured(path)
        self._require_aspect(f"The mask {path} of reference {frame}", mask, remedy="Reformat it to the plate.")
        plane = mask_plane(mask)
        covered = KnownColor(np.zeros((*plane.shape, 2), np.float32), plane >= plates.ALPHA_STEP, plane).aligned_to(
            mask, display=self.display, canvas=self.canvas
        )
        assert covered.weight is not None
        weight = covered.weight
        if color.weight is not None:
            weight = weight * color.weight
        elif color.known is not None:
            weight = weight * color.known
        return KnownColor(color.ab, weight > 0, np.asarray(weight, np.float32))

    def _is_premultiplied(self, reference: ReferencePicture, frame: int, picture: Picture, alpha: Plane) -> bool:
        """Return whether colour was multiplied by alpha, by which of the two explains the plate's lightness better.

        If neither does, EXR is premultiplied and other files are not, as their formats say.
        """
        soft = (alpha > _SOFT_ALPHA[0]) & (alpha < _SOFT_ALPHA[1])
        by_format = picture.file_format == "openexr"
        if not soft.any():
            return by_format
        pipe = self._inputs.pipe_of(reference.path, reference.colorspace, exposure=self._shot.plate.exposure)
        pixels = plates.layer_pixels(picture)
        both = [roll_off(pipe.lightness(values)) for values in (pixels, unpremultiply(pixels, alpha))]
        # the two kinds of lightness take the place of a* and b*, as both must be placed on the canvas
        placed = KnownColor(np.stack(both, -1), soft).aligned_to(picture, display=self.display, canvas=self.canvas)
        compared = np.ones(placed.ab.shape[:2], bool) if placed.known is None else placed.known
        if not compared.any():
            return by_format
        plate = self.plate(frame).lightness[compared]
        straight, premultiplied = (float(np.abs(placed.ab[compared, i] - plate).mean()) for i in (0, 1))
        if max(straight, premultiplied) < _CLEARLY * min(straight, premultiplied):
            return by_format
        return premultiplied < straight

    def _require_aspect(self, label: str, picture: Header, *, remedy: str) -> None:
        ratio = (picture.display_window[2] * self.display[3]) / (picture.display_window[3] * self.display[2])
        if abs(ratio - 1) > _ASPECT_TOLERANCE:
            raise BadRequest(
                f"{label} is {_size(picture.display_window)}, of another aspect than the plate's "
                f"{_size(self.display)}. {remedy}"
            )

    def _still(self, path: Path, colorspace: str | None) -> Keyframe:
        picture = self._inputs.read_coloured(path)
        self._warn_of_grey(f"The still {path}", picture, colorspace)
        self._warn_of_broken(f"The still {path}", picture)
        lab = self._inputs.pipe_of(path, colorspace, exposure=0.0).lab(plates.layer_pixels(picture))
        lines = min(len(lab), self.working_size[0])
        size = (lines, max(1, round(lab.shape[1] * lines / len(lab))))
        ab, known = self._known_color(lab, picture, f"The still {path}").at(size)
        if known is not None and not known.any():
            raise BadRequest(f"All of the still {path} is NaN or infinite. Render it again.")
        return Keyframe(resize(np.ascontiguousarray(roll_off(lab[..., 0])), size), ab, known=known)

    def _warn_of_broken(self, label: str, picture: Picture) -> None:
        if picture.nonfinite:
            self._warn_once(f"{label} has {picture.nonfinite} pixels that are NaN or infinite; they lend no colour.")

    def _warn_of_grey(
        self, label: str, picture: Picture, colorspace: str | None, *, covered: Plane | None = None
    ) -> None:
        """Warn of a picture without colour where it is covered."""
        pixels = plates.layer_pixels(picture)
        if covered is not None and (counted := covered >= COVERED).any():
            pixels = pixels[counted][None]
        if self._inputs.pipe_of(picture.path, colorspace, exposure=0.0).is_grey(pixels):
            self._warn_once(f"{label} has almost no colour; what it colours will be nearly grey.")

    def _known_color(self, lab: Image, picture: Picture, label: str, *, covered: Plane | None = None) -> KnownColor:
        """Return a picture's colour, without pixels that are not finite or more colourful than any light."""
        ab = np.ascontiguousarray(lab[..., 1:])
        known = np.asarray((np.abs(ab) <= _LARGEST_AB).all(axis=-1))
        if covered is not None:  # where nothing is painted, colour means nothing
            known = known | (covered < plates.ALPHA_STEP)
        if picture.broken is not None:
            known = known & ~picture.broken
        beyond = known.size - int(known.sum()) - picture.nonfinite
        if beyond > 0:
            self._warn_once(
                f"{label} has {beyond} pixels with a* or b* beyond {_LARGEST_AB}, which no light has; they lend no "
                "colour. Check them for values that were infinite or far below zero."
            )
        if covered is not None:
            weight = np.where(known, covered, 0).astype(np.float32)
            return KnownColor(ab, np.asarray(weight > 0), weight)
        return KnownColor(ab, None if known.all() else np.asarray(known))

    def _warn_once(self, message: str, warn: Callable[[str], None] | None = None) -> None:
        if message not in self._warned:
            self._warned.add(message)
            (warn or self._warn)(message)


@dataclass(frozen=True)
class _RegisteredReference:
    """A reference on the canvas; with its own L* at working size, (h, w), 0..100, if it shows no frame of the plate."""

    color: KnownColor
    lightness: Plane | None
    registration: Registration


@dataclass(frozen=True)
class _Windows:
    data_window: Window
    display_window: Window


def _plate_format(inputs: ShotInputs) -> Window:
    """Return the plate's format; raise PlateError unless all frames share one format, file type and layer."""
    first = inputs.first_format
    for frame, file in inputs.formats.items():
        label = f"Frame {frame} ({inputs.frames[frame]})"
        if file.display_window != first.display_window:
            raise PlateError(
                f"{label} is {_size(file.display_window)}, the first frame {_size(first.display_window)}. "
                "Reformat the plate to one size."
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


def _size(window: Window) -> str:
    return f"{window[2]} x {window[3]}"
