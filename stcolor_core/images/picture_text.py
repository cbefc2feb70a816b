"""Text and attributes out of picture files, which may hold anything: damaged ones, and old ones that are no UTF-8.

For text that is no UTF-8 OpenImageIO's Python bindings raise UnicodeDecodeError, in error messages too, or put
surrogates, which raise where they are printed or written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Attribute", "attributes", "channel_names", "error_text", "one_line", "set_attribute", "text"]

logger = logging.getLogger(__name__)

_MOST_VALUES = 4096  # of an array: nothing that describes a shot has more
_LONGEST = 300  # of a library's message: OpenEXR names every attribute that is damaged
# What the bindings raise for a value that does not fit its type.
_UNFIT = (TypeError, ValueError, OverflowError, RuntimeError)


@dataclass(frozen=True)
class Attribute:
    """One entry of a header: its name, its OpenImageIO type, and its plain value."""

    name: str
    type: Any
    value: Any


def text(get: Callable[..., str], *args: Any) -> str:
    """The text that `get` gets from OpenImageIO; what is no UTF-8 in it is replaced by U+FFFD."""
    try:
        return get(*args).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "replace")


def error_text(source: Any) -> str:
    """The error that OpenImageIO, or one of its files, holds, as one line; it holds none afterwards."""
    return one_line(text(source.geterror))


def one_line(message: str) -> str:
    """A library's message as one printable line without its full stop, cut where it is very long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in message).split()).rstrip(".")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def channel_names(spec: Any) -> tuple[str, ...]:
    """The names of a picture's channels, each another, and each printable."""
    names: dict[str, None] = {}
    for index in range(spec.nchannels):
        name = text(spec.channel_name, index)
        clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
        names[clean if clean and clean not in names else f"{clean}#{index}"] = None
    return tuple(names)


def attributes(spec: Any, *, where: str) -> Iterator[Attribute]:
    """What can be read of a picture's header; the rest is left out, and logged.

    where: names the picture in the log.
    """
    for item in spec.extra_attribs:
        try:
            attribute = Attribute(_plain(item.name), item.type, _plain(item.value))
        except _UNFIT as error:
            logger.info("%s: left out an attribute that cannot be read (%s).", where, one_line(str(error)))
            continue
        if attribute.value is not None:
            yield attribute


def _plain(value: Any) -> Any:
    """The value without numpy, so that two can be compared. Raises ValueError for what is no text, or very long."""
    if isinstance(value, np.ndarray):
        if value.size > _MOST_VALUES:
            raise ValueError(f"{value.size} values")
        return tuple(value.ravel().tolist())
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, str):
            part.encode()
    return value


def set_attribute(spec: Any, attribute: Attribute) -> bool:
    """Copy an attribute into another picture's header. Returns whether it is there now."""
    try:
        spec.attribute(attribute.name, attribute.type, attribute.value)
        return spec.getattribute(attribute.name) is not None  # some values are passed over in silence
    except _UNFIT:
        return False
