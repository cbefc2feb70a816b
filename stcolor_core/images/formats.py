"""Read the headers of many pictures; on a slow disk, several processes share the work.

OpenImageIO's Python bindings hold the interpreter lock while they open a file, so threads would wait for one another.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stcolor_core.errors import PlateError
from stcolor_core.images import plates
from stcolor_core.images.pictures import Header, Window

__all__ = ["HeaderSummary", "main", "read_formats"]

logger = logging.getLogger(__name__)

_PROBES = 4  # headers read first, to measure how slow the disk is
_WORTH_SECONDS = 4.0  # expected wait from which processes pay off: starting them takes one second
_MOST_WORKERS = 12


@dataclass(frozen=True)
class HeaderSummary:
    """What the header of a picture says, without its pixels.

    Attributes:
        data_window: As in `pictures.Header`.
        display_window: As in `pictures.Header`.
        file_format: As in `pictures.Header`.
        pixel_type: As in `pictures.Header`.
        layer: As in `pictures.Header`.
        layers: As in `pictures.Header`.
        is_result: Whether RefColorize wrote the picture.
        encoding: As in `pictures.Header`.
        color_tag: As in `pictures.Header`.
        orientation: As in `pictures.Header`.
    """

    data_window: Window
    display_window: Window
    file_format: str
    pixel_type: str
    layer: str
    layers: tuple[str, ...]
    is_result: bool
    encoding: str = ""
    color_tag: str = ""
    orientation: int = 1

    @classmethod
    def read(cls, path: Path, *, frame: int | None, layer: str | None, role: str = "") -> HeaderSummary:
        """Return the format of a picture file.

        Args:
            path: The picture.
            frame: Its frame number in the plate, for error messages; None if it is not a frame of the plate.
            layer: Name of the layer to read, "" for bare channels; None for the preferred layer.
            role: What it is otherwise, as in `pictures.Header`.

        Raises:
            PlateError: As `plates.read_header` does.
        """
        return cls.of(plates.read_header(path, frame=frame, role=role, layer=layer))

    @classmethod
    def of(cls, header: Header) -> HeaderSummary:
        """Return what a header says.

        Args:
            header: The header of a picture, or of a frame of a movie.
        """
        return cls(
            data_window=header.data_window,
            display_window=header.display_window,
            file_format=header.file_format,
            pixel_type=header.pixel_type,
            layer=header.layer,
            layers=header.layers,
            is_result="stcolor/settings" in header.metadata,
            encoding=header.encoding,
            color_tag=header.color_tag,
            orientation=header.orientation,
        )

    @classmethod
    def load(cls, data: dict[str, Any]) -> HeaderSummary:
        """Return the format that `dataclasses.asdict` turned into a dictionary.

        Args:
            data: The dictionary; its tuples may have become lists in JSON.
        """
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
        return cls(**values)


def read_formats(
    paths: Sequence[Path],
    *,
    numbers: Mapping[Path, int],
    layer: str | None,
    roles: Mapping[Path, str] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Return the format of every picture as a dictionary, in order.

    Args:
        paths: The pictures.
        numbers: Frame numbers of the pictures that are frames of the plate, for error messages.
        layer: Name of the layer to read, "" for bare channels; None for the preferred layer.
        roles: What other pictures are to the shot, as in `pictures.Header`, for error messages.

    Raises:
        PlateError: If a picture cannot be read; the error is that of the first one.
    """

    def read(path: Path) -> dict[str, Any]:
        return asdict(HeaderSummary.read(path, frame=numbers.get(path), role=roles.get(path, ""), layer=layer))

    formats: list[dict[str, Any]] = []
    start = time.monotonic()
    for path in paths:
        remaining = len(paths) - len(formats)
        if len(formats) >= _PROBES and (time.monotonic() - start) / len(formats) * remaining > _WORTH_SECONDS:
            break
        formats.append(read(path))
    return formats + _read_by_workers(paths[len(formats) :], layer=layer, again=read)


def _read_by_workers(
    paths: Sequence[Path], *, layer: str | None, again: Callable[[Path], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Read formats as `read_formats` does, with one process for every few files.

    A file that a process cannot read is read again here by `again`, which raises the error.
    """
    if not paths:
        return []
    count = min(_MOST_WORKERS, -(-len(paths) // _PROBES))
    with ThreadPoolExecutor(count) as threads:
        answers = threads.map(lambda start: _ask_worker(paths[start::count], layer), range(count))
        known = {path: format for answer in answers for path, format in answer.items()}
    return [known.get(path) or again(path) for path in paths]


def _ask_worker(paths: Sequence[Path], layer: str | None) -> dict[Path, dict[str, Any]]:
    """Return the formats of those files that a separate process can read."""
    command = [sys.executable, "-m", "stcolor_core.images.formats"]
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW
    request = json.dumps({"layer": layer, "paths": [str(path) for path in paths]})
    try:
        done = subprocess.run(command, input=request.encode(), capture_output=True, creationflags=flags, check=True)
        answers = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        logger.info("A process that reads headers failed, so they are read one by one: %s", error)
        return {}
    return {path: answer for path, answer in zip(paths, answers, strict=True) if answer is not None}


def main() -> None:
    """Run a worker process: read paths from stdin and write their formats to stdout, both as JSON.

    A picture that cannot be read becomes null.
    """
    request = json.load(sys.stdin)
    answers: list[dict[str, Any] | None] = []
    for path in request["paths"]:
        try:
            answers.append(asdict(HeaderSummary.read(Path(path), frame=None, layer=request["layer"])))
        except PlateError:
            answers.append(None)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
