"""Find out what a movie holds: size, rate, frames, timecode, pixels and colour; refuse what cannot be exact."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from stcolor_core.errors import PlateError
from stcolor_core.movies.color import ColorTags, luma_weights
from stcolor_core.movies.names import load_av
from stcolor_core.movies.planes import PixelFormat
from stcolor_core.movies.timecode import frame_of_timecode
from stcolor_core.remedies import advise

__all__ = ["FrameIndex", "MovieInfo", "probe", "reading"]

_JITTER = 0.02  # of a frame: how far a frame may lie from its place at a constant rate, besides the rounding of clocks
_MOST_PIXELS = 2**28
_UNTAGGED = (2, 0)
_DURATION = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")  # of a Matroska stream
_FIELD_ORDERS = (2, 3, 4, 5)  # FFmpeg's: top or bottom field coded first, top or bottom shown first


@dataclass(frozen=True)
class FrameIndex:
    """Where the frames of a movie lie, in the order in which they are shown.

    Attributes:
        times: The time of each frame, in the stream's clock.
        seeks: For each frame, the time to seek to: that of the last key frame from which it can be decoded.
    """

    times: tuple[int, ...]
    seeks: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class MovieInfo:
    """What a movie holds.

    Attributes:
        path: The file.
        width: Columns of the picture.
        height: Rows of the picture.
        pixel_aspect: Width of a pixel over its height.
        rate: Frames a second.
        count: Number of frames.
        timecode: That of the first frame; None if the movie has none.
        codec: FFmpeg's name of the codec.
        layout: How its frames are read.
        tags: Its colour.
        interlaced: Whether it is flagged as interlaced.
        index: Where the frames lie.
        stream: The number of its stream in the file.
        announced: Number of frames by the header of a Matroska, AVI or MXF file, which is more than `count` if the file
            was cut short; None if the header does not say it.
    """

    path: Path
    width: int
    height: int
    pixel_aspect: float
    rate: Fraction
    count: int
    timecode: str | None
    codec: str
    layout: PixelFormat
    tags: ColorTags
    interlaced: bool
    index: FrameIndex
    stream: int
    announced: int | None = None

    @property
    def shortage(self) -> str:
        """Return a sentence on frames that the header announces and the file lacks; "" if it is whole."""
        if self.announced is None or self.announced <= self.count + 1:  # a duration may be rounded up
            return ""
        there = f"{self.path} holds {self.count} of the {self.announced} frames"
        return f"{there} that its header announces: it was cut short."

    @property
    def first_frame(self) -> int:
        """Return the number of the first frame: that of its timecode, else 1 as in Nuke."""
        frame = None if self.timecode is None else frame_of_timecode(self.timecode, self.rate)
        return 1 if frame is None else frame


@contextmanager
def reading(path: Path, *, frame: int | None = None) -> Iterator[None]:
    """Turn FFmpeg's errors while a movie is read into ours.

    Args:
        path: The movie.
        frame: The number of the frame that is read; None for the movie's header.

    Yields:
        Nothing.

    Raises:
        PlateError: If the block raises an error of FFmpeg.
    """
    av = load_av()
    try:
        yield
    except (av.error.FFmpegError, OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if frame is None:
            raise PlateError(
                f"{path} cannot be read as a movie ({reason}). Check the path, or copy it again."
            ) from None
        raise PlateError(
            f"Frame {frame} of {path} is truncated or damaged ({reason}). Copy or export the movie again."
        ) from None


def probe(path: Path) -> MovieInfo:
    """Return what a movie holds.

    A movie whose index is not at hand, or whose frames are not all key frames, is read once, but not decoded.

    Args:
        path: The movie.

    Raises:
        PlateError: If it is missing, damaged or has no picture, if its frame rate varies, or if its pixels or its
            rotation cannot be taken over exactly.
        BadRequest: If PyAV is not installed.
    """
    av = load_av()
    with reading(path), av.open(str(path), metadata_errors="replace") as container:
        pictures = [stream for stream in container.streams.video if not _is_cover(av, stream)]
        if not pictures:
            raise PlateError(f"{path} has no video stream. Check the path.")
        stream = pictures[0]
        context = stream.codec_context
        given = [context.color_primaries, context.color_trc, context.colorspace, context.color_range]
        index = _build_index(stream, container, path)
        rate = _constant_rate(stream, index, path)
        container.seek(index.seeks[0], stream=stream)
        frame = next(container.decode(stream), None)
        if frame is None:
            raise PlateError(f"{path} has no key frame, so that none of its frames can be decoded. Export it again.")
        layout = _require_layout(frame, path)
        aspect = stream.sample_aspect_ratio
        return MovieInfo(
            path=path,
            width=frame.width,
            height=frame.height,
            pixel_aspect=float(aspect) if aspect else 1.0,
            rate=rate,
            count=len(index.times),
            timecode=_find_timecode(container, stream),
            codec=context.codec.name,
            layout=layout,
            tags=_read_tags(given, frame, layout, path),
            interlaced=bool(frame.interlaced_frame) or int(getattr(context, "field_order", 0) or 0) in _FIELD_ORDERS,
            index=index,
            stream=stream.index,
            announced=_announced_frames(stream, container, index, rate),
        )


def _require_layout(frame: Any, path: Path) -> PixelFormat:
    """Return how frames like this one are read. Raises PlateError if they cannot be taken over exactly."""
    layout = PixelFormat.parse(frame.format.name)
    if layout is None:
        raise PlateError(
            f"{path} stores its pixels as {frame.format.name}, which cannot be read exactly. Convert it, for example "
            "to ProRes 4444 or FFV1."
        )
    if frame.rotation:
        raise PlateError(f"{path} is to be shown turned by {abs(frame.rotation)} degrees. Export it upright.")
    if frame.width * frame.height > _MOST_PIXELS:
        raise PlateError(f"{path} has {frame.width} x {frame.height} pixels, more than can be used. Export it again.")
    return layout


def _read_tags(given: Sequence[Any], frame: Any, layout: PixelFormat, path: Path) -> ColorTags:
    """Return the colour of a movie: by the tags of the file and, where it has none, by those of a decoded frame."""
    shown = (frame.color_primaries, frame.color_trc, frame.colorspace)
    primaries, transfer, matrix = (
        int(own if int(own or 0) not in _UNTAGGED else other or _UNTAGGED[0])
        for own, other in zip(given[:3], shown, strict=True)
    )
    full_range = True if layout.full_range else {1: False, 2: True}.get(int(given[3] or frame.color_range or 0))
    if full_range is None and layout.kind == "grey":
        full_range = True  # as ffmpeg takes it
    tags = ColorTags.complete(
        primaries=primaries,
        transfer=transfer,
        matrix=matrix or _UNTAGGED[0],  # 0 says R, G and B, which the layout decides
        full_range=full_range,
        is_rgb=layout.kind == "rgb",
        lines=frame.height,
    )
    if layout.kind == "yuv" and luma_weights(tags.matrix) is None:
        raise PlateError(
            f"{path} is encoded with the colour matrix {tags.matrix} of H.273, which cannot be read. Convert it, for "
            "example to ProRes 4444."
        )
    return tags


def _is_cover(av: Any, stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _find_timecode(container: Any, stream: Any) -> str | None:
    """Return the timecode of the stream, of the container or of a timecode track."""
    tracks = [track.metadata for track in container.streams if track.type == "data"]
    for metadata in (stream.metadata, container.metadata, *tracks):
        for name, value in metadata.items():
            if name.lower() == "timecode":
                return str(value)
    return None


def _build_index(stream: Any, container: Any, path: Path) -> FrameIndex:
    entries = getattr(stream, "index_entries", ())  # since PyAV 17
    intra = stream.codec_context.codec.intra_only
    if intra and stream.frames and len(entries) == stream.frames and not any(entry.is_discard for entry in entries):
        times = tuple(entry.timestamp for entry in entries)
        return FrameIndex(times, times)
    keys: list[tuple[int, int]] = []  # time shown, time to seek to
    packets: list[tuple[int, int]] = []  # time shown, time to seek to
    for packet in container.demux(stream):
        if packet.size == 0 or packet.is_discard:
            continue
        shown = packet.pts if packet.pts is not None else packet.dts
        if shown is None:
            raise PlateError(f"{path} has frames without a time, so they cannot be numbered. Export it as .mov.")
        if packet.is_keyframe or intra or not keys:
            keys.append((shown, shown if packet.dts is None else min(shown, packet.dts)))
        # a picture that is shown before the key frame that it follows is decoded from the one before it too
        start = keys[-1] if shown >= keys[-1][0] or len(keys) == 1 else keys[-2]
        packets.append((shown, start[1]))
    if not packets:
        raise PlateError(f"{path} has no frames. Export it again.")
    packets.sort()
    return FrameIndex(tuple(shown for shown, _ in packets), tuple(seek for _, seek in packets))


def _announced_frames(stream: Any, container: Any, index: FrameIndex, rate: Fraction) -> int | None:
    """Return how many frames the header announces; None where it need not be the number of those that are shown.

    The index of other types, such as MOV, is whole or the file cannot be opened.
    """
    kinds = container.format.name.split(",")
    if "avi" in kinds:
        return int(stream.frames) or None
    if "mxf" in kinds:
        is_by_frame = stream.duration and Fraction(stream.time_base) * rate == 1
        return int(stream.duration) if is_by_frame else None
    if "matroska" not in kinds:
        return None
    duration = _DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    if duration is not None:
        hours, minutes, seconds = map(Fraction, duration.groups())
        end = 3600 * hours + 60 * minutes + seconds
    elif len(container.streams) == 1 and container.duration:
        end = Fraction(container.duration, 1_000_000)
    else:
        return None  # that of the whole file may be the sound's
    start = max(Fraction(0), index.times[0] * Fraction(stream.time_base))
    return round((end - start) * rate)


def _constant_rate(stream: Any, index: FrameIndex, path: Path) -> Fraction:
    """Return the frames a second. Raises PlateError if the frames do not lie at a constant rate."""
    times, clock = index.times, Fraction(stream.time_base)
    rates = [Fraction(rate) for rate in (stream.average_rate, stream.base_rate, stream.guessed_rate) if rate]
    if len(times) > 1 and times[-1] > times[0]:
        rates.append(Fraction(len(times) - 1, times[-1] - times[0]) / clock)
    for rate in (*map(_near_standard, rates), *rates):
        step = 1 / (rate * clock)
        allowed = 1 + _JITTER * float(step)
        if all(abs(time - times[0] - place * step) <= allowed for place, time in enumerate(times)):
            return rate
    raise PlateError(
        f"{path} has a variable frame rate, so its frames have no exact numbers. {advise('constant_rate')}."
    )


def _near_standard(rate: Fraction) -> Fraction:
    """Return the usual rate next to one that was measured by a coarse clock, or its closest short fraction."""
    standard = [Fraction(1000 * base, clock) for base in (24, 25, 30, 48, 50, 60) for clock in (1000, 1001)]
    nearest = min(standard, key=lambda other: abs(other - rate))
    return nearest if abs(nearest - rate) < Fraction(1, 100) else rate.limit_denominator(1001)
