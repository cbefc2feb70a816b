"""Render a node's inputs to EXR files, and keep them for the next job.

The files are stored next to the versions, in a folder named by a digest of its contents. So a queued job keeps its
pictures when the artist changes the script, equal pictures are stored once, and a farm finds them. A frame whose
picture did not change keeps its file and its time of change, so the core need not compute its results again.

An input is rendered in three steps: `plan_input` finds the frames that are missing on disk; this Nuke
(`InputRender.render`) or a second one (jobs/second_nuke.py) renders them into a partial folder; `InputRender.finish`
gives the folder its final name. A folder has that name only if it is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import nuke

from ..errors import RefColorizeError
from . import atomic, exr
from .frame_texts import frame_ranges
from .helper_nodes import create_exr_write, execute, temporary_nodes
from .others_work import CONTENTS_FILE
from .upstream import frame_digests

__all__ = ["InputChanges", "InputRender", "plan_input", "render_input", "render_planned"]

_MAX_UPSTREAM = 20  # digests kept for each file, so that undoing a change needs no new render


@dataclass(frozen=True)
class InputChanges:
    """How an input differs from the files that were rendered from it before.

    Attributes:
        changed: The frames whose picture has changed, in ascending order.
        added: The frames that were not rendered before.
        gone: The frames that were rendered and are no longer asked for.
    """

    changed: tuple[int, ...]
    added: tuple[int, ...]
    gone: tuple[int, ...]


@dataclass(frozen=True)
class InputRender:
    """An input that is rendered to files.

    Attributes:
        source: The node that is connected to the input.
        frames: The frames of the input, in ascending order.
        missing: Those that must be rendered, because no file on disk shows the same picture.
        folder: The folder of the node's rendered inputs.
        name: How the names of folder and files begin: "plate", "ref" or "matte".
        channels: The channels to write: "rgb", "rgba" or "all".
        view: The view to render; None for the current one.
    """

    source: nuke.Node
    frames: tuple[int, ...]
    missing: tuple[int, ...]
    folder: Path
    name: str
    channels: str
    view: str | None
    _upstream: Mapping[str, str]
    _known: Mapping[str, str]

    @property
    def label(self) -> str:
        """Return the input's name in messages, for example "Grade1 (ref)"."""
        return f"{self.source.name()} ({self.name})"

    @property
    def signature(self) -> tuple[object, ...]:
        """Return what two renders of the same pictures have in common."""
        return (self.source.fullName(), self.missing, self.channels, self.view, tuple(sorted(self._upstream.items())))

    def changes_since(self, path: str) -> InputChanges | None:
        """Compare the input with files that were rendered from it before, by digests: no picture is read or rendered.

        Args:
            path: The path of the earlier files, with ####. If the folder is no longer there, as on another machine, the
                one of that name is taken that lies where the node renders its inputs now.

        Returns:
            The differences; None if these files were not rendered from an input, or are gone.
        """
        stored = _contents(Path(path).parent) or _contents(self.folder / Path(path).parent.name)
        if not stored:
            return None
        names = {frame: _frame_file(self.name, frame) for frame in self.frames}
        before = {int(name.split(".")[1]) for name in stored}

        def is_same(name: str) -> bool:
            if name not in self._upstream:  # its nodes cannot be digested, so nobody knows before it is rendered
                return True
            return self._upstream[name] in stored[name].upstream or self._known.get(name) == stored[name].pixels

        return InputChanges(
            tuple(frame for frame, name in names.items() if name in stored and not is_same(name)),
            tuple(frame for frame in self.frames if frame not in before),
            tuple(sorted(before.difference(self.frames))),
        )

    def new_folder(self) -> Path:
        """Make the partial folder that the missing frames are rendered into.

        Returns:
            The folder, which no other render uses.

        Raises:
            RefColorizeError: If the folder cannot be written.
        """
        return _new_folder(self.folder, self.name)

    def file(self, folder: Path, frame: int) -> Path:
        """Return the path of a frame in a folder.

        Args:
            folder: The partial folder, or the final one.
            frame: The frame.
        """
        return folder / _frame_file(self.name, frame)

    def render(self, partial: Path) -> None:
        """Render the missing frames in this Nuke, which shows a progress bar meanwhile. Main thread only.

        Args:
            partial: From `new_folder`.

        Raises:
            RefColorizeError: If Nuke cannot render the input (`Cancelled` if the artist cancels, `Busy` if Nuke is
                rendering something else).
        """
        with temporary_nodes() as created, self.source.parent():
            created.append(
                create_exr_write(self.source, partial / _pattern(self.name), channels=self.channels, view=self.view)
            )
            for first, last in frame_ranges(self.missing):
                execute(created[0], first, last, label=self.label, view=self.view)

    def finish(self, partial: Path) -> str:
        """Give the rendered files their final place, together with those that are on disk already. Any thread.

        Args:
            partial: The partial folder with all missing frames. It is gone afterwards.

        Returns:
            The path of the files, with ####.

        Raises:
            RefColorizeError: If a frame was not rendered, or if the folder cannot be written. No new files are left
                then.
        """
        contents = dict(self._known)
        try:
            for frame in self.missing:
                file = self.file(partial, frame)
                if not file.is_file():
                    raise RefColorizeError(
                        f"{self.label} was not rendered at frame {frame}. View that frame in Nuke, then try again."
                    )
                contents[file.name] = exr.digest(file).hex()
            contents = {name: contents[name] for name in (_frame_file(self.name, frame) for frame in self.frames)}
            final = self.folder / f"{self.name}_{hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:12]}"
            if not all((final / name).is_file() for name in contents):
                earlier = [path for path in self.folder.glob(f"{self.name}_*") if path != final]
                _link_unchanged(partial, contents, earlier)
                self._require_all(contents, partial, final)
                _write_contents(partial, contents, {})
                _move_into_place(partial, final)
            with suppress(OSError):  # the pictures are complete, and another Nuke may be writing the same file
                _write_contents(final, contents, self._upstream)
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return (final / _pattern(self.name)).as_posix()

    def _require_all(self, names: Iterable[str], *folders: Path) -> None:
        """Check that no file that was there when the render was planned has been removed meanwhile."""
        gone = next((name for name in names if not any((folder / name).is_file() for folder in folders)), None)
        if gone is not None:
            raise RefColorizeError(f"{self.label}: {gone} was removed from {self.folder} meanwhile. Try again.")


def plan_input(
    source: nuke.Node,
    frames: Sequence[int],
    folder: Path,
    *,
    name: str,
    channels: str = "rgb",
    view: str | None = None,
) -> InputRender:
    """Find out which frames of an input must be rendered. Main thread only.

    A frame is not rendered again if nothing upstream of it has changed (see upstream.py).

    Args:
        source: The node that is connected to the input.
        frames: In ascending order.
        folder: The folder of the node's rendered inputs. It need not exist.
        name: How the names of folder and files begin: "plate", "ref" or "matte".
        channels: "rgb" or "rgba" in half; or "all" in float with all metadata, as Cryptomatte needs.
        view: The view to render; None for the current one.

    Returns:
        The render, which may have nothing to do.
    """
    names = {frame: _frame_file(name, frame) for frame in frames}
    digests = frame_digests(source, frames, view=view) or {}
    upstream = {names[frame]: f"{digest} {channels}" for frame, digest in digests.items()}
    known = _known_pixels(upstream, folder.glob(f"{name}_*"))
    missing = tuple(frame for frame in frames if names[frame] not in known)
    return InputRender(source, tuple(frames), missing, folder, name, channels, view, upstream, known)


def render_input(source: nuke.Node, frames: Sequence[int], folder: Path, *, name: str, channels: str = "rgb") -> str:
    """Render an input to EXR files in the script's working space, in this Nuke. Main thread only.

    Args:
        source: The node that is connected to the input.
        frames: In ascending order.
        folder: The folder of the node's rendered inputs; made if it is missing.
        name: How the names of folder and files begin: "plate", "ref" or "matte".
        channels: As for `plan_input`.

    Returns:
        The path of the files, with ####.

    Raises:
        RefColorizeError: If Nuke cannot render the input (`Cancelled` if the artist cancels), or if the folder cannot
            be written. No new files are left then.
    """
    return render_planned(plan_input(source, frames, folder, name=name, channels=channels))


def render_planned(planned: InputRender) -> str:
    """Render the missing frames of an input in this Nuke, and return the path of all. Main thread only.

    Args:
        planned: From `plan_input`.

    Returns:
        The path of the files, with ####.

    Raises:
        RefColorizeError: As `render_input`.
    """
    partial = planned.new_folder()
    try:
        if planned.missing:
            planned.render(partial)
        return planned.finish(partial)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _pattern(name: str) -> str:
    return f"{name}.####.exr"


def _frame_file(name: str, frame: int) -> str:
    return f"{name}.{frame:04d}.exr"


def _new_folder(folder: Path, name: str) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # no other Nuke ever takes this name: it could do so once the folder is in place, and have it removed then
        partial = folder / f".{name}.{secrets.token_hex(8)}.partial"
        partial.mkdir()  # `tempfile` makes folders that nobody else may read
    except OSError as error:
        raise _unwritable(folder, error) from None
    return partial


def _unwritable(folder: Path, error: OSError) -> RefColorizeError:
    return RefColorizeError(f"{folder} cannot be written ({error.strerror or error}). Choose another output folder.")


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
        data = json.loads((folder / CONTENTS_FILE).read_text(encoding="utf-8"))
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
    atomic.write_text(folder / CONTENTS_FILE, json.dumps({name: asdict(picture) for name, picture in updated.items()}))
