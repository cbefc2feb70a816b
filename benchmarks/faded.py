"""Measure what `--keep-chroma W` gains on footage whose dyes have faded by a script.

    PYTHONPATH=. python benchmarks/faded.py --dataset DIR [--clips NAME ...] [--frames 20] [--fading moderate strong]

The three dye layers of each frame lose density, cyan the most, as in colour prints: the plate is pale and reddish, with
grain in its colour. Its light is kept; its true colour is that of the clip, which the first frame has as keyframe.
Prints the mean PSNR in dB over the frames that are no keyframe, of the plate as it is, of its fading undone by the
keyframe alone (one fit of a* and b* for the clip, as a colourist would grade it), and of the results for each W.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from stcolor_core.arrays import Chroma, Image
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.evaluation.metrics import psnr
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_srgb, linear_to_lab, srgb_decode
from stcolor_core.method.faded import keep_chroma, restore_fading
from stcolor_core.method.propagation import Propagator
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

FADING: Mapping[str, tuple[float, float, float]] = {
    "moderate": (0.6, 0.9, 0.8),
    "strong": (0.25, 0.75, 0.5),
}
"""Share of the density that the cyan, the magenta and the yellow dye have left; they absorb red, green and blue."""

_GRAIN = 0.01  # standard deviation of each layer's density
_DARKEST = 1e-3  # light, so that density is finite
_CPU = torch.device("cpu")


def fade_dyes(light: Image, left: tuple[float, float, float], generator: np.random.Generator) -> Image:
    """Return what is left of linear light once the dyes have lost density.

    Args:
        light: Linear light, shape (H, W, 3).
        left: What is left of the density of each dye, 0..1.
        generator: Makes the grain.
    """
    density = -np.log10(np.clip(light, _DARKEST, 1)) * np.float32(left)
    density += generator.normal(scale=_GRAIN, size=density.shape)
    return np.asarray(10**-density, np.float32)


def make_clip(sequence: DatasetSequence, fading: str, count: int) -> tuple[Clip, list[Chroma]]:
    """Return a clip with the faded plate's light and the true colour, and the plate's own a* and b*.

    Args:
        sequence: The clip in full colour.
        fading: A name in `FADING`.
        count: How many frames, at most.
    """
    generator, rgb, own = np.random.default_rng(3), list[Image](), list[Chroma]()
    for index in range(min(count, len(sequence))):
        light = srgb_decode(sequence.rgb(index))
        faded = linear_to_lab(fade_dyes(light, FADING[fading], generator))
        true = np.dstack([faded[..., :1], linear_to_lab(light)[..., 1:]])
        rgb.append(np.asarray(lab_to_srgb(true), np.float32))
        own.append(np.ascontiguousarray(faded[..., 1:], np.float32))
    return Clip.from_rgb(rgb), own


def measure(clip: Clip, own: Sequence[Chroma], weights: Sequence[float]) -> Iterator[list[float]]:
    """Yield the PSNR of every frame but the keyframe: of the plate, of one fit for the clip, and for each weight.

    Args:
        clip: From `make_clip`.
        own: The plate's own a* and b* for each frame, from `make_clip`.
        weights: Values of `--keep-chroma`.
    """
    method = Method(tracking="dense")
    propagator = Propagator(registry.build("standard", device="cpu"), method, device=_CPU)
    ones = np.ones(clip.lightnesses[0].shape, np.float32)
    fitted = restore_fading(clip.ab[0], ones, own[0])  # the same map is applied to every frame: it is affine
    for span in plan(range(len(clip.rgb)), (0,), [], per_frame=method.references):
        with Scratch() as scratch:
            for colored in propagator.color(span, clip, scratch):
                frame = colored.frame
                candidates = [own[frame], own[frame] if fitted is None else _refit(own[0], fitted, own[frame])]
                candidates += [
                    keep_chroma(colored.ab, colored.confidence, own[frame], weight=weight) for weight in weights
                ]
                yield [psnr(clip.rgb[frame], _picture(clip.lightnesses[frame], ab)) for ab in candidates]


def _refit(source: Chroma, target: Chroma, other: Chroma) -> Chroma:
    """Return `other` by the affine map that leads from `source` to `target` exactly."""
    ones = np.ones((*source.shape[:2], 1), np.float32)
    matrix = np.linalg.lstsq(np.dstack([source, ones]).reshape(-1, 3), target.reshape(-1, 2), rcond=None)[0]
    return np.asarray(np.dstack([other, np.ones((*other.shape[:2], 1), np.float32)]) @ matrix, np.float32)


def _picture(lightness: np.ndarray, ab: Chroma) -> Image:
    return np.asarray(lab_to_srgb(np.dstack([lightness, ab])), np.float32)


def _write_picture(path: Path, clip: Clip, own: Sequence[Chroma]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pair = np.hstack([clip.rgb[0], _picture(clip.lightnesses[0], own[0])])
    cv2.imwrite(str(path), np.rint(255 * pair[..., ::-1]).astype(np.uint8))


def main() -> None:
    """Run the measurement, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a DAVIS-like folder")
    parser.add_argument("--clips", nargs="+", help="sequences to use; default: all")
    parser.add_argument("--frames", type=int, default=20, help="how many frames of each sequence")
    parser.add_argument("--fading", nargs="+", choices=tuple(FADING), default=tuple(FADING))
    parser.add_argument("--weights", nargs="+", type=float, default=(0, 0.1, 0.2, 0.3, 0.5, 1))
    parser.add_argument("--pictures", type=Path, help="write each clip's first frame, true and faded, into this folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'fading':<9} {'sequence':<24}   plate  graded" + "".join(f"{f'W {w:g}':>8}" for w in options.weights))
    for fading in options.fading:
        rows = []
        for sequence in read_dataset(options.dataset, names=options.clips):
            clip, own = make_clip(sequence, fading, options.frames)
            if options.pictures:
                _write_picture(options.pictures / f"{fading} {sequence.name}.png", clip, own)
            rows.append(np.mean(list(measure(clip, own, options.weights)), axis=0))
            print(f"{fading:<9} {sequence.name:<24}" + "".join(f"{value:8.2f}" for value in rows[-1]), flush=True)
        print(f"{fading:<9} {'mean':<24}" + "".join(f"{value:8.2f}" for value in np.mean(rows, axis=0)), flush=True)


if __name__ == "__main__":
    main()
