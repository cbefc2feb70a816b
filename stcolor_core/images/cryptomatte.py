"""Cryptomatte read back: which pixels each id covers, and what it is called (specification 1.2)."""

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

__all__ = ["MANIFEST_BYTES", "Coverage", "CryptomatteLayer", "coverage", "find_layer", "read_manifest"]

logger = logging.getLogger(__name__)

MANIFEST_BYTES = 64 << 20


@dataclass(frozen=True)
class CryptomatteLayer:
    """One Cryptomatte of a picture. prefix: of its metadata keys. ranks: indices of its (id, coverage) channels."""

    prefix: str
    ranks: tuple[tuple[int, int], ...]


class Coverage(NamedTuple):
    """Instances by the pixels they cover, each pixel as often as it has instances.

    names: K. place: (N,) index into the flat picture. label: (N,) 0..K-1. amount: (N,) float32, above 0.
    """

    names: Sequence[str]
    place: NDArray[np.int64]
    label: NDArray[np.int64]
    amount: NDArray[np.float32]


def find_layer(metadata: Mapping[str, Any], channels: Sequence[str]) -> CryptomatteLayer | None:
    """The Cryptomatte to use of those whose channels are there: one of objects, else the first by name, else None."""
    keys = [key for key in metadata if re.fullmatch(r"(exr/)?cryptomatte/[^/]+/name", key)]
    for key in sorted(keys, key=lambda key: ("object" not in str(metadata[key]).lower(), str(metadata[key]), key)):
        ranks = _ranks(channels, str(metadata[key]))
        if ranks:
            return CryptomatteLayer(key.removesuffix("name"), ranks)
    return None


def _ranks(channels: Sequence[str], name: str) -> tuple[tuple[int, int], ...]:
    # Nuke turns what it does not allow in a layer's name into _
    names = "|".join(re.escape(text) for text in (name, re.sub(r"[^A-Za-z0-9_-]", "_", name)))
    pattern = re.compile(rf"(?:{names})(\d+)\.(r|red|g|green|b|blue|a|alpha)", re.IGNORECASE)
    found = {(int(m[1]), m[2][0].lower()): i for i, channel in enumerate(channels) if (m := pattern.fullmatch(channel))}
    levels = sorted({level for level, _ in found})
    pairs = [((level, one), (level, other)) for level in levels for one, other in ("rg", "ba")]
    return tuple((found[one], found[other]) for one, other in pairs if one in found and other in found)


def coverage(pixels: NDArray[np.float32], layer: CryptomatteLayer, names: Mapping[int, str]) -> Coverage:
    """What each id covers, over all ranks: (H, W, C) pixels; names by id bits, the eight hex digits for the others."""
    parts = []
    for id_channel, coverage_channel in layer.ranks:
        bits = np.ascontiguousarray(pixels[..., id_channel]).ravel().view(np.uint32)
        amount = pixels[..., coverage_channel].ravel()
        place = np.flatnonzero((amount > 0) & (bits != 0))
        parts.append((place, bits[place], amount[place]))
    place, bits, amount = (np.concatenate(column) for column in zip(*parts, strict=True))
    # ids come in long runs: sorting those is five times faster than sorting pixels
    starts = np.append(0, np.flatnonzero(bits[1:] != bits[:-1]) + 1)[: len(bits)]
    ids, of_run = np.unique(bits[starts], return_inverse=True)
    label = np.repeat(of_run, np.diff(starts, append=len(bits)))
    return Coverage([names.get(identity, f"{identity:08x}") for identity in ids.tolist()], place, label, amount)


def read_manifest(metadata: Mapping[str, Any], layer: CryptomatteLayer, path: Path) -> dict[int, str]:
    """Id bits -> name, from the metadata of the picture at path or from the sidecar that it names beside it.

    A manifest that is missing or broken is logged and gives no names: the ids are good without.
    """
    try:
        sidecar = str(metadata.get(f"{layer.prefix}manif_file", ""))
        text = _sidecar(path, sidecar) if sidecar else str(metadata.get(f"{layer.prefix}manifest", "{}"))
        return {int(code, 16): name for name, code in json.loads(text).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        logger.warning("The Cryptomatte manifest of %s is not usable (%s); its ids go unnamed.", path, error)
        return {}


def _sidecar(path: Path, name: str) -> str:
    """The text of a manifest file. Its name comes out of the picture, so it must stay in the picture's folder."""
    folder = path.parent.resolve()
    file = folder.joinpath(*PurePosixPath(name).parts).resolve()
    if "\\" in name or not file.is_relative_to(folder):
        raise ValueError(f"{name!r} leads out of its folder")
    if not file.is_file():  # a device would be read for ever
        raise ValueError(f"{name!r} is no file")
    if file.stat().st_size > MANIFEST_BYTES:
        raise ValueError(f"{name!r} is larger than {MANIFEST_BYTES >> 20} MiB")
    return file.read_text(encoding="utf-8")
