"""Read any frame of a movie by its number. A few movies stay open, each with one decoder and a bounded cache."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from stcolor_core.errors import PlateError
from stcolor_core.files.given_paths import describe_denial
from stcolor_core.images.formats import HeaderSummary
from stcolor_core.images.pictures import Header, Picture
from stcolor_core.movies.names import load_av
from stcolor_core.movies.planes import frame_to_pixels
from stcolor_core.movies.probe import MovieInfo, probe, reading
from stcolor_core.movies.timecode import drops_frames, frame_of_timecode, pack_timecode, timecode_of_frame
from stcolor_core.remedies import advise

__all__ = ["MOST_OPEN", "Movie", "open_movie"]

MOST_OPEN = 2
"""How many movies stay open: readers of more at once open them again and again."""
_CACHED_BYTES = 192 * 2**20  # decoded frames: with long groups of pictures, each step backwards would decode a group
_MOST_THREADS = 4


class Movie:
    """A movie whose frames are read by their place, in any order, from any thread.

    Args:
        path: The file.

    Attributes:
        info: What the movie holds.

    Raises:
        PlateError: As `probe.probe` does.
    """

    def __init__(self, path: Path) -> None:
        self.info: MovieInfo = probe(path)
        self._places = {time: place for place, time in enumerate(self.info.index.times)}
        self._lock = threading.Lock()
        self._container: Any = None
        self._frames: Iterator[Any] = iter(())
        self._next: int | None = None  # the place of the frame that the decoder gives next
        self._cache: OrderedDict[int, Any] = OrderedDict()
        sample = self.info.width * self.info.height * (2 if self.info.layout.bits > 8 else 1) * 3
        self._most_cached = max(4, _CACHED_BYTES // sample)

    def header(self, place: int, *, frame: int) -> Header:
        """Return the header of a frame: the size, the pixel aspect, the rate and the frame's timecode.

        Args:
            place: The frame's place in the movie, from 0.
            frame: Its number in the plate.

        Raises:
            PlateError: If the movie has no such frame.
        """
        info = self.info
        self._require(place, frame)
        channels = ("Y",) if info.layout.kind == "grey" else ("R", "G", "B")
        window = (0, 0, info.width, info.height)
        metadata: dict[str, tuple[Any, Any]] = {
            "PixelAspectRatio": (info.pixel_aspect, oiio.TypeDesc("float")),
            "FramesPerSecond": ((info.rate.numerator, info.rate.denominator), oiio.TypeDesc("rational")),
        }
        if (words := self._timecode(place)) is not None:
            metadata["smpte:TimeCode"] = (words, oiio.TypeDesc("timecode"))
        return Header(
            path=info.path,
            frame=frame,
            channels=channels,
            data_window=window,
            display_window=window,
            metadata={name: value for name, (value, _) in metadata.items()},
            metadata_types={name: kind for name, (_, kind) in metadata.items()},
            file_format="movie",
            pixel_type="uint8" if info.layout.bits == 8 else "uint16",
            layer="",
            layers=("",),
            picture_channels=channels,
            encoding=info.tags.to_text(),
        )

    def summary(self) -> HeaderSummary:
        """Return the format that all frames share."""
        return HeaderSummary.of(self.header(0, frame=0))

    def read(self, place: int, *, frame: int) -> Picture:
        """Read a frame.

        Args:
            place: The frame's place in the movie, from 0.
            frame: Its number in the plate.

        Returns:
            The picture, shape (H, W, 3), or (H, W, 1) of a movie without colour. Black is 0 and white 1; what is
            darker or brighter lies outside.

        Raises:
            PlateError: If the movie has no such frame, or if it is damaged.
        """
        header = self.header(place, frame=frame)
        with self._lock, reading(self.info.path, frame=frame):
            decoded = self._decode(place, frame)
        pixels = frame_to_pixels(decoded, self.info.layout, self.info.tags)
        return Picture(**vars(header), pixels=np.ascontiguousarray(pixels), nonfinite=0, broken=None)

    def close(self) -> None:
        """Close the file. A later read opens it again."""
        with self._lock:
            self._close()

    def _require(self, place: int, frame: int) -> None:
        if not 0 <= place < self.info.count:
            first = frame - place
            raise PlateError(
                f"{self.info.path} has no frame {frame}: it has {first}-{first + self.info.count - 1}. "
                f"{advise('movie_frames')}."
            )

    def _timecode(self, place: int) -> tuple[int, int] | None:
        """Return the timecode of a frame as EXR stores it; None if there is none, or EXR cannot hold it."""
        info = self.info
        start = None if info.timecode is None else frame_of_timecode(info.timecode, info.rate)
        if start is None or info.timecode is None:
            return None
        text = timecode_of_frame(start + place, info.rate, drop=drops_frames(info.timecode))
        return pack_timecode(text, info.rate)

    def _decode(self, place: int, frame: int) -> Any:
        """Return a decoded frame, from the cache if it is there."""
        if place in self._cache:
            self._cache.move_to_end(place)
            return self._cache[place]
        seek = self.info.index.seeks[place]
        near = self._next is not None and self._next <= place and self.info.index.seeks[self._next] >= seek
        if not near and not (self._next is not None and self._next <= place <= self._next + 2):
            self._seek(seek)
        decoded = self._forward(place)
        if decoded is None and self._next is not None and self._next > place:  # the file's own index led too far
            self._seek(self.info.index.seeks[0])
            decoded = self._forward(place)
        if decoded is None or decoded.is_corrupt:
            self._close()
            raise PlateError(
                f"Frame {frame} of {self.info.path} is truncated or damaged. Copy or export the movie again."
            )
        return decoded

    def _forward(self, place: int) -> Any:
        """Decode up to a frame and return it; None if the decoder is beyond it or at the end."""
        for decoded in self._frames:
            found = self._places.get(decoded.pts)
            if found is None:
                continue
            self._next = found + 1 if found + 1 < self.info.count else None
            self._cache[found] = decoded
            while len(self._cache) > self._most_cached:
                self._cache.popitem(last=False)
            if found == place:
                return decoded
            if found > place:
                self._next = found + 1
                return None
        self._next = None
        return None

    def _seek(self, time: int) -> None:
        if self._container is None:
            av = load_av()
            self._container = av.open(str(self.info.path), metadata_errors="replace")
            stream = self._stream()
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = min(_MOST_THREADS, os.cpu_count() or 1)
        self._container.seek(time, stream=self._stream(), backward=True)
        self._frames = self._container.decode(self._stream())
        self._next = None

    def _stream(self) -> Any:
        return self._container.streams[self.info.stream]

    def _close(self) -> None:
        if self._container is not None:
            self._container.close()
        self._container, self._frames, self._next = None, iter(()), None
        self._cache.clear()


_open: OrderedDict[tuple[str, int, int], Movie] = OrderedDict()
_open_lock = threading.Lock()


def open_movie(path: Path) -> Movie:
    """Return a movie, the same one for as long as the file keeps its size and modification time.

    The last two movies stay open.

    Args:
        path: The file.

    Raises:
        PlateError: As `probe.probe` does.
    """
    try:
        status = path.stat()
    except OSError as error:
        denial = describe_denial(path) or f"cannot be read ({error.strerror}). Check the path."
        raise PlateError(f"{path} {denial}") from None
    key = (os.path.abspath(path), status.st_size, status.st_mtime_ns)  # noqa: PTH100  (Path.absolute leaves .. in it)
    with _open_lock:
        if key not in _open:
            _open[key] = Movie(path)
            while len(_open) > MOST_OPEN:
                _, oldest = _open.popitem(last=False)
                oldest.close()
        _open.move_to_end(key)
        return _open[key]
