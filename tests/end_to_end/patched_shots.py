"""A shot in which two squares pass each other, and patches of one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from conftest import FIRST, ShotOnDisk, channels
from scenes import crossing

from stcolor_core.images import plates
from stcolor_core.images.color import lab_to_linear, srgb_encode
from stcolor_core.images.frame_files import write_frame

__all__ = [
    "AT",
    "COUNT",
    "OPTIONS",
    "YELLOW",
    "MakeShot",
    "ab",
    "away",
    "crossing_shot",
    "inside",
    "painted",
    "soft_mask",
    "write_exr",
    "write_patch",
]

MakeShot = Callable[..., ShotOnDisk]

COUNT, AT = 8, 4  # frames, and the index of the patch's frame
YELLOW = (10.0, 60.0)
OPTIONS = ("--cuts", "none", "--working-height", "112")


def crossing_shot(make_shot: MakeShot) -> ShotOnDisk:
    """Return a shot in which a red and a blue square pass each other; only the first frame is a keyframe."""
    return make_shot(crossing(COUNT), references=(FIRST,))


def painted(shot: ShotOnDisk, index: int = AT, *, color: tuple[float, float] = YELLOW, square: int = 0) -> np.ndarray:
    """Return linear RGB of a frame in which one square was painted over."""
    ab = shot.scene.ab[index].copy()
    ab[shot.scene.masks[index][square]] = color
    return np.asarray(lab_to_linear(np.dstack([shot.scene.lightnesses[index], ab])), np.float32)


def soft_mask(shot: ShotOnDisk, index: int = AT, *, square: int = 0) -> np.ndarray:
    """Return the mask of a square with an edge of some pixels, which lies within it."""
    inner = cv2.erode(shot.scene.masks[index][square].astype(np.uint8), np.ones((7, 7), np.uint8))
    return cv2.blur(inner.astype(np.float32), (5, 5))


def write_exr(path: Path, rgb: np.ndarray, alpha: np.ndarray | None = None) -> None:
    named = {name: (np.ascontiguousarray(rgb[..., i]), "half") for i, name in enumerate("RGB")}
    write_frame(path, named if alpha is None else {**named, "A": (np.ascontiguousarray(alpha), "half")})


def write_patch(shot: ShotOnDisk, path: Path, kind: str) -> list[str]:
    """Write a patch of the red square in one of the ways in which it may come; return the options that give it."""
    rgb, alpha = painted(shot), soft_mask(shot)
    given = ["--reference", f"{FIRST + AT}={path}"]
    if kind == "premultiplied EXR":
        write_exr(path, rgb * alpha[..., None], alpha)
    elif kind == "straight EXR":
        write_exr(path, rgb, alpha)
    elif kind == "EXR with a data window":
        write_exr(path, rgb)
        header = replace(plates.read_header(path), data_window=(55, 15, 34, 34))
        write_frame(path, {n: (rgb[15:49, 55:89, i].copy(), "half") for i, n in enumerate("RGB")}, like=header)
    elif kind == "EXR with a mask":
        write_exr(path, rgb)
        mask = path.with_suffix(".mask.png")
        cv2.imwrite(str(mask), np.rint(255 * alpha).astype(np.uint8))
        given += ["--reference-mask", f"{FIRST + AT}={mask}"]
    else:
        encoded = np.rint(65535 * srgb_encode(np.clip(rgb, 0, 1)))[..., ::-1]
        cv2.imwrite(str(path), np.dstack([encoded, 65535 * alpha]).astype(np.uint16))
    return given


def ab(shot: ShotOnDisk, frame: int) -> np.ndarray:
    layers = channels(shot.output(frame))
    return np.dstack([layers["rc_ab.u"], layers["rc_ab.v"]])


def inside(shot: ShotOnDisk, frame: int, square: int = 0) -> np.ndarray:
    return cv2.erode(shot.scene.masks[frame - FIRST][square].astype(np.uint8), np.ones((15, 15), np.uint8)) > 0


def away(shot: ShotOnDisk, frame: int, square: int = 0) -> np.ndarray:
    """Return what is clear of a square and of the ground that it has just uncovered or is about to cover."""
    return cv2.dilate(shot.scene.masks[frame - FIRST][square].astype(np.uint8), np.ones((35, 35), np.uint8)) == 0
