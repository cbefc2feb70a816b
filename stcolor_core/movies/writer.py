"""Write a movie whole or not at all: frames of pixels, a timecode, and the sound of another movie as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from stcolor_core.arrays import Pixels
from stcolor_core.errors import BadRequest, OutputError
from stcolor_core.files.atomic import atomic_path
from stcolor_core.movies.color import ColorTags
from stcolor_core.movies.formats import MovieFormat
from stcolor_core.movies.names import load_av
from stcolor_core.movies.planes import PixelFormat, pixels_to_frame
from stcolor_core.movies.probe import reading
from stcolor_core.remedies import advise

__all__ = ["MovieSettings", "Sound", "check_sound", "write_movie"]

_STREAMABLE = {"movflags": "+faststart", "write_tmcd": "on"}


@dataclass(frozen=True, kw_only=True)
class Sound:
    """The sound to take over, packet by packet, without decoding it.

    Attributes:
        path: The movie that has it.
        start: Where the written movie begins in it, in seconds.
        seconds: How long the written movie is.
    """

    path: Path
    start: Fraction
    seconds: Fraction


@dataclass(frozen=True, kw_only=True)
class MovieSettings:
    """How a movie is written.

    Attributes:
        format: Its kind.
        layout: The layout of its pixels.
        width: Columns of the picture.
        height: Rows of the picture.
        pixel_aspect: Width of a pixel over its height.
        rate: Frames a second.
        tags: Its colour.
        timecode: That of the first frame; None for none.
        sound: The sound to take over; None for none.
        metadata: Texts for the file, such as a comment.
    """

    format: MovieFormat
    layout: PixelFormat
    width: int
    height: int
    rate: Fraction
    tags: ColorTags
    pixel_aspect: float = 1.0
    timecode: str | None = None
    sound: Sound | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


def check_sound(path: Path, sound: Sound) -> None:
    """Refuse sound that a movie's file type cannot hold: MXF holds PCM alone.

    Args:
        path: The movie to write.
        sound: The sound.

    Raises:
        BadRequest: If it cannot be held.
        PlateError: If the movie with the sound cannot be read.
    """
    if path.suffix.lower() != ".mxf":
        return
    with reading(sound.path), load_av().open(str(sound.path), metadata_errors="replace") as source:
        names = [stream.codec_context.name for stream in source.streams.audio]
    for name in names:
        if not name.startswith("pcm_"):
            raise BadRequest(
                f"{path} cannot hold the sound of {sound.path}, which is {name}: MXF holds PCM alone. "
                f"Write a .mov or .mkv, or {advise('no_sound')}."
            )


def write_movie(path: Path, pictures: Iterable[Pixels], settings: MovieSettings) -> None:
    """Write a movie under a partial name, and rename it once it is complete. A movie that is there is replaced.

    Args:
        path: The movie.
        pictures: Its frames in order, each (H, W, 3), 0..1 from black to white.
        settings: How it is written.

    Raises:
        OutputError: If it cannot be written. Nothing new is left on disk then.
        StcolorError: What `pictures` raises.
    """
    av = load_av()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as partial, ExitStack() as stack:
            kind = settings.format.container(path)
            options = _STREAMABLE if kind in ("mov", "mp4") else {}
            target = stack.enter_context(av.open(str(partial), "w", format=kind, options=options))
            _write(target, stack, pictures, settings, path)
    except (av.error.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{path} cannot be written ({reason}). Check the folder and the space on its disk.") from None


def _write(target: Any, stack: ExitStack, pictures: Iterable[Pixels], settings: MovieSettings, path: Path) -> None:
    av = load_av()
    stream = _add_stream(target, settings)
    packets = _sound_packets(target, stack, settings.sound, path)
    waiting = next(packets, None)
    for number, pixels in enumerate(pictures):
        frame = av.VideoFrame(settings.width, settings.height, settings.layout.name)
        pixels_to_frame(pixels, settings.layout, settings.tags, frame)
        _tag(frame, settings.tags)
        frame.pts, frame.time_base = number, stream.codec_context.time_base
        target.mux(stream.encode(frame))
        while waiting is not None and waiting.pts * waiting.time_base <= (number + 1) / settings.rate:
            target.mux(waiting)
            waiting = next(packets, None)
    target.mux(stream.encode(None))
    while waiting is not None:
        target.mux(waiting)
        waiting = next(packets, None)


def _add_stream(target: Any, settings: MovieSettings) -> Any:
    stream = target.add_stream(settings.format.encoder, rate=settings.rate, options=dict(settings.format.options))
    stream.width, stream.height, stream.pix_fmt = settings.width, settings.height, settings.layout.name
    context = stream.codec_context
    context.time_base = 1 / settings.rate
    _tag(context, settings.tags)
    if settings.pixel_aspect != 1:
        context.sample_aspect_ratio = Fraction(settings.pixel_aspect).limit_denominator(1000)
    context.thread_type = "AUTO"
    target.metadata.update(settings.metadata)
    if settings.timecode is not None:
        target.metadata["timecode"] = settings.timecode
        stream.metadata["timecode"] = settings.timecode
    return stream


def _tag(thing: Any, tags: ColorTags) -> None:
    thing.color_primaries, thing.color_trc, thing.colorspace = tags.primaries, tags.transfer, tags.matrix
    thing.color_range = 2 if tags.full_range else 1


def _sound_packets(target: Any, stack: ExitStack, sound: Sound | None, path: Path) -> Iterator[Any]:
    """Return the packets of sound within the movie's time, in order, with their times from its start."""
    if sound is None:
        return iter(())
    av = load_av()
    source = stack.enter_context(av.open(str(sound.path), metadata_errors="replace"))
    if not source.streams.audio:
        return iter(())
    streams = {}
    for stream in source.streams.audio:
        try:
            streams[stream.index] = target.add_stream_from_template(stream)
        except (av.error.FFmpegError, ValueError) as error:
            raise OutputError(
                f"{path} cannot hold the sound of {sound.path} ({stream.codec_context.name}: {error}). "
                f"Write a .mov or .mkv, or {advise('no_sound')}."
            ) from None

    def packets() -> Iterator[Any]:
        for packet in source.demux(list(source.streams.audio)):
            if packet.size == 0 or packet.pts is None:
                continue
            clock, stream = packet.time_base, packet.stream
            begin = packet.pts * clock - sound.start
            end = begin + (packet.duration or 0) * clock
            if begin >= sound.seconds or (begin < 0 and end <= 0):
                continue
            shift = round(sound.start / clock)
            if begin < 0 or end > sound.seconds:
                packet = _cut_samples(packet, begin, sound.seconds)
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            packet.stream = streams[stream.index]
            yield packet

    return packets()


def _cut_samples(packet: Any, begin: Fraction, seconds: Fraction) -> Any:
    """Return a packet of PCM without the samples before time 0 and after `seconds`; any other packet as it is."""
    context = packet.stream.codec_context
    bits = re.fullmatch(r"pcm_[suf](8|16|24|32|64)(le|be)?", context.name)
    if bits is None:
        return packet
    width, rate = int(bits[1]) // 8 * context.layout.nb_channels, context.sample_rate
    first = max(0, round(-begin * rate))
    last = min(packet.size // width, round((seconds - begin) * rate))
    data = bytes(packet)[first * width : last * width]
    cut = load_av().Packet(len(data))  # FFmpeg holds it until it is written: made of `data`, it would point to it
    cut.update(data)
    cut.time_base = packet.time_base
    cut.pts = cut.dts = packet.pts + round(Fraction(first, rate) / packet.time_base)
    cut.duration = round(Fraction(last - first, rate) / packet.time_base)
    return cut
