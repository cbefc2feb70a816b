"""Plain methods to compare with (docs/method.md, "Measuring").

They share nothing with the product's code, being its control.

Each takes the L* of a whole sequence and the colours of some of its frames, and gives a*, b* frame by frame, in order.
A frame takes its colour from the nearest reference in time, the earlier one of two; a reference frame keeps its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

__all__ = ["blend_linear", "blend_mean", "chained_flow", "grey", "propagate_colour", "realigned_flow"]

Array = np.ndarray
References = Mapping[int, tuple[Array, Array]]  # frame index -> L* (H, W) 0..100, ab (H, W, 2)
# L* and ab of the reference, L* of the frames from there outwards -> their ab
Walk = Callable[[Array, Array, Iterable[Array]], Iterator[Array]]


def grey(lightness: Sequence[Array], references: References) -> Iterator[Array]:  # noqa: ARG001 - called like the others
    """No colour at all: what a figure is worth without any work."""
    for plate in lightness:
        yield np.zeros((*plate.shape, 2), np.float32)


def propagate_colour(lightness: Sequence[Array], references: References) -> Iterator[Array]:
    """Colour handed on from frame to frame along DIS flow, re-sampled each time (Akimoto et al. 2020, Figs. 2c, 7)."""
    return _outward(lightness, references, _propagate)


def chained_flow(lightness: Sequence[Array], references: References) -> Iterator[Array]:
    """DIS flow from frame to frame, composed to the reference; its colour is sampled once."""
    return _outward(lightness, references, _chain)


def realigned_flow(lightness: Sequence[Array], references: References) -> Iterator[Array]:
    """`chained_flow`, each frame aligned once more directly with the reference, starting from the chain.

    Per pixel the chain or the direct flow goes on, whichever leaves the smaller residual of L* after a Gaussian of 2 px
    (docs/method.md, "Optical flow").
    """
    return _outward(lightness, references, _realign)


def blend_mean(first: Iterable[Array], second: Iterable[Array]) -> Iterator[Array]:
    """The mean of two results, each from a single reference."""
    for a, b in zip(first, second, strict=True):
        yield (a + b) / 2


def blend_linear(first: Iterable[Array], second: Iterable[Array], indices: tuple[int, int]) -> Iterator[Array]:
    """Two results, each from a single reference, weighted by nearness in time; indices are the references', ascending.

    Before the first reference and after the second, the nearer one alone counts.
    """
    start, end = indices
    if start >= end:
        raise ValueError(f"The references must ascend, not {indices}.")
    for index, (a, b) in enumerate(zip(first, second, strict=True)):
        weight = min(max((index - start) / (end - start), 0.0), 1.0)
        yield (1 - weight) * a + weight * b


def _outward(lightness: Sequence[Array], references: References, walk: Walk) -> Iterator[Array]:
    """Walks both ways from each reference, as far as it is the nearest, and gives the results in order of time."""
    count = len(lightness)
    if not references or not all(0 <= index < count for index in references):
        raise ValueError(f"Frames 0 to {count - 1} need a reference among them, not {sorted(references)}.")
    nearest = [min(references, key=lambda index: (abs(index - frame), index)) for frame in range(count)]
    results: dict[int, Array] = {}
    for index, (plate, ab) in references.items():
        results[index] = ab
        own = [frame for frame in range(count) if nearest[frame] == index]
        for frames in ([f for f in own if f > index], [f for f in reversed(own) if f < index]):
            results.update(zip(frames, walk(plate, ab, (lightness[f] for f in frames)), strict=True))
    for frame in range(count):
        yield results.pop(frame)


def _propagate(neighbour: Array, ab: Array, targets: Iterable[Array]) -> Iterator[Array]:
    for target in targets:
        ab = _sample(ab, _flow(target, neighbour))
        neighbour = target
        yield ab


def _chain(neighbour: Array, ab: Array, targets: Iterable[Array]) -> Iterator[Array]:
    displacement = np.zeros_like(ab)
    for target in targets:
        displacement = _compose(_flow(target, neighbour), displacement)
        neighbour = target
        yield _sample(ab, displacement)


def _realign(reference: Array, ab: Array, targets: Iterable[Array]) -> Iterator[Array]:
    neighbour, displacement = reference, np.zeros_like(ab)
    for target in targets:
        chain = _compose(_flow(target, neighbour), displacement)
        direct = _flow(target, reference, chain)
        better = _residual(target, reference, direct) < _residual(target, reference, chain)
        displacement = np.where(better[..., None], direct, chain)
        neighbour = target
        yield _sample(ab, displacement)


def _flow(target: Array, source: Array, start: Array | None = None) -> Array:
    """DIS flow, medium preset: (H, W, 2) px from each pixel of target to its place on source."""
    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    eight_bit = [np.rint(np.clip(x * 2.55, 0, 255)).astype(np.uint8) for x in (target, source)]
    return np.asarray(dis.calc(*eight_bit, None if start is None else start.copy()))  # calc overwrites its start


def _compose(step: Array, displacement: Array) -> Array:
    """One step to the neighbour, then the neighbour's own displacement."""
    return np.asarray(step + _sample(displacement, step))


def _residual(target: Array, reference: Array, displacement: Array) -> Array:
    return np.asarray(cv2.GaussianBlur(np.abs(target - _sample(reference, displacement)), (0, 0), 2))


def _sample(picture: Array, displacement: Array) -> Array:
    """picture at x + displacement(x), bilinear, the border held."""
    height, width = displacement.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    at = x + displacement[..., 0], y + displacement[..., 1]
    return np.asarray(cv2.remap(picture, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
