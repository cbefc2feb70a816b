"""Measure what the confidence is worth where the references mislead: is a pixel that says 0.8 right in 80 % of cases?

    PYTHONPATH=. python benchmarks/confidence.py --dataset DIR [--clips NAME ...] [--kinds NAME ...] [--walks 2]
                                                 [--register off]

Kinds of walks: `key` has a true keyframe; `foreign` has stills of other clips alone; `own` a still of the same clip, so
that nothing is tracked; `dissolve` turns into another clip, with a keyframe before it alone; `misplaced` has a keyframe
one to three frames off, or shifted, scaled and turned; `fast` is played faster, through a moving camera. Prints the
expected calibration error of the mixing network's own confidence in a frame by itself, and of the shipped one after
fusion; for the latter also how many pixels of each confidence are right. The last line of each kind says how sure that
is: the middle 95 % of the error over 2,000 draws of as many clips with replacement. Keyframes are fitted to the plate
first, as a run does, unless `--register off` is given. Use clips that no weights were trained on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from stcolor_core.arrays import Plane
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.evaluation.metrics import Reliability, within_threshold
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_srgb
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.references import Keyframe
from stcolor_core.method.refinement.candidates import Candidates
from stcolor_core.method.refinement.confidence import own_confidence
from stcolor_core.method.refinement.learned import (
    CONFIDENCE_WEIGHTS,
    WEIGHTS,
    Decision,
    LearnedRefinement,
    load_confidence_head,
    load_mixing_net,
)
from stcolor_core.method.registration import find_neighbours, find_registration
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan
from stcolor_core.training.misled import KINDS, draw_misled

CPU = torch.device("cpu")
_LINES = 216
_KEY = "key"
_DRAWS = 2000
_BOUNDS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)


class Recorder(LearnedRefinement):
    """The shipped refinement, which also keeps the network's own confidence of each frame, by its picture's identity.

    A frame comes out of the walk later than it is refined, once its neighbours are there.
    """

    own: dict[int, Plane]

    def decide(self, lightness: Plane, candidates: Candidates, *, partial: bool = False) -> Decision:
        """Return the network's decision on a frame, and store the network's own confidence at the frame's size.

        Args:
            lightness: L*, shape (H, W), 0..100; its identity is the key in `own`.
            candidates: The frame's colour candidates.
            partial: Whether the references are meant to show a part of the picture only, as patches are.
        """
        decision = super().decide(lightness, candidates, partial=partial)
        own = own_confidence(decision.planes)[0].numpy()
        self.own[id(lightness)] = np.asarray(cv2.resize(own, lightness.shape[::-1]))
        return decision


def draw(
    kind: str, clip: DatasetSequence, clips: list[DatasetSequence], number: int
) -> tuple[Clip, tuple[int, ...], np.random.Generator]:
    """Return a walk of a kind: the clip, its references, and the generator to draw its frames with.

    Args:
        kind: One of the kinds of walks that the module names.
        clip: The clip to walk along.
        clips: All clips, of which some kinds take another one.
        number: The number of the walk, which seeds it.
    """
    generator = np.random.default_rng([11, number, *kind.encode(), *clip.name.encode()])
    if kind != _KEY:
        return *draw_misled(kind, clip, clips, _LINES, generator), generator
    start = int(generator.integers(0, max(1, len(clip) - 20)))
    return Clip.from_rgb([clip.rgb(index) for index in range(start, min(len(clip), start + 20))]), (0,), generator


class Fitted:
    """A clip whose keyframes are fitted to its plate, as a run does (`pipeline.fitted_references`).

    Args:
        clip: The clip.
        references: Its keyframes.
    """

    def __init__(self, clip: Clip, references: tuple[int, ...]) -> None:
        self._clip, self.stills = clip, clip.stills
        self.lightness, self.instances = clip.lightness, clip.instances
        frames = range(len(clip.lightnesses))
        self._found = {
            frame: find_registration(
                np.dstack([clip.lightnesses[frame], clip.ab[frame]]),
                None,
                frame=frame,
                others=find_neighbours(frame, frames),
                lightness_of=clip.lightness,
            )
            for frame in references
        }

    def keyframe(self, frame: int) -> Keyframe:
        """Return a keyframe as it is used.

        Args:
            frame: Its number.
        """
        found, clip = self._found[frame], self._clip
        shown = frame if found.frame is None else found.frame
        lab = np.dstack([clip.lightnesses[frame], clip.ab[frame]])
        fitted, known = found.apply(lab, None, clip.lightnesses[shown])
        step = 1 if frame > shown else -1
        approach = () if shown == frame else tuple(range(shown + step, frame + step, step))
        ab = np.ascontiguousarray(fitted[..., 1:])
        return Keyframe(clip.lightnesses[shown], ab, known=known, certainty=found.certainty, approach=approach)


def measure(
    kind: str, clips: list[DatasetSequence], *, walks: int, frames: int, register: bool
) -> dict[str, tuple[Reliability, Reliability]]:
    """Return the reliability of the network's own confidence, and of the shipped one, by clip.

    Args:
        kind: One of the kinds of walks that the module names.
        clips: The clips.
        walks: Walks along each clip.
        frames: Frames of each walk.
        register: Whether keyframes are fitted to the plate first.
    """
    found = {clip.name: (Reliability(), Reliability()) for clip in clips}
    refinement = Recorder(load_mixing_net(WEIGHTS), confidence_head=load_confidence_head(CONFIDENCE_WEIGHTS))
    model = registry.build("standard", device=CPU, refinement=refinement)
    propagator = Propagator(model, Method(tracking="dense"), device=CPU)
    for clip in clips:
        own, shipped = found[clip.name]
        for number in range(walks):
            refinement.own = {}
            walk, references, generator = draw(kind, clip, clips, number)
            inner = [frame for frame in range(len(walk.rgb)) if frame not in references]
            wanted = set(generator.permutation(inner)[:frames].tolist())
            footage = Fitted(walk, references) if register else walk
            for span in plan(range(len(walk.rgb)), references, []):
                with Scratch() as scratch:
                    for colored in propagator.color(span, footage, scratch, wanted=wanted.intersection(span.frames)):
                        lab = np.dstack([colored.lightness, colored.ab])
                        picture = lab_to_srgb(lab)
                        right = within_threshold(walk.rgb[colored.frame], picture)
                        own.add(refinement.own[id(colored.lightness)], right)
                        shipped.add(colored.confidence, right)
    return found


def add_up(parts: Iterable[Reliability]) -> Reliability:
    """Return the reliability over several parts.

    Args:
        parts: The parts.
    """
    total = Reliability()
    for part in parts:
        total.count += part.count
        total.confidence += part.confidence
        total.correct += part.correct
    return total


def spread(parts: Sequence[Reliability]) -> tuple[float, float]:
    """Return the ends of the middle 95 % of the calibration error over draws of as many clips with replacement.

    Args:
        parts: The reliability of each clip.
    """
    generator = np.random.default_rng(0)
    draws = (generator.integers(0, len(parts), len(parts)).tolist() for _ in range(_DRAWS))
    errors = [add_up(parts[index] for index in draw).error() for draw in draws]
    low, high = np.percentile(errors, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    """Run the measurement, and print a line for each kind of walk."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a DAVIS-like folder")
    parser.add_argument("--clips", nargs="+", help="sequences to use; default: all")
    parser.add_argument("--kinds", nargs="+", choices=(_KEY, *KINDS), default=(_KEY, *KINDS))
    parser.add_argument("--walks", type=int, default=2, help="walks over each clip")
    parser.add_argument("--frames", type=int, default=3, help="frames of each walk")
    parser.add_argument("--register", choices=("auto", "off"), default="auto", help="as for stcolor colorize")
    options = parser.parse_args()
    torch.set_num_threads(1)
    clips = read_dataset(options.dataset, names=options.clips)
    bins = "".join(f"   {low:.1f}-{high:.1f}" for low, high in zip(_BOUNDS, _BOUNDS[1:], strict=False))
    print(f"{'':<10} own: mean error   shipped: mean error right   right of those at{bins}")
    for kind in options.kinds:
        found = measure(kind, clips, walks=options.walks, frames=options.frames, register=options.register == "auto")
        own, shipped = (add_up(part) for part in zip(*found.values(), strict=True))
        total = shipped.count.sum()
        means = own.confidence.sum() / total, shipped.confidence.sum() / total
        line = f"{kind:<10}     {means[0]:5.2f} {own.error():5.3f}       {means[1]:5.2f} {shipped.error():5.3f}"
        print(f"{line} {shipped.correct.sum() / total:5.2f}" + " " * 20 + _right(shipped), flush=True)
        low, high = spread([part for _, part in found.values()])
        print(f"{'':<10} shipped: error {low:.3f} to {high:.3f} over draws of clips", flush=True)


def _right(reliability: Reliability) -> str:
    """Return the share of right pixels in each range of confidence."""
    edges = [round(100 * bound) for bound in _BOUNDS]
    counts, rights = (np.add.reduceat(part, edges[:-1]) for part in (reliability.count, reliability.correct))
    return "".join(
        f"   {right / count:7.2f}" if count else "         -" for count, right in zip(counts, rights, strict=True)
    )


if __name__ == "__main__":
    main()
