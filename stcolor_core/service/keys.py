"""One more keyframe for a job that has ended: its picture, beside the references that the job has, and its version."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from stcolor_core.errors import BadRequest
from stcolor_core.files.given_paths import is_file
from stcolor_core.images.sequences import FramePattern
from stcolor_core.shots.pictures import Reference
from stcolor_core.shots.shot import Shot

__all__ = ["add_key", "find_new_keys", "next_version"]

_VERSION = re.compile(r"(?<![A-Za-z0-9])v(\d+)(?![0-9])")


def find_new_keys(shot: Shot, frames: Iterable[int], keyframes: Iterable[int]) -> dict[int, Path]:
    """Return pictures that lie beside the references, have their names, and are no keyframes yet.

    Args:
        shot: The shot.
        frames: The plate's frames.
        keyframes: Frames that are keyframes already.

    Returns:
        Frame -> its picture, in ascending order.
    """
    wanted = set(frames) - set(keyframes)
    found: dict[int, Path] = {}
    for pattern, _ in _patterns(shot):
        found.update({frame: pattern.path(frame) for frame in pattern.frames() if frame in wanted})
    return dict(sorted(found.items()))


def add_key(shot: Shot, frame: int) -> Shot:
    """Return the next version of a shot, with one more keyframe. Frames that it does not reach are reused.

    Args:
        shot: The shot.
        frame: The frame of the new keyframe.

    Raises:
        BadRequest: If its picture is not there; the message says where to save it.
    """
    patterns = _patterns(shot)
    if not patterns:
        raise BadRequest("The job has no reference whose name has a frame number. Submit it again with the new key.")
    found = [(pattern.path(frame), reference) for pattern, reference in patterns if is_file(pattern.path(frame))]
    if not found:
        raise BadRequest(
            f"There is no picture of frame {frame} beside the job's references. Save it as "
            f"{patterns[0][0].path(frame)}, then try again."
        )
    picture, reference = found[0]
    references = shot.references
    if reference.frame is not None:
        # a mask belongs to the frame that it was painted for
        references = (*references, replace(reference, path=str(picture), frame=frame, mask=None))
    output = replace(shot.output, path=next_version(shot.output.path), reuse=shot.output.path)
    return replace(shot, references=references, output=output)


def next_version(output: str) -> str:
    """Return an output path with the next version of which no frame is there.

    Args:
        output: Path pattern of the result, such as out/sh010_v001.####.exr; without a version it is the first.
    """
    above, folder, name = re.fullmatch(r"(.*?)([^/\\]*[/\\])?([^/\\]+)", output).groups("")  # type: ignore[union-attr]
    numbers = _VERSION.findall(name) or _VERSION.findall(folder)
    if not numbers:
        stem, frame = re.fullmatch(r"(.*?)((?:[._-]?(?:#+|%0?\d*d))?\.\w+)", name).groups()  # type: ignore[union-attr]
        name, numbers = f"{stem}_v001{frame}", ["001"]
    current = str(numbers[-1])
    number = int(current)
    while True:
        number += 1
        new = f"v{number:0{len(current)}d}"
        path = above + re.sub(rf"(?<![A-Za-z0-9])v{current}(?![0-9])", new, folder + name)
        if not FramePattern.parse(path).frames():
            return path


def _patterns(shot: Shot) -> list[tuple[FramePattern, Reference]]:
    """Return the pattern of each reference's file name, with the number of its frame as a row of #."""
    found: dict[str, tuple[FramePattern, Reference]] = {}
    for reference in shot.references:
        text = reference.path
        if reference.frame is not None:
            path = Path(text)
            number = re.search(rf"(?<!\d)0*{reference.frame}(?!\d)(?=\D*$)", path.name)
            if number is None:
                continue
            hashes = "#" * len(number[0])
            text = str(path.with_name(path.name[: number.start()] + hashes + path.name[number.end() :]))
        found.setdefault(text, (FramePattern.parse(text), reference))
    return list(found.values())
