"""What pictures say of themselves in their headers; those of many pictures on a slow disk are read by processes.

OpenImageIO's Python bindings let no other thread run while they open a file: threads would wait for one another.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stcolor_core.errors import PlateError
from stcolor_core.images import plates
from stcolor_core.images.plates import Window

__all__ = ["Format", "main", "read_formats"]

logger = logging.getLogger(__name__)

_PROBES = 4  # headers that tell how slow the disk is
_WORTH_SECONDS = 4.0  # of waiting, from which processes are started: that takes one second
_MOST_WORKERS = 12


@dataclass(frozen=True)
class Format:
    """What a picture file says of itself without its pixels.

    data_window, display_window, file_format, pixel_type, layer, layers: as in `plates.Header`.
    is_result: RefColorize has written it.
    """

    data_window: Window
    display_window: Window
    file_format: str
    pixel_type: str
    layer: str
    layers: tuple[str, ...]
    is_result: bool

    @classmethod
    def read(cls, path: Path, *, frame: int | None, layer: str | None) -> Format:
        """Return what the header says. Raises PlateError as `plates.read_header` does."""
        header = plates.read_header(path, frame=frame, layer=layer)
        return cls(
            data_window=header.data_window,
            display_window=header.display_window,
            file_format=header.file_format,
            pixel_type=header.pixel_type,
            layer=header.layer,
            layers=header.layers,
            is_result="stcolor/settings" in header.metadata,
        )

    @classmethod
    def load(cls, data: dict[str, Any]) -> Format:
        """Return what `dataclasses.asdict` made, after a way through JSON."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
        return cls(**values)


def read_formats(paths: Sequence[Path], *, numbers: Mapping[Path, int], layer: str | None) -> list[dict[str, Any]]:
    """Return the format of every picture as a dictionary, in order.

    Args:
        numbers: The plate frame of each file that is one, for messages.
        layer: Of the plate.

    Raises:
        PlateError: For the first picture that cannot be read.
    """
    found: list[dict[str, Any]] = []
    begun = time.monotonic()
    for path in paths:
        rest = len(paths) - len(found)
        if len(found) >= _PROBES and (time.monotonic() - begun) / len(found) * rest > _WORTH_SECONDS:
            break
        found.append(asdict(Format.read(path, frame=numbers.get(path), layer=layer)))
    return found + _read_by_workers(paths[len(found) :], numbers=numbers, layer=layer)


def _read_by_workers(paths: Sequence[Path], *, numbers: Mapping[Path, int], layer: str | None) -> list[dict[str, Any]]:
    """As `read_formats`, with a process for every few files. What a process cannot read is read here, and says why."""
    if not paths:
        return []
    count = min(_MOST_WORKERS, -(-len(paths) // _PROBES))
    with ThreadPoolExecutor(count) as threads:
        shares = threads.map(lambda start: _ask_worker(paths[start::count], layer), range(count))
        known = {path: format for found in shares for path, format in found.items()}
    return [known.get(path) or asdict(Format.read(path, frame=numbers.get(path), layer=layer)) for path in paths]


def _ask_worker(paths: Sequence[Path], layer: str | None) -> dict[Path, dict[str, Any]]:
    """The formats of those of the files that a process of its own can read."""
    command = [sys.executable, "-m", "stcolor_core.images.formats"]
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW
    asked = json.dumps({"layer": layer, "paths": [str(path) for path in paths]})
    try:
        done = subprocess.run(command, input=asked.encode(), capture_output=True, creationflags=flags, check=True)
        answers = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        logger.info("Headers are read one by one: %s", error)
        return {}
    return {path: answer for path, answer in zip(paths, answers, strict=True) if answer is not None}


def main() -> None:
    """Be such a process: paths come in, formats go out, null for a picture that cannot be read; all of it JSON."""
    asked = json.load(sys.stdin)
    answers: list[dict[str, Any] | None] = []
    for path in asked["paths"]:
        try:
            answers.append(asdict(Format.read(Path(path), frame=None, layer=asked["layer"])))
        except PlateError:
            answers.append(None)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
