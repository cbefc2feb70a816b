"""Dense inverse search in tensors: the optical flow of `tracking.flow` on a device, for several pictures at once.

Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search", arXiv:1603.03590. Patches of all positions are
aligned at once, where OpenCV's DIS goes from patch to patch; so patches learn from their four neighbours in turns, not
in a row. Pyramid, mean-normalised patches, densification and the variational refinement (Brox et al. 2004, solved by
red-black successive over-relaxation) are the same. Nothing here waits for the device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.method.tensor_pictures import pixel_grid, resize, sample

__all__ = ["COARSE", "FINE", "FlowSettings", "dense_inverse_search"]

_PATCH = 8
_ROUNDS = 3  # times that patches learn from their neighbours
_ROBUST = 1e-3  # epsilon of the robust penalty, as OpenCV's
_ZETA = 0.1  # grey levels per px below which a gradient counts less
_BRIGHTNESS, _GRADIENT = 5.0, 10.0  # weights of the two data terms
_FIXED_POINTS, _SWEEPS, _RELAXATION = 3, 4, 1.6


@dataclass(frozen=True)
class FlowSettings:
    """How exactly the flow is computed.

    Attributes:
        finest: Finest level of the pyramid; 0 is full resolution.
        stride: Distance of patches in px.
        iterations: Steps of the alignment of a patch in each round.
        smoothness: Weight of the smoothness of the flow.
    """

    finest: int
    stride: int
    iterations: int
    smoothness: float


FINE = FlowSettings(finest=0, stride=4, iterations=4, smoothness=10.0)
"""For flow to the frame before or to the reference, as `tracking.flow._create_fine_flow`."""
COARSE = FlowSettings(finest=1, stride=4, iterations=4, smoothness=20.0)
"""For the flow back, which only checks the other: as OpenCV's preset "medium"."""


def dense_inverse_search(
    target: Tensor, reference: Tensor, start: Tensor | None = None, *, settings: FlowSettings
) -> Tensor:
    """Return the displacement from targets to references.

    Args:
        target: Pictures, shape (N, H, W), 0..255; each side at least 16.
        reference: Pictures of the same shape.
        start: Initial displacement, shape (N, 2, H, W), px (x, y); None for none.
        settings: How exactly.

    Returns:
        Displacement, shape (N, 2, H, W), px (x, y).
    """
    height, width = target.shape[-2:]
    levels = _pyramid(torch.stack([target, reference]), settings.finest, _coarsest(height, width))
    flow: Tensor | None = None
    for pictures in levels[::-1]:
        size = (pictures.shape[-2], pictures.shape[-1])
        flow = target.new_zeros((len(target), 2, *size)) if flow is None else _resize_flow(flow, size)
        others = [] if start is None else [_resize_flow(start, size)]
        flow = _align_patches(pictures[0], pictures[1], flow, others, settings)
        flow = _refine(pictures[0], pictures[1], flow, settings.smoothness)
    assert flow is not None
    return _resize_flow(flow, (height, width))


def _coarsest(height: int, width: int) -> int:
    """Return the coarsest level, as OpenCV chooses it: about four patches wide and at least one patch high."""
    by_width = int(math.log2(max(height, width) / (4 * _PATCH)) + 0.5)
    return max(0, min(by_width, int(math.log2(min(height, width) / _PATCH))))


def _pyramid(pictures: Tensor, finest: int, coarsest: int) -> list[Tensor]:
    levels, finest = [], min(finest, coarsest)
    for level in range(coarsest + 1):
        if level:
            pictures = resize(pictures, (pictures.shape[-2] // 2, pictures.shape[-1] // 2))
        if level >= finest:
            levels.append(pictures)
    return levels


def _resize_flow(flow: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = flow.shape[-2:]
    if (height, width) == size:
        return flow
    resized = resize(flow, size)
    return torch.stack([resized[:, 0] * (size[1] / width), resized[:, 1] * (size[0] / height)], dim=1)


def _align_patches(
    target: Tensor, reference: Tensor, flow: Tensor, others: list[Tensor], settings: FlowSettings
) -> Tensor:
    """Align patches of the targets with the references, and return the flow of every pixel from theirs."""
    height, width = target.shape[-2:]
    stride = settings.stride
    padding = (0, -(width - _PATCH) % stride, 0, -(height - _PATCH) % stride)
    target, reference = (F.pad(picture[None], padding, mode="replicate")[0] for picture in (target, reference))
    patches = _Patches(target, reference, stride)
    displacement = patches.centre(F.pad(flow, padding, mode="replicate"))
    best = _Best(displacement, patches.compare(displacement))
    for other in others:
        best.consider(patches, patches.centre(F.pad(other, padding, mode="replicate")))
    for turn in range(_ROUNDS):
        if turn:
            best.learn_from_neighbours(patches)
        origin = displacement = best.displacement
        difference = patches.compare(origin)
        for _ in range(settings.iterations):
            displacement = displacement + patches.step(difference)
            # a patch that wanders off has lost its surface
            near = (displacement - origin).square().sum(1, keepdim=True) < _PATCH**2
            displacement = torch.where(near, displacement, origin)
            difference = best.consider(patches, displacement)
    return patches.densify(best.displacement)[..., :height, :width]


class _Patches:
    """All patches of N targets, at (rows, columns) positions, compared with the references."""

    def __init__(self, target: Tensor, reference: Tensor, stride: int) -> None:
        self.target, self.reference, self._stride = target, reference, stride
        self._values = self._unfold(target)  # (N, rows, columns, 64)
        dx, dy = _derivatives(target)
        self._dx, self._dy = (self._without_mean(self._unfold(gradient)) for gradient in (dx, dy))
        self._values = self._without_mean(self._values)
        xx, yy = (gradient.square().sum(-1) for gradient in (self._dx, self._dy))
        xy = (self._dx * self._dy).sum(-1)
        damping = _ZETA**2 * _PATCH**2  # where a patch has no texture, it stays
        xx, yy = xx + damping, yy + damping
        determinant = xx * yy - xy * xy
        self._inverse = yy / determinant, -xy / determinant, xx / determinant
        offsets = torch.arange(_PATCH, device=target.device, dtype=torch.float32)
        rows, columns = self._values.shape[1:3]
        x = (torch.arange(columns, device=target.device) * stride)[:, None] + offsets
        y = (torch.arange(rows, device=target.device) * stride)[:, None] + offsets
        self._x, self._y = x[None, :, None, :], y[:, None, :, None]  # (rows, columns, 8, 8) together

    def compare(self, displacement: Tensor) -> Tensor:
        """Return what each patch of the references differs by, but for its mean, shape (N, rows, columns, 64)."""
        count, _, rows, columns = displacement.shape
        height, width = self.reference.shape[-2:]
        u, v = displacement[:, 0, :, :, None, None], displacement[:, 1, :, :, None, None]
        x, y = (self._x + u + 0.5) * (2 / width) - 1, (self._y + v + 0.5) * (2 / height) - 1
        shape = (count, rows, columns, _PATCH, _PATCH)
        points = torch.stack([x.expand(shape), y.expand(shape)], dim=-1).reshape(count, rows, -1, 2)
        patches = F.grid_sample(self.reference[:, None], points, padding_mode="border", align_corners=False)
        return self._without_mean(patches.reshape(count, rows, columns, _PATCH**2)) - self._values

    def step(self, difference: Tensor) -> Tensor:
        """Return the Gauss-Newton step of each patch, shape (N, 2, rows, columns), from what `compare` returned."""
        right, down = (difference * self._dx).sum(-1), (difference * self._dy).sum(-1)
        a, b, d = self._inverse
        return -torch.stack([a * right + b * down, b * right + d * down], dim=1)

    def centre(self, flow: Tensor) -> Tensor:
        """Return a flow (N, 2, H, W) at the patches' centres."""
        half, stride = _PATCH // 2, self._stride
        rows, columns = self._values.shape[1:3]
        return flow[..., half::stride, half::stride][..., :rows, :columns]

    def densify(self, displacement: Tensor) -> Tensor:
        """Return the flow of every pixel: the mean of the patches that cover it, the alike ones counting more."""
        height, width = self.target.shape[-2:]
        rows, columns = displacement.shape[-2:]
        total, weights = None, None
        covering = -(-_PATCH // self._stride)
        row, column = (torch.arange(size, device=displacement.device) // self._stride for size in (height, width))
        for back in range(covering):
            for left in range(covering):
                y, x = (row - back).clamp(0, rows - 1), (column - left).clamp(0, columns - 1)
                flow = displacement.index_select(-2, y).index_select(-1, x)
                moved = sample(self.reference[:, None], flow)[:, 0]
                weight = 1 / (moved - self.target).abs().clamp_min(1)[:, None]
                total = weight * flow if total is None else total + weight * flow
                weights = weight if weights is None else weights + weight
        assert total is not None
        assert weights is not None
        return total / weights

    def _unfold(self, picture: Tensor) -> Tensor:
        return picture.unfold(-2, _PATCH, self._stride).unfold(-2, _PATCH, self._stride).flatten(-2)

    @staticmethod
    def _without_mean(patches: Tensor) -> Tensor:
        return patches - patches.mean(-1, keepdim=True)


class _Best:
    """The best displacement of each patch so far, (N, 2, rows, columns), with its squared difference."""

    def __init__(self, displacement: Tensor, difference: Tensor) -> None:
        self.displacement, self._error = displacement, difference.square().sum(-1)

    def consider(self, patches: _Patches, displacement: Tensor) -> Tensor:
        """Take other displacements for the patches that they fit better, and return what those differ by."""
        difference = patches.compare(displacement)
        error = difference.square().sum(-1)
        self.displacement = torch.where((error < self._error)[:, None], displacement, self.displacement)
        self._error = torch.minimum(error, self._error)
        return difference

    def learn_from_neighbours(self, patches: _Patches) -> None:
        """Take the displacement of the patch above, on the left, below or on the right where it fits better."""
        padded = F.pad(self.displacement, (1, 1, 1, 1), mode="replicate")
        rows, columns = self.displacement.shape[-2:]
        for y, x in ((0, 1), (1, 0), (2, 1), (1, 2)):
            self.consider(patches, padded[..., y : y + rows, x : x + columns])


def _refine(target: Tensor, reference: Tensor, flow: Tensor, smoothness: float) -> Tensor:
    """Return a flow that also is smooth, but for edges: variational refinement around the flow."""
    moved = sample(reference[:, None], flow)[:, 0]
    mean, difference = (target + moved) / 2, moved - target
    dx, dy = _derivatives(mean)
    dxx, dxy = _derivatives(dx)
    dyy = _derivatives(dy)[1]
    dxt, dyt = _derivatives(difference)
    by_brightness = 1 / (dx * dx + dy * dy + _ZETA**2)
    by_x = 1 / (dxx * dxx + dxy * dxy + _ZETA**2)
    by_y = 1 / (dyy * dyy + dxy * dxy + _ZETA**2)
    change = torch.zeros_like(flow)
    red = _checkerboard(flow.shape[-2], flow.shape[-1], flow.device)
    colours = _RELAXATION * red, _RELAXATION * (1 - red)
    for _ in range(_FIXED_POINTS):
        u, v = change[:, 0], change[:, 1]
        brightness = difference + dx * u + dy * v
        gradient_x, gradient_y = dxt + dxx * u + dxy * v, dyt + dxy * u + dyy * v
        data = _BRIGHTNESS * by_brightness * torch.rsqrt(brightness.square() * by_brightness + _ROBUST**2)
        slope = _GRADIENT * torch.rsqrt(gradient_x.square() * by_x + gradient_y.square() * by_y + _ROBUST**2)
        slope_x, slope_y = slope * by_x, slope * by_y
        xx = data * dx * dx + slope_x * dxx * dxx + slope_y * dxy * dxy
        xy = data * dx * dy + slope_x * dxx * dxy + slope_y * dxy * dyy
        yy = data * dy * dy + slope_x * dxy * dxy + slope_y * dyy * dyy
        pull_x = data * dx * difference + slope_x * dxx * dxt + slope_y * dxy * dyt
        pull_y = data * dy * difference + slope_x * dxy * dxt + slope_y * dyy * dyt
        right, down = _smoothness(flow + change, smoothness)
        change = _relax(change, flow, (xx, xy, yy), torch.stack([pull_x, pull_y], dim=1), (right, down), colours)
    return flow + change


def _smoothness(flow: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """Return the weight of the edge from each pixel to the right one and to the lower one, (N, 1, H, W) each."""
    right, down = _edges(flow)
    strength = weight * torch.rsqrt((right.square() + down.square()).sum(1, keepdim=True) + _ROBUST**2)
    height, width = flow.shape[-2:]
    x, y = pixel_grid(height, width, flow.device)
    return strength * (x < width - 1), strength * (y < height - 1)


def _edges(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Return the difference of the right pixel to each one and that of the lower one, 0 at the border."""
    right, down = torch.zeros_like(flow), torch.zeros_like(flow)
    right[..., :-1] = flow[..., 1:] - flow[..., :-1]
    down[..., :-1, :] = flow[..., 1:, :] - flow[..., :-1, :]
    return right, down


def _relax(
    change: Tensor,
    flow: Tensor,
    system: tuple[Tensor, Tensor, Tensor],
    pull: Tensor,
    edges: tuple[Tensor, Tensor],
    colours: tuple[Tensor, Tensor],
) -> Tensor:
    """Return the change of the flow after some sweeps of red-black over-relaxation of the linear system."""
    right, down = edges
    left, up = F.pad(right, (1, 0))[..., :-1], F.pad(down, (0, 0, 1, 0))[..., :-1, :]
    along_x, along_y = _edges(flow)
    force = right * along_x + down * along_y
    force = force - F.pad(right * along_x, (1, 0))[..., :-1] - F.pad(down * along_y, (0, 0, 1, 0))[..., :-1, :] - pull
    total = (right + down + left + up)[:, 0]
    xx, xy, yy = system[0] + total, system[1], system[2] + total
    determinant = xx * yy - xy * xy
    own = torch.stack([yy, xx], dim=1) / determinant[:, None]
    cross = (-xy / determinant)[:, None]
    padded = F.pad(change, (1, 1, 1, 1))
    inner = padded[..., 1:-1, 1:-1]
    for _ in range(_SWEEPS):
        for colour in colours:
            sums = torch.addcmul(force, right, padded[..., 1:-1, 2:])
            sums.addcmul_(left, padded[..., 1:-1, :-2])
            sums.addcmul_(down, padded[..., 2:, 1:-1])
            sums.addcmul_(up, padded[..., :-2, 1:-1])
            solved = (own * sums).addcmul_(cross, sums.flip(1))
            inner.addcmul_(colour, solved.sub_(inner))
    return inner.clone()


def _checkerboard(height: int, width: int, device: torch.device) -> Tensor:
    x, y = pixel_grid(height, width, device)
    return (x + y) % 2


def _derivatives(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Return the change along x and along y per px, (N, H, W) each."""
    padded = F.pad(picture[None], (1, 1, 1, 1), mode="replicate")[0]
    dx = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    dy = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return dx, dy
