"""Which node of which script owns a folder of results. Does not import nuke.

Several scripts may share an output folder, and a node may be cut, replaced by a new one and pasted back. Each folder
belongs to the node that wrote into it first, as the file owner.json in it says. No other node lists, shows or removes
what is in there. The script is noted by its path from the folder, so that a show may be moved or mounted elsewhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .json_files import object_text, read_object, write_object
from .script_version import without_version

__all__ = ["Owner", "describe", "is_of_another", "is_used", "take", "unowned_versions"]

_FILE = "owner.json"
_VERSION = re.compile(r"v(\d{3,})")


@dataclass(frozen=True)
class Owner:
    """A node of a script.

    Attributes:
        node: The node's unique id; "" for a node of an earlier plug-in.
        script: The path of the script without version and extension, so that its versions are one; "" if it has none.
    """

    node: str
    script: str

    @classmethod
    def of(cls, node: str, script: str) -> Owner:
        """Return the owner for a node and its script.

        Args:
            node: The node's unique id; "" for a node of an earlier plug-in.
            script: The path of the script; "" if it has none.
        """
        path = Path(script)
        return cls(node, path.with_name(_name_of(path)).as_posix() if path.stem else "")


def is_of_another(folder: Path, owner: Owner) -> bool:
    """Return whether another node, or the same one in another script, owns a folder.

    A node whose script has been moved or renamed keeps its folder: there is no script of the noted name any more.

    Args:
        folder: The folder of a node's results.
        owner: The node.
    """
    noted = read_object(folder / _FILE)
    if not noted:
        return False
    if noted.get("node", "") != owner.node:
        return True
    script = str(noted.get("script", ""))
    return script != _script_from(folder, owner) and _is_on_disk(folder, script)


def is_used(folder: Path) -> bool:
    """Return whether anything is in a folder, whoever owns it.

    Args:
        folder: The folder, which may not exist.
    """
    with suppress(OSError):
        return any(folder.iterdir())
    return False


def take(folder: Path, owner: Owner) -> bool:
    """Make a node the owner of a folder, unless another one is.

    Args:
        folder: The folder of the node's results, which is made if need be.
        owner: The node.

    Returns:
        Whether the node owns it now.

    Raises:
        OSError: If the folder cannot be written.
    """
    if is_of_another(folder, owner):
        return False
    noted = read_object(folder / _FILE)
    found = {"node": owner.node, "script": _script_from(folder, owner)}
    if noted:
        if {**noted, **found} != noted:
            write_object(folder / _FILE, {**noted, **found})
        return True
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / _FILE).open("x", encoding="utf-8") as file:
            file.write(object_text({**found, "earlier": sorted(_numbers(folder))}))
    except FileExistsError:  # another Nuke was faster, or the file cannot be read
        return bool(read_object(folder / _FILE)) and not is_of_another(folder, owner)
    return True


def unowned_versions(folder: Path) -> frozenset[int]:
    """Return the numbers of the versions that were there before anybody noted who made them.

    Args:
        folder: The folder of a node's results.
    """
    noted = read_object(folder / _FILE)
    if not noted:
        return frozenset(_numbers(folder))
    earlier = noted.get("earlier", ())
    return frozenset(earlier if isinstance(earlier, list) else ())


def describe(folder: Path) -> str:
    """Return the script whose node owns a folder, as a path; "" if that is not known.

    Args:
        folder: The folder of a node's results.
    """
    script = str(read_object(folder / _FILE).get("script", ""))
    return Path(os.path.normpath(folder / script)).as_posix() if script else ""


def _script_from(folder: Path, owner: Owner) -> str:
    """Return the path of the owner's script from the folder; a whole path on another drive, "" for none."""
    if not owner.script:
        return ""
    script, start = Path(owner.script).resolve(), folder.resolve()
    try:
        return Path(os.path.relpath(script, start)).as_posix()
    except ValueError:  # on Windows, another drive
        return script.as_posix()


def _is_on_disk(folder: Path, script: str) -> bool:
    """Return whether any version of a script is on disk. `script` is as owner.json has it."""
    path = folder.resolve() / script
    return bool(script) and any(_name_of(found) == path.name for found in path.parent.glob("*.nk"))


def _name_of(script: Path) -> str:
    return without_version(script.stem) or "v"  # it is called v001, and nothing else


def _numbers(folder: Path) -> Iterator[int]:
    """Yield the numbers of all versions, of all views."""
    for pattern in ("v*", "*/v*"):
        for path in folder.glob(pattern):
            if match := _VERSION.fullmatch(path.name):
                yield int(match[1])
