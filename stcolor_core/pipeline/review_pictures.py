"""Draw the pictures of a review: plate, result and confidence side by side, with texts and a time line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from stcolor_core.arrays import Pixels
from stcolor_core.errors import PlateError
from stcolor_core.images import plates
from stcolor_core.images.known_color import cut
from stcolor_core.images.pictures import Window
from stcolor_core.images.resizing import resize
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.results import ShotResults
from stcolor_core.shots.reference_files import find_references
from stcolor_core.shots.shot import Shot

__all__ = [
    "BACKGROUND",
    "FAINT",
    "TEXT",
    "ByteImage",
    "FrameReview",
    "ReviewDrawing",
    "draw_text",
    "hstack_panels",
    "panel_size",
    "read_frame",
    "require_results",
    "reviewed_keyframes",
    "title_of",
]

ByteImage = NDArray[np.uint8]
"""Values for the display, shape (H, W, 3)."""

BACKGROUND = (24, 24, 24)
TEXT = (220, 220, 220)
FAINT = (130, 130, 130)
KEYFRAME = (240, 160, 40)
_HEAT = (235, 60, 40)
_GAP = 4
_KEYFRAME_TEXT = "KEYFRAME"


@dataclass(frozen=True, eq=False)
class FrameReview:
    """The pictures of one frame, for the display.

    Attributes:
        frame: Its number.
        plate: The plate, (h, w, 3).
        result: The result, (h, w, 3); None if the frame is not coloured yet.
        heat: The plate, dimmed, with red where the colour is uncertain, (h, w, 3); None if there is no result, or
            it was written without its confidence.
        confidence: Mean confidence, 0..1; None if it is not known.
    """

    frame: int
    plate: ByteImage
    result: ByteImage | None
    heat: ByteImage | None
    confidence: float | None


def title_of(shot: Shot) -> str:
    """Return the name of a shot's result, such as sh010_v002.

    Args:
        shot: The shot.
    """
    return FramePattern.parse(shot.output.path).head.rstrip("._-") or shot.output.path


def reviewed_keyframes(shot: Shot, frames: Sequence[int]) -> list[int]:
    """Return the frames of a plate that have a keyframe, a patch or a swatch, in ascending order.

    Args:
        shot: The shot.
        frames: The plate's frames.
    """
    swatches = {swatch.frame for swatch in shot.swatches}
    return sorted({*find_references(shot, frames), *swatches} & set(frames))


def panel_size(results: ShotResults, *, lines: int) -> tuple[int, int]:
    """Return the height and width of a picture with square pixels, both even.

    Args:
        results: The shot.
        lines: Its height at most; it is never enlarged.
    """
    _, _, width, height = results.header.display_window
    aspect = min(max(float(results.header.metadata.get("PixelAspectRatio", 1.0)), 0.1), 10.0)
    rows = max(2, min(lines, height) // 2 * 2)
    return rows, max(2, round(width * aspect * rows / height / 2) * 2)


def read_frame(
    results: ShotResults, frame: int, *, size: tuple[int, int], confidences: Mapping[int, float]
) -> FrameReview:
    """Read the pictures of a frame.

    Args:
        results: The shot.
        frame: The frame's number.
        size: Height and width of each picture.
        confidences: Mean confidence by frame.

    Returns:
        The pictures.

    Raises:
        PlateError: If a picture is damaged.
    """
    picture = results.plate(frame)
    window = results.header.display_window
    plate = _for_display(results, plates.layer_pixels(picture), picture.data_window, window, size)
    if not results.exists(frame):
        return FrameReview(frame, plate, None, None, None)
    result = _for_display(results, *results.picture(frame), window, size)
    layer = results.confidence(frame)
    if layer is None:
        return FrameReview(frame, plate, result, None, confidences.get(frame))
    doubt = 1 - np.clip(_scale(layer[0][..., None], layer[1], window, size), 0, 1)
    heat = plate * np.float32(0.45) * (1 - doubt) + np.array(_HEAT, np.float32) * doubt
    return FrameReview(frame, plate, result, np.rint(heat).astype(np.uint8), confidences.get(frame))


def _for_display(
    results: ShotResults, pixels: Pixels, window: Window, display: Window, size: tuple[int, int]
) -> ByteImage:
    shown = results.show(_scale(pixels, window, display, size))
    return np.asarray(np.rint(np.clip(shown, 0, 1) * 255), np.uint8)


def _scale(pixels: Pixels, window: Window, target: Window, size: tuple[int, int]) -> Pixels:
    """Return pixels (H, W, C) over a window as (h, w, C) over the target."""
    whole = np.asarray(cut(pixels, window, target, outside="black"), np.float32)
    return resize(whole, size).reshape(*size, pixels.shape[-1])


@lru_cache(maxsize=16)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def draw_text(
    draw: Any, place: tuple[int, int], text: str, *, size: int, color: tuple[int, int, int] = TEXT, right: bool = False
) -> None:
    """Draw a line of text.

    Args:
        draw: Pillow's drawing.
        place: x and y of its top left corner.
        text: The text.
        size: Height of the letters in pixels.
        color: R, G and B.
        right: Whether `place` is its top right corner.
    """
    draw.text(place, text, font=_font(size), fill=color, anchor="ra" if right else "la")


def hstack_panels(pictures: Sequence[ByteImage | None], *, size: tuple[int, int]) -> ByteImage:
    """Return pictures side by side, with a gap; a missing one is an empty panel.

    Args:
        pictures: The pictures, (h, w, 3) each.
        size: Height and width of each.
    """
    height, width = size
    row = np.full((height, len(pictures) * (width + _GAP) - _GAP, 3), BACKGROUND, np.uint8)
    for place, picture in enumerate(pictures):
        if picture is not None:
            row[:, place * (width + _GAP) :][:, :width] = picture
    return row


class ReviewDrawing:
    """Draws the frames of a review movie, all of one size.

    Args:
        title: The shot's name.
        frames: All frames, in order.
        keyframes: Frames with a keyframe or a patch.
        confidences: Mean confidence by frame.
        size: Height and width of each picture.

    Attributes:
        shape: Height and width of a whole frame, both even.
    """

    def __init__(
        self,
        title: str,
        frames: Sequence[int],
        keyframes: Sequence[int],
        confidences: Mapping[int, float],
        *,
        size: tuple[int, int],
    ) -> None:
        self._title, self._frames, self._keyframes = title, frames, sorted(keyframes)
        self._confidences, self._size = confidences, size
        self._letters = max(9, min(28, size[0] // 18, size[1] // 24))
        self._bar, self._line = self._letters * 2, self._letters * 3
        width = 3 * (size[1] + _GAP) - _GAP
        self.shape = ((self._bar + size[0] + self._line) // 2 * 2, (width + 1) // 2 * 2)
        self._timeline = self._draw_timeline()

    def draw(self, review: FrameReview) -> ByteImage:
        """Return one frame of the movie.

        Args:
            review: The frame's pictures.

        Returns:
            The picture, of the size `shape`.
        """
        canvas = np.full((*self.shape, 3), BACKGROUND, np.uint8)
        row = hstack_panels([review.plate, review.result, review.heat], size=self._size)
        canvas[self._bar :][: len(row), : row.shape[1]] = row
        canvas[self._bar + len(row) :][: self._line, : row.shape[1]] = self._timeline[
            : self.shape[0] - self._bar - len(row)
        ]
        image = Pillow.fromarray(canvas)
        draw = ImageDraw.Draw(image)
        is_key = review.frame in self._keyframes
        top, letters, width = self._letters // 2 - 1, self._letters, self._size[1] + _GAP
        for place, name in enumerate(("plate", "result", "confidence: red is uncertain")):
            draw_text(draw, (place * width + letters // 2, top), name, size=letters, color=FAINT)
        number = f"{self._title}   {review.frame}"
        if draw.textlength(f"result   {number}", font=_font(letters)) > width - 2 * letters:
            number = str(review.frame)  # the shot's name has no room
        draw_text(draw, (2 * width - letters, top), number, size=letters, right=True)
        told = "not coloured yet" if review.result is None else ""
        if review.confidence is not None:
            told = f"mean {review.confidence:.2f}"
        draw_text(draw, (3 * width - letters, top), told, size=letters, right=True)
        if is_key:
            box = [width - _GAP, self._bar - 2, 2 * width - _GAP, self._bar + self._size[0] + 1]
            draw.rectangle(box, outline=KEYFRAME, width=max(2, letters // 6))
            corner = (width + letters, self._bar + letters // 2)
            left, above, right, below = draw.textbbox(corner, _KEYFRAME_TEXT, font=_font(letters))
            edge = letters // 3
            draw.rectangle([left - edge, above - edge, right + edge, below + edge], fill=BACKGROUND)
            draw_text(draw, corner, _KEYFRAME_TEXT, size=letters, color=KEYFRAME)
        x, base = self._x(review.frame), self._bar + self._size[0]
        draw.line([(x, base + 2), (x, base + self._line - 2)], fill=TEXT, width=max(2, letters // 8))
        return np.asarray(image)

    def _x(self, frame: int) -> int:
        first, last = self._frames[0], self._frames[-1]
        margin = self._letters
        return round(margin + (self.shape[1] - 2 * margin) * (frame - first) / max(1, last - first))

    def _draw_timeline(self) -> ByteImage:
        """Return the strip with the curve of the confidence, the keyframes and the first and last number."""
        image = Pillow.new("RGB", (3 * (self._size[1] + _GAP) - _GAP, self._line), BACKGROUND)
        draw = ImageDraw.Draw(image)
        top, bottom = self._letters // 3, self._line - self._letters // 3
        for frame in self._keyframes:
            x = self._x(frame)
            draw.line([(x, top), (x, bottom)], fill=KEYFRAME, width=max(1, self._letters // 10))
        points = [
            (self._x(frame), round(bottom - (bottom - top) * _height_of(self._confidences[frame])))
            for frame in self._frames
            if frame in self._confidences
        ]
        if len(points) > 1:
            draw.line(points, fill=(90, 170, 220), width=max(1, self._letters // 10))
        letters = max(8, self._letters * 2 // 3)
        draw_text(draw, (self._letters // 2, bottom - letters), str(self._frames[0]), size=letters, color=FAINT)
        end = (image.width - self._letters // 2, bottom - letters)
        draw_text(draw, end, str(self._frames[-1]), size=letters, color=FAINT, right=True)
        return np.asarray(image)


def _height_of(confidence: float) -> float:
    """Return the height of a confidence in the curve, 0..1, as on the page: 0.97 and 1 are well apart."""
    return 1 - float(np.sqrt(1 - min(1.0, max(0.0, confidence))))


def require_results(results: ShotResults, confidences: Mapping[int, float]) -> None:
    """Raise PlateError if nothing of a shot is coloured yet.

    Args:
        results: The shot.
        confidences: Mean confidence by frame.

    Raises:
        PlateError: If no frame is there.
    """
    if not confidences:
        raise PlateError(
            f"No frame of {results.shot.output.path} holds a confidence. Run stcolor colorize on it first."
        )
