"""Geometric alignment of two lightness pictures: affine by ECC, then optical flow where that explains more.

Both pictures are compared by their local contrast, which neither a tone curve nor another light changes much. The
affine part maximises the enhanced correlation coefficient (Evangelidis and Psarakis, "Parametric Image Alignment Using
Enhanced Correlation Coefficient Maximization", IEEE TPAMI 2008) from coarse to fine; it starts from no motion and from
the shift that phase correlation finds. DIS optical flow (Kroeger et al. 2016) adds what an affine map cannot express,
such as a lens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import FlowField, Mask, Plane
from stcolor_core.images.resizing import resize

__all__ = ["Alignment", "add_flow", "affine_alignment_misfit", "affine_misfit", "find_alignment", "local_contrast"]

Matrix = NDArray[np.float64]  # 2 x 3, maps pixel centres of the target to those of the source
Size = tuple[int, int]  # height, width

_COARSE_LINES = (27, 54, 108, 216)  # heights of the pyramid below the pictures' own
_SEARCH_LINES = _COARSE_LINES[:3]  # enough to tell which of several frames fits
_BACKGROUND = 1 / 22  # of the height: sigma of the local mean; a surface's own shade and soft light are removed
_CONTRAST_FLOOR = 2.0  # L*; contrast below is treated as grain and not enlarged
_ITERATIONS, _PRECISION = 30, 1e-5
_ECC_BLUR = 3  # px, the least filter that findTransformECC takes
_STILL_PX = 0.25 / 216  # of the height: an affine map that moves no corner further than this is no motion
_LEAST_OVERLAP = 0.5  # of the known source pixels, that must lie within the target
_SMALLEST = 16  # px; there is nothing to align in smaller pictures
_LARGEST_CHANGE = 0.3  # of scale and shear; a map beyond it is a false solution
_FLOW_GAIN = 0.8  # a flow vector is used where it leaves at most this share of the affine map's residual ...
_FLOW_LEAST = 0.15  # ... and where that residual is more than this, in units of local contrast
_BEYOND_CHANCE = 1.6  # times what flow explains of mirrored differences: grain has 0.8 to 1.4, a lens 3 to 20
_MIRRORED = ((slice(None, None, -1), slice(None, None, -1)), (slice(None), slice(None, None, -1)))
_FLOW_BOUND = 0.03  # of the height: longest flow vector
_FLOW_SIGMA = 1.5 / 216  # of the height: smoothing of the flow field
_RESIDUAL_SIGMA = 3.0 / 216


@dataclass(frozen=True)
class Alignment:
    """A map from each pixel of a target to its place on a source, found at one size and usable at any.

    Attributes:
        matrix: 2 x 3, maps pixel centres (x, y) of the target to those of the source.
        size: Height and width of both pictures, for which the matrix holds.
        flow: Displacement to add, shape (h, w, 2), px at `size`; None if the affine map is enough.
        misfit: 1 - correlation of the two local contrasts once aligned: 0 for equal pictures, about 1 for two that have
            nothing in common.
    """

    matrix: Matrix
    size: Size
    flow: FlowField | None = None
    misfit: float = 0.0

    @property
    def moves(self) -> bool:
        """Return whether anything is moved at all."""
        return self.flow is not None or self.largest_shift > _STILL_PX * self.size[0]

    @property
    def largest_shift(self) -> float:
        """Return how far the affine map moves a corner of the picture, px at `size`."""
        return float(np.linalg.norm(self._corner_shifts(), axis=1).max())

    @property
    def shift(self) -> float:
        """Return how far the affine map moves the picture's centre, px at `size`."""
        height, width = self.size
        centre = np.array([(width - 1) / 2, (height - 1) / 2, 1.0])
        return float(np.linalg.norm(self.matrix @ centre - centre[:2]))

    @property
    def scale(self) -> float:
        """Return the factor that enlarges or shrinks the source to fit the target."""
        return float(abs(np.linalg.det(self.matrix[:, :2])) ** -0.5)

    @property
    def turn(self) -> float:
        """Return the angle of the affine map's rotation in degrees, without its sign."""
        (a, b), (c, d) = self.matrix[:, :2]
        return float(abs(np.degrees(np.arctan2(c - b, a + d))))

    @property
    def bend(self) -> float:
        """Return the length of the longer flow vectors (95th percentile), px at `size`; 0 without flow."""
        return 0.0 if self.flow is None else float(np.percentile(np.linalg.norm(self.flow, axis=-1), 95))

    def at(self, size: Size) -> Alignment:
        """Return the same map for pictures of another size.

        Args:
            size: Height and width of the pictures; the same aspect within a pixel.
        """
        if size == self.size:
            return self
        factor = np.array([size[1] / self.size[1], size[0] / self.size[0]], np.float32)
        flow = None if self.flow is None else resize(self.flow, size) * factor
        return replace(self, matrix=_rescale(self.matrix, self.size, size), size=size, flow=flow)

    def displacement(self) -> FlowField:
        """Return the displacement of every pixel, shape (H, W, 2), px (x, y)."""
        height, width = self.size
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        shift = self.matrix - np.eye(2, 3)
        affine = np.stack([row[0] * x + row[1] * y + row[2] for row in shift.astype(np.float32)], axis=-1)
        return np.asarray(affine if self.flow is None else affine + self.flow, np.float32)

    def sample(self, picture: NDArray[np.float32], *, border: int = cv2.BORDER_REPLICATE) -> NDArray[np.float32]:
        """Return a source picture on the target's pixels, by cubic interpolation, in the picture's own size.

        Args:
            picture: Shape (H, W) or (H, W, C), of the alignment's aspect.
            border: What lies outside of the picture, as OpenCV names it.
        """
        height, width = picture.shape[:2]
        move = self.at((height, width)).displacement()
        x = np.arange(width, dtype=np.float32) + move[..., 0]
        y = np.arange(height, dtype=np.float32)[:, None] + move[..., 1]
        return np.asarray(cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=border), np.float32)

    def outside(self) -> Plane:
        """Return how far outside of the source each pixel's place is, shape (H, W), px; 0 within it."""
        height, width = self.size
        move = self.displacement()
        x = np.arange(width, dtype=np.float32) + move[..., 0]
        y = np.arange(height, dtype=np.float32)[:, None] + move[..., 1]
        return np.asarray(np.maximum.reduce([-x, x - (width - 1), -y, y - (height - 1), np.zeros_like(x)]), np.float32)

    def sample_mask(self, mask: Mask) -> Mask:
        """Return a source mask on the target's pixels: only pixels that lie wholly within it, and within the picture.

        Args:
            mask: Shape (H, W), bool, of this alignment's size.
        """
        share = self.sample(mask.astype(np.float32), border=cv2.BORDER_CONSTANT)
        return np.asarray(share > 0.98)

    def sample_inner_mask(self, mask: Mask) -> Mask:
        """Return a source mask on the target's pixels: only pixels for which `sample` takes nothing from beside it.

        Args:
            mask: Shape (H, W), bool, of this alignment's size.
        """
        height, width = self.size
        move = self.displacement()
        x = np.arange(width, dtype=np.float32) + move[..., 0]
        y = np.arange(height, dtype=np.float32)[:, None] + move[..., 1]
        inner = cv2.erode(mask.astype(np.float32), np.ones((3, 3), np.uint8), borderValue=0)
        # two pixels of the linear filter, and one more on either side of the cubic one
        share = cv2.remap(inner, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        return np.asarray(share > 0.9998)

    def _corner_shifts(self) -> Matrix:
        height, width = self.size
        corners = np.array([[x, y, 1.0] for x in (0, width - 1) for y in (0, height - 1)])
        return np.asarray(corners @ self.matrix.T - corners[:, :2])


def local_contrast(lightness: Plane, known: Mask | None = None, *, lines: int | None = None) -> Plane:
    """Return a picture's local contrast: L* minus its local mean, divided by its local standard deviation.

    Args:
        lightness: L*, shape (H, W), 0..100.
        known: Pixels that count, shape (H, W), bool; None for all. The others have contrast 0.
        lines: Height of the frame that the picture is a part of, which decides what "local" is; None for its own.

    Returns:
        Shape (H, W), about -3..3.
    """
    sigma = max(1.0, _BACKGROUND * (lines or lightness.shape[0]))
    weight = None if known is None else known.astype(np.float32)
    detail = lightness - _blur(lightness, sigma, weight)
    spread = _blur(detail * detail, 2 * sigma, weight)
    contrast = detail / np.sqrt(np.maximum(spread, 0) + _CONTRAST_FLOOR**2)
    return np.asarray(contrast if weight is None else contrast * weight, np.float32)


def affine_misfit(target: Plane, source: Plane, known: Mask | None = None) -> float:
    """Return how badly a source fits a target after a coarse affine alignment, or without any if that is better.

    Args:
        target: L*, shape (H, W), 0..100.
        source: L*, shape (H, W), 0..100.
        known: Source pixels that count, shape (H, W), bool; None for all.

    Returns:
        1 - correlation of the local contrasts, 0..2; 0 for pictures that are too small to tell.
    """
    if min(target.shape) < _SMALLEST:
        return 0.0
    pyramid = _Pyramid(target, source, known, _SEARCH_LINES)
    return min(pyramid.misfit(matrix) for matrix in (np.eye(2, 3), pyramid.find_affine()))


def affine_alignment_misfit(matrix: Matrix, target: Plane, source: Plane, known: Mask | None = None) -> float:
    """Return how badly a source fits a target under an affine map.

    Args:
        matrix: 2 x 3, maps pixel centres of the target to those of the source.
        target: L*, shape (H, W), 0..100.
        source: L*, shape (H, W), 0..100.
        known: Source pixels that count, shape (H, W), bool; None for all.

    Returns:
        1 - correlation of the local contrasts, 0..2.
    """
    return _Pyramid(target, source, known, [target.shape[0]]).misfit(matrix)


def find_alignment(target: Plane, source: Plane, known: Mask | None = None, *, only_shift: bool = False) -> Alignment:
    """Return the affine alignment of a source with a target of the same size.

    Args:
        target: L*, shape (H, W), 0..100.
        source: L*, shape (H, W), 0..100.
        known: Source pixels that count, shape (H, W), bool; None for all.
        only_shift: Whether the map is to be a shift alone, without scale, turn and shear.

    Returns:
        The alignment. Its matrix is the identity if no affine map moves the picture by a noticeable amount.
    """
    height, width = target.shape
    if min(target.shape) < _SMALLEST:
        return Alignment(np.eye(2, 3), (height, width))
    lines = [*(lines for lines in _COARSE_LINES if lines < height), height]
    pyramid = _Pyramid(target, source, known, lines, cv2.MOTION_TRANSLATION if only_shift else cv2.MOTION_AFFINE)
    matrix = pyramid.find_affine()
    alignment = Alignment(matrix, (height, width))
    if not alignment.moves or pyramid.misfit(matrix) >= pyramid.misfit(np.eye(2, 3)):
        alignment = Alignment(np.eye(2, 3), (height, width))
    return replace(alignment, misfit=pyramid.misfit(alignment.matrix))


def add_flow(
    alignment: Alignment, target: Plane, source: Plane, known: Mask | None = None, *, pixel: float = 1.0
) -> Alignment:
    """Return an alignment with the optical flow that it lacks, if flow explains a part of the picture much better.

    Args:
        alignment: From `find_alignment`, of the size of both pictures.
        target: L*, shape (H, W), 0..100.
        source: L*, shape (H, W), 0..100; best in the target's light.
        known: Source pixels that count, shape (H, W), bool; None for all.
        pixel: Side of one of the source's own pixels, px; above 1 if it was enlarged. Less than half of it is no bend.
    """
    flow = _local_flow(local_contrast(target), local_contrast(source, known), alignment, known)
    bent = replace(alignment, flow=flow)
    return alignment if pixel > 1 and bent.bend < 0.5 * pixel else bent


class _Pyramid:
    """Local contrast of a target and a source at several heights; matrices are those of the largest."""

    def __init__(
        self,
        target: Plane,
        source: Plane,
        known: Mask | None,
        lines: Sequence[int],
        motion: int = cv2.MOTION_AFFINE,
    ) -> None:
        height, width = target.shape
        self._motion = motion
        self.sizes = [(line, max(1, round(width * line / height))) for line in lines]
        share = np.ones(source.shape, np.float32) if known is None else known.astype(np.float32)
        self.masks: list[Mask] = [np.asarray(resize(share, size) > 0.5) for size in self.sizes]
        self.targets = [local_contrast(resize(target, size)) for size in self.sizes]
        self.sources = [
            local_contrast(resize(source, size), None if mask.all() else mask)
            for size, mask in zip(self.sizes, self.masks, strict=True)
        ]

    def find_affine(self) -> Matrix:
        """Return the best map of the kind that is sought, as a matrix of the largest level."""
        coarse = min(1, len(self.sizes) - 1)
        starts = [self.align(start, from_level=0, to_level=coarse) for start in (np.eye(2, 3), self.shift(coarse))]
        best = min(starts, key=lambda matrix: self.misfit(matrix, coarse))
        return self.align(best, from_level=coarse + 1) if len(self.sizes) > coarse + 1 else best

    def shift(self, level: int) -> Matrix:
        """Return the shift that phase correlation finds at a level, as a matrix of the largest level."""
        target, source = self.targets[level], self.sources[level]
        (x, y), _ = cv2.phaseCorrelate(target, source, cv2.createHanningWindow(target.shape[::-1], cv2.CV_32F))
        return _rescale(np.array([[1, 0, x], [0, 1, y]]), self.sizes[level], self.sizes[-1])

    def align(self, start: Matrix, *, from_level: int, to_level: int | None = None) -> Matrix:
        """Return the matrix that ECC finds from a start, one level after the other."""
        matrix = start
        last = len(self.sizes) - 1 if to_level is None else to_level
        for level in range(from_level, last + 1):
            try:
                _, warp = cv2.findTransformECC(
                    self.targets[level],
                    self.sources[level],
                    _rescale(matrix, self.sizes[-1], self.sizes[level]).astype(np.float32),
                    self._motion,
                    (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ITERATIONS, _PRECISION),
                    self.masks[level].astype(np.uint8),
                    _ECC_BLUR,
                )
            except cv2.error:  # no overlap or no texture: ECC has no solution
                return matrix
            found = np.asarray(warp, np.float64)
            if not np.isfinite(found).all() or np.abs(found[:, :2] - np.eye(2)).max() > _LARGEST_CHANGE:
                return matrix
            matrix = _rescale(found, self.sizes[level], self.sizes[-1])
        return matrix

    def misfit(self, matrix: Matrix, level: int = -1) -> float:
        """Return 1 - correlation of target and source under a matrix, over the source's known pixels."""
        alignment = Alignment(_rescale(matrix, self.sizes[-1], self.sizes[level]), self.sizes[level])
        inside = alignment.sample_mask(self.masks[level])
        if inside.sum() <= _LEAST_OVERLAP * self.masks[level].sum():
            return 1.0
        target, source = self.targets[level][inside], alignment.sample(self.sources[level])[inside]
        energy = float((target * target).mean() * (source * source).mean())
        return 1.0 - float((target * source).mean()) / np.sqrt(energy) if energy > 0 else 1.0


def _local_flow(target: Plane, source: Plane, alignment: Alignment, known: Mask | None) -> FlowField | None:
    """Return the flow that an affine alignment lacks, 0 where flow does not fit better; None if it fits nowhere."""
    height = target.shape[0]
    if min(target.shape) < _SMALLEST:
        return None
    moved = alignment.sample(source)
    valid = alignment.sample_mask(np.ones(target.shape, bool) if known is None else known)
    flow = _find_flow(target, moved)
    gain, before, after = _gain(target, moved, replace(alignment, flow=flow).sample(source), valid)
    if gain < _BEYOND_CHANCE * max(_gain_by_chance(target, moved, valid, turned) for turned in _MIRRORED):
        return None
    length = _blur(np.linalg.norm(flow, axis=-1).astype(np.float32), _RESIDUAL_SIGMA * height, None)
    better = valid & (before > _FLOW_LEAST) & (after < _FLOW_GAIN * before) & (length > _STILL_PX * height)
    weight = _blur(better.astype(np.float32), max(0.5, 2 * _RESIDUAL_SIGMA * height), None)
    if not better.any() or better[valid].mean() < 0.02:
        return None
    return np.asarray(flow * np.clip(2 * weight, 0, 1)[..., None], np.float32)


def _gain_by_chance(target: Plane, moved: Plane, valid: Mask, mirrored: tuple[slice, slice]) -> float:
    """Return the gain of flow if the same differences lay elsewhere: what it makes of grain and softness."""
    source = target + np.where(valid, moved - target, np.float32(0))[mirrored]
    return _gain(
        target, source, Alignment(np.eye(2, 3), target.shape, _find_flow(target, source)).sample(source), valid
    )[0]


def _find_flow(target: Plane, moved: Plane) -> FlowField:
    height = target.shape[0]
    flow_finder: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow_finder.setFinestScale(0 if height <= 324 else 1)
    flow = flow_finder.calc(_to_bytes(target), _to_bytes(moved), None)
    flow = cv2.GaussianBlur(flow, (0, 0), max(0.5, _FLOW_SIGMA * height))
    bound = _FLOW_BOUND * height
    return np.asarray(flow * np.minimum(1, bound / np.maximum(np.linalg.norm(flow, axis=-1, keepdims=True), 1e-6)))


def _gain(target: Plane, before: Plane, after: Plane, valid: Mask) -> tuple[float, Plane, Plane]:
    """Return how much closer a picture comes to the target on average, and the residuals before and after."""
    old, new = _residual(target, before, valid), _residual(target, after, valid)
    return float((old - new)[valid].mean()) if valid.any() else 0.0, old, new


def _residual(target: Plane, source: Plane, valid: Mask) -> Plane:
    return _blur(np.abs(target - source) * valid, max(0.5, _RESIDUAL_SIGMA * target.shape[0]), None)


def _to_bytes(contrast: Plane) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(128 + 40 * contrast), 0, 255), np.uint8)


def _blur(picture: NDArray[np.float32], sigma: float, weight: Plane | None) -> NDArray[np.float32]:
    """Return the weighted local mean of a picture."""
    if weight is None:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), sigma)
    return np.asarray(cv2.GaussianBlur(picture * weight, (0, 0), sigma) / np.maximum(total, 1e-4), np.float32)


def _rescale(matrix: Matrix, old: Size, new: Size) -> Matrix:
    """Return a matrix for pictures of another size; pixel centres are at halves."""
    factor = np.array([new[1] / old[1], new[0] / old[0]])
    linear = matrix[:, :2] * factor[:, None] / factor
    offset = factor * (matrix[:, 2] + 0.5) - 0.5 + (matrix[:, :2] @ (0.5 / factor - 0.5)) * factor
    return np.hstack([linear, offset[:, None]])
