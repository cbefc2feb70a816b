"""A small real shot on disk: a camera pans over a coloured wall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scenes import pan

from stcolor_core.images import frame_files
from stcolor_core.images.color import lab_to_linear, luminance_of
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

__all__ = ["FIRST", "write_shot"]

FIRST = 1001
_GREY = {"Y": 1.0}


def write_shot(
    folder: Path,
    *,
    frames: int = 6,
    keys: Sequence[int] = (1001, 1004),
    step: int = 2,
    plate: Mapping[str, float] = _GREY,
) -> Shot:
    """Write a shot of the given number of frames from 1001, and return the core's Shot JSON for it.

    keys: frames of the references. step: pixels a frame. plate: its channels, and the gain of each.
    """
    scene = pan(frames, height=64, width=96, step=step)
    for frame, lightness in enumerate(scene.lightnesses, FIRST):
        channels = {name: (luminance_of(lightness) * share, "half") for name, share in plate.items()}
        frame_files.write_frame(folder / f"plate.{frame}.exr", channels)
    for frame in keys:
        lightness, ab = scene.lightnesses[frame - FIRST], scene.ab[frame - FIRST]
        rgb = lab_to_linear(np.dstack([lightness, ab]))
        frame_files.write_frame(
            folder / f"ref.{frame}.exr", {name: (rgb[..., i], "half") for i, name in enumerate("RGB")}
        )
    return Shot(
        plate=Plate(path=str(folder / "plate.####.exr")),
        output=Output(path=str(folder / "out" / "shot.####.exr")),
        references=(Reference(path=str(folder / "ref.####.exr")),),
        method=Method(working_height=64),
    )
