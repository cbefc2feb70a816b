"""Provide a node's inputs as image files: the files of a Read, or EXR files that Nuke renders. Main thread only.

Rendered files are stored next to the versions, in a folder named by a digest of its contents. So a queued job keeps its
pictures when the artist changes the script, equal pictures are stored once, and a farm finds them. A frame whose
picture did not change keeps its file and its time of change, so the core need not compute its results again.
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
from .helper_nodes import create_exr_write, execute, temporary_nodes
from .knob_paths import absolute_path, frame_name
from .upstream import frame_digests

__all__ = ["InputFiles", "absolute_path", "find_files", "find_read", "frame_ranges", "render_input"]

_READABLE = (".exr", ".dpx", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".cin", ".jp2", ".j2c", ".j2k")
_CONTENTS = "contents.json"  # for each file of a folder, the digests of its pixels and of its upstream nodes
_MAX_UPSTREAM = 20  # digests kept for each file, so that undoing a change needs no new render
_MISSING = {"error": "error", "nearest frame": "hold"}


@dataclass(frozen=True)
class InputFiles:
    """The image files of an input.

    Attributes:
        path: With ####, or of a single picture.
        first: The first frame.
        last: The last frame, included.
        colorspace: The name in the OpenColorIO config; None if the core's default for the type of file is right.
        missing: How the core treats a missing frame: "error", "skip" or "hold".
    """

    path: str
    first: int
    last: int
    colorspace: str | None
    missing: str = "error"


def find_files(source: nuke.Node, *, space: str = "") -> InputFiles | None:
    """Return the files of the Read that an input shows unchanged; None if Nuke must render the input.

    Args:
        source: The node that is connected to the input.
        space: The colour space of the Read's pixels; "" for the script's working space.
    """
    read = find_read(source)
    if read is None or not _is_unmodified(read):
        return None
    path = _pattern(read)
    colorspace = _file_space(read, space)
    if path is None or colorspace is None:
        return None
    return InputFiles(
        path,
        int(read["first"].value()),
        int(read["last"].value()),
        colorspace or None,
        _MISSING.get(str(read["on_error"].value()), "skip"),
    )


def find_read(source: nuke.Node) -> nuke.Node | None:
    """Return the Read that a node shows unchanged; None if it shows something else.

    Args:
        source: A node: the Read itself, or a chain of dots and disabled nodes below it.
    """
    read = _skip_disabled(source)
    return read if read is not None and read.Class() == "Read" else None


def _skip_disabled(source: nuke.Node) -> nuke.Node | None:
    """Return the first node upstream that changes the picture, or the Read."""
    node: nuke.Node | None = source
    while node is not None and node.Class() != "Read":
        disabled = "disable" in node.knobs() and node["disable"].value()
        if node.Class() not in ("Dot", "NoOp") and not disabled:
            return node
        node = node.input(0)
    return node


def _is_unmodified(read: nuke.Node) -> bool:
    """Return whether the Read shows at each frame the file of that number, with unchanged pixels."""
    shifted = str(read["frame"].value()).strip() not in ("", "frame")
    return not shifted and not read["premultiplied"].value() and not read["disable"].value()


def _file_space(read: nuke.Node, space: str) -> str | None:
    """Return the colour space of the file: "" if the core's default is right, None if it is not certain."""
    if not read["raw"].value():
        return None if space else colors.file_space(read)
    name = space or colors.working_space()
    if name is None:
        return "" if str(read["file"].value()).lower().endswith(".exr") else None
    return name


def _pattern(read: nuke.Node) -> str | None:
    """Return the path in the file knob as the core reads it: absolute, with ####.

    None if the core cannot read it. Also None if the name has no frame number and the range has several frames: Nuke
    may then choose the file by an expression, and only Nuke knows which.
    """
    name = frame_name(read, "file")
    if name is None or Path(f"{name.head}{name.tail}").suffix.lower() not in _READABLE:
        return None
    if not name.is_sequence and read["first"].value() != read["last"].value():
        return None
    return absolute_path(str(name))


def render_input(
    source: nuke.Node, frames: Sequence[int], folder: Path, *, name: str, with_metadata: bool = False
) -> str:
    """Render an input to EXR files in the script's working space.

    A frame is not rendered again if nothing upstream of it has changed (see upstream.py).

    Args:
        source: The node that is connected to the input.
        frames: In ascending order.
        folder: The folder of the node's rendered inputs; made if it is missing.
        name: How the names of folder and files begin: "plate", "ref" or "matte".
        with_metadata: Render all channels in float with their metadata, as Cryptomatte needs. Otherwise red, green and
            blue in half.

    Returns:
        The path of the files, with ####.

    Raises:
        RefColorizeError: If Nuke cannot render the input (`Cancelled` if the artist cancels), or if the folder cannot
            be written. No new files are left then.
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
            with temporary_nodes() as created, source.parent():
                created.append(create_exr_write(source, partial / file_name, with_metadata=with_metadata))
                for first, last in frame_ranges(missing):
                    execute(created[0], first, last, label=f"{source.name()} ({name})")
        for frame in missing:
            contents[names[frame]] = exr.digest(partial / names[frame]).hex()
        contents = {frame_name: contents[frame_name] for frame_name in names.values()}
        final = folder / f"{name}_{hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:12]}"
        if not all((final / frame_name).is_file() for frame_name in contents):
            _link_unchanged(partial, contents, [path for path in earlier if path != final])
            _write_contents(partial, contents, {})
            _move_into_place(partial, final)
        with suppress(OSError):  # the pictures are complete, and another Nuke may be writing the same file
            _write_contents(final, contents, upstream)
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
            with suppress(FileExistsError):  # another Nuke is using this folder, or was killed while it did
                partial.mkdir()
                return partial
    except OSError as error:
        raise _unwritable(folder, error) from None
    raise AssertionError  # `count` does not end


def _unwritable(folder: Path, error: OSError) -> RefColorizeError:
    return RefColorizeError(f"{folder} cannot be written ({error.strerror or error}). Choose another output folder.")


def frame_ranges(frames: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last frame of each range of consecutive frames.

    Nuke shows one progress bar for each call of `execute`, so each range is rendered by one call.

    Args:
        frames: In ascending order.
    """
    ranges: list[tuple[int, int]] = []
    for frame in frames:
        if ranges and frame == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], frame)
        else:
            ranges.append((frame, frame))
    return ranges


def _move_into_place(partial: Path, final: Path) -> None:
    """Rename a folder to its final name. If that folder exists, add only the files that it lacks.

    It may exist because another Nuke made it meanwhile, whose job may read it already, or because files of it were
    deleted by hand. Its digest is the same, so its files show the same pictures.
    """
    try:
        partial.replace(final)
    except OSError:
        if not final.is_dir():
            raise
        for path in partial.iterdir():
            if not (final / path.name).exists():
                path.replace(final / path.name)


def _link_unchanged(folder: Path, contents: Mapping[str, str], earlier: Iterable[Path]) -> None:
    """Replace files by hard links to earlier files with the same pixels, to keep their time of change for the core."""
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
    """The digests of a rendered file: of its pixels, and of the nodes it was rendered from, the latest last."""

    pixels: str
    upstream: tuple[str, ...] = ()


def _known_pixels(upstream: Mapping[str, str], earlier: Iterable[Path]) -> dict[str, str]:
    """Return the pixel digest of each file on disk that was rendered from the current upstream nodes, by file name."""
    return {
        name: known.pixels
        for path in earlier
        for name, known in _contents(path).items()
        if upstream.get(name) in known.upstream and (path / name).is_file()
    }


def _contents(folder: Path) -> dict[str, _Rendered]:
    """Return the digests of a folder's files by name; empty if they cannot be read."""
    try:
        data = json.loads((folder / _CONTENTS).read_text(encoding="utf-8"))
        return {name: _Rendered(picture["pixels"], tuple(picture["upstream"])) for name, picture in data.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _write_contents(folder: Path, contents: Mapping[str, str], upstream: Mapping[str, str]) -> None:
    """Store the pixel digest of each file, and add the digest of the nodes it was rendered from this time."""
    stored = _contents(folder)
    updated: dict[str, _Rendered] = {}
    for name, pixels in contents.items():
        before = stored[name].upstream if name in stored else ()
        now = (upstream[name],) if name in upstream else ()
        digests = [*(digest for digest in before if digest not in now), *now][-_MAX_UPSTREAM:]
        updated[name] = _Rendered(pixels, tuple(digests))
    if updated == stored:
        return
    atomic.write_text(folder / _CONTENTS, json.dumps({name: asdict(picture) for name, picture in updated.items()}))
