"""The contact sheet of a shot's weakest frames: plate, result and confidence of each, as large as the page allows.

A page holds blocks, one for each frame. A block has a caption, and its three pictures are arranged in the way that
fills the page best: in a row; or the result large, with the others at half its size below it or beside it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw
from PIL.PngImagePlugin import PngInfo

from stcolor_core import __version__
from stcolor_core.arrays import ByteImage
from stcolor_core.errors import BadRequest, OutputError
from stcolor_core.files.atomic import atomic_path
from stcolor_core.images.frame_ranges import describe_frames
from stcolor_core.images.resizing import resize
from stcolor_core.pipeline.provenance import SOFTWARE, describe_provenance, xmp_packet
from stcolor_core.pipeline.results import ShotResults
from stcolor_core.pipeline.review_pictures import (
    BACKGROUND,
    FAINT,
    TEXT,
    FrameReview,
    draw_text,
    panel_size,
    read_frame,
    require_results,
    reviewed_keyframes,
    title_of,
)
from stcolor_core.plurals import count_of
from stcolor_core.shots.shot import Shot

__all__ = [
    "SHEET_TYPES",
    "Box",
    "SheetLayout",
    "choose_columns",
    "choose_layout",
    "weakest_frames",
    "write_contact_sheet",
]

SHEET_TYPES = (".png", ".pdf")
"""The file types of contact sheets."""

PAGE = 1654, 2339
"""Width and height of A4 at 200 dots an inch."""

_INCHES = 8.27  # width of A4
_LETTERS = 26  # pixels: 9 points on paper
_MARGIN, _GAP = 60, 8
_HEADER = 7 * _LETTERS
_CAPTION, _BELOW = 3 * _LETTERS // 2, _LETTERS  # lines above and below the pictures of a block
_SQUEEZE = 0.3  # of a row: rows shrink a little so that one more fits on a page
_FIT = 2**14  # more lines than any plate has


@dataclass(frozen=True)
class Colors:
    """The colours of a sheet: dark for a screen, as around the viewer's pictures, and white for paper.

    Attributes:
        ground: R, G and B of the page.
        text: R, G and B of captions.
        faint: R, G and B of what matters less.
    """

    ground: tuple[int, int, int]
    text: tuple[int, int, int]
    faint: tuple[int, int, int]


_SCREEN = Colors(BACKGROUND, TEXT, FAINT)
_PAPER = Colors((255, 255, 255), (20, 20, 20), (100, 100, 100))


@dataclass(frozen=True)
class Box:
    """A rectangle on the page, in pixels.

    Attributes:
        x: Its left edge.
        y: Its upper edge.
        width: Its width.
        height: Its height.
    """

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class SheetLayout:
    """Where the pictures of a block are, in pixels from the block's upper left corner.

    Attributes:
        plate: The plate's picture.
        result: The result's picture.
        heat: The picture of the confidence.
        height: Height of the whole block with its caption.
        blocks: How many blocks a page has at most.
    """

    plate: Box
    result: Box
    heat: Box
    height: int
    blocks: int


def choose_columns(aspect: float, count: int) -> int:
    """Return in how many columns a PNG shows some frames: two if upright pictures would make it higher than a page.

    Args:
        aspect: Width over height of a picture, more than 0.
        count: How many frames, 1 or more.
    """
    height = _HEADER + 2 * _MARGIN + count * choose_layout(aspect, 1, kinds=("row",)).height
    return 2 if aspect < 1 and count > 1 and height > PAGE[1] else 1


def choose_layout(
    aspect: float, count: int, *, columns: int = 1, kinds: Sequence[str] = ("row", "below", "beside")
) -> SheetLayout:
    """Return the arrangement that shows the pictures of some frames largest, on as few pages as rows of three need.

    Args:
        aspect: Width over height of a picture, more than 0.
        count: How many frames, 1 or more; of several columns those of one.
        columns: How many blocks stand side by side.
        kinds: The arrangements to choose from.
    """
    width, height = _block_width(columns), PAGE[1] - 2 * _MARGIN - _HEADER
    row = _arrange("row", aspect, width, height - _CAPTION - _BELOW)
    per_page = max(1, int(height / row.height + _SQUEEZE))
    pages = -(-count // per_page)
    blocks = -(-count // pages)
    room = height // blocks - _CAPTION - _BELOW
    layouts = [_arrange(kind, aspect, width, room) for kind in kinds]
    best = max(layouts, key=lambda each: sum(box.width * box.height for box in (each.plate, each.result, each.heat)))
    return SheetLayout(best.plate, best.result, best.heat, best.height, blocks)


def _block_width(columns: int) -> int:
    return (PAGE[0] - (columns + 1) * _MARGIN) // columns


def _arrange(kind: str, aspect: float, width: int, height: int) -> SheetLayout:
    """Return a block whose pictures fit into a width and a height."""
    across, down = {"row": (3.0, 1.0), "below": (1.0, 1.5), "beside": (1.5, 1.0)}[kind]  # in sizes of the result
    gaps = {"row": (2, 0), "below": (0, 1), "beside": (1, 0)}[kind]
    lines = min((width - gaps[0] * _GAP) / (across * aspect), (height - gaps[1] * _GAP) / down)
    h, w = max(2, int(lines)), max(2, int(lines * aspect))
    half_h, half_w = max(1, (h - _GAP) // 2), max(1, (w - _GAP) // 2)
    result = Box(0, _CAPTION, w, h)
    if kind == "row":
        plate, result, heat = (Box(place * (w + _GAP), _CAPTION, w, h) for place in range(3))
    elif kind == "below":
        half_h = max(1, round(half_w / aspect))
        plate, heat = (Box(place * (half_w + _GAP), _CAPTION + h + _GAP, half_w, half_h) for place in range(2))
    else:
        half_w = max(1, round(half_h * aspect))
        plate, heat = (Box(w + _GAP, _CAPTION + place * (half_h + _GAP), half_w, half_h) for place in range(2))
    bottom = max(box.y + box.height for box in (plate, result, heat))
    return SheetLayout(plate, result, heat, bottom + _BELOW, 1)


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
    kind = path.suffix.lower()
    if kind not in SHEET_TYPES:
        raise BadRequest(f"The contact sheet {path} must be a .png or a .pdf. Rename it.")
    results = ShotResults(shot)
    confidences = results.mean_confidences()
    require_results(results, confidences)
    keyframes = reviewed_keyframes(shot, list(results.files))
    frames = weakest_frames(confidences, keyframes, count=count)
    height, width = panel_size(results, lines=_FIT)
    number = max(1, len(frames))
    columns = choose_columns(width / height, number) if kind == ".png" else 1
    layout = choose_layout(width / height, -(-number // columns), columns=columns)
    size = min(height, layout.result.height), min(width, layout.result.width)
    colors = _PAPER if kind == ".pdf" else _SCREEN
    blocks = [
        _draw_block(
            read_frame(results, frame, size=size, confidences=confidences), layout, keyframes, colors, columns=columns
        )
        for frame in frames
    ]
    groups = [blocks[start : start + layout.blocks] for start in range(0, max(1, len(blocks)), layout.blocks)]
    if kind == ".png":
        groups = [blocks]  # a screen scrolls
    header = [title_of(shot), *_describe(confidences, keyframes)]
    pages = [
        _draw_page(header, group, colors, place=(number, len(groups)), fixed=kind == ".pdf", columns=columns)
        for number, group in enumerate(groups, 1)
    ]
    _save(path, pages, shot)
    return frames


def _describe(confidences: Mapping[int, float], keyframes: Sequence[int]) -> tuple[str, str]:
    """Return the two lines under the title."""
    mean = sum(confidences.values()) / len(confidences)
    keys = describe_frames(keyframes) if keyframes else "none"
    return (
        f"The weakest frames of {describe_frames(confidences)}    mean confidence {mean:.2f}    keyframes {keys}",
        "Plate, result, and confidence on the dimmed plate: red is uncertain",
    )


def _draw_block(
    review: FrameReview, layout: SheetLayout, keyframes: Sequence[int], colors: Colors, *, columns: int
) -> Pillow.Image:
    image = Pillow.new("RGB", (_block_width(columns), layout.height), colors.ground)
    boxes = ((review.plate, layout.plate), (review.result, layout.result), (review.heat, layout.heat))
    for picture, box in boxes:
        if picture is not None:
            image.paste(Pillow.fromarray(_sized(picture, box)), (box.x, box.y))
    draw = ImageDraw.Draw(image)
    told = f"Frame {review.frame}"
    if review.confidence is not None:
        told += f"    mean confidence {review.confidence:.2f}"
    draw_text(draw, (0, 0), told, size=_LETTERS, color=colors.text)
    if keyframes:
        nearest = min(keyframes, key=lambda key: abs(key - review.frame))
        away = abs(nearest - review.frame)
        text = f"nearest keyframe {nearest}, {count_of(away, 'frame')} away"
        right = max(box.x + box.width for _, box in boxes)
        if draw.textlength(f"{told}    {text}", font_size=_LETTERS) > right:
            right = image.width  # narrow pictures
        if draw.textlength(f"{told}    {text}", font_size=_LETTERS) > right:
            text = f"keyframe {nearest}"
        draw_text(draw, (right, 0), text, size=_LETTERS, color=colors.faint, right=True)
    return image


def _sized(picture: ByteImage, box: Box) -> ByteImage:
    if picture.shape[:2] == (box.height, box.width):
        return picture
    resized = resize(picture.astype(np.float32), (box.height, box.width))
    return np.asarray(np.rint(np.clip(resized, 0, 255)), np.uint8)


def _draw_page(
    header: Sequence[str],
    blocks: Sequence[Pillow.Image],
    colors: Colors,
    *,
    place: tuple[int, int],
    fixed: bool,
    columns: int,
) -> Pillow.Image:
    """Return a page with blocks under the header; one that is not fixed is as high as they need."""
    needed = 2 * _MARGIN + _HEADER + sum(block.height for block in blocks[::columns])
    page = Pillow.new("RGB", (PAGE[0], PAGE[1] if fixed else needed), colors.ground)
    draw = ImageDraw.Draw(page)
    title, line, legend = header
    draw_text(draw, (_MARGIN, _MARGIN), title, size=2 * _LETTERS, color=colors.text)
    draw_text(draw, (_MARGIN, _MARGIN + 5 * _LETTERS // 2), line, size=_LETTERS, color=colors.text)
    draw_text(draw, (_MARGIN, _MARGIN + 4 * _LETTERS), legend, size=_LETTERS, color=colors.faint)
    page_number, count = place
    made_by = f"RefColorize {__version__}" + (f"    page {page_number} of {count}" if count > 1 else "")
    corner = (PAGE[0] - _MARGIN, _MARGIN)
    draw_text(draw, corner, made_by, size=_LETTERS, color=colors.faint, right=True)
    top = _MARGIN + _HEADER
    for number, block in enumerate(blocks):
        column = number % columns
        page.paste(block, (_MARGIN + column * (block.width + _MARGIN), top))
        if column == columns - 1:
            top += block.height
    return page


def _save(path: Path, pages: Sequence[Pillow.Image], shot: Shot) -> None:
    data, comment = io.BytesIO(), describe_provenance(shot)
    if path.suffix.lower() == ".png":
        told = PngInfo()
        if comment is not None:
            told.add_text("Software", SOFTWARE)
            told.add_itxt("XML:com.adobe.xmp", xmp_packet())
        pages[0].save(data, "PNG", pnginfo=told)
    else:
        about = {} if comment is None else {"creator": SOFTWARE, "subject": comment}
        options = {"resolution": PAGE[0] / _INCHES, "quality": 92, "title": f"{title_of(shot)}: weakest frames"}
        pages[0].save(data, "PDF", save_all=True, append_images=list(pages[1:]), **options, **about)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as partial:
            partial.write_bytes(data.getvalue())
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}). Choose another folder.") from None
