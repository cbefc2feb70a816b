"""Compare the exemplar model with a dense implementation of the same equations: time, memory and result.

    python benchmarks/exemplar.py [--size 384x216 768x432] [--frames 8 1] [--exact]

Both colour a pan from its first frame. First the equations alone: the features need no network, and the warp is the
result. Then with the networks, which have random weights, since the cost does not depend on them. With --exact the
product also restarts eq. 15 at every frame. Each row runs in its own process. Memory is printed twice: what colouring
adds to a process that has loaded its networks and libraries and coloured a tiny pan, and the whole process. Needs no
data; not for Windows, which lacks `resource`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import dense_exemplar
import numpy as np
import psutil
import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.arrays import Chroma, Plane
from stcolor_core.files.scratch import Scratch
from stcolor_core.method.features.exemplar import VGG19, CorrespondenceNet, ExemplarFeatures
from stcolor_core.method.model import Model
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.references import Keyframe
from stcolor_core.method.refinement import Evidence, Refined, WalkState
from stcolor_core.method.refinement.exemplar import ColorNet, ExemplarRefinement
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan
from stcolor_core.terminal import limit_threads

MIB = 2**20
TINY = (64, 32)


class Patches:
    """Features without a network: the 8 x 8 pixels around each cell under random weights."""

    stride = 4

    def __init__(self) -> None:
        self._mix = torch.randn(256, 1, 8, 8, generator=torch.Generator().manual_seed(0))

    def target(self, lightness: Tensor) -> Tensor:
        """Return the features of a picture, shape (256, H/4, W/4), of unit length.

        Args:
            lightness: L*, shape (H, W), 0..100, H and W multiples of 4.
        """
        values = F.conv2d(F.pad(lightness[None, None], (2, 2, 2, 2), mode="replicate"), self._mix, stride=4)[0]
        return F.normalize(values - values.mean(dim=(1, 2), keepdim=True), dim=0)

    def reference(self, lightness: Tensor, ab: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return the same features as `target`.

        Args:
            lightness: L*, shape (H, W), 0..100, H and W multiples of 4.
            ab: Ignored.
        """
        return self.target(lightness)

    def both(self, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of a frame as a target and as a reference, which are the same.

        Args:
            lightness: L*, shape (H, W), 0..100, H and W multiples of 4.
        """
        return (self.target(lightness),) * 2


class Straight:
    """A refinement without the colour net of eq. 2: the warp is the result."""

    recurrent, reach = True, 0

    def refine(self, evidence: Evidence, previous: WalkState | None) -> Refined:  # noqa: ARG002
        """Return the warp, each cell as 4 x 4 pixels; its confidence is 0 and nothing of it counts as tracked.

        Args:
            evidence: The evidence for the frame's colour.
            previous: Ignored.
        """
        grid = evidence.warp.ab.reshape(1, 2, *evidence.grid_lightness.shape)
        ab = F.interpolate(grid, scale_factor=4, mode="nearest")[0].permute(1, 2, 0).numpy()
        nothing = np.zeros(ab.shape[:2], np.float32)
        return Refined(ab, nothing, nothing, np.full(nothing.shape, -1), WalkState(evidence.lightness, ab, nothing))


class Pan:
    """A pan by one grid cell a frame; the first frame is the reference."""

    stills = ()

    def __init__(self, width: int, height: int, count: int) -> None:
        random = np.random.RandomState(0)
        noise = random.uniform(0, 1, (height // 4, width // 4 + count)).astype(np.float32)
        wall = cv2.resize(noise, (width + 4 * count, height), interpolation=cv2.INTER_CUBIC)
        self.lightnesses = [
            np.ascontiguousarray(np.clip(100 * wall[:, 4 * t : 4 * t + width], 0, 100)) for t in range(count)
        ]
        color = np.stack([40 * np.sin(np.arange(width) / 31), 40 * np.cos(np.arange(width) / 47)], -1)
        self.ab = np.ascontiguousarray(np.broadcast_to(color.astype(np.float32), (height, width, 2)))

    def lightness(self, frame: int) -> Plane:
        """Return the frame's L*, shape (H, W), 0..100.

        Args:
            frame: Index of the frame.
        """
        return self.lightnesses[frame]

    def instances(self, frame: int) -> None:  # noqa: ARG002
        """Return None: the pan has neither instances nor mattes.

        Args:
            frame: Ignored.
        """
        return None

    def keyframe(self, frame: int) -> Keyframe:
        """Return the frame as a reference, with the colour of the first frame.

        Args:
            frame: Index of the frame; the first one is 0.
        """
        return Keyframe(self.lightnesses[frame], self.ab)


def dense(features: Patches | ExemplarFeatures, net: ColorNet | None) -> Callable[[Pan], list[Chroma]]:
    """Return a function that colours a clip with the dense implementation: ab (H, W, 2) of every frame after the first.

    Args:
        features: Describes the frames.
        net: The colour net of eq. 2; None for the warp alone.
    """

    def color(pan: Pan) -> list[Chroma]:
        frames = [torch.from_numpy(lightness) for lightness in pan.lightnesses]
        refine = net or (lambda inputs: inputs[:, 1:3])
        result = dense_exemplar.colorize(frames, torch.from_numpy(pan.ab).permute(2, 0, 1), features, refine)
        return [ab.permute(1, 2, 0).numpy() for ab in result]

    return color


def ours(features: Patches | ExemplarFeatures, net: ColorNet | None, *, exact: bool) -> Callable[[Pan], list[Chroma]]:
    """Return a function that colours a clip with the exemplar model: ab (H, W, 2) of every frame after the first.

    Args:
        features: Describes the frames.
        net: The colour net of eq. 2; None for the warp alone.
        exact: Whether to restart eq. 15 at every frame.
    """
    model = Model(
        name="exemplar",
        features=features,
        refinement=ExemplarRefinement(net) if net else Straight(),
        temperature=dense_exemplar.TEMPERATURE,
        radius=dense_exemplar.RADIUS,
        color_features=True,
        coarse_matching=False,
        shortlists=False,
    )
    method = Method(model="exemplar", tracking="dense", exact=exact)

    def color(pan: Pan) -> list[Chroma]:
        (span,) = plan(range(len(pan.lightnesses)), [0], [])
        with Scratch() as scratch:
            propagator = Propagator(model, method, device=torch.device("cpu"))
            return [colored.ab for colored in propagator.color(span, pan, scratch)]

    return color


def child(which: str, what: str, pan: Pan, output: Path, *, exact: bool) -> None:
    """Colour the pan, write the result to a file, and print the cost as one JSON object.

    Args:
        which: "ours" for the product, or "dense".
        what: "equations", or "networks" for networks with random weights.
        pan: The clip to colour.
        output: File for ab, shape (frames after the first, H, W, 2), .npy.
        exact: Whether the product restarts eq. 15 at every frame.
    """
    limit_threads()  # as `stcolor` does
    torch.manual_seed(0)
    features: Patches | ExemplarFeatures = Patches()
    net = None
    if what == "networks":
        vgg, correspondence, net = (
            kind().eval().requires_grad_(False) for kind in (VGG19, CorrespondenceNet, ColorNet)
        )
        correspondence.phi.load_state_dict(
            correspondence.theta.state_dict()
        )  # with different weights nothing would match
        features = ExemplarFeatures(vgg, correspondence)
    color = dense(features, net) if which == "dense" else ours(features, net, exact=exact)
    color(Pan(*TINY, 2))
    before, start = psutil.Process().memory_info().rss / MIB, time.perf_counter()
    result = color(pan)
    seconds = (time.perf_counter() - start) / len(result)
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    np.save(output, np.stack(result))
    print(json.dumps({"seconds": seconds, "added": whole - before, "whole": whole}))


def compare(what: str, size: str, frames: int, *, exact: bool) -> None:
    """Run both, each in its own process, and print their cost.

    Args:
        what: "equations" or "networks", as for `child`.
        size: "WIDTHxHEIGHT" of the pan, in px, both multiples of 16.
        frames: Number of frames to colour.
        exact: Whether the product restarts eq. 15 at every frame.
    """
    rows, results = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for which in ("ours", "dense"):
            output = Path(folder) / f"{which}.npy"
            command = [sys.executable, __file__, "--child", which, what, "--output", str(output)]
            command += ["--size", size, "--frames", str(frames), *["--exact"] * exact]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
            row = rows[which] = json.loads(done.stdout.splitlines()[-1])
            results[which] = np.load(output)
            print(
                f"{size} {what:9} {which:5} {row['seconds']:8.2f} s a frame, {row['added']:6.0f} MiB added, "
                f"{row['whole']:6.0f} in all",
                flush=True,
            )
    time_ratio, added, whole = (rows["dense"][key] / rows["ours"][key] for key in ("seconds", "added", "whole"))
    difference = np.abs(results["ours"] - results["dense"])
    print(
        f"{size} {what:9} {time_ratio:.1f} times as fast; memory added 1/{added:.1f}, in all 1/{whole:.1f}; ab differs "
        f"by at most {difference.max():.1e} of {np.abs(results['dense']).max():.0f}, by more than 1e-3 in "
        f"{100 * (difference.max(-1) > 1e-3).mean():.3f} % of the pixels",
        flush=True,
    )


def main() -> None:
    """Run the measurement that the command line names, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs="+", default=["384x216", "768x432"])
    parser.add_argument("--frames", nargs="+", type=int, default=[8, 1])
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--child", nargs=2)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.child:
        width, height = map(int, options.size[0].split("x"))
        child(*options.child, Pan(width, height, options.frames[0] + 1), options.output, exact=options.exact)
        return
    for size, frames in zip(options.size, options.frames, strict=True):
        for what in ("equations", "networks"):
            compare(what, size, frames, exact=options.exact)


if __name__ == "__main__":
    main()
