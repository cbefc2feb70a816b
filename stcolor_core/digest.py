"""What decides a frame's pixels, as a short digest: a frame that carries it need not be computed again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from stcolor_core import __version__
from stcolor_core.errors import PlateError
from stcolor_core.footage import ShotFootage
from stcolor_core.sequences import FramePattern
from stcolor_core.shot import Shot
from stcolor_core.spans import Span

__all__ = ["Digests"]

_IN_BOUNDS = ("cuts", "references")  # what they come to for a frame is said by its span


class Digests:
    """Digests of a shot's frames. model: digest of the weights.

    Plates and mattes count by size and time of change, references and stills, which are few, by their bytes. Where a
    file lies does not count, so a shot that was moved stays valid.
    """

    def __init__(self, shot: Shot, footage: ShotFootage, *, model: str) -> None:
        self._footage = footage
        self._contents: dict[Path, str] = {}
        self._settings = {
            "version": __version__,
            "model": model,
            "method": {name: value for name, value in asdict(shot.method).items() if name not in _IN_BOUNDS},
            "colorspace": shot.plate.colorspace,
            "exposure": shot.plate.exposure,
            "space": footage.pipe.space.identity,
            "beauty": shot.output.beauty,
            "canvas": footage.canvas,
            "stills": [[self._content(Path(still.path)), still.colorspace] for still in shot.stills],
        }
        self._mattes = [
            (matte.frame, FramePattern.parse(matte.path))
            for matte in shot.mattes
            if "instance" in (shot.method.tracking or "")
        ]

    def of_span(self, span: Span) -> str:
        """The digest of every frame of a span."""
        return self._of(span.reads, span.references, [span.before, span.after, *span.others])

    def of_reference(self, frame: int) -> str:
        """The digest of a reference frame, which keeps its own colour."""
        return self._of((frame,), (frame,), [frame])

    def _of(self, reads: tuple[int, ...], references: tuple[int, ...], bounds: list[int | None]) -> str:
        state = {
            **self._settings,
            "bounds": bounds,
            "plates": [[frame, *_stat(self._footage.frames[frame])] for frame in reads],
            "references": [
                [frame, self._content(self._footage.references[frame][0]), self._footage.references[frame][1]]
                for frame in references
            ],
            "mattes": [_stat(path) for frame in reads for path in self._matte_paths(frame)],
        }
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]

    def _matte_paths(self, frame: int) -> list[Path]:
        paths = [pattern.path(frame) for only, pattern in self._mattes if only in (None, frame)]
        return [path for path in paths if path.is_file()]

    def _content(self, path: Path) -> str:
        if path not in self._contents:
            try:
                self._contents[path] = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            except OSError as error:
                raise PlateError(f"{path} cannot be read ({error.strerror}). Check the path.") from None
        return self._contents[path]


def _stat(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise PlateError(f"{path} cannot be read ({error.strerror}). Check that it is still there.") from None
    return status.st_size, status.st_mtime_ns
