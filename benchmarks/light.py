"""Measure how well colour follows light that changes: fades, flicker, flashes, a moving shadow, exposure ramps.

    PYTHONPATH=. python benchmarks/light.py --dataset DIR [--clips NAME ...] [--kinds NAME ...] [--frames 16]

Each clip's light is changed by a script, in the plate and in the truth alike, and it is coloured with `--light off` and
with `--light auto`. Prints the mean PSNR in dB over the frames that are no keyframe, for each kind of light. `steady`
is the clip as it is. `--pictures DIR` writes truth, off and auto side by side.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import torch

from stcolor_core.arrays import Image
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.evaluation.metrics import Reliability, outliers, psnr, within_threshold
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_srgb, linear_to_lab, roll_off, srgb_decode, srgb_encode
from stcolor_core.method.propagation import Propagator
from stcolor_core.models import registry
from stcolor_core.shots.settings import Light, Method
from stcolor_core.shots.spans import plan

Change = Callable[[Image, float, np.random.Generator], Image]
"""Returns linear light (H, W, 3) in the changed light, for a place in the clip from 0 (its start) to 1 (its end)."""

CPU = torch.device("cpu")
_DARKEST = 0.04  # light at the end of a fade: at black every method is right
_SHADE = 0.3  # light in the shadow


@dataclass(frozen=True)
class Kind:
    """One kind of changing light.

    Attributes:
        change: Changes the light of one frame.
        keys: Places of the keyframes in the clip, 0..1.
    """

    change: Change
    keys: tuple[float, ...] = (0.0,)


def steady(light: Image, _place: float, _: np.random.Generator) -> Image:
    """Return the light as it is.

    Args:
        light: Linear light, shape (H, W, 3).
    """
    return light


def fade(light: Image, place: float, _: np.random.Generator) -> Image:
    """Fade linear light out, down to a 25th at the end of the clip.

    Args:
        light: Linear light, shape (H, W, 3).
        place: Place of the frame in the clip, 0..1.

    Returns:
        Linear light, shape (H, W, 3).
    """
    return light * (1 - (1 - _DARKEST) * place)


def fade_video(light: Image, place: float, _: np.random.Generator) -> Image:
    """Fade code values out, as an editing system does, down to a fifth at the end of the clip.

    Args:
        light: Linear light, shape (H, W, 3).
        place: Place of the frame in the clip, 0..1.

    Returns:
        Linear light, shape (H, W, 3).
    """
    return srgb_decode(srgb_encode(light) * (1 - 0.8 * place))


def brighten(light: Image, place: float, _: np.random.Generator) -> Image:
    """Raise the light from the darkness of a late frame of a fade, which is the keyframe.

    Args:
        light: Linear light, shape (H, W, 3).
        place: Place of the frame in the clip, 0..1.

    Returns:
        Linear light, shape (H, W, 3): 0.15 of `light` at place 0, all of it at place 1.
    """
    return light * np.float32(0.15 + 0.85 * place)


def flicker(light: Image, place: float, generator: np.random.Generator) -> Image:
    """Scale the light of each frame by a random gain with a standard deviation of 0.15; the first frame stays as it is.

    Args:
        light: Linear light, shape (H, W, 3).
        place: Place of the frame in the clip, 0..1.
        generator: Draws the gain.

    Returns:
        Linear light, shape (H, W, 3).
    """
    gain = max(0.2, 1 + 0.15 * generator.standard_normal())
    return light * (gain if place > 0 else 1)


def flash(light: Image, place: float, generator: np.random.Generator) -> Image:
    """Raise the light of one frame in four, two to four times; what is brighter than white clips.

    Args:
        light: Linear light, shape (H, W, 3).
        place: Place of the frame in the clip, 0..1; the first frame stays as it is.
        generator: Draws whether this frame has a flash, and its strength.

    Returns:
        Linear light, shape (H, W, 3), not clipped yet.
    """
    strength, hit = generator.uniform(2, 4), generator.random() < 0.25
    return light * (strength if hit and place > 0 else 1)


def shadow(light: Image, place: float, _: np.random.Generator) -> Image:
    """Move a soft shadow, a third of the picture wide, across it from beyond the left edge to beyond the right.

    Args:
        light: Linear light, shape (H, W, 3).
        place: Place of the frame in the clip, 0..1.

    Returns:
        Linear light, shape (H, W, 3).
    """
    width = light.shape[1]
    x = (np.arange(width, dtype=np.float32) + 0.5) / width
    distance = np.abs(x - (1.6 * place - 0.3)) - 1 / 6
    shade = np.clip(0.5 - distance / 0.06, 0, 1)[None, :, None]
    return light * (1 - (1 - _SHADE) * shade)


def ramp_down(light: Image, place: float, _: np.random.Generator) -> Image:
    """Lower the exposure, by 1.5 stops up to the end of the clip.

    Args:
        light: Linear light, shape (H, W, 3).
        place: Place of the frame in the clip, 0..1.

    Returns:
        Linear light, shape (H, W, 3).
    """
    return light * np.float32(2 ** (-1.5 * place))


def ramp_up(light: Image, place: float, _: np.random.Generator) -> Image:
    """Raise the exposure, by 1.5 stops up to the end of the clip.

    Args:
        light: Linear light, shape (H, W, 3).
        place: Place of the frame in the clip, 0..1.

    Returns:
        Linear light, shape (H, W, 3), not clipped yet.
    """
    return light * np.float32(2 ** (1.5 * place))


KINDS: Mapping[str, Kind] = {
    "steady": Kind(steady),
    "fade out": Kind(fade),
    "fade in": Kind(lambda light, place, generator: fade(light, 1 - place, generator), (1.0,)),
    "video out": Kind(fade_video),
    "video in": Kind(lambda light, place, generator: fade_video(light, 1 - place, generator), (1.0,)),
    "two keys": Kind(fade, (0.0, 1.0)),
    "dark key": Kind(brighten),
    "flicker": Kind(flicker),
    "flash": Kind(flash),
    "shadow": Kind(shadow),
    "ramp down": Kind(ramp_down),
    "ramp up": Kind(ramp_up),
}


def change_light(sequence: DatasetSequence, kind: Kind, frames: int) -> tuple[Clip, tuple[int, ...]]:
    """Return the first frames of a clip in the changed light, and the indices of the keyframes.

    Args:
        sequence: The clip as it was shot.
        kind: How its light changes, and where the keyframes are.
        frames: How many frames to take, 2 or more; a shorter clip is taken to its end.
    """
    count, generator = min(frames, len(sequence)), np.random.default_rng(5)
    places = [index / (count - 1) for index in range(count)]
    linear = (srgb_decode(sequence.rgb(index)) for index in range(count))
    changed = [kind.change(light, place, generator) for light, place in zip(linear, places, strict=True)]
    rgb = [srgb_encode(np.clip(light, 0, 1)).astype(np.float32) for light in changed]
    clip = Clip.from_rgb(rgb)
    seen = replace(clip, lightnesses=[roll_off(lightness) for lightness in clip.lightnesses])  # as a plate is
    return seen, tuple(round(key * (count - 1)) for key in kind.keys)


def measure(
    clip: Clip, keys: tuple[int, ...], light: Light, reliability: Reliability
) -> tuple[list[tuple[float, float]], dict[int, Image]]:
    """Return PSNR in dB and outliers in % of every frame that is no keyframe, and their pictures in sRGB.

    Args:
        clip: The clip in the changed light.
        keys: Indices of the keyframes, which take their true colour.
        light: Whether colour follows the light: `Method.light`.
        reliability: Gets the confidence of these frames' pixels, and whether each is right.
    """
    method = Method(tracking="dense", light=light)
    propagator = Propagator(registry.build("standard", device="cpu"), method, device=CPU)
    scores, pictures = [], {}
    for span in plan(range(len(clip.rgb)), keys, [], per_frame=method.references):
        with Scratch() as scratch:
            for colored in propagator.color(span, clip, scratch):
                truth = clip.rgb[colored.frame]
                lab = np.dstack([linear_to_lab(srgb_decode(truth))[..., 0], colored.ab])
                picture = lab_to_srgb(lab)
                scores.append((psnr(truth, picture), 100 * outliers(truth, picture)))
                reliability.add(colored.confidence, within_threshold(truth, picture))
                pictures[colored.frame] = picture
    return scores, pictures


def main() -> None:
    """Run the measurement, and print a table for each kind of light."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a DAVIS-like folder")
    parser.add_argument("--clips", nargs="+", help="sequences to use; default: all")
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    parser.add_argument("--light", nargs="+", choices=get_args(Light), default=get_args(Light)[::-1])
    parser.add_argument("--frames", type=int, default=16, help="how many frames of each sequence")
    parser.add_argument("--pictures", type=Path, help="write truth and results side by side into this folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'light':<10} {'sequence':<24}" + "".join(f" {light:>7} {'outl %':>7}" for light in options.light))
    for name in options.kinds:
        rows, reliabilities = [], {light: Reliability() for light in options.light}
        for sequence in read_dataset(options.dataset, names=options.clips):
            clip, keys = change_light(sequence, KINDS[name], options.frames)
            results = {light: measure(clip, keys, light, reliabilities[light]) for light in options.light}
            rows.append([np.mean(scores, axis=0) for scores, _ in results.values()])
            print(f"{name:<10} {sequence.name:<24}" + _cells(rows[-1]), flush=True)
            if options.pictures:
                _write_pictures(options.pictures / f"{name} {sequence.name}", clip, [p for _, p in results.values()])
        errors = ", ".join(f"{light} {reliability.error():.3f}" for light, reliability in reliabilities.items())
        print(f"{name:<10} {'mean':<24}{_cells(np.mean(rows, axis=0))}   calibration error: {errors}", flush=True)


def _cells(scores: object) -> str:
    return "".join(f" {value:7.2f}" for value in np.ravel(scores))


def _write_pictures(folder: Path, clip: Clip, results: list[dict[int, Image]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for frame in results[0]:
        row = np.hstack([clip.rgb[frame], *(result[frame] for result in results)])
        cv2.imwrite(str(folder / f"{frame:03d}.png"), np.rint(255 * row[..., ::-1]).astype(np.uint8))


if __name__ == "__main__":
    main()
