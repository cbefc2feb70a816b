"""Write a shot's review: a movie of plate, result and confidence, and a contact sheet of the weakest frames."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw
from PIL.PngImagePlugin import PngInfo

from stcolor_core import __version__
from stcolor_core.arrays import Pixels
from stcolor_core.errors import BadRequest, Cancelled, OutputError
from stcolor_core.files.atomic import atomic_path
from stcolor_core.images.frame_ranges import describe_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.movies.color import ColorTags
from stcolor_core.movies.formats import choose_format, layout_of
from stcolor_core.movies.writer import MovieSettings, write_movie
from stcolor_core.pipeline.movie_output import plate_rate, plate_sound, plate_timecode
from stcolor_core.pipeline.provenance import SOFTWARE, describe_provenance, xmp_packet
from stcolor_core.pipeline.results import ShotResults
from stcolor_core.pipeline.review_pictures import (
    BACKGROUND,
    FAINT,
    ByteImage,
    FrameReview,
    ReviewDrawing,
    draw_text,
    hstack_panels,
    panel_size,
    read_frame,
    require_results,
)
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_references

__all__ = ["SHEET_TYPES", "weakest_frames", "write_contact_sheet", "write_review"]

SHEET_TYPES = (".png", ".pdf")
"""The file types of contact sheets."""

_LETTERS = 20  # pixels, on the sheet
_PAPER = 2**0.5  # height over width of A4
_PAPER_INCHES = 8.27  # width of A4
_SHEET_WIDTH = 1654  # A4 at 200 dots an inch
_MARGIN = 50
_SRGB = ColorTags(1, 13, 1, full_range=False)


def write_review(
    shot: Shot,
    path: Path,
    *,
    format: str | None = None,
    lines: int = 540,
    cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """Write a movie with plate, result and confidence side by side, frame numbers and keyframes burnt in.

    Frames that are not coloured yet have an empty panel.

    Args:
        shot: The shot, of which something must be coloured.
        path: The movie to write.
        format: A name in `movies.formats.FORMATS`; None for the usual one of the file type.
        lines: Height of each picture at most.
        cancelled: Asked before every frame. Once it returns True, Cancelled is raised and no movie is left.

    Returns:
        The number of frames.

    Raises:
        BadRequest: If the format does not fit the file type or the size.
        PlateError: If nothing is coloured, or if a picture is damaged.
        OutputError: If the movie cannot be written.
    """
    chosen = choose_format(path, format)
    results = ShotResults(shot)
    confidences = results.mean_confidences()
    require_results(results, confidences)
    frames = list(results.files)
    size = panel_size(results, lines=lines)
    drawing = ReviewDrawing(_title(shot), frames, _keyframes(shot, frames), confidences, size=size)
    height, width = drawing.shape
    chosen.check_size(path, width, height)
    rate = plate_rate(results.header) or Fraction(24)
    continuous = frames == list(range(frames[0], frames[-1] + 1))
    layout, comment = layout_of(chosen, like=None), describe_provenance(shot)
    settings = MovieSettings(
        format=chosen,
        layout=layout,
        width=width,
        height=height,
        rate=rate,
        tags=ColorTags(1, 13, 0, full_range=True) if layout.kind == "rgb" else _SRGB,
        timecode=plate_timecode(results.header, rate),
        sound=plate_sound(shot, range(frames[0], frames[-1] + 1), rate) if continuous else None,
        metadata={} if comment is None else {"comment": comment},
    )

    def pictures() -> Iterator[Pixels]:
        for frame in frames:
            if cancelled():
                raise Cancelled(f"Cancelled at frame {frame}. {path} was not written.")
            review = read_frame(results, frame, size=size, confidences=confidences)
            yield drawing.draw(review).astype(np.float32) / np.float32(255)

    write_movie(path, pictures(), settings)
    return len(frames)


def weakest_frames(confidences: Mapping[int, float], keyframes: Sequence[int], *, count: int) -> list[int]:
    """Return the frames with the least mean confidence, spread over the shot, the weakest first.

    Neighbours of a frame look like it, so that each chosen frame keeps others away from it, by half of an even spacing.

    Args:
        confidences: Mean confidence by frame.
        keyframes: Frames that are left out.
        count: How many to return at most.
    """
    left = {frame: value for frame, value in confidences.items() if frame not in set(keyframes)}
    distance = max(1, -(-len(left) // (2 * count)))
    chosen: list[int] = []
    for frame in sorted(left, key=lambda frame: (left[frame], frame)):
        if len(chosen) < count and all(abs(frame - other) >= distance for other in chosen):
            chosen.append(frame)
    return chosen


def write_contact_sheet(shot: Shot, path: Path, *, count: int = 6) -> list[int]:
    """Write a contact sheet of a shot's weakest frames: plate, result and confidence of each.

    Args:
        shot: The shot, of which something must be coloured.
        path: A .png, or a .pdf of one page of A4 or as many as needed.
        count: How many frames, at most.

    Returns:
        The frames that are on it, the weakest first.

    Raises:
        BadRequest: If the file type is another.
        PlateError: If nothing is coloured, or if a picture is damaged.
        OutputError: If the sheet cannot be written.
    """
    if path.suffix.lower() not in SHEET_TYPES:
        raise BadRequest(f"The contact sheet {path} must be a .png or a .pdf. Rename it.")
    results = ShotResults(shot)
    confidences = results.mean_confidences()
    require_results(results, confidences)
    keyframes = _keyframes(shot, list(results.files))
    frames = weakest_frames(confidences, keyframes, count=count)
    size = _tile_size(results)
    rows = [_row(read_frame(results, frame, size=size, confidences=confidences), keyframes, size) for frame in frames]
    header = _sheet_header(shot, confidences, keyframes)
    if path.suffix.lower() == ".png":
        _save(path, [_page(header, rows)], shot, kind="PNG")
        return frames
    most = max(1, (round(_SHEET_WIDTH * _PAPER) - 2 * _MARGIN - len(header)) // (len(rows[0]) if rows else 1))
    groups = [rows[start : start + most] for start in range(0, max(1, len(rows)), most)]
    pages = [_page(header, group, height=round(_SHEET_WIDTH * _PAPER)) for group in groups]
    _save(path, pages, shot, kind="PDF")
    return frames


def _title(shot: Shot) -> str:
    """Return the name of the result, such as sh010_v002."""
    return FramePattern.parse(shot.output.path).head.rstrip("._-")


def _keyframes(shot: Shot, frames: Sequence[int]) -> list[int]:
    swatches = {swatch.frame for swatch in shot.swatches}
    return sorted({*find_references(shot, frames), *swatches} & set(frames))


def _tile_size(results: ShotResults) -> tuple[int, int]:
    """Return the height and width of a picture on the sheet: three fill its width, but a tall one gets half a page."""
    height, width = panel_size(results, lines=2**14)
    share = min((_SHEET_WIDTH - 2 * _MARGIN) / 3 / width, _SHEET_WIDTH * 0.4 / height)
    return max(2, int(height * share)), max(2, int(width * share) - 4)


def _row(review: FrameReview, keyframes: Sequence[int], size: tuple[int, int]) -> ByteImage:
    """Return a row of the sheet: a caption, and under it the pictures."""
    pictures = hstack_panels([review.plate, review.result, review.heat], size=size)
    bar = np.full((2 * _LETTERS, pictures.shape[1], 3), BACKGROUND, np.uint8)
    image = Pillow.fromarray(np.vstack([bar, pictures, bar[: _LETTERS // 2]]))
    draw = ImageDraw.Draw(image)
    told = f"frame {review.frame}"
    if review.confidence is not None:
        told += f"    mean confidence {review.confidence:.2f}"
    draw_text(draw, (0, _LETTERS // 2), told, size=_LETTERS)
    if keyframes:
        nearest = min(keyframes, key=lambda key: abs(key - review.frame))
        away = abs(nearest - review.frame)
        text = f"nearest keyframe {nearest}, {away} frame{'' if away == 1 else 's'} away"
        draw_text(draw, (pictures.shape[1], _LETTERS // 2), text, size=_LETTERS, color=FAINT, right=True)
    return np.asarray(image)


def _sheet_header(shot: Shot, confidences: Mapping[int, float], keyframes: Sequence[int]) -> ByteImage:
    image = Pillow.new("RGB", (_SHEET_WIDTH - 2 * _MARGIN, 6 * _LETTERS), BACKGROUND)
    draw = ImageDraw.Draw(image)
    draw_text(draw, (0, 0), _title(shot) or shot.output.path, size=2 * _LETTERS)
    mean = sum(confidences.values()) / len(confidences)
    line = f"the weakest frames of {describe_frames(confidences)}    mean confidence {mean:.2f}"
    draw_text(draw, (0, 5 * _LETTERS // 2), line, size=_LETTERS)
    keys = describe_frames(keyframes) if keyframes else "none"
    legend = f"keyframes {keys}    left to right: plate, result, confidence (red is uncertain)"
    draw_text(draw, (0, 4 * _LETTERS), legend, size=_LETTERS, color=FAINT)
    draw_text(draw, (image.width, 0), f"RefColorize {__version__}", size=_LETTERS, color=FAINT, right=True)
    return np.asarray(image)


def _page(header: ByteImage, rows: Sequence[ByteImage], *, height: int | None = None) -> Pillow.Image:
    """Return a page with rows under the header; None makes it as high as they need."""
    needed = 2 * _MARGIN + len(header) + sum(map(len, rows))
    page = Pillow.new("RGB", (_SHEET_WIDTH, height or needed), BACKGROUND)
    page.paste(Pillow.fromarray(header), (_MARGIN, _MARGIN))
    top = _MARGIN + len(header)
    for row in rows:
        page.paste(Pillow.fromarray(row), (_MARGIN, top))
        top += len(row)
    return page


def _save(path: Path, pages: Sequence[Pillow.Image], shot: Shot, *, kind: str) -> None:
    data, comment = io.BytesIO(), describe_provenance(shot)
    if kind == "PNG":
        told = PngInfo()
        if comment is not None:
            told.add_text("Software", SOFTWARE)
            told.add_itxt("XML:com.adobe.xmp", xmp_packet())
        pages[0].save(data, kind, pnginfo=told)
    else:
        about = {} if comment is None else {"creator": SOFTWARE, "subject": comment}
        options = {"resolution": _SHEET_WIDTH / _PAPER_INCHES, "quality": 92, **about}
        pages[0].save(data, kind, save_all=True, append_images=list(pages[1:]), **options)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as partial:
            partial.write_bytes(data.getvalue())
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}). Choose another folder.") from None
