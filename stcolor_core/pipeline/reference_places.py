"""Where a keyframe lies on the plate if its file does not say: a crop without a data window, or another aspect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from stcolor_core.arrays import Mask, Plane
from stcolor_core.errors import BadRequest
from stcolor_core.files.stat_cache import StatCache
from stcolor_core.images import plates
from stcolor_core.images.color import roll_off
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.images.coverage import COVERED
from stcolor_core.images.formats import HeaderSummary
from stcolor_core.images.frame_ranges import describe_frames
from stcolor_core.images.pictures import Picture, Window
from stcolor_core.images.placement import Placement
from stcolor_core.method.registration import Place, find_bars, find_place, local_contrast
from stcolor_core.plurals import count_of, form_of
from stcolor_core.remedies import advise
from stcolor_core.shots.reference_files import ReferencePicture

__all__ = ["ReferencePlaces", "describe_turned", "has_aspect_of", "nothing_known"]

_KIND = "reference place 2"  # raised when the search changes
_ASPECT_TOLERANCE = 0.01
_ROUNDING = 1.0  # px
_WHOLE = 0.8  # of the frame; a picture of its aspect that shows more is registered like any keyframe
_SQUEEZED = 1.1  # ratio of width to height of a pixel from which a picture was squeezed
_TOLD_APART = 3  # places of one sequence that are told one by one
_COMPARED = 512  # px: side of the part that is then compared with the plate, pixel by pixel
_UNSURE = 2 / 216  # of the height: how far off the place of a crop may be before that
_LEAST_CORRELATION = 0.5


def has_aspect_of(display: Window, plate: Window) -> bool:
    """Return whether two formats have the same aspect: within 1 %, or but for the rounding of a small one's width.

    Args:
        display: The display window of one.
        plate: That of the other.
    """
    width = display[3] * plate[2] / plate[3]
    return abs(display[2] - width) <= max(_ASPECT_TOLERANCE * width, _ROUNDING)


def nothing_known(label: str) -> BadRequest:
    """Return the error for a reference that has no colour to lend.

    Args:
        label: How messages name it.
    """
    return BadRequest(
        f"{label} has no pixel of known colour within the plate: its data window, its alpha or its mask lies "
        "elsewhere, or all of it is NaN or infinite. Render it again."
    )


def describe_turned(
    formats: Mapping[Path, HeaderSummary], plate: HeaderSummary, *, name: Callable[[Path], str]
) -> Iterator[str]:
    """Yield a line for each reference or still that viewers turn otherwise than the plate, as by a camera's Exif data.

    They are used as they are stored, as the plate is.

    Args:
        formats: The format of each reference and still.
        plate: The format of the plate.
        name: Returns how messages name a file.
    """
    for path, file in formats.items():
        if file.orientation != plate.orientation:
            yield (
                f"{name(path)} is to be turned for display (Exif orientation {file.orientation}), but is used as it is "
                "stored. If it lies on a side or upside down, open it, and save it turned and without that mark."
            )


class ReferencePlaces:
    """Finds where keyframes lie whose size is not the plate's. Each is sought once, until a file changes.

    Args:
        plate: The plate's display window.
        formats: The format of each reference.
        read_reference: Reads a reference of a frame, with its alpha.
        read_plate: Reads a plate frame.
        pipe_of: Returns the conversion from a reference's colour space.
        pipe: The conversion from the plate's.
        cache: Keeps the answers.
    """

    def __init__(
        self,
        plate: Window,
        formats: Mapping[Path, HeaderSummary],
        *,
        read_reference: Callable[[ReferencePicture, int], Picture],
        read_plate: Callable[[int], Picture],
        pipe_of: Callable[[ReferencePicture], ColorPipe],
        pipe: ColorPipe,
        cache: StatCache,
    ) -> None:
        self._display, self._formats = plate, formats
        self._read_reference, self._read_plate = read_reference, read_plate
        self._pipe_of, self._pipe, self._cache = pipe_of, pipe, cache

    def placed(self, picture: ReferencePicture, frame: int, *, state: Callable[[], object]) -> ReferencePicture:
        """Return a reference with the format of which it shows a part; the argument itself if it needs none.

        Args:
            picture: The reference.
            frame: The number of its frame.
            state: Returns a value that changes with everything that decides the answer.

        Raises:
            PlateError: If the reference or the plate frame is damaged or has changed since the run began.
            BadRequest: If its aspect is not the plate's, and it shows nothing of its frame; or if it has to be sought
                and no pixel of it has a known colour.
        """
        own = self._formats[picture.path]
        has_aspect = has_aspect_of(own.display_window, self._display)
        says_where = own.data_window != own.display_window or own.display_window[2:] == self._display[2:]
        if has_aspect and says_where:
            return picture
        found = self._cache.get_for_key(_KIND, repr(state()), partial(self._find, picture, frame, has_aspect))
        if found is None:
            if has_aspect:
                return picture
            *_, width, height = own.display_window
            raise BadRequest(
                f"Reference {frame} ({picture.path}) is {width} x {height}, of another aspect than the plate's "
                f"{self._display[2]} x {self._display[3]}, and nothing tells where on the frame it belongs. Reformat "
                f"it to the plate, render it with a data window, or {advise('as_still')}."
            )
        display, inside = (cast("Window", tuple(window)) for window in found)
        size = own.display_window[2], own.display_window[3]
        return replace(picture, placement=Placement(size, display, inside))

    def placed_all(
        self,
        found: Mapping[int, Sequence[ReferencePicture]],
        *,
        state: Callable[[ReferencePicture, int], object],
        warn: Callable[[str], None],
    ) -> dict[int, tuple[ReferencePicture, ...]]:
        """Return the references of each frame as `placed` does, and tell the artist of those that were placed.

        Args:
            found: Frame -> its pictures.
            state: Returns a value that changes with everything that decides the place of a picture of a frame.
            warn: Called with one line for all frames of which the same is to be said.

        Raises:
            PlateError: As for `placed`.
        """
        placed: dict[int, tuple[ReferencePicture, ...]] = {}
        told: dict[tuple[str, str], list[int]] = {}
        for frame, pictures in found.items():
            placed[frame] = tuple(self.placed(p, frame, state=partial(state, p, frame)) for p in pictures)
            for picture in placed[frame]:
                if line := self.describe(picture):
                    told.setdefault((str(picture.sequence or picture.path), line), []).append(frame)
        for line, frames in _folded(told).items():
            these = form_of(len(frames), "Reference", "Each of the references")
            warn(f"{these} {describe_frames(frames)} {line} If that is wrong, reformat it to the plate.")
        return placed

    def describe(self, picture: ReferencePicture) -> str:
        """Return what a reference shows of the plate, for the artist; "" if its own file says it.

        Args:
            picture: A reference from `placed`.
        """
        if picture.placement is None:
            return ""
        display, own = picture.placement.display, picture.placement.inside
        *_, width, height = self._formats[picture.path].data_window
        size = f"is {width} x {height}, where the plate is {self._display[2]} x {self._display[3]}"
        starts, ends = [], []
        for axis in (0, 1):
            scale = self._display[2 + axis] / display[2 + axis]
            start = (own[axis] - display[axis]) * scale
            starts.append(start)
            ends.append(start + own[2 + axis] * scale)
        left, top = (round(start) for start in starts)
        width, height = (round(end - start) for start, end in zip(starts, ends, strict=True))
        is_squeezed = not has_aspect_of(own, self._display)
        if is_squeezed and (left, top, width, height) == (0, 0, *self._display[2:]):
            return f"{size}: it shows the whole frame in another shape, and is stretched to fit."
        if left <= 0 and top <= 0 and left + width >= self._display[2] and top + height >= self._display[3]:
            return f"{size}: it shows more than the frame, and is used where it belongs."
        place = f"{_from_edge(left, 'left')} and {_from_edge(top, 'top')}"
        return f"{size}: it shows a part of {width} x {height}, {place}, and is used there."

    def _find(self, picture: ReferencePicture, frame: int, has_aspect: bool) -> tuple[Window, Window] | None:
        """Return the format that a reference shows a part of, and what it shows of it, in the reference's pixels."""
        reference, plate = self._read_reference(picture, frame), self._read_plate(frame)
        target = roll_off(self._pipe.lightness(plates.layer_pixels(plate)))
        lab = self._pipe_of(picture).lab(plates.layer_pixels(reference))
        source = np.ascontiguousarray(roll_off(lab[..., 0]))
        known = _known(reference, uses_alpha=picture.alpha == "auto")
        if known is not None and not known.any():
            raise nothing_known(f"Reference {frame} ({picture.path})")
        place = find_place(target, source, known)
        if place is None or (has_aspect and min(place.width, place.height) >= _WHOLE):
            return None
        left, top, scale = _at_plate_size(place, target, source)
        x, y, *_ = reference.data_window
        rows, columns = _inside(source, np.hypot(lab[..., 1], lab[..., 2]), target, (left, top), scale)
        left, top = left + plate.data_window[0], top + plate.data_window[1]
        display = (
            round(x + (self._display[0] - left) * scale[0]),
            round(y + (self._display[1] - top) * scale[1]),
            round(self._display[2] * scale[0]),
            round(self._display[3] * scale[1]),
        )
        return display, (x + columns.start, y + rows.start, columns.stop - columns.start, rows.stop - rows.start)


def _folded(told: Mapping[tuple[str, str], list[int]]) -> dict[str, list[int]]:
    """Return the frames of each line; one line for a sequence whose pictures show many parts of their frames."""
    lines: dict[str, list[int]] = {}
    for path, _ in told:
        group = {line: frames for (other, line), frames in told.items() if other == path}
        if len(group) > _TOLD_APART:
            frames = sorted(frame for frames in group.values() for frame in frames)
            lines[f"({path}) shows a part of its frame, and is used there."] = frames
        else:
            lines.update({f"({path}) {line}": frames for line, frames in group.items()})
    return lines


def _from_edge(pixels: int, edge: str) -> str:
    if pixels < 0:
        return f"{count_of(-pixels, 'pixel')} beyond the {edge} edge"
    return f"{count_of(pixels, 'pixel')} from the {edge}"


def _inside(
    source: Plane, chroma: Plane, target: Plane, corner: tuple[float, float], scale: tuple[float, float]
) -> tuple[slice, slice]:
    """Return the rows and columns of a picture between its bars.

    Args:
        source: L* of the picture, shape (h, w).
        chroma: Its chroma, of the same shape.
        target: L* of the plate, shape (H, W).
        corner: Where the picture's left upper corner lies on the plate: x, y, px.
        scale: Its pixels in one of the plate's, across and down.
    """
    height, width = source.shape
    x = np.asarray((np.arange(width) + 0.5) / scale[0] + corner[0] - 0.5, np.float32)[None].repeat(height, 0)
    y = np.asarray((np.arange(height) + 0.5) / scale[1] + corner[1] - 0.5, np.float32)[:, None].repeat(width, 1)
    shown = cv2.remap(target, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=float("nan"))
    bars = find_bars(source, np.asarray(shown, np.float32), chroma)
    if bars is None:
        return slice(0, height), slice(0, width)
    rows, columns = (np.flatnonzero(~bars.all(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _known(picture: Picture, *, uses_alpha: bool) -> Mask | None:
    """Return which pixels of a reference show something, shape (H, W); None for all."""
    alpha = plates.alpha_plane(picture) if uses_alpha else None
    known = None if alpha is None else np.asarray(alpha >= COVERED)
    if picture.broken is None:
        return known
    return ~picture.broken if known is None else known & ~picture.broken


def _at_plate_size(place: Place, target: Plane, source: Plane) -> tuple[float, float, tuple[float, float]]:
    """Return where the left and upper edge of a picture lie on the plate, px, and its own pixels in one of the plate's.

    A crop keeps the shape of its pixels, and often their size; a whole frame may have been squeezed.
    """
    (height, width), (own_height, own_width) = target.shape, source.shape
    sides = place.width * width, place.height * height
    scale = own_width / sides[0], own_height / sides[1]
    left, top = place.left * width, place.top * height
    if max(scale) > _SQUEEZED * min(scale):
        return left, top, scale
    uniform = (own_width + own_height) / sum(sides)
    if abs(uniform - 1) * max(source.shape) <= _UNSURE * height:
        uniform = 1.0
    left += (sides[0] - own_width / uniform) / 2
    top += (sides[1] - own_height / uniform) / 2
    if uniform == 1:
        left, top = _nearest_pixel(target, source, round(left), round(top))
    return left, top, (uniform, uniform)


def _nearest_pixel(target: Plane, source: Plane, left: int, top: int) -> tuple[int, int]:
    """Return the place of a crop that has the plate's own pixels, near the place that was found at a smaller size.

    Args:
        target: L* of the plate, shape (H, W).
        source: L* of the crop, shape (h, w).
        left: Where its left edge was found to lie, px.
        top: Where its upper edge was found to lie, px.
    """
    reach = round(_UNSURE * len(target)) + 1
    # the part of the crop that lies within the plate wherever the crop is, cut down to its middle
    spans = []
    for start, size, whole in ((top, source.shape[0], target.shape[0]), (left, source.shape[1], target.shape[1])):
        first, end = max(0, reach - start), min(size, whole - reach - start)
        middle = (first + end) // 2
        spans.append((max(first, middle - _COMPARED // 2), min(end, middle + _COMPARED // 2)))
    (y, bottom), (x, right) = spans
    if min(bottom - y, right - x) < 2 * reach:
        return left, top
    part = local_contrast(np.ascontiguousarray(source[y:bottom, x:right]))
    around = local_contrast(
        np.ascontiguousarray(target[top + y - reach : top + bottom + reach, left + x - reach : left + right + reach]),
        lines=bottom - y,
    )
    scores = cv2.matchTemplate(around, part, cv2.TM_CCOEFF_NORMED)
    _, best, _, (across, down) = cv2.minMaxLoc(scores)
    if best < _LEAST_CORRELATION:
        return left, top
    return left + across - reach, top + down - reach
