"""No file that a shot reads is ever written, however its path is spelt."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from stcolor_core.errors import BadRequest
from stcolor_core.images.frame_files import is_as_written
from stcolor_core.images.sequences import FramePattern
from stcolor_core.models import registry
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.shots.shot import Shot, name_frames

__all__ = ["refuse_results_as_references", "refuse_to_write"]

Key = tuple[object, ...]


def refuse_to_write(paths: Iterable[Path], shot: Shot, *, remedy: str, read_from: Path | None = None) -> None:
    """Raise BadRequest if one of the paths is, or would from then on count as, a file that the shot reads.

    Links, `..`, upper and lower case where they are the same, and another padding of a sequence are seen through.

    Args:
        paths: What is about to be written, whether it exists or not.
        remedy: What to do instead, like "Give another --output."
        read_from: The shot file, if the shot came from one.
    """
    single: dict[Key, str] = {}  # what is read, in words
    sequences: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for what, text in _named(shot, read_from):
        pattern, words = FramePattern.parse(text), f"{what} ({text})"
        single.update(dict.fromkeys(_keys(pattern.path(0)), words))
        if pattern.is_sequence:  # a link in another folder may lead to one of its frames
            single.update({key: words for frame in pattern.frames() for key in _inode(pattern.path(frame))})
            sequences.setdefault(_folder(pattern.folder), []).append((_any_frame(pattern), words))
    for pattern in _sequences_of_frames(shot):
        sequences.setdefault(_folder(pattern.folder), []).append((_any_frame(pattern), f"keyframe {pattern.text}"))
    for path in paths:
        within = sequences.get(_folder(path.parent), ())
        found = next((single[key] for key in _keys(path) if key in single), None) or next(
            (words for name, words in within if name.fullmatch(_folded(path.name))), None
        )
        if found is not None:
            raise BadRequest(f"{path} cannot be written: it belongs to the {found}. {remedy}")


def refuse_results_as_references(shot: Shot, inputs: ShotInputs) -> None:
    """Raise BadRequest if a sequence of references holds frames that RefColorize has written and nobody has painted.

    They came there as the output of another run. One that is named by its frame, or painted over, is meant.
    """
    for reference in shot.references:
        if reference.frame is not None:
            continue
        pattern = FramePattern.parse(reference.path)
        own = [frame for frame, (path, _) in inputs.references.items() if path == pattern.path(frame)]
        results = [frame for frame in own if inputs.is_result(pattern.path(frame))]
        results = [frame for frame in results if is_as_written(pattern.path(frame)) is not False]
        if results:
            raise BadRequest(
                f"Frame {name_frames(results)} of the references {reference.path} is a result of RefColorize and no "
                "keyframe. Move the results away, or name each keyframe: --reference FRAME=PATH."
            )


def _any_frame(pattern: FramePattern) -> re.Pattern[str]:
    """Matches the names of a sequence's frames, whatever their padding."""
    head, tail = (re.escape(_folded(part)) for part in (pattern.head, pattern.tail))
    return re.compile(f"{head}-?[0-9]+{tail}")


def _sequences_of_frames(shot: Shot) -> Iterator[FramePattern]:
    """The sequences that the pictures belong to which are named by their frame: keyframes and mattes."""
    named = [(each.frame, each.path) for each in shot.references]
    named += [(each.frame, each.path) for each in shot.mattes]
    for frame, text in named:
        path = Path(text)
        if frame is not None and (found := re.search(rf"0*{abs(frame)}(?=\.[^.]*$)", path.name)):
            head, tail = path.name[: found.start()], path.name[found.end() :]
            yield FramePattern(text, path.parent, head, tail, 1)


def _named(shot: Shot, read_from: Path | None) -> Iterator[tuple[str, str]]:
    """What is read, in words, and where it is: patterns and single files."""
    yield "plate", shot.plate.path
    for number, reference in enumerate(shot.references, 1):
        yield f"reference {number if reference.frame is None else reference.frame}", reference.path
    yield from ((f"still {number}", still.path) for number, still in enumerate(shot.stills, 1))
    for number, matte in enumerate(shot.mattes, 1):
        yield f"matte {number if matte.frame is None else matte.frame}", matte.path
    others = {
        "version to reuse": shot.output.reuse,
        "OpenColorIO config": shot.ocio or os.environ.get("OCIO"),
        "detector's weights": shot.method.detector_weights,
        "detector's config": shot.method.detector_config,
        "shot file": None if read_from is None else str(read_from),
    }
    yield from ((what, path) for what, path in others.items() if path and "://" not in path)
    yield from ((f"weights {path.stem}", str(path)) for path in registry.weight_paths())


def _keys(path: Path) -> Iterator[Key]:
    """What two spellings of one file have in common: its place and name; and, if it exists, what the disk knows."""
    yield from _inode(path)
    yield (_folder(path.parent), _folded(path.name))


def _inode(path: Path) -> Iterator[Key]:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return
    yield (status.st_dev, status.st_ino)


@lru_cache(maxsize=64)
def _folder(path: Path) -> str:
    return _folded(os.path.realpath(path))


def _folded(name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    return name.casefold() if sys.platform in ("win32", "darwin") else name
