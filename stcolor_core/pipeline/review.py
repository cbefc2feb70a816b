"""Write the review movie of a shot: plate, result and confidence side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from stcolor_core.arrays import Pixels
from stcolor_core.errors import Cancelled
from stcolor_core.movies.color import ColorTags
from stcolor_core.movies.formats import choose_format, layout_of
from stcolor_core.movies.writer import MovieSettings, write_movie
from stcolor_core.pipeline.movie_output import plate_rate, plate_sound, plate_timecode
from stcolor_core.pipeline.provenance import describe_provenance
from stcolor_core.pipeline.results import ShotResults
from stcolor_core.pipeline.review_pictures import (
    ReviewDrawing,
    panel_size,
    read_frame,
    require_results,
    reviewed_keyframes,
    title_of,
)
from stcolor_core.shots.shot import Shot

__all__ = ["write_review"]

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
    drawing = ReviewDrawing(title_of(shot), frames, reviewed_keyframes(shot, frames), confidences, size=size)
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
