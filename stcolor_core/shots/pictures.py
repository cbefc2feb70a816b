"""The pictures that a shot is made from: its plate, keyframes, stills, mattes and swatches, as validated data."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from stcolor_core.errors import require
from stcolor_core.images.frame_ranges import LAST_FRAME, MOST_FRAMES, parse_frames
from stcolor_core.movies.names import is_movie
from stcolor_core.remedies import advise

__all__ = ["SAME_AS_PLATE", "Alpha", "Matte", "Missing", "Plate", "Reference", "Still", "Swatch"]

Missing = Literal["error", "skip", "hold"]
Alpha = Literal["auto", "ignore"]
_HEX_COLOR = re.compile("#[0-9a-fA-F]{6}")


@dataclass(frozen=True, kw_only=True)
class Plate:
    """The black-and-white sequence.

    Attributes:
        path: A pattern with #### or %04d, a single picture, or a movie.
        frames: A range in Nuke's notation; None for all frames on disk.
        first_frame: The number of a movie's first frame; None for that of its timecode, or 1 if it has none.
        colorspace: A name in the OpenColorIO config. None is scene-linear for EXR and sRGB for PNG, JPEG and TIFF; DPX
            needs a name. A movie says it by its tags.
        exposure: Stops added before lightness is computed, for plates whose diffuse white is not 1.0.
        missing: How to handle a frame that is not on disk: "error", "skip" it, or "hold" the nearest earlier frame.
        layer: The layer that holds the plate, for an EXR with several; None for the preferred one.
    """

    path: str
    frames: str | None = None
    colorspace: str | None = None
    exposure: float = 0.0
    missing: Missing = "error"
    layer: str | None = None
    first_frame: int | None = None

    def __post_init__(self) -> None:
        require(
            self.first_frame is None or is_movie(self.path),
            f"The first frame is for movies; the files of {self.path} have numbers. {advise('no_first_frame')}.",
        )
        require(
            self.first_frame is None or abs(self.first_frame) <= LAST_FRAME - MOST_FRAMES,
            f"The first frame {self.first_frame} is too far from 0. {advise('first_frame')}.",
        )
        require(bool(self.path), f"The plate has no path. {advise('plate_path')}.")
        require(self.layer != "", f"The plate's layer has no name. {advise('plate_layer_or_none')}.")
        require(math.isfinite(self.exposure) and abs(self.exposure) <= 32, "The exposure must lie within 32 stops.")
        if self.frames is not None:
            parse_frames(self.frames)


SAME_AS_PLATE = "same as plate"
"""The colour space of a coloured picture that is in that of the shot's plate whatever its file type, as results are."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A coloured picture of one frame of the plate: a whole keyframe, or a patch that covers a part of the frame.

    Attributes:
        path: A picture, the pattern of a sequence, or a movie, of which the frame with the same number is taken.
        frame: The plate frame that it colours; None if `path` is a sequence whose existing frames are the keyframes.
        colorspace: As for `Plate`. None is the plate's if both files have the same type, else the file type's default.
            Or `SAME_AS_PLATE`.
        mask: A picture or pattern that says where the reference counts: white counts, black does not. None for
            everywhere.
        alpha: "auto" if the picture's alpha says where it counts as well, unless it is 0 or 1 everywhere; "ignore" if
            it does not.
        patch: Whether the reference is a patch. None decides by how much of the frame it covers
            (docs/patches.md).
        movie_frame: The frame of a movie to take, by the movie's own numbers: those of its timecode, or from 1. None
            for the one that has the plate frame's number.
    """

    path: str
    frame: int | None = None
    colorspace: str | None = None
    mask: str | None = None
    alpha: Alpha = "auto"
    patch: bool | None = None
    movie_frame: int | None = None

    def __post_init__(self) -> None:
        require(
            self.alpha in ("auto", "ignore"),
            f"The alpha {self.alpha!r} of a reference is unknown. Use auto or ignore.",
        )
        require(bool(self.path), f"A reference has no path. {advise('reference_path')}.")
        require(
            self.mask is None or not is_movie(self.mask),
            f"The mask {self.mask} of a reference is a movie. Write it as pictures.",
        )
        require(
            self.movie_frame is None or (is_movie(self.path) and self.frame is not None),
            f"The reference {self.path} names the frame {self.movie_frame} of a movie, but is none, or is given for no "
            f"frame of the plate. {advise('frame_path')}.",
        )


@dataclass(frozen=True, kw_only=True)
class Still:
    """A coloured picture that is not a frame of the plate: it is matched by features alone and never tracked.

    Attributes:
        path: The picture.
        colorspace: As for `Reference`.
    """

    path: str
    colorspace: str | None = None

    def __post_init__(self) -> None:
        require(bool(self.path), f"A still has no path. {advise('still_path')}.")
        require(not is_movie(self.path), f"The still {self.path} is a movie. Write its frame as a picture.")


@dataclass(frozen=True, kw_only=True)
class Matte:
    """Artist masks that replace detected instances: roto alpha, an id picture, or Cryptomatte.

    Attributes:
        path: A picture, or the pattern of a sequence.
        frame: The plate frame that it belongs to; None if `path` is a sequence.
    """

    path: str
    frame: int | None = None

    def __post_init__(self) -> None:
        require(bool(self.path), f"A matte has no path. {advise('matte_path')}.")


@dataclass(frozen=True, kw_only=True)
class Swatch:
    """The colour of one object: a patch that is made from the object's matte and a colour instead of a painted picture.

    Attributes:
        frame: The plate frame whose matte shows the object.
        object: The object's name in the matte: that of Cryptomatte, of the layer, the value of the id, or the file name
            of a roto.
        colors: One colour as "#rrggbb" in sRGB, or several from shadow to light, between which the object's lightness
            chooses.
    """

    frame: int
    object: str
    colors: tuple[str, ...]

    def __post_init__(self) -> None:
        label = f"The swatch {self.frame}:{self.object}"
        require(bool(self.object), f"The swatch of frame {self.frame} names no object. Give FRAME:OBJECT=#rrggbb.")
        require(bool(self.colors), f"{label} has no colour. Give FRAME:OBJECT=#rrggbb.")
        for color in self.colors:
            require(
                _HEX_COLOR.fullmatch(color) is not None,
                f"{label} has the colour {color[:40]!r}. Write it as #rrggbb, such as #8a3324.",
            )
