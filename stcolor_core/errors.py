"""What can go wrong, in words an artist can act on.

Every message is one line that says what happened, where (file, frame) and what to do next.
"""

from __future__ import annotations

import re

__all__ = [
    "BadRequest",
    "Cancelled",
    "ColorError",
    "ModelError",
    "OutputError",
    "PlateError",
    "StcolorError",
    "one_line",
]

_LONGEST = 300
_LONG_WORD = re.compile(r"\S{61,}")


def one_line(text: str) -> str:
    """A message as it is shown: one line of printable characters, of at most 300.

    In what is too long, long paths lose their middle, which keeps the files' names; if that is not enough, the whole
    message does, which keeps the remedy at its end.
    """
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
    if len(line) > _LONGEST:
        line = _LONG_WORD.sub(lambda word: f"{word[0][:20]}...{word[0][-37:]}", line)
    if len(line) <= _LONGEST:
        return line
    half = (_LONGEST - len(" ... ")) // 2
    return f"{line[:half]} ... {line[-half:]}"


class StcolorError(Exception):
    """Anything the person who asked can cause or mend. The message is one readable line."""


class BadRequest(StcolorError):
    """The shot as asked for makes no sense: an unknown setting, a reference outside the range, a wrong aspect."""


class PlateError(StcolorError):
    """A picture on disk is missing, truncated or not usable."""


class ColorError(StcolorError):
    """A colour space or OpenColorIO config is unknown or broken."""


class ModelError(StcolorError):
    """Weights are missing, of the wrong checksum, or do not fit the network."""


class OutputError(StcolorError):
    """A frame could not be written: folder not writable, disk full."""


class Cancelled(StcolorError):
    """The person who asked stopped it. What was finished is on disk and valid."""
