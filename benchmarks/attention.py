"""Measure how well features alone carry colour: unrestricted attention on the grid (docs/method.md, Warping).

    PYTHONPATH=. python benchmarks/attention.py --dataset DIR [--features gradients] [--every 4]
        [--shortlists]

The first frames of each sequence get the colour of one reference frame: a*, b* are averaged over grid cells, mixed by a
softmax over all reference positions, and combined with the frame's true L*. Prints PSNR in dB for each sequence: of the
grid cells, of bilinear upsampling, of upsampling with the warped slopes, and of a grey picture for comparison. Then
prints the number of channels, and the processor time of one frame on one core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.arrays import Chroma, Image
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.evaluation.metrics import psnr
from stcolor_core.images.color import lab_to_linear, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.images.resizing import cell_means
from stcolor_core.method.features.gradients import gradient_descriptors, luminance_samples
from stcolor_core.method.features.lite0 import load_lite0, packaged_state
from stcolor_core.method.features.standard import StandardFeatures, backbone, raw_features
from stcolor_core.method.upsampling import slopes, upsample
from stcolor_core.method.warping import GridReference, warp

_STRIDE = StandardFeatures.stride
Describe = Callable[[Tensor], Tensor]  # (H, W) L* -> (C, h, w)


class Frame(NamedTuple):
    rgb: Image  # sRGB, 0..1
    lab: Image  # CIE Lab

    @property
    def lightness(self) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.lab[..., 0]))


class Score(NamedTuple):
    grid: float  # dB, means over frames
    bilinear: float
    slopes: float
    grey: float
    describing: float  # seconds a frame, of the features
    matching: float  # seconds a frame, of the attention
    channels: int


def gradients(lightness: Tensor) -> Tensor:
    """Return the local descriptors without a network, shape (C, H/4, W/4); H and W must be multiples of 4."""
    return unit(torch.cat([gradient_descriptors(lightness[None]), 0.4 * luminance_samples(lightness[None])], dim=1)[0])


def shallow() -> Describe:
    """Return the features of an early prototype: descriptors and the network's maps at strides 4, 8 and 16."""
    network = load_lite0(packaged_state(), stages=5)

    def describe(lightness: Tensor) -> Tensor:
        maps = network(lightness[None, None] / 100)
        local = gradients(lightness)
        deep = [F.interpolate(maps[level], local.shape[1:], mode="bilinear")[0] for level in (1, 2, 4)]
        return unit(torch.cat([local, *(unit(level) for level in deep)]))

    return describe


def unprojected() -> Describe:
    """Return descriptors and network maps as training receives them: equal weights and no projection."""
    network = backbone("cpu")
    return lambda lightness: unit(raw_features(network, lightness[None])[0])


def unit(features: Tensor) -> Tensor:
    return F.normalize(features - features.mean(dim=(1, 2), keepdim=True), dim=0)


DESCRIBERS: dict[str, Callable[[], Describe]] = {
    "gradients": lambda: gradients,
    "shallow": shallow,
    "unprojected": unprojected,
    "standard": lambda: StandardFeatures("cpu").target,
}


def score(
    sequence: DatasetSequence,
    describe: Describe,
    targets: list[int],
    *,
    reference: int,
    temperature: float,
    shortlists: bool,
) -> Score:
    """Return the quality of attention over these features on the target frames of a sequence, and its cost."""
    keyframe = read(sequence, reference)
    source = describe(keyframe.lightness)
    shape = (source.shape[1], source.shape[2])
    slope = slopes(keyframe.lab[..., 0], keyframe.lab[..., 1:])
    keyframe_grid = GridReference(
        source.flatten(1), on_grid(keyframe.lab[..., 1:], shape), slope=on_grid(slope, shape), grid=shape
    )
    scores, describing, matching = [], 0.0, 0.0
    for index in targets:
        frame = read(sequence, index)
        start = time.process_time()
        target = describe(frame.lightness)
        described = time.process_time()
        grid = warp(target.flatten(1), [keyframe_grid], temperature=temperature, grid=shape if shortlists else None)
        matching += time.process_time() - described
        describing += described - start
        ab, steepness = (part.T.reshape(*shape, 2).numpy() for part in (grid.free_ab, grid.free_slope))
        lightness, low = frame.lab[..., 0], cell_means(frame.lab, shape, stride=_STRIDE)
        results = (
            cv2.resize(ab, lightness.shape[::-1], interpolation=cv2.INTER_LINEAR),
            upsample(ab, low[..., 0], lightness, slope=steepness, interpolation="linear"),
            np.zeros((*lightness.shape, 2), np.float32),
        )
        on_cells = psnr(colored(low, low[..., 1:]), colored(low, ab))
        scores.append((on_cells, *(psnr(frame.rgb, colored(frame.lab, result)) for result in results)))
    count = len(targets)
    return Score(*np.mean(scores, axis=0).tolist(), describing / count, matching / count, len(source))


def on_grid(picture: Chroma, shape: tuple[int, int]) -> Tensor:
    return torch.from_numpy(cell_means(picture, shape, stride=_STRIDE)).permute(2, 0, 1).flatten(1)


def read(sequence: DatasetSequence, index: int) -> Frame:
    rgb = sequence.rgb(index)
    return Frame(rgb, linear_to_lab(srgb_decode(rgb)))


def colored(lab: Image, ab: Chroma) -> Image:
    return srgb_encode(lab_to_linear(np.dstack([lab[..., :1], ab])))


def main() -> None:
    """Run the measurement that the command line names, and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a DAVIS-like folder")
    parser.add_argument("--features", choices=tuple(DESCRIBERS), default="standard")
    parser.add_argument("--shortlists", action="store_true", help="compare each position with its top blocks only")
    parser.add_argument("--temperature", type=float, default=0.035)
    parser.add_argument("--frames", type=int, default=30, help="how many frames of each sequence")
    parser.add_argument("--reference", type=int, default=9, help="index of the reference frame")
    parser.add_argument("--every", type=int, default=1, help="take every n-th frame")
    parser.add_argument("--size", type=int, nargs=2, default=(384, 216), metavar=("WIDTH", "HEIGHT"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    describe = DESCRIBERS[options.features]()
    targets = [
        i for i in range(options.reference % options.every, options.frames, options.every) if i != options.reference
    ]
    scores = []
    print(f"{'sequence':<20} {'grid':>8} {'bilinear':>8} {'slopes':>8} {'grey':>8}")
    with torch.inference_mode():
        for sequence in read_dataset(options.dataset, width=options.size[0], height=options.size[1]):
            result = score(
                sequence,
                describe,
                targets,
                reference=options.reference,
                temperature=options.temperature,
                shortlists=options.shortlists,
            )
            scores.append(result)
            print(f"{sequence.name:<20}" + "".join(f" {figure:8.2f}" for figure in result[:4]), flush=True)
    mean = Score(*np.mean(scores, axis=0).tolist())
    print(f"{'mean':<20}" + "".join(f" {figure:8.2f}" for figure in mean[:4]))
    cost = f"features {1e3 * mean.describing:.0f} ms, attention {1e3 * mean.matching:.0f} ms"
    print(f"C {mean.channels:.0f}, {cost} a frame on one core")


if __name__ == "__main__":
    main()
