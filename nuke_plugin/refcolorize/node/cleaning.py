"""Removal of a node's versions and rendered inputs that nothing refers to any more. Main thread only.

These stay: the newest version; what a node of the open script shows or a Read of it reads; what a script beside this
one names (other artists' scripts share the folder); what a job is at; a version that a farm has not finished; a
version in whose folder lies a file that is not ours; and the inputs that all of these were made from.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import nuke

from ..core import server
from ..core.engines import ENGINES
from ..errors import RefColorizeError
from . import nodes
from .frame_names import FrameName
from .versions import OWN_FILES, Results, Version

__all__ = ["Removal", "clean_up", "plan", "remove"]

_INPUTS = "inputs"
_INPUT = re.compile(r"(plate|ref|matte)_[0-9a-f]{12}")
_MOST_SCRIPT_BYTES = 200 * 2**20
_LIVE = ("queued", "running")


@dataclass(frozen=True)
class Removal:
    """What can be removed. versions: their names. inputs: folders of rendered inputs. size: bytes that this frees."""

    versions: tuple[Path, ...]
    inputs: tuple[Path, ...]
    size: int

    def words(self) -> str:
        """What it is and how much, in one line."""
        names = ", ".join(path.name for path in self.versions)
        many = len(self.inputs)
        what = [f"version{'s' * (len(self.versions) != 1)} {names}"] if self.versions else []
        what += [f"{many} rendered input{'s' * (many != 1)}"] if many else []
        return f"{' and '.join(what)}, {_amount(self.size)}" if what else "nothing"


def clean_up(node: nuke.Node) -> None:
    """Count what can be removed, ask, and remove it; without a GUI it is only counted.

    Args:
        node: A RefColorize node.

    Raises:
        RefColorizeError: If there is nothing to remove, or if a folder cannot be removed.
    """
    found = plan(node)
    if not found.versions and not found.inputs:
        raise RefColorizeError(f"{node.name()} has nothing to clean up. All that is there is in use.")
    if not nuke.GUI:
        nuke.tprint(f"{node.name()}: {found.words()} can be removed, by refcolorize.node.cleaning.remove(plan(node)).")
        return
    question = f"{node.name()}: remove {found.words()}? What scripts and jobs use stays. This cannot be undone."
    if nuke.ask(question):
        remove(found)
        nodes.set_status(node, f"Removed: {found.words()}.")


def plan(node: nuke.Node) -> Removal:
    """Find what nothing refers to.

    Args:
        node: A RefColorize node.

    Returns:
        The versions and inputs that can be removed, and the bytes that this frees.

    Raises:
        RefColorizeError: If the node's results have no folder yet.
    """
    results = nodes.results(node)
    if not results.folder.is_absolute():
        raise RefColorizeError("The results lie beside the script. Save it first, or give a full output folder.")
    versions = results.versions()
    jobs = _live_outputs()
    texts = [*_texts_of_script(), *jobs]
    kept = [version for version in versions if _is_kept(version, results, texts) or version == versions[-1]]
    files = list(_texts_of_scripts_beside(kept, versions, results))
    kept += [version for version in versions if version not in kept and version.name in files]
    old = [Path(version.path).parent for version in versions if version not in kept]
    inputs = [] if _has_job(jobs, results) else _unused_inputs(results.folder / _INPUTS, kept)
    return Removal(tuple(old), tuple(inputs), _freed([*old, *inputs]))


def remove(removal: Removal) -> None:
    """Remove what was found.

    Args:
        removal: From `plan`, just now.

    Raises:
        RefColorizeError: If a folder cannot be removed; those before it are gone.
    """
    for folder in (*removal.versions, *removal.inputs):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            why = error.strerror or error
            raise RefColorizeError(
                f"{folder} cannot be removed ({why}). Close what reads it, then try again."
            ) from None


def _is_kept(version: Version, results: Results, texts: Iterable[str]) -> bool:
    named = f"{results.stem}_{version.name}."
    if any(named in text for text in texts):
        return True
    unfinished = version.frames < _asked(version)
    for path in Path(version.path).parent.iterdir():
        if path.is_dir():
            if unfinished or path.name not in {engine.command for engine in ENGINES.values()}:
                return True
        elif path.name not in OWN_FILES and not _is_frame(version, path):
            return True  # a claim of a run that is at it, or somebody else's
    return False


def _is_frame(version: Version, path: Path) -> bool:
    pattern = FrameName.parse(version.path)
    return pattern is not None and pattern.has_file(path.as_posix())


def _asked(version: Version) -> int:
    """How many frames a version is going to have."""
    text = str(version.shot().get("output", {}).get("frames", ""))
    parts = re.findall(r"(-?\d+)(?:-(-?\d+))?", text)
    return sum(int(last or first) - int(first) + 1 for first, last in parts)


def _texts_of_script() -> list[str]:
    """All that the open script's nodes read."""
    found = [str(node["result_file"].value()) for node in nodes.all_nodes()]
    found += [str(node["file"].value()) for node in nuke.allNodes("Read", nuke.root(), True)]
    return found


def _texts_of_scripts_beside(kept: list[Version], versions: list[Version], results: Results) -> Iterator[str]:
    """The names of versions that scripts on disk beside this one name; backups and autosaves count too."""
    name = str(nuke.root()["name"].value())
    old = [version for version in versions if version not in kept]
    for path in Path(name).parent.glob("*.nk*") if name and old else ():
        with suppress(OSError):
            if path.is_file() and path.stat().st_size < _MOST_SCRIPT_BYTES and path != Path(name):
                text = path.read_text(encoding="utf-8", errors="replace")
                yield from (version.name for version in old if f"{results.stem}_{version.name}." in text)


def _live_outputs() -> list[str]:
    """What the core's jobs that wait or run write; nothing where no core answers."""
    with suppress(RefColorizeError):
        client = server.find()
        return [str(job["output"]) for job in client.jobs() if job["state"] in _LIVE] if client is not None else []
    return []


def _has_job(outputs: Iterable[str], results: Results) -> bool:
    return any(Path(output).is_relative_to(results.folder) for output in outputs)


def _unused_inputs(folder: Path, kept: Iterable[Version]) -> list[Path]:
    """Folders of rendered inputs that no version that is kept was made from."""
    used = {path for version in kept for path in _paths(version.shot())}
    found = sorted(path for path in folder.glob("*") if path.is_dir() and _INPUT.fullmatch(path.name))
    return [path for path in found if path.as_posix() not in used]


def _paths(value: object) -> Iterator[str]:
    """The folders of all paths of a shot."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "path":
                yield Path(str(inner)).parent.as_posix()
            else:
                yield from _paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner)


def _freed(folders: Iterable[Path]) -> int:
    """Bytes that go with these folders; a file that is linked elsewhere too frees nothing."""
    found: dict[tuple[int, int], list[int]] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            with suppress(OSError):
                status = path.stat()
                if path.is_file():
                    links = found.setdefault((status.st_dev, status.st_ino), [0, status.st_nlink, status.st_size])
                    links[0] += 1
    return sum(size for here, links, size in found.values() if here >= links)


def _amount(size: int) -> str:
    return f"{size / 2**30:.1f} GB" if size >= 2**30 / 10 else f"{size / 2**20:.1f} MB"
