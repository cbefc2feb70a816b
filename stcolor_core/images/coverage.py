"""Where a reference counts: its alpha, its data window, or a mask that is given with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stcolor_core.arrays import Plane
from stcolor_core.errors import BadRequest
from stcolor_core.images import plates
from stcolor_core.images.formats import HeaderSummary
from stcolor_core.images.known_color import cut
from stcolor_core.images.pictures import Header, Picture, Window
from stcolor_core.images.placement import Placement

__all__ = ["COVERED", "mask_plane", "read_alpha_share", "read_mask_share", "window_share"]

COVERED = 0.5  # from this alpha or mask on, a pixel counts as covered


def mask_plane(picture: Picture) -> Plane:
    """Return how much each pixel of a mask counts, 0..1: its alpha if that says something, else its brightest channel.

    Args:
        picture: The mask, with all channels of its layer.

    Returns:
        Plane of shape (H, W).
    """
    alpha = plates.alpha_plane(picture)
    if alpha is not None:
        return alpha
    return np.asarray(np.clip(plates.layer_pixels(picture).max(axis=-1), 0, 1), np.float32)


def read_alpha_share(
    path: Path,
    region: tuple[float, float, float, float],
    *,
    use_alpha: bool,
    role: str = "",
    placement: Placement | None = None,
) -> float:
    """Return the share of a region of the format that a picture covers by its data window and its alpha.

    Args:
        path: The picture.
        region: The region as left, top, right and bottom in parts of the display window.
        use_alpha: Whether alpha counts.
        role: What the picture is to the shot, as in `pictures.Header`.
        placement: The format that it shows a part of; None if its file says it.

    Raises:
        PlateError: If the picture is missing or damaged.
    """
    picture = plates.read_alpha(path, role=role) if use_alpha else None
    header = picture or plates.read_header(path, role=role)
    if placement is not None:
        header = placement.of(header)
    alpha = plates.alpha_plane(header) if isinstance(header, Picture) else None
    return _share(np.ones(header.shape, np.float32) if alpha is None else alpha, header, region)


def window_share(
    picture: Header | HeaderSummary, region: tuple[float, float, float, float], placement: Placement | None = None
) -> float:
    """Return the share of a region of the format that a picture covers by its data window alone.

    Args:
        picture: The picture's header or format.
        region: As for `read_alpha_share`.
        placement: As for `read_alpha_share`.
    """
    display, window = picture.display_window, picture.data_window
    if placement is not None:
        display, window = placement.display, placement.inside
    return _share_of(np.ones((window[3], window[2]), np.float32), window, display, region)


def read_mask_share(
    path: Path,
    region: tuple[float, float, float, float],
    *,
    role: str = "",
    placement: Placement | None = None,
) -> float:
    """Return the share of a region of the format that a mask covers.

    Args:
        path: The mask.
        region: As for `read_alpha_share`.
        role: As for `read_alpha_share`.
        placement: That of its reference, as for `read_alpha_share`.

    Raises:
        PlateError: If the mask is missing or damaged.
        BadRequest: If the mask is black.
    """
    picture = plates.read_colored(path, role=role)
    if placement is not None:
        picture = placement.of(picture)
    plane = mask_plane(picture)
    if plane.max() < plates.ALPHA_STEP:
        raise BadRequest(
            f"{picture.label} is black, so that its reference counts nowhere. Paint white where it counts."
        )
    return _share(plane, picture, region)


def _share(plane: Plane, picture: Header, region: tuple[float, float, float, float]) -> float:
    return _share_of(plane, picture.data_window, picture.display_window, region)


def _share_of(plane: Plane, window: Window, display: Window, region: tuple[float, float, float, float]) -> float:
    x, y, width, height = display
    left, top = x + round(region[0] * width), y + round(region[1] * height)
    right, bottom = x + round(region[2] * width), y + round(region[3] * height)
    target = left, top, max(1, right - left), max(1, bottom - top)
    return float((cut(plane, window, target, outside="black") >= COVERED).mean())
