"""Remove a node's versions and rendered inputs that nothing uses any more. Main thread only.

These are kept:
- all of a folder that belongs to another node or script;
- a version with a comment, one with frames that somebody has changed or locked, and one that was made before anybody
  noted which node made it, unless the artist says so;
- the newest version;
- a version that a RefColorize node or a Read of the open script uses;
- a version that a script in the same folder (not in those below it) names, as it is saved (other artists' scripts may
  share the results, and this one may be closed without being saved);
- a version that a job of the core is writing;
- a version that a farm has not finished;
- a version whose folder holds a file that RefColorize did not write;
- the rendered inputs of all of these, and those that somebody has put a picture beside.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import nuke

from ..core import server
from ..core.engines import ENGINES
from ..errors import RefColorizeError
from ..plurals import count_of, noun_of
from . import node_results, nodes, own_folder
from .frame_names import FrameName
from .frame_texts import frame_numbers, frames_text
from .frames_on_disk import frames_of
from .others_work import changed_frames, has_own_pictures
from .script_nodes import all_of_class
from .version import OWN_FILES, Version
from .versions import Results

__all__ = ["Removal", "clean_up", "doubtful_versions", "plan", "remove"]

_INPUTS = "inputs"
_INPUT = re.compile(r"(plate|ref|matte)_[0-9a-f]{12}")
_LIVE = ("queued", "running")
_ABANDONED_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Removal:
    """The folders that can be removed.

    Attributes:
        versions: Folders of versions, the oldest first.
        inputs: Folders of rendered inputs.
        size: Bytes of disk space that the removal frees.
    """

    versions: tuple[Path, ...]
    inputs: tuple[Path, ...]
    size: int

    def summary(self) -> str:
        """Return one line that names the versions, counts the inputs and gives the size."""
        names = ", ".join(path.name for path in self.versions)
        count = len(self.inputs)
        parts = [f"{noun_of(len(self.versions), 'version')} {names}"] if self.versions else []
        parts += [count_of(count, "rendered input")] if count else []
        return f"{' and '.join(parts)}, {_format_size(self.size)}" if parts else "nothing"


def clean_up(node: nuke.Node) -> None:
    """Ask the artist and remove the node's unused versions and inputs; without a GUI only report them.

    Args:
        node: A RefColorize node.

    Raises:
        RefColorizeError: If there is nothing to remove, or if a folder cannot be removed.
    """
    found = _find(node)
    removal, doubtful = _removal(node, found, ()), _by_doubt(found)
    if not removal.versions and not removal.inputs and not doubtful:
        raise RefColorizeError(f"{node.name()} has nothing to clean up. Everything on disk is in use.")
    if not nuke.GUI:
        kept = "".join(f" Not among them: {found.describe(those)}, {why}." for why, those in doubtful.items())
        how = "refcolorize.node.cleaning.remove(plan(node))"
        nuke.tprint(f"{node.name()}: {removal.summary()} can be removed with {how}.{kept}")
        return
    agreed = [
        version.number
        for why, versions in doubtful.items()
        if nuke.ask(f"{node.name()}: {found.describe(versions)} is not used, but {why}. Remove it too? No keeps it.")
        for version in versions
    ]
    removal = plan(node, agreed=agreed) if agreed else removal
    if not removal.versions and not removal.inputs:
        nodes.set_status(node, "Nothing was removed.")
        return
    question = (
        f"{node.name()}: remove {removal.summary()}? What jobs and the scripts in this script's folder use is kept. "
        "Scripts in other folders are not searched. This cannot be undone."
    )
    if nuke.ask(question):
        try:
            remove(removal)
        finally:
            node_results.offer_versions_on_disk(node)
        nodes.set_status(node, f"Removed: {removal.summary()}.")


def doubtful_versions(node: nuke.Node) -> dict[str, list[Version]]:
    """Return the versions that nothing uses but that only the artist can give up, by the reason.

    Args:
        node: A RefColorize node.

    Raises:
        RefColorizeError: As `plan`.
    """
    return _by_doubt(_find(node))


@dataclass(frozen=True)
class _Found:
    """The versions of a node.

    Attributes:
        unused: Those that nothing uses.
        used: The others.
        outputs: The output paths of the core's jobs.
        unowned: Numbers of versions that were made before anybody noted which node made them.
        comments: The comments of unused versions, by number.
        changed: The frames of unused versions that somebody has changed or locked, by number.
    """

    unused: list[Version]
    used: list[Version]
    outputs: list[str]
    unowned: Collection[int]
    comments: Mapping[int, str]
    changed: Mapping[int, tuple[int, ...]]

    def doubt(self, version: Version) -> str:
        """Return why only the artist can give up an unused version; "" if RefColorize can."""
        reasons = {
            "was made before RefColorize noted which node makes a version, so it may be that of another node": (
                version.number in self.unowned
            ),
            "has a comment": version.number in self.comments,
            "has frames that were changed after they were written, or are locked": version.number in self.changed,
        }
        return ", and ".join(reason for reason, is_so in reasons.items() if is_so)

    def describe(self, versions: Iterable[Version]) -> str:
        """Return versions with their comments and changed frames: v001 ("approved", frame 1003), v002."""
        return ", ".join(map(self._describe, versions))

    def _describe(self, version: Version) -> str:
        comment, changed = self.comments.get(version.number), self.changed.get(version.number)
        details = [f'"{comment}"'] if comment else []
        details += [f"{noun_of(len(changed), 'frame')} {frames_text(changed, separator=', ')}"] if changed else []
        return f"{version.name} ({', '.join(details)})" if details else version.name


def _by_doubt(found: _Found) -> dict[str, list[Version]]:
    """Return the unused versions that only the artist can give up, by the reason."""
    doubtful: dict[str, list[Version]] = {}
    for version in found.unused:
        if why := found.doubt(version):
            doubtful.setdefault(why, []).append(version)
    return doubtful


def plan(node: nuke.Node, *, agreed: Collection[int] = ()) -> Removal:
    """Find the versions and rendered inputs that nothing uses.

    Args:
        node: A RefColorize node.
        agreed: Numbers of `doubtful_versions` that the artist has given up. The others are kept.

    Returns:
        The versions and inputs that can be removed, and the bytes that this frees.

    Raises:
        RefColorizeError: If the node's results have no folder yet, or if a script cannot be read, so that it is not
            known which versions it uses.
    """
    return _removal(node, _find(node), agreed)


def _removal(node: nuke.Node, found: _Found, agreed: Collection[int]) -> Removal:
    given_up = [version for version in found.unused if version.number in agreed or not found.doubt(version)]
    kept = [*found.used, *(version for version in found.unused if version not in given_up)]
    old, results = [Path(version.path).parent for version in given_up], node_results.results(node)
    is_busy = _has_job(found.outputs, results) or own_folder.is_of_another(node)
    inputs = [] if is_busy else _unused_inputs(results.folder / _INPUTS, kept)
    return Removal(tuple(old), tuple(inputs), _freed_bytes([*old, *inputs]))


def _find(node: nuke.Node) -> _Found:
    """Return the node's versions, and what is known of those that nothing uses."""
    results = node_results.results(node)
    if not results.folder.is_absolute():
        raise RefColorizeError("The results are saved next to the script. Save it first, or give a full output folder.")
    versions = node_results.versions(node)
    outputs = _live_outputs()
    paths = [*_paths_in_script(), *outputs]
    kept = [version for version in versions if _is_kept(version, results, paths) or version == versions[-1]]
    named = list(_names_in_scripts(kept, versions, results))
    kept += [version for version in versions if version not in kept and version.name in named]
    unused = [version for version in versions if version not in kept]
    comments = {version.number: version.comment() for version in unused}
    changed = {version.number: changed_frames(version.path) for version in unused}
    return _Found(
        unused,
        kept,
        outputs,
        own_folder.unowned_versions(node),
        {number: comment for number, comment in comments.items() if comment},
        {number: frames for number, frames in changed.items() if frames},
    )


def remove(removal: Removal) -> None:
    """Delete the folders of a removal.

    Args:
        removal: The result of `plan`, made just before: the folders are not checked again.

    Raises:
        RefColorizeError: If a folder cannot be deleted. The folders before it are gone by then.
    """
    for folder in (*removal.versions, *removal.inputs):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            reason = error.strerror or error
            raise RefColorizeError(
                f"{folder} cannot be removed ({reason}). Close the programs that read it, then try again."
            ) from None


def _is_kept(version: Version, results: Results, paths: Iterable[str]) -> bool:
    name = f"{results.stem}_{version.name}."
    if any(name in path for path in paths):
        return True
    unfinished = _is_unfinished(version)
    for path in Path(version.path).parent.iterdir():
        if path.is_dir():
            if unfinished or path.name not in {engine.command for engine in ENGINES.values()}:
                return True
        elif path.name not in OWN_FILES and not _is_frame(version, path):
            return True  # the claim of a run in progress, or somebody else's file
    return False


def _is_frame(version: Version, path: Path) -> bool:
    pattern = FrameName.parse(version.path)
    return pattern is not None and pattern.has_file(path.as_posix())


def _is_unfinished(version: Version) -> bool:
    """Return whether frames that the shot of a version asks for are not there, but for those that it skips."""
    shot = version.shot()
    plate, text = shot.get("plate", {}), shot.get("output", {}).get("frames", "")
    lacking = set(frame_numbers(text)).difference(frames_of(version.path))
    if lacking and plate.get("missing") == "skip":
        on_disk = set(frames_of(str(plate.get("path", ""))))  # none if the plate is out of reach: then nobody can tell
        lacking = lacking & on_disk if on_disk else lacking
    return bool(lacking)


def _paths_in_script() -> list[str]:
    """Return the paths that the RefColorize and Read nodes of the open script read."""
    paths = [path for node in nodes.all_nodes() for path in node_results.result_paths(node)]
    paths += [str(node["file"].value()) for node in all_of_class("Read")]
    return paths


def _names_in_scripts(kept: list[Version], versions: list[Version], results: Results) -> Iterator[str]:
    """Yield the names of versions that scripts in this script's folder use, backups and autosaves included."""
    name = str(nuke.root()["name"].value())
    used = re.compile(re.escape(f"{results.stem}_".encode()) + rb"(v\d+)\.")
    for path in Path(name).parent.glob("*.nk*") if name and len(kept) < len(versions) else ():
        try:
            if path.is_file():
                with path.open("rb") as lines:  # line by line, because a script may be larger than the memory
                    yield from (found[1].decode() for line in lines for found in used.finditer(line))
        except FileNotFoundError:  # an autosave that was just removed
            continue
        except OSError as error:
            raise RefColorizeError(
                f"{path} cannot be read ({error.strerror or error}), so nobody knows which versions it uses. "
                "Make it readable, then clean up again."
            ) from None


def _live_outputs() -> list[str]:
    """Return the output paths of the core's queued and running jobs; empty if no core answers."""
    with suppress(RefColorizeError):
        client = server.find()
        return [str(job["output"]) for job in client.jobs() if job["state"] in _LIVE] if client is not None else []
    return []


def _has_job(outputs: Iterable[str], results: Results) -> bool:
    return any(Path(output).is_relative_to(results.folder) for output in outputs)


def _unused_inputs(folder: Path, kept: Iterable[Version]) -> list[Path]:
    """Return the folders of rendered inputs that no kept version was made from."""
    used = {path for version in kept for path in _folders_in_shot(version.shot())}
    folders = sorted(path for path in folder.glob("*") if path.is_dir() and _INPUT.fullmatch(path.name))
    unused = [path for path in folders if path.as_posix() not in used and not has_own_pictures(path)]
    return [*unused, *_abandoned_renders(folder)]


def _abandoned_renders(folder: Path) -> list[Path]:
    """Return the partial folders of renders that were killed: those that nothing was added to for a day."""
    recent = time.time() - _ABANDONED_SECONDS
    return sorted(path for path in folder.glob(".*.partial") if path.is_dir() and path.stat().st_mtime < recent)


def _folders_in_shot(value: object) -> Iterator[str]:
    """Yield the folder of every path in a Shot, or in a part of one."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "path":
                yield Path(str(inner)).parent.as_posix()
            else:
                yield from _folders_in_shot(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _folders_in_shot(inner)


def _freed_bytes(folders: Iterable[Path]) -> int:
    """Return the bytes that deleting these folders frees. A file with a hard link elsewhere frees nothing."""
    files: dict[tuple[int, int], list[int]] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            with suppress(OSError):
                status = path.stat()
                if path.is_file():
                    links = files.setdefault((status.st_dev, status.st_ino), [0, status.st_nlink, status.st_size])
                    links[0] += 1
    return sum(size for here, links, size in files.values() if here >= links)


def _format_size(size: int) -> str:
    return f"{size / 2**30:.1f} GB" if size >= 2**30 / 10 else f"{size / 2**20:.1f} MB"
