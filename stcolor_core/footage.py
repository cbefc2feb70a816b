"""The pictures of a shot: which frames there are, each plate and reference as the core wants it.

All pictures of a shot lie on one canvas, the union of the plate's data windows, so that a data window that changes
from frame to frame, or one larger than the display window, needs no special case anywhere else.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stcolor_core import plates
from stcolor_core.color import ColorPipe, roll_off
from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.frame_ranges import gaps, name_runs, runs_of
from stcolor_core.matching import Keyframe
from stcolor_core.plates import Header, Window
from stcolor_core.resizing import resized
from stcolor_core.sequences import FramePattern
from stcolor_core.shot import Matte, Plate, Shot, name_frames, parse_frames
from stcolor_core.tracking.detectors import Detector
from stcolor_core.tracking.instance import Instances
from stcolor_core.tracking.mattes import merge, read_matte

__all__ = ["PlateFrame", "ShotFootage", "check_mattes", "cut", "find_frames", "find_references", "open_pipe"]

Array = NDArray[Any]
Image = NDArray[np.float32]
_ASPECT_TOLERANCE = 0.01
_WIDEST_GAP = 10_000  # frames that may be missing in a row: no shot is as long, so what lies beyond is a stray file
_HELD = 4  # plates: of the frames that propagation has in work, and one to spare


@dataclass(frozen=True)
class PlateFrame:
    """One frame of the plate.

    pixels: (H, W, 1 or 3) over its own data window. lightness: (H, W) L* 0..100 on the canvas.
    """

    header: Header
    pixels: Image
    lightness: Image


def find_frames(plate: Plate) -> dict[int, Path]:
    """The frames to colour and the file of each, in ascending order, missing ones treated as the plate says.

    Raises PlateError where nothing is there, or where frames are missing and the plate does not say what to do.
    """
    pattern = FramePattern.parse(plate.path)
    there = pattern.frames()
    if there and not pattern.is_sequence:
        return {frame: pattern.path(frame) for frame in (parse_frames(plate.frames) if plate.frames else there)}
    if not there:
        raise PlateError(f"There is no frame of {plate.path}. Check the path and the frame padding.")
    asked = None if plate.frames is None else parse_frames(plate.frames)
    missing = gaps(there) if asked is None else runs_of(set(asked).difference(there))
    if plate.missing != "skip" and asked is None:
        _require_no_stray(plate, there, missing)
    if missing and plate.missing == "error":
        raise PlateError(
            f"Frame {name_runs(missing)} of {plate.path} is missing. "
            "Render it, or pass --missing skip or --missing hold."
        )
    if plate.missing == "hold":
        wanted = asked or range(there[0], there[-1] + 1)
        return {frame: pattern.path(there[max(0, bisect_right(there, frame) - 1)]) for frame in wanted}
    kept = there if asked is None else sorted(set(asked).intersection(there))
    if not kept:
        raise PlateError(f"None of the frames {name_frames(asked or ())} of {plate.path} is there. Check --frames.")
    return {frame: pattern.path(frame) for frame in kept}


def _require_no_stray(plate: Plate, there: Sequence[int], missing: Sequence[range]) -> None:
    """Raise PlateError where the frames lie so far apart that some of them belong to no shot."""
    widest = max(missing, key=lambda gap: gap.stop - gap.start, default=range(0))
    if widest.stop - widest.start <= _WIDEST_GAP:
        return
    place = bisect_right(there, widest.start)
    stray = min(there[:place], there[place:], key=len)
    raise PlateError(
        f"Frame {name_frames(stray)} of {plate.path} lies {widest.stop - widest.start} frames away from the others. "
        "Move it out of the folder, or name the shot's frames with --frames."
    )


def find_references(
    shot: Shot, frames: Iterable[int], *, warn: Callable[[str], None] = lambda _: None
) -> dict[int, tuple[Path, str | None]]:
    """Reference frame -> its picture and colour space. Sequences give every frame of theirs that the plate has.

    warn: takes one line that names the frames of a sequence that the plate has not, or that another one has too.
    Raises BadRequest for a reference named by its frame that the plate has not, and where a sequence has none at all.
    """
    plate = set(frames)
    found: dict[int, tuple[Path, str | None]] = {}
    listed: set[int] = set()  # by sequences; a reference named by its frame takes the place of one of these
    for reference in shot.references:
        pattern = FramePattern.parse(reference.path)
        if reference.frame is None:
            there = set(pattern.frames()) if pattern.is_sequence else set()
            own = plate.intersection(there)
            if not own:
                raise BadRequest(
                    f"No frame of the references {reference.path} is a frame of the plate. "
                    "Check the padding, or give FRAME=PATH."
                )
            if there - own:
                warn(
                    f"Frame {name_frames(there - own)} of the references {reference.path} is no frame of the plate "
                    "and is not used. Check the numbering."
                )
            if twice := own.intersection(listed):
                warn(
                    f"Frame {name_frames(twice)} of the references {reference.path} is a reference already, of the "
                    "sequence given before it, which is taken. Leave one of them out."
                )
            listed |= own
            found.update({frame: (pattern.path(frame), reference.colorspace) for frame in own if frame not in found})
        elif reference.frame not in plate:
            span = f"{min(plate)}-{max(plate)}"
            raise BadRequest(
                f"Reference {reference.frame} ({reference.path}) is no frame of the plate ({span}). "
                "Correct its number, or give it as --still."
            )
        else:
            found[reference.frame] = (pattern.path(reference.frame), reference.colorspace)
    return dict(sorted(found.items()))


def check_mattes(shot: Shot, frames: Iterable[int], *, warn: Callable[[str], None]) -> None:
    """Tell of mattes that belong to no frame of the plate. Raises BadRequest for a sequence of which none does."""
    plate = set(frames)
    for matte in shot.mattes:
        pattern = FramePattern.parse(matte.path)
        if matte.frame is not None and matte.frame not in plate:
            warn(f"The matte {matte.path} is for frame {matte.frame}, which the plate has not, and is not used.")
        elif matte.frame is None and pattern.is_sequence and plate.isdisjoint(pattern.frames()):
            raise BadRequest(
                f"No frame of the mattes {matte.path} is a frame of the plate. Check the padding, or give FRAME=PATH."
            )


def open_pipe(shot: Shot, colorspace: str | None, header: Header, *, exposure: float) -> ColorPipe:
    """A picture's colour space: its own where it is given, the plate's where it is of the plate's file type.

    Raises ColorError as `ColorPipe.open` does.
    """
    plate = FramePattern.parse(shot.plate.path)
    if colorspace is None and Path(plate.tail or plate.head).suffix.lower() == header.path.suffix.lower():
        colorspace = shot.plate.colorspace
    return ColorPipe.open(
        colorspace,
        file_format=header.file_format,
        pixel_type=header.pixel_type,
        ocio=shot.ocio,
        exposure=exposure,
    )


class ShotFootage:
    """A shot's pictures from disk, at plate size and at working size; it is the `Footage` that propagation asks.

    warn: takes one line for the artist, in whichever thread asked for the picture. detector: finds instances where
    tracking wants them and there are no mattes.
    """

    def __init__(
        self,
        shot: Shot,
        *,
        use_instances: bool,
        detector: Detector | None,
        warn: Callable[[str], None],
    ) -> None:
        self.frames = find_frames(shot.plate)
        self.references = find_references(shot, self.frames, warn=warn)
        check_mattes(shot, self.frames, warn=warn)
        self._shot, self._warn = shot, warn
        self._use_instances, self._detector = use_instances, detector
        headers = [plates.read_header(path, frame=frame) for frame, path in self.frames.items()]
        self.display = _one_display(headers)
        self.canvas = _union(header.data_window for header in headers)
        height = self.canvas[3]
        lines = min(height, shot.method.working_height)
        self.working_size = (lines, max(1, round(self.canvas[2] * lines / height)))
        first = headers[0]
        self.pipe = self._pipe(shot.plate.colorspace, first, exposure=shot.plate.exposure)
        self._told: set[str] = set()
        self.plate = lru_cache(maxsize=_HELD)(self._plate)
        self.reference_ab = lru_cache(maxsize=2)(self._reference_ab)
        self._stills: list[Keyframe] | None = None

    @property
    def stills(self) -> Sequence[Keyframe]:
        """The stills at their own aspect, no taller than the working size."""
        if self._stills is None:
            self._stills = [self._still(Path(still.path), still.colorspace) for still in self._shot.stills]
        return self._stills

    def lightness(self, frame: int) -> Image:
        """(H, W) L* 0..100 at working size."""
        return resized(self.plate(frame).lightness, self.working_size)

    def keyframe(self, frame: int) -> Keyframe:
        """The reference of that frame: the plate's own lightness, the picture's colour."""
        return Keyframe(
            self.lightness(frame), resized(self.reference_ab(frame), self.working_size), self.instances(frame)
        )

    def instances(self, frame: int) -> Instances | None:
        """The frame's mattes, else what the detector finds; None where tracking wants none or it has no matte."""
        if not self._use_instances:
            return None
        if not self._shot.mattes:
            return self._detector.detect(self.lightness(frame)) if self._detector else None
        paths = [path for matte in self._shot.mattes if (path := _matte_path(matte, frame)) is not None]
        if not paths:
            return None
        plate = self.plate(frame).header
        on_canvas = _Windows(self.canvas, plate.display_window)
        mattes = [
            read_matte(plates.read_matte_file(path, frame=frame), plate=on_canvas, size=self.working_size)
            for path in paths
        ]
        merged = merge(mattes, self.working_size)
        if not len(merged.masks):
            self._warn_once(f"The matte {paths[0]} has no instance in it; frame {frame} is not restricted by it.")
        return merged

    def on_canvas(self, header: Header, pixels: Array) -> Array:
        """Pixels (H, W, ...) over a frame's data window -> over the canvas, 0 where the frame has none."""
        return cut(pixels, header.data_window, self.canvas, outside="black")

    def off_canvas(self, header: Header, pixels: Array) -> Array:
        """Pixels over the canvas -> over a frame's data window."""
        return cut(pixels, self.canvas, header.data_window, outside="held")

    def _plate(self, frame: int) -> PlateFrame:
        picture = plates.read_plate(self.frames[frame], frame=frame)
        pixels = plates.luma_channels(picture)
        if picture.nonfinite:
            self._warn_once(
                f"Frame {frame} ({picture.path}) has {picture.nonfinite} pixels that are NaN or infinite; "
                "they count as 0 and 65504."
            )
        if "colour" not in self._told:
            self._told.add("colour")
            if not self.pipe.is_grey(pixels):
                self._warn(f"The plate {picture.path} is a colour picture. Only its luminance is taken.")
        lightness = roll_off(self.pipe.lightness(pixels))
        return PlateFrame(picture, pixels, np.asarray(self.on_canvas(picture, lightness), np.float32))

    def _reference_ab(self, frame: int) -> Image:
        """a*, b* of a reference, (H, W, 2) on the canvas at plate size."""
        path, colorspace = self.references[frame]
        picture = self._colored(path, frame, colorspace)
        ratio = (picture.display_window[2] * self.display[3]) / (picture.display_window[3] * self.display[2])
        if abs(ratio - 1) > _ASPECT_TOLERANCE:
            raise BadRequest(
                f"Reference {frame} ({path}) is {_size(picture.display_window)}, of another aspect than the plate's "
                f"{_size(self.display)}. Reformat it to the plate, or give it as --still."
            )
        lab = self._pipe(colorspace, picture, exposure=self._shot.plate.exposure).lab(plates.luma_channels(picture))
        return self._laid_over(np.ascontiguousarray(lab[..., 1:]), picture)

    def _laid_over(self, pixels: Image, picture: Header) -> Image:
        """A picture of the plate's aspect -> over the canvas at plate size, its border held where it ends."""
        scale = (picture.display_window[2] / self.display[2], picture.display_window[3] / self.display[3])
        offset = (self.canvas[0] - self.display[0], self.canvas[1] - self.display[1])
        x, y = (round(o * s) + picture.display_window[i] for i, (o, s) in enumerate(zip(offset, scale, strict=True)))
        width, height = (max(1, round(self.canvas[2 + i] * scale[i])) for i in range(2))
        laid = cut(pixels, picture.data_window, (x, y, width, height), outside="held")
        return resized(np.asarray(laid, np.float32), (self.canvas[3], self.canvas[2]))

    def _still(self, path: Path, colorspace: str | None) -> Keyframe:
        picture = self._colored(path, None, colorspace)
        lab = self._pipe(colorspace, picture, exposure=0.0).lab(plates.luma_channels(picture))
        lines = min(len(lab), self.working_size[0])
        size = (lines, max(1, round(lab.shape[1] * lines / len(lab))))
        return Keyframe(
            resized(np.ascontiguousarray(roll_off(lab[..., 0])), size),
            resized(np.ascontiguousarray(lab[..., 1:]), size),
        )

    def _colored(self, path: Path, frame: int | None, colorspace: str | None) -> plates.Picture:
        picture = plates.read_plate(path, frame=None)
        what = f"The still {path}" if frame is None else f"Reference {frame} ({path})"
        if self._pipe(colorspace, picture, exposure=0.0).is_grey(plates.luma_channels(picture)):
            self._warn_once(f"{what} has no colour in it; what it colours will be grey.")
        return picture

    def _pipe(self, colorspace: str | None, header: Header, *, exposure: float) -> ColorPipe:
        return open_pipe(self._shot, colorspace, header, exposure=exposure)

    def _warn_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self._warn(message)


@dataclass(frozen=True)
class _Windows:
    data_window: Window
    display_window: Window


def _one_display(headers: Sequence[Header]) -> Window:
    for header in headers:
        if header.display_window != headers[0].display_window:
            raise PlateError(
                f"Frame {header.frame} ({header.path}) is {_size(header.display_window)}, the first frame "
                f"{_size(headers[0].display_window)}. Reformat the plate to one size."
            )
    return headers[0].display_window


def _size(window: Window) -> str:
    return f"{window[2]} x {window[3]}"


def _union(windows: Iterable[Window]) -> Window:
    corners = [(x, y, x + width, y + height) for x, y, width, height in windows]
    left, top = (min(corner[i] for corner in corners) for i in (0, 1))
    right, bottom = (max(corner[i] for corner in corners) for i in (2, 3))
    return left, top, right - left, bottom - top


def cut(pixels: Array, window: Window, wanted: Window, *, outside: Literal["black", "held"]) -> Array:
    """Pixels (H, W, ...) over one window -> over another; outside the first black, or its border held."""
    if window == wanted:
        return pixels
    rows = np.arange(wanted[3]) + wanted[1] - window[1]
    columns = np.arange(wanted[2]) + wanted[0] - window[0]
    there = [np.clip(places, 0, size - 1) for places, size in zip((rows, columns), pixels.shape[:2], strict=True)]
    cut: Array = pixels[there[0][:, None], there[1]]
    if outside == "black":
        cut[there[0] != rows] = 0
        cut[:, there[1] != columns] = 0
    return cut


def _matte_path(matte: Matte, frame: int) -> Path | None:
    """The file of a matte for a frame, None where it has none."""
    pattern = FramePattern.parse(matte.path)
    if matte.frame is not None:
        return pattern.path(frame) if matte.frame == frame else None
    path = pattern.path(frame)
    return path if not pattern.is_sequence or path.is_file() else None
