"""Describe a shot as validated data that can be written as JSON and read back unchanged.

This module reads no pixels and imports no torch, so a farm submitter or a service can read a shot in milliseconds.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from stcolor_core.errors import BadRequest, require
from stcolor_core.shots.output import Output
from stcolor_core.shots.own_folder import from_folder_of
from stcolor_core.shots.pictures import Matte, Plate, Reference, Still, Swatch
from stcolor_core.shots.settings import Method

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

__all__ = ["Shot", "list_paths", "map_paths"]


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
            require(
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
        """Read a shot file. Its relative paths are made paths for the current folder (`own_folder`).

        Args:
            path: The file.

        Returns:
            The shot.

        Raises:
            BadRequest: If the file cannot be read or is not a shot. The message names the file.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:  # ValueError: no text, or the path cannot name a file
            reason = getattr(error, "strerror", None) or error
            raise BadRequest(f"The shot file {path} cannot be read ({reason}). Check the path.") from None
        try:
            shot = cls.from_json(text)
        except BadRequest as error:
            raise BadRequest(f"{path}: {error}") from None
        coloured = [*(each.path for each in shot.references), *(each.path for each in shot.stills)]
        return map_paths(shot, from_folder_of(path, [shot.plate.path, *coloured]))


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
