"""Transitions between the scenes of a shot: cuts and dissolves, as text and as data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stcolor_core.errors import BadRequest
from stcolor_core.images.frame_ranges import parse_frames

__all__ = ["CERTAIN_CUT", "Boundary", "Dissolve", "Transitions", "format_transitions", "parse_transitions"]

CERTAIN_CUT = 0.5
"""The certainty from which a boundary counts as a cut."""

_RANGE = re.compile(r"-?[0-9]+-(-?[0-9]+)")


@dataclass(frozen=True)
class Boundary:
    """A place in time where a new scene may begin.

    Attributes:
        frame: The first frame after it.
        certainty: Probability that it is a cut, 0..1.
    """

    frame: int
    certainty: float

    @property
    def is_cut(self) -> bool:
        """Return whether it counts as a cut."""
        return self.certainty >= CERTAIN_CUT


@dataclass(frozen=True)
class Dissolve:
    """A stretch of frames in which one scene changes into another: a dissolve, or a fade through black or white.

    Attributes:
        first: The first frame that mixes both scenes.
        last: The last one.
        certainty: Probability that it is one, 0..1.
    """

    first: int
    last: int
    certainty: float = 1.0


@dataclass(frozen=True)
class Transitions:
    """How a shot changes from scene to scene.

    Attributes:
        boundaries: Places where a new scene begins, or may begin, in ascending order.
        dissolves: In ascending order; they do not overlap.
        disregarded: Frames that look like a dissolve but hold a reference, whose colour is carried through them.
    """

    boundaries: tuple[Boundary, ...] = ()
    dissolves: tuple[Dissolve, ...] = ()
    disregarded: tuple[Dissolve, ...] = ()

    @property
    def cuts(self) -> tuple[int, ...]:
        """Return the first frames of new scenes."""
        return tuple(boundary.frame for boundary in self.boundaries if boundary.is_cut)

    @property
    def scene_starts(self) -> tuple[int, ...]:
        """Return the frames at which something else begins: a scene, or the mixed frames of a dissolve."""
        ends = (frame for dissolve in self.dissolves for frame in (dissolve.first, dissolve.last + 1))
        return tuple(sorted({*self.cuts, *ends}))

    @property
    def doubtful(self) -> tuple[Boundary, ...]:
        """Return the boundaries that look like cuts but do not count as such."""
        return tuple(boundary for boundary in self.boundaries if not boundary.is_cut)


def parse_transitions(text: str) -> Transitions:
    """Return the transitions of a list like "1020, 1050-1062".

    Args:
        text: "none"; or first frames of new scenes, and dissolves as first-last, separated by commas or blanks. A range
            with a step, like 1001-1100x10, is a list of cuts.

    Raises:
        BadRequest: If the text is not such a list, or its parts overlap.
    """
    if text == "none":
        return Transitions()
    cuts: set[int] = set()
    dissolves: set[tuple[int, int]] = set()
    for part in re.split(r"[,\s]+", text.strip()):
        frames = parse_frames(part)
        if _RANGE.fullmatch(part):
            dissolves.add((frames[0], frames[-1]))
        else:
            cuts.update(frames)
    ordered = sorted(dissolves)
    for (_, last), (first, _) in zip(ordered, ordered[1:], strict=False):
        if first <= last:
            raise BadRequest(f"Two dissolves of the cuts {text[:80]!r} hold frame {first}. Let one end before it.")
    for first, last in ordered:
        inside = [cut for cut in sorted(cuts) if first <= cut <= last]
        if inside:
            raise BadRequest(
                f"The cut before frame {inside[0]} lies within the dissolve {first}-{last}. Leave one of them out. "
                "(Cuts before neighbouring frames are written 1020,1021.)"
            )
    return Transitions(
        tuple(Boundary(frame, 1.0) for frame in sorted(cuts)), tuple(Dissolve(first, last) for first, last in ordered)
    )


def format_transitions(transitions: Transitions) -> str:
    """Return the cuts and dissolves as text, without certainties. The inverse of `parse_transitions`.

    Args:
        transitions: The transitions.
    """
    parts = [(frame, str(frame)) for frame in transitions.cuts]
    parts += [(dissolve.first, f"{dissolve.first}-{dissolve.last}") for dissolve in transitions.dissolves]
    return ",".join(text for _, text in sorted(parts)) or "none"
