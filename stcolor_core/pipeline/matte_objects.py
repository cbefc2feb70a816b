"""The objects in the mattes of one frame, without the rest of the shot: for a program that lets the artist choose."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stcolor_core.errors import BadRequest
from stcolor_core.images import plates
from stcolor_core.method.tracking.mattes import merge, read_matte
from stcolor_core.movies.plate_frames import read_plate_header
from stcolor_core.remedies import advise
from stcolor_core.shots.picture_roles import matte_role
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_frames, find_mattes

__all__ = ["MatteObject", "list_objects"]

_MOST = 256  # objects of a matte
_LINES = 135  # of the masks whose area is measured: 256 of them take 100 MB


@dataclass(frozen=True)
class MatteObject:
    """An object of a matte.

    Attributes:
        name: The name that `Swatch.object` takes.
        share: The part of the plate's picture that it covers, 0..1.
    """

    name: str
    share: float


def list_objects(shot: Shot, frame: int) -> list[MatteObject]:
    """Return the objects in the mattes of a frame, the largest first.

    Reads this frame of the plate, for its format, and the frame's mattes; nothing else of the shot.

    Args:
        shot: The shot.
        frame: The frame's number.

    Returns:
        The objects that cover something of the plate's picture. A matte gives its 256 largest.

    Raises:
        PlateError: If the plate does not have the frame, or if a file is damaged.
        BadRequest: If the frame has no matte, or a matte's aspect is not the plate's.
    """
    path = find_frames(replace(shot.plate, frames=str(frame)))[frame]
    paths = find_mattes(shot, frame)
    if not paths:
        raise BadRequest(f"Frame {frame} has no matte. Go to a frame that has one, or {advise('frame_matte', frame)}.")
    plate = shot.plate
    header = read_plate_header(path, frame=frame, layer=plate.layer, first_frame=plate.first_frame)
    _, _, width, height = header.data_window
    lines = min(height, _LINES)
    size = lines, max(1, round(width * lines / height))
    pictures = (plates.read_matte_file(path, role=matte_role(frame)) for path in paths)
    found = merge([read_matte(picture, plate=header, size=size, limit=_MOST) for picture in pictures], size)
    shares = found.masks.mean(axis=(1, 2)) if len(found.masks) else ()
    objects = [MatteObject(name, float(share)) for name, share in zip(found.names or (), shares, strict=True)]
    return sorted(objects, key=lambda each: -each.share)
