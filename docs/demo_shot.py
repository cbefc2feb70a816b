"""The demo shot for the pictures of the documentation, and how a picture of it is drawn and saved."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

PROJECT = Path(__file__).resolve().parents[1]
PICTURES = PROJECT / "docs" / "pictures"
CLIP_START, CLIP_FRAMES, FIRST = 20, 28, 1001
KEYS = (1005, 1024)
SCALE = 2  # of the widgets and the page, for dense screens
PLATE_INK, KEY_INK = (235, 235, 235), (111, 177, 232)

Rgb8 = NDArray[np.uint8]


class Demo:
    """The demo shot, coloured in a temporary folder: `two` from both keyframes, `one` from the first alone."""

    def __init__(self, clip: Path, folder: Path) -> None:
        self.clip, self.folder = clip, folder

    @cache  # noqa: B019  (one object in one process)
    def two(self) -> Path:
        """Return the folder that `install.py demo` fills, which colours from both keyframes."""
        run(sys.executable, "-m", "stcolor_core.cli.demo", "--clip", self.clip, "--output", self.folder / "demo")
        return self.folder / "demo"

    @cache  # noqa: B019
    def one(self) -> Path:
        """Return the folder of the same plate coloured from frame 1005 alone."""
        run(*stcolor(), *self.request(KEYS[:1], self.folder / "one"))
        return self.folder / "one"

    def request(self, keys: tuple[int, ...], output: Path) -> list[str]:
        """Return the arguments of `stcolor` that colour the plate from some of the keyframes.

        Args:
            keys: Frames of the keyframes.
            output: The folder of the result.
        """
        demo = self.two()
        references = [f"--reference={key}={demo}/reference/reference.{key}.exr" for key in keys]
        return [
            "colorize",
            f"--plate={demo}/plate/plate.####.exr",
            *references,
            f"--output={output}/result/result.####.exr",
        ]

    def plate(self, frame: int) -> Rgb8:
        """Return a frame of the plate as sRGB, shape (H, W, 3).

        Args:
            frame: The frame.
        """
        return display(self.two() / "plate" / f"plate.{frame}.exr")

    def truth(self, frame: int) -> Rgb8:
        """Return a frame of the film in colour as sRGB, shape (H, W, 3).

        Args:
            frame: The frame.
        """
        film = cv2.VideoCapture(str(self.clip))
        film.set(cv2.CAP_PROP_POS_FRAMES, CLIP_START + frame - FIRST)
        return np.ascontiguousarray(film.read()[1][..., ::-1], np.uint8)


def run(*command: object, **options: Any) -> None:
    """Run a program; an error if it fails.

    Args:
        command: The program and its arguments.
        options: Of `subprocess.run`.
    """
    subprocess.run([str(part) for part in command], check=True, **options)


def stcolor() -> list[str]:
    """Return the command that starts `stcolor` from this checkout."""
    return [sys.executable, "-m", "stcolor_core.cli"]


def display(path: Path) -> Rgb8:
    """Return a scene-linear file as sRGB, shape (H, W, 3).

    Args:
        path: The file.
    """
    from stcolor_core.images import color, plates

    return eight_bit(color.srgb_encode(plates.rgb(plates.read_plate(path))))


def layer(path: Path, channel: str) -> NDArray[np.float32]:
    """Return a channel of a file, shape (H, W).

    Args:
        path: The file.
        channel: The channel's name.
    """
    from stcolor_core.images import plates

    picture = plates.read(path)
    return np.asarray(picture.pixels[..., picture.channels.index(channel)], np.float32)


def eight_bit(picture: NDArray[np.float32]) -> Rgb8:
    """Return a picture in 8 bits.

    Args:
        picture: Values 0..1; others are clipped.
    """
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def grey(plane: NDArray[np.float32]) -> Rgb8:
    """Return a plane as a grey picture, shape (H, W, 3).

    Args:
        plane: Values 0..1, shape (H, W).
    """
    return eight_bit(np.repeat(plane[..., None], 3, axis=-1))


def tile(picture: Rgb8, caption: str, *, width: int, ink: tuple[int, int, int] = PLATE_INK) -> Rgb8:
    """Return a picture below a bar with its caption.

    Args:
        picture: The picture.
        caption: One line.
        width: Of the tile, in pixels.
        ink: The caption's colour, RGB.
    """
    height, bar = round(width * picture.shape[0] / picture.shape[1]), 36
    made = np.full((height + bar, width, 3), 24, np.uint8)
    made[bar:] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    cv2.putText(made, caption, (8, bar - 11), cv2.FONT_HERSHEY_SIMPLEX, 0.75, ink, 1, cv2.LINE_AA)
    return made


def rows(*lines: list[Rgb8], gap: int = 4) -> Rgb8:
    """Return tiles of one size as a grid with dark gaps.

    Args:
        lines: The tiles of each row.
        gap: In pixels.
    """
    joined = []
    for line in lines:
        spaced = [part for each in line for part in (each, np.full((each.shape[0], gap, 3), 24, np.uint8))][:-1]
        joined += [np.hstack(spaced), np.full((gap, np.hstack(spaced).shape[1], 3), 24, np.uint8)]
    return np.vstack(joined[:-1])


def save(name: str, picture: Rgb8, *, quality: int = 88) -> None:
    """Write docs/pictures/NAME.webp.

    Args:
        name: The picture's name.
        picture: The picture.
        quality: Of WebP, 1..100; 101 is lossless.
    """
    _, data = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])
    (PICTURES / f"{name}.webp").write_bytes(data.tobytes())
    sys.stdout.write(f"{name}.webp  {picture.shape[1]} x {picture.shape[0]}  {len(data) / 1000:.0f} kB\n")


def shot_file(demo: Demo, keys: tuple[int, ...], folder: Path, *, name: str) -> Any:
    """Return the demo shot as a `Shot` whose files lie in a folder of their own.

    Args:
        demo: The demo shot.
        keys: Frames of the keyframes.
        folder: The folder, which is made.
        name: Of the result.
    """
    from stcolor_core.shots.output import Output
    from stcolor_core.shots.pictures import Plate, Reference
    from stcolor_core.shots.shot import Shot

    copy_shot(demo, folder, keys)
    return Shot(
        plate=Plate(path=str(folder / "plate.####.exr")),
        output=Output(path=str(folder / name / f"{name}.####.exr")),
        references=(Reference(path=str(folder / "ref.####.exr")),),
    )


def copy_shot(demo: Demo, folder: Path, keys: tuple[int, ...]) -> None:
    """Write the plate as plate.####.exr with R, G and B, and the film's colour as ref.####.exr.

    Args:
        demo: The demo shot.
        folder: Where to write; the folder is made.
        keys: The frames of ref.
    """
    from stcolor_core.images import color, frame_files

    folder.mkdir(parents=True)
    for frame in range(FIRST, FIRST + CLIP_FRAMES):
        luminance = layer(demo.two() / "plate" / f"plate.{frame}.exr", "Y")
        frame_files.write_frame(folder / f"plate.{frame}.exr", dict.fromkeys("RGB", (luminance, "half")))
        if frame in keys:
            linear = color.srgb_decode(demo.truth(frame).astype(np.float32) / 255)
            channels = {name: (linear[..., place], "half") for place, name in enumerate("RGB")}
            frame_files.write_frame(folder / f"ref.{frame}.exr", channels)
