"""Dense inverse search in tensors: the optical flow of `tracking.flow` on a device, for several pictures at once.

Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search", arXiv:1603.03590. Patches of all positions are
aligned at once, where OpenCV's DIS goes from patch to patch; so patches learn from their four neighbours in turns, not
in a row. Pyramid, mean-normalised patches, densification and the variational refinement (Brox et al. 2004, solved by
red-black successive over-relaxation) are the same. Nothing here waits for the device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.method.tensor_pictures import pixel_grid, resize, sample

__all__ = ["COARSE", "FINE", "FlowSettings", "dense_inverse_search"]

_PATCH = 8
_ROUNDS = 6  # times that patches learn from their neighbours
_ROBUST = 1e-3  # epsilon of the robust penalty, as OpenCV's
_ZETA = 0.1  # grey levels per px below which a gradient counts less
_BRIGHTNESS, _GRADIENT = 5.0, 10.0  # weights of the two data terms
_FIXED_POINTS, _SWEEPS, _RELAXATION = 2, 3, 1.6


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


FINE = FlowSettings(finest=0, stride=4, iterations=3, smoothness=10.0)
"""For flow to the frame before or to the reference, as `tracking.flow._create_fine_flow`."""
COARSE = FlowSettings(finest=1, stride=4, iterations=3, smoothness=20.0)
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
    starts = torch.stack([patches.centre(F.pad(start, padding, mode="replicate")) for start in (flow, *others)])
    best, error = patches.choose(starts)
    for turn in range(_ROUNDS):
        if turn:
            best, error = patches.choose(torch.cat([best[None], _neighbours(best)]))
        lowest, highest = best - _PATCH, best + _PATCH  # a patch that wanders off has lost its surface
        displacement, steps = best, patches.compare(best)[1]
        for _ in range(settings.iterations):
            displacement = torch.minimum(torch.maximum(displacement + steps, lowest), highest)
            new_error, steps = patches.compare(displacement)
            best = torch.where((new_error < error)[:, None], displacement, best)
            error = torch.minimum(new_error, error)
    return patches.densify(best)[..., :height, :width]


def _neighbours(displacement: Tensor) -> Tensor:
    """Return the displacements of the patches above, on the left, below and on the right, (4, N, 2, rows, columns)."""
    padded = F.pad(displacement, (1, 1, 1, 1), mode="replicate")
    rows, columns = displacement.shape[-2:]
    return torch.stack([padded[..., y : y + rows, x : x + columns] for y, x in ((0, 1), (1, 0), (2, 1), (1, 2))])


class _Patches:
    """All patches of N targets, at (rows, columns) positions, compared with the references."""

    def __init__(self, target: Tensor, reference: Tensor, stride: int) -> None:
        self.target, self.reference, self._stride = target, reference, stride
        self._values = self._unfold(target)  # (N, rows, columns, 64)
        gradients = torch.stack([self._unfold(part) for part in _derivatives(target)], dim=-1)
        gradients = gradients - gradients.mean(-2, keepdim=True)
        xx, yy = gradients.square().sum(-2).unbind(-1)
        xy = gradients.prod(-1).sum(-1)
        damping = _ZETA**2 * _PATCH**2  # where a patch has no texture, it stays
        xx, yy = xx + damping, yy + damping
        inverse = torch.stack([-yy, xy, xy, -xx], dim=-1) / (xx * yy - xy * xy)[..., None]
        # One product gives the Gauss-Newton step and the sum of a patch's difference.
        steps = gradients @ inverse.reshape(*inverse.shape[:-1], 2, 2)
        self._projection = torch.cat([steps, torch.ones_like(steps[..., :1])], dim=-1).movedim(-1, 0).contiguous()
        height, width = target.shape[-2:]
        rows, columns = self._values.shape[1:3]
        x, y = pixel_grid(height, width, target.device)
        x, y = (x + 0.5) * (2 / width) - 1, (y + 0.5) * (2 / height) - 1
        places = (self._unfold(part.expand(1, height, width)) for part in (x, y))
        self._places = torch.stack(list(places), dim=-1).reshape(1, rows, columns, _PATCH**2, 2)
        self._scale = torch.cat([torch.full((1,), 2 / size, device=target.device) for size in (width, height)])

    def compare(self, displacement: Tensor) -> tuple[Tensor, Tensor]:
        """Return the squared difference of each patch, (N, rows, columns), and the step that lowers it.

        A difference in brightness does not count. The step has the shape of the displacement, (N, 2, rows, columns).
        """
        moved = displacement.permute(0, 2, 3, 1) * self._scale
        points = (self._places + moved[..., None, :]).flatten(2, 3)
        repeats = len(displacement) // len(self.reference)
        reference = self.reference.repeat(repeats, 1, 1)[:, None] if repeats > 1 else self.reference[:, None]
        sampled = F.grid_sample(reference, points, padding_mode="border", align_corners=False)
        shape = (repeats, *self._values.shape)
        difference = sampled.reshape(shape) - self._values
        projected = (self._projection[:, None] * difference).sum(-1).flatten(1, 2)  # (3, K * N, rows, columns)
        square = difference.square().sum(-1).flatten(0, 1)
        error = torch.addcmul(square, projected[2], projected[2], value=-(_PATCH**-2))
        return error, projected[:2].transpose(0, 1)

    def choose(self, displacements: Tensor) -> tuple[Tensor, Tensor]:
        """Return the best of K displacements (K, N, 2, rows, columns) for each patch, and its error."""
        count = len(displacements)
        error = self.compare(displacements.flatten(0, 1))[0].reshape(count, -1, *displacements.shape[-2:])
        least, index = error.min(0)
        chosen = displacements.gather(0, index[None, :, None].expand(1, -1, 2, -1, -1))[0]
        return chosen, least

    def centre(self, flow: Tensor) -> Tensor:
        """Return a flow (N, 2, H, W) at the patches' centres."""
        half, stride = _PATCH // 2, self._stride
        rows, columns = self._values.shape[1:3]
        return flow[..., half::stride, half::stride][..., :rows, :columns]

    def densify(self, displacement: Tensor) -> Tensor:
        """Return the flow of every pixel: the mean of the patches that cover it, the alike ones counting more."""
        (height, width), (rows, columns) = self.target.shape[-2:], displacement.shape[-2:]
        covering = -(-_PATCH // self._stride)
        x, y = (part.long() // self._stride for part in pixel_grid(height, width, displacement.device))
        index = [
            (y - back).clamp(0, rows - 1) * columns + (x - left).clamp(0, columns - 1)
            for back in range(covering)
            for left in range(covering)
        ]
        flows = displacement.flatten(-2)[..., torch.stack(index).flatten()]
        flows = flows.reshape(-1, 2, len(index), height, width).transpose(1, 2)  # (N, covering patches, 2, H, W)
        count = len(index)
        reference = self.reference[:, None, None].expand(-1, count, -1, -1, -1).flatten(0, 1)
        moved = sample(reference, flows.flatten(0, 1)).reshape(-1, count, 1, height, width)
        weight = 1 / (moved - self.target[:, None, None]).abs().clamp_min(1)
        return (weight * flows).sum(1) / weight.sum(1)

    def _unfold(self, picture: Tensor) -> Tensor:
        return picture.unfold(-2, _PATCH, self._stride).unfold(-2, _PATCH, self._stride).flatten(-2)


def _refine(target: Tensor, reference: Tensor, flow: Tensor, smoothness: float) -> Tensor:
    """Return a flow that also is smooth, but for edges: variational refinement around the flow."""
    moved = sample(reference[:, None], flow)[:, 0]
    first = _derivatives((target + moved) / 2)
    xx, xy = _derivatives(first[0])
    yy = _derivatives(first[1])[1]
    difference = moved - target
    # Three constancies, of brightness and of its derivatives: (N, 3, 2, H, W) by place and (N, 3, H, W) over time.
    slopes = torch.stack([*first, xx, xy, xy, yy], dim=1).reshape(-1, 3, 2, *flow.shape[-2:])
    change_in_time = torch.stack([difference, *_derivatives(difference)], dim=1)
    norm = 1 / (slopes.square().sum(2) + _ZETA**2)
    weighted = norm * _data_weights(flow.device)
    x, y = slopes.unbind(2)
    products = torch.stack([x * x, x * y, y * y, x * change_in_time, y * change_in_time], dim=2)
    change = torch.zeros_like(flow)
    red = _checkerboard(flow.shape[-2], flow.shape[-1], flow.device)
    colours = _RELAXATION * red, _RELAXATION * (1 - red)
    for _ in range(_FIXED_POINTS):
        error = ((slopes * change[:, None]).sum(2) + change_in_time).square() * norm
        of_slope = (error[:, 1:2] + error[:, 2:]).expand(-1, 2, -1, -1)
        penalty = weighted * torch.rsqrt(torch.cat([error[:, :1], of_slope], dim=1) + _ROBUST**2)
        data = (penalty[:, :, None] * products).sum(1)  # (N, 5, H, W): xx, xy, yy and the pull along x and y
        change = _relax(change, flow, data, smoothness, colours)
    return flow + change


def _relax(change: Tensor, flow: Tensor, data: Tensor, smoothness: float, colours: tuple[Tensor, Tensor]) -> Tensor:
    """Return the change of the flow after some sweeps of red-black over-relaxation of the linear system."""
    along_x, along_y = _edges(flow + change)
    strength = (along_x.square() + along_y.square()).sum(1, keepdim=True)
    strength = smoothness * torch.rsqrt(strength + _ROBUST**2)
    edges_x, edges_y = _inner_edges(flow.shape[-2], flow.shape[-1], flow.device)
    right, down = strength * edges_x, strength * edges_y
    left, up = F.pad(right, (1, -1)), F.pad(down, (0, 0, 1, -1))
    along_x, along_y = _edges(flow)
    pull_x, pull_y = right * along_x, down * along_y
    force = pull_x + pull_y - F.pad(pull_x, (1, -1)) - F.pad(pull_y, (0, 0, 1, -1)) - data[:, 3:]
    total = right + down + left + up
    diagonal, cross = data[:, 0:3:2] + total, data[:, 1:2]
    determinant = 1 / (diagonal[:, :1] * diagonal[:, 1:] - cross * cross)
    own, cross = diagonal.flip(1) * determinant, -cross * determinant
    padded = F.pad(change, (1, 1, 1, 1))
    inner = padded[..., 1:-1, 1:-1]
    neighbours = padded[..., 1:-1, 2:], padded[..., 1:-1, :-2], padded[..., 2:, 1:-1], padded[..., :-2, 1:-1]
    for _ in range(_SWEEPS):
        for colour in colours:
            sums = torch.addcmul(force, right, neighbours[0])
            for weight, values in zip((left, down, up), neighbours[1:], strict=True):
                sums.addcmul_(weight, values)
            solved = (own * sums).addcmul_(cross, sums.flip(1))
            inner.addcmul_(colour, solved.sub_(inner))
    return inner.clone()


def _edges(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Return the difference of the right pixel to each one and that of the lower one, 0 at the border."""
    right = F.pad(flow[..., 1:] - flow[..., :-1], (0, 1))
    return right, F.pad(flow[..., 1:, :] - flow[..., :-1, :], (0, 0, 0, 1))


@lru_cache(64)
def _inner_edges(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return 1 for each pixel that has a right neighbour, and for each that has a lower one, else 0."""
    x, y = pixel_grid(height, width, device)
    return (x < width - 1).float(), (y < height - 1).float()


@lru_cache(4)
def _data_weights(device: torch.device) -> Tensor:
    return torch.tensor([_BRIGHTNESS, _GRADIENT, _GRADIENT], device=device)[:, None, None]


@lru_cache(64)
def _checkerboard(height: int, width: int, device: torch.device) -> Tensor:
    x, y = pixel_grid(height, width, device)
    return (x + y) % 2


def _derivatives(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Return the change along x and along y per px, (N, H, W) each."""
    padded = F.pad(picture[None], (1, 1, 1, 1), mode="replicate")[0]
    dx = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    dy = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return dx, dy
