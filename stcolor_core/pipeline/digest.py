"""A short digest of everything that decides a frame's pixels: a frame that carries it need not be computed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, astuple
from itertools import chain
from pathlib import Path
from typing import Any

from stcolor_core import __version__
from stcolor_core.method.registration import find_neighbours
from stcolor_core.models import registry
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.spans import PatchWalk, Span

__all__ = ["Digests"]

_COVERED_BY_BOUNDS = ("cuts", "references", "unreferenced")  # a frame's span already says what these mean for it
_ARITHMETIC = 10  # raised when the same settings and weights give other pixels, if only by rounding
_COLORLESS = 2  # what becomes of frames whose reference gives no colour; raised when that changes
_MATTES = 7  # how mattes decide pixels; raised when that changes, so that no frame of a shot without mattes is lost
_REGISTRATION = 12  # how keyframes are fitted to the plate; raised when that changes
_PATCHES = 8  # how patches and swatches decide pixels; raised when that changes
_COVERED_BY_CONTENT = ("detector", "detector_weights", "detector_config")  # these count by the content of their files


class Digests:
    """Digests of a shot's frames.

    Plates and mattes count by size and modification time (`InputContents` finds those that were only touched);
    references and stills, which are few, by their bytes; colour spaces by their transforms, whatever their names. The
    location of a file does not count, so a shot that is moved to another folder stays valid.

    Args:
        shot: The shot; its tracking must be resolved.
        inputs: The shot's files.
        canvas: The union of the plate's data windows: x, y, width, height.
        model: Digest of the model's weights.
        detector: Digest of the detector that tracking uses; None if it uses none.
        flaws: Finds the references that give no colour.
    """

    def __init__(
        self,
        shot: Shot,
        inputs: ShotInputs,
        *,
        canvas: tuple[int, int, int, int],
        model: str,
        detector: str | None,
        flaws: ReferenceFlaws,
    ) -> None:
        self._shot, self._inputs, self._flaws = shot, inputs, flaws
        self._with_mattes = shot.method.uses_instances
        method = asdict(shot.method)
        covered: tuple[str, ...] = (*_COVERED_BY_BOUNDS, *_COVERED_BY_CONTENT)
        if shot.method.optical_flow == "dis":  # left out, as before there was the choice: no older frame is lost
            covered = (*covered, "optical_flow")
        self._settings = {
            "version": __version__,
            "arithmetic": _ARITHMETIC,
            "model": model,
            "method": {name: method[name] for name in method if name not in covered},
            "detector": detector,
            "colorspace": shot.plate.colorspace,
            "layer": shot.plate.layer,
            "exposure": shot.plate.exposure,
            "space": inputs.pipe.space.identity,
            "canvas": canvas,
            **({"lossy": True} if shot.output.is_lossy else {}),
            # on by default, and left out then: no frame that was written before there was the choice is lost
            **({} if shot.output.provenance else {"provenance": False}),
            "stills": [inputs.states.coloured(Path(still.path), still.colorspace) for still in shot.stills],
        }

    def of_span(self, span: Span, walks: Iterable[PatchWalk] = ()) -> str:
        """Return the digest that every frame of a span carries, except for references.

        Args:
            span: A span of this shot.
            walks: The walks of patches that may reach the span.
        """
        walks = list(walks)
        patches = sorted({walk.patch for walk in walks})
        bounds = [*span.bounds, *([walk.patch, walk.keyframe, walk.frames[-1]] for walk in walks)]
        return self._of(_reads(span, walks), span.references, bounds, patches)

    def sources_of_span(self, span: Span, walks: Iterable[PatchWalk] = ()) -> tuple[frozenset[int], frozenset[int]]:
        """Return the frames whose plates and mattes decide a span, and the numbers of the pictures that do.

        Args:
            span: A span of this shot.
            walks: The walks of patches that may reach the span.
        """
        walks = list(walks)
        given = {*self._given(span.references), *(walk.patch for walk in walks)}
        return frozenset(self._with_neighbours(_reads(span, walks), span.references)), frozenset(given)

    def sources_of_reference(self, frame: int) -> tuple[frozenset[int], frozenset[int]]:
        """Return the same of a whole keyframe's frame.

        Args:
            frame: The number of a frame with a whole keyframe.
        """
        return frozenset(self._with_neighbours((frame,), (frame,))), frozenset(self._given((frame,)))

    def of_reference(self, frame: int) -> str:
        """Return the digest of a whole keyframe's frame, which keeps its own colour but for the patches on it.

        Args:
            frame: The number of a frame with a whole keyframe.
        """
        return self._of((frame,), (frame,), [frame], [frame] if frame in self._inputs.patches else [])

    def _given(self, references: Collection[int]) -> set[int]:
        """Return the numbers at which keyframes and the patches on them were given."""
        moved = self._inputs.moved
        patched = {frame for frame in references if frame in self._inputs.patches}
        return {moved.get(frame, frame) for frame in references} | patched

    def of_shot(self) -> str:
        """Return the digest of everything that decides any frame's pixels and layers."""
        method, inputs = self._shot.method, self._inputs
        bounds = [method.cuts, method.references, method.unreferenced, sorted(self._shot.output.written_layers)]
        return self._of(tuple(inputs.frames), tuple(inputs.references), bounds, list(inputs.patches))

    def _of(
        self, reads: tuple[int, ...], references: tuple[int, ...], bounds: list[Any], patches: Sequence[int]
    ) -> str:
        method = self._shot.method
        reads = self._with_neighbours(reads, references)
        mattes = [self._inputs.mattes.state(frame) for frame in reads] if self._with_mattes else []
        state = {
            **self._settings,
            "bounds": bounds,
            "plates": [[frame, *self._inputs.states.plate(frame)] for frame in reads],
            "references": [
                [frame, *self._inputs.states.reference(self._inputs.references[frame])] for frame in references
            ],
            "patches": [[frame, *map(self._inputs.states.reference, self._inputs.patches[frame])] for frame in patches],
            "swatches": [
                [*astuple(swatch), self._inputs.mattes.state(frame)]
                for frame in patches
                for swatch in self._inputs.swatches.get(frame, ())
            ],
            "mattes": [_MATTES, *mattes] if any(mattes) else mattes,
            **({"covering": _PATCHES} if patches else {}),
        }
        if method.register == "auto" and (references or patches):
            state["registration"] = [_REGISTRATION, *registry.shipped_checksums("keyframe_cleaning")]
        if parts := [frame for frame in patches if frame in self._inputs.parts]:
            state["parts"] = parts  # fitted as whole keyframes are
        if self._inputs.strangers:
            state["strangers"] = [
                [frame, *self._inputs.states.reference(picture)] for frame, picture in self._inputs.strangers.items()
            ]
        if colorless := [[frame, flaw] for frame in references if (flaw := self._flaws.of(frame))]:
            state["colorless"] = [_COLORLESS, *colorless]  # only then, so that the frames of all other shots stay valid
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]

    def _with_neighbours(self, reads: tuple[int, ...], references: Iterable[int]) -> tuple[int, ...]:
        """Return frames with those around keyframes, which are compared with them if they are to be fitted."""
        if self._shot.method.register != "auto":
            return reads
        near = (find_neighbours(reference, self._inputs.frames) for reference in references)
        return tuple(sorted({*reads, *chain.from_iterable(near)}))


def _reads(span: Span, walks: Iterable[PatchWalk]) -> tuple[int, ...]:
    return tuple(sorted({*span.reads, *(frame for walk in walks for frame in (walk.patch, *walk.frames))}))
