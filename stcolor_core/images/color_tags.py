"""What a picture file itself says of its colour space: its ICC profile, the cICP of a PNG, or the header of an EXR.

A tag is a text, which headers carry and digests hold: "icc", "cicp", "id" or "chromaticities", and its value.
`tagged_spaces` and `pipeline.input_spaces` make a colour space of it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from stcolor_core.images.picture_text import decode_text

__all__ = ["read_profile", "read_tag"]

_LONGEST_PROFILE = 2**22  # bytes; those of printers have a megabyte
_LONGEST_NAME = 60
_DIGITS = 16  # of the profile's hash
_REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)  # x and y of R, G, B and white
_UNSPECIFIED = 2
_SAYS_NOTHING = ("", "data", "unknown")


def read_tag(spec: Any, file_format: str) -> str:
    """Return what a file says of its colour space; "" if that is nothing.

    Args:
        spec: OpenImageIO's specification of the picture.
        file_format: As in `pictures.Header`.

    Returns:
        "icc HASH NAME"; of a PNG "cicp PRIMARIES TRANSFER" by the numbers of ITU-T H.273; or of an EXR
        "id COLOR_INTEROP_ID" or "chromaticities x y x y x y x y" (of R, G, B, white), or "chromaticities Rec.709".
    """
    if file_format == "openexr":
        return _read_exr_tag(spec)
    if file_format == "png" and (numbers := _read_cicp(spec)) is not None:  # comes before a profile: PNG, third edition
        return f"cicp {numbers[0]} {numbers[1]}"
    profile = read_profile(spec)
    if profile is None:
        return ""
    name = " ".join(decode_text(spec.get_string_attribute, "ICCProfile:profile_description").split())
    clean = "".join(character for character in name if character.isprintable())[:_LONGEST_NAME]
    return f"icc {hashlib.sha256(profile).hexdigest()[:_DIGITS]} {clean or 'unnamed'}"


def read_profile(spec: Any) -> bytes | None:
    """Return the ICC profile of a picture; None if it has none, or one that is longer than 4 MiB.

    Args:
        spec: OpenImageIO's specification of the picture.
    """
    found = spec.getattribute("ICCProfile")
    if not isinstance(found, np.ndarray) or not 0 < found.nbytes <= _LONGEST_PROFILE:
        return None
    return found.tobytes()


def _read_cicp(spec: Any) -> tuple[int, int] | None:
    """Return primaries and transfer of a PNG's cICP chunk, if it has both."""
    found = spec.getattribute("CICP")
    if not isinstance(found, tuple | np.ndarray) or len(found) != 4:
        return None
    primaries, transfer = int(found[0]), int(found[1])
    return None if _UNSPECIFIED in (primaries, transfer) else (primaries, transfer)


def _read_exr_tag(spec: Any) -> str:
    """Return the tag of an EXR. Its ID says more than its primaries."""
    identity = decode_text(spec.get_string_attribute, "colorInteropID").strip()
    if identity not in _SAYS_NOTHING:
        return f"id {identity}" if identity.isascii() and identity.isprintable() else ""
    found = spec.getattribute("chromaticities")
    if not isinstance(found, tuple | np.ndarray) or len(found) != len(_REC709) or not np.isfinite(found).all():
        return ""
    if np.allclose(found, _REC709, atol=1e-3):
        return "chromaticities Rec.709"
    return "chromaticities " + " ".join(f"{value:.6g}" for value in found)
