"""Compare the path of a GPU, run on the CPU, with the path on arrays: PSNR, difference in ab, CPU time.

    python benchmarks/device_path.py paths --dataset DIR --clips NAME ... [--frames 20] [--references 9]
    python benchmarks/device_path.py flow  --dataset DIR --clips NAME ... [--gap 1]

`paths` colours clips of 384 x 216 both ways (`method.on_device`). `flow` compares OpenCV's DIS and the dense inverse
search in tensors on pairs of frames: the PSNR of a* and b* carried along the flow, and the distance between the two.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.evaluation.metrics import psnr
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_srgb
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.tensor_pictures import blur
from stcolor_core.method.tracking import flow
from stcolor_core.method.tracking.tensor_flow import FINE, dense_inverse_search
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

CPU = torch.device("cpu")


def quality(clip: Clip, frame: ColoredFrame) -> float:
    """Return the PSNR of a coloured frame, in dB.

    Args:
        clip: The clip with the true colours.
        frame: One of its frames, coloured; its L* is taken from the clip.
    """
    lab = np.dstack([clip.lightnesses[frame.frame], frame.ab])
    return psnr(clip.rgb[frame.frame], lab_to_srgb(lab))


def compare_paths(clip: Clip, references: list[int]) -> str:
    """Colour a clip both ways, and return a line about it.

    Args:
        clip: The clip with the true colours.
        references: Indices of the frames that are keyframes; the other frames are coloured.

    Returns:
        The mean PSNR, the difference in a* and b*, and the CPU time of a frame.
    """
    model, results = registry.build("standard", device=CPU), []
    for tensors in (False, True):
        propagator = Propagator(model, Method(tracking="dense"), device=CPU, tensors=tensors)
        start, frames = time.process_time(), {}
        for span in plan(range(len(clip.rgb)), references, []):
            with Scratch() as scratch:
                frames.update({frame.frame: frame for frame in propagator.color(span, clip, scratch)})
        seconds = (time.process_time() - start) / len(frames)
        results.append((frames, np.mean([quality(clip, frame) for frame in frames.values()]), seconds))
    (here, before, seconds), (there, after, other_seconds) = results
    difference = np.concatenate([np.abs(here[frame].ab - there[frame].ab).ravel() for frame in here])
    middle, most = np.percentile(difference, [50, 99])
    return (
        f"{before:.2f} dB, on tensors {after - before:+.3f}; ab differs by {middle:.3f} in the middle, "
        f"{most:.2f} at 99 %; "
        f"{seconds:.2f} s of CPU a frame, on tensors {other_seconds / seconds:.1f} times"
    )


def compare_flow(clip: Clip, gap: int) -> str:
    """Compute flow between frames of a clip both ways, and return a line about it.

    Args:
        clip: The clip with the true colours. Every third frame is compared with a later one.
        gap: Number of frames from one to the other, at least 1.

    Returns:
        The PSNR of a* and b* carried along the flow, the distance between both flows in px, and the CPU time of a pair.
    """
    rows = []
    for first in range(0, len(clip.rgb) - gap, 3):
        target, reference = clip.lightnesses[first + gap], clip.lightnesses[first]
        starts = [time.process_time()]
        ours = flow.align(target, reference, np.zeros((*target.shape, 2), np.float32))
        starts.append(time.process_time())
        pictures = (blur(torch.from_numpy(plane)[None], flow.GRAIN) * 2.55 for plane in (target, reference))
        theirs = dense_inverse_search(*pictures, settings=FINE)[0].permute(1, 2, 0).contiguous().numpy()
        starts.append(time.process_time())
        errors = [flow.sample(clip.ab[first], found) - clip.ab[first + gap] for found in (ours, theirs)]
        apart = np.linalg.norm(ours - theirs, axis=-1)
        decibels = [-10 * np.log10(np.square(error).mean() / 1e4) for error in errors]
        rows.append((*decibels, np.median(apart), apart.mean(), *np.diff(starts)))
    before, after, middle, mean, seconds, other = np.mean(rows, 0)
    return (
        f"{before:.2f} dB of ab by OpenCV's, by tensors {after - before:+.2f}; {middle:.2f} px apart in the middle, "
        f"{mean:.2f} on average; {1000 * seconds:.0f} ms of CPU, by tensors {1000 * other:.0f}"
    )


@torch.no_grad()
def main() -> None:
    """Compare clip by clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("paths", "flow"))
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--clips", nargs="+")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--references", type=int, nargs="+", default=[9])
    parser.add_argument("--gap", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for sequence in read_dataset(options.dataset, width=384, height=216, names=options.clips):
        clip = Clip.load(sequence, options.frames)
        line = compare_paths(clip, options.references) if options.what == "paths" else compare_flow(clip, options.gap)
        print(f"{sequence.name}: {line}", flush=True)


if __name__ == "__main__":
    main()
