"""Find the media that an edit names: as it is written, under another folder, or by its name in a folder.

Edits are made on other machines, so a path in one is often wrong here while the file's name is right.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote, urlsplit

from stcolor_core.errors import BadRequest, StcolorError
from stcolor_core.files.given_paths import describe_denial, is_file, is_folder
from stcolor_core.images.sequences import FramePattern
from stcolor_core.movies.names import is_movie

__all__ = ["MediaFinder", "media_path"]

_NUMBERED = re.compile(r"(.*?)([0-9]+)(\.(?:exr|sxr|dpx|cin|tiff?|png|jpe?g|jp2|j2k|j2c))", re.I)
_RANGE = re.compile(r"\[([0-9]+)-[0-9]+\]")  # sh010.[1001-1048].exr, as EDLs name sequences
_WINDOWS_DRIVE = re.compile(r"/[A-Za-z]:")
_MOST_FILES = 1_000_000


class MediaFinder:
    """Finds plates by what an edit calls them.

    Args:
        folders: Folders that are searched by name, with all folders in them.
        change: Returns the path on this machine for one that is written in the edit.

    Raises:
        BadRequest: If a folder does not exist.
    """

    def __init__(self, folders: Iterable[Path] = (), *, change: Callable[[str], str] = str) -> None:
        self._folders, self._change = tuple(folders), change
        self._index: dict[str, list[str]] | None = None
        for folder in self._folders:
            if denial := describe_denial(folder):
                raise BadRequest(f"The media folder {folder} {denial}")
            if not is_folder(folder):
                raise BadRequest(f"The media folder {folder} does not exist. Correct --media.")

    def find(self, path: str, *, beside: Path, names: Iterable[str] = ()) -> str | None:
        """Return the plate that an edit names; None if it is not found.

        Args:
            path: The path in the edit, a movie or a pattern; "" if it has none.
            beside: The folder of the edit, from which a path without a root counts.
            names: What else the edit calls it: the names of the clip and of the reel.

        Raises:
            BadRequest: If several files of a media folder have this name.
        """
        if path:
            changed = self._change(path)
            for candidate in (changed, str(beside / changed)):
                if _exists(candidate):
                    return candidate
        if not self._folders:
            return None
        file = PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name
        for name in (file, *names):
            found = self._by_name().get(_key(name), []) if name else []
            if len(found) > 1:
                raise BadRequest(
                    f"The media folder has {found[0]} and {found[1]}, which the edit both calls {name}. Give a folder "
                    "with one of them to --media, or name it by --media OLD=NEW."
                )
            if found:
                return found[0]
        return None

    def _by_name(self) -> dict[str, list[str]]:
        """Return the plates of the folders by their names; they are searched once."""
        if self._index is None:
            self._index = {}
            for plate in dict.fromkeys(_plates_in(self._folders)):
                self._index.setdefault(_key(Path(plate).name), []).append(plate)
        return self._index


def media_path(url: str) -> str:
    """Return the path that the URL of a media reference stands for, as a movie or a pattern.

    Args:
        url: A file URL, with escapes, or a path. A numbered picture, or a range in brackets, stands for its sequence.
    """
    parts = urlsplit(url)
    path = url
    if parts.scheme == "file":
        path = unquote(parts.path)
        if _WINDOWS_DRIVE.match(path):
            path = path[1:]
        elif parts.netloc not in ("", "localhost"):
            path = f"//{parts.netloc}{path}"
    path = _RANGE.sub(lambda frames: "#" * len(frames[1]), path)
    head, name = path[: -len(_name(path))], _name(path)
    numbered = _NUMBERED.fullmatch(name)
    return f"{head}{numbered[1]}{'#' * len(numbered[2])}{numbered[3]}" if numbered else path


def _name(path: str) -> str:
    return re.split(r"[/\\]", path)[-1]


def _exists(path: str) -> bool:
    try:
        return is_file(path) if is_movie(path) else bool(FramePattern.parse(path).frames())
    except (StcolorError, OSError, ValueError):  # it names no file, or leads into a folder that cannot be listed
        return False


def _key(name: str) -> str:
    """Return a name without its frame field, extension and case: sh010.####.exr and SH010 are one."""
    try:
        pattern = FramePattern.parse(name)
        stem = pattern.head if pattern.is_sequence else Path(name).stem
    except BadRequest:
        stem = name
    return stem.rstrip("._-").casefold()


def _plates_in(folders: Iterable[Path]) -> Iterable[str]:
    """Yield the movies and sequences in folders; a sequence once for each of its frames."""
    seen = 0
    for top in folders:
        for folder, inner, files in os.walk(top):
            inner.sort()
            for file in sorted(files):
                seen += 1
                if seen > _MOST_FILES:
                    raise BadRequest(f"The media folder {top} has more than {_MOST_FILES} files. Give a smaller one.")
                numbered = _NUMBERED.fullmatch(file)
                if is_movie(file):
                    yield str(Path(folder) / file)
                elif numbered and not file.startswith("."):
                    yield str(Path(folder) / f"{numbered[1]}{'#' * len(numbered[2])}{numbered[3]}")
