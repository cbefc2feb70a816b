"""Measure how long the exemplar model remembers earlier frames: the warm-up that a piece of a span would need.

    python benchmarks/warm_up.py --dataset DIR --sequence NAME [--height 64] [--frames 50]

Colours a clip from its first frame, then again from later frames on, as a piece of the span without its earlier
frames. Prints how far the colour differs after 1 to 24 frames. Uses the published weights if `stcolor models list`
shows them as installed, otherwise the seeded ones of the tests.
"""

from __future__ import annotations

import argparse
import runpy
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from stcolor_core.arrays import Image, Plane
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.files.scratch import Scratch
from stcolor_core.method.features.exemplar import VGG19, CorrespondenceNet, ExemplarFeatures
from stcolor_core.method.model import Model
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.references import Keyframe
from stcolor_core.method.refinement import Evidence, Refined, Refinement, WalkState
from stcolor_core.method.refinement.exemplar import ColorNet, ExemplarRefinement
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

FIXTURE = Path(__file__).resolve().parents[1] / "tests" / "core" / "data" / "exemplar_fixture.py"
AFTER = (1, 2, 4, 8, 16, 24)


class PicturesInMemory:
    """Frames in memory, as the `Footage` of propagation."""

    stills = ()

    def __init__(self, pictures: list[Image]) -> None:
        self._labs = [cv2.cvtColor(picture, cv2.COLOR_RGB2Lab) for picture in pictures]

    def lightness(self, frame: int) -> Plane:
        """Return L* of the frame, (H, W).

        Args:
            frame: Frame index, from 0.
        """
        return np.ascontiguousarray(self._labs[frame][..., 0])

    def instances(self, frame: int) -> None:
        """Return None, since there are no mattes.

        Args:
            frame: Frame index, from 0.
        """

    def keyframe(self, frame: int) -> Keyframe:
        """Return the frame in colour.

        Args:
            frame: Frame index, from 0.
        """
        return Keyframe(self.lightness(frame), np.ascontiguousarray(self._labs[frame][..., 1:]))


class Recorder:
    """A refinement that keeps the evidence it gets."""

    recurrent, reach = True, 0

    def __init__(self, refinement: Refinement) -> None:
        self._refinement, self.evidence = refinement, []

    def refine(self, evidence: Evidence, previous: WalkState | None) -> Refined:
        """Refine as the wrapped refinement does.

        Args:
            evidence: The evidence for the frame's colour.
            previous: State of the frame before on the walk; None if there is none.

        Returns:
            What the wrapped refinement returns.
        """
        self.evidence.append(evidence)
        return self._refinement.refine(evidence, previous)


def exemplar() -> tuple[Model, str]:
    """Return the model, and which weights it has: "published" or "seeded"."""
    if {"vgg19_conv", "nonlocal_net_iter_76000", "colornet_iter_76000"}.issubset(registry.installed()):
        return registry.build("exemplar", device="cpu"), "published"
    seeded = runpy.run_path(str(FIXTURE))["seeded"]
    model = Model(
        name="exemplar",
        features=ExemplarFeatures(seeded(VGG19), seeded(CorrespondenceNet)),
        refinement=ExemplarRefinement(seeded(ColorNet)),
        temperature=0.01,
        radius=9,
        color_features=True,
        coarse_matching=False,
        shortlists=False,
    )
    return model, "seeded"


def main() -> None:
    """Print the largest and the mean difference for each length of warm-up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True, metavar="DIR")
    parser.add_argument("--sequence", required=True, metavar="NAME", help="a clip of the data set")
    parser.add_argument("--height", type=int, default=64)
    parser.add_argument("--frames", type=int, default=50)
    options = parser.parse_args()
    size = {"width": options.height * 16 // 9, "height": options.height}
    (sequence,) = read_dataset(options.dataset, **size, names=(options.sequence,))
    clip = PicturesInMemory([sequence.rgb(frame) for frame in range(min(options.frames, len(sequence)))])
    model, weights = exemplar()
    recorder = Recorder(model.refinement)
    (span,) = plan(range(min(options.frames, len(sequence))), [0], [])
    propagator = Propagator(replace(model, refinement=recorder), Method(tracking="dense"), device=torch.device("cpu"))
    with Scratch() as scratch:
        whole = [colored.ab for colored in propagator.color(span, clip, scratch)]
    print(f"{options.sequence}, {weights} weights; a*, b* up to {np.abs(whole).max():.0f}")
    for start in range(0, len(whole) - max(AFTER), 6):
        previous, differences = None, []
        for evidence, truth in zip(recorder.evidence[start:], whole[start:], strict=True):
            refined = model.refinement.refine(evidence, previous)
            previous = refined.state
            differences.append(np.abs(refined.ab - truth))
        columns = "  ".join(f"{n}: {differences[n].max():.2f} ({differences[n].mean():.2f})" for n in AFTER)
        print(f"from frame {start + 1}, difference after frames, largest (mean): {columns}", flush=True)


if __name__ == "__main__":
    main()
