"""What each file of a shot is to it, so that messages say where a fault is when a path does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stcolor_core.images.sequences import FramePattern
from stcolor_core.shots.shot import Shot

if TYPE_CHECKING:
    from stcolor_core.shots.reference_files import ReferencePicture

__all__ = ["find_roles", "matte_role"]


def matte_role(frame: int) -> str:
    """Return what a matte is to a shot, as `name_picture` takes it.

    Args:
        frame: The frame that it is the matte of.
    """
    return f"The matte of frame {frame}"


def find_roles(
    shot: Shot, frames: Mapping[int, Path], references: Mapping[int, Iterable[ReferencePicture]]
) -> dict[Path, str]:
    """Return what each file that is no frame of the plate is to the shot, as `name_picture` takes it.

    A file that is several things is called by one of them.

    Args:
        shot: The shot.
        frames: Plate frame -> its file.
        references: Frame -> its references.
    """
    roles = {Path(still.path): "The still" for still in shot.stills}
    for matte in shot.mattes:
        pattern = FramePattern.parse(matte.path)
        own = [matte.frame] if matte.frame is not None else list(frames) if pattern.is_sequence else list(frames)[:1]
        roles.update({pattern.path(frame): matte_role(frame) for frame in own})
    for frame, pictures in references.items():
        for picture in pictures:
            roles.setdefault(picture.path, f"Reference {frame}")
            if picture.mask is not None:
                roles.setdefault(picture.mask, f"The mask of reference {frame}")
    plate = frozenset(frames.values())
    return {path: role for path, role in roles.items() if path not in plate}
