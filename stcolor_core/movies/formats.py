"""The kinds of movies that are written: codec, pixels and file types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stcolor_core.errors import BadRequest
from stcolor_core.movies.names import load_av
from stcolor_core.movies.planes import PixelFormat
from stcolor_core.remedies import advise

__all__ = ["FORMATS", "MovieFormat", "choose_format", "layout_of"]

_CONTAINERS = {".mov": "mov", ".mp4": "mp4", ".m4v": "mp4", ".mxf": "mxf", ".mkv": "matroska"}


@dataclass(frozen=True, kw_only=True)
class MovieFormat:
    """A kind of movie.

    Attributes:
        title: Its name in messages.
        encoder: FFmpeg's encoder.
        suffixes: The file types that may hold it, the usual one first.
        layout: FFmpeg's layout of its pixels.
        options: The encoder's options.
        may_be_full: Whether its files can say that the range is full.
        smallest: Least width and height.
        even: Whether width and height must be even.
    """

    title: str
    encoder: str
    suffixes: tuple[str, ...]
    layout: str
    options: Mapping[str, str] = field(default_factory=dict)
    may_be_full: bool = False
    smallest: tuple[int, int] = (16, 16)
    even: bool = False

    def container(self, path: Path) -> str:
        """Return FFmpeg's name of the file type of a path.

        Args:
            path: The movie.
        """
        return _CONTAINERS[path.suffix.lower()]

    def check_size(self, path: Path, width: int, height: int) -> None:
        """Refuse a size that the codec cannot hold.

        Args:
            path: The movie.
            width: Columns of the picture.
            height: Rows of the picture.

        Raises:
            BadRequest: If the codec cannot hold it.
        """
        problem = self._size_problem(width, height)
        if problem:
            raise BadRequest(
                f"{path} would have {width} x {height} pixels; {self.title} {problem}. "
                f"{_other_format(path, width, height)}."
            )

    def _size_problem(self, width: int, height: int) -> str:
        """Return why the codec cannot hold a size, in a few words; "" if it can."""
        if width < self.smallest[0] or height < self.smallest[1]:
            return f"begins at {self.smallest[0]} x {self.smallest[1]}"
        return "needs even numbers" if self.even and (width % 2 or height % 2) else ""


FORMATS: dict[str, MovieFormat] = {
    "prores-hq": MovieFormat(
        title="ProRes 422 HQ",
        encoder="prores_ks",
        suffixes=(".mov", ".mkv", ".mxf"),
        layout="yuv422p10le",
        options={"profile": "3", "vendor": "apl0"},
        even=True,
    ),
    "prores-4444": MovieFormat(
        title="ProRes 4444",
        encoder="prores_ks",
        suffixes=(".mov", ".mkv"),
        layout="yuv444p10le",
        options={"profile": "4", "vendor": "apl0"},
    ),
    "dnxhr": MovieFormat(
        title="DNxHR HQX",
        encoder="dnxhd",
        suffixes=(".mxf", ".mov"),
        layout="yuv422p10le",
        options={"profile": "dnxhr_hqx"},
        smallest=(256, 120),
        even=True,
    ),
    "h264": MovieFormat(
        title="H.264",
        encoder="libx264",
        suffixes=(".mp4", ".mov", ".m4v", ".mkv"),
        layout="yuv420p",
        options={"crf": "16", "preset": "medium"},
        may_be_full=True,
        even=True,
    ),
    "ffv1": MovieFormat(
        title="FFV1",
        encoder="ffv1",
        suffixes=(".mkv", ".mov"),
        layout="gbrp16le",
        options={"level": "3", "slices": "16", "slicecrc": "1", "g": "1"},
        may_be_full=True,
    ),
}
_USUAL = {".mov": "prores-hq", ".mp4": "h264", ".m4v": "h264", ".mxf": "dnxhr", ".mkv": "ffv1"}


def choose_format(path: Path, name: str | None) -> MovieFormat:
    """Return the format of a movie to write.

    Args:
        path: The movie.
        name: One of `FORMATS`; None for the usual one of the file type.

    Raises:
        BadRequest: If the file type holds no movie or not this kind, or if FFmpeg lacks the encoder.
    """
    suffix = path.suffix.lower()
    if suffix not in _USUAL:
        raise BadRequest(f"{path} is not a movie that can be written. Name it .mov, .mp4, .mxf or .mkv.")
    name = name or _USUAL[suffix]
    chosen = FORMATS[name]
    if suffix not in chosen.suffixes:
        raise BadRequest(f"{path} cannot hold {chosen.title}. Name it {' or '.join(chosen.suffixes)}.")
    if chosen.encoder not in load_av().codecs_available:
        raise BadRequest(
            f"This PyAV cannot write {chosen.title}: it is built without {chosen.encoder}. "
            f"{advise('movie_format')}, or install PyAV from PyPI."
        )
    return chosen


def layout_of(chosen: MovieFormat, *, like: PixelFormat | None) -> PixelFormat:
    """Return the layout in which a movie is written: without loss, that of the plate at 10 bits or more.

    Args:
        chosen: The movie's format.
        like: The layout of the plate, if it is a movie; None for pictures.
    """
    name = chosen.layout
    if chosen.encoder == "ffv1" and like is not None and like.kind == "yuv":
        bits = next(bits for bits in (10, 12, 16) if bits >= like.bits)
        name = f"yuv444p{bits}le"
    layout = PixelFormat.parse(name)
    assert layout is not None
    return layout


def _other_format(path: Path, width: int, height: int) -> str:
    """Return the remedy for a movie whose codec cannot hold its size: another codec, of its file type if one can."""
    able = [name for name, other in FORMATS.items() if not other._size_problem(width, height)]
    if not able:
        return "No movie can hold it: leave the movie out"
    here = [name for name in able if path.suffix.lower() in FORMATS[name].suffixes]
    if here:
        return advise("movie", f"{path} --movie-format {here[0]}")
    return advise("movie", f"{path.with_suffix(FORMATS[able[0]].suffixes[0])} --movie-format {able[0]}")
