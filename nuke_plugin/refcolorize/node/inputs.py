"""The pictures that the core gets: a Read's own files, or what Nuke renders of an input. Main thread only.

What is rendered lies beside the versions in a folder that is named by its content: a job that waits keeps its pictures
whatever the artist changes meanwhile, the same pictures are there once, and a farm finds them. A frame that shows what
it has shown before is the same file, so that the core need not compute what comes of it again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

import nuke

from ..errors import RefColorizeError
from . import atomic, colors, exr
from .helper_nodes import execute, exr_write, temporary_nodes
from .knob_paths import absolute, frame_name
from .upstream import frame_digests

__all__ = ["Files", "absolute", "own_files", "plain_read", "rendered", "runs"]

_READABLE = (".exr", ".dpx", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".cin", ".jp2", ".j2c", ".j2k")
_CONTENTS = "contents.json"  # what each file of a folder shows, and of what it was rendered, as digests
_MOST_UPSTREAM = 20  # kept of each file, so that a change that is taken back renders nothing either
_MISSING = {"error": "error", "nearest frame": "hold"}


@dataclass(frozen=True)
class Files:
    """Pictures on disk. path: with ####, or of a single picture. first, last: its range.

    colorspace: for the core, None where it takes the right one by itself. missing: what a frame that is not there means
    to the core: error, skip or hold.
    """

    path: str
    first: int
    last: int
    colorspace: str | None
    missing: str = "error"


def own_files(source: nuke.Node, *, space: str = "") -> Files | None:
    """The files of a plain Read with nothing between it and the node; None where Nuke must render the input.

    space: of the pixels that the Read gives, where that is not the script's working space.
    """
    read = plain_read(source)
    if read is None or not _is_plain(read):
        return None
    path = _pattern(read)
    of_file = _space(read, space)
    if path is None or of_file is None:
        return None
    return Files(
        path,
        int(read["first"].value()),
        int(read["last"].value()),
        of_file or None,
        _MISSING.get(str(read["on_error"].value()), "skip"),
    )


def plain_read(source: nuke.Node) -> nuke.Node | None:
    """The Read that a source shows with nothing between; None where it shows something else."""
    read = _past_what_does_nothing(source)
    return read if read is not None and read.Class() == "Read" else None


def _past_what_does_nothing(source: nuke.Node) -> nuke.Node | None:
    at: nuke.Node | None = source
    while at is not None and at.Class() != "Read":
        disabled = "disable" in at.knobs() and at["disable"].value()
        if at.Class() not in ("Dot", "NoOp") and not disabled:
            return at
        at = at.input(0)
    return at


def _is_plain(read: nuke.Node) -> bool:
    """Whether each frame shows the file of that number, with its own pixels."""
    shifted = str(read["frame"].value()).strip() not in ("", "frame")
    return not shifted and not read["premultiplied"].value() and not read["disable"].value()


def _space(read: nuke.Node, space: str) -> str | None:
    """The space of the file: "" where the core takes the right one by itself, None where it is not certain."""
    if not read["raw"].value():
        return None if space else colors.file_space(read)
    named = space or colors.working_space()
    if named is None:
        return "" if str(read["file"].value()).lower().endswith(".exr") else None
    return named


def _pattern(read: nuke.Node) -> str | None:
    """The file knob as the core reads it: in full, with ####; None where it cannot, or where several frames have one.

    What names no frame is the same picture throughout, or Nuke chooses it by an expression: Nuke then shows which.
    """
    name = frame_name(read, "file")
    if name is None or Path(f"{name.head}{name.tail}").suffix.lower() not in _READABLE:
        return None
    if not name.is_sequence and read["first"].value() != read["last"].value():
        return None
    return absolute(str(name))


def rendered(source: nuke.Node, frames: Sequence[int], folder: Path, *, name: str, with_metadata: bool = False) -> str:
    """Render an input to EXR in the script's working space; the pattern of what is there then.

    frames: in order. folder: of the node's inputs. name: how folder and files begin. with_metadata: all channels in
    float with their metadata, as Cryptomatte needs, and not red, green and blue in half.
    A frame is not rendered again while nothing upstream of it has changed (see upstream.py).
    Raises Cancelled where the artist stops it, and RefColorizeError where it cannot be done; nothing is left then.
    """
    file_name = f"{name}.####.exr"
    names = {frame: file_name.replace("####", f"{frame:04d}") for frame in frames}
    digests = frame_digests(source, frames) or {}
    upstream = {names[frame]: f"{digest} {with_metadata}" for frame, digest in digests.items()}
    earlier = list(folder.glob(f"{name}_*"))
    contents = _known_pixels(upstream, earlier)
    missing = [frame for frame in frames if names[frame] not in contents]
    partial = _new_folder(folder, name)
    try:
        if missing:
            with temporary_nodes() as made, source.parent():
                made.append(exr_write(source, partial / file_name, with_metadata=with_metadata))
                for first, last in runs(missing):
                    execute(made[0], first, last, what=f"{source.name()} ({name})")
        for frame in missing:
            contents[names[frame]] = exr.digest(partial / names[frame]).hex()
        contents = {frame_name: contents[frame_name] for frame_name in names.values()}
        final = folder / f"{name}_{hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:12]}"
        if not all((final / frame_name).is_file() for frame_name in contents):
            _take_over(partial, contents, [path for path in earlier if path != final])
            _note(partial, contents, {})
            _put(partial, final)
        with suppress(OSError):  # the pictures are there, and another Nuke may be at the note
            _note(final, contents, upstream)
    except OSError as error:
        raise _unwritable(folder, error) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return (final / file_name).as_posix()


def _new_folder(folder: Path, name: str) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in count():
            partial = folder / f".{name}.{number}.partial"
            with suppress(FileExistsError):  # another Nuke is at it, or was killed there
                partial.mkdir()
                return partial
    except OSError as error:
        raise _unwritable(folder, error) from None
    raise AssertionError  # `count` does not end


def _unwritable(folder: Path, error: OSError) -> RefColorizeError:
    return RefColorizeError(f"{folder} cannot be written ({error.strerror or error}). Choose another output folder.")


def runs(frames: Sequence[int]) -> list[tuple[int, int]]:
    """Frames as first and last of what follows one another, so that Nuke shows one progress bar for each."""
    runs: list[tuple[int, int]] = []
    for frame in frames:
        if runs and frame == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], frame)
        else:
            runs.append((frame, frame))
    return runs


def _put(partial: Path, final: Path) -> None:
    """Give a folder its final name. Where there is one already it shows the same: it keeps its files, and gets others.

    Another Nuke has made it meanwhile, whose job may read it by now; or files were deleted by hand.
    """
    try:
        partial.replace(final)
    except OSError:
        if not final.is_dir():
            raise
        for path in partial.iterdir():
            if not (final / path.name).exists():
                path.replace(final / path.name)


def _take_over(folder: Path, contents: Mapping[str, str], earlier: Iterable[Path]) -> None:
    """In place of files that show what an earlier one does, have that very file: its time tells the core so."""
    for path in earlier:
        known = _contents(path)
        for name in contents.keys() & known.keys():
            if known[name].pixels == contents[name] and (path / name).is_file():
                (folder / name).unlink(missing_ok=True)
                try:
                    os.link(path / name, folder / name)
                except OSError:  # a disk without links
                    shutil.copy2(path / name, folder / name)


@dataclass(frozen=True)
class _Rendered:
    """What is known of a file. pixels: their digest. upstream: of what it has been rendered, the latest last."""

    pixels: str
    upstream: tuple[str, ...] = ()


def _known_pixels(upstream: Mapping[str, str], earlier: Iterable[Path]) -> dict[str, str]:
    """The digests of the files that are there and were rendered of what is upstream now, by name."""
    return {
        name: known.pixels
        for path in earlier
        for name, known in _contents(path).items()
        if upstream.get(name) in known.upstream and (path / name).is_file()
    }


def _contents(folder: Path) -> dict[str, _Rendered]:
    """What is known of a folder's files; nothing where that cannot be read."""
    try:
        data = json.loads((folder / _CONTENTS).read_text(encoding="utf-8"))
        return {name: _Rendered(picture["pixels"], tuple(picture["upstream"])) for name, picture in data.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _note(folder: Path, contents: Mapping[str, str], upstream: Mapping[str, str]) -> None:
    """Keep what each file shows, and of what it was rendered this time."""
    known = _contents(folder)
    noted: dict[str, _Rendered] = {}
    for name, pixels in contents.items():
        before = known[name].upstream if name in known else ()
        now = (upstream[name],) if name in upstream else ()
        kept = [*(digest for digest in before if digest not in now), *now][-_MOST_UPSTREAM:]
        noted[name] = _Rendered(pixels, tuple(kept))
    if noted == known:
        return
    atomic.write_text(folder / _CONTENTS, json.dumps({name: asdict(picture) for name, picture in noted.items()}))
