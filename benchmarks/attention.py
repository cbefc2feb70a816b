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
from stcolor_core.method.grid_references import GridReference
from stcolor_core.method.upsampling import slopes, upsample
from stcolor_core.method.warping import warp

_STRIDE = StandardFeatures.stride
Describe = Callable[[Tensor], Tensor]  # (H, W) L* -> (C, h, w)


class Frame(NamedTuple):
    """A frame with its true colour.

    Attributes:
        rgb: sRGB, shape (H, W, 3), 0..1.
        lab: CIE Lab, shape (H, W, 3).
    """

    rgb: Image
    lab: Image

    @property
    def lightness(self) -> Tensor:
        """Return L*, shape (H, W), 0..100."""
        return torch.from_numpy(np.ascontiguousarray(self.lab[..., 0]))


class Score(NamedTuple):
    """Quality and cost of attention over some features, as means over the target frames.

    Attributes:
        grid: PSNR of the grid cells, in dB.
        bilinear: PSNR after bilinear upsampling, in dB.
        slopes: PSNR after upsampling with the warped slopes, in dB.
        grey: PSNR of the frame without colour, in dB.
        describing: CPU time of the features, in seconds per frame.
        matching: CPU time of the attention, in seconds per frame.
        channels: Number of channels of the features.
    """

    grid: float
    bilinear: float
    slopes: float
    grey: float
    describing: float
    matching: float
    channels: int


def gradients(lightness: Tensor) -> Tensor:
    """Return the local descriptors without a network, shape (C, H/4, W/4).

    Args:
        lightness: L*, shape (H, W), 0..100, H and W multiples of 4.
    """
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
    """Return features centred over positions, then of unit length over C, shape (C, h, w).

    Args:
        features: Features of one picture, shape (C, h, w).
    """
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
    """Return the quality of attention over these features on the target frames of a sequence, and its cost.

    Args:
        sequence: The sequence. `gradients` and `shallow` need a width and a height that are multiples of 4.
        describe: Returns the features of a frame, shape (C, h, w), from its L*, shape (H, W).
        targets: Indices of the frames to colour, at least one.
        reference: Index of the frame whose colour is warped.
        temperature: Softmax temperature, greater than 0.
        shortlists: Whether each position is compared with its top blocks only, not with all positions.
    """
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
    """Return the means of a picture over the cells of the grid, shape (2, h * w).

    Args:
        picture: a* and b*, or their slopes, shape (H, W, 2).
        shape: Rows and columns (h, w) of the grid.
    """
    return torch.from_numpy(cell_means(picture, shape, stride=_STRIDE)).permute(2, 0, 1).flatten(1)


def read(sequence: DatasetSequence, index: int) -> Frame:
    """Return a frame of a sequence.

    Args:
        sequence: The sequence.
        index: Index of the frame, from 0.
    """
    rgb = sequence.rgb(index)
    return Frame(rgb, linear_to_lab(srgb_decode(rgb)))


def colored(lab: Image, ab: Chroma) -> Image:
    """Return the sRGB picture of some L* and another a* and b*, shape (H, W, 3), not clipped.

    Args:
        lab: CIE Lab, of which L* is used, shape (H, W, 3).
        ab: a* and b*, shape (H, W, 2).
    """
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
