"""Protect a shot's input files: none of them is ever overwritten, whatever the spelling of its path."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from stcolor_core.errors import BadRequest
from stcolor_core.files.given_paths import is_folder
from stcolor_core.images.frame_files import is_unmodified
from stcolor_core.images.frame_ranges import name_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.models import registry
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.plurals import form_of
from stcolor_core.remedies import advise
from stcolor_core.shots.shot import Shot

__all__ = ["refuse_results_as_references", "refuse_to_write"]

_Key = tuple[object, ...]


def refuse_to_write(paths: Iterable[Path], shot: Shot, *, remedy: str, read_from: Path | None = None) -> None:
    """Refuse to write a path that is a file of the shot, or would become a frame of a sequence that it reads.

    Links, `..`, another padding of a sequence and, on Windows and macOS, another case lead to the same file.

    Args:
        paths: The files to write, whether they exist or not.
        shot: The shot.
        remedy: What to do instead, such as "Give another --output."
        read_from: The shot file, if the shot came from one.

    Raises:
        BadRequest: If one of the paths belongs to the shot's inputs.
    """
    single: dict[_Key, str] = {}  # key of an input file -> its label
    sequences: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for kind, text in _inputs(shot, read_from):
        pattern, label = FramePattern.parse(text), f"{kind} ({text})"
        single.update(dict.fromkeys(_keys(pattern.path(0)), label))
        if pattern.is_sequence:  # a link in another folder may lead to one of its frames
            single.update({key: label for frame in pattern.frames() for key in _inode(pattern.path(frame))})
            sequences.setdefault(_folder(pattern.folder), []).append((_frame_name(pattern), label))
    for pattern in _sequences_of_frames(shot):
        sequences.setdefault(_folder(pattern.folder), []).append((_frame_name(pattern), f"keyframe {pattern.text}"))
    for path in paths:
        in_folder = sequences.get(_folder(path.parent), ())
        owner = next((single[key] for key in _keys(path) if key in single), None) or next(
            (label for name, label in in_folder if name.fullmatch(_fold_case(path.name))), None
        )
        if owner is not None:
            raise BadRequest(f"{path} cannot be written: it belongs to the {owner}. {remedy}")


def refuse_results_as_references(shot: Shot, inputs: ShotInputs) -> None:
    """Refuse a reference sequence that holds unchanged results of RefColorize, which another run must have left there.

    A result is accepted as a reference if it is given for its frame, or if somebody has painted over it.

    Args:
        shot: The shot.
        inputs: The shot's files.

    Raises:
        BadRequest: If a sequence of references holds such a result.
    """
    for reference in shot.references:
        if reference.frame is not None:
            continue
        pattern = FramePattern.parse(reference.path)
        frames = [frame for frame, picture in inputs.pictures_of_references() if picture.path == pattern.path(frame)]
        results = [frame for frame in frames if inputs.is_result(pattern.path(frame))]
        results = [frame for frame in results if is_unmodified(pattern.path(frame)) is not False]
        if results:
            fault = form_of(
                len(results), "is a result of RefColorize, not a keyframe", "are results of RefColorize, not keyframes"
            )
            raise BadRequest(
                f"{name_frames(results, 'Frame')} of the references {reference.path} {fault}. Move the results away, "
                f"or {advise('name_keyframes')}."
            )


def _frame_name(pattern: FramePattern) -> re.Pattern[str]:
    """Return an expression that matches the names of a sequence's frames with any padding."""
    head, tail = (re.escape(_fold_case(part)) for part in (pattern.head, pattern.tail))
    return re.compile(f"{head}-?[0-9]+{tail}")


def _sequences_of_frames(shot: Shot) -> Iterator[FramePattern]:
    """Yield the sequences of those keyframes and mattes that are given for one frame each."""
    pictures = [(reference.frame, reference.path) for reference in shot.references]
    pictures += [(reference.frame, reference.mask) for reference in shot.references if reference.mask is not None]
    pictures += [(matte.frame, matte.path) for matte in shot.mattes]
    for frame, text in pictures:
        path = Path(text)
        if frame is not None and (number := re.search(rf"0*{abs(frame)}(?=\.[^.]*$)", path.name)):
            head, tail = path.name[: number.start()], path.name[number.end() :]
            yield FramePattern(text, path.parent, head, tail, 1)


def _inputs(shot: Shot, read_from: Path | None) -> Iterator[tuple[str, str]]:
    """Yield a label and the path of everything that the shot reads: patterns and single files."""
    yield "plate", shot.plate.path
    for number, reference in enumerate(shot.references, 1):
        yield f"reference {number if reference.frame is None else reference.frame}", reference.path
        if reference.mask is not None:
            yield f"mask of reference {number if reference.frame is None else reference.frame}", reference.mask
    yield from ((f"still {number}", still.path) for number, still in enumerate(shot.stills, 1))
    for number, matte in enumerate(shot.mattes, 1):
        yield f"matte {number if matte.frame is None else matte.frame}", matte.path
    config = shot.ocio or os.environ.get("OCIO") or ""
    others = {
        "version to reuse": shot.output.reuse,
        # a folder is no config, which is said where one is needed
        "OpenColorIO config": None if is_folder(config) else config,
        "detector's weights": shot.method.detector_weights,
        "detector's config": shot.method.detector_config,
        "shot file": None if read_from is None else str(read_from),
    }
    yield from ((kind, path) for kind, path in others.items() if path and "://" not in path)
    yield from ((f"weights {path.stem}", str(path)) for path in registry.weight_paths())


def _keys(path: Path) -> Iterator[_Key]:
    """Yield what all spellings of a file's path share: its real folder and name and, if the file exists, its inode."""
    yield from _inode(path)
    yield (_folder(path.parent), _fold_case(path.name))


def _inode(path: Path) -> Iterator[_Key]:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return
    yield (status.st_dev, status.st_ino)


@lru_cache(maxsize=64)
def _folder(path: Path) -> str:
    return _fold_case(os.path.realpath(path))


def _fold_case(name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    return name.casefold() if sys.platform in ("win32", "darwin") else name
