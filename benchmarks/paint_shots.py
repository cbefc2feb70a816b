"""Shots of flat paint on disk: a grey plate, patches and keyframes of 8 bits, and the shot coloured from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from keyframe_damage import WEIGHTS

from stcolor_core.arrays import Chroma, Image, Mask, Plane
from stcolor_core.evaluation.dataset import DatasetSequence
from stcolor_core.images import plates
from stcolor_core.images.color import linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.images.frame_files import write_frame
from stcolor_core.pipeline.run import colorize
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

FIRST = 1001  # number of a clip's first frame


@dataclass(frozen=True)
class Result:
    """A frame as the run has written it.

    Attributes:
        index: Its index in the clip.
        linear: Linear RGB, (H, W, 3), not clipped.
        confidence: Its confidence, (H, W), 0..1.
    """

    index: int
    linear: Image
    confidence: Plane

    @property
    def ab(self) -> Chroma:
        """Return a* and b*, (H, W, 2)."""
        return np.asarray(linear_to_lab(self.linear)[..., 1:], np.float32)


def parse_color(text: str) -> Image:
    """Return display RGB of a colour, shape (3,), 0..1.

    Args:
        text: As #rrggbb.
    """
    return np.array([int(text[at : at + 2], 16) for at in (1, 3, 5)], np.float32) / 255


def read_frames(sequence: DatasetSequence, count: int) -> list[Image]:
    """Return the first frames of a clip: display RGB, (H, W, 3), 0..1.

    Args:
        sequence: The clip.
        count: How many frames; fewer if it has fewer.
    """
    return [np.asarray(sequence.rgb(index), np.float32) for index in range(min(count, len(sequence)))]


def read_masks(sequence: DatasetSequence, count: int) -> list[Mask]:
    """Return where the object of a clip is on its first frames, (H, W), bool.

    Args:
        sequence: The clip.
        count: How many frames; fewer if it has fewer.

    Raises:
        SystemExit: If the clip has no masks.
    """
    if sequence.masks is None:
        raise SystemExit(f"{sequence.name} has no masks, which this measurement needs. Name others with --clips.")
    return [np.asarray(sequence.mask(index)) for index in range(min(count, len(sequence)))]


def draw_ellipse(size: tuple[int, int]) -> Mask:
    """Return an ellipse in the middle of a picture, half as wide and as high as that, (H, W), bool.

    Args:
        size: Height and width of the picture in px.
    """
    height, width = size
    drawn = np.zeros(size, np.uint8)
    cv2.ellipse(drawn, (width // 2, height // 2), (width // 4, height // 4), 0, 0, 360, 1, -1)
    return drawn > 0


def find_segments(picture: Image, count: int) -> np.ndarray:
    """Return the number of each pixel's segment, (H, W), by k-means of the softened colours.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        count: How many segments there are.
    """
    lab = np.asarray(linear_to_lab(srgb_decode(picture)), np.float32)
    soft = np.asarray(cv2.GaussianBlur(lab, (0, 0), 3.0)).reshape(-1, 3)
    cv2.setRNGSeed(1)
    _, labels, _ = cv2.kmeans(soft, count, None, (3, 20, 0.5), 2, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    return np.asarray(labels).reshape(picture.shape[:2])


def write_plate(folder: Path, frames: Sequence[Image], kind: str = "exr") -> None:
    """Write the luminance of a clip as a grey plate.

    Args:
        folder: Where it is written, as plate.####.exr or plate.####.png.
        frames: Display RGB of each frame, (H, W, 3), 0..1.
        kind: "exr" for linear light, "png" for 16-bit sRGB, whose channels end at 1.
    """
    for index, picture in enumerate(frames):
        luminance = np.asarray(srgb_decode(picture) @ WEIGHTS, np.float32)
        path = folder / f"plate.{FIRST + index}.{kind}"
        if kind == "exr":
            write_frame(path, {"Y": (luminance, "half")})
        else:
            cv2.imwrite(str(path), np.rint(np.clip(srgb_encode(luminance), 0, 1) * 65535).astype(np.uint16))


def write_picture(path: Path, picture: Image, cover: Mask | None = None, *, quality: int = 95) -> None:
    """Write a keyframe or a patch in 8 bits, as a paint program does.

    Args:
        path: A PNG, or a JPEG.
        picture: Display RGB, (H, W, 3), 0..1.
        cover: Where it is opaque, (H, W), bool; None for everywhere.
        quality: Of a JPEG.
    """
    levels = np.rint(np.clip(picture[..., ::-1], 0, 1) * 255).astype(np.uint8)
    if cover is not None:
        levels = np.dstack([levels, 255 * cover.astype(np.uint8)])
    cv2.imwrite(str(path), levels, [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix == ".jpg" else [])


def write_paint(path: Path, color: Image, cover: Mask) -> None:
    """Write a patch of one colour.

    Args:
        path: A PNG.
        color: Display RGB, (3,), 0..1.
        cover: Where it lies, (H, W), bool.
    """
    write_picture(path, np.broadcast_to(color, (*cover.shape, 3)), cover)


def color(
    folder: Path,
    references: Mapping[int, Sequence[Path]],
    *,
    only: Sequence[int] | None = None,
    register: str = "auto",
    told: list[str] | None = None,
) -> Iterator[Result]:
    """Colour the clip whose plate is in a folder.

    Args:
        folder: Has the plate of `write_plate`; the output is written there too, over an earlier one.
        references: Index of a frame -> its keyframe and patches, the uppermost last.
        only: Indices of the frames to colour; None for all.
        register: "auto" or "off", as in `Method`.
        told: Gets the warnings that the artist is given; None for nowhere.

    Yields:
        The frames that are asked for.
    """
    frames = None if only is None else ",".join(str(FIRST + index) for index in only)
    (kind,) = {path.suffix for path in folder.glob("plate.*")}
    shot = Shot(
        plate=Plate(path=str(folder / f"plate.####{kind}")),
        output=Output(path=str(folder / "out.####.exr"), frames=frames),
        references=tuple(
            Reference(path=str(path), frame=FIRST + index) for index, paths in references.items() for path in paths
        ),
        method=Method(cuts="none", register=register),  # type: ignore[arg-type]
    )

    def listen(event: object) -> None:
        if told is not None and getattr(event, "kind", "") == "warning":
            told.append(str(getattr(event, "message", "")))

    for result in colorize(shot, device="cpu", force=True, report=listen):
        picture = plates.read(result.path)
        linear, confidence = (
            picture.pixels[..., [picture.channels.index(name) for name in names]].astype(np.float32)
            for names in (("R", "G", "B"), ("rc_conf.warp",))
        )
        if kind != ".exr":  # results are in the plate's colour space
            linear = np.asarray(srgb_decode(linear), np.float32)
        yield Result(result.frame - FIRST, linear, confidence[..., 0])


def hue_error(ab: Chroma, color: Image) -> Plane:
    """Return by how many degrees a hue in CIELAB is off that of a paint, 0..180.

    Args:
        ab: a* and b*, (..., 2).
        color: The paint, display RGB, (3,), 0..1.
    """
    wanted = linear_to_lab(srgb_decode(color))[1:]
    angle = np.arctan2(ab[..., 1], ab[..., 0]) - np.arctan2(wanted[1], wanted[0])
    return np.asarray(np.degrees(np.abs((angle + np.pi) % (2 * np.pi) - np.pi)))
