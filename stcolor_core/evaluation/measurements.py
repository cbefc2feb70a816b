"""Keep measurements on disk, so that an evaluation that was stopped goes on where it was.

A measurement is kept with a fingerprint of everything that it depends on: code, weights, libraries, frames and
settings. It is used again only if its fingerprint is the same.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import stcolor_core
from stcolor_core.errors import OutputError
from stcolor_core.evaluation.metrics import Reliability
from stcolor_core.evaluation.scoring import Measurement, Score
from stcolor_core.files.atomic import atomic_path
from stcolor_core.models.weight_files import installed, recorded_checksum

__all__ = [
    "CODE",
    "Store",
    "fingerprint",
    "from_plain",
    "number_from_plain",
    "plain_number",
    "to_plain",
    "write_bytes",
    "write_text",
]

CODE = ("arrays.py", "evaluation", "files", "images", "method", "models", "movies", "shots")
"""The parts of this package that a measurement depends on."""

_FEATURES = 2048  # of Inception
_LIBRARIES = ("av", "numpy", "opencv-python-headless", "openimageio", "scikit-image", "torch", "torchvision")


class Store:
    """A folder of measurements, one JSON file for each protocol, variant and sequence."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: tuple[str, ...], fingerprint: str) -> Measurement | None:
        """Return a kept measurement, or None if there is none with that fingerprint.

        Args:
            key: Protocol, variant and sequence.
            fingerprint: What the measurement depends on, see `fingerprint`.
        """
        try:
            kept = json.loads(self._path(key).read_text(encoding="utf-8"))
            return from_plain(kept["measurement"]) if kept["fingerprint"] == fingerprint else None
        except (OSError, ValueError, LookupError, TypeError):
            return None  # as good as none: it is measured again

    def save(self, key: tuple[str, ...], fingerprint: str, measurement: Measurement) -> None:
        """Keep a measurement.

        Args:
            key: Protocol, variant and sequence.
            fingerprint: What the measurement depends on, see `fingerprint`.
            measurement: What was measured.

        Raises:
            OutputError: If the file cannot be written.
        """
        kept = {"key": key, "fingerprint": fingerprint, "measurement": to_plain(measurement)}
        write_text(self._path(key), json.dumps(kept))

    def _path(self, key: tuple[str, ...]) -> Path:
        readable = "-".join(re.sub(r"[^\w+-]", "_", part)[:40] for part in key)
        return self._folder / f"{readable}-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:8]}.json"


def fingerprint(*, settings: object, files: Iterable[Path]) -> str:
    """Return a digest of what a measurement depends on: this package, its weights, libraries, settings and files.

    Args:
        settings: Everything that was chosen, as JSON can hold it.
        files: The pictures. Their paths, sizes and times count, not what is in them.
    """
    states = [(str(path), state.st_size, state.st_mtime_ns) for path in files for state in [path.stat()]]
    added = {name: recorded_checksum(name) for name in installed()}
    parts = [_code_digest(), _library_versions(), added, settings, states]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def to_plain(measurement: Measurement) -> dict[str, Any]:
    """Return a measurement as JSON can hold it.

    Args:
        measurement: What was measured.
    """
    reliability, features = measurement.reliability, measurement.features
    return {
        "score": {name: plain_number(value) for name, value in asdict(measurement.score).items()},
        "curve": measurement.curve.tolist(),
        "reliability": [getattr(reliability, name).tolist() for name in ("count", "confidence", "correct")],
        "frames": measurement.frames,
        "features": None if features is None else base64.b64encode(features.astype("<f4").tobytes()).decode("ascii"),
    }


def from_plain(plain: dict[str, Any]) -> Measurement:
    """Return the measurement that `to_plain` wrote.

    Args:
        plain: The result of `to_plain`.

    Raises:
        LookupError: If something is missing.
    """
    score = Score(**{field.name: number_from_plain(plain["score"][field.name]) for field in fields(Score)})
    reliability = Reliability()
    reliability.count, reliability.confidence, reliability.correct = (
        np.asarray(values, np.float64) for values in plain["reliability"]
    )
    coded = plain["features"]
    features = None if coded is None else np.frombuffer(base64.b64decode(coded), "<f4").reshape(2, -1, _FEATURES)
    return Measurement(score, np.asarray(plain["curve"], np.float64), reliability, int(plain["frames"]), features)


def plain_number(value: float) -> float | str | None:
    """Return a number as JSON can hold it: None for NaN, and "inf" or "-inf".

    Args:
        value: The number.
    """
    if np.isnan(value):
        return None
    return float(value) if np.isfinite(value) else str(float(value))


def number_from_plain(value: float | str | None) -> float:
    """Return the number that `plain_number` wrote.

    Args:
        value: The result of `plain_number`.
    """
    return float("nan") if value is None else float(value)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8 atomically, and its folder first.

    Args:
        path: The file.
        text: What it holds.

    Raises:
        OutputError: If it cannot be written.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically, and its folder first.

    Args:
        path: The file.
        data: What it holds.

    Raises:
        OutputError: If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}). Free space there, or give another --output."
        ) from None


@cache
def _code_digest() -> str:
    package = Path(stcolor_core.__file__).parent
    files = [path for name in CODE for path in (package / name, *sorted((package / name).rglob("*"))) if path.is_file()]
    digest = hashlib.sha256()
    for path in (
        *(path for path in files if path.suffix in (".py", ".json")),
        *sorted((package / "weights").glob("*.safetensors")),
    ):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@cache
def _library_versions() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "none"
    return versions
