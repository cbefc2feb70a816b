"""Read text and attributes from picture files, which may be damaged or may hold text that is not UTF-8.

For such text OpenImageIO's Python bindings raise UnicodeDecodeError, even while they report another error, or return
surrogates, which raise when they are printed or written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Attribute", "channel_names", "decode_text", "error_text", "one_line", "read_attributes", "set_attribute"]

logger = logging.getLogger(__name__)

_MOST_VALUES = 4096  # in an array attribute: nothing that describes a shot has more
_LONGEST = 300  # characters of a library's message: OpenEXR names every damaged attribute
_WITH_UNKNOWN = ("R", "G", "B", "channel3")  # as OpenImageIO names a channel without a meaning
# Raised by the bindings for a value that does not fit its type.
_VALUE_ERRORS = (TypeError, ValueError, OverflowError, RuntimeError)


@dataclass(frozen=True)
class Attribute:
    """One attribute of a picture's header.

    Attributes:
        name: Its name.
        type: Its OpenImageIO type.
        value: Its value as a number, a text or a tuple of these.
    """

    name: str
    type: Any
    value: Any


def decode_text(get: Callable[..., str], *args: Any) -> str:
    """Return text from OpenImageIO, with bytes that are not UTF-8 replaced by U+FFFD.

    Args:
        get: A function of OpenImageIO's bindings that returns text.
        *args: Its arguments.
    """
    try:
        return get(*args).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "replace")


def error_text(source: Any) -> str:
    """Return the pending error of OpenImageIO as one line, and clear it.

    Args:
        source: The OpenImageIO module, or one of its files.
    """
    return one_line(decode_text(source.geterror))


def one_line(message: str) -> str:
    """Return a library's message as one printable line without its full stop, shortened if it is very long.

    Args:
        message: The message.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in message).split()).rstrip(".")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def channel_names(spec: Any) -> tuple[str, ...]:
    """Return the names of a picture's channels, made unique and printable.

    The first channel after R, G and B that a file gives no meaning is its alpha: many programs write it so in TIFF, and
    a selection that was saved with a picture says where the picture counts.

    Args:
        spec: OpenImageIO's specification of the picture.
    """
    names: dict[str, None] = {}
    for index in range(spec.nchannels):
        name = decode_text(spec.channel_name, index)
        clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
        names[clean if clean and clean not in names else f"{clean}#{index}"] = None
    found = tuple(names)
    if found[:4] == _WITH_UNKNOWN and spec.alpha_channel < 0:
        return (*found[:3], "A", *found[4:])
    return found


def read_attributes(spec: Any, *, label: str) -> Iterator[Attribute]:
    """Yield the readable attributes of a picture's header; the others are logged.

    Args:
        spec: OpenImageIO's specification of the picture.
        label: Names the picture in the log.
    """
    for item in spec.extra_attribs:
        try:
            attribute = Attribute(_to_plain(item.name), item.type, _to_plain(item.value))
        except _VALUE_ERRORS as error:
            logger.info("%s: skipped an attribute that cannot be read (%s).", label, one_line(str(error)))
            continue
        if attribute.value is not None:
            yield attribute


def _to_plain(value: Any) -> Any:
    """Return a value without numpy types, for comparison. Raises ValueError for invalid text and for long arrays."""
    if isinstance(value, np.ndarray):
        if value.size > _MOST_VALUES:
            raise ValueError(f"{value.size} values")
        return tuple(value.ravel().tolist())
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, str):
            part.encode()
    return value


def set_attribute(spec: Any, attribute: Attribute) -> bool:
    """Copy an attribute into another picture's header.

    Args:
        spec: OpenImageIO's specification of that picture.
        attribute: The attribute.

    Returns:
        Whether the header has the attribute now.
    """
    try:
        spec.attribute(attribute.name, attribute.type, attribute.value)
        return spec.getattribute(attribute.name) is not None  # some values are silently ignored
    except _VALUE_ERRORS:
        return False
