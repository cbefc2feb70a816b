"""How much of the plate each reference covers, by its windows, its alpha and its mask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from stcolor_core.images.coverage import read_alpha_share, read_mask_share, window_share
from stcolor_core.images.formats import HeaderSummary
from stcolor_core.images.pictures import Window
from stcolor_core.images.placement import Placement
from stcolor_core.movies.names import is_movie
from stcolor_core.pipeline.input_files import InputFiles
from stcolor_core.shots.reference_files import ReferencePicture

__all__ = ["Region", "find_covered", "region_of_format"]

Region = tuple[float, float, float, float]
"""Left, top, right and bottom in parts of the plate's format."""


def find_covered(
    pictures: Iterable[ReferencePicture], region: Region, *, files: InputFiles, formats: Mapping[Path, HeaderSummary]
) -> dict[ReferencePicture, float]:
    """Return the share of a region of the plate's format that each reference covers, 0..1.

    Args:
        pictures: The references.
        region: What the plate has pixels for, from `region_of_format`.
        files: Reads the files, and caches what is found.
        formats: The format of each reference.

    Raises:
        PlateError: If a picture is missing or damaged.
        BadRequest: If a mask is black.
    """
    groups: dict[Placement | None, list[ReferencePicture]] = defaultdict(list)
    for picture in pictures:
        groups[picture.placement].append(picture)
    covered: dict[ReferencePicture, float] = {}
    for placement, group in groups.items():
        by_alpha, masks = _shares_of_group(group, region, placement, files)
        for picture in group:
            if is_movie(picture.path):  # it has no alpha
                own = window_share(formats[picture.path], region, placement)
            else:
                own = by_alpha[picture.path, picture.alpha]
            covered[picture] = own if picture.mask is None else min(own, masks[picture.mask])
    return covered


def _shares_of_group(
    pictures: list[ReferencePicture], region: Region, placement: Placement | None, files: InputFiles
) -> tuple[dict[tuple[Path, str], float], Mapping[Path, float]]:
    """Return what pictures of one placement cover, by file and use of the alpha, and what their masks cover."""
    where = f"{region}" if placement is None else f"{region} {placement}"

    def read_picture(path: Path, *, use_alpha: bool) -> float:
        return read_alpha_share(path, region, use_alpha=use_alpha, role=files.role(path), placement=placement)

    def read_mask(path: Path) -> float:
        return read_mask_share(path, region, role=files.role(path), placement=placement)

    shares: dict[tuple[Path, str], float] = {}
    for alpha in ("auto", "ignore"):
        paths = [picture.path for picture in pictures if picture.alpha == alpha and not is_movie(picture.path)]
        found = files.shares(f"{alpha} {where}", paths, partial(read_picture, use_alpha=alpha == "auto"))
        shares.update({(path, alpha): share for path, share in found.items()})
    masks = [picture.mask for picture in pictures if picture.mask is not None]
    return shares, files.shares(f"mask {where}", masks, read_mask)


def region_of_format(display: Window, canvas: Window) -> Region:
    """Return the part of the plate's format that it has pixels for.

    Args:
        display: The plate's display window.
        canvas: The union of its data windows.
    """
    edges = [
        min(1.0, max(0.0, (canvas[axis] + side * canvas[2 + axis] - display[axis]) / display[2 + axis]))
        for side in (0, 1)
        for axis in (0, 1)
    ]
    return edges[0], edges[1], edges[2], edges[3]
