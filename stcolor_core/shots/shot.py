"""What the artist asked for, as validated data that goes into JSON and comes back unchanged.

No pixels and no torch here: a farm submitter or a service can read a shot in milliseconds.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from stcolor_core.errors import BadRequest
from stcolor_core.images.frame_ranges import format_frames, name_frames, parse_frames

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

__all__ = [
    "TRACKINGS",
    "DetectorKind",
    "Matte",
    "Method",
    "Output",
    "Plate",
    "Reference",
    "Shot",
    "Still",
    "Tracking",
    "format_frames",
    "name_frames",
    "parse_frames",
    "paths_of",
    "with_paths",
]

Tracking = Literal["none", "instance", "dense", "instance+dense"]
Missing = Literal["error", "skip", "hold"]
DetectorKind = Literal["torchvision", "detectron2"]
TRACKINGS: tuple[Tracking, ...] = get_args(Tracking)


@dataclass(frozen=True, kw_only=True)
class Plate:
    """The black-and-white sequence.

    path: pattern with #### or %04d, or a single picture.
    frames: Nuke-style range; None takes every frame on disk.
    colorspace: a name in the OpenColorIO config; None is scene-linear for EXR, sRGB for PNG, JPEG and TIFF, and must
    be given for DPX.
    exposure: stops added before lightness is taken, for plates whose diffuse white is not at 1.0.
    missing: what a frame that is not on disk means: an error, left out, or the nearest earlier frame held.
    layer: of an EXR with several, the one that holds the plate; None takes its own choice of them.
    """

    path: str
    frames: str | None = None
    colorspace: str | None = None
    exposure: float = 0.0
    missing: Missing = "error"
    layer: str | None = None

    def __post_init__(self) -> None:
        _require(bool(self.path), "The plate has no path. Give --plate 'plates/sh010.####.exr'.")
        _require(self.layer != "", "The plate's layer has no name. Give --plate-layer NAME, or leave it out.")
        _require(math.isfinite(self.exposure) and abs(self.exposure) <= 32, "The exposure must lie within 32 stops.")
        if self.frames is not None:
            parse_frames(self.frames)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A coloured picture of one frame of the plate: a keyframe.

    frame: the plate frame it colours; None where path is a sequence whose existing frames are the keyframes.
    colorspace: as in Plate; None means the plate's where the file type is the same, else the file type's own.
    """

    path: str
    frame: int | None = None
    colorspace: str | None = None

    def __post_init__(self) -> None:
        _require(bool(self.path), "A reference has no path. Give --reference 1010=refs/sh010.1010.exr.")


@dataclass(frozen=True, kw_only=True)
class Still:
    """A coloured picture that is no frame of the plate: matched by features alone, never tracked."""

    path: str
    colorspace: str | None = None

    def __post_init__(self) -> None:
        _require(bool(self.path), "A still has no path. Give --still look.png.")


@dataclass(frozen=True, kw_only=True)
class Matte:
    """Artist masks in place of detected instances: roto alpha, an id picture, or Cryptomatte.

    frame: the plate frame it belongs to; None where path is a sequence.
    """

    path: str
    frame: int | None = None

    def __post_init__(self) -> None:
        _require(bool(self.path), "A matte has no path. Give --matte 1010=roto.1010.exr.")


@dataclass(frozen=True, kw_only=True)
class Output:
    """Where the coloured frames go.

    path: pattern with #### or %04d, ending in .exr. beauty: write R, G, B too.
    frames: Nuke-style range of those to write; None is all of the plate's. The others still count.
    max_span: most frames of a span that one task of a farm writes; None cuts no span. It changes no pixel.
    reuse: pattern of an earlier version; a frame of it that would be computed the same is copied instead.
    link: link reused frames instead of copying them.
    """

    path: str
    beauty: bool = True
    frames: str | None = None
    max_span: int | None = None
    reuse: str | None = None
    link: bool = False

    def __post_init__(self) -> None:
        _require(
            self.path.lower().endswith(".exr"),
            f"The output {self.path!r} must be an EXR sequence, like out/sh010.####.exr.",
        )
        _require(self.max_span is None or self.max_span >= 1, "The longest span must have at least 1 frame.")
        if self.frames is not None:
            parse_frames(self.frames)


@dataclass(frozen=True, kw_only=True)
class Method:
    """How colour is found. The defaults suit most shots.

    model: a name in the registry, "standard" or "exemplar".
    tracking: none, instance, dense or instance+dense; None is dense, joined by instances where mattes are given or a
        detector's weights are installed.
    working_height: lines at which colour is computed, at least 64; never above the plate's own.
    matching_height: lines of which a quarter is the matching grid of the standard model; never above working_height.
    references: how many references colour one frame, the nearest in time; 1 takes only the nearest.
    temperature: softmax temperature of eqs. 3 and 10; None is the model's own default.
    radius: R of eq. 16 in grid cells; None is the model's own default: 9 for exemplar, as in the paper, and windows
        that follow the optical flow for standard (docs/method.md, "Dense tracking").
    threshold: of binarize in eq. 15, strictly greater.
    exact: restart eq. 15 for every target frame (O(N^2)) in place of composing one-step maps (O(N)), and let attention
        look at every place in place of shortlists.
    matte_threshold: of eq. 13. iou_threshold: least overlap of one instance in neighbouring frames (eq. 12).
    flow: carry colour along optical flow as well (standard model); off leaves the attention part alone.
    chroma: factor on a*, b* of the result. The published script of the exemplar model used 1.25.
    color_features: features of the reference from its colour picture, as the exemplar model's published weights were
        trained; None is the model's own default, the paper's text has False.
    detector: finds instances where there are no mattes: torchvision (weights from the registry) or detectron2, which
        needs detector_weights and detector_config, two local files.
    cuts: "auto" finds scene cuts, "none" trusts that there are none, or the first frames of new scenes as a range.
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

    def __post_init__(self) -> None:
        _require(
            self.tracking in (None, *TRACKINGS),
            f"Tracking {self.tracking!r} is unknown. Use one of {', '.join(TRACKINGS)}.",
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
        _require(0 <= self.chroma <= 4, "The chroma factor must lie between 0 and 4.")
        if self.cuts not in ("auto", "none"):
            parse_frames(self.cuts)

    @property
    def uses_dense(self) -> bool:
        """Return whether dense tracking restricts attention. It does unless another tracking was chosen."""
        return self.tracking in (None, "dense", "instance+dense")

    @property
    def uses_instances(self) -> bool:
        """Return whether instances restrict attention. False while `tracking` is None, which a run resolves first."""
        return self.tracking in ("instance", "instance+dense")


@dataclass(frozen=True, kw_only=True)
class Shot:
    """Everything that decides the pixels of one shot.

    ocio: a config file or builtin name; None takes $OCIO, then the builtin.
    """

    plate: Plate
    output: Output
    references: tuple[Reference, ...] = ()
    stills: tuple[Still, ...] = ()
    mattes: tuple[Matte, ...] = ()
    method: Method = field(default_factory=Method)
    ocio: str | None = None

    def __post_init__(self) -> None:
        counts = Counter(reference.frame for reference in self.references if reference.frame is not None)
        twice = [frame for frame, count in counts.items() if count > 1]
        _require(not twice, f"Frame {name_frames(twice)} has two references. Keep one of them.")
        for text in _texts(dataclasses.asdict(self)):
            _require(
                "\0" not in text and _in_utf8(text),
                f"{text[:80]!a} holds a null character, or bytes that are not UTF-8. Rename what it names.",
            )

    def to_json(self) -> str:
        """The shot as indented JSON; `from_json` gives it back unchanged."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Shot:
        """The shot that `to_json` wrote. Raises BadRequest on anything that is not exactly a shot."""
        from pydantic import ValidationError

        try:
            return _adapter().validate_json(text, strict=True, extra="forbid")
        except ValidationError as error:
            raise BadRequest(_refusal(error)) from None

    @classmethod
    def load(cls, path: Path) -> Shot:
        """Read a shot file. Raises BadRequest with the file's name where it is missing or wrong."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadRequest(f"The shot file {path} cannot be read ({error}).") from None
        try:
            return cls.from_json(text)
        except BadRequest as error:
            raise BadRequest(f"{path}: {error}") from None


def with_paths(shot: Shot, change: Callable[[str], str]) -> Shot:
    """The shot with every path in it changed. A builtin OpenColorIO config (ocio://...) is no path, and stays."""

    def maybe(path: str | None) -> str | None:
        return None if path is None else change(path)

    return replace(
        shot,
        plate=replace(shot.plate, path=change(shot.plate.path)),
        output=replace(shot.output, path=change(shot.output.path), reuse=maybe(shot.output.reuse)),
        references=tuple(replace(each, path=change(each.path)) for each in shot.references),
        stills=tuple(replace(each, path=change(each.path)) for each in shot.stills),
        mattes=tuple(replace(each, path=change(each.path)) for each in shot.mattes),
        method=replace(
            shot.method,
            detector_weights=maybe(shot.method.detector_weights),
            detector_config=maybe(shot.method.detector_config),
        ),
        ocio=shot.ocio if shot.ocio is not None and "://" in shot.ocio else maybe(shot.ocio),
    )


def paths_of(shot: Shot) -> Iterator[str]:
    """Every path in a shot, in the order of `with_paths`, which alone knows where they stand."""
    found: list[str] = []

    def note(path: str) -> str:
        found.append(path)
        return path

    with_paths(shot, note)
    yield from found


def _texts(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, (list, tuple)):
        for value in data:
            yield from _texts(value)


def _in_utf8(text: str) -> bool:
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
    from pydantic import TypeAdapter  # with what it builds here it takes 60 ms, which only readers of a shot pay

    return TypeAdapter(Shot)


def _refusal(error: ValidationError) -> str:
    """Say in one line what is wrong first: the field, what it holds, and what it should."""
    first = error.errors(include_url=False, include_context=False)[0]
    kind, message = first["type"], first["msg"]
    if kind == "json_invalid":
        return f"The shot is not JSON ({message.removeprefix('Invalid JSON: ')})."
    field = "shot" + "".join(f"[{part}]" if isinstance(part, int) else f".{ascii(part)[1:-1]}" for part in first["loc"])
    if kind == "missing":
        return f"{field} is missing. Give it."
    if kind == "unexpected_keyword_argument":
        return f"{field} is an unknown setting. Correct its name, or leave it out."
    return f"{field} is {repr(first['input'])[:80]}. {message.replace('Input', 'It', 1)}."
