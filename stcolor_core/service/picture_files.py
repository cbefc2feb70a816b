"""Which file each picture of a job comes from. Only a job's own plate, references and output are ever named."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from stcolor_core.errors import PlateError, StcolorError
from stcolor_core.images.sequences import FramePattern
from stcolor_core.method.registration import find_neighbours
from stcolor_core.shots.reference_files import find_references
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_frames

__all__ = [
    "DATA_KINDS",
    "FrameGone",
    "NoPicture",
    "NoResult",
    "PictureKind",
    "PictureSource",
    "ShotFiles",
    "source_like_plate",
]

PictureKind = Literal["result", "plate", "reference", "used", "confidence", "source", "mattes"]
"""The pictures of a frame; "used" is the nearest reference as it was fitted to the plate."""
DATA_KINDS: frozenset[PictureKind] = frozenset(get_args(PictureKind)[4:])
"""Pictures of layers of the result, which hold no colour."""

_LISTED_SECONDS = 5.0  # a folder of 10,000 frames takes 20 ms, on a network disk more


class NoPicture(StcolorError):
    """Raised if the job does not have the picture, or not yet."""


class NoResult(NoPicture):
    """Raised if the file of a result is not there."""


class FrameGone(NoPicture):
    """Raised if a frame was written, and its file is not there any more."""


@dataclass(frozen=True, kw_only=True)
class PictureSource:
    """The file of a picture and how its colours are encoded.

    Attributes:
        of: Which picture it is.
        frame: Its frame number.
        path: The file.
        colorspace: Colour space of the file; None to detect it.
        exposure: Exposure to apply, in stops.
        plate: For the result and its layers, the frame of the plate, whose encoding the result has; None if the plate
            is not there, and for other pictures.
        layer: Layer of the plate; None for the main one.
        first_frame: Of a plate that is a movie, as `shots.pictures.Plate.first_frame`; None for other pictures.
        others: Other files that decide the picture.
        settings: Settings of the shot that decide it, as text.
    """

    of: PictureKind
    frame: int
    path: Path
    colorspace: str | None = None
    exposure: float = 0.0
    plate: Path | None = None
    layer: str | None = None
    first_frame: int | None = None
    others: tuple[Path, ...] = ()
    settings: str = ""


def source_like_plate(shot: Shot, of: PictureKind, frame: int, path: Path) -> PictureSource:
    """Return the source of a picture that is encoded as the plate is: the plate itself, the result and its layers.

    Args:
        shot: The shot.
        of: Which picture it is.
        frame: Its frame number.
        path: The file.
    """
    plate = shot.plate
    return PictureSource(
        of=of,
        frame=frame,
        path=path,
        colorspace=plate.colorspace,
        exposure=plate.exposure,
        layer=plate.layer,
        first_frame=plate.first_frame,
    )


class ShotFiles:
    """The files of one shot, found by their names and looked for again after five seconds. For any thread."""

    def __init__(self, shot: Shot, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Remember the shot; nothing is read yet.

        Args:
            shot: The shot.
            clock: Seconds, monotonic.
        """
        self.shot, self._clock = shot, clock
        self._output = FramePattern.parse(shot.output.path)
        self._listed: tuple[float, dict[int, Path], str | None] | None = None

    def frames(self) -> dict[int, Path]:
        """Return the plate's frames with their files, in ascending order; none if the plate is not there."""
        return self._list()[0]

    def problem(self) -> str | None:
        """Return why the plate has no frames, in one line; None if it has some."""
        return self._list()[1]

    def references(self) -> dict[int, tuple[Path, str | None]]:
        """Return the reference frames with their files and colour spaces, in ascending order; also without a plate."""
        if frames := self.frames():
            try:
                listed = find_references(self.shot, frames)
            except StcolorError:
                return {}
            return {frame: (pictures[-1].path, pictures[-1].colorspace) for frame, pictures in listed.items()}
        found: dict[int, tuple[Path, str | None]] = {}
        for reference in self.shot.references:
            pattern = FramePattern.parse(reference.path)
            numbers = pattern.frames() if reference.frame is None else [reference.frame]
            found.update({number: (pattern.path(number), reference.colorspace) for number in numbers})
        return dict(sorted(found.items()))

    def source(self, frame: int, of: PictureKind) -> PictureSource:
        """Return where a picture comes from; whether the file is there is not checked.

        Args:
            frame: Frame number.
            of: Which of the frame's pictures. Of references it is the nearest one.

        Raises:
            NoPicture: If the shot has no such picture.
        """
        if of == "reference":
            return self._reference(frame)
        if of == "used":
            return self._used(self._reference(frame))
        if of == "plate":
            return source_like_plate(self.shot, of, frame, self._plate(frame))
        result = source_like_plate(self.shot, of, frame, self._output.path(frame))
        return replace(result, plate=self.frames().get(frame))

    def _plate(self, frame: int) -> Path:
        frames = self.frames()
        if frame in frames:
            return frames[frame]
        raise NoPicture(self.problem() or f"Frame {frame} is not a frame of {self.shot.plate.path}.")

    def _reference(self, frame: int) -> PictureSource:
        if references := self.references():
            nearest = min(references, key=lambda key: abs(key - frame))
            path, colorspace = references[nearest]
            exposure = self.shot.plate.exposure
            return PictureSource(of="reference", frame=nearest, path=path, colorspace=colorspace, exposure=exposure)
        if not self.shot.stills:
            raise NoPicture("The job has no reference.")
        still = self.shot.stills[0]
        return PictureSource(of="reference", frame=frame, path=Path(still.path), colorspace=still.colorspace)

    def _used(self, reference: PictureSource) -> PictureSource:
        """Return the source of a reference as it is used: it depends on the plate frames around its own too."""
        shot, frames = self.shot, self.frames()
        if reference.frame not in frames or reference.frame not in self.references():
            raise NoPicture("Only a reference of a frame of the plate is fitted to it.")
        near = (reference.frame, *find_neighbours(reference.frame, frames))
        method = shot.method
        settings = repr((shot.plate, shot.references, method.register, method.working_height))
        others = tuple(dict.fromkeys(frames[number] for number in near))
        return replace(reference, of="used", others=others, settings=settings)

    def _list(self) -> tuple[dict[int, Path], str | None]:
        now = self._clock()
        if self._listed is None or now - self._listed[0] > _LISTED_SECONDS:
            plate = self.shot.plate
            # a frame that disappeared after the job began must not keep the others from being shown
            lenient = plate if plate.missing == "hold" else replace(plate, missing="skip")
            try:
                self._listed = now, find_frames(lenient), None
            except PlateError as error:
                self._listed = now, {}, error.marked
        return self._listed[1], self._listed[2]
