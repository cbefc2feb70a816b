"""Measure what half precision would change of a*, b*: convolutions and matrix products of one part of the method.

    python benchmarks/half_precision.py --dataset DIR --clips NAME ... [--frames 8] [--kinds float16 bfloat16]

On a GPU such products take their factors in half precision and add them up in single precision. So factors and results
are rounded here, and the rest is computed in single precision, on the CPU. Clips of 384 x 216 are coloured on tensors
(`method.on_device`) from their first frame. Printed are the mean and two percentiles of the distance of a* and of b* to
those of single precision. The criterion (issue 18) is 0.1. Says nothing about speed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.files.scratch import Scratch
from stcolor_core.method.features.standard import MatchingNet
from stcolor_core.method.on_device import matching
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.refinement.confidence import ConfidenceHead
from stcolor_core.method.refinement.mixing import MixingNet
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

CPU = torch.device("cpu")
# part -> the functions within which products are rounded
PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "features": ((MatchingNet, "forward"),),
    "attention": ((matching, "warp"),),
    "mixing network": ((MixingNet, "forward"), (ConfidenceHead, "forward")),
}
PRODUCTS = {
    "convolution",
    "_convolution_pointwise",
    "_linear_pointwise",
    "mm",
    "bmm",
    "addmm",
    "baddbmm",
}


class RoundedProducts(TorchDispatchMode):
    """Rounds what products take and give to a type of less precision."""

    def __init__(self, kind: torch.dtype) -> None:
        """Choose the type.

        Args:
            kind: torch.float16 or torch.bfloat16.
        """
        super().__init__()
        self._kind, self.count = kind, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator.

        Args:
            func: The operator.
            types: Classes of its tensors.
            args: Its arguments.
            kwargs: Its named arguments.

        Returns:
            Its result.
        """
        if func.overloadpacket.__name__ not in PRODUCTS:
            return func(*args, **(kwargs or {}))
        self.count += 1
        return self._round(func(*tree_map(self._round, args), **tree_map(self._round, kwargs or {})))

    def _round(self, value: Any) -> Any:
        if not isinstance(value, Tensor) or value.dtype != torch.float32:
            return value
        layout = torch.channels_last if value.dim() == 4 and not value.is_contiguous() else torch.contiguous_format
        return value.to(self._kind).float().contiguous(memory_format=layout)


@contextmanager
def rounded(part: str, mode: RoundedProducts) -> Iterator[None]:
    """Round the products of a part of the method within the block.

    Args:
        part: One of `PARTS`, or "all".
        mode: What rounds.

    Yields:
        Nothing.
    """
    places = [place for name, places in PARTS.items() if part in (name, "all") for place in places]
    originals = [getattr(owner, name) for owner, name in places]

    def within(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with mode:
                return function(*arguments, **options)

        return call

    for (owner, name), original in zip(places, originals, strict=True):
        setattr(owner, name, within(original))
    try:
        yield
    finally:
        for (owner, name), original in zip(places, originals, strict=True):
            setattr(owner, name, original)


def color(clip: Clip) -> np.ndarray:
    """Return a* and b* of a clip coloured from its first frame, shape (N - 1, H, W, 2).

    Args:
        clip: The clip with the true colours.
    """
    model = registry.build("standard", device=CPU)
    propagator = Propagator(model, Method(tracking="dense"), device=CPU, tensors=True)
    found = {}
    for span in plan(range(len(clip.rgb)), [0], []):
        with Scratch() as scratch:
            found.update({frame.frame: frame.ab for frame in propagator.color(span, clip, scratch)})
    return np.stack([found[frame] for frame in sorted(found)])


@torch.no_grad()
def main() -> None:
    """Compare clip by clip and part by part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--clips", nargs="+")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--kinds", nargs="+", choices=("float16", "bfloat16"), default=["float16", "bfloat16"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    for sequence in read_dataset(options.dataset, width=384, height=216, names=options.clips):
        clip = Clip.load(sequence, options.frames)
        single = color(clip)
        for kind in options.kinds:
            for part in (*PARTS, "all"):
                mode = RoundedProducts(getattr(torch, kind))
                with rounded(part, mode):
                    difference = np.abs(color(clip) - single)
                assert mode.count
                middle, most = np.percentile(difference, [99, 99.9])
                print(
                    f"{sequence.name}, {kind}, {part}: {difference.mean():.4f} on average, {middle:.3f} at 99 %, "
                    f"{most:.3f} at 99.9 %",
                    flush=True,
                )


if __name__ == "__main__":
    main()
