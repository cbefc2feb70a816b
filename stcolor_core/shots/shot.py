"""Describe a shot as validated data that can be written as JSON and read back unchanged.

This module reads no pixels and imports no torch, so a farm submitter or a service can read a shot in milliseconds.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from stcolor_core.errors import BadRequest
from stcolor_core.images.frame_ranges import LAST_FRAME, MOST_FRAMES, describe_frames, format_frames, parse_frames
from stcolor_core.movies.names import is_movie
from stcolor_core.remedies import advise
from stcolor_core.shots.output import Layer, Output
from stcolor_core.shots.transitions import parse_transitions

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

__all__ = [
    "SAME_AS_PLATE",
    "TRACKINGS",
    "UNREFERENCED",
    "DetectorKind",
    "Layer",
    "Light",
    "Matte",
    "Method",
    "Missing",
    "Output",
    "Plate",
    "Reference",
    "Register",
    "Shot",
    "Still",
    "Swatch",
    "Tracking",
    "Unreferenced",
    "describe_frames",
    "format_frames",
    "list_paths",
    "map_paths",
    "parse_frames",
]

Tracking = Literal["none", "instance", "dense", "instance+dense"]
Missing = Literal["error", "skip", "hold"]
Alpha = Literal["auto", "ignore"]
_HEX_COLOR = re.compile("#[0-9a-fA-F]{6}")
DetectorKind = Literal["torchvision", "detectron2"]
Light = Literal["auto", "off"]
Register = Literal["auto", "off"]
OpticalFlow = Literal["dis", "raft_small", "raft_large"]
Unreferenced = Literal["match", "grey"]
TRACKINGS: tuple[Tracking, ...] = get_args(Tracking)
UNREFERENCED: tuple[Unreferenced, ...] = get_args(Unreferenced)


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
        _require(
            self.first_frame is None or is_movie(self.path),
            f"The first frame is for movies; the files of {self.path} have numbers. {advise('no_first_frame')}.",
        )
        _require(
            self.first_frame is None or abs(self.first_frame) <= LAST_FRAME - MOST_FRAMES,
            f"The first frame {self.first_frame} is too far from 0. {advise('first_frame')}.",
        )
        _require(bool(self.path), f"The plate has no path. {advise('plate_path')}.")
        _require(self.layer != "", f"The plate's layer has no name. {advise('plate_layer_or_none')}.")
        _require(math.isfinite(self.exposure) and abs(self.exposure) <= 32, "The exposure must lie within 32 stops.")
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
            (docs/keyframes.md, "Patches").
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
        _require(
            self.alpha in ("auto", "ignore"),
            f"The alpha {self.alpha!r} of a reference is unknown. Use auto or ignore.",
        )
        _require(bool(self.path), f"A reference has no path. {advise('reference_path')}.")
        _require(
            self.mask is None or not is_movie(self.mask),
            f"The mask {self.mask} of a reference is a movie. Write it as pictures.",
        )
        _require(
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
        _require(bool(self.path), f"A still has no path. {advise('still_path')}.")
        _require(not is_movie(self.path), f"The still {self.path} is a movie. Write its frame as a picture.")


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
        _require(bool(self.path), f"A matte has no path. {advise('matte_path')}.")


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
        _require(bool(self.object), f"The swatch of frame {self.frame} names no object. Give FRAME:OBJECT=#rrggbb.")
        _require(bool(self.colors), f"{label} has no colour. Give FRAME:OBJECT=#rrggbb.")
        for color in self.colors:
            _require(
                _HEX_COLOR.fullmatch(color) is not None,
                f"{label} has the colour {color[:40]!r}. Write it as #rrggbb, such as #8a3324.",
            )


@dataclass(frozen=True, kw_only=True)
class Method:
    """The settings of the colourisation. The defaults suit most shots. docs/method.md explains the method.

    Attributes:
        model: A name in the registry, such as "standard" or "exemplar".
        tracking: "none", "instance", "dense" or "instance+dense". None is "dense", and "instance+dense" if there are
            mattes or if a detector's weights are installed.
        working_height: Lines at which colour is computed, at least 64; never more than the plate has.
        matching_height: The standard model's matching grid has a quarter of these lines; at least 64, and never more
            than `working_height`.
        references: Number of references that colour one frame, the nearest in time.
        temperature: Softmax temperature of eqs. 3 and 10, greater than 0; None for the model's default.
        radius: R of eq. 16 in grid cells, 1..64. None for the model's default: 9 for exemplar, as in the paper, and
            windows that follow the optical flow for standard (docs/method.md, Tracking).
        threshold: Threshold of binarize in eq. 15, between 0 and 1; values must be strictly greater.
        exact: Restart eq. 15 for every target frame, O(N^2), instead of composing the maps of neighbouring frames,
            O(N); and compute attention over all positions instead of shortlists.
        matte_threshold: Threshold of eq. 13, between 0 and 1.
        iou_threshold: Least overlap of one instance in neighbouring frames (eq. 12), between 0 and 1.
        flow: Carry colour along optical flow as well (standard model); False leaves only the attention.
        optical_flow: The optical flow that tracks frames: "dis", or torchvision's "raft_small" or "raft_large", with
            weights from the registry.
        chroma: Factor on a* and b* of the result, 0..4. The published script of the exemplar model used 1.25.
        color_features: Compute the features of a reference from its colour picture, as in the training of the exemplar
            model's published weights. None for the model's default; the paper's text has False.
        detector: Finds instances if there are no mattes: "torchvision", with weights from the registry, or
            "detectron2", which needs `detector_weights` and `detector_config`.
        detector_weights: A local file of weights for detectron2.
        detector_config: A local configuration file for detectron2.
        register: "auto" registers a keyframe that does not fit its plate frame, such as one that was moved, scaled or
            relit, or that shows a neighbouring frame; "off" uses it as it is.
        cuts: "auto" finds scene cuts and dissolves, "none" assumes that there are none; or the first frames of new
            scenes, and dissolves as first-last: "1020,1050-1062".
        unreferenced: How to colour a scene without a reference if there is no still: "match" takes the colour of what
            looks alike on the references of other scenes, "grey" leaves it grey.
        light: "auto" follows changes of light (standard model), so that colour keeps its hue and saturation in a fade
            or a shadow, and leaves black without colour; "off" carries a* and b* unchanged.
        keep_chroma: Weight of the colour that a faded plate still has, 0..1, beside the confidence of the keyframes'
            colour; 0 takes only the plate's luminance.
    """

    model: str = "standard"
    tracking: Tracking | None = None
    working_height: int = 432
    matching_height: int = 216
    references: int = 2
    temperature: float | None = None
    radius: int | None = None
    threshold: float = 0.2
    exact: bool = False
    matte_threshold: float = 0.5
    iou_threshold: float = 0.3
    flow: bool = True
    chroma: float = 1.0
    color_features: bool | None = None
    detector: DetectorKind = "torchvision"
    detector_weights: str | None = None
    detector_config: str | None = None
    cuts: str = "auto"
    register: Register = "auto"
    unreferenced: Unreferenced = "grey"
    light: Light = "auto"
    keep_chroma: float = 0.0
    optical_flow: OpticalFlow = "dis"

    def __post_init__(self) -> None:
        _require(
            self.tracking in (None, *TRACKINGS),
            f"Tracking {self.tracking!r} is unknown. Use one of {', '.join(TRACKINGS)}.",
        )
        _require(self.register in get_args(Register), f"Register {self.register!r} is unknown. Use auto or off.")
        _require(
            self.optical_flow in get_args(OpticalFlow),
            f"The optical flow {self.optical_flow!r} is unknown. Use one of {', '.join(get_args(OpticalFlow))}.",
        )
        _require(self.working_height >= 64, "The working height must be at least 64 lines.")
        _require(self.matching_height >= 64, "The matching height must be at least 64 lines.")
        _require(self.references >= 1, "At least one reference must colour a frame.")
        _require(
            self.temperature is None or (math.isfinite(self.temperature) and self.temperature > 0),
            "The temperature must be above 0.",
        )
        _require(self.radius is None or 1 <= self.radius <= 64, "The radius must lie between 1 and 64 grid cells.")
        for name in ("threshold", "matte_threshold", "iou_threshold"):
            _require(0 < getattr(self, name) < 1, f"The {name.replace('_', ' ')} must lie between 0 and 1.")
        _require(self.light in get_args(Light), f"Light {self.light!r} is unknown. Use auto or off.")
        _require(0 <= self.keep_chroma <= 1, "The weight of the plate's own chroma must lie between 0 and 1.")
        _require(0 <= self.chroma <= 4, "The chroma factor must lie between 0 and 4.")
        if self.cuts != "auto":
            parse_transitions(self.cuts)
        _require(
            self.unreferenced in UNREFERENCED,
            f"The choice {self.unreferenced!r} for scenes without a reference is unknown. Use match or grey.",
        )

    @property
    def uses_dense(self) -> bool:
        """Return whether dense tracking restricts attention. It does unless another tracking was chosen."""
        return self.tracking in (None, "dense", "instance+dense")

    @property
    def uses_instances(self) -> bool:
        """Return whether instances restrict attention. False if `tracking` is None, which a run resolves first."""
        return self.tracking in ("instance", "instance+dense")


@dataclass(frozen=True, kw_only=True)
class Shot:
    """All settings that affect the pixels of one shot.

    Attributes:
        plate: The black-and-white sequence.
        output: The files of the coloured frames.
        references: The keyframes.
        stills: Coloured pictures that are not frames of the plate.
        mattes: Artist masks.
        swatches: Colours of objects in the mattes.
        method: The settings of the colourisation.
        ocio: An OpenColorIO config file or builtin name; None for $OCIO, else the builtin.
    """

    plate: Plate
    output: Output
    references: tuple[Reference, ...] = ()
    stills: tuple[Still, ...] = ()
    mattes: tuple[Matte, ...] = ()
    swatches: tuple[Swatch, ...] = ()
    method: Method = field(default_factory=Method)
    ocio: str | None = None

    def __post_init__(self) -> None:
        for text in _texts(dataclasses.asdict(self)):
            _require(
                "\0" not in text and _is_utf8(text),
                f"{text[:80]!a} contains a null character or bytes that are not UTF-8. Correct the name.",
            )

    def to_json(self) -> str:
        """Return the shot as indented JSON. `from_json` restores it unchanged."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Shot:
        """Return the shot that `to_json` wrote.

        Args:
            text: The JSON text.

        Raises:
            BadRequest: If the text is not JSON, or has unknown, missing or invalid settings.
        """
        from pydantic import ValidationError

        try:
            return _adapter().validate_json(text, strict=True, extra="forbid")
        except ValidationError as error:
            raise BadRequest(_describe_error(error)) from None

    @classmethod
    def load(cls, path: Path) -> Shot:
        """Read a shot file.

        Args:
            path: The file.

        Returns:
            The shot.

        Raises:
            BadRequest: If the file cannot be read or is not a shot. The message names the file.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise BadRequest(f"The shot file {path} cannot be read ({reason}). Check the path.") from None
        try:
            return cls.from_json(text)
        except BadRequest as error:
            raise BadRequest(f"{path}: {error}") from None


def map_paths(shot: Shot, change: Callable[[str], str]) -> Shot:
    """Return a shot with every path changed.

    The name of a builtin OpenColorIO config (ocio://...) is not a path and stays.

    Args:
        shot: The shot.
        change: Returns the new path for an old one.
    """

    def change_optional(path: str | None) -> str | None:
        return None if path is None else change(path)

    return replace(
        shot,
        plate=replace(shot.plate, path=change(shot.plate.path)),
        output=replace(shot.output, path=change(shot.output.path), reuse=change_optional(shot.output.reuse)),
        references=tuple(
            replace(reference, path=change(reference.path), mask=change_optional(reference.mask))
            for reference in shot.references
        ),
        stills=tuple(replace(still, path=change(still.path)) for still in shot.stills),
        mattes=tuple(replace(matte, path=change(matte.path)) for matte in shot.mattes),
        method=replace(
            shot.method,
            detector_weights=change_optional(shot.method.detector_weights),
            detector_config=change_optional(shot.method.detector_config),
        ),
        ocio=shot.ocio if shot.ocio is not None and "://" in shot.ocio else change_optional(shot.ocio),
    )


def list_paths(shot: Shot) -> Iterator[str]:
    """Yield every path in a shot, in the order of `map_paths`.

    Args:
        shot: The shot.
    """
    paths: list[str] = []

    def record(path: str) -> str:
        paths.append(path)
        return path

    map_paths(shot, record)
    yield from paths


def _texts(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, (list, tuple)):
        for value in data:
            yield from _texts(value)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BadRequest(message)


@cache
def _adapter() -> TypeAdapter[Shot]:
    from pydantic import TypeAdapter  # takes 60 ms with the adapter, which only a program that reads a shot must spend

    return TypeAdapter(Shot)


def _setting_names(location: tuple[int | str, ...]) -> list[str]:
    """Return the names of the settings at a place in a shot, such as ("references", 0)."""
    kind: Any = Shot
    for part in location:
        if isinstance(part, str):
            kind = get_type_hints(kind)[part]
            kind = next((each for each in get_args(kind) if dataclasses.is_dataclass(each)), kind)
    return [each.name for each in dataclasses.fields(kind)]


def _describe_error(error: ValidationError) -> str:
    """Return one line about the first error: the field, its value, and what is expected."""
    first = error.errors(include_url=False, include_context=False)[0]
    kind, message = first["type"], first["msg"]
    if kind == "json_invalid":
        return f"The shot is not JSON ({message.removeprefix('Invalid JSON: ')})."
    field = "shot" + "".join(f"[{part}]" if isinstance(part, int) else f".{ascii(part)[1:-1]}" for part in first["loc"])
    if kind == "missing":
        return f"{field} is missing. Give it."
    if kind == "unexpected_keyword_argument":
        known = ", ".join(_setting_names(first["loc"][:-1]))
        return f"{field} is an unknown setting. Known are {known}. Correct its name, or leave it out."
    return f"{field} is {repr(first['input'])[:80]}. {message.replace('Input', 'It', 1)}."
