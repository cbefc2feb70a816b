"""The errors that the package raises.

Every message is one line that an artist can act on: what happened, in which file and frame, and what to do next.
"""

from __future__ import annotations

import re

from stcolor_core.remedies import word

__all__ = [
    "BadRequest",
    "Cancelled",
    "ColorError",
    "DeviceMemoryError",
    "ModelError",
    "OutputError",
    "OutputInUse",
    "PlateError",
    "ScratchLimit",
    "StaleFrames",
    "StcolorError",
    "UnknownSpace",
    "one_line",
    "require",
]

_MAX_LENGTH = 300
_LONGEST = 400  # of a line with short paths: no part of it can be done without
_LONG_WORD = re.compile(r"(?<!\S)(?!\S*://)\S{61,}")
_FOLDERS = re.compile(r"(?<!\S)(?!\S*://)([(\"']*)[^\s()\"'/\\]*[/\\]\S*[/\\](?=\w)")


def one_line(text: str) -> str:
    """Return a message as it is shown: one line of printable characters, its remedies in words.

    If the message has more than 300 characters, long paths lose their middle and keep the file name at their end; if
    that is not enough, all paths lose their folders. Addresses stay whole. A message of more than 400 characters even
    so loses its own middle and keeps the remedy at its end.

    Args:
        text: The message.
    """
    line = " ".join(word(text).split())
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
    if len(line) > _MAX_LENGTH:
        line = _LONG_WORD.sub(lambda word: f"{word[0][:20]}...{word[0][-37:]}", line)
    if len(line) > _MAX_LENGTH:
        line = _FOLDERS.sub(r"\1.../", line)
    if len(line) <= _LONGEST:
        return line
    half = (_LONGEST - len(" ... ")) // 2
    return f"{line[:half]} ... {line[-half:]}"


class StcolorError(Exception):
    """The base class: an error that the user can cause or fix. The message is one readable line."""

    def __str__(self) -> str:
        """Return the message with its remedies in the words of this process's front end."""
        return word(self.marked)

    @property
    def marked(self) -> str:
        """Return the message with its remedies by name, for a program that words them for somebody else."""
        return super().__str__()


class BadRequest(StcolorError):
    """The request cannot be carried out: an unknown setting, a reference outside the range, a wrong aspect."""


class PlateError(StcolorError):
    """A picture on disk is missing, truncated or unusable."""


class ColorError(StcolorError):
    """A colour space or OpenColorIO config is unknown or broken."""


class UnknownSpace(ColorError, BadRequest):
    """The request names a colour space or view that the config does not have, or none where one is needed."""


class DeviceMemoryError(StcolorError):
    """The memory of the GPU is full."""


class ModelError(StcolorError):
    """Weights are missing, have the wrong checksum, or do not fit the network."""


class OutputError(StcolorError):
    """A file could not be written: the folder is not writable, or the disk is full."""


class OutputInUse(OutputError):
    """Another run is writing a different version of these frames."""


class StaleFrames(OutputError):
    """Frames that are there would come out different, and may not be written again."""


class ScratchLimit(OutputError):
    """A span needs more scratch space than a run may take; shorter ones may fit."""


class Cancelled(StcolorError):
    """The user stopped the run. The finished frames are on disk and valid."""


def require(condition: bool, message: str) -> None:
    """Raise an error unless a setting is as it must be.

    Args:
        condition: Whether it is.
        message: What is wrong and what to do, in one line.

    Raises:
        BadRequest: If the condition is false.
    """
    if not condition:
        raise BadRequest(message)
