"""Read Cryptomatte: which pixels each id covers, and the id's name (Cryptomatte specification 1.2)."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Pixels, Vector

__all__ = ["MANIFEST_BYTES", "Coverage", "CryptomatteLayer", "coverage", "find_layer", "read_manifest"]

logger = logging.getLogger(__name__)

MANIFEST_BYTES = 64 << 20


@dataclass(frozen=True)
class CryptomatteLayer:
    """One Cryptomatte of a picture.

    Attributes:
        prefix: Start of the layer's metadata keys.
        ranks: Indices of the (id, coverage) channel pairs, one pair for each rank.
    """

    prefix: str
    ranks: tuple[tuple[int, int], ...]


class Coverage(NamedTuple):
    """The pixels that each instance covers. A pixel occurs once for every instance in it.

    Attributes:
        names: Names of the K instances.
        place: Pixel index into the flattened picture, shape (N,).
        label: Index of the instance, shape (N,), 0..K-1.
        amount: Coverage of the pixel by the instance, shape (N,), float32, greater than 0.
    """

    names: Sequence[str]
    place: NDArray[np.int64]
    label: NDArray[np.int64]
    amount: Vector


def find_layer(metadata: Mapping[str, Any], channels: Sequence[str]) -> CryptomatteLayer | None:
    """Return the Cryptomatte to use: one of objects if there is one, else the first by name.

    Layers whose channels are missing do not count.

    Args:
        metadata: The picture's metadata by key.
        channels: Names of the picture's channels.

    Returns:
        The layer, or None if the picture has no Cryptomatte.
    """
    keys = [key for key in metadata if re.fullmatch(r"(exr/)?cryptomatte/[^/]+/name", key)]
    for key in sorted(keys, key=lambda key: ("object" not in str(metadata[key]).lower(), str(metadata[key]), key)):
        ranks = _ranks(channels, str(metadata[key]))
        if ranks:
            return CryptomatteLayer(key.removesuffix("name"), ranks)
    return None


def _ranks(channels: Sequence[str], name: str) -> tuple[tuple[int, int], ...]:
    # Nuke replaces characters that it does not allow in a layer's name by _
    """Return the indices of a layer's (id, coverage) channels, by rank."""
    names = "|".join(re.escape(text) for text in (name, re.sub(r"[^A-Za-z0-9_-]", "_", name)))
    pattern = re.compile(rf"(?:{names})(\d+)\.(r|red|g|green|b|blue|a|alpha)", re.IGNORECASE)
    index = {(int(m[1]), m[2][0].lower()): i for i, channel in enumerate(channels) if (m := pattern.fullmatch(channel))}
    levels = sorted({level for level, _ in index})
    pairs = [((level, first), (level, second)) for level in levels for first, second in ("rg", "ba")]
    return tuple((index[first], index[second]) for first, second in pairs if first in index and second in index)


def coverage(pixels: Pixels, layer: CryptomatteLayer, names: Mapping[int, str]) -> Coverage:
    """Return the coverage of every id in a picture, over all ranks.

    Args:
        pixels: All channels of the picture, shape (H, W, C), float32.
        layer: The Cryptomatte to read.
        names: Id bits -> name. An id without a name is called by its eight hexadecimal digits.
    """
    parts = []
    for id_channel, coverage_channel in layer.ranks:
        bits = np.ascontiguousarray(pixels[..., id_channel]).ravel().view(np.uint32)
        amount = pixels[..., coverage_channel].ravel()
        place = np.flatnonzero((amount > 0) & (bits != 0))
        parts.append((place, bits[place], amount[place]))
    place, bits, amount = (np.concatenate(column) for column in zip(*parts, strict=True))
    # Ids come in long runs: it is five times faster to sort the runs than to sort the pixels.
    starts = np.append(0, np.flatnonzero(bits[1:] != bits[:-1]) + 1)[: len(bits)]
    ids, run_label = np.unique(bits[starts], return_inverse=True)
    label = np.repeat(run_label, np.diff(starts, append=len(bits)))
    return Coverage([names.get(identity, f"{identity:08x}") for identity in ids.tolist()], place, label, amount)


def read_manifest(metadata: Mapping[str, Any], layer: CryptomatteLayer, path: Path) -> dict[int, str]:
    """Read the names of a Cryptomatte's ids, from the picture's metadata or from a sidecar file beside the picture.

    A missing or broken manifest is logged and gives no names, since the ids can be used without them.

    Args:
        metadata: The picture's metadata by key.
        layer: The Cryptomatte.
        path: The picture. A sidecar file named in the metadata must lie in its folder.

    Returns:
        Id bits -> name.
    """
    try:
        sidecar = str(metadata.get(f"{layer.prefix}manif_file", ""))
        text = _sidecar(path, sidecar) if sidecar else str(metadata.get(f"{layer.prefix}manifest", "{}"))
        return {int(code, 16): name for name, code in json.loads(text).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        logger.warning("The Cryptomatte manifest of %s cannot be used (%s); its ids have no names.", path, error)
        return {}


def _sidecar(path: Path, name: str) -> str:
    """Read the text of a sidecar manifest.

    Its name comes from the picture, so a path that leaves the picture's folder is refused.
    """
    folder = path.parent.resolve()
    file = folder.joinpath(*PurePosixPath(name).parts).resolve()
    if "\\" in name or not file.is_relative_to(folder):
        raise ValueError(f"{name!r} leaves the picture's folder")
    if not file.is_file():  # reading a device might never end
        raise ValueError(f"{name!r} is not a file")
    if file.stat().st_size > MANIFEST_BYTES:
        raise ValueError(f"{name!r} is larger than {MANIFEST_BYTES >> 20} MiB")
    return file.read_text(encoding="utf-8")
