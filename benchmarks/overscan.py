"""Measure the colour of a plate's overscan if the keyframe has none: border held, or colour marked unknown.

    python benchmarks/overscan.py --dataset DIR [--clips NAME ...]

A border of a twelfth on each side of davis clips counts as overscan (384 x 216, 16 frames, the fifth is the keyframe).
Prints PSNR in dB in the overscan and inside the format, the mean confidence of the overscan, and the share of it within
16 of 255 levels. The keyframe is one of three kinds: "held" repeats its border, "known" marks the overscan as unknown,
and "whole" covers the overscan too.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from stcolor_core.arrays import Mask, Plane
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.evaluation.metrics import outliers, psnr
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_srgb
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.model import Model
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.references import Keyframe
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

FRAMES, KEY, BORDER = 16, 4, (18, 32)
Kind = Literal["held", "known", "whole"]


@dataclass(frozen=True)
class Overscanned:
    """A clip whose keyframes end at the format, unless `kind` is "whole". It is the `Footage` that propagation reads.

    Attributes:
        clip: The clip with its true colour, overscan included.
        kind: What a keyframe gives in the overscan: the border's colour repeated ("held"), no colour ("known"), or the
            true colour ("whole").
        inside: The pixels of the format, shape (H, W).
        stills: References that are not a frame of the plate: none.
    """

    clip: Clip
    kind: Kind
    inside: Mask
    stills: tuple[Keyframe, ...] = ()

    def lightness(self, frame: int) -> Plane:
        """Return the frame's L*, shape (H, W), 0..100.

        Args:
            frame: Frame index, from 0.
        """
        return self.clip.lightness(frame)

    def instances(self, frame: int) -> Instances | None:  # noqa: ARG002
        """Return None: instances are not used.

        Args:
            frame: Frame index, from 0.
        """
        return None

    def keyframe(self, frame: int) -> Keyframe:
        """Return the frame as a keyframe of this `kind`.

        Args:
            frame: Frame index, from 0.
        """
        (top, left), ab = BORDER, self.clip.ab[frame]
        if self.kind == "held":
            ab = np.pad(ab[top:-top, left:-left], ((top, top), (left, left), (0, 0)), mode="edge")
        return Keyframe(self.lightness(frame), ab, None, self.inside if self.kind == "known" else None)


def measure(clip: Clip, kind: Kind, model: Model) -> tuple[float, float, float, float]:
    """Colour a clip from one keyframe, and return the mean of each score over the frames.

    Args:
        clip: The clip with its true colour, `FRAMES` long.
        kind: What the keyframe gives in the overscan, as in `Overscanned`.
        model: The model that colours it.

    Returns:
        The means of what `score` returns.
    """
    inside = np.zeros(clip.ab[0].shape[:2], bool)
    inside[BORDER[0] : -BORDER[0], BORDER[1] : -BORDER[1]] = True
    footage = Overscanned(clip, kind, inside)
    propagator = Propagator(model, Method(tracking="dense"), device=torch.device("cpu"))
    scores: list[tuple[float, float, float, float]] = []
    for span in plan(range(FRAMES), [KEY], []):
        with Scratch() as scratch:
            scores += [score(colored, clip, inside) for colored in propagator.color(span, footage, scratch)]
    outside, within, confidence, right = np.mean(scores, axis=0)
    return float(outside), float(within), float(confidence), float(right)


def score(colored: ColoredFrame, clip: Clip, inside: Mask) -> tuple[float, float, float, float]:
    """Compare a coloured frame with the truth.

    Args:
        colored: The frame.
        clip: The clip with its true colour.
        inside: The pixels of the format, shape (H, W); the others are overscan.

    Returns:
        PSNR in dB in the overscan and in the format; mean confidence of the overscan, 0..1; and the share of the
        overscan within 16 of 255 levels, 0..1.
    """
    lab = np.dstack([clip.lightnesses[colored.frame], colored.ab])
    picture, truth = lab_to_srgb(lab), clip.rgb[colored.frame]
    outside, within = psnr(truth, picture, ~inside), psnr(truth, picture, inside)
    right = 1 - outliers(truth, picture, mask=~inside)
    return outside, within, colored.confidence[~inside].mean(), right


def main() -> None:
    """Run the measurement, and print a line for each clip and kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--clips", nargs="*")
    options = parser.parse_args()
    model = registry.build("standard", device="cpu")
    for sequence in read_dataset(options.dataset, names=options.clips):
        clip = Clip.load(sequence, FRAMES)
        for kind in ("held", "known", "whole"):
            figures = measure(clip, kind, model)  # type: ignore[arg-type]
            text = "overscan {:.2f} dB, format {:.2f} dB, confidence of the overscan {:.2f}, right {:.2f}".format(
                *figures
            )
            sys.stdout.write(f"{sequence.name:16}{kind:7}{text}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
