"""What to call a job in a list, if its client has not named it."""

from __future__ import annotations

import re

__all__ = ["name_of_job"]


def name_of_job(output: str, plate: str) -> str:
    """Return the names of the output and of the plate, without frame number and extension.

    Every output of a node is called RefColorize1_v001 or the like; the plate says of which shot it is. If the plate's
    name has no number, as in plate.####.exr, its folder says so.

    Args:
        output: Path pattern of the result.
        plate: Path pattern of the plate.
    """
    name, shot = (_stem(path) for path in (output, plate))
    folders = re.split(r"[/\\]", plate)[:-1]
    if shot and not re.search(r"\d", shot) and folders and folders[-1]:
        shot = f"{folders[-1]}/{shot}"
    return name if not shot or shot.lower() in name.lower() else f"{name} · {shot}"


def _stem(path: str) -> str:
    file = re.split(r"[/\\]", path)[-1]
    stem = re.sub(r"\.[A-Za-z0-9]{2,4}$", "", file)
    return re.sub(r"[._-]?(#+|%0?\d*d)$", "", stem) or file
