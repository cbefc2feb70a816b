"""The mattes of a shot: the instances of a frame, and the colour of swatches, which are laid over an object's matte."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from stcolor_core.errors import BadRequest
from stcolor_core.images.known_color import KnownColor
from stcolor_core.images.picture_names import name_picture
from stcolor_core.images.pictures import Window
from stcolor_core.images.swatches import color_of_surface
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.matte_channels import MattePicture
from stcolor_core.method.tracking.mattes import (
    MatteKind,
    has_same_aspect,
    merge,
    read_matte,
    sequence_of,
    shows_picture,
)
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.shot_plates import ShotPlates
from stcolor_core.pipeline.warn_once import WarnOnce
from stcolor_core.shots.picture_roles import matte_role

__all__ = ["ShotMattes"]

_NAMED = 12  # objects of a matte that an error names
_KINDS: dict[MatteKind, str] = {
    "cryptomatte": "Cryptomatte",
    "layers": "layers of masks",
    "ids": "an id picture",
    "roto": "a roto of one object",
}


class ShotMattes:
    """Reads the mattes of a shot's frames, at working size and at plate size.

    Args:
        inputs: The shot's files.
        plate: The shot's plate, on whose canvas the mattes are placed.
        warn_once: Called with one line for the artist.
    """

    def __init__(self, inputs: ShotInputs, plate: ShotPlates, *, warn_once: WarnOnce) -> None:
        self._inputs, self._plate, self._warn_once = inputs, plate, warn_once
        self._kinds: dict[str, dict[MatteKind, str]] = {}  # of each sequence, each with the first file that was read

    def refuse_misfits(self, *, all_frames: bool) -> None:
        """Refuse swatches of unknown objects, and mattes of another aspect than the plate, by the mattes' headers.

        Args:
            all_frames: Whether the mattes of all frames are used, or only those of swatches.

        Raises:
            PlateError: If a file is damaged or has changed since the run began.
            BadRequest: If a matte's aspect is not the plate's, or it has no object of a swatch's name.
        """
        for frame in self._inputs.swatches:
            self.colors_of_swatches(frame)
        for frame in self._inputs.frames if all_frames else ():
            for size in self._inputs.mattes.sizes(frame):
                if not has_same_aspect(size, self._plate.display):
                    self._read(frame, self._plate.working_size)

    def instances(self, frame: int) -> Instances | None:
        """Return the instances in the mattes of a frame, with masks at working size; None if it has no matte.

        Args:
            frame: The frame's number.
        """
        paths = self._inputs.mattes.of(frame)
        if not paths:
            return None
        merged = self._read(frame, self._plate.working_size)
        if not len(merged.masks):
            label = name_picture(paths[0], None, matte_role(frame))
            self._warn_once.about(label, " has no instance in it; the frame is not restricted by it.", frame)
        return merged

    def colors_of_swatches(self, frame: int) -> list[KnownColor]:
        """Return the colour of each swatch of a frame on the canvas, over its object's matte.

        Args:
            frame: The frame's number.

        Raises:
            BadRequest: If the matte has no object of a swatch's name.
        """
        swatches = self._inputs.swatches.get(frame, ())
        if not swatches:
            return []
        wanted = {swatch.object for swatch in swatches}  # at plate size, all of a Cryptomatte's would take gigabytes
        mattes = self._read(frame, self._plate.size, only=wanted)
        names, colors = mattes.names or (), []
        for swatch in swatches:
            if swatch.object not in names:
                names = self._read(frame, self._plate.working_size).names or ()
                known = f"It has {', '.join(names[:_NAMED])}{' ...' if len(names) > _NAMED else ''}."
                paths = ", ".join(map(str, self._inputs.mattes.of(frame)))
                raise BadRequest(
                    f"{matte_role(frame)} ({paths}) has no object {swatch.object!r} for the swatch of it. "
                    f"{known if names else 'It is empty.'} Correct the object's name."
                )
            weight = mattes.masks[names.index(swatch.object)]
            colors.append(
                KnownColor(color_of_surface(self._plate.frame(frame).lightness, swatch.colors), weight > 0, weight)
            )
        return colors

    def _read(self, frame: int, size: tuple[int, int], *, only: Collection[str] | None = None) -> Instances:
        """Return the instances of a frame's mattes, or only those of some names, with masks over the canvas."""
        on_canvas = _Windows(self._plate.canvas, self._plate.frame(frame).header.display_window)

        def read(picture: MattePicture) -> Instances:
            found = partial(self._warn_of_kind, frame, picture)
            return read_matte(picture, plate=on_canvas, size=size, only=only, on_kind=found)

        return merge(map(read, self._inputs.read_mattes(frame)), size)

    def _warn_of_kind(self, frame: int, picture: MattePicture, kind: MatteKind) -> None:
        """Warn if a matte looks like none, or is of another kind than one of its sequence that was read before."""
        if kind == "roto" and shows_picture(picture):
            rest = " looks like a colour picture, and counts as a roto of one object, by its brightest channel. "
            self._warn_once.about(
                picture.label, f"{rest}Give a matte in its place (an id picture not as JPEG), or none.", frame
            )
        kinds = self._kinds.setdefault(sequence_of(picture.path), {})
        if kind in kinds:
            return
        kinds[kind] = picture.path.name
        if len(kinds) > 1:
            first, name = next(iter(kinds.items()))
            rest = (
                f" is read as {_KINDS[kind]}, but {name} as {_KINDS[first]}: what is one object to you has two names, "
                "and counts as two. Write all mattes of a sequence in one way."
            )
            self._warn_once.about(picture.label, rest, frame)


@dataclass(frozen=True)
class _Windows:
    data_window: Window
    display_window: Window
