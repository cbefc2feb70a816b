"""What decides a frame's pixels, as a short digest: a frame that carries it need not be computed again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stcolor_core import __version__
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.spans import Span

__all__ = ["Digests"]

_IN_BOUNDS = ("cuts", "references")  # what they come to for a frame is said by its span
_ELSEWHERE = ("detector", "detector_weights", "detector_config")  # by what is in them


class Digests:
    """Digests of a shot's frames.

    Plates and mattes count by size and time of change; references and stills, which are few, by their bytes; colour
    spaces by what they do, whatever their name. Where a file lies does not count, so a shot that was moved stays valid.

    Args:
        canvas: The union of the plate's data windows.
        model: Digest of the model's weights.
        detector: Digest of the detector that tracking uses, None without one.
    """

    def __init__(
        self,
        shot: Shot,
        inputs: ShotInputs,
        *,
        canvas: tuple[int, int, int, int],
        model: str,
        detector: str | None,
    ) -> None:
        self._shot, self._inputs = shot, inputs
        self._with_mattes = shot.method.uses_instances
        method = asdict(shot.method)
        self._settings = {
            "version": __version__,
            "model": model,
            "method": {name: method[name] for name in method if name not in (*_IN_BOUNDS, *_ELSEWHERE)},
            "detector": detector,
            "colorspace": shot.plate.colorspace,
            "layer": shot.plate.layer,
            "exposure": shot.plate.exposure,
            "space": inputs.pipe.space.identity,
            "beauty": shot.output.beauty,
            "canvas": canvas,
            "stills": [inputs.coloured_state(Path(still.path), still.colorspace) for still in shot.stills],
        }

    def of_span(self, span: Span) -> str:
        """The digest of every frame of a span."""
        return self._of(span.reads, span.references, [span.before, span.after, *span.others])

    def of_reference(self, frame: int) -> str:
        """The digest of a reference frame, which keeps its own colour."""
        return self._of((frame,), (frame,), [frame])

    def of_shot(self) -> str:
        """The digest of all that decides the pixels of any frame: two runs with the same give the same version."""
        bounds = [self._shot.method.cuts, self._shot.method.references]
        return self._of(tuple(self._inputs.frames), tuple(self._inputs.references), bounds)

    def _of(self, reads: tuple[int, ...], references: tuple[int, ...], bounds: list[Any]) -> str:
        state = {
            **self._settings,
            "bounds": bounds,
            "plates": [[frame, *self._inputs.plate_state(frame)] for frame in reads],
            "references": [
                [frame, *self._inputs.coloured_state(*self._inputs.references[frame])] for frame in references
            ],
            "mattes": [self._inputs.matte_state(frame) for frame in reads] if self._with_mattes else [],
        }
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]
