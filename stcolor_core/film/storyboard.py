"""Draw the storyboard of a film: a contact sheet per group, which frames to paint first, and what each covers.

The HTML page is one file that loads nothing else. The PDF has the same sheets for printing, as pictures of 150 dpi.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stcolor_core.arrays import ByteImage
from stcolor_core.files.atomic import named_path
from stcolor_core.film.key_proposals import Proposal
from stcolor_core.film.likeness import SceneLook
from stcolor_core.film.page_layout import lay_out
from stcolor_core.film.plan import FilmPlan, KeyName
from stcolor_core.film.scenes import PlateReader
from stcolor_core.plurals import count_of

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Sheet", "Thumbnail", "make_sheets", "write_html", "write_pdf"]

_WIDTH = 256  # pixels of a thumbnail
_PAGE, _MARGIN, _COLUMNS, _ROWS = (1754, 1240), 60, 5, 4  # of a PDF page: A4 at 150 dpi
_DPI = 150
_LISTED = 28  # frames of the list on a page
_MARK = "#b4530a"  # of frames to paint: contrast of 5:1 on white
_COVERS = (
    "A frame covers what it would make right: in its own scene, as far as the plate's motion leads from it, and in the "
    "scenes of its group that have no keyframe."
)
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:90rem;padding:0 1rem;color:#1c1c1c;background:#fff}
h2{margin:2.2rem 0 .3rem;border-top:1px solid #bbb;padding-top:.8rem}
ul.sheet{list-style:none;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));gap:1rem}
figure{margin:0}img{max-width:100%;max-height:13rem;display:block;border:3px solid transparent}
.paint img{border-color:#b4530a}.paint strong{color:#b4530a}figcaption{font-size:.87rem}
table{border-collapse:collapse}td,th{padding:.25rem .8rem;text-align:left;border-bottom:1px solid #ddd}
td.n,th.n{text-align:right}
@media print{figure,tr{break-inside:avoid}}
"""


@dataclass(frozen=True)
class Thumbnail:
    """A frame on a contact sheet: one to paint, or one that stands for its scene.

    Attributes:
        scene: The scene's name.
        key: The frame that is shown.
        count: The number of frames of the scene.
        picture: (H, 256) its lightness.
        rank: The place of the frame among those to paint, from 1; None if it is none of them.
        gain: As in `Proposal`; 0 without a rank.
        painted: Whether the scene has a keyframe.
    """

    scene: str
    key: KeyName
    count: int
    picture: ByteImage
    rank: int | None
    gain: float
    painted: bool


@dataclass(frozen=True)
class Sheet:
    """The contact sheet of a group.

    Attributes:
        group: The group's name.
        share: The share of the film's frames that are in the group, 0..1.
        scenes: The number of its scenes.
        thumbnails: The frames to paint first, then one of each other scene in the order of the film.
    """

    group: str
    share: float
    scenes: int
    thumbnails: tuple[Thumbnail, ...]


def make_sheets(
    plan: FilmPlan,
    looks: Mapping[str, SceneLook],
    proposals: Sequence[Proposal],
    *,
    painted: Collection[str] = (),
    warn: Callable[[str], None] = lambda _: None,
) -> list[Sheet]:
    """Return the contact sheets of a film, in the order of its groups.

    Args:
        plan: The plan.
        looks: The features of its scenes, which say the frame to show.
        proposals: Which frames to paint first.
        painted: Names of the scenes that have a keyframe.
        warn: Called with one line for the artist.
    """
    ranked: dict[str, list[tuple[int, Proposal]]] = {}
    for rank, proposal in enumerate(proposals, 1):
        ranked.setdefault(proposal.scene, []).append((rank, proposal))
    total = sum(len(plan.frames(name)) for name in plan.scenes)
    readers: dict[str, PlateReader] = {}

    def draw(name: str, key: KeyName, rank: int | None, gain: float) -> Thumbnail:
        if key.plate not in readers:
            readers[key.plate] = PlateReader(plan.plates[key.plate], missing="skip", ocio=plan.ocio, warn=warn)
        picture = _shrink(readers[key.plate].lightness(key.frame))
        return Thumbnail(name, key, len(plan.frames(name)), picture, rank, gain, name in painted)

    sheets: list[Sheet] = []
    for group in plan.group_names:
        thumbnails: list[Thumbnail] = []
        for name in plan.members(group):
            thumbnails += [draw(name, each.key, rank, each.gain) for rank, each in ranked.get(name, ())]
            if name not in ranked:
                frames = looks[name].frames
                thumbnails.append(draw(name, KeyName(plan.scenes[name].plate, frames[len(frames) // 2]), None, 0.0))
        thumbnails.sort(key=lambda each: each.rank or len(proposals) + 1)
        share = sum(len(plan.frames(name)) for name in plan.members(group)) / max(1, total)
        sheets.append(Sheet(group, share, len(plan.members(group)), tuple(thumbnails)))
    return sheets


def write_html(path: Path, sheets: Sequence[Sheet], proposals: Sequence[Proposal], *, title: str) -> None:
    """Write the storyboard as one HTML file.

    Args:
        path: The file.
        sheets: The contact sheets.
        proposals: Which frames to paint first.
        title: The title of the page.

    Raises:
        OutputError: If the file cannot be written.
    """
    text = "".join(_html(sheets, proposals, title))
    with named_path(path, "storyboard") as partial:
        partial.write_text(text, encoding="utf-8")


def write_pdf(path: Path, sheets: Sequence[Sheet], proposals: Sequence[Proposal], *, title: str) -> None:
    """Write the storyboard as a PDF, A4 landscape.

    Args:
        path: The file.
        sheets: The contact sheets.
        proposals: Which frames to paint first.
        title: The title of its first page.

    Raises:
        OutputError: If the file cannot be written.
    """
    book = _Book()
    top = book.list_frames(title, proposals)
    width, highest = (_PAGE[0] - 2 * _MARGIN) // _COLUMNS, (_PAGE[1] - 2 * _MARGIN - 60) // _ROWS - 70
    pictures = [[_fit(each.picture, width - 20, highest) for each in sheet.thumbnails] for sheet in sheets]
    heights = [
        [picture.height + 22 + 24 * len(_caption(each)) for picture, each in zip(row, sheet.thumbnails, strict=True)]
        for row, sheet in zip(pictures, sheets, strict=True)
    ]
    bottom = _PAGE[1] - _MARGIN // 2
    blocks = lay_out(heights, columns=_COLUMNS, heading=80, top=40, bottom=bottom, first_top=top)
    for place, page in enumerate(blocks):
        if place:
            book.new_page()
        for block in page:
            if not block.pictures:
                heading = _heading(sheets[block.sheet]) + (" (continued)" if block.continued else "")
                book.write((_MARGIN, block.top + 10), heading, size=40)
            for column, number in enumerate(block.pictures):
                thumbnail = sheets[block.sheet].thumbnails[number]
                book.draw(thumbnail, pictures[block.sheet][number], x=_MARGIN + width * column, y=block.top)
    first, *others = book.pages
    with named_path(path, "storyboard") as partial:
        first.save(partial, "PDF", save_all=True, append_images=others, resolution=_DPI, title=title)


class _Book:
    """The pages of a PDF as pictures; what is drawn goes onto the last one."""

    def __init__(self) -> None:
        self.pages: list[Image.Image] = []

    def new_page(self) -> None:
        """Begin a page."""
        from PIL import Image, ImageDraw

        self.pages.append(Image.new("RGB", _PAGE, "white"))
        self._canvas = ImageDraw.Draw(self.pages[-1])

    def write(self, place: tuple[int, int], text: str, *, size: int, color: str = "black") -> None:
        """Write a line of text at a place, in pixels from the upper left corner."""
        from PIL import ImageFont

        self._canvas.text(place, text, fill=color, font=ImageFont.load_default(size))

    def list_frames(self, title: str, proposals: Sequence[Proposal]) -> int:
        """Write the list of the frames to paint first, on as many pages as it needs; return where its last one ends."""
        lines = [
            f"{rank:3d}.   {each.key}   (scene {each.scene}):   {_percent(each.gain)} of the film, "
            f"{_percent(each.covered)} with those before"
            for rank, each in enumerate(proposals, 1)
        ]
        shown: list[str] = []
        for start in range(0, max(1, len(lines)), _LISTED):
            self.new_page()
            self.write((_MARGIN, 40), title if start == 0 else f"{title} (continued)", size=40)
            self.write((_MARGIN, 110), _first_heading(proposals), size=26, color=_MARK)
            shown = lines[start : start + _LISTED]
            for row, line in enumerate(shown):
                self.write((_MARGIN, 160 + 36 * row), line, size=26)
        return 160 + 36 * len(shown) + _MARGIN // 2

    def draw(self, thumbnail: Thumbnail, picture: Image.Image, *, x: int, y: int) -> None:
        """Draw a picture with its caption; one to paint has a frame."""
        self.pages[-1].paste(picture, (x, y))
        if thumbnail.rank is not None:
            box = (x - 3, y - 3, x + picture.width + 2, y + picture.height + 2)
            self._canvas.rectangle(box, outline=_MARK, width=3)
        for row, line in enumerate(_caption(thumbnail)):
            color = _MARK if thumbnail.rank is not None and row == 1 else "black"
            self.write((x, y + picture.height + 5 + 24 * row), line, size=20, color=color)


def _html(sheets: Sequence[Sheet], proposals: Sequence[Proposal], title: str) -> Iterator[str]:
    name, anchored = html.escape(title), set[str]()
    yield f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
    yield f"<style>{_STYLE}</style></head><body><main>\n<h1>{name}</h1>\n"
    scenes = sum(sheet.scenes for sheet in sheets)
    yield f"<p>{count_of(scenes, 'scene')} in {count_of(len(sheets), 'group')}.</p>\n"
    yield f"<h2>{_first_heading(proposals)}</h2>\n"
    yield f"<p>{html.escape(_COVERS)}</p>\n<table><tr>"
    yield '<th class="n">no.</th><th>frame</th><th>scene</th>'
    yield '<th class="n">covers</th><th class="n">together</th></tr>\n'
    for rank, each in enumerate(proposals, 1):
        yield (
            f'<tr><td class="n">{rank}</td><td>{html.escape(str(each.key))}</td>'
            f'<td><a href="#{html.escape(each.scene)}">{html.escape(each.scene)}</a></td>'
            f'<td class="n">{_percent(each.gain)}</td><td class="n">{_percent(each.covered)}</td></tr>\n'
        )
    yield "</table>\n"
    for sheet in sheets:
        yield f'<h2>{html.escape(_heading(sheet))}</h2>\n<ul class="sheet">\n'
        for thumbnail in sheet.thumbnails:
            anchor = "" if thumbnail.scene in anchored else f' id="{html.escape(thumbnail.scene)}"'
            anchored.add(thumbnail.scene)
            coded = base64.b64encode(_jpeg(thumbnail.picture)).decode("ascii")
            first, *rest = (html.escape(line) for line in _caption(thumbnail))
            kind = "paint" if thumbnail.rank is not None else "other"
            strong = "".join(f"<br><strong>{line}</strong>" for line in rest)
            yield (
                f'<li class="{kind}"{anchor}><figure>'
                f'<img alt="{html.escape(str(thumbnail.key))}" loading="lazy" src="data:image/jpeg;base64,{coded}">'
                f"<figcaption>{first}{strong}</figcaption></figure></li>\n"
            )
        yield "</ul>\n"
    yield "</main></body></html>\n"


def _fit(picture: ByteImage, width: int, height: int) -> Image.Image:
    """Return a picture in the size in which it fits into a cell."""
    from PIL import Image

    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale)))
    return Image.fromarray(picture).resize(size)


def _caption(thumbnail: Thumbnail) -> list[str]:
    lines = [f"{thumbnail.scene}: {thumbnail.key}, {count_of(thumbnail.count, 'frame')}"]
    if thumbnail.rank is not None:
        lines.append(f"paint no. {thumbnail.rank}: {_percent(thumbnail.gain)} of the film")
    if thumbnail.painted:
        lines.append("has a keyframe")
    return lines


def _heading(sheet: Sheet) -> str:
    return f"Group {sheet.group}: {count_of(sheet.scenes, 'scene')}, {_percent(sheet.share)} of the film"


def _first_heading(proposals: Sequence[Proposal]) -> str:
    return "Paint these frames first" if proposals else "No further keyframe is needed"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1f} %"


def _shrink(lightness: np.ndarray) -> ByteImage:
    height = max(1, round(lightness.shape[0] * _WIDTH / lightness.shape[1]))
    small = cv2.resize(lightness, (_WIDTH, height), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(np.rint(np.nan_to_num(small) * 2.55), 0, 255), np.uint8)


def _jpeg(picture: ByteImage) -> bytes:
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes())
