"""What a plate's overscan becomes where the keyframe has none: its border held, or as colour that is not known.

    python benchmarks/overscan.py --dataset DIR [--clips NAME ...]

A border of a twelfth on each side of davis clips counts as overscan (384 x 216, 16 frames, the fifth as keyframe). PSNR
in dB in the overscan and inside the format, what the confidence says of the overscan, and how much of it is within 16
levels; for a keyframe with its border held, one that says where it knows its colour, and one that covers all.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_linear, srgb_encode
from stcolor_core.method.matching import Keyframe
from stcolor_core.method.model import Model
from stcolor_core.method.propagation import Colored, Propagator
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.models import registry
from stcolor_core.shots.shot import Method
from stcolor_core.shots.spans import plan

FRAMES, KEY, BORDER = 16, 4, (18, 32)
Kind = Literal["held", "known", "whole"]


@dataclass(frozen=True)
class Overscanned:
    """A clip whose keyframes end at the format."""

    clip: Clip
    kind: Kind
    inside: np.ndarray
    stills: tuple[Keyframe, ...] = ()

    def lightness(self, frame: int) -> np.ndarray:
        return self.clip.lightness(frame)

    def instances(self, frame: int) -> Instances | None:  # noqa: ARG002
        return None

    def keyframe(self, frame: int) -> Keyframe:
        (top, left), ab = BORDER, self.clip.ab[frame]
        if self.kind == "held":
            ab = np.pad(ab[top:-top, left:-left], ((top, top), (left, left), (0, 0)), mode="edge")
        return Keyframe(self.lightness(frame), ab, None, self.inside if self.kind == "known" else None)


def measured(clip: Clip, kind: Kind, model: Model) -> tuple[float, float, float, float]:
    """PSNR in the overscan and inside, mean confidence of the overscan, share of it that is right."""
    inside = np.zeros(clip.ab[0].shape[:2], bool)
    inside[BORDER[0] : -BORDER[0], BORDER[1] : -BORDER[1]] = True
    footage = Overscanned(clip, kind, inside)
    propagator = Propagator(model, Method(tracking="dense"), device=torch.device("cpu"))
    found: list[tuple[float, float, float, float]] = []
    for span in plan(range(FRAMES), [KEY], []):
        with Scratch() as scratch:
            found += [judged(each, clip, inside) for each in propagator.color(span, footage, scratch)]
    outside, within, confidence, right = np.mean(found, axis=0)
    return float(outside), float(within), float(confidence), float(right)


def judged(colored: Colored, clip: Clip, inside: np.ndarray) -> tuple[float, float, float, float]:
    lab = np.dstack([clip.lightnesses[colored.frame], colored.ab])
    error = np.clip(srgb_encode(lab_to_linear(lab)), 0, 1) - clip.rgb[colored.frame]
    outside, within = (10 * np.log10(1 / np.mean(error[part] ** 2)) for part in (~inside, inside))
    right = (255 * np.linalg.norm(error, axis=-1) <= 16)[~inside].mean()
    return outside, within, colored.confidence[~inside].mean(), right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--clips", nargs="*")
    options = parser.parse_args()
    model = registry.build("standard", device="cpu")
    for sequence in read_dataset(options.dataset):
        if options.clips and sequence.name not in options.clips:
            continue
        clip = Clip.load(sequence, FRAMES)
        for kind in ("held", "known", "whole"):
            figures = measured(clip, kind, model)  # type: ignore[arg-type]
            text = "overscan {:.2f} dB, format {:.2f} dB, confidence there {:.2f}, right {:.2f}".format(*figures)
            sys.stdout.write(f"{sequence.name:16}{kind:7}{text}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
