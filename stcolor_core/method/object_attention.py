"""Attention between the objects of mattes: a grid cell at an outline is compared once for each object that it shows.

Akimoto et al. 2020, eqs. 3 to 11 and 13. Eq. 13 gives a whole cell to one object, so that colour leaks across an
outline by a cell's width. Here a cell that several objects share counts as one position for each: with the mean colour
and the slope of that object's own pixels, and open to that object alone. The colours of the objects are brought to
working size apart, and mixed there by the mattes' coverage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcolor_core.arrays import Chroma, Masks, Plane
from stcolor_core.images.resizing import cell_means, resize
from stcolor_core.method.grid_references import GridReference
from stcolor_core.method.refinement import ObjectLayer
from stcolor_core.method.tracking.objects import Objects, fill_cells
from stcolor_core.method.upsampling import slopes
from stcolor_core.method.warping import GridWarp, warp

__all__ = ["CellObjects", "split_cells", "warp_by_objects"]

_LEAST_SHARE = 1e-3  # of a cell that an object of the target covers, for the cell to need a colour of it
_LENDS = 0.25  # share of a cell that an object of a reference covers, for the cell to lend a colour of it


@dataclass(frozen=True, eq=False)
class CellObjects:
    """The objects of a picture on its matching grid.

    Attributes:
        objects: The objects at working size.
        share: Share of each cell that each object covers, shape (K, h, w), 0..1.
        lightness: Mean L* of each object's pixels in a cell, shape (K, h, w); any value where it has none.
        ab: Mean a* and b* of them, shape (K, 2, h, w); None for a frame to colour.
        slope: Change of a* and b* with L* among them, shape (K, 2, h, w); None for a frame to colour.
    """

    objects: Objects
    share: Masks
    lightness: Masks
    ab: NDArray[np.float32] | None = None
    slope: NDArray[np.float32] | None = None


def split_cells(
    objects: Objects, lightness: Plane, ab: Chroma | None, *, grid: tuple[int, int], stride: int
) -> CellObjects:
    """Split the cells of a picture into its objects.

    Args:
        objects: The objects at working size.
        lightness: L* at the size that features are computed from, shape (H, W), 0..100.
        ab: a* and b* at that size, shape (H, W, 2); None for a frame to colour.
        grid: Rows and columns (h, w) of the matching grid.
        stride: Pixels per side of a cell.

    Returns:
        The objects with their shares of the cells, and with the colours of each if `ab` is given.
    """
    values = lightness[..., None]
    if ab is not None:
        objects, values = objects.as_origin(), np.dstack([lightness, ab])
    shares, means, object_slopes = [], [], []
    for coverage in objects.coverage:
        weight = np.clip(resize(coverage, lightness.shape), 0, 1)
        share = cell_means(weight, grid, stride=stride)
        mean = cell_means(values * weight[..., None], grid, stride=stride).reshape(*grid, -1)
        shares.append(share)
        means.append(np.moveaxis(mean / np.maximum(share, 1e-6)[..., None], 2, 0))
        if ab is not None:
            slope = slopes(lightness, ab, weight=weight) * weight[..., None]
            on_grid = cell_means(slope, grid, stride=stride) / np.maximum(share, 1e-6)[..., None]
            object_slopes.append(np.moveaxis(on_grid, 2, 0))
    mean = np.stack(means).astype(np.float32)
    return CellObjects(
        objects,
        np.clip(np.stack(shares), 0, 1),
        mean[:, 0],
        None if ab is None else mean[:, 1:],
        None if ab is None else np.stack(object_slopes).astype(np.float32),
    )


def warp_by_objects(
    target: Tensor,
    cells: CellObjects,
    references: Sequence[GridReference],
    reference_cells: Sequence[CellObjects | None],
    *,
    temperature: float,
) -> tuple[GridWarp, tuple[ObjectLayer, ...]]:
    """Warp colour from the references to each object of a frame, from that object alone.

    Args:
        target: Unit features of the frame to colour, shape (C, P).
        cells: Its objects.
        references: At least one.
        reference_cells: The objects of each; None if it has no matte, so that it lends to every object.
        temperature: Softmax temperature, greater than 0.

    Returns:
        The warp, with the colour of a cell that objects share mixed by their shares and the other fields those of the
        largest; and the colour of each object by itself.
    """
    grid = cells.share.shape[1:]
    parts: list[tuple[int, Tensor, GridWarp]] = []
    for index, name in enumerate(cells.objects.names):
        rows = torch.from_numpy(np.flatnonzero(cells.share[index] > _LEAST_SHARE)).to(target.device)
        if len(rows):
            lenders = reference_cells if cells.objects.claims(name) else [None] * len(references)
            parts.append((index, rows, _warp_object(name, target, rows, references, lenders, temperature)))
    layers = []
    for index, rows, part in parts:
        filled = np.zeros(grid, bool)
        filled.ravel()[rows.cpu().numpy()] = True
        colors = (_scatter(values, rows, filled) for values in (part.ab, part.free_ab, part.slope, part.free_slope))
        lightness = fill_cells(cells.lightness[index][None], filled)[0]
        layers.append(ObjectLayer(cells.objects.coverage[index], lightness, *colors))
    return _combine(cells, parts, target), tuple(layers)


def _warp_object(
    name: str,
    target: Tensor,
    rows: Tensor,
    references: Sequence[GridReference],
    reference_cells: Sequence[CellObjects | None],
    temperature: float,
) -> GridWarp:
    """Warp colour to some cells of a frame from one object; from anywhere if no reference has the object."""
    own = [_rows_of(reference, rows) for reference in references]
    parts = [_object_of(reference, cells, name) for reference, cells in zip(own, reference_cells, strict=True)]
    chosen = [index for index, part in enumerate(parts) if part is not None] or range(len(own))
    warped = warp(target[:, rows], [parts[index] or own[index] for index in chosen], temperature=temperature)
    source = torch.tensor(chosen, device=target.device)[warped.source]
    return replace(warped, source=source, position=torch.full_like(warped.position, -1))


def _rows_of(reference: GridReference, rows: Tensor) -> GridReference:
    """Return a reference as seen from some cells of the frame, without any restriction to instances."""
    return replace(
        reference,
        candidates=None if reference.candidates is None else reference.candidates[rows],
        support=None if reference.support is None else reference.support[rows],
        instances=None,
    )


def _object_of(reference: GridReference, cells: CellObjects | None, name: str) -> GridReference | None:
    """Return the part of a reference that shows an object; None if there is none. Without mattes all of it may."""
    if cells is None:
        return reference
    if name not in cells.objects.names:
        return None
    index = cells.objects.names.index(name)
    assert cells.ab is not None and cells.slope is not None
    share = torch.from_numpy(cells.share[index].ravel()).to(reference.features.device)
    if reference.known is not None:
        share = share * reference.known
    most = float(share.max())
    if most <= _LEAST_SHARE:
        return None
    columns = (share >= min(_LENDS, most)).nonzero()[:, 0]
    candidates = reference.candidates
    if candidates is not None:
        table = torch.full((len(share) + 1,), -1, dtype=torch.int32, device=share.device)
        table[columns] = torch.arange(len(columns), dtype=torch.int32, device=share.device)
        candidates = table[candidates.long()]  # -1 selects the last entry, which is -1
    ab, slope = (
        torch.from_numpy(values[index].reshape(2, -1)).to(reference.ab)[:, columns]
        for values in (cells.ab, cells.slope)
    )
    return replace(
        reference,
        features=reference.features[:, columns],
        ab=ab,
        slope=slope,
        candidates=candidates,
        grid=None,
        known=None,
    )


def _scatter(values: Tensor, rows: Tensor, filled: NDArray[np.bool_]) -> Tensor:
    """Return values (V, Q) of some cells on the whole grid, (V, P), the nearest one elsewhere."""
    full = np.zeros((len(values), filled.size), np.float32)
    full[:, rows.cpu().numpy()] = values.float().cpu().numpy()
    return torch.from_numpy(fill_cells(full.reshape(-1, *filled.shape), filled).reshape(len(values), -1)).to(values)


def _combine(cells: CellObjects, parts: Sequence[tuple[int, Tensor, GridWarp]], target: Tensor) -> GridWarp:
    """Return one warp of the whole grid: colours mixed by share, the other fields from each cell's largest object."""
    count = target.shape[1]
    share = torch.from_numpy(cells.share.reshape(len(cells.share), -1)).to(target)
    largest = share.argmax(0)
    weights = torch.stack([share[index] for index, _, _ in parts])
    present = torch.zeros_like(weights)
    for row, (_, rows, _) in enumerate(parts):
        present[row, rows] = 1
    weights = weights * present
    weights = weights / weights.sum(0).clamp_min(1e-6)
    fields: dict[str, Tensor] = {}
    mixed = ("ab", "free_ab", "slope", "free_slope")
    for name in GridWarp.__dataclass_fields__:
        first = getattr(parts[0][2], name)
        full = first.new_zeros((*first.shape[:-1], count))
        for row, (index, rows, part) in enumerate(parts):
            values = getattr(part, name)
            if name in mixed:
                full[..., rows] += values * weights[row, rows]
            else:
                own = largest[rows] == index
                full[..., rows[own]] = values[..., own]
        fields[name] = full
    return GridWarp(**fields)
