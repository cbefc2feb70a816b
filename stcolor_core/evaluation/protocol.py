"""Which frames of a data set are coloured, and which of them are references (docs/method.md, Measuring).

The protocols of Akimoto et al. 2020 are here. Those that need a list of sequences are data files beside this module
(`protocols/NAME.json`), and so may be a user's own: see `read_protocol`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from stcolor_core.errors import BadRequest, one_line

__all__ = ["PROTOCOLS", "Protocol", "find_protocol", "protocol_names", "read_protocol"]

_FOLDER = Path(__file__).with_name("protocols")


@dataclass(frozen=True)
class Protocol:
    """Which frames of a clip are coloured and which of them are references.

    Attributes:
        name: Name on the command line and in the tables.
        references: Frame indices from 0; a negative one counts from the end, as in Python.
        frames: How many frames of each clip are used; None for all.
        sequences: Names of the data set's sequences that are measured; None for all.
        least_frames: The fewest frames that a clip must have, 0 for any.
        source: Where the protocol comes from.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    name: str
    references: tuple[int, ...]
    frames: int | None = 30
    sequences: tuple[str, ...] | None = None
    least_frames: int = 0
    source: str = "Akimoto et al. 2020, arXiv 2011.12528"

    def frame_count(self, available: int) -> int:
        """Return how many frames of a clip are used.

        Args:
            available: Number of frames of the clip.
        """
        return min(available, self.frames or available)

    def reference_indices(self, count: int) -> tuple[int, ...]:
        """Return the reference indices, from 0, of a clip of `count` frames, ascending.

        Args:
            count: Number of frames of the clip that are used.
        """
        return tuple(sorted({index % count for index in self.references}))


_SINGLE = {"first": (0,), "tenth": (9,), "last": (-1,), "last-tenth": (-10,)}
_DOUBLE = {"first+last": (0, -1), "tenth+last-tenth": (9, -10)}
PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        *(Protocol(name, references) for name, references in _SINGLE.items()),
        *(Protocol(f"{name}-whole", references, None) for name, references in _SINGLE.items()),
        *(Protocol(name, references, None) for name, references in _DOUBLE.items()),
    )
}
"""The protocols of Akimoto et al. 2020, by name."""


def protocol_names() -> tuple[str, ...]:
    """Return the names of all protocols that come with this package."""
    return (*PROTOCOLS, *sorted(path.stem for path in _FOLDER.glob("*.json")))


def find_protocol(name: str) -> Protocol:
    """Return the protocol of a name, or of a data file.

    Args:
        name: One of `protocol_names`, or the path of a file that ends in .json.

    Raises:
        BadRequest: If there is no such protocol, or the file does not hold one.
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    if name in protocol_names():
        return read_protocol(_FOLDER / f"{name}.json")
    if name.lower().endswith(".json"):
        return read_protocol(Path(name))
    raise BadRequest(
        f"There is no protocol {name!r}. Use one of {', '.join(protocol_names())}, or the path of a .json file."
    )


def read_protocol(path: Path) -> Protocol:
    """Return the protocol in a data file, which is named after the file.

    The file is a JSON object with `references` (frame indices from 0, negative from the end) and, if they differ from
    "all": `frames`, `sequences`, `least_frames`, and `source`.

    Args:
        path: The file.

    Raises:
        BadRequest: If the file cannot be read or does not hold a protocol.
    """
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadRequest(f"The protocol {path} cannot be read ({error}). Give a JSON file.") from None
    if not isinstance(values, dict):
        raise BadRequest(f"The protocol {path} is not a JSON object. See docs/evaluation.md for one.")
    given = {"frames": None, "source": str(path), **values, "name": path.stem}
    try:
        protocol = TypeAdapter(Protocol).validate_json(json.dumps(given))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise BadRequest(one_line(f"The protocol {path} is wrong at {place}: {first['msg']}. Correct it.")) from None
    if not protocol.references:
        raise BadRequest(f"The protocol {path} has no references. Give at least one frame index.")
    if protocol.frames is not None and protocol.frames < 1:
        raise BadRequest(f"The protocol {path} uses {protocol.frames} frames. Give at least 1, or null for all.")
    return protocol
