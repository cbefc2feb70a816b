"""Small real shots on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from cores import start, state
from nuke_fixtures import nuke, nuke_session
from scenes import Scene, pan

from stcolor_core.cli import main
from stcolor_core.images import frame_files, plates
from stcolor_core.images.color import lab_to_linear, luminance_of
from stcolor_core.images.compression import Compression

__all__ = ["FIRST", "ShotOnDisk", "channels", "make_shot", "nuke", "nuke_session", "start", "state", "write_reference"]

FIRST = 1001


@dataclass
class ShotOnDisk:
    """A folder with plate.####.exr (Y) and ref.####.exr (R, G, B), and the scene that they show."""

    folder: Path
    scene: Scene
    references: tuple[int, ...]

    @property
    def frames(self) -> range:
        return range(FIRST, FIRST + len(self.scene.lightnesses))

    def plate(self, frame: int) -> Path:
        return self.folder / f"plate.{frame}.exr"

    def reference(self, frame: int) -> Path:
        return self.folder / f"ref.{frame}.exr"

    def output(self, frame: int) -> Path:
        return self.folder / "out" / f"shot.{frame}.exr"

    def written(self) -> list[Path]:
        return sorted((self.folder / "out").rglob("*")) if (self.folder / "out").exists() else []

    def colorize(self, *options: str, references: bool = True) -> int:
        """Run `stcolor colorize` on the shot and return its exit code."""
        keyed = ["--reference", str(self.folder / "ref.####.exr")] if references else []
        return main(["colorize", *self.pictures(), *keyed, "--working-height", "64", *options])

    def pictures(self) -> list[str]:
        return ["--plate", str(self.folder / "plate.####.exr"), "--output", str(self.folder / "out/shot.####.exr")]


def channels(path: Path) -> dict[str, np.ndarray]:
    """Return the channels of a file, (H, W) by name."""
    picture = plates.read(path)
    return {name: picture.pixels[..., index] for index, name in enumerate(picture.channels)}


def frame_bytes(path: Path) -> bytes:
    """Return the bytes of a frame's file without the time when it was written."""
    written = str(plates.read_header(path).metadata["stcolor/written"]).encode()
    data = path.read_bytes()
    assert data.count(written) == 1
    return data.replace(written, b"")


def write_reference(path: Path, lightness: np.ndarray, ab: np.ndarray, *, compression: Compression = "zips") -> None:
    rgb = lab_to_linear(np.dstack([lightness, ab]))
    channels = {name: (rgb[..., index], "half") for index, name in enumerate("RGB")}
    frame_files.write_frame(path, channels, compression=compression)


@pytest.fixture
def make_shot(tmp_path: Path) -> Callable[..., ShotOnDisk]:
    def make(scene: Scene | None = None, references: tuple[int, ...] | None = None) -> ShotOnDisk:
        scene = scene or pan(5, height=64, width=96, step=2)
        last = FIRST + len(scene.lightnesses) - 1
        shot = ShotOnDisk(tmp_path, scene, (FIRST, last) if references is None else references)
        for frame, lightness in zip(shot.frames, scene.lightnesses, strict=True):
            frame_files.write_frame(shot.plate(frame), {"Y": (luminance_of(lightness), "half")})
        for frame in shot.references:
            write_reference(shot.reference(frame), scene.lightnesses[frame - FIRST], scene.ab[frame - FIRST])
        return shot

    return make
