"""Write a shot's coloured frames as a movie, in the plate's own encoding or as a display shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from stcolor_core.arrays import Pixels
from stcolor_core.errors import BadRequest, Cancelled
from stcolor_core.images.frame_ranges import name_frames, parse_frames
from stcolor_core.images.known_color import cut
from stcolor_core.images.pictures import Header
from stcolor_core.images.views import PLAIN_VIEW, default_view
from stcolor_core.movies.color import ColorTags, luma_weights
from stcolor_core.movies.formats import choose_format, layout_of
from stcolor_core.movies.names import MovieEncoding, is_movie
from stcolor_core.movies.reader import open_movie
from stcolor_core.movies.timecode import drops_frames, frame_of_timecode, timecode_of_frame, unpack_timecode
from stcolor_core.movies.writer import MovieSettings, Sound, check_sound, write_movie
from stcolor_core.pipeline.provenance import describe_provenance
from stcolor_core.pipeline.results import ShotResults
from stcolor_core.plurals import count_of
from stcolor_core.remedies import advise
from stcolor_core.shots.shot import Shot

__all__ = ["MovieOutput", "plan_movie", "plate_rate", "plate_sound", "plate_timecode"]

_USUAL_RATE = Fraction(24)
_MOST_RATE = 1000
_SRGB, _UNSPECIFIED = 13, 2  # TransferCharacteristics of ITU-T H.273


@dataclass(frozen=True)
class MovieOutput:
    """A movie that can be written as soon as the frames are there.

    Attributes:
        path: The movie.
        frames: The numbers of its frames.
        settings: How it is written.
        encoding: "plate" for the plate's own encoding, "display" for what a display shows.
    """

    path: Path
    frames: range
    settings: MovieSettings
    encoding: MovieEncoding
    _results: ShotResults

    def describe(self) -> str:
        """Return in a few words what is written."""
        shown = f"display-referred ({self._results.view})"
        encoding = "the plate's own encoding" if self.encoding == "plate" else shown
        return f"{self.settings.format.title}, {count_of(len(self.frames), 'frame')}, {encoding}"

    def write(self, *, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Write the movie from the frames on disk.

        Args:
            cancelled: Asked before every frame. Once it returns True, Cancelled is raised and no movie is left.

        Raises:
            StcolorError: If a frame is missing or damaged, or if the movie cannot be written.
        """
        write_movie(self.path, self._pictures(cancelled), self.settings)

    def _pictures(self, cancelled: Callable[[], bool]) -> Iterator[Pixels]:
        display = self._results.header.display_window
        for frame in self.frames:
            if cancelled():
                raise Cancelled(f"Cancelled at frame {frame}. {self.path} was not written.")
            pixels, window = self._results.picture(frame)
            if self.encoding == "display":
                pixels = self._results.show(pixels)
            yield np.asarray(cut(pixels, window, display, outside="black"), np.float32)


def plan_movie(
    shot: Shot,
    path: Path,
    *,
    format: str | None = None,
    encoding: MovieEncoding | None = None,
    rate: Fraction | None = None,
    sound: bool = True,
) -> MovieOutput:
    """Check that a shot's frames can be written as a movie, before they are coloured.

    Args:
        shot: The shot.
        path: The movie to write.
        format: A name in `movies.formats.FORMATS`; None for the usual one of the file type.
        encoding: How pixels are encoded; None for "display" if the plate is scene-linear, else "plate".
        rate: Frames a second; None for those of the plate, or 24 if it does not say.
        sound: Whether to take over the sound of a plate that is a movie.

    Returns:
        The movie, to be written.

    Raises:
        BadRequest: If the format does not fit the file type or the size, or if frames are left out.
        StcolorError: If the plate cannot be read, or a colour space is unknown.
    """
    chosen = choose_format(path, format)
    if shot.output.written_layers.isdisjoint(("rgb", "rc_ab")):
        raise BadRequest(
            f"{path} needs the colour of the frames. Give --layers rgb or rc_ab too, or leave --layers out."
        )
    results = ShotResults(shot)
    frames = _require_continuous(shot, path, results.files)
    header, pipe = results.plate_header(frames[0]), results.pipe
    info = open_movie(Path(shot.plate.path)).info if is_movie(shot.plate.path) else None
    if encoding is None:
        encoding = "display" if pipe.space.is_linear else "plate"
    _, _, width, height = header.display_window
    chosen.check_size(path, width, height)
    if rate is None:
        rate = plate_rate(header) or _USUAL_RATE
    if not 0 < rate <= _MOST_RATE:
        raise BadRequest(f"The rate {float(rate):g} is not between 0 and {_MOST_RATE}. {advise('movie_rate')}.")
    heard = plate_sound(shot, frames, rate) if sound else None
    if heard is not None:
        check_sound(path, heard)
    like = None if info is None or encoding == "display" else info.layout
    layout, comment = layout_of(chosen, like=like), describe_provenance(shot)
    settings = MovieSettings(
        format=chosen,
        layout=layout,
        width=width,
        height=height,
        pixel_aspect=float(header.metadata.get("PixelAspectRatio", 1.0)),
        rate=rate,
        tags=_tags(
            shot,
            None if info is None else info.tags,
            encoding=encoding,
            is_rgb=layout.kind == "rgb",
            may_be_full=chosen.may_be_full,
        ),
        timecode=plate_timecode(header, rate),
        sound=heard,
        metadata={} if comment is None else {"comment": comment},
    )
    return MovieOutput(path, frames, settings, encoding, results)


def _require_continuous(shot: Shot, path: Path, files: Mapping[int, Path]) -> range:
    """Return the frames of the movie. Raises BadRequest if one between them is left out."""
    requested = files if shot.output.frames is None else parse_frames(shot.output.frames)
    numbers = sorted(files.keys() & set(requested))
    if not numbers:
        raise BadRequest(f"{path} would have no frame: the plate has none of {shot.output.frames}. {advise('only')}.")
    frames = range(numbers[0], numbers[-1] + 1)
    if missing := set(frames).difference(numbers):
        raise BadRequest(
            f"{path} would lack {name_frames(missing)}, and run out of sync. Name one range of frames, or "
            f"{advise('hold')}."
        )
    return frames


def plate_sound(shot: Shot, frames: range, rate: Fraction) -> Sound | None:
    """Return the sound of some frames of a plate; None if it is no movie or has another rate.

    Args:
        shot: The shot.
        frames: The frames.
        rate: Frames a second of the movie that takes the sound over.
    """
    path = Path(shot.plate.path)
    if not is_movie(path):
        return None
    info = open_movie(path).info
    if rate != info.rate:
        return None
    first = info.first_frame if shot.plate.first_frame is None else shot.plate.first_frame
    return Sound(path=path, start=(frames[0] - first) / info.rate, seconds=len(frames) / info.rate)


def plate_rate(header: Header) -> Fraction | None:
    """Return the rate in a header, as a movie and EXR hold it; None if there is none.

    Args:
        header: The header of a plate frame.
    """
    value = header.metadata.get("FramesPerSecond")
    if isinstance(value, tuple) and len(value) == 2 and all(int(part) > 0 for part in value):
        return Fraction(int(value[0]), int(value[1]))
    return Fraction(value).limit_denominator(1001) if isinstance(value, float) and value > 0 else None


def plate_timecode(header: Header, rate: Fraction) -> str | None:
    """Return the timecode of a frame as text; None if it has none or the rate cannot count it.

    Args:
        header: The header of a plate frame.
        rate: Frames a second.
    """
    words = header.metadata.get("smpte:TimeCode")
    text = unpack_timecode(words) if isinstance(words, tuple) else None
    frame = None if text is None else frame_of_timecode(text, rate)
    if text is None or frame is None:
        return None
    return timecode_of_frame(frame, rate, drop=drops_frames(text))


def _tags(
    shot: Shot, plate: ColorTags | None, *, encoding: MovieEncoding, is_rgb: bool, may_be_full: bool
) -> ColorTags:
    """Return the tags of a movie. The curve of a config's view, or of a space with a name, is left unspecified."""
    if encoding == "plate" and plate is not None:
        matrix = plate.matrix if luma_weights(plate.matrix) else 1
        full_range = is_rgb or (plate.full_range and may_be_full)
        return ColorTags(plate.primaries, plate.transfer, 0 if is_rgb else matrix, full_range)
    is_srgb = shot.plate.colorspace is None if encoding == "plate" else default_view(shot.ocio) == PLAIN_VIEW
    return ColorTags(1, _SRGB if is_srgb else _UNSPECIFIED, 0 if is_rgb else 1, is_rgb)
