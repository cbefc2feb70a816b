"""A compositor's script: a small real shot, its Reads, and a RefColorize node with keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["FIRST", "PLUGIN", "Comp", "make_comp", "make_script"]

FIRST = 1001
PLUGIN = Path(__file__).resolve().parents[2] / "nuke_plugin"


@dataclass
class Comp:
    """The nodes of a script. folder: holds the plates, the references and the script."""

    nuke: Any
    folder: Path
    plate: Any
    ref: Any
    node: Any
    last: int

    @property
    def results(self) -> Path:
        """Return the folder of the node's results."""
        return self.folder / "refcolorize" / "comp" / "RefColorize1"

    @property
    def status(self) -> str:
        """Return the node's status line."""
        return str(self.node["status"].value())

    def frames(self, name: str) -> list[int]:
        """Return the frames of a version, or of the preview, on disk."""
        return sorted(int(path.name.split(".")[1]) for path in (self.results / name).glob("*.exr"))

    def leftovers(self) -> list[Path]:
        """Return the half-written files anywhere below the script's folder."""
        return [path for path in self.folder.rglob("*") if "partial" in path.name]


def make_comp(nuke: Any, folder: Path, *, frames: int = 6, keys: Sequence[int] = (1001, 1004), step: int = 2) -> Comp:
    """Make and save a script with so many frames from 1001 on, 96 x 64, with references at `keys`."""
    from small_shot import write_shot  # needs numpy, which is not inside Nuke

    write_shot(folder, frames=frames, keys=keys, step=step)
    return make_script(nuke, folder, last=FIRST + frames - 1, keys=keys, size=(96, 64))


def make_script(nuke: Any, folder: Path, *, last: int, keys: Sequence[int], size: tuple[int, int]) -> Comp:
    """Make and save a script for a shot in that folder: plate.####.exr from 1001 to `last`, ref.####.exr at `keys`."""
    nuke.pluginAddPath(PLUGIN.as_posix())
    from refcolorize.node import keyframes, nodes

    root = nuke.root()
    width, height = size
    format = f"{width} {height} 0 0 {width} {height} 1 small"
    for name, value in (("first_frame", FIRST), ("last_frame", last), ("format", format)):
        root[name].setValue(value)
    plate = nuke.nodes.Read(file=(folder / "plate.####.exr").as_posix(), first=FIRST, last=last, name="Plate")
    ref = nuke.nodes.Read(
        file=(folder / "ref.####.exr").as_posix(), first=FIRST, last=last, on_error="black", name="Painted"
    )
    node = nodes.create()
    node.setInput(0, plate)
    node.setInput(1, ref)
    for key in keys:
        keyframes.add_key(node, key)
    nuke.scriptSaveAs((folder / "comp.nk").as_posix(), 1)
    return Comp(nuke, folder, plate, ref, node, last)
