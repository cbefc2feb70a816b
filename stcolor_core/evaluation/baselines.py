"""Plain methods to compare with (docs/method.md, Measuring). They share no code with the product, as its control.

Each takes the L* of a whole sequence and the colours of some of its frames, yielding a* and b* of all frames in order.
A frame takes its colour from the nearest reference in time, from the earlier of two that are equally near; a reference
frame keeps its own colour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np

from stcolor_core.arrays import Chroma, FlowField, Plane

__all__ = [
    "blend_linear",
    "blend_mean",
    "leave_grey",
    "propagate_color",
    "warp_by_chained_flow",
    "warp_by_realigned_flow",
]

References: TypeAlias = Mapping[int, tuple[Plane, Chroma]]
"""Frame index -> L* (H, W), 0..100, with a* and b* (H, W, 2), of the reference."""

Walk: TypeAlias = Callable[[Plane, Chroma, Iterable[Plane]], Iterator[Chroma]]
"""L*, a* and b* of the reference, and L* of the frames from there outwards -> a* and b* of these frames."""


def leave_grey(lightness: Sequence[Plane], references: References) -> Iterator[Chroma]:  # noqa: ARG001 - same signature
    """Yield no colour at all, which shows what a figure is worth without any work.

    Args:
        lightness: L* of every frame, (H, W), 0..100.
        references: Not used; here for the signature that all baselines share.
    """
    for plate in lightness:
        yield np.zeros((*plate.shape, 2), np.float32)


def propagate_color(lightness: Sequence[Plane], references: References) -> Iterator[Chroma]:
    """Return the colour passed from frame to frame along DIS flow, resampled at each (Akimoto et al. 2020, Fig. 2c, 7).

    Args:
        lightness: L* of every frame, (H, W), 0..100.
        references: L*, a* and b* of the reference frames by frame index.
    """
    return _outward(lightness, references, _propagate)


def warp_by_chained_flow(lightness: Sequence[Plane], references: References) -> Iterator[Chroma]:
    """Return the reference's colour, sampled once along DIS flow that is composed from frame to frame.

    Args:
        lightness: L* of every frame, (H, W), 0..100.
        references: L*, a* and b* of the reference frames by frame index.
    """
    return _outward(lightness, references, _chain)


def warp_by_realigned_flow(lightness: Sequence[Plane], references: References) -> Iterator[Chroma]:
    """Return the result of `warp_by_chained_flow` with each frame also aligned directly with the reference.

    The direct flow starts from the chain. For each pixel the chain or the direct flow goes on, whichever leaves the
    smaller residual of L* after a Gaussian of 2 px (docs/method.md, Optical flow).

    Args:
        lightness: L* of every frame, (H, W), 0..100.
        references: L*, a* and b* of the reference frames by frame index.
    """
    return _outward(lightness, references, _realign)


def blend_mean(first: Iterable[Chroma], second: Iterable[Chroma]) -> Iterator[Chroma]:
    """Yield the mean of two results, each from a single reference.

    Args:
        first: a* and b* of every frame from one reference, (H, W, 2).
        second: The same from the other reference; as many frames.
    """
    for a, b in zip(first, second, strict=True):
        yield np.asarray((a + b) / 2, a.dtype)


def blend_linear(first: Iterable[Chroma], second: Iterable[Chroma], indices: tuple[int, int]) -> Iterator[Chroma]:
    """Yield the mix of two results, each from a single reference, weighted by nearness in time.

    Before the first reference and after the second, the nearer one alone counts.

    Args:
        first: a* and b* of every frame from the earlier reference, (H, W, 2).
        second: The same from the later reference; as many frames.
        indices: Frame indices of the two references, ascending.

    Raises:
        ValueError: If the indices do not ascend.
    """
    start, end = indices
    if start >= end:
        raise ValueError(f"The references must ascend, not {indices}.")
    for index, (a, b) in enumerate(zip(first, second, strict=True)):
        weight = min(max((index - start) / (end - start), 0.0), 1.0)
        yield np.asarray((1 - weight) * a + weight * b, a.dtype)


def _outward(lightness: Sequence[Plane], references: References, walk: Walk) -> Iterator[Chroma]:
    """Walk both ways from each reference, over the frames it is nearest to, and yield the results in order of time."""
    count = len(lightness)
    if not references or not all(0 <= index < count for index in references):
        raise ValueError(f"Frames 0 to {count - 1} need a reference among them, not {sorted(references)}.")
    nearest = [min(references, key=lambda index: (abs(index - frame), index)) for frame in range(count)]
    results: dict[int, Chroma] = {}
    for index, (plate, ab) in references.items():
        results[index] = ab
        own = [frame for frame in range(count) if nearest[frame] == index]
        for frames in ([f for f in own if f > index], [f for f in reversed(own) if f < index]):
            results.update(zip(frames, walk(plate, ab, (lightness[f] for f in frames)), strict=True))
    for frame in range(count):
        yield results.pop(frame)


def _propagate(neighbour: Plane, ab: Chroma, targets: Iterable[Plane]) -> Iterator[Chroma]:
    for target in targets:
        ab = _sample(ab, _flow(target, neighbour))
        neighbour = target
        yield ab


def _chain(neighbour: Plane, ab: Chroma, targets: Iterable[Plane]) -> Iterator[Chroma]:
    displacement = np.zeros_like(ab)
    for target in targets:
        displacement = _compose(_flow(target, neighbour), displacement)
        neighbour = target
        yield _sample(ab, displacement)


def _realign(reference: Plane, ab: Chroma, targets: Iterable[Plane]) -> Iterator[Chroma]:
    neighbour, displacement = reference, np.zeros_like(ab)
    for target in targets:
        chain = _compose(_flow(target, neighbour), displacement)
        direct = _flow(target, reference, chain)
        better = _residual(target, reference, direct) < _residual(target, reference, chain)
        displacement = np.where(better[..., None], direct, chain)
        neighbour = target
        yield _sample(ab, displacement)


def _flow(target: Plane, source: Plane, start: FlowField | None = None) -> FlowField:
    """Return DIS flow (Kroeger et al. 2016, medium preset) from each pixel of target to its place on source."""
    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    eight_bit = [np.rint(np.clip(x * 2.55, 0, 255)).astype(np.uint8) for x in (target, source)]
    return np.asarray(dis.calc(*eight_bit, None if start is None else start.copy()))  # calc overwrites its start


def _compose(neighbour_flow: FlowField, displacement: FlowField) -> FlowField:
    """Return the flow to the neighbour followed by the neighbour's own displacement."""
    return np.asarray(neighbour_flow + _sample(displacement, neighbour_flow))


def _residual(target: Plane, reference: Plane, displacement: FlowField) -> Plane:
    return np.asarray(cv2.GaussianBlur(np.abs(target - _sample(reference, displacement)), (0, 0), 2))


def _sample(picture: Plane | Chroma, displacement: FlowField) -> Plane | Chroma:
    """Return the picture at x + displacement(x), bilinear, with the border replicated."""
    height, width = displacement.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    at = x + displacement[..., 0], y + displacement[..., 1]
    return np.asarray(cv2.remap(picture, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
